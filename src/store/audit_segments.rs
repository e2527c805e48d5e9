//! The audit's chain in the database: sealing events, reading them back to check, erasing sources, pruning.
//!
//! Invariant: a sealed event changes only in its personal columns, and goes only together with its whole segment.

use crate::domain::audit_chain::{Digest, FIELDS, Head, SealedRow, Segment};
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::list::{groups, members};
use crate::store::value::{Bind, FromRow, Row, Value, params};

/// A segment with its seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSegment {
    /// What is sealed.
    pub segment: Segment,
    /// The list of events, until they are pruned.
    pub entries: Option<Vec<u8>>,
    /// The segment's own digest.
    pub digest: Digest,
    /// The service's seal.
    pub mac: Vec<u8>,
    /// When retention removed its events, with the service's seal of that.
    pub pruned: Option<(i64, Vec<u8>)>,
}

/// Number, digest and the position after the last event of the newest segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The newest segment.
    pub head: Head,
    /// Where the next event goes.
    pub next_position: i64,
}

/// The columns of a sealed row, in the order in which they are read.
const ROW: &str = "segment, id, at, actor_kind, actor_id, api_token_id, action, target_kind, target_id, outcome, \
    request_id, before_state, after_state, source, source_salt, source_digest";

/// Ids in one statement, far below what either database takes.
const IDS_AT_ONCE: usize = 500;

/// The newest segment; `None` before the first one.
///
/// # Errors
/// The store's.
pub async fn tip(conn: &mut Conn) -> Result<Option<Tip>, StoreError> {
    const SQL: &str = "SELECT number, digest, first_position + event_count AS next_position FROM audit_segments \
        ORDER BY number DESC LIMIT 1";
    conn.find(SQL, &[]).await
}

/// Events that are not sealed, oldest first.
///
/// # Errors
/// The store's.
pub async fn unsealed(conn: &mut Conn, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
    let sql = format!("SELECT {ROW} FROM audit_events WHERE segment IS NULL ORDER BY id LIMIT ?1");
    conn.query(&sql, params![limit]).await
}

/// How many events are not sealed.
///
/// # Errors
/// The store's.
pub async fn count_unsealed(conn: &mut Conn) -> Result<u64, StoreError> {
    conn.one("SELECT COUNT(*) FROM audit_events WHERE segment IS NULL", &[]).await
}

/// Appends a segment and marks its events.
///
/// # Errors
/// `Conflict(Id)` when another process has sealed a segment of this number, `Stale` when one of the events is gone or
/// sealed already.
pub async fn append(tx: &mut Tx, new: &StoredSegment, events: &[String]) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO audit_segments (number, first_position, event_count, sealed_at, newest_at, previous, \
        entries, entries_digest, digest, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let it = &new.segment;
    let params = params![
        it.number,
        it.first_position,
        it.count,
        it.sealed_at,
        it.newest_at,
        &it.previous[..],
        new.entries.as_deref(),
        &it.entries_digest[..],
        &new.digest[..],
        new.mac.as_slice(),
    ];
    tx.execute(INSERT, params).await?;
    for ids in events.chunks(IDS_AT_ONCE) {
        let sql = format!(
            "UPDATE audit_events SET segment = ?1 WHERE segment IS NULL AND id IN ({})",
            members(ids.len(), 2)
        );
        let mut params = vec![it.number.bind()];
        params.extend(ids.iter().map(|id| id.as_str().bind()));
        if tx.execute(&sql, &params).await? != ids.len() as u64 {
            return Err(StoreError::new(ErrorKind::Stale));
        }
    }
    Ok(())
}

/// Number and count of the segments after one, to choose how many are read whole.
///
/// # Errors
/// The store's.
pub async fn counts_after(conn: &mut Conn, number: i64, limit: u32) -> Result<Vec<(i64, i64)>, StoreError> {
    const SQL: &str = "SELECT number, CASE WHEN pruned_at IS NULL THEN event_count ELSE 0 END AS events \
        FROM audit_segments WHERE number > ?1 ORDER BY number LIMIT ?2";
    let mut rows: Vec<Row> = conn.query(SQL, params![number, limit]).await?;
    rows.iter_mut().map(|row| Ok((row.take_at(0)?, row.take_at(1)?))).collect()
}

/// Whole segments, in order.
///
/// # Errors
/// The store's; `Unreadable` for a record that is none.
pub async fn between(conn: &mut Conn, first: i64, last: i64) -> Result<Vec<StoredSegment>, StoreError> {
    conn.query(
        "SELECT * FROM audit_segments WHERE number BETWEEN ?1 AND ?2 ORDER BY number",
        params![first, last],
    )
    .await
}

/// The events that say they belong to these segments.
///
/// # Errors
/// The store's; `Unreadable` when one of them is no event any more.
pub async fn events_between(
    conn: &mut Conn,
    first: i64,
    last: i64,
    limit: u32,
) -> Result<Vec<SealedRow>, StoreError> {
    let sql = format!(
        "SELECT {ROW} FROM audit_events WHERE segment BETWEEN ?1 AND ?2 ORDER BY segment, id LIMIT ?3"
    );
    conn.query(&sql, params![first, last, limit]).await
}

/// One event.
///
/// # Errors
/// The store's; `Unreadable` when it is no event any more.
pub async fn event(conn: &mut Conn, id: &str) -> Result<Option<SealedRow>, StoreError> {
    conn.find(&format!("SELECT {ROW} FROM audit_events WHERE id = ?1"), params![id]).await
}

/// An event of a segment that comes after this one or before the first.
///
/// # Errors
/// The store's.
pub async fn stray(conn: &mut Conn, newest: i64) -> Result<Option<(String, i64)>, StoreError> {
    const SQL: &str =
        "SELECT id, segment FROM audit_events WHERE segment > ?1 OR segment < 1 ORDER BY segment, id LIMIT 1";
    let found: Option<Row> = conn.find(SQL, params![newest]).await?;
    found.map(|mut row| Ok((row.take_at(0)?, row.take_at(1)?))).transpose()
}

/// The number of the segment with a digest.
///
/// # Errors
/// The store's.
pub async fn find_digest(conn: &mut Conn, digest: &Digest) -> Result<Option<i64>, StoreError> {
    conn.find("SELECT number FROM audit_segments WHERE digest = ?1", params![&digest[..]]).await
}

/// Segments all of whose events happened before a time and are still there, oldest first.
///
/// # Errors
/// The store's.
pub async fn kept_before(
    conn: &mut Conn,
    before_ms: i64,
    limit: u32,
) -> Result<Vec<StoredSegment>, StoreError> {
    const SQL: &str = "SELECT * FROM audit_segments WHERE pruned_at IS NULL AND newest_at < ?1 \
        ORDER BY newest_at, number LIMIT ?2";
    conn.query(SQL, params![before_ms, limit]).await
}

/// Removes a segment's events and keeps its digests; says how many events that were.
///
/// # Errors
/// The store's.
pub async fn prune(tx: &mut Tx, number: i64, at_ms: i64, seal: &Digest) -> Result<u64, StoreError> {
    const MARK: &str = "UPDATE audit_segments SET entries = NULL, pruned_at = ?2, pruned_mac = ?3, sources_erased_at = ?2 \
        WHERE number = ?1 AND pruned_at IS NULL";
    if tx.execute(MARK, params![number, at_ms, &seal[..]]).await? == 0 {
        return Ok(0);
    }
    tx.execute("DELETE FROM audit_events WHERE segment = ?1", params![number]).await
}

/// Segments all of whose events happened before a time and still tell where they came from, oldest first.
///
/// # Errors
/// The store's.
pub async fn with_sources_before(
    conn: &mut Conn,
    before_ms: i64,
    limit: u32,
) -> Result<Vec<i64>, StoreError> {
    const SQL: &str = "SELECT number FROM audit_segments WHERE sources_erased_at IS NULL AND newest_at < ?1 \
        ORDER BY number LIMIT ?2";
    conn.query(SQL, params![before_ms, limit]).await
}

/// Puts the commitments in the place of what they hide, and notes that the segment has no source left.
///
/// # Errors
/// The store's.
pub async fn erase_sources(
    tx: &mut Tx,
    segment: i64,
    commitments: &[(String, Digest)],
    at_ms: i64,
) -> Result<(), StoreError> {
    const MARK: &str = "UPDATE audit_segments SET sources_erased_at = ?2 WHERE number = ?1";
    for some in commitments.chunks(IDS_AT_ONCE) {
        // Both databases call the columns of VALUES so.
        let sql = format!(
            "UPDATE audit_events SET source = NULL, source_salt = NULL, source_digest = given.column2 \
             FROM (VALUES {}) AS given WHERE audit_events.id = given.column1",
            groups(some.len(), 2, 1)
        );
        let params: Vec<Value> =
            some.iter().flat_map(|(id, digest)| [id.as_str().bind(), digest[..].bind()]).collect();
        tx.execute(&sql, &params).await?;
    }
    tx.execute(MARK, params![segment, at_ms]).await.map(drop)
}

impl FromRow for SealedRow {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let mut fields = FIELDS.map(|_| None);
        for (index, field) in fields.iter_mut().enumerate() {
            *field = row.take_at(3 + index)?;
        }
        let source: Option<String> = row.take_at(13)?;
        let salt: Option<Vec<u8>> = row.take_at(14)?;
        Ok(Self {
            segment: row.take_at(0)?,
            id: row.take_at(1)?,
            at: row.take_at(2)?,
            fields,
            source: source.map(|source| (source, salt.unwrap_or_default())),
            source_digest: row.take_at(15)?,
        })
    }
}

impl FromRow for StoredSegment {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let pruned_at: Option<i64> = row.take("pruned_at")?;
        let pruned_mac: Option<Vec<u8>> = row.take("pruned_mac")?;
        Ok(Self {
            segment: Segment {
                number: row.take("number")?,
                first_position: row.take("first_position")?,
                count: row.take("event_count")?,
                sealed_at: row.take("sealed_at")?,
                newest_at: row.take("newest_at")?,
                previous: digest(row, "previous")?,
                entries_digest: digest(row, "entries_digest")?,
            },
            entries: row.take("entries")?,
            digest: digest(row, "digest")?,
            mac: row.take("mac")?,
            pruned: pruned_at.map(|at| (at, pruned_mac.unwrap_or_default())),
        })
    }
}

impl FromRow for Tip {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let head = Head { number: row.take("number")?, digest: digest(row, "digest")? };
        Ok(Self { head, next_position: row.take("next_position")? })
    }
}

fn digest(row: &mut Row, column: &str) -> Result<Digest, StoreError> {
    let bytes: Vec<u8> = row.take(column)?;
    bytes.as_slice().try_into().map_err(|_| StoreError::new(ErrorKind::Unreadable))
}
