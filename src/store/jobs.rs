//! The durable queue of jobs. (The database's own work in memory is in `job.rs` and `queue.rs`.)
//!
//! Invariant: a job is enqueued in the transaction of the act that wants it, and only the worker that holds its newest
//! attempt ends it. A job may be done twice, when a worker dies between its work and its word, and is never lost. Holds go
//! by the database's clock, so no worker's own clock ends another one's.

use std::time::Duration;

use crate::domain::id::JobId;
use crate::domain::job::{JobKind, Lane, NewJob, TakenJob};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{Bind, Column, FromRow, Kind, Row, Unfit, Value, params};

const PENDING: &str = "pending";
const DONE: &str = "done";
const FAILED: &str = "failed";

/// Puts a job into the queue; nothing where one with this id is there.
///
/// # Errors
/// The store's.
pub async fn enqueue(tx: &mut Tx, new: &NewJob, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO jobs (id, kind, payload, state, run_at, attempts, max_attempts, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7) ON CONFLICT (id) DO NOTHING";
    let payload = new.payload.as_slice();
    let params = params![new.id, new.kind, payload, PENDING, new.run_at, new.kind.max_attempts(), now];
    tx.execute(SQL, params).await.map(drop)
}

/// Whether a job of a lane is due. Costs a read, so that an idle queue costs no writing.
///
/// # Errors
/// The store's.
pub async fn any_due(conn: &mut Conn, lane: Lane, now: Timestamp) -> Result<bool, StoreError> {
    let clock = conn.database_now_ms().await?;
    let sql = format!(
        "SELECT id FROM jobs WHERE state = ?1 AND run_at <= ?2 AND (locked_until IS NULL OR locked_until <= ?3) \
         AND {known} LIMIT 1",
        known = kinds_of(lane),
    );
    let found: Option<String> = conn.find(&sql, params![PENDING, now, clock]).await?;
    Ok(found.is_some())
}

/// A job of a kind that only a newer program knows waits for that program.
fn kinds_of(lane: Lane) -> String {
    let names: Vec<_> = lane.kinds().map(|kind| format!("'{}'", kind.as_str())).collect();
    format!("kind IN ({})", names.join(", "))
}

/// Takes due jobs of a lane for a worker, the longest due first. Nobody else takes them for as long as they are held.
///
/// # Errors
/// The store's.
pub async fn take(
    tx: &mut Tx,
    worker: &str,
    lane: Lane,
    limit: usize,
    now: Timestamp,
    held_for: Duration,
) -> Result<Vec<TakenJob>, StoreError> {
    let clock = tx.database_now_ms().await?;
    let sql = format!(
        "UPDATE jobs SET attempts = attempts + 1, locked_by = ?1, locked_until = ?2 WHERE id IN \
         (SELECT id FROM jobs WHERE state = ?3 AND run_at <= ?4 AND (locked_until IS NULL OR locked_until <= ?5) \
         AND {known} ORDER BY run_at, id LIMIT ?6{skip}) RETURNING id, kind, payload, attempts, max_attempts",
        known = kinds_of(lane),
        skip = tx.skip_locked(),
    );
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    tx.query(&sql, params![worker, held_until(clock, held_for), PENDING, now, clock, limit]).await
}

/// Keeps a job for longer; false when another worker has taken it.
///
/// # Errors
/// The store's.
pub async fn hold(tx: &mut Tx, job: &TakenJob, held_for: Duration) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE jobs SET locked_until = ?3 WHERE id = ?1 AND attempts = ?2 AND state = ?4";
    let until = held_until(tx.database_now_ms().await?, held_for);
    Ok(tx.execute(SQL, params![job.id, job.attempt, until, PENDING]).await? > 0)
}

fn held_until(clock_ms: i64, held_for: Duration) -> i64 {
    clock_ms.saturating_add(i64::try_from(held_for.as_millis()).unwrap_or(i64::MAX))
}

/// Ends a job well; false when another worker has taken it.
///
/// # Errors
/// The store's.
pub async fn finish(tx: &mut Tx, job: &TakenJob, now: Timestamp) -> Result<bool, StoreError> {
    end(tx, job, DONE, None, now).await
}

/// Ends a job well and keeps nothing of it; false when another worker has taken it.
///
/// # Errors
/// The store's.
pub async fn remove(tx: &mut Tx, job: &TakenJob) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM jobs WHERE id = ?1 AND attempts = ?2 AND state = ?3";
    Ok(tx.execute(SQL, params![job.id, job.attempt, PENDING]).await? > 0)
}

/// Gives a job up; false when another worker has taken it.
///
/// # Errors
/// The store's.
pub async fn fail(tx: &mut Tx, job: &TakenJob, why: &str, now: Timestamp) -> Result<bool, StoreError> {
    end(tx, job, FAILED, Some(why), now).await
}

/// What an ended job worked on is not kept: it may hold a token.
async fn end(
    tx: &mut Tx,
    job: &TakenJob,
    state: &str,
    why: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE jobs SET state = ?3, last_error = ?4, finished_at = ?5, payload = ?6, \
        locked_by = NULL, locked_until = NULL WHERE id = ?1 AND attempts = ?2 AND state = ?7";
    let nothing: &[u8] = &[];
    let params = params![job.id, job.attempt, state, why, now, nothing, PENDING];
    Ok(tx.execute(SQL, params).await? > 0)
}

/// Gives a job back, to be tried at another time; false when another worker has taken it.
///
/// # Errors
/// The store's.
pub async fn release(tx: &mut Tx, job: &TakenJob, why: &str, run_at: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE jobs SET run_at = ?3, last_error = ?4, locked_by = NULL, locked_until = NULL \
        WHERE id = ?1 AND attempts = ?2 AND state = ?5";
    Ok(tx.execute(SQL, params![job.id, job.attempt, run_at, why, PENDING]).await? > 0)
}

/// How many jobs wait, and how many were given up and are still listed.
///
/// # Errors
/// The store's.
pub async fn count(conn: &mut Conn) -> Result<(u64, u64), StoreError> {
    const SQL: &str = "SELECT COUNT(*) FROM jobs WHERE state = ?1";
    Ok((conn.one(SQL, params![PENDING]).await?, conn.one(SQL, params![FAILED]).await?))
}

/// How many jobs of a kind wait or are worked on; counting ends at `most`.
///
/// # Errors
/// The store's.
pub async fn count_pending(conn: &mut Conn, kind: JobKind, most: u32) -> Result<u32, StoreError> {
    const SQL: &str =
        "SELECT COUNT(*) FROM (SELECT id FROM jobs WHERE kind = ?1 AND state = ?2 LIMIT ?3) AS counted";
    conn.one(SQL, params![kind, PENDING, most]).await
}

/// Removes jobs that ended before a time, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM jobs WHERE id IN \
        (SELECT id FROM jobs WHERE finished_at < ?1 ORDER BY finished_at, id LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

impl Bind for JobKind {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.as_str().bind()
    }
}

impl Column for JobKind {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::parse(&String::column(value)?).ok_or(Unfit::new("a kind of job"))
    }
}

impl FromRow for TakenJob {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take::<JobId>("id")?,
            kind: row.take("kind")?,
            payload: row.take("payload")?,
            attempt: row.take("attempts")?,
            max_attempts: row.take("max_attempts")?,
        })
    }
}
