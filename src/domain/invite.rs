//! Invites: single-use links by which somebody makes their own account.

use serde::{Deserialize, Serialize};

use crate::domain::access::Role;
use crate::domain::contact::Email;
use crate::domain::id::{InviteId, UserId};
use crate::domain::language::Language;
use crate::domain::time::Timestamp;

/// An invite's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Names the invite.
    pub id: InviteId,
    /// What the account will be allowed to do.
    pub role: Role,
    /// Where it was sent, and the address the account will have.
    pub email: Option<Email>,
    /// The language of its letter and of the account.
    pub language: Option<Language>,
    /// Devices the account may have.
    pub device_limit: Option<u32>,
    /// Bytes that all devices of the account together may move.
    pub data_limit_bytes: Option<u64>,
    /// When the account will stop.
    pub account_expires_at: Option<Timestamp>,
    /// When the invite is no longer good.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// The account that it made.
    pub user: Option<UserId>,
    /// Who made it; none where it was made on the machine itself.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether an invite can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteState {
    /// Nobody has used it yet.
    Open,
    /// It made an account.
    Used,
    /// Its time is over.
    Expired,
}

impl Invite {
    /// The state that follows from the facts.
    pub fn state(&self, now: Timestamp) -> InviteState {
        if self.used_at.is_some() {
            InviteState::Used
        } else if self.expires_at <= now {
            InviteState::Expired
        } else {
            InviteState::Open
        }
    }
}
