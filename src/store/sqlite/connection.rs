//! One SQLite connection: its settings, its statements and its errors.
//!
//! Invariant: every connection is set up here, because all pragmas but the journal mode belong to a connection.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql, TransactionBehavior, params_from_iter};

use crate::store::backend::{Fault, constraint_of_columns};
use crate::store::error::{Constraint, ErrorKind, OpenError, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Host;
use crate::store::value::{ColumnNames, Kind, Row, Value};

/// How long SQLite itself waits for a lock; only another program on the same file can hold one.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Prepared statements kept per connection: more than the program has, but for lists of ids of every length.
const STATEMENTS: usize = 256;

/// Virtual machine steps between two looks at the clock; about a millisecond.
const STEPS_PER_LOOK: i32 = 100_000;

/// A connection of the writer or of a reader.
pub(in crate::store) struct SqliteConnection {
    connection: Connection,
    columns: RefCell<HashMap<Box<str>, ColumnNames>>,
    figures: Arc<Figures>,
    host: Host,
}

impl SqliteConnection {
    /// Opens the connection that writes, and turns the write-ahead log on.
    pub(super) fn open_writer(path: &Path, figures: &Arc<Figures>, host: Host) -> Result<Self, OpenError> {
        let file = |error| file_error(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(file)?;
        // Turning the log on can itself meet a lock, so the patience comes first.
        connection.busy_timeout(BUSY_TIMEOUT).map_err(file)?;
        let mode: String =
            connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(file)?;
        if mode != "wal" {
            return Err(OpenError::NoWal { path: path.to_owned(), mode });
        }
        connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON").map_err(file)?;
        settle_in(&connection).map_err(file)?;
        connection
            .execute_batch("PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=4000")
            .map_err(file)?;
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        Ok(Self { connection, columns: RefCell::default(), figures: Arc::clone(figures), host })
    }

    /// Opens a connection that cannot write.
    pub(super) fn open_reader(path: &Path, figures: &Arc<Figures>, host: Host) -> Result<Self, OpenError> {
        let file = |error| file_error(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(file)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(file)?;
        settle_in(&connection).map_err(file)?;
        connection.execute_batch("PRAGMA query_only=ON").map_err(file)?;
        Ok(Self { connection, columns: RefCell::default(), figures: Arc::clone(figures), host })
    }

    pub(super) fn raw(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Whether a transaction is open; some errors end it behind our back.
    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Runs one of the transaction statements.
    pub(super) fn control(&self, sql: &'static str) -> Result<(), StoreError> {
        let run = || self.connection.prepare_cached(sql)?.execute([]).map(drop);
        run().map_err(|error| self.fault(&error).error)
    }

    /// Stops every statement from here on that makes the call last longer than this.
    pub(super) fn limit(&mut self, limit: Option<Duration>) -> Result<(), StoreError> {
        let handler = limit.map(|limit| {
            let watch = self.host.stopwatch();
            move || watch.elapsed() > limit
        });
        self.connection.progress_handler(STEPS_PER_LOOK, handler).map_err(|error| self.fault(&error).error)
    }

    pub(in crate::store) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, Fault> {
        let run = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = self.columns(sql, &statement);
            let mut answer = statement.query(params_from_iter(params))?;
            let mut rows = Vec::new();
            while let Some(row) = answer.next()? {
                let mut values = Vec::with_capacity(columns.len());
                for index in 0..columns.len() {
                    values.push(owned(row.get_ref(index)?)?);
                }
                rows.push(Row::new(Arc::clone(&columns), values));
            }
            Ok(rows)
        };
        run().map_err(|error| self.fault(&error))
    }

    pub(in crate::store) fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Fault> {
        let run = || self.connection.prepare_cached(sql)?.execute(params_from_iter(params));
        run().map(|touched| u64::try_from(touched).unwrap_or(u64::MAX)).map_err(|error| self.fault(&error))
    }

    /// The names of a statement's columns, copied once: the schema does not change while a connection is open.
    fn columns(&self, sql: &str, statement: &Statement<'_>) -> ColumnNames {
        let mut known = self.columns.borrow_mut();
        if let Some(columns) = known.get(sql) {
            return Arc::clone(columns);
        }
        let columns: ColumnNames = statement.column_names().map(Box::from).collect();
        // Statements over lists of ids come in many lengths.
        if known.len() >= STATEMENTS {
            known.clear();
        }
        known.insert(sql.into(), Arc::clone(&columns));
        columns
    }

    fn fault(&self, error: &rusqlite::Error) -> Fault {
        let error = store_error(error);
        match error.kind() {
            ErrorKind::Corrupt => self.figures.found_corrupt(),
            ErrorKind::Busy => self.figures.was_busy(),
            ErrorKind::Conflict(_)
            | ErrorKind::NotFound
            | ErrorKind::Stale
            | ErrorKind::Full
            | ErrorKind::ReadOnly
            | ErrorKind::Unavailable
            | ErrorKind::TooLong
            | ErrorKind::Unreadable
            | ErrorKind::Broken
            | ErrorKind::BadCursor
            | ErrorKind::Exhausted
            | ErrorKind::Refused => {}
        }
        Fault { error, again: false }
    }
}

/// The settings every connection has. Its cache is 4 MB: there are several connections, and what a page cache misses
/// the system's own still has.
///
/// A plan does not depend on the values bound to it. Otherwise joins are planned anew for each new value.
fn settle_in(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4000; \
         PRAGMA mmap_size=0",
    )
}

pub(in crate::store) fn file_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let source = store_error(&error);
    if source.kind() == ErrorKind::Corrupt {
        return OpenError::Damaged { path: path.to_owned(), finding: error.to_string() };
    }
    OpenError::File { path: path.to_owned(), source }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null(_) => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Bool(flag) => ValueRef::Integer(i64::from(*flag)),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null(Kind::Text),
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text)?.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(rusqlite::Error::InvalidQuery),
    })
}

/// Puts SQLite's error into the store's words. SQLite's texts name tables and columns, never values.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    let kind = if let rusqlite::Error::SqliteFailure(failure, message) = error {
        kind_of(*failure, message.as_deref().unwrap_or_default())
    } else if matches!(error, rusqlite::Error::Utf8Error(..)) {
        // Somebody else wrote a text that is none.
        ErrorKind::Unreadable
    } else {
        // Everything else is a misuse of the driver by this program.
        ErrorKind::Refused
    };
    StoreError::caused(kind, error.to_string())
}

fn kind_of(failure: ffi::Error, message: &str) -> ErrorKind {
    match failure.extended_code & 0xff {
        ffi::SQLITE_CONSTRAINT => ErrorKind::Conflict(constraint_of(failure.extended_code, message)),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => ErrorKind::Busy,
        ffi::SQLITE_FULL => ErrorKind::Full,
        ffi::SQLITE_READONLY => ErrorKind::ReadOnly,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => ErrorKind::Corrupt,
        ffi::SQLITE_INTERRUPT => ErrorKind::TooLong,
        ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Refused,
    }
}

fn constraint_of(extended_code: i32, message: &str) -> Constraint {
    match extended_code {
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::Reference,
        ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_NOTNULL => Constraint::Check,
        _ => constraint_of_columns(
            message.split_once(": ").map_or(message, |(_, columns)| columns),
            extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ),
    }
}
