//! What the store must be told to open a database. Invariant: plain values, nothing is read or checked here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Which database to open and how much of it to use.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Where the truth is kept.
    pub database: Database,
    /// SQLite: read-only connections, each on a thread of its own.
    pub readers: usize,
    /// PostgreSQL: connections this process may hold.
    pub pool_size: usize,
    /// Writes that may wait for their turn before new ones are refused as busy.
    pub queue_limit: usize,
    /// Longest time a call may wait for its turn, or for a connection.
    pub wait: Duration,
    /// Longest time one reading call may hold its snapshot.
    pub read_limit: Duration,
}

impl StoreSettings {
    /// Settings with the usual sizes.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            readers: 2,
            pool_size: 8,
            queue_limit: 4096,
            wait: Duration::from_secs(5),
            read_limit: Duration::from_secs(30),
        }
    }
}

/// The two databases the store speaks to.
#[derive(Clone)]
pub enum Database {
    /// A SQLite file named `caspervpn.db` in this directory, which the store locks for itself.
    Sqlite {
        /// The data directory; made with mode 0700 when missing.
        directory: PathBuf,
    },
    /// A PostgreSQL server, 15 or newer.
    Postgres {
        /// Connection URL or keyword string; may go through PgBouncer in transaction mode.
        url: String,
        /// Where migrations connect instead: they need a session of their own, which a pooler in transaction mode is not.
        direct_url: Option<String>,
    },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { directory } => f.debug_struct("Sqlite").field("directory", directory).finish(),
            Self::Postgres { direct_url, .. } => f
                .debug_struct("Postgres")
                .field("url", &"***")
                .field("direct_url", &direct_url.as_ref().map(|_| "***"))
                .finish(),
        }
    }
}
