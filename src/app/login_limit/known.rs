//! Remembers where people signed in from, so that an alarm does not slow them down.
//!
//! Invariant: memory is fixed, and only a right password writes here, so failures wash nobody out.

use crate::app::login_limit::table::Key;
use crate::domain::time::Timestamp;

const SETS: usize = 2048;
const WAYS: usize = 8;
/// Home and office are used again within a month.
const FOR_MS: i64 = 30 * 86_400_000;

/// Addresses that somebody signed in from, by their hash.
#[derive(Debug)]
pub(super) struct Known(Box<[[(u64, i64); WAYS]; SETS]>);

impl Known {
    /// Bytes held.
    pub(super) const BYTES: usize = SETS * WAYS * size_of::<(u64, i64)>();

    pub(super) fn new() -> Self {
        Self(Box::new([[(0, i64::MIN); WAYS]; SETS]))
    }

    pub(super) fn contains(&self, key: Key, now: Timestamp) -> bool {
        let set = &self.0[key.set % SETS];
        set.iter().any(|(tag, at)| *tag == key.tag && now.as_millis().saturating_sub(*at) < FOR_MS)
    }

    /// Takes the place of the one that was not seen for longest.
    pub(super) fn insert(&mut self, key: Key, now: Timestamp) {
        let set = &mut self.0[key.set % SETS];
        let same = set.iter().position(|(tag, _)| *tag == key.tag);
        let oldest = || (0..WAYS).min_by_key(|at| set[*at].1).unwrap_or(0);
        let at = same.unwrap_or_else(oldest);
        set[at] = (key.tag, now.as_millis());
    }
}
