//! What is remembered of addresses and accounts that sign in: a table of fixed size.
//!
//! Invariant: keys arrive hashed, so nobody can choose them. Beside each is the address or the account it stands for, so
//! that an operator can see who waits; a login as it was typed is not kept, for people type passwords there.

use std::time::Duration;

use crate::app::login_limit::RetryAfter;
use crate::domain::id::UserId;
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

    /// The wait after so many failures.
    const fn wait_ms(&self, failures: u32) -> i64 {
        let past = failures.saturating_sub(self.free_failures);
        if past == 0 {
            return 0;
        }
        let doubled = if past > 30 { i64::MAX } else { self.first_wait_ms << (past - 1) };
        if doubled < self.longest_wait_ms { doubled } else { self.longest_wait_ms }
    }
}

/// No wait of an alarm is longer; a clock that was set back must not make one.
const SLOWED_AT_MOST_MS: i64 = 10 * 60_000;

/// A refusal is told again no sooner than this, or the many short waits of a guesser would each be.
const TOLD_AGAIN_MS: i64 = 10 * 60_000;

/// 4096 sets of eight remember 32,768 keys in under 2.5 MiB, taken as they are used.
pub(super) const SETS: usize = 4096;
const WAYS: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) set: usize,
    /// Tells keys of one set apart; two keys share it once in 2^64.
    pub(super) tag: u64,
    /// The address (IPv4 as mapped IPv6) or the user's id; zero where that is not known.
    pub(super) subject: Subject,
}

/// What a key stands for: the bytes of an address or of a user's id.
pub(super) type Subject = [u8; 16];

/// Of what a key stands for, nothing is known.
pub(super) const UNKNOWN: Subject = [0; 16];

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
                set.push(Entry::new(key));
                set.len() - 1
            }
            None => {
                set.iter_mut().for_each(|entry| entry.settle(&self.rule, now));
                let least = (0..set.len()).min_by_key(|at| set[*at].weight()).unwrap_or(0);
                set[least] = Entry::new(key);
                least
            }
        };
        let entry = &mut set[at];
        entry.settle(&self.rule, now);
        entry
    }

    /// Forgets a key; false where nothing was known of it.
    pub(super) fn forget(&mut self, key: Key) -> bool {
        let set = &mut self.sets[key.set % SETS];
        let before = set.len();
        set.retain(|entry| entry.tag != key.tag);
        set.len() < before
    }

    /// Those who have failed and are not forgotten.
    pub(super) fn failing(&self, now: Timestamp) -> Vec<Entry> {
        let mut found: Vec<Entry> = self.sets.iter().flatten().copied().collect();
        found.iter_mut().for_each(|entry| entry.settle(&self.rule, now));
        found.retain(|entry| entry.failures > 0);
        found
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
    pub(super) barred_until_ms: i64,
    /// The same as `spent_until_ms`, for attempts during an alarm.
    slowed_until_ms: i64,
    /// Since when `seen` is gathered.
    seen_since_ms: i64,
    /// One bit for each of 64 groups of logins that failed from here.
    seen: u64,
    pub(super) subject: Subject,
    pub(super) failures: u32,
    /// Until when no further refusal is told, in seconds: it fills a gap.
    told_until_s: u32,
}

impl Entry {
    const fn new(key: Key) -> Self {
        Self {
            tag: key.tag,
            spent_until_ms: 0,
            barred_until_ms: 0,
            slowed_until_ms: 0,
            seen_since_ms: 0,
            seen: 0,
            subject: key.subject,
            failures: 0,
            told_until_s: 0,
        }
    }

    /// The account it stands for, where that is known and it is one.
    pub(super) fn user(&self) -> Option<UserId> {
        (self.subject != UNKNOWN).then(|| UserId::new(uuid::Uuid::from_bytes(self.subject)))
    }

    /// Whether this refusal is told: the first one of a lock is.
    pub(super) fn tells_refusal(&mut self, now: Timestamp) -> bool {
        let now_ms = now.as_millis();
        if now_ms < i64::from(self.told_until_s) * 1000 {
            return false;
        }
        let until_ms = self.barred_until_ms.max(now_ms + TOLD_AGAIN_MS);
        self.told_until_s = u32::try_from(until_ms / 1000).unwrap_or(u32::MAX);
        true
    }

    /// Admits and charges an attempt from an address that nobody signed in from lately, during an alarm.
    pub(super) fn admits_slowly(&self, rule: &Rule, now: Timestamp) -> Result<(), RetryAfter> {
        let slowed = Self { spent_until_ms: self.slowed_until_ms, barred_until_ms: 0, ..*self };
        slowed.admits(rule, now)
    }

    pub(super) fn charge_slowly(&mut self, rule: &Rule, now: Timestamp) {
        self.slowed_until_ms = self.slowed_until_ms.max(now.as_millis()) + rule.period_ms;
    }

    pub(super) fn refund_slowly(&mut self, rule: &Rule) {
        self.slowed_until_ms -= rule.period_ms;
    }

    /// Notes which login failed; true once when that makes too many different ones.
    pub(super) fn spreads(&mut self, login_bit: u64, most: u32, within_ms: i64, now: Timestamp) -> bool {
        let now_ms = now.as_millis();
        if !(0..within_ms).contains(&(now_ms - self.seen_since_ms)) {
            (self.seen_since_ms, self.seen) = (now_ms, 0);
        }
        let before = self.seen.count_ones();
        self.seen |= login_bit;
        before <= most && self.seen.count_ones() > most
    }

    /// Whether so many different logins have failed from here that each failure weighs more.
    pub(super) const fn is_spread(&self, most: u32) -> bool {
        self.seen.count_ones() > most
    }

    pub(super) fn admits(&self, rule: &Rule, now: Timestamp) -> Result<(), RetryAfter> {
        let spent = self.spent_until_ms - (rule.burst - 1) * rule.period_ms;
        let wait_ms = spent.max(self.barred_until_ms) - now.as_millis();
        match u64::try_from(wait_ms) {
            Ok(1..) => Err(RetryAfter::new(Duration::from_millis(wait_ms.unsigned_abs()))),
            Ok(0) | Err(_) => Ok(()),
        }
    }

    pub(super) fn charge(&mut self, rule: &Rule, now: Timestamp) {
        self.spent_until_ms = self.spent_until_ms.max(now.as_millis()) + rule.period_ms;
    }

    pub(super) fn refund(&mut self, rule: &Rule, now: Timestamp) {
        self.spent_until_ms = (self.spent_until_ms - rule.period_ms).max(now.as_millis());
    }

    /// Counts failures; true once when the wait has become the longest there is.
    pub(super) fn fail(&mut self, rule: &Rule, by: u32, now: Timestamp) -> bool {
        let before_ms = rule.wait_ms(self.failures);
        self.failures = self.failures.saturating_add(by);
        let wait_ms = rule.wait_ms(self.failures);
        self.barred_until_ms = self.barred_until_ms.max(now.as_millis() + wait_ms);
        before_ms < rule.longest_wait_ms && wait_ms == rule.longest_wait_ms
    }

    /// Forgets what is over, and what cannot be: a wait longer than any means that the clock was set back.
    fn settle(&mut self, rule: &Rule, now: Timestamp) {
        let now_ms = now.as_millis();
        if self.slowed_until_ms > now_ms + SLOWED_AT_MOST_MS {
            self.slowed_until_ms = now_ms;
        }
        if self.spent_until_ms > now_ms + rule.burst * rule.period_ms {
            self.spent_until_ms = now_ms;
        }
        if i64::from(self.told_until_s) * 1000 > now_ms + rule.longest_wait_ms.max(TOLD_AGAIN_MS) {
            self.told_until_s = 0;
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
