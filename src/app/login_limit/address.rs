//! What is counted of an address, also of attempts that are aimed at no account yet.

use std::net::IpAddr;

use crate::app::login_limit::alarm::WITHIN_MS;
use crate::app::login_limit::rules::{MOST_ACCOUNTS, MOST_ACCOUNTS_WHERE_KNOWN, SLOWED, STUFFING_WEIGHT};
use crate::app::login_limit::table::{Entry, Key};
use crate::app::login_limit::{Finding, LoginLimit, RetryAfter, lock, refused};
use crate::domain::time::Timestamp;
use crate::telemetry::names;

impl LoginLimit {
    /// Admits an attempt that is aimed at no account yet, and charges it, or says how long to wait. It is followed by
    /// [`LoginLimit::fail_address`] or [`LoginLimit::refund_address`], or stays charged until its period has passed.
    ///
    /// # Errors
    /// [`RetryAfter`], which is a 429.
    pub fn check_address(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), RetryAfter> {
        let Some(key) = self.limited_key(address) else { return Ok(()) };
        let slowed = self.is_slowed(key, now);
        let mut addresses = lock(&self.addresses);
        let from = addresses.entry(key, now);
        self.admits_from(from, slowed, now)?;
        self.charge_from(from, slowed, now);
        Ok(())
    }

    /// An attempt that was aimed at no account was wrong. Each finding is told once an episode.
    pub fn fail_address(&self, address: Option<IpAddr>, now: Timestamp) -> Vec<Finding> {
        if self.is_unlimited(address) {
            return Vec::new();
        }
        metrics::counter!(names::LOGIN_FAILURES.name).increment(1);
        if let Some(key) = self.limited_key(address) {
            self.fail_from(key, None, now);
        }
        self.count_failure(now).into_iter().collect()
    }

    /// An attempt from here was right: it is given back, and people sign in from here.
    pub fn refund_address(&self, address: Option<IpAddr>, now: Timestamp) {
        let Some(key) = self.limited_key(address) else { return };
        if self.is_slowed(key, now) {
            lock(&self.addresses).entry(key, now).refund_slowly(&SLOWED);
        }
        lock(&self.known).insert(key, now);
        lock(&self.addresses).entry(key, now).refund(&self.address, now);
    }

    pub(super) fn admits_from(
        &self,
        from: &mut Entry,
        slowed: bool,
        now: Timestamp,
    ) -> Result<(), RetryAfter> {
        from.admits(&self.address, now).map_err(|wait| refused(wait, "address", None, from, now))?;
        if slowed {
            from.admits_slowly(&SLOWED, now).map_err(|wait| refused(wait, "alarm", None, from, now))?;
        }
        Ok(())
    }

    pub(super) fn charge_from(&self, from: &mut Entry, slowed: bool, now: Timestamp) {
        from.charge(&self.address, now);
        if slowed {
            from.charge_slowly(&SLOWED, now);
        }
    }

    /// Counts a failure of an address, with the login it was aimed at; true where those have become too many.
    pub(super) fn fail_from(&self, key: Key, login_bit: Option<u64>, now: Timestamp) -> bool {
        let is_known = lock(&self.known).contains(key, now);
        let most = if is_known { MOST_ACCOUNTS_WHERE_KNOWN } else { MOST_ACCOUNTS };
        let mut addresses = lock(&self.addresses);
        let from = addresses.entry(key, now);
        let limits = self.limits_addresses();
        let spreads = limits && login_bit.is_some_and(|bit| from.spreads(bit, most, WITHIN_MS, now));
        let by = if limits && from.is_spread(most) { STUFFING_WEIGHT } else { 1 };
        from.fail(&self.address, by, now);
        spreads
    }

    /// Counts a failure among all.
    pub(super) fn count_failure(&self, now: Timestamp) -> Option<Finding> {
        (self.limits_addresses() && lock(&self.alarm).count(now)).then_some(Finding::ManyFailures)
    }

    /// With the limit by address off there is nothing that an alarm could slow down.
    pub(super) const fn limits_addresses(&self) -> bool {
        self.address.period_ms > 0
    }

    pub(super) fn is_slowed(&self, key: Key, now: Timestamp) -> bool {
        lock(&self.alarm).until(now).is_some() && !lock(&self.known).contains(key, now)
    }
}
