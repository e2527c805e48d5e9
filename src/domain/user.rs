//! Users: accounts that own devices.

use serde::{Deserialize, Serialize};

use crate::domain::access::Role;
use crate::domain::contact::Email;
use crate::domain::id::UserId;
use crate::domain::language::Language;
use crate::domain::name::{DisplayName, Login};
use crate::domain::time::Timestamp;

/// A user's row, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names the user.
    pub id: UserId,
    /// What the user signs in with.
    pub login: Login,
    /// How the user is shown.
    pub display_name: DisplayName,
    /// Where letters to the user go.
    pub email: Option<Email>,
    /// The language of those letters; the service's own where it is none.
    pub language: Option<Language>,
    /// What the user may do.
    pub role: Role,
    /// Whether a password is set; without one nobody signs in as this user.
    pub has_password: bool,
    /// Whether a second factor is enrolled; a sign-in then asks for it.
    pub has_mfa: bool,
    /// Tokens made before the last change of epoch are dead.
    pub epoch: i64,
    /// Whether an operator stopped the account and its devices.
    pub disabled: bool,
    /// When the account and its devices stop.
    pub expires_at: Option<Timestamp>,
    /// Bytes that all devices together may move, both ways.
    pub data_limit_bytes: Option<u64>,
    /// Devices this user may have.
    pub device_limit: Option<u32>,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, until a purge.
    pub deleted_at: Option<Timestamp>,
}

/// A user about to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Names the user.
    pub id: UserId,
    /// What the user signs in with.
    pub login: Login,
    /// How the user is shown.
    pub display_name: DisplayName,
    /// Where letters to the user go.
    pub email: Option<Email>,
    /// The language of those letters; the service's own where it is none.
    pub language: Option<Language>,
    /// What the user may do.
    pub role: Role,
    /// The hash of the password, in bcrypt's own format.
    pub password_hash: Option<String>,
    /// When the account and its devices stop.
    pub expires_at: Option<Timestamp>,
    /// Bytes that all devices together may move, both ways.
    pub data_limit_bytes: Option<u64>,
    /// Devices this user may have.
    pub device_limit: Option<u32>,
}

/// Whether an account is usable, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// The account works.
    Active,
    /// Its time is over.
    Expired,
    /// An operator stopped it.
    Disabled,
}

impl User {
    /// The state that follows from the facts.
    pub fn state(&self, now: Timestamp) -> UserState {
        match (self.disabled, self.is_expired(now)) {
            (true, _) => UserState::Disabled,
            (false, true) => UserState::Expired,
            (false, false) => UserState::Active,
        }
    }

    /// Whether the account's time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
