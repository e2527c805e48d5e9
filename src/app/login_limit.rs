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

mod address;
mod alarm;
mod holding;
mod keys;
mod known;
mod oversight;
mod rules;
mod table;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use ipnet::IpNet;

use crate::app::login_limit::alarm::Alarm;
pub use crate::app::login_limit::holding::{Finding, Held, Holding};
use crate::app::login_limit::keys::login_bit;
use crate::app::login_limit::known::Known;
use crate::app::login_limit::rules::{ACCOUNT, ADDRESS, SECOND_FACTOR};
use crate::app::login_limit::table::{Entry, Key, Rule, Table, UNKNOWN};
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
    second_factor: Rule,
    addresses: Mutex<Table>,
    accounts: Mutex<Table>,
    second_factors: Mutex<Table>,
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
        if self.is_exempt(address, account) {
            return Ok(());
        }
        let key = self.limited_key(address);
        let slowed = key.is_some_and(|key| self.is_slowed(key, now));
        let mut addresses = lock(&self.addresses);
        let mut from = key.map(|key| addresses.entry(key, now));
        // An address that must wait does not get to fill the table of accounts.
        if let Some(from) = &mut from {
            self.admits_from(from, slowed, now)?;
        }
        let (rule, table) = self.of(account);
        let mut accounts = lock(table);
        let to = accounts.entry(self.account_key(account), now);
        let user = to.user();
        to.admits(rule, now).map_err(|wait| refused(wait, account.layer(), user, to, now))?;
        if let Some(from) = &mut from {
            self.charge_from(from, slowed, now);
        }
        to.charge(rule, now);
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
        if self.is_exempt(address, account) {
            return found;
        }
        metrics::counter!(names::LOGIN_FAILURES.name).increment(1);
        let to = self.account_key(account);
        if let Some(key) = self.limited_key(address)
            && self.fail_from(key, Some(login_bit(to)), now)
        {
            found.push(Finding::ManyAccounts);
        }
        let (rule, table) = self.of(account);
        if lock(table).entry(to, now).fail(rule, 1, now) {
            found.push(Finding::AccountLocked);
        }
        found.extend(self.count_failure(now));
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
        let (_, table) = self.of(account);
        lock(table).entry(self.account_key(account), now).subject = *user.as_uuid().as_bytes();
    }

    /// The password was right. The account starts afresh; the address only gets its attempt back, or a guesser
    /// with an account of his own could wipe his traces with it.
    pub fn record_success(&self, address: Option<IpAddr>, account: Account<'_>, now: Timestamp) {
        if self.is_exempt(address, account) {
            return;
        }
        self.refund_address(address, now);
        lock(self.of(account).1).forget(self.account_key(account));
    }

    /// Bytes held at most, whatever is recorded.
    pub const MAX_BYTES: usize = 3 * Table::MAX_BYTES + Alarm::BYTES + Known::BYTES;

    /// The rule of an account, and where its attempts are counted.
    const fn of(&self, account: Account<'_>) -> (&Rule, &Mutex<Table>) {
        match account {
            Account::Login(_) | Account::Own(_) | Account::Forgotten(_) => (&self.account, &self.accounts),
            Account::SecondFactor(_) => (&self.second_factor, &self.second_factors),
        }
    }
}

impl Account<'_> {
    /// What refuses it, as the metrics have it.
    const fn layer(self) -> &'static str {
        match self {
            Self::Login(_) | Self::Own(_) | Self::Forgotten(_) => "account",
            Self::SecondFactor(_) => "second_factor",
        }
    }
}

/// How long to wait before another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts to sign in; try again in {} s", self.seconds())]
pub struct RetryAfter {
    wait: Duration,
    told: Option<Refusal>,
}

/// What the audit is told of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Which limit refused, as the metrics have it.
    pub layer: &'static str,
    /// The account, where it was refused for its own failures and is one that exists.
    pub user: Option<UserId>,
}

impl RetryAfter {
    const fn new(wait: Duration) -> Self {
        Self { wait, told: None }
    }

    /// What is to be told, where this is the first refusal of a lock.
    pub const fn told(&self) -> Option<Refusal> {
        self.told
    }

    /// The value of the `Retry-After` header: whole seconds, rounded up, at least one.
    pub fn seconds(self) -> u64 {
        self.wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
    }
}

/// Counts a refusal by what refused, and says once for each lock that it is to be told.
fn refused(
    wait: RetryAfter,
    layer: &'static str,
    user: Option<UserId>,
    by: &mut Entry,
    now: Timestamp,
) -> RetryAfter {
    metrics::counter!(names::LOGIN_REFUSED.name, "layer" => layer).increment(1);
    RetryAfter { told: by.tells_refusal(now).then_some(Refusal { layer, user }), ..wait }
}

/// A panic of another holder leaves counters, not broken data.
fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
