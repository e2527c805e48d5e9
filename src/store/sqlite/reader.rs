//! A thread that answers reading calls, each on one snapshot.
//!
//! Invariant: between two calls no snapshot is held, or the write-ahead log could never be emptied.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::store::backend::{Conn, Driver};
use crate::store::error::{ErrorKind, OpenError, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Host;
use crate::store::job::Job;
use crate::store::queue::{Popped, Queue};
use crate::store::sqlite::connection::SqliteConnection;

/// How often an idle reader looks whether it should end; closing wakes it at once anyway.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens a reader's connection.
pub(super) fn open(path: &Path, figures: &Arc<Figures>, host: Host) -> Result<Conn, OpenError> {
    Ok(Conn::new(Driver::Sqlite(SqliteConnection::open_reader(path, figures, host)?)))
}

/// Answers calls until the line is closed.
pub(super) fn run(mut conn: Conn, reads: &Queue<Box<dyn Job<Conn>>>, limit: Duration) {
    loop {
        match reads.pop(PATIENCE) {
            Popped::Work(mut job) => {
                let end = answer(&mut conn, &mut *job, limit);
                job.settle(end);
            }
            Popped::Idle => {}
            Popped::Closed => return,
        }
    }
}

fn answer(conn: &mut Conn, job: &mut dyn Job<Conn>, limit: Duration) -> Result<(), StoreError> {
    conn.reset();
    connection(conn)?.limit(Some(limit))?;
    connection(conn)?.control("BEGIN")?;
    let outcome = poll_to_end(job, conn);
    // A read that failed may have ended the transaction already.
    let database = connection(conn)?;
    if database.in_transaction() {
        database.limit(None)?;
        database.control("ROLLBACK")?;
    }
    outcome.map(drop)
}

fn connection(conn: &mut Conn) -> Result<&mut SqliteConnection, StoreError> {
    match conn.driver_mut() {
        Driver::Sqlite(connection) => Ok(connection),
        Driver::Postgres(_) => Err(StoreError::new(ErrorKind::Broken)),
    }
}

/// Runs a caller's closure to its end on this thread; a panic or a wait for anything but the database is an error.
pub(super) fn poll_to_end<C: 'static>(job: &mut dyn Job<C>, on: &mut C) -> Result<bool, StoreError> {
    let run = AssertUnwindSafe(|| {
        let mut future: Pin<Box<_>> = job.run(on);
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    });
    match catch_unwind(run) {
        Ok(Poll::Ready(keep)) => Ok(keep),
        Ok(Poll::Pending) => Err(StoreError::caused(
            ErrorKind::Broken,
            "the closure awaited something other than the database",
        )),
        Err(_) => Err(StoreError::caused(ErrorKind::Broken, "the closure panicked")),
    }
}
