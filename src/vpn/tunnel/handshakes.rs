//! Counts the handshakes that come to a UDP port and the answers that leave it: whitepaper of WireGuard, §5.4.
//!
//! Invariant: a data packet costs a look at its first byte, and nothing here waits for anybody. What is counted is no
//! secret: the first key that goes into it is the interface's public one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};

use crate::domain::handshake::Handshakes;
use crate::domain::key::PublicKey;
use crate::domain::time::Timestamp;

/// First bytes of messages (§5.4.2, §5.4.3, §5.4.7).
const INITIATION: u8 = 1;
const RESPONSE: u8 = 2;
const COOKIE: u8 = 3;

const INITIATION_BYTES: usize = 148;
/// Where the first code of an initiation is: 16 bytes, over all that is before them.
const MAC1: usize = 116;
const MAC1_END: usize = 132;

/// Initiations whose answer is awaited. One that takes the place of another is as good as that one.
const PLACES: usize = 64;

/// How long an initiation may be under way to its answer on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// What has come and gone since the tunnel began.
pub(super) struct HandshakeCounts {
    /// What the first codes of initiations to us are made with; nothing is counted without.
    mac1_key: ArcSwapOption<[u8; 32]>,
    begun: AtomicU64,
    misdirected: AtomicU64,
    answered: AtomicU64,
    /// The senders' numbers, each above [`TAKEN`]; zero where nothing is awaited.
    awaited: [AtomicU64; PLACES],
}

/// Tells a sender's number of zero from no sender.
const TAKEN: u64 = 1 << 32;

impl HandshakeCounts {
    /// Nothing has come, and nothing is counted until the key is known.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            mac1_key: ArcSwapOption::empty(),
            begun: AtomicU64::new(0),
            misdirected: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            awaited: [const { AtomicU64::new(0) }; PLACES],
        })
    }

    /// Takes the key that initiations to us are meant for from now on.
    pub(super) fn set_key(&self, public_key: &PublicKey) {
        let mut hash = Blake2s256::new();
        Digest::update(&mut hash, b"mac1----");
        Digest::update(&mut hash, public_key.as_bytes());
        self.mac1_key.store(Some(Arc::new(hash.finalize().into())));
    }

    /// Notes a datagram that came.
    pub(super) fn note_received(&self, datagram: &[u8]) {
        if datagram.first() == Some(&INITIATION) {
            self.note_initiation(datagram);
        }
    }

    /// Notes a datagram that leaves.
    pub(super) fn note_sent(&self, datagram: &[u8]) {
        match datagram.first() {
            Some(&RESPONSE) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                self.settle(datagram.get(8..12));
            }
            // A busy server asks for a second try.
            Some(&COOKIE) => self.settle(datagram.get(4..8)),
            _ => {}
        }
    }

    fn note_initiation(&self, datagram: &[u8]) {
        let (Some(key), INITIATION_BYTES) = (self.mac1_key.load_full(), datagram.len()) else { return };
        let (Some(covered), Some(code)) = (datagram.get(..MAC1), datagram.get(MAC1..MAC1_END)) else {
            return;
        };
        if mac1(&key, covered) != code {
            self.misdirected.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        if let Some((place, awaited)) = self.place(datagram.get(4..8)) {
            place.store(awaited, Ordering::Relaxed);
        }
    }

    fn settle(&self, sender: Option<&[u8]>) {
        if let Some((place, awaited)) = self.place(sender) {
            // Another one may have taken the place.
            let _ = place.compare_exchange(awaited, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn place(&self, sender: Option<&[u8]>) -> Option<(&AtomicU64, u64)> {
        let sender = u32::from_le_bytes(sender?.try_into().ok()?);
        let place = self.awaited.get(usize::try_from(sender).ok()? % PLACES)?;
        Some((place, TAKEN | u64::from(sender)))
    }
}

/// §5.4.4.
fn mac1(key: &[u8; 32], covered: &[u8]) -> [u8; 16] {
    let mut mac = Blake2sMac::<U16>::new(key.into());
    Update::update(&mut mac, covered);
    mac.finalize_fixed().into()
}

/// Turns counts into times, by looking again and again.
pub(super) struct HandshakeWatch {
    counts: Arc<HandshakeCounts>,
    found: Handshakes,
    begun: u64,
    misdirected: u64,
    answered: u64,
    /// What was awaited, and when that was looked at.
    awaited: [u64; PLACES],
    awaited_at: Timestamp,
}

impl HandshakeWatch {
    /// Watches from now on.
    pub(super) fn new(counts: Arc<HandshakeCounts>, now: Timestamp) -> Self {
        let found = Handshakes { since: now, ..Handshakes::default() };
        Self { counts, found, begun: 0, misdirected: 0, answered: 0, awaited: [0; PLACES], awaited_at: now }
    }

    /// What has come until now.
    pub(super) fn look(&mut self, now: Timestamp) -> Handshakes {
        let counts = Arc::clone(&self.counts);
        let moved = |known: &mut u64, count: &AtomicU64, at: &mut Option<Timestamp>| {
            let count = count.load(Ordering::Relaxed);
            if std::mem::replace(known, count) != count {
                *at = Some(now);
            }
        };
        moved(&mut self.begun, &counts.begun, &mut self.found.begun_at);
        moved(&mut self.misdirected, &counts.misdirected, &mut self.found.misdirected_at);
        moved(&mut self.answered, &counts.answered, &mut self.found.answered_at);
        if now.since(self.awaited_at) >= ANSWERED_WITHIN {
            self.awaited_at = now;
            self.look_for_unanswered(now);
        }
        self.found
    }

    fn look_for_unanswered(&mut self, now: Timestamp) {
        for (known, place) in self.awaited.iter_mut().zip(&self.counts.awaited) {
            let awaited = place.load(Ordering::Relaxed);
            let is_late = awaited != 0 && awaited == *known;
            *known = awaited;
            if is_late && place.compare_exchange(awaited, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                *known = 0;
                self.found.unanswered_at = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HandshakeCounts, HandshakeWatch, INITIATION_BYTES, MAC1, MAC1_END, mac1};
    use crate::domain::key::PublicKey;
    use crate::domain::time::Timestamp;

    const OWN: PublicKey = PublicKey::new([7; 32]);
    const OTHER: PublicKey = PublicKey::new([8; 32]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn initiation(to: &PublicKey, sender: u32) -> Vec<u8> {
        let counts = HandshakeCounts::new();
        counts.set_key(to);
        let mut datagram = vec![0; INITIATION_BYTES];
        datagram[0] = 1;
        datagram[4..8].copy_from_slice(&sender.to_le_bytes());
        let code = mac1(&counts.mac1_key.load_full().unwrap(), &datagram[..MAC1]);
        datagram[MAC1..MAC1_END].copy_from_slice(&code);
        datagram
    }

    fn response(receiver: u32) -> Vec<u8> {
        let mut datagram = vec![0; 92];
        datagram[0] = 2;
        datagram[8..12].copy_from_slice(&receiver.to_le_bytes());
        datagram
    }

    fn watched() -> (std::sync::Arc<HandshakeCounts>, HandshakeWatch) {
        let counts = HandshakeCounts::new();
        counts.set_key(&OWN);
        let watch = HandshakeWatch::new(counts.clone(), at(0));
        (counts, watch)
    }

    #[test]
    fn one_that_is_answered_is_no_trouble_and_one_that_is_not_is_found() {
        let (counts, mut watch) = watched();
        // Both have the same place.
        counts.note_received(&initiation(&OWN, 3));
        counts.note_sent(&response(3));
        counts.note_received(&initiation(&OWN, 3 + 64));

        let first = watch.look(at(2));
        let second = watch.look(at(4));
        let third = watch.look(at(6));

        assert_eq!(
            (first.begun_at, first.answered_at, first.unanswered_at),
            (Some(at(2)), Some(at(2)), None)
        );
        assert_eq!((second.begun_at, second.unanswered_at), (Some(at(2)), Some(at(4))));
        assert_eq!(third, second, "it is told once");
    }

    #[test]
    fn one_that_is_being_answered_while_somebody_looks_is_given_time() {
        let (counts, mut watch) = watched();
        watch.look(at(2));
        counts.note_received(&initiation(&OWN, 3));

        watch.look(at(4));
        watch.look(at(4));
        counts.note_sent(&response(3));

        assert_eq!(watch.look(at(6)).unanswered_at, None);
    }

    #[test]
    fn one_for_another_key_is_told_apart_and_a_new_key_counts_from_its_change() {
        let (counts, mut watch) = watched();
        counts.note_received(&initiation(&OTHER, 3));
        let before = watch.look(at(2));

        counts.set_key(&OTHER);
        counts.note_received(&initiation(&OTHER, 4));
        let after = watch.look(at(4));

        assert_eq!((before.misdirected_at, before.begun_at), (Some(at(2)), None));
        assert_eq!((after.misdirected_at, after.begun_at), (Some(at(2)), Some(at(4))));
    }

    #[test]
    fn what_is_no_handshake_is_not_looked_at() {
        let (counts, mut watch) = watched();
        for datagram in [&[][..], &[1], &[1; 147], &[4; 148], &[2], &[3, 0]] {
            counts.note_received(datagram);
        }
        counts.note_sent(&[4; 1_200]);

        assert_eq!(watch.look(at(2)), watch.found);
        assert_eq!(watch.found.begun_at.or(watch.found.misdirected_at).or(watch.found.answered_at), None);
    }
}
