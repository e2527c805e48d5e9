//! The durable queue of jobs. (The database's own work in memory is in `job.rs` and `queue.rs`.)
//!
//! Invariant: a job is enqueued in the transaction of the act that wants it, and only the worker that holds its newest
//! attempt ends it. A job may be done twice, when a worker dies between its work and its word, and is never lost. Holds go
//! by the database's clock, so no worker's own clock ends another one's.

use std::time::Duration;

use crate::domain::id::JobId;
use crate::domain::job::{Job, JobKind, JobState, Lane, NewJob, TakenJob};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::list::{Select, Sort};
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

/// What a job worked on that ended well is not kept: it may hold a token. One that was given up keeps it, sealed, until
/// it is purged, so that somebody who has mended what was wrong can have it tried again.
async fn end(
    tx: &mut Tx,
    job: &TakenJob,
    state: &str,
    why: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE jobs SET state = ?3, last_error = ?4, finished_at = ?5, \
        payload = CASE WHEN ?6 THEN payload ELSE ?7 END, locked_by = NULL, locked_until = NULL \
        WHERE id = ?1 AND attempts = ?2 AND state = ?8";
    let nothing: &[u8] = &[];
    let params = params![job.id, job.attempt, state, why, now, state == FAILED, nothing, PENDING];
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

/// Lists of jobs go by when they were put into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSort {
    /// When they were put into the queue.
    CreatedAt,
}

impl Sort for JobSort {
    fn column(self) -> (&'static str, Kind) {
        ("created_at", Kind::Int)
    }
}

/// A page of jobs, of one state where one is named. Words in a request for them are passed over.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    state: Option<JobState>,
    page: &PageRequest<JobSort>,
) -> Result<Page<Job>, StoreError> {
    let clock = conn.database_now_ms().await?;
    let mut select = Select::from("jobs");
    select.and_if("state = {}", state.map(stored));
    match state {
        Some(JobState::Pending) => select.and("(locked_until IS NULL OR locked_until <= {})", clock),
        Some(JobState::Running) => select.and("locked_until > {}", clock),
        Some(JobState::Done | JobState::Failed) | None => {}
    }
    let page = PageRequest { search: None, ..page.clone() };
    let found: Page<Listed> = select.page(conn, &page).await?;
    Ok(found.map(|listed| listed.at(clock)))
}

const fn stored(state: JobState) -> &'static str {
    match state {
        JobState::Pending | JobState::Running => PENDING,
        JobState::Done => DONE,
        JobState::Failed => FAILED,
    }
}

/// A job.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: JobId) -> Result<Option<Job>, StoreError> {
    let clock = conn.database_now_ms().await?;
    let found: Option<Listed> = conn.find("SELECT * FROM jobs WHERE id = ?1", params![id]).await?;
    Ok(found.map(|listed| listed.at(clock)))
}

/// Lets a job that was given up be tried again, `attempts` times; false where it was not, or nothing is kept of it. Its
/// attempts go on being counted: the number fences.
///
/// # Errors
/// The store's.
pub async fn retry(tx: &mut Tx, id: JobId, attempts: u32, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE jobs SET state = ?2, run_at = ?3, max_attempts = attempts + ?4, finished_at = NULL \
        WHERE id = ?1 AND state = ?5 AND length(payload) > 0";
    Ok(tx.execute(SQL, params![id, PENDING, now, attempts, FAILED]).await? > 0)
}

/// A row, whose state hangs on the database's clock.
struct Listed {
    job: Job,
    locked_until: Option<i64>,
}

impl Listed {
    fn at(self, clock_ms: i64) -> Job {
        let is_held = self.locked_until.is_some_and(|until| until > clock_ms);
        let state =
            if is_held && self.job.state == JobState::Pending { JobState::Running } else { self.job.state };
        Job { state, ..self.job }
    }
}

impl FromRow for Listed {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let name: String = row.take("state")?;
        let state = match name.as_str() {
            DONE => JobState::Done,
            FAILED => JobState::Failed,
            _ => JobState::Pending,
        };
        let run_at: Timestamp = row.take("run_at")?;
        let job = Job {
            id: row.take::<JobId>("id")?,
            kind: row.take("kind")?,
            state,
            attempts: row.take("attempts")?,
            max_attempts: row.take("max_attempts")?,
            next_at: (state == JobState::Pending).then_some(run_at),
            last_error: row.take("last_error")?,
            created_at: row.take("created_at")?,
            finished_at: row.take("finished_at")?,
        };
        Ok(Self { job, locked_until: row.take("locked_until")? })
    }
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
