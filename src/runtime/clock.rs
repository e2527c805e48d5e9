//! What time it is, and what follows from it: ids and randomness.
//!
//! Invariant: no other file of the crate asks the system for the time.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::domain::time::Timestamp;
use crate::runtime::ids::{IdSource, fill_random};

/// The time as the service sees it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall clock. It may be set back by the host.
    fn now(&self) -> Timestamp;

    /// The monotonic clock, for measuring spans.
    fn instant(&self) -> Instant;

    /// A new UUIDv7, greater than every earlier one of this clock.
    fn new_id(&self) -> Uuid;

    /// Fills `bytes` from the cryptographic generator.
    fn fill_random(&self, bytes: &mut [u8]) {
        fill_random(bytes);
    }
}

/// A point in time as the system writes it, for libraries that want it so.
pub fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
}

/// `N` bytes from the cryptographic generator.
pub fn random<const N: usize>(clock: &dyn Clock) -> [u8; N] {
    let mut bytes = [0; N];
    clock.fill_random(&mut bytes);
    bytes
}

/// The host's clock.
#[derive(Debug, Default)]
pub struct SystemClock {
    ids: IdSource,
}

impl SystemClock {
    /// The host's clock. One for the whole process, so that its ids keep their order.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A host whose clock is before 1970 has none; zero is as true as anything.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn new_id(&self) -> Uuid {
        self.ids.new_id(self.now())
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct TestClock {
    start: Timestamp,
    start_instant: Instant,
    advanced_ms: AtomicU64,
    ids: IdSource,
}

impl TestClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self {
            start,
            start_instant: Instant::now(),
            advanced_ms: AtomicU64::new(0),
            ids: IdSource::default(),
        }
    }

    /// Moves both the wall clock and the monotonic clock forward, to the millisecond.
    pub fn advance(&self, span: Duration) {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.advanced_ms.fetch_add(ms, Ordering::SeqCst);
    }

    fn advanced(&self) -> Duration {
        Duration::from_millis(self.advanced_ms.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.start + self.advanced()
    }

    fn instant(&self) -> Instant {
        self.start_instant + self.advanced()
    }

    fn new_id(&self) -> Uuid {
        self.ids.new_id(self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, SystemClock, TestClock, random};
    use crate::domain::time::Timestamp;
    use std::time::Duration;

    #[test]
    fn a_test_clock_moves_only_when_told() {
        let clock = TestClock::at(Timestamp::from_millis(1_000));
        let began = clock.instant();

        clock.advance(Duration::from_secs(2));

        assert_eq!(clock.now(), Timestamp::from_millis(3_000));
        assert_eq!(clock.instant() - began, Duration::from_secs(2));
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        let clock = SystemClock::new();

        assert!(clock.now() > Timestamp::from_millis(1_700_000_000_000));
        assert!(clock.new_id() < clock.new_id());
    }

    #[test]
    fn random_bytes_differ() {
        let clock = SystemClock::new();

        assert_ne!(random::<16>(&clock), random::<16>(&clock));
    }
}
