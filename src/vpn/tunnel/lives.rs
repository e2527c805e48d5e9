//! The lives of the kernel's counters: it counts from zero for every peer that is added, and says not when.
//!
//! Invariant: pure. A peer that was away has a new life when it is back, and no two lives of a peer have one name.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::key::PublicKey;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Reading, Traffic};

/// The life of each peer's counters, by those who added it.
#[derive(Debug, Default)]
pub(super) struct Lives {
    by_peer: BTreeMap<PublicKey, Life>,
    /// The newest name given.
    newest: i64,
}

#[derive(Debug, Clone, Copy)]
struct Life {
    epoch: i64,
    seen: Traffic,
}

impl Lives {
    /// Begins a life for those that have none.
    pub(super) fn begin<'a>(&mut self, peers: impl IntoIterator<Item = &'a PublicKey>, now: Timestamp) {
        self.newest = self.newest.max(now.as_millis());
        let life = Life { epoch: now.as_millis(), seen: Traffic::default() };
        for key in peers {
            self.by_peer.entry(*key).or_insert(life);
        }
    }

    /// Ends the lives of these.
    pub(super) fn end(&mut self, peers: &BTreeSet<PublicKey>) {
        self.by_peer.retain(|key, _| !peers.contains(key));
    }

    /// Ends the lives of all but these, which are all that there are.
    pub(super) fn keep(&mut self, found: &BTreeSet<PublicKey>) {
        self.by_peer.retain(|key, _| found.contains(key));
    }

    /// Ends all lives.
    pub(super) fn clear(&mut self) {
        self.by_peer.clear();
    }

    /// What a peer's counters say, and of which life. A counter below its last value belongs to a peer that was
    /// taken out and added again between two looks. `None` for a peer that this process has not added.
    pub(super) fn read(&mut self, peer: &PublicKey, traffic: Traffic, now: Timestamp) -> Option<Reading> {
        let life = self.by_peer.get_mut(peer)?;
        if traffic.rx_bytes < life.seen.rx_bytes || traffic.tx_bytes < life.seen.tx_bytes {
            self.newest = now.as_millis().max(self.newest.saturating_add(1));
            life.epoch = self.newest;
        }
        life.seen = traffic;
        Some(Reading { epoch: life.epoch, traffic })
    }
}

#[cfg(test)]
mod tests {
    use super::Lives;
    use crate::domain::key::PublicKey;
    use crate::domain::time::Timestamp;
    use crate::domain::usage::Traffic;

    const PEER: PublicKey = PublicKey::new([1; 32]);
    const OTHER: PublicKey = PublicKey::new([2; 32]);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// The life of a peer as it is read with so many bytes.
    fn epoch(lives: &mut Lives, peer: &PublicKey, rx_bytes: u64, now: i64) -> Option<i64> {
        let traffic = Traffic { rx_bytes, tx_bytes: 5 };
        lives.read(peer, traffic, at(now)).map(|reading| reading.epoch)
    }

    #[test]
    fn a_peer_that_is_set_again_lives_on() {
        let mut lives = Lives::default();
        lives.begin([&PEER], at(10));
        let first = epoch(&mut lives, &PEER, 100, 15);

        lives.begin([&PEER], at(20));

        assert_eq!((first, epoch(&mut lives, &PEER, 100, 25)), (Some(10), Some(10)));
        assert_eq!(epoch(&mut lives, &OTHER, 0, 25), None, "whoever added it knows when it began");
    }

    #[test]
    fn a_peer_that_was_found_missing_begins_anew() {
        let mut lives = Lives::default();
        lives.begin([&PEER, &OTHER], at(10));

        lives.keep(&[OTHER].into());
        lives.begin([&PEER], at(20));

        assert_eq!(epoch(&mut lives, &PEER, 0, 25), Some(20));
        assert_eq!(epoch(&mut lives, &OTHER, 0, 25), Some(10));
    }

    #[test]
    fn a_counter_that_went_back_is_another_life_even_when_the_clock_did_too() {
        let mut lives = Lives::default();
        lives.begin([&PEER], at(10));
        epoch(&mut lives, &PEER, 100, 15);

        let later = epoch(&mut lives, &PEER, 99, 16);
        let same = epoch(&mut lives, &PEER, 120, 17);
        let earlier = epoch(&mut lives, &PEER, 1, 3);

        assert_eq!((later, same, earlier), (Some(16), Some(16), Some(17)));
    }
}
