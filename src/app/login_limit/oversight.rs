//! What operators see of the limits, and change.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;

use crate::app::login_limit::holding::{Held, Holding, held_account, held_address};
use crate::app::login_limit::table::{Entry, Table};
use crate::app::login_limit::{Account, LoginLimit, lock};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;

/// Rows of each kind in the list: who has more to look at looks at the metrics.
const LISTED: usize = 100;

impl LoginLimit {
    /// From now on these ranges, and no others, are never limited.
    pub fn set_unlimited(&self, ranges: Vec<IpNet>) {
        *self.unlimited.write().unwrap_or_else(PoisonError::into_inner) = ranges;
    }

    /// Who has failed lately: by password or by second factor, where it is accounts.
    pub fn list(&self, now: Timestamp) -> Holding {
        let failing = |table: &Mutex<Table>| lock(table).failing(now);
        let addresses = failing(&self.addresses);
        let accounts = [failing(&self.accounts), failing(&self.second_factors)].concat();
        let alarm = lock(&self.alarm);
        Holding {
            recent_failures: alarm.recent(now),
            alarm_until: alarm.until(now),
            addresses: listed(addresses, |entry| held_address(entry, now)),
            accounts: listed(accounts, |entry| held_account(entry, now)),
        }
    }

    /// Forgets what an address has failed; false where nothing was known.
    pub fn unban_address(&self, address: IpAddr, now: Timestamp) -> bool {
        let Some(key) = self.address_key(Some(address)) else { return false };
        lock(&self.known).insert(key, now);
        lock(&self.addresses).forget(key)
    }

    /// Forgets what has failed for an account, also of its second factor; false where nothing was known.
    pub fn unban_account(&self, login: &str, user: Option<UserId>) -> bool {
        let forget = |account: Account<'_>| lock(self.of(account).1).forget(self.account_key(account));
        let by_login = forget(Account::Login(login));
        let own = user.is_some_and(|user| forget(Account::Own(user)));
        let second = user.is_some_and(|user| forget(Account::SecondFactor(user)));
        by_login || own || second
    }
}

/// Those who must wait longest first, as many as are listed.
fn listed(mut found: Vec<Entry>, held: impl Fn(&Entry) -> Held) -> Vec<Held> {
    found.sort_by_key(|entry| std::cmp::Reverse((entry.barred_until_ms, entry.failures)));
    found.iter().take(LISTED).map(held).collect()
}
