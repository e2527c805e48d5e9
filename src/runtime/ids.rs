//! UUIDv7 identifiers that never run backwards within a process (RFC 9562 §6.2, method 1).
//!
//! Invariant: reads no clock; the caller says the time.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Makes ids that sort in the order they were made, whatever the wall clock does.
#[derive(Debug, Default)]
pub struct IdSource {
    last: Mutex<Last>,
}

impl IdSource {
    /// A fresh id for the instant `now`.
    ///
    /// Within one millisecond, or after the clock was set back, the counter rises instead of the time.
    pub fn new_id(&self, now: Timestamp) -> Uuid {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let random = last.draw();
        last.advance(now, random);
        stamp(last.ms, last.counter, random)
    }
}

impl Last {
    fn advance(&mut self, now: Timestamp, random: [u8; DRAW]) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(0);
        if now_ms > self.ms {
            // The top bit starts at zero, so that a millisecond has room for at least 2^25 ids.
            let seed = u32::from_be_bytes([random[6], random[7], random[8], random[9]]);
            (self.ms, self.counter) = (now_ms, seed & (COUNTER_MAX >> 1));
        } else if self.counter < COUNTER_MAX {
            self.counter += 1;
        } else {
            (self.ms, self.counter) = (self.ms + 1, 0);
        }
    }

    /// Random bytes that are used once. They are fetched for many ids together, because the generator asks the processor
    /// for fresh entropy at every call.
    fn draw(&mut self) -> [u8; DRAW] {
        if let Some(drawn) = self.store.pop() {
            return drawn;
        }
        let mut fetched = [[0; DRAW]; FETCH];
        fill_random(fetched.as_flattened_mut());
        let [first, rest @ ..] = fetched;
        self.store.extend(rest);
        first
    }
}

/// Fills `bytes` from the process's cryptographic generator.
#[expect(clippy::expect_used, reason = "AWS-LC aborts the process rather than return without entropy")]
pub fn fill_random(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("AWS-LC has entropy");
}

#[derive(Debug, Default)]
struct Last {
    ms: u64,
    counter: u32,
    /// Random bytes for the next ids.
    store: Vec<[u8; DRAW]>,
}

/// Random bytes of an id and of the start of its counter.
const DRAW: usize = 10;

/// Ids whose random bytes are fetched together.
const FETCH: usize = 64;

/// Lays out the time, the counter in the 12 bits of `rand_a` and the first 14 of `rand_b`, and 48 random bits.
fn stamp(ms: u64, counter: u32, random: [u8; DRAW]) -> Uuid {
    let time = ms.to_be_bytes();
    let high = counter >> 14;
    let low = counter & 0x3fff;
    Uuid::from_bytes([
        time[2],
        time[3],
        time[4],
        time[5],
        time[6],
        time[7],
        0x70 | byte(high, 8),
        byte(high, 0),
        0x80 | byte(low, 8),
        byte(low, 0),
        random[0],
        random[1],
        random[2],
        random[3],
        random[4],
        random[5],
    ])
}

/// The eight bits of `value` that start at bit `shift`.
const fn byte(value: u32, shift: u32) -> u8 {
    (value >> shift).to_le_bytes()[0]
}

/// The counter is 26 bits wide: 12 of `rand_a` and 14 of `rand_b`.
const COUNTER_MAX: u32 = (1 << 26) - 1;

#[cfg(test)]
mod tests {
    use super::{COUNTER_MAX, IdSource, Last};
    use crate::domain::time::Timestamp;
    use std::sync::Mutex;

    #[test]
    fn ids_of_one_millisecond_sort_in_the_order_they_were_made() {
        let ids = IdSource::default();
        let now = Timestamp::from_millis(1_800_000_000_000);

        let made: Vec<_> = (0..10_000).map(|_| ids.new_id(now)).collect();

        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            made.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122)
        );
    }

    #[test]
    fn a_clock_set_back_does_not_make_an_earlier_id() {
        let ids = IdSource::default();

        let before = ids.new_id(Timestamp::from_millis(2_000));
        let after = ids.new_id(Timestamp::from_millis(1_000));

        assert!(after > before);
    }

    #[test]
    fn a_full_counter_carries_into_the_time() {
        let ids = IdSource { last: Mutex::new(Last { ms: 5, counter: COUNTER_MAX - 1, store: Vec::new() }) };

        let full = ids.new_id(Timestamp::from_millis(5));
        let carried = ids.new_id(Timestamp::from_millis(5));

        assert!(carried > full);
        assert_eq!(carried.as_bytes()[..6], [0, 0, 0, 0, 0, 6]);
    }

    #[test]
    fn the_time_can_be_read_back_from_an_id() {
        let id = IdSource::default().new_id(Timestamp::from_millis(1_234_567_890_123));

        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();

        assert_eq!((seconds, nanos / 1_000_000), (1_234_567_890, 123));
    }
}
