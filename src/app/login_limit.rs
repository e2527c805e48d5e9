//! Slows down guessing of passwords: by the address it comes from and by the account it is aimed at.
//!
//! An attempt is charged before the password is looked at, so a thousand at once are not all let through, and is
//! given back when it was right. After some failures each further one doubles the wait.
//!
//! What no address and no account shows alone raises an alarm: too many failures in all, or one password tried on many
//! accounts. While it lasts, an address that nobody signed in from lately gets a try now and then, which is enough for
//! a person and too few for a guesser; it is never shut out, or guessing would shut everybody out.
//!
//! Whoever comes over loopback or a local socket is limited by account alone. Behind a proxy on this host, or there
//! without an address, all clients would share one, and one of them could shut the others out.
//!
//! Invariants: memory is fixed, whoever calls; an account that does not exist is treated as one that does; the
//! longest wait is bounded also when the clock is set back, so nobody is shut out for ever.

mod alarm;
mod holding;
mod known;
mod table;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use ipnet::IpNet;

use crate::app::login_limit::alarm::{Alarm, WITHIN_MS};
pub use crate::app::login_limit::holding::{Finding, Held, Holding};
use crate::app::login_limit::holding::{held_account, held_address};
use crate::app::login_limit::known::Known;
use crate::app::login_limit::table::{Entry, Key, Rule, SETS, Subject, Table, UNKNOWN};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::secrets::random::{self, RandomError};
use crate::telemetry::names;

/// Login limits of one process.
#[derive(Debug)]
pub struct LoginLimit {
    /// Fresh in every process, so that nobody can choose keys that fall together.
    key: hmac::Key,
    address: Rule,
    account: Rule,
    addresses: Mutex<Table>,
    accounts: Mutex<Table>,
    alarm: Mutex<Alarm>,
    known: Mutex<Known>,
    /// Ranges that are never limited.
    unlimited: RwLock<Vec<IpNet>>,
}

/// What an attempt is aimed at. The two never share a count: anybody may sign in with any text for a login, and must not
/// be able to keep a user from changing the password, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account<'a> {
    /// The account of a login, as it was typed.
    Login(&'a str),
    /// The signed-in user's own account, whose password is asked for again.
    Own(UserId),
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
            alarm: Mutex::new(Alarm::new()),
            known: Mutex::new(Known::new()),
            unlimited: RwLock::default(),
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
        if self.is_unlimited(address) {
            return Ok(());
        }
        let key = self.address_key(address);
        let slowed = key.is_some_and(|key| self.is_slowed(key, now));
        let mut addresses = lock(&self.addresses);
        let mut from = key.map(|key| addresses.entry(key, now));
        // An address that must wait does not get to fill the table of accounts.
        if let Some(from) = &from {
            from.admits(&self.address, now).map_err(counted("address"))?;
            if slowed {
                from.admits_slowly(&SLOWED, now).map_err(counted("alarm"))?;
            }
        }
        let mut accounts = lock(&self.accounts);
        let to = accounts.entry(self.account_key(account), now);
        to.admits(&self.account, now).map_err(counted("account"))?;
        if let Some(from) = &mut from {
            from.charge(&self.address, now);
            if slowed {
                from.charge_slowly(&SLOWED, now);
            }
        }
        to.charge(&self.account, now);
        Ok(())
    }

    /// The password was wrong, or there is no such account. Each finding is told once an episode.
    pub fn record_failure(
        &self,
        address: Option<IpAddr>,
        account: Account<'_>,
        now: Timestamp,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.is_unlimited(address) {
            return found;
        }
        metrics::counter!(names::LOGIN_FAILURES.name).increment(1);
        let to = self.account_key(account);
        if let Some(key) = self.address_key(address) {
            let is_known = lock(&self.known).contains(key, now);
            let most = if is_known { MOST_ACCOUNTS_WHERE_KNOWN } else { MOST_ACCOUNTS };
            let mut addresses = lock(&self.addresses);
            let from = addresses.entry(key, now);
            if self.limits_addresses() && from.spreads(login_bit(to), most, WITHIN_MS, now) {
                found.push(Finding::ManyAccounts);
            }
            let by = if self.limits_addresses() && from.is_spread(most) { STUFFING_WEIGHT } else { 1 };
            from.fail(&self.address, by, now);
        }
        if lock(&self.accounts).entry(to, now).fail(&self.account, 1, now) {
            found.push(Finding::AccountLocked);
        }
        if self.limits_addresses() && lock(&self.alarm).count(now) {
            found.push(Finding::ManyFailures);
        }
        found
    }

    /// Notes that this password failed with this login, without keeping either.
    pub fn note_password(
        &self,
        address: Option<IpAddr>,
        login: &str,
        password: &str,
        now: Timestamp,
    ) -> Option<Finding> {
        if self.is_unlimited(address) || !self.limits_addresses() {
            return None;
        }
        let Key { set, tag, .. } = self.hashed(b"p", password.as_bytes(), UNKNOWN);
        let places = [set, usize::try_from(tag >> 32).unwrap_or(0)];
        let bit = login_bit(self.account_key(Account::Login(login)));
        lock(&self.alarm).note_password(places, bit, now).then_some(Finding::OnePassword)
    }

    /// Notes whose account a login is, for the list of those who wait.
    pub fn note_user(&self, account: Account<'_>, user: UserId, now: Timestamp) {
        lock(&self.accounts).entry(self.account_key(account), now).subject = *user.as_uuid().as_bytes();
    }

    /// The password was right. The account starts afresh; the address only gets its attempt back, or a guesser
    /// with an account of his own could wipe his traces with it.
    pub fn record_success(&self, address: Option<IpAddr>, account: Account<'_>, now: Timestamp) {
        if self.is_unlimited(address) {
            return;
        }
        if let Some(key) = self.address_key(address) {
            if self.is_slowed(key, now) {
                lock(&self.addresses).entry(key, now).refund_slowly(&SLOWED);
            }
            lock(&self.known).insert(key, now);
            lock(&self.addresses).entry(key, now).refund(&self.address, now);
        }
        lock(&self.accounts).forget(self.account_key(account));
    }

    /// From now on these ranges, and no others, are never limited.
    pub fn set_unlimited(&self, ranges: Vec<IpNet>) {
        *self.unlimited.write().unwrap_or_else(PoisonError::into_inner) = ranges;
    }

    /// Who has failed lately.
    pub fn list(&self, now: Timestamp) -> Holding {
        let listed = |table: &Mutex<Table>, held: fn(&Entry, Timestamp) -> Held| -> Vec<Held> {
            lock(table).failing(now).iter().take(LISTED).map(|entry| held(entry, now)).collect()
        };
        let (addresses, accounts) =
            (listed(&self.addresses, held_address), listed(&self.accounts, held_account));
        let alarm = lock(&self.alarm);
        Holding { recent_failures: alarm.recent(now), alarm_until: alarm.until(now), addresses, accounts }
    }

    /// Forgets what an address has failed; false where nothing was known.
    pub fn unban_address(&self, address: IpAddr, now: Timestamp) -> bool {
        let Some(key) = self.address_key(Some(address)) else { return false };
        lock(&self.known).insert(key, now);
        lock(&self.addresses).forget(key)
    }

    /// Forgets what has failed for an account; false where nothing was known.
    pub fn unban_account(&self, login: &str, user: Option<UserId>) -> bool {
        let mut accounts = lock(&self.accounts);
        let by_login = accounts.forget(self.account_key(Account::Login(login)));
        let own = user.is_some_and(|user| accounts.forget(self.account_key(Account::Own(user))));
        by_login || own
    }

    /// Bytes held at most, whatever is recorded.
    pub const MAX_BYTES: usize = 2 * Table::MAX_BYTES + Alarm::BYTES + Known::BYTES;

    fn is_unlimited(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|address| address.to_canonical()) else { return false };
        let ranges = self.unlimited.read().unwrap_or_else(PoisonError::into_inner);
        ranges.iter().any(|range| range.contains(&address))
    }

    /// With the limit by address off there is nothing that an alarm could slow down.
    const fn limits_addresses(&self) -> bool {
        self.address.period_ms > 0
    }

    fn is_slowed(&self, key: Key, now: Timestamp) -> bool {
        lock(&self.alarm).until(now).is_some() && !lock(&self.known).contains(key, now)
    }

    /// IPv4 by address, IPv6 by /64: that much every customer of a provider has to himself. None where many may
    /// stand behind it.
    fn address_key(&self, address: Option<IpAddr>) -> Option<Key> {
        match address?.to_canonical() {
            IpAddr::V4(ip) if ip.is_loopback() => None,
            IpAddr::V6(ip) if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(self.hashed(b"4", &ip.octets(), ip.to_ipv6_mapped().octets())),
            IpAddr::V6(ip) => {
                let mut net = ip.octets();
                net[8..].fill(0);
                Some(self.hashed(b"6", &net[..8], net))
            }
        }
    }

    /// Logins differ neither by case nor by the spaces around them.
    fn account_key(&self, account: Account<'_>) -> Key {
        match account {
            Account::Login(login) => self.hashed(b"a", login.trim().to_ascii_lowercase().as_bytes(), UNKNOWN),
            Account::Own(id) => self.hashed(b"m", id.to_string().as_bytes(), *id.as_uuid().as_bytes()),
        }
    }

    fn hashed(&self, kind: &[u8], bytes: &[u8], subject: Subject) -> Key {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind);
        context.update(bytes);
        let tag = context.sign();
        let (set, rest) = tag.as_ref().split_at(4);
        let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        Key { set: usize::try_from(word(set)).unwrap_or(0) % SETS, tag: word(&rest[..8]), subject }
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

/// What an address gets during an alarm that nobody signed in from lately: two tries, then one every half minute.
const SLOWED: Rule = Rule { burst: 2, period_ms: 30_000, ..ADDRESS };

/// Different logins that may fail from one address within ten minutes, and from one that somebody signed in from. They
/// are told apart by 64 groups, so the ninth and the fourteenth are about the first that are too many.
const MOST_ACCOUNTS: u32 = 8;
const MOST_ACCOUNTS_WHERE_KNOWN: u32 = 12;

/// What a failure counts from an address that tries many accounts.
const STUFFING_WEIGHT: u32 = 4;

/// Rows of each kind in the list: who has more to look at looks at the metrics.
const LISTED: usize = 100;

/// One of 64 groups of logins.
const fn login_bit(account: Key) -> u64 {
    1 << (account.tag % 64)
}

/// Counts a refusal by what refused.
fn counted(layer: &'static str) -> impl Fn(RetryAfter) -> RetryAfter {
    move |wait| {
        metrics::counter!(names::LOGIN_REFUSED.name, "layer" => layer).increment(1);
        wait
    }
}

/// A panic of another holder leaves counters, not broken data.
fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
