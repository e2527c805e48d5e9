//! What the limits of sign-in tell: signs of guessing, and who has failed lately.

use std::net::IpAddr;

use crate::app::login_limit::table::Entry;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;

/// What a failed attempt has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The account's wait has become the longest there is.
    AccountLocked,
    /// One address has tried many accounts.
    ManyAccounts,
    /// One password was tried on many accounts.
    OnePassword,
    /// Too many attempts have failed in all.
    ManyFailures,
}

impl Finding {
    /// The name in the audit and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountLocked => "account_locked",
            Self::ManyAccounts => "many_accounts",
            Self::OnePassword => "one_password",
            Self::ManyFailures => "many_failures",
        }
    }
}

/// Who has failed lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The address, or the /64 it is in, where it is one.
    pub address: Option<IpAddr>,
    /// The account, where it is one that exists.
    pub user: Option<UserId>,
    /// Failures that are not forgotten.
    pub failures: u32,
    /// Until when it must wait, if it must.
    pub until: Option<Timestamp>,
}

/// What the limits hold now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Failures of the last minute.
    pub recent_failures: u32,
    /// Until when unknown addresses are slowed down.
    pub alarm_until: Option<Timestamp>,
    /// Addresses that failed lately, who must wait longest first.
    pub addresses: Vec<Held>,
    /// Accounts, in the same way.
    pub accounts: Vec<Held>,
}

/// An address as it is told.
pub(super) fn held_address(entry: &Entry, now: Timestamp) -> Held {
    let address = IpAddr::from(entry.subject).to_canonical();
    Held { address: Some(address), user: None, failures: entry.failures, until: until(entry, now) }
}

/// An account as it is told.
pub(super) fn held_account(entry: &Entry, now: Timestamp) -> Held {
    Held { address: None, user: entry.user(), failures: entry.failures, until: until(entry, now) }
}

fn until(entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let until = Timestamp::from_millis(entry.barred_until_ms);
    (until > now).then_some(until)
}
