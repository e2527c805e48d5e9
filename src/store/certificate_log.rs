//! What was done to get certificates, a line a step.
//!
//! Invariant: a name has at most [`KEPT_LINES`] lines, and one that is ordered no more has none.

use crate::domain::certificate::CertificateName;
use crate::domain::certificate_log::{KEPT_LINES, LogLine, Step};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{FromRow, Row, params};

/// How often a line is tried whose place somebody else took: a name has one worker, so it takes two that both believe it theirs.
const TRIES: u32 = 3;

/// Adds a line and forgets those that are too many. A name that is not ordered any more gets none.
///
/// # Errors
/// The store's.
pub async fn append(
    tx: &mut Tx,
    name: &CertificateName,
    at: Timestamp,
    step: &Step,
) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO certificate_log (name, position, at, kind, outcome, about, detail, then_at) \
        SELECT c.name, COALESCE((SELECT MAX(position) FROM certificate_log WHERE name = ?1), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 \
        FROM certificates AS c WHERE c.name = ?1 ON CONFLICT (name, position) DO NOTHING";
    const TRIM: &str = "DELETE FROM certificate_log WHERE name = ?1 AND position <= \
        (SELECT MAX(position) FROM certificate_log WHERE name = ?1) - ?2";
    for _ in 0..TRIES {
        let Step { kind, outcome, about, detail, then_at } = step;
        let params =
            params![name, at, kind.as_str(), outcome.as_str(), about.as_str(), detail.as_deref(), *then_at];
        if tx.execute(INSERT, params).await? > 0 {
            break;
        }
    }
    tx.execute(TRIM, params![name, KEPT_LINES]).await.map(drop)
}

/// The lines of a name, newest last.
///
/// # Errors
/// The store's.
pub async fn list(conn: &mut Conn, name: &CertificateName) -> Result<Vec<LogLine>, StoreError> {
    const SQL: &str = "SELECT position, at, kind, outcome, about, detail, then_at FROM certificate_log \
        WHERE name = ?1 ORDER BY position";
    conn.query(SQL, params![name]).await
}

/// The names with lines since a time, each with the place of its last.
///
/// # Errors
/// The store's.
pub async fn grown_since(
    conn: &mut Conn,
    since: Timestamp,
) -> Result<Vec<(CertificateName, i64)>, StoreError> {
    const SQL: &str = "SELECT name, MAX(position) AS position FROM certificate_log WHERE at >= ?1 GROUP BY name ORDER BY name";
    let mut rows: Vec<Row> = conn.query(SQL, params![since]).await?;
    rows.iter_mut().map(|row| Ok((row.take("name")?, row.take("position")?))).collect()
}

impl FromRow for LogLine {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            position: row.take("position")?,
            at: row.take("at")?,
            step: Step {
                kind: row.take("kind")?,
                outcome: row.take("outcome")?,
                about: row.take("about")?,
                detail: row.take("detail")?,
                then_at: row.take("then_at")?,
            },
        })
    }
}
