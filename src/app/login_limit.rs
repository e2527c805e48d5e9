//! Slows down guessing of passwords: by the address it comes from and by the account it is aimed at.
//!
//! An attempt is charged before the password is looked at, so a thousand at once are not all let through, and is
//! given back when it was right. After some failures each further one doubles the wait.
//!
//! Whoever comes over loopback or a local socket is limited by account alone. Behind a proxy on this host, or there
//! without an address, all clients would share one, and one of them could shut the others out.
//!
//! Invariants: memory is fixed, whoever calls; an account that does not exist is treated as one that does; the
//! longest wait is bounded also when the clock is set back, so nobody is shut out for ever.

mod table;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;

use crate::app::login_limit::table::{Key, Rule, SETS, Table};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::secrets::random::{self, RandomError};

/// Login limits of one process.
#[derive(Debug)]
pub struct LoginLimit {
    /// Fresh in every process, so that nobody can choose keys that fall together.
    key: hmac::Key,
    address: Rule,
    account: Rule,
    second_factor: Rule,
    addresses: Mutex<Table>,
    accounts: Mutex<Table>,
    second_factors: Mutex<Table>,
}

/// What an attempt is aimed at. The two never share a count: anybody may sign in with any text for a login, and must not
/// be able to keep a user from changing the password, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account<'a> {
    /// The account of a login, as it was typed.
    Login(&'a str),
    /// The signed-in user's own account, whose password is asked for again.
    Own(UserId),
    /// The second factor of an account whose first one was right.
    SecondFactor(UserId),
    /// Whoever is said to have forgotten a password. Apart from signing in: asking must not lock anybody out.
    Forgotten(&'a str),
}

/// Attempts a minute. Zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginRates {
    /// From one IPv4 address or IPv6 /64.
    pub per_address: u32,
    /// For one account, from wherever.
    pub per_account: u32,
}

impl LoginLimit {
    /// Limits with nothing recorded.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn new(rates: LoginRates) -> Result<Self, RandomError> {
        let key = random::bytes::<32>()?;
        let (address, account) =
            (ADDRESS.per_minute(rates.per_address), ACCOUNT.per_minute(rates.per_account));
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
            address,
            account,
            addresses: Mutex::new(Table::new(address)),
            accounts: Mutex::new(Table::new(account)),
            second_factor: SECOND_FACTOR,
            second_factors: Mutex::new(Table::new(SECOND_FACTOR)),
        })
    }

    /// Admits an attempt and charges it, or says how long to wait. Each admitted attempt is followed by
    /// [`LoginLimit::record_failure`] or [`LoginLimit::record_success`]; one that was never judged stays charged
    /// until its period has passed.
    ///
    /// # Errors
    /// [`RetryAfter`], which is a 429.
    pub fn check(
        &self,
        address: Option<IpAddr>,
        account: Account<'_>,
        now: Timestamp,
    ) -> Result<(), RetryAfter> {
        let mut addresses = lock(&self.addresses);
        let mut from = self.address_key(address).map(|key| addresses.entry(key, now));
        // An address that must wait does not get to fill the table of accounts.
        if let Some(from) = &from {
            from.admits(&self.address, now)?;
        }
        let (rule, table) = self.of(account);
        let mut accounts = lock(table);
        let to = accounts.entry(self.account_key(account), now);
        to.admits(rule, now)?;
        if let Some(from) = &mut from {
            from.charge(&self.address, now);
        }
        to.charge(rule, now);
        Ok(())
    }

    /// Admits an attempt that is aimed at no account yet, and charges it, or says how long to wait. It is followed by
    /// [`LoginLimit::fail_address`] or [`LoginLimit::refund_address`], or stays charged until its period has passed.
    ///
    /// # Errors
    /// [`RetryAfter`], which is a 429.
    pub fn check_address(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), RetryAfter> {
        let Some(key) = self.address_key(address) else { return Ok(()) };
        let mut addresses = lock(&self.addresses);
        let from = addresses.entry(key, now);
        from.admits(&self.address, now)?;
        from.charge(&self.address, now);
        Ok(())
    }

    /// An attempt that was aimed at no account was wrong.
    pub fn fail_address(&self, address: Option<IpAddr>, now: Timestamp) {
        if let Some(key) = self.address_key(address) {
            lock(&self.addresses).entry(key, now).fail(&self.address, now);
        }
    }

    /// An attempt that was aimed at no account was right.
    pub fn refund_address(&self, address: Option<IpAddr>, now: Timestamp) {
        if let Some(key) = self.address_key(address) {
            lock(&self.addresses).entry(key, now).refund(&self.address, now);
        }
    }

    /// The password was wrong, or there is no such account.
    pub fn record_failure(&self, address: Option<IpAddr>, account: Account<'_>, now: Timestamp) {
        self.fail_address(address, now);
        let (rule, table) = self.of(account);
        lock(table).entry(self.account_key(account), now).fail(rule, now);
    }

    /// The password was right. The account starts afresh; the address only gets its attempt back, or a guesser
    /// with an account of his own could wipe his traces with it.
    pub fn record_success(&self, address: Option<IpAddr>, account: Account<'_>, now: Timestamp) {
        self.refund_address(address, now);
        lock(self.of(account).1).forget(self.account_key(account));
    }

    /// Bytes held at most, whatever is recorded.
    pub const MAX_BYTES: usize = 3 * Table::MAX_BYTES;

    /// IPv4 by address, IPv6 by /64: that much every customer of a provider has to himself. None where many may
    /// stand behind it.
    fn address_key(&self, address: Option<IpAddr>) -> Option<Key> {
        match address?.to_canonical() {
            IpAddr::V4(ip) if ip.is_loopback() => None,
            IpAddr::V6(ip) if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(self.hashed(b"4", &ip.octets())),
            IpAddr::V6(ip) => Some(self.hashed(b"6", &ip.octets()[..8])),
        }
    }

    /// Logins differ neither by case nor by the spaces around them.
    fn account_key(&self, account: Account<'_>) -> Key {
        match account {
            Account::Login(login) => self.hashed(b"a", login.trim().to_ascii_lowercase().as_bytes()),
            Account::Forgotten(name) => self.hashed(b"f", name.trim().to_ascii_lowercase().as_bytes()),
            Account::Own(id) => self.hashed(b"m", id.to_string().as_bytes()),
            Account::SecondFactor(id) => self.hashed(b"s", id.to_string().as_bytes()),
        }
    }

    /// The rule of an account, and where its attempts are counted.
    const fn of(&self, account: Account<'_>) -> (&Rule, &Mutex<Table>) {
        match account {
            Account::Login(_) | Account::Own(_) | Account::Forgotten(_) => (&self.account, &self.accounts),
            Account::SecondFactor(_) => (&self.second_factor, &self.second_factors),
        }
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

/// An office behind one address signs in together; twenty a minute, the default, is still no guessing.
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

/// Six digits are guessed in days where passwords take for ever, so the waits grow to an hour and are remembered for a
/// day: some 25 guesses a day, of which one in 13,000 days would be right. It is not for an operator to turn off. Only
/// who knows the password comes this far, so nobody else can make an account wait.
const SECOND_FACTOR: Rule = Rule {
    burst: 10,
    period_ms: 6_000,
    free_failures: 3,
    first_wait_ms: 1_000,
    longest_wait_ms: 3_600_000,
    forget_ms: 86_400_000,
};

/// A panic of another holder leaves counters, not broken data.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const RATES: LoginRates = LoginRates { per_address: 20, per_account: 10 };

    #[test]
    fn a_rate_of_zero_lets_everybody_try() {
        let limit = LoginLimit::new(LoginRates { per_address: 0, per_account: 0 }).unwrap();

        for _ in 0..1000 {
            limit.check(Some(address(1)), Account::Login("ada"), START).unwrap();
            limit.record_failure(Some(address(1)), Account::Login("ada"), START);
        }
    }

    #[test]
    fn account_waits_longer_with_each_failure_and_a_minute_at_most() {
        let limit = LoginLimit::new(RATES).unwrap();
        let mut now = START;
        let mut waits = Vec::new();

        for n in 0..14 {
            let address = address(n);
            match limit.check(Some(address), Account::Login("ada"), now) {
                Ok(()) => waits.push(0),
                Err(wait) => {
                    waits.push(wait.seconds());
                    now = now + Duration::from_secs(wait.seconds());
                    limit.check(Some(address), Account::Login("ada"), now).unwrap();
                }
            }
            limit.record_failure(Some(address), Account::Login("ada"), now);
        }

        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn parallel_attempts_are_charged_before_any_has_failed() {
        let limit = LoginLimit::new(RATES).unwrap();

        let admitted = (0..1000)
            .filter(|n| limit.check(Some(address(*n)), Account::Login("ada"), START).is_ok())
            .count();

        assert_eq!(admitted, 10);
    }

    #[test]
    fn address_is_limited_over_all_accounts_and_another_is_not() {
        let limit = LoginLimit::new(RATES).unwrap();

        let admitted = (0..1000)
            .filter(|n| limit.check(Some(address(1)), Account::Login(&format!("user{n}")), START).is_ok())
            .count();

        assert_eq!(admitted, 20);
        assert!(limit.check(Some(address(2)), Account::Login("ada"), START).is_ok());
    }

    #[test]
    fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
        let limit = LoginLimit::new(RATES).unwrap();
        let ip = |net: u16, host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host));
        for n in 0..20 {
            limit.check(Some(ip(1, n)), Account::Login(&format!("user{n}")), START).unwrap();
            limit.check(Some(address(7)), Account::Login(&format!("user{n}")), START).unwrap();
        }

        let mapped = IpAddr::V6(Ipv4Addr::from(7).to_ipv6_mapped());

        assert!(limit.check(Some(ip(1, 999)), Account::Login("ada"), START).is_err());
        assert!(limit.check(Some(ip(2, 1)), Account::Login("ada"), START).is_ok());
        assert!(limit.check(Some(mapped), Account::Login("ada"), START).is_err());
    }

    #[test]
    fn those_who_come_by_way_of_this_host_do_not_shut_each_other_out() {
        let limit = LoginLimit::new(RATES).unwrap();
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        let here = [
            None,
            Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))),
            Some(Ipv6Addr::LOCALHOST.into()),
            Some(mapped),
        ];
        for from in here {
            for n in 0..100 {
                let login = format!("user{n}");
                limit.check(from, Account::Login(&login), START).unwrap();
                limit.record_failure(from, Account::Login(&login), START);
            }
        }

        for from in here {
            assert!(limit.check(from, Account::Login("ada"), START).is_ok());
        }
        for _ in 0..20 {
            limit.record_failure(None, Account::Login("ada"), START);
        }
        assert!(limit.check(None, Account::Login("ada"), START).is_err());
    }

    #[test]
    fn nobody_keeps_a_user_from_changing_the_password_by_signing_in_under_the_users_id() {
        let limit = LoginLimit::new(RATES).unwrap();
        let id = UserId::new(uuid::Uuid::from_u128(7));
        for n in 0..20 {
            limit.record_failure(Some(address(n)), Account::Login(&id.to_string()), START);
        }

        assert!(limit.check(Some(address(99)), Account::Own(id), START).is_ok());
    }

    #[test]
    fn login_is_one_account_however_it_is_typed() {
        let limit = LoginLimit::new(RATES).unwrap();
        for n in 0..10 {
            limit.check(Some(address(n)), Account::Login("Ada"), START).unwrap();
        }

        assert!(limit.check(Some(address(99)), Account::Login(" aDA "), START).is_err());
    }

    #[test]
    fn success_clears_the_account_but_not_the_address() {
        let limit = LoginLimit::new(RATES).unwrap();
        for n in 0..11 {
            limit.record_failure(Some(address(1)), Account::Login(&format!("user{n}")), START);
        }
        for _ in 0..11 {
            limit.record_failure(Some(address(2)), Account::Login("ada"), START);
        }

        limit.record_success(Some(address(3)), Account::Login("ada"), START);
        limit.record_success(Some(address(1)), Account::Login("mine"), START);

        assert!(limit.check(Some(address(4)), Account::Login("ada"), START).is_ok());
        assert!(limit.check(Some(address(1)), Account::Login("user"), START).is_err());
    }

    #[test]
    fn right_passwords_are_never_slowed_down() {
        let limit = LoginLimit::new(RATES).unwrap();

        for _ in 0..1000 {
            limit.check(Some(address(1)), Account::Login("ada"), START).unwrap();
            limit.record_success(Some(address(1)), Account::Login("ada"), START);
        }
    }

    #[test]
    fn failures_are_forgotten_after_an_hour() {
        let limit = LoginLimit::new(RATES).unwrap();
        for _ in 0..100 {
            limit.record_failure(Some(address(1)), Account::Login("ada"), START);
        }

        let soon = limit.check(Some(address(1)), Account::Login("ada"), START + Duration::from_secs(299));
        let later = START + Duration::from_secs(300 + 3600);

        assert!(soon.is_err());
        limit.record_failure(Some(address(1)), Account::Login("ada"), later);
        assert!(limit.check(Some(address(1)), Account::Login("ada"), later).is_ok());
    }

    #[test]
    fn clock_set_back_shuts_nobody_out() {
        let limit = LoginLimit::new(RATES).unwrap();
        for _ in 0..100 {
            let _ = limit.check(Some(address(1)), Account::Login("ada"), START);
            limit.record_failure(Some(address(1)), Account::Login("ada"), START);
        }

        let yesterday = Timestamp::from_millis(START.as_millis() - 86_400_000);

        assert!(limit.check(Some(address(1)), Account::Login("ada"), yesterday).is_ok());
    }

    #[test]
    fn a_million_keys_stay_within_fixed_memory_and_do_not_wash_out_the_one_under_attack() {
        let limit = LoginLimit::new(RATES).unwrap();
        for _ in 0..11 {
            limit.record_failure(Some(address(0)), Account::Login("ada"), START);
        }

        for n in 1..=1_000_000 {
            let login = format!("user{n}");
            limit.check(Some(address(n)), Account::Login(&login), START).unwrap();
            limit.record_failure(Some(address(n)), Account::Login(&login), START);
        }

        assert!(held_bytes(&limit) <= LoginLimit::MAX_BYTES);
        const { assert!(LoginLimit::MAX_BYTES < 4 * 1024 * 1024) };
        assert!(limit.check(Some(address(2_000_000)), Account::Login("ada"), START).is_err());
        assert!(limit.check(Some(address(0)), Account::Login("grace"), START).is_err());
    }

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        assert_eq!(RetryAfter(Duration::from_millis(1)).seconds(), 1);
        assert_eq!(RetryAfter(Duration::from_millis(1001)).seconds(), 2);
    }

    fn held_bytes(limit: &LoginLimit) -> usize {
        lock(&limit.addresses).held_bytes()
            + lock(&limit.accounts).held_bytes()
            + lock(&limit.second_factors).held_bytes()
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(n))
    }

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
}
