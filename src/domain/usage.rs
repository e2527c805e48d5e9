//! Usage: from counters that may start again to bytes that never do.

use std::ops::{Add, AddAssign};
use std::time::Duration;

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

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.rx_bytes = self.rx_bytes.saturating_add(more.rx_bytes);
        self.tx_bytes = self.tx_bytes.saturating_add(more.tx_bytes);
    }
}

/// How fast bytes move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// Bytes received from devices each second.
    pub rx_bytes_per_s: u64,
    /// Bytes sent to devices each second.
    pub tx_bytes_per_s: u64,
}

impl Rate {
    /// What moved in so much time. Less than half a second is taken for that much: a device that just came is told of at
    /// once, and a moment's bytes say nothing of a second's.
    pub fn over(moved: Traffic, time: Duration) -> Self {
        let ms = time.max(Duration::from_millis(500)).as_millis();
        let each_second = |bytes: u64| u64::try_from(u128::from(bytes) * 1000 / ms).unwrap_or(u64::MAX);
        Self { rx_bytes_per_s: each_second(moved.rx_bytes), tx_bytes_per_s: each_second(moved.tx_bytes) }
    }
}

impl Add for Rate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rx_bytes_per_s: self.rx_bytes_per_s.saturating_add(other.rx_bytes_per_s),
            tx_bytes_per_s: self.tx_bytes_per_s.saturating_add(other.tx_bytes_per_s),
        }
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
    use super::{Rate, Reading, Traffic, growth};
    use proptest::prelude::*;
    use std::time::Duration;

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

    #[test]
    fn a_rate_is_what_a_second_has_and_a_moment_makes_no_peak() {
        let moved = Traffic { rx_bytes: 15_000, tx_bytes: 3 };

        let fifteen = Rate::over(moved, Duration::from_secs(15));
        let moment = Rate::over(moved, Duration::from_millis(1));

        assert_eq!(fifteen, Rate { rx_bytes_per_s: 1000, tx_bytes_per_s: 0 });
        assert_eq!(moment, Rate { rx_bytes_per_s: 30_000, tx_bytes_per_s: 6 });
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
