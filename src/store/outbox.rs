//! Invalidations that other replicas apply in order.
//!
//! Invariant: an entry is written in the transaction of the change it tells of, so neither is ever without the other.

use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::sequences::{self, OUTBOX};
use crate::store::value::{FromRow, Row, params};

/// One invalidation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its place in the order; a gap means that something was missed.
    pub sequence: i64,
    /// The kind of thing: `user`, `device` …
    pub kind: String,
    /// The thing's id.
    pub subject: String,
}

/// Appends an invalidation.
///
/// # Errors
/// The store's.
pub async fn append(tx: &mut Tx, kind: &str, subject: &str, now: Timestamp) -> Result<i64, StoreError> {
    const SQL: &str = "INSERT INTO outbox (sequence, kind, subject, created_at) VALUES (?1, ?2, ?3, ?4)";
    let sequence = sequences::next(tx, OUTBOX).await?;
    tx.execute(SQL, params![sequence, kind, subject, now]).await?;
    Ok(sequence)
}

/// Entries after a sequence, oldest first.
///
/// # Errors
/// The store's.
pub async fn after(conn: &mut Conn, sequence: i64, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
    const SQL: &str =
        "SELECT sequence, kind, subject FROM outbox WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    conn.query(SQL, params![sequence, limit]).await
}

/// Removes the first entries made before a time, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM outbox WHERE sequence IN \
        (SELECT sequence FROM outbox WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl FromRow for OutboxEntry {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { sequence: row.take("sequence")?, kind: row.take("kind")?, subject: row.take("subject")? })
    }
}
