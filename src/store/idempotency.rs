//! Answers to requests that carried an idempotency key, kept for replays.
//!
//! Invariant: an answer is written in the transaction of the act, and never holds a secret.

use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{FromRow, Row, params};

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The hash of the request it answered: another request under the same key is an error.
    pub request_hash: Vec<u8>,
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// When it was given.
    pub created_at: Timestamp,
}

/// The answer to an actor's key that is not older than `since`.
///
/// # Errors
/// The store's.
pub async fn find(
    conn: &mut Conn,
    actor: &str,
    key_hash: &[u8],
    since: Timestamp,
) -> Result<Option<Replay>, StoreError> {
    const SQL: &str =
        "SELECT * FROM idempotency_keys WHERE actor_id = ?1 AND key_hash = ?2 AND created_at >= ?3";
    conn.find(SQL, params![actor, key_hash, since]).await
}

/// Keeps an answer. One that is older than `since` is replaced: its key may be used again.
///
/// # Errors
/// `Conflict(IdempotencyKey)` when another request under the same key was faster.
pub async fn insert(
    tx: &mut Tx,
    actor: &str,
    key_hash: &[u8],
    replay: &Replay,
    since: Timestamp,
) -> Result<(), StoreError> {
    const OLD: &str =
        "DELETE FROM idempotency_keys WHERE actor_id = ?1 AND key_hash = ?2 AND created_at < ?3";
    const SQL: &str = "INSERT INTO idempotency_keys (actor_id, key_hash, request_hash, status, body, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.execute(OLD, params![actor, key_hash, since]).await?;
    let request = replay.request_hash.as_slice();
    let params = params![actor, key_hash, request, replay.status, replay.body.as_slice(), replay.created_at];
    tx.execute(SQL, params).await.map(drop)
}

/// Removes the oldest answers given before a time, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM idempotency_keys WHERE (actor_id, key_hash) IN \
        (SELECT actor_id, key_hash FROM idempotency_keys WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl FromRow for Replay {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            request_hash: row.take("request_hash")?,
            status: row.take("status")?,
            body: row.take("body")?,
            created_at: row.take("created_at")?,
        })
    }
}
