//! One-time links, known by the hashes of their tokens.
//!
//! Invariant: a token is used by one conditional statement, so it works once however many try.

use crate::domain::id::LinkId;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{FromRow, Row, params};

/// A one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Names the link.
    pub id: LinkId,
    /// What it is for: `setup`, `reveal` …
    pub kind: String,
    /// The thing it opens, if it is about one.
    pub target: Option<String>,
    /// The epoch of the account it was made for: with another epoch it opens nothing.
    pub user_epoch: Option<i64>,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Makes a link.
///
/// # Errors
/// `Conflict(LinkToken)`.
pub async fn insert(tx: &mut Tx, link: &Link, token_hash: &[u8]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO links (id, kind, token_hash, target_id, expires_at, created_at, user_epoch) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let target = link.target.as_deref();
    let params = params![
        link.id,
        link.kind.as_str(),
        token_hash,
        target,
        link.expires_at,
        link.created_at,
        link.user_epoch
    ];
    tx.execute(SQL, params).await.map(drop)
}

/// The link of a token if it still works; looking does not use it.
///
/// # Errors
/// The store's.
pub async fn find(
    conn: &mut Conn,
    kind: &str,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    const SQL: &str =
        "SELECT * FROM links WHERE token_hash = ?1 AND kind = ?2 AND used_at IS NULL AND expires_at > ?3";
    conn.find(SQL, params![token_hash, kind, now]).await
}

/// Uses the link of a token; `None` when it does not work any more.
///
/// # Errors
/// The store's.
pub async fn spend(
    tx: &mut Tx,
    kind: &str,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    const SQL: &str = "UPDATE links SET used_at = ?3 WHERE token_hash = ?1 AND kind = ?2 AND used_at IS NULL \
        AND expires_at > ?3 RETURNING *";
    tx.find(SQL, params![token_hash, kind, now]).await
}

/// Whether a link of this kind still works.
///
/// # Errors
/// The store's.
pub async fn any_live(conn: &mut Conn, kind: &str, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT id FROM links WHERE kind = ?1 AND used_at IS NULL AND expires_at > ?2 LIMIT 1";
    let found: Option<String> = conn.find(SQL, params![kind, now]).await?;
    Ok(found.is_some())
}

/// Whether a link of this kind to an account as it is now was made since a time and still works.
///
/// # Errors
/// The store's.
pub async fn made_since(
    conn: &mut Conn,
    kind: &str,
    (user, epoch): (&str, i64),
    since: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT id FROM links WHERE kind = ?1 AND target_id = ?2 AND user_epoch = ?3 AND created_at > ?4 \
        AND used_at IS NULL AND expires_at > ?5 LIMIT 1";
    let found: Option<String> = conn.find(SQL, params![kind, user, epoch, since, now]).await?;
    Ok(found.is_some())
}

/// Removes every link of a kind, or those of the kind that open one thing.
///
/// # Errors
/// The store's.
pub async fn revoke(tx: &mut Tx, kind: &str, target: Option<&str>) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM links WHERE kind = ?1 AND (?2 IS NULL OR target_id = ?2)";
    tx.execute(SQL, params![kind, target]).await
}

/// Removes links and join tokens that were over before a time, used or not, at most `limit` of each; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const LINKS: &str = "DELETE FROM links WHERE id IN (SELECT id FROM links WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
    const TOKENS: &str =
        "DELETE FROM join_tokens WHERE id IN (SELECT id FROM join_tokens WHERE expires_at < ?1 LIMIT ?2)";
    Ok(tx.execute(LINKS, params![before, limit]).await? + tx.execute(TOKENS, params![before, limit]).await?)
}

impl FromRow for Link {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            kind: row.take("kind")?,
            target: row.take("target_id")?,
            user_epoch: row.take("user_epoch")?,
            expires_at: row.take("expires_at")?,
            used_at: row.take("used_at")?,
            created_at: row.take("created_at")?,
        })
    }
}
