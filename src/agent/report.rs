//! Decides what a node tells of its devices, and when.
//!
//! Invariant: pure. Counters are told as they stand since their life began, so a lost report loses nothing and a
//! repeated one adds nothing; one that was told and acknowledged is told again only when it has moved.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::domain::device::is_online;
use crate::domain::id::DeviceId;
use crate::domain::message::DeviceReport;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Reading, Traffic, growth};

/// What is known of the devices' counters, and what of it the controller knows.
#[derive(Debug, Default)]
pub struct Reporter {
    /// By device and the life of its counters: a device that was put out and let in again has two lives, and the
    /// first one's last bytes count as well.
    known: BTreeMap<(DeviceId, i64), Known>,
    round: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    seen: Option<Seen>,
    acknowledged: Option<Seen>,
    /// No news by itself: who moves sends packets from there.
    endpoint: Option<SocketAddr>,
    /// The reading it was last part of.
    round: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    reading: Reading,
    last_handshake: Option<Timestamp>,
}

impl Reporter {
    /// Takes in one reading of every counter there is, and gives what passed since the reading before.
    pub fn note(&mut self, found: impl IntoIterator<Item = DeviceReport>) -> Traffic {
        self.round += 1;
        let mut passed = Traffic::default();
        for DeviceReport { device, reading, last_handshake, endpoint } in found {
            let known = self.known.entry((device, reading.epoch)).or_default();
            let grown = growth(known.seen.map(|seen| seen.reading), reading);
            passed.rx_bytes = passed.rx_bytes.saturating_add(grown.rx_bytes);
            passed.tx_bytes = passed.tx_bytes.saturating_add(grown.tx_bytes);
            known.seen = Some(Seen { reading, last_handshake });
            known.endpoint = endpoint;
            known.round = self.round;
        }
        passed
    }

    /// Whether a device that was offline as far as the controller knows has shaken hands since.
    pub fn has_arrival(&self, now: Timestamp) -> bool {
        self.known.values().any(|known| {
            let told = known.acknowledged.and_then(|told| told.last_handshake);
            let seen = known.seen.and_then(|seen| seen.last_handshake);
            is_online(seen, now) && !is_online(told, now)
        })
    }

    /// What the controller has not acknowledged. Of a device with two lives the earlier comes first, alone, so
    /// that a report holds each device once.
    pub fn list_moved(&self) -> Vec<DeviceReport> {
        let mut moved: Vec<DeviceReport> = Vec::new();
        for ((device, _), known) in &self.known {
            let is_second = moved.last().is_some_and(|last| last.device == *device);
            let Some(Seen { reading, last_handshake }) = known.news().filter(|_| !is_second) else {
                continue;
            };
            let endpoint = known.endpoint;
            moved.push(DeviceReport { device: *device, reading, last_handshake, endpoint });
        }
        moved
    }

    /// Remembers what the controller has taken, and forgets the lives that are over and told.
    pub fn acknowledge(&mut self, told: &[DeviceReport]) {
        for device in told {
            if let Some(known) = self.known.get_mut(&(device.device, device.reading.epoch)) {
                known.acknowledged =
                    Some(Seen { reading: device.reading, last_handshake: device.last_handshake });
            }
        }
        self.known.retain(|_, known| known.news().is_some() || known.round == self.round);
    }
}

impl Known {
    /// What the controller does not know. A device that has never done anything is no news.
    fn news(&self) -> Option<Seen> {
        let has_moved = |seen: &Seen| seen.reading.traffic.total_bytes() > 0 || seen.last_handshake.is_some();
        self.seen.filter(|seen| match self.acknowledged {
            Some(told) => told != *seen,
            None => has_moved(seen),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Reporter;
    use crate::domain::id::DeviceId;
    use crate::domain::message::DeviceReport;
    use crate::domain::time::Timestamp;
    use crate::domain::usage::{Reading, Traffic};

    fn found(device: u128, epoch: i64, rx_bytes: u64, handshake_ms: Option<i64>) -> DeviceReport {
        DeviceReport {
            device: DeviceId::new(Uuid::from_u128(device)),
            reading: Reading { epoch, traffic: Traffic { rx_bytes, tx_bytes: 0 } },
            last_handshake: handshake_ms.map(Timestamp::from_millis),
            endpoint: None,
        }
    }

    #[test]
    fn only_what_moved_since_the_last_acknowledgement_is_told() {
        let mut reporter = Reporter::default();
        reporter.note([found(1, 5, 100, Some(10)), found(2, 5, 0, None)]);
        let first = reporter.list_moved();

        reporter.acknowledge(&first);
        let idle = reporter.list_moved();
        reporter.note([found(1, 5, 150, Some(10)), found(2, 5, 0, None)]);

        assert_eq!(first, [found(1, 5, 100, Some(10))]);
        assert_eq!(idle, []);
        assert_eq!(reporter.list_moved(), [found(1, 5, 150, Some(10))]);
    }

    #[test]
    fn a_lost_report_is_told_again_with_what_came_since() {
        let mut reporter = Reporter::default();
        reporter.note([found(1, 5, 100, None)]);
        let _lost = reporter.list_moved();

        reporter.note([found(1, 5, 130, None)]);

        assert_eq!(reporter.list_moved(), [found(1, 5, 130, None)]);
    }

    #[test]
    fn the_last_bytes_of_a_device_that_came_back_are_told_before_its_new_ones() {
        let mut reporter = Reporter::default();
        reporter.note([found(1, 5, 100, None)]);
        reporter.note([found(1, 9, 7, None)]);

        let first = reporter.list_moved();
        reporter.acknowledge(&first);
        let second = reporter.list_moved();
        reporter.acknowledge(&second);

        assert_eq!((first, second), (vec![found(1, 5, 100, None)], vec![found(1, 9, 7, None)]));
        assert_eq!(reporter.known.len(), 1, "a life that is over and told is forgotten");
    }

    #[test]
    fn a_first_handshake_after_silence_is_an_arrival() {
        let now = Timestamp::from_millis(1_000_000);
        let mut reporter = Reporter::default();
        reporter.note([found(1, 5, 100, Some(10))]);
        let before = reporter.has_arrival(now);

        reporter.note([found(1, 5, 200, Some(999_000))]);
        let arrived = reporter.has_arrival(now);
        let told = reporter.list_moved();
        reporter.acknowledge(&told);

        assert!(!before && arrived && !reporter.has_arrival(now));
    }
}
