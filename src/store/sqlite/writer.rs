//! The thread that owns the only writing connection and commits in groups.
//!
//! Invariant: nobody is told "done" before the COMMIT that holds their work has returned, and with it the sync of the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::DEFAULT_NAME;
use rusqlite::wal::CheckpointMode;

use crate::store::backend::{Conn, Driver, Tx, WriteWork};
use crate::store::error::{ErrorKind, OpenError, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Host;
use crate::store::migrate;
use crate::store::queue::{Popped, Queue};
use crate::store::sqlite::connection::{BUSY_TIMEOUT, SqliteConnection, file_error};
use crate::store::sqlite::directory::DataDirectory;
use crate::store::sqlite::reader::poll_to_end;

/// Callers that share a commit at most.
const GROUP: usize = 256;

/// Longest time a group collects before it commits, so that the first in it does not pay for the last.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// Longest wait for callers who may be on their way, however slow the disk is.
const LONGEST_WAIT: Duration = Duration::from_millis(2);

/// Quiet time after which the log is emptied into the database file.
const IDLE: Duration = Duration::from_secs(5);

/// The log's size that is worth a pause to empty it. Same as the `journal_size_limit`.
const LARGE_WAL_BYTES: u64 = 64 << 20;

/// How long emptying the log may wait for readers; the next try is soon.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);

/// Files up to this size are checked page by page at start; larger ones would delay it by seconds.
const QUICK_CHECK_BYTES: u64 = 8 << 20;

/// The writing side of an open SQLite database.
pub(super) struct Writer {
    tx: Tx,
    path: PathBuf,
    wal_path: PathBuf,
    figures: Arc<Figures>,
    host: Host,
    limit: Duration,
    last: LastGroup,
    // Last, so that the connection is closed before the directory is free.
    _directory: DataDirectory,
}

impl Writer {
    /// Locks the directory, opens the file, checks it and migrates it.
    pub(super) fn open(
        directory: &Path,
        figures: Arc<Figures>,
        host: Host,
        limit: Duration,
    ) -> Result<Self, OpenError> {
        if rusqlite::version_number() < 3_051_003 {
            return Err(OpenError::OldSqlite { found: rusqlite::version() });
        }
        let directory = DataDirectory::take(directory)?;
        let path = directory.database_file()?;
        let mut connection = SqliteConnection::open_writer(&path, &figures, host.clone())?;
        quick_check(&mut connection, &path)?;
        migrate::sqlite(connection.raw(), &path)?;
        let wal_path = path.with_extension("db-wal");
        let tx = Tx::new(Conn::new(Driver::Sqlite(connection)));
        let last = LastGroup::default();
        Ok(Self { tx, path, wal_path, figures, host, limit, last, _directory: directory })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes work until the line is closed, then empties the log.
    pub(super) fn run(mut self, writes: &Queue<WriteWork>) {
        let mut dirty = true;
        loop {
            match writes.pop(IDLE) {
                Popped::Work(first) => {
                    self.commit_group(first, writes);
                    dirty = true;
                    if self.measure_wal() > LARGE_WAL_BYTES {
                        self.checkpoint();
                    }
                }
                Popped::Idle if dirty => dirty = !self.checkpoint(),
                Popped::Idle => {}
                Popped::Closed => break,
            }
        }
        self.checkpoint();
    }

    fn commit_group(&mut self, first: WriteWork, writes: &Queue<WriteWork>) {
        if let Err(error) = self.begin() {
            first.settle(Err(error));
            return;
        }
        let watch = self.host.stopwatch();
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(work) = next {
            self.run_one(work, &mut group);
            let full = group.len() >= GROUP || watch.elapsed() > GROUP_TIME;
            next = if full || group.lost.is_some() {
                None
            } else {
                writes.pop_now().or_else(|| self.last.wait_for_more(writes))
            };
        }
        self.last.callers = group.len();
        self.end_group(group);
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self.figures.is_corrupt() {
            return Err(StoreError::new(ErrorKind::Corrupt));
        }
        let database = self.database()?;
        if database.in_transaction() {
            // A ROLLBACK failed before; nothing may be added to that transaction.
            database.control("ROLLBACK")?;
        }
        database.control("BEGIN IMMEDIATE")
    }

    /// Runs one caller inside a savepoint of its own.
    fn run_one(&mut self, mut work: WriteWork, group: &mut Group) {
        match self.run_in_savepoint(&mut work) {
            Ok(Verdict::Kept) => group.kept.push(work),
            Ok(Verdict::Undone(error)) => group.undone.push((work, error)),
            Err(error) => {
                group.lost = Some(error.clone());
                group.undone.push((work, Some(error)));
            }
        }
    }

    /// `Err` means that this caller's part cannot be told from its neighbours' any more.
    fn run_in_savepoint(&mut self, work: &mut WriteWork) -> Result<Verdict, StoreError> {
        let limit = self.limit;
        self.database()?.limit(Some(limit))?;
        self.database()?.control("SAVEPOINT caller")?;
        self.tx.reset();
        let outcome = poll_to_end(work.job(), &mut self.tx);
        let failed = self.tx.reset();
        let database = self.database()?;
        database.limit(None)?;
        if !database.in_transaction() {
            return Err(failed.unwrap_or_else(|| StoreError::new(ErrorKind::Broken)));
        }
        let verdict = match (outcome, failed) {
            (Ok(true), None) => Verdict::Kept,
            (Ok(true), Some(swallowed)) => Verdict::Undone(Some(swallowed)),
            (Ok(false), _) => Verdict::Undone(None),
            (Err(error), _) => Verdict::Undone(Some(error)),
        };
        if matches!(verdict, Verdict::Undone(_)) {
            database.control("ROLLBACK TO SAVEPOINT caller")?;
        }
        database.control("RELEASE SAVEPOINT caller")?;
        Ok(verdict)
    }

    fn end_group(&mut self, group: Group) {
        let end = self.commit(&group);
        match &end {
            Ok(took) if !group.kept.is_empty() => {
                self.last.commit = *took;
                self.figures.committed(count(group.kept.len()), *took);
            }
            Ok(_) => {}
            Err(_) => self.figures.undone(count(group.kept.len())),
        }
        self.figures.undone(count(group.undone.len()));
        let end = end.map(drop);
        for work in group.kept {
            work.settle(end.clone());
        }
        for (work, error) in group.undone {
            work.settle(error.map_or(Ok(()), Err));
        }
    }

    fn commit(&mut self, group: &Group) -> Result<Duration, StoreError> {
        if let Some(lost) = &group.lost {
            if let Ok(database) = self.database()
                && database.in_transaction()
            {
                database.control("ROLLBACK")?;
            }
            return Err(lost.clone());
        }
        let watch = self.host.stopwatch();
        let database = self.database()?;
        if group.kept.is_empty() {
            database.control("ROLLBACK")?;
            return Ok(Duration::ZERO);
        }
        if let Err(error) = database.control("COMMIT") {
            if database.in_transaction() {
                database.control("ROLLBACK")?;
            }
            return Err(error);
        }
        Ok(watch.elapsed())
    }

    fn database(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match self.tx.driver_mut() {
            Driver::Sqlite(connection) => Ok(connection),
            Driver::Postgres(_) => Err(StoreError::new(ErrorKind::Broken)),
        }
    }

    fn measure_wal(&self) -> u64 {
        let bytes = std::fs::metadata(&self.wal_path).map_or(0, |file| file.len());
        self.figures.wal_is(bytes);
        bytes
    }

    /// Moves the log into the database file; false when readers were in the way.
    fn checkpoint(&mut self) -> bool {
        let emptied = self.database().is_ok_and(|database| {
            let connection = database.raw();
            let truncate = || {
                connection.busy_timeout(CHECKPOINT_WAIT)?;
                connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::TRUNCATE)
            };
            let emptied = truncate().is_ok();
            connection.busy_timeout(BUSY_TIMEOUT).is_ok() && emptied
        });
        if emptied {
            self.figures.checkpointed();
        }
        self.measure_wal();
        emptied
    }
}

/// The group before this one, whose callers are likely to come again.
#[derive(Default)]
struct LastGroup {
    callers: usize,
    commit: Duration,
}

impl LastGroup {
    /// Where callers share commits, those who were answered last may be on their way back: a short wait for them halves
    /// the number of commits. It is short against a commit, and one caller alone never waits.
    fn wait_for_more(&self, writes: &Queue<WriteWork>) -> Option<WriteWork> {
        if self.callers < 2 {
            return None;
        }
        match writes.pop((self.commit / 4).min(LONGEST_WAIT)) {
            Popped::Work(work) => Some(work),
            Popped::Idle | Popped::Closed => None,
        }
    }
}

#[derive(Default)]
struct Group {
    kept: Vec<WriteWork>,
    undone: Vec<(WriteWork, Option<StoreError>)>,
    /// The error that ended the whole transaction.
    lost: Option<StoreError>,
}

impl Group {
    fn len(&self) -> usize {
        self.kept.len() + self.undone.len()
    }
}

enum Verdict {
    Kept,
    /// Undone; with the store's error when the caller has none of its own.
    Undone(Option<StoreError>),
}

fn count(callers: usize) -> u64 {
    u64::try_from(callers).unwrap_or(u64::MAX)
}

fn quick_check(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > QUICK_CHECK_BYTES) {
        return Ok(());
    }
    let finding: String = connection
        .raw()
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| file_error(path, error))?;
    if finding == "ok" { Ok(()) } else { Err(OpenError::Damaged { path: path.to_owned(), finding }) }
}
