//! Usage: from counters that may start again to bytes that never do.

use serde::{Deserialize, Serialize};

/// Bytes of one device on one node. `rx` is what the node received from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes received from the device.
    pub rx_bytes: u64,
    /// Bytes sent to the device.
    pub tx_bytes: u64,
}

impl Traffic {
    /// Both directions together.
    pub const fn total_bytes(self) -> u64 {
        self.rx_bytes.saturating_add(self.tx_bytes)
    }
}

/// A cumulative counter as a node read it. The epoch changes whenever the counter starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Names the counter's life.
    pub epoch: i64,
    /// Bytes since the epoch began.
    pub traffic: Traffic,
}

/// What to add to a device's usage: the growth since the last reading.
///
/// A new epoch counts from zero. Within an epoch a counter that went backwards is an older report that came late,
/// and adds nothing; so the same report twice never counts twice.
pub fn growth(last: Option<Reading>, now: Reading) -> Traffic {
    match last {
        Some(last) if last.epoch == now.epoch => Traffic {
            rx_bytes: now.traffic.rx_bytes.saturating_sub(last.traffic.rx_bytes),
            tx_bytes: now.traffic.tx_bytes.saturating_sub(last.traffic.tx_bytes),
        },
        Some(last) if last.epoch > now.epoch => Traffic::default(),
        Some(_) | None => now.traffic,
    }
}

#[cfg(test)]
mod tests {
    use super::{Reading, Traffic, growth};
    use proptest::prelude::*;

    fn reading(epoch: i64, bytes: u64) -> Reading {
        Reading { epoch, traffic: Traffic { rx_bytes: bytes, tx_bytes: 0 } }
    }

    #[test]
    fn a_restart_counts_from_zero_and_a_repeat_counts_nothing() {
        assert_eq!(growth(None, reading(1, 10)).rx_bytes, 10);
        assert_eq!(growth(Some(reading(1, 10)), reading(1, 25)).rx_bytes, 15);
        assert_eq!(growth(Some(reading(1, 25)), reading(1, 25)).rx_bytes, 0);
        assert_eq!(growth(Some(reading(1, 25)), reading(2, 5)).rx_bytes, 5);
        assert_eq!(growth(Some(reading(2, 5)), reading(1, 30)).rx_bytes, 0);
    }

    proptest! {
        #[test]
        fn the_sum_of_growths_is_what_was_moved(lives in prop::collection::vec(prop::collection::vec(0u64..1000, 1..6), 1..5)) {
            let (mut last, mut sum, mut moved) = (None, 0, 0);
            for (epoch, steps) in lives.iter().enumerate() {
                let mut counter = 0;
                for step in steps {
                    counter += step;
                    moved += step;
                    let now = reading(epoch as i64, counter);
                    sum += growth(last, now).rx_bytes;
                    last = Some(now);
                }
            }

            prop_assert_eq!(sum, moved);
        }
    }
}
