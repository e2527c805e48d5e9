//! Looks at a database without opening it for work: no migration, no lock, no write.
//!
//! Invariant: what is looked at stays byte for byte as it was, whether or not a server is using it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::error::OpenError;
use crate::store::migrate;
use crate::store::open::Database;
use crate::store::sqlite::connection::file_error;

/// What a look has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The schema's version; 0 for an empty database.
    pub schema: i64,
    /// The version this program brings it to.
    pub known: i64,
    /// What is damaged; empty when all is well. Only SQLite is asked.
    pub damage: Vec<String>,
}

/// A server at work holds the file for milliseconds at a time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at the database. `None` where there is none yet. Blocks while SQLite reads its file.
///
/// # Errors
/// Why it cannot be read; each message says what to do.
pub async fn inspect(database: &Database) -> Result<Option<Inspection>, OpenError> {
    match database {
        Database::Sqlite { directory } => {
            let path = directory.join(FILE);
            if path.exists() { sqlite(&path).map(Some) } else { Ok(None) }
        }
        Database::Postgres { url, direct_url } => {
            let (schema, known) = migrate::postgres_versions(direct_url.as_ref().unwrap_or(url)).await?;
            Ok(Some(Inspection { schema, known, damage: Vec::new() }))
        }
    }
}

/// The SQLite file of a data directory.
pub fn sqlite_file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

const FILE: &str = "caspervpn.db";

fn sqlite(path: &Path) -> Result<Inspection, OpenError> {
    let file = |error| file_error(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(file)?;
    connection.busy_timeout(PATIENCE).map_err(file)?;
    let (schema, known) = migrate::sqlite_versions(&connection).map_err(file)?;
    let check = || {
        let mut statement = connection.prepare("PRAGMA quick_check(5)")?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?;
        found.collect::<rusqlite::Result<Vec<String>>>()
    };
    let damage = check().map_err(file)?.into_iter().filter(|line| line != "ok").collect();
    Ok(Inspection { schema, known, damage })
}
