//! Brings a database's schema to what this program needs, each step in a transaction of its own.
//!
//! Invariant: a database that a newer program wrote is left alone.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use tokio_postgres::error::SqlState;

use crate::store::error::{ErrorKind, OpenError, StoreError};
use crate::store::postgres::connect::with_client;
use crate::store::sqlite::connection::file_error;

mod sqlite_steps {
    refinery::embed_migrations!("migrations/sqlite");
}

mod postgres_steps {
    refinery::embed_migrations!("migrations/postgres");
}

/// The advisory lock under which one process at a time migrates; an arbitrary constant ("caspervp" in ASCII).
const MIGRATION_LOCK: i64 = 0x6361_7370_6572_7670;

/// Oldest PostgreSQL server this program is tested with.
const OLDEST_POSTGRES: i64 = 150_000;

/// Migrates a SQLite file over its writing connection.
pub(super) fn sqlite(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let runner = sqlite_steps::migrations::runner();
    let known = newest(&runner);
    let found = sqlite_version(connection).map_err(|error| file_error(path, error))?;
    if is_current(found, known)? {
        return Ok(());
    }
    runner.run(connection).map(drop).map_err(|error| OpenError::Migrate { known, source: error.into() })
}

/// Checks the PostgreSQL server and migrates its database.
pub(super) async fn postgres(url: &str) -> Result<(), OpenError> {
    let runner = postgres_steps::migrations::runner();
    let known = newest(&runner);
    let current = with_client(url, async |client: &mut tokio_postgres::Client| {
        let server = number(client, "SELECT CAST(current_setting('server_version_num') AS BIGINT)").await?;
        if server < OLDEST_POSTGRES {
            return Err(OpenError::OldPostgres { found: server.to_string() });
        }
        is_current(postgres_version(client).await?, known)
    })
    .await?;
    if current {
        return Ok(());
    }
    // The lock belongs to a transaction on a connection of its own: a pooler cannot strand it, and it ends with this process.
    with_client(url, async |holder: &mut tokio_postgres::Client| {
        holder.batch_execute("BEGIN").await.map_err(|error| unreachable(&error))?;
        number(holder, &format!("SELECT 1 FROM (SELECT pg_advisory_xact_lock({MIGRATION_LOCK})) AS held"))
            .await?;
        with_client(url, async |client: &mut tokio_postgres::Client| {
            if is_current(postgres_version(client).await?, known)? {
                return Ok(());
            }
            let ran = postgres_steps::migrations::runner().run_async(client).await;
            ran.map(drop).map_err(|error| failed(known, error))
        })
        .await
    })
    .await
}

/// A statement that is there already, or is not there any more, was prepared in somebody else's session.
fn failed(known: i64, error: refinery::Error) -> OpenError {
    let causes =
        std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source());
    let mut codes = causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()?.code());
    let pooled = codes
        .any(|code| *code == SqlState::DUPLICATE_PSTATEMENT || *code == SqlState::INVALID_SQL_STATEMENT_NAME);
    let source = error.into();
    if pooled { OpenError::Pooled { source } } else { OpenError::Migrate { known, source } }
}

/// The schema's version in a SQLite file, and the one this program brings it to.
pub(super) fn sqlite_versions(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    Ok((sqlite_version(connection)?, newest(&sqlite_steps::migrations::runner())))
}

/// The same of a PostgreSQL database.
pub(super) async fn postgres_versions(url: &str) -> Result<(i64, i64), OpenError> {
    let found =
        with_client(url, async |client: &mut tokio_postgres::Client| postgres_version(client).await).await?;
    Ok((found, newest(&postgres_steps::migrations::runner())))
}

fn newest(runner: &refinery::Runner) -> i64 {
    runner.get_migrations().iter().map(|step| i64::from(step.version())).max().unwrap_or(0)
}

fn is_current(found: i64, known: i64) -> Result<bool, OpenError> {
    if found > known { Err(OpenError::Newer { found, known }) } else { Ok(found == known) }
}

/// The schema's version; 0 for an empty database.
fn sqlite_version(connection: &Connection) -> rusqlite::Result<i64> {
    let history: Option<String> = connection
        .query_row("SELECT name FROM sqlite_schema WHERE name = 'refinery_schema_history'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if history.is_none() {
        return Ok(0);
    }
    connection
        .query_row("SELECT COALESCE(MAX(version), 0) FROM refinery_schema_history", [], |row| row.get(0))
}

async fn postgres_version(client: &tokio_postgres::Client) -> Result<i64, OpenError> {
    let found = "SELECT CAST(COUNT(*) AS BIGINT) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = 'refinery_schema_history'";
    if number(client, found).await? == 0 {
        return Ok(0);
    }
    number(client, "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM refinery_schema_history").await
}

async fn number(client: &tokio_postgres::Client, sql: &str) -> Result<i64, OpenError> {
    let rows = client.query_typed(sql, &[]).await.map_err(|error| unreachable(&error))?;
    match rows.first().map(|row| row.try_get::<_, crate::store::value::Value>(0)) {
        Some(Ok(crate::store::value::Value::Int(number))) => Ok(number),
        _ => Err(OpenError::Unreachable { source: StoreError::new(ErrorKind::Unreadable) }),
    }
}

fn unreachable(error: &tokio_postgres::Error) -> OpenError {
    OpenError::Unreachable { source: crate::store::postgres::connection::store_error(error) }
}
