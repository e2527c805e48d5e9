//! Invites in the database, known by the hashes of their tokens.
//!
//! Invariant: a token is used by one conditional statement, so it makes one account however many try.

use crate::domain::id::{InviteId, UserId};
use crate::domain::invite::Invite;
use crate::domain::name::fold;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::list::{Select, Sort};
use crate::store::value::{FromRow, Kind, Row, params};

/// What lists of invites are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteSort {
    /// When they were made.
    CreatedAt,
    /// When they are no longer good.
    ExpiresAt,
}

impl Sort for InviteSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::CreatedAt => ("created_at", Kind::Int),
            Self::ExpiresAt => ("expires_at", Kind::Int),
        }
    }
}

/// Makes an invite.
///
/// # Errors
/// The store's.
pub async fn insert(tx: &mut Tx, invite: &Invite, hash: &[u8]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO invites (id, token_hash, role, email, language, device_limit, data_limit_bytes, \
        account_expires_at, expires_at, created_by, created_at, search) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let it = invite;
    let search = fold(it.email.as_ref().map_or("", |email| email.as_str()));
    let params = params![
        it.id,
        hash,
        it.role,
        it.email.as_ref(),
        it.language,
        it.device_limit,
        it.data_limit_bytes,
        it.account_expires_at,
        it.expires_at,
        it.created_by,
        it.created_at,
        search
    ];
    tx.execute(SQL, params).await.map(drop)
}

/// An invite.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: InviteId) -> Result<Option<Invite>, StoreError> {
    conn.find("SELECT * FROM invites WHERE id = ?1", params![id]).await
}

/// The invite of a token if it is still good; looking does not use it.
///
/// # Errors
/// The store's.
pub async fn find_open(conn: &mut Conn, hash: &[u8], now: Timestamp) -> Result<Option<Invite>, StoreError> {
    const SQL: &str = "SELECT * FROM invites WHERE token_hash = ?1 AND used_at IS NULL AND expires_at > ?2";
    conn.find(SQL, params![hash, now]).await
}

/// Uses the invite of a token for an account; `None` when it is not good any more.
///
/// # Errors
/// The store's.
pub async fn spend(
    tx: &mut Tx,
    hash: &[u8],
    user: UserId,
    now: Timestamp,
) -> Result<Option<Invite>, StoreError> {
    const SQL: &str = "UPDATE invites SET used_at = ?3, user_id = ?2 \
        WHERE token_hash = ?1 AND used_at IS NULL AND expires_at > ?3 RETURNING *";
    tx.find(SQL, params![hash, user, now]).await
}

/// A page of invites.
///
/// # Errors
/// `BadCursor`.
pub async fn list(conn: &mut Conn, page: &PageRequest<InviteSort>) -> Result<Page<Invite>, StoreError> {
    Select::from("invites").page(conn, page).await
}

/// Removes an invite.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, id: InviteId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM invites WHERE id = ?1", params![id]).await.map(drop)
}

/// Removes invites that were over before a time, used or not, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM invites WHERE id IN \
        (SELECT id FROM invites WHERE expires_at < ?1 ORDER BY expires_at, id LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl FromRow for Invite {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            role: row.take("role")?,
            email: row.take("email")?,
            language: row.take("language")?,
            device_limit: row.take("device_limit")?,
            data_limit_bytes: row.take("data_limit_bytes")?,
            account_expires_at: row.take("account_expires_at")?,
            expires_at: row.take("expires_at")?,
            used_at: row.take("used_at")?,
            user: row.take("user_id")?,
            created_by: row.take("created_by")?,
            created_at: row.take("created_at")?,
        })
    }
}
