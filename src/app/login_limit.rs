//! Slows down guessing of passwords: by the address it comes from and by the account it is aimed at.
//!
//! An attempt is charged before the password is looked at, so a thousand at once are not all let through, and is
//! given back when it was right. After some failures each further one doubles the wait.
//!
//! Invariants: memory is fixed, whoever calls; an account that does not exist is treated as one that does; the
//! longest wait is bounded also when the clock is set back, so nobody is shut out for ever.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;

use crate::domain::time::Timestamp;
use crate::secrets::random::{self, RandomError};

/// Login limits of one process.
#[derive(Debug)]
pub struct LoginLimit {
    /// Fresh in every process, so that nobody can choose keys that fall together.
    key: hmac::Key,
    addresses: Mutex<Table>,
    accounts: Mutex<Table>,
}

impl LoginLimit {
    /// Limits with nothing recorded.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn new() -> Result<Self, RandomError> {
        let key = random::bytes::<32>()?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
            addresses: Mutex::new(Table::new(ADDRESS)),
            accounts: Mutex::new(Table::new(ACCOUNT)),
        })
    }

    /// Admits an attempt and charges it, or says how long to wait. Each admitted attempt must be followed by
    /// [`LoginLimit::record_failure`] or [`LoginLimit::record_success`].
    ///
    /// # Errors
    /// [`RetryAfter`], which is a 429.
    pub fn check(&self, address: IpAddr, login: &str, now: Timestamp) -> Result<(), RetryAfter> {
        let mut addresses = lock(&self.addresses);
        let from = addresses.entry(self.address_key(address), now);
        // An address that must wait does not get to fill the table of accounts.
        from.admits(&ADDRESS, now)?;
        let mut accounts = lock(&self.accounts);
        let to = accounts.entry(self.account_key(login), now);
        to.admits(&ACCOUNT, now)?;
        from.charge(&ADDRESS, now);
        to.charge(&ACCOUNT, now);
        Ok(())
    }

    /// The password was wrong, or there is no such account.
    pub fn record_failure(&self, address: IpAddr, login: &str, now: Timestamp) {
        lock(&self.addresses).entry(self.address_key(address), now).fail(&ADDRESS, now);
        lock(&self.accounts).entry(self.account_key(login), now).fail(&ACCOUNT, now);
    }

    /// The password was right. The account starts afresh; the address only gets its attempt back, or a guesser
    /// with an account of his own could wipe his traces with it.
    pub fn record_success(&self, address: IpAddr, login: &str, now: Timestamp) {
        lock(&self.addresses).entry(self.address_key(address), now).refund(&ADDRESS, now);
        lock(&self.accounts).forget(self.account_key(login));
    }

    /// Bytes held at most, whatever is recorded.
    pub const MAX_BYTES: usize = 2 * SETS * (size_of::<Vec<Entry>>() + WAYS * size_of::<Entry>());

    /// IPv4 by address, IPv6 by /64: that much every customer of a provider has to himself.
    fn address_key(&self, address: IpAddr) -> Key {
        match address.to_canonical() {
            IpAddr::V4(ip) => self.hashed(b"4", &ip.octets()),
            IpAddr::V6(ip) => self.hashed(b"6", &ip.octets()[..8]),
        }
    }

    /// Logins differ neither by case nor by the spaces around them.
    fn account_key(&self, login: &str) -> Key {
        self.hashed(b"a", login.trim().to_ascii_lowercase().as_bytes())
    }

    fn hashed(&self, kind: &[u8], bytes: &[u8]) -> Key {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind);
        context.update(bytes);
        let tag = context.sign();
        let (set, rest) = tag.as_ref().split_at(4);
        let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        Key { set: usize::try_from(word(set)).unwrap_or(0) % SETS, tag: word(&rest[..8]) }
    }
}

/// How long to wait before another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts to sign in; try again in {} s", self.seconds())]
pub struct RetryAfter(Duration);

impl RetryAfter {
    /// The value of the `Retry-After` header: whole seconds, rounded up, at least one.
    pub fn seconds(self) -> u64 {
        self.0.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
    }
}

/// What one kind of key may do.
#[derive(Debug, Clone, Copy)]
struct Rule {
    /// Attempts at once.
    burst: i64,
    /// Time that gives one attempt back.
    period_ms: i64,
    /// Failures without a wait of their own: people mistype.
    free_failures: u32,
    /// Wait after the first failure past those; each further one doubles it.
    first_wait_ms: i64,
    longest_wait_ms: i64,
    /// Failures are forgotten this long after the last one's wait.
    forget_ms: i64,
}

/// An office behind one address signs in together; twenty a minute is still no guessing.
const ADDRESS: Rule = Rule {
    burst: 20,
    period_ms: 3_000,
    free_failures: 10,
    first_wait_ms: 1_000,
    longest_wait_ms: 300_000,
    forget_ms: 3_600_000,
};

/// A minute at most, because anybody can make somebody else's account wait. It still holds a guesser from any number
/// of addresses to 1,440 guesses a day, nothing against twelve characters.
const ACCOUNT: Rule = Rule {
    burst: 10,
    period_ms: 6_000,
    free_failures: 5,
    first_wait_ms: 1_000,
    longest_wait_ms: 60_000,
    forget_ms: 3_600_000,
};

/// 4096 sets of eight remember 32,768 addresses and as many accounts in about 2 MiB, taken as they are used.
const SETS: usize = 4096;
const WAYS: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Key {
    set: usize,
    /// Tells keys of one set apart; two keys share it once in 2^64.
    tag: u64,
}

/// A fixed number of sets, each of at most [`WAYS`] entries. A new key in a full set takes the place of the one that
/// matters least, so a flood of new keys cannot wash away a key under attack.
#[derive(Debug)]
struct Table {
    rule: Rule,
    sets: Box<[Vec<Entry>]>,
}

impl Table {
    fn new(rule: Rule) -> Self {
        Self { rule, sets: (0..SETS).map(|_| Vec::new()).collect() }
    }

    fn entry(&mut self, key: Key, now: Timestamp) -> &mut Entry {
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

    fn forget(&mut self, key: Key) {
        self.sets[key.set % SETS].retain(|entry| entry.tag != key.tag);
    }
}

/// What is remembered of one key.
#[derive(Debug, Clone, Copy)]
struct Entry {
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

    fn admits(&self, rule: &Rule, now: Timestamp) -> Result<(), RetryAfter> {
        let spent = self.spent_until_ms - (rule.burst - 1) * rule.period_ms;
        let wait_ms = spent.max(self.barred_until_ms) - now.as_millis();
        match u64::try_from(wait_ms) {
            Ok(1..) => Err(RetryAfter(Duration::from_millis(wait_ms.unsigned_abs()))),
            Ok(0) | Err(_) => Ok(()),
        }
    }

    fn charge(&mut self, rule: &Rule, now: Timestamp) {
        self.spent_until_ms = self.spent_until_ms.max(now.as_millis()) + rule.period_ms;
    }

    fn refund(&mut self, rule: &Rule, now: Timestamp) {
        self.spent_until_ms = (self.spent_until_ms - rule.period_ms).max(now.as_millis());
    }

    fn fail(&mut self, rule: &Rule, now: Timestamp) {
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

/// A panic of another holder leaves counters, not broken data.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn account_waits_longer_with_each_failure_and_a_minute_at_most() {
        let limit = LoginLimit::new().unwrap();
        let mut now = START;
        let mut waits = Vec::new();

        for n in 0..14 {
            let address = address(n);
            match limit.check(address, "ada", now) {
                Ok(()) => waits.push(0),
                Err(wait) => {
                    waits.push(wait.seconds());
                    now = now + Duration::from_secs(wait.seconds());
                    limit.check(address, "ada", now).unwrap();
                }
            }
            limit.record_failure(address, "ada", now);
        }

        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn parallel_attempts_are_charged_before_any_has_failed() {
        let limit = LoginLimit::new().unwrap();

        let admitted = (0..1000).filter(|n| limit.check(address(*n), "ada", START).is_ok()).count();

        assert_eq!(admitted, 10);
    }

    #[test]
    fn address_is_limited_over_all_accounts_and_another_is_not() {
        let limit = LoginLimit::new().unwrap();

        let admitted =
            (0..1000).filter(|n| limit.check(address(1), &format!("user{n}"), START).is_ok()).count();

        assert_eq!(admitted, 20);
        assert!(limit.check(address(2), "ada", START).is_ok());
    }

    #[test]
    fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
        let limit = LoginLimit::new().unwrap();
        let ip = |net: u16, host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host));
        for n in 0..20 {
            limit.check(ip(1, n), &format!("user{n}"), START).unwrap();
            limit.check(address(7), &format!("user{n}"), START).unwrap();
        }

        let mapped = IpAddr::V6(Ipv4Addr::from(7).to_ipv6_mapped());

        assert!(limit.check(ip(1, 999), "ada", START).is_err());
        assert!(limit.check(ip(2, 1), "ada", START).is_ok());
        assert!(limit.check(mapped, "ada", START).is_err());
    }

    #[test]
    fn login_is_one_account_however_it_is_typed() {
        let limit = LoginLimit::new().unwrap();
        for n in 0..10 {
            limit.check(address(n), "Ada", START).unwrap();
        }

        assert!(limit.check(address(99), " aDA ", START).is_err());
    }

    #[test]
    fn success_clears_the_account_but_not_the_address() {
        let limit = LoginLimit::new().unwrap();
        for n in 0..11 {
            limit.record_failure(address(1), &format!("user{n}"), START);
        }
        for _ in 0..11 {
            limit.record_failure(address(2), "ada", START);
        }

        limit.record_success(address(3), "ada", START);
        limit.record_success(address(1), "mine", START);

        assert!(limit.check(address(4), "ada", START).is_ok());
        assert!(limit.check(address(1), "user", START).is_err());
    }

    #[test]
    fn right_passwords_are_never_slowed_down() {
        let limit = LoginLimit::new().unwrap();

        for _ in 0..1000 {
            limit.check(address(1), "ada", START).unwrap();
            limit.record_success(address(1), "ada", START);
        }
    }

    #[test]
    fn failures_are_forgotten_after_an_hour() {
        let limit = LoginLimit::new().unwrap();
        for _ in 0..100 {
            limit.record_failure(address(1), "ada", START);
        }

        let soon = limit.check(address(1), "ada", START + Duration::from_secs(299));
        let later = START + Duration::from_secs(300 + 3600);

        assert!(soon.is_err());
        limit.record_failure(address(1), "ada", later);
        assert!(limit.check(address(1), "ada", later).is_ok());
    }

    #[test]
    fn clock_set_back_shuts_nobody_out() {
        let limit = LoginLimit::new().unwrap();
        for _ in 0..100 {
            let _ = limit.check(address(1), "ada", START);
            limit.record_failure(address(1), "ada", START);
        }

        let yesterday = Timestamp::from_millis(START.as_millis() - 86_400_000);

        assert!(limit.check(address(1), "ada", yesterday).is_ok());
    }

    #[test]
    fn a_million_keys_stay_within_fixed_memory_and_do_not_wash_out_the_one_under_attack() {
        let limit = LoginLimit::new().unwrap();
        for _ in 0..11 {
            limit.record_failure(address(0), "ada", START);
        }

        for n in 1..=1_000_000 {
            let login = format!("user{n}");
            limit.check(address(n), &login, START).unwrap();
            limit.record_failure(address(n), &login, START);
        }

        assert!(held_bytes(&limit) <= LoginLimit::MAX_BYTES);
        const { assert!(LoginLimit::MAX_BYTES < 3 * 1024 * 1024) };
        assert!(limit.check(address(2_000_000), "ada", START).is_err());
        assert!(limit.check(address(0), "grace", START).is_err());
    }

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        assert_eq!(RetryAfter(Duration::from_millis(1)).seconds(), 1);
        assert_eq!(RetryAfter(Duration::from_millis(1001)).seconds(), 2);
    }

    fn held_bytes(limit: &LoginLimit) -> usize {
        [&limit.addresses, &limit.accounts]
            .into_iter()
            .map(|table| {
                let table = lock(table);
                let sets = table.sets.iter().map(|set| set.capacity() * size_of::<Entry>());
                sets.sum::<usize>() + table.sets.len() * size_of::<Vec<Entry>>()
            })
            .sum()
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(n))
    }

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
}
