//! How long to wait before trying again.
//!
//! Invariant: pure; the caller sleeps.

use std::time::Duration;

/// Doubles a wait from `first` up to `longest`, and starts over when told that things went well.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Counts a failure and says how long to wait. `spread` is a random byte: up to a quarter of the wait is
    /// taken off, so that many who failed together do not return together.
    pub fn next_wait(&mut self, spread: u8) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(self.longest);
        wait - (wait / 1024) * u32::from(spread)
    }

    /// Starts over from the first wait.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

        let waits: Vec<_> = (0..6).map(|_| backoff.next_wait(0).as_millis()).collect();
        backoff.reset();

        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.next_wait(0).as_millis(), 100);
    }

    #[test]
    fn the_spread_takes_off_at_most_a_quarter() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));

        let shortest = backoff.next_wait(u8::MAX);

        assert!(shortest >= Duration::from_millis(750) && shortest < Duration::from_secs(1));
    }
}
