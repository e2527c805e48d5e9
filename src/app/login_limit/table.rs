//! What is remembered of addresses and accounts that sign in: a table of fixed size.
//!
//! Invariant: keys arrive hashed. Nobody's address or login is held here.

use std::time::Duration;

use crate::app::login_limit::RetryAfter;
use crate::domain::time::Timestamp;

/// What one kind of key may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Attempts at once.
    pub(super) burst: i64,
    /// Time that gives one attempt back.
    pub(super) period_ms: i64,
    /// Failures without a wait of their own: people mistype.
    pub(super) free_failures: u32,
    /// Wait after the first failure past those; each further one doubles it.
    pub(super) first_wait_ms: i64,
    pub(super) longest_wait_ms: i64,
    /// Failures are forgotten this long after the last one's wait.
    pub(super) forget_ms: i64,
}

impl Rule {
    /// The same rule at another rate; with a rate of zero nothing waits.
    pub(super) const fn per_minute(self, rate: u32) -> Self {
        if rate == 0 {
            return Self { burst: i64::MAX, period_ms: 0, free_failures: u32::MAX, ..self };
        }
        Self { burst: rate as i64, period_ms: 60_000 / rate as i64, ..self }
    }
}

/// 4096 sets of eight remember 32,768 addresses and as many accounts in about 2 MiB, taken as they are used.
pub(super) const SETS: usize = 4096;
const WAYS: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) set: usize,
    /// Tells keys of one set apart; two keys share it once in 2^64.
    pub(super) tag: u64,
}

/// A fixed number of sets, each of at most [`WAYS`] entries. A new key in a full set takes the place of the one that
/// matters least, so a flood of new keys cannot wash away a key under attack.
#[derive(Debug)]
pub(super) struct Table {
    rule: Rule,
    sets: Box<[Vec<Entry>]>,
}

impl Table {
    /// Bytes held at most.
    pub(super) const MAX_BYTES: usize = SETS * (size_of::<Vec<Entry>>() + WAYS * size_of::<Entry>());

    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, sets: (0..SETS).map(|_| Vec::new()).collect() }
    }

    pub(super) fn entry(&mut self, key: Key, now: Timestamp) -> &mut Entry {
        let set = &mut self.sets[key.set % SETS];
        let at = match set.iter().position(|entry| entry.tag == key.tag) {
            Some(at) => at,
            None if set.len() < WAYS => {
                // The first key makes room for all, so that the set never holds more than that.
                set.reserve_exact(WAYS - set.len());
                set.push(Entry::new(key.tag));
                set.len() - 1
            }
            None => {
                set.iter_mut().for_each(|entry| entry.settle(&self.rule, now));
                let least = (0..set.len()).min_by_key(|at| set[*at].weight()).unwrap_or(0);
                set[least] = Entry::new(key.tag);
                least
            }
        };
        let entry = &mut set[at];
        entry.settle(&self.rule, now);
        entry
    }

    pub(super) fn forget(&mut self, key: Key) {
        self.sets[key.set % SETS].retain(|entry| entry.tag != key.tag);
    }

    /// Bytes held now.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        let entries: usize = self.sets.iter().map(|set| set.capacity() * size_of::<Entry>()).sum();
        entries + self.sets.len() * size_of::<Vec<Entry>>()
    }
}

/// What is remembered of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    tag: u64,
    /// When all attempts will have been given back (the theoretical arrival time of GCRA).
    spent_until_ms: i64,
    /// Until when failures forbid another attempt.
    barred_until_ms: i64,
    failures: u32,
}

impl Entry {
    const fn new(tag: u64) -> Self {
        Self { tag, spent_until_ms: 0, barred_until_ms: 0, failures: 0 }
    }

    pub(super) fn admits(&self, rule: &Rule, now: Timestamp) -> Result<(), RetryAfter> {
        let spent = self.spent_until_ms - (rule.burst - 1) * rule.period_ms;
        let wait_ms = spent.max(self.barred_until_ms) - now.as_millis();
        match u64::try_from(wait_ms) {
            Ok(1..) => Err(RetryAfter(Duration::from_millis(wait_ms.unsigned_abs()))),
            Ok(0) | Err(_) => Ok(()),
        }
    }

    pub(super) fn charge(&mut self, rule: &Rule, now: Timestamp) {
        self.spent_until_ms = self.spent_until_ms.max(now.as_millis()) + rule.period_ms;
    }

    pub(super) fn refund(&mut self, rule: &Rule, now: Timestamp) {
        self.spent_until_ms = (self.spent_until_ms - rule.period_ms).max(now.as_millis());
    }

    pub(super) fn fail(&mut self, rule: &Rule, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let wait_ms = match self.failures.saturating_sub(rule.free_failures) {
            0 => 0,
            past => (rule.first_wait_ms << (past - 1).min(30)).min(rule.longest_wait_ms),
        };
        self.barred_until_ms = self.barred_until_ms.max(now.as_millis() + wait_ms);
    }

    /// Forgets what is over, and what cannot be: a wait longer than any means that the clock was set back.
    fn settle(&mut self, rule: &Rule, now: Timestamp) {
        let now_ms = now.as_millis();
        if self.spent_until_ms > now_ms + rule.burst * rule.period_ms {
            self.spent_until_ms = now_ms;
        }
        let impossible = self.barred_until_ms > now_ms + rule.longest_wait_ms;
        if impossible || now_ms >= self.barred_until_ms + rule.forget_ms {
            self.barred_until_ms = 0;
            self.failures = 0;
        }
    }

    fn weight(&self) -> (u32, i64) {
        (self.failures, self.barred_until_ms.max(self.spent_until_ms))
    }
}
