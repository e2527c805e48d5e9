//! What can go wrong in the store, in the words of those who must act on it.
//!
//! Invariant: no driver type leaves through these errors, and no stored value does: a driver's detail lines, which
//! quote keys and names, are dropped before an error is made.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// A statement, a transaction or the database itself failed.
#[derive(Debug, Clone, Error)]
#[error("{kind}")]
pub struct StoreError {
    kind: ErrorKind,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Why a store call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ErrorKind {
    /// A constraint refused the row.
    #[error("{0} is already taken or not allowed")]
    Conflict(Constraint),
    /// The row is not there.
    #[error("no such row")]
    NotFound,
    /// The row was changed by somebody else since it was read.
    #[error("the row has another revision than expected")]
    Stale,
    /// The database could not take the work in time; the same call may succeed later.
    #[error("the database is busy")]
    Busy,
    /// The disk is full.
    #[error("the database's disk is full; free space, writes go on by themselves")]
    Full,
    /// The database refuses writes.
    #[error("the database is read-only; check the data directory's mount and owner")]
    ReadOnly,
    /// The database file is damaged: no more writes are taken.
    #[error("the database file is damaged; stop the service and restore a backup")]
    Corrupt,
    /// The database, or the connection to it, is gone.
    #[error("the database cannot be reached")]
    Unavailable,
    /// A reading call held its snapshot for too long and was stopped.
    #[error("the query took too long and was stopped")]
    TooLong,
    /// A stored value is not what the reading code expects.
    #[error("a stored value has an unexpected form")]
    Unreadable,
    /// The calling code panicked or broke a rule of the store; its writes were undone.
    #[error("the database work failed inside the program; its writes were undone")]
    Broken,
    /// The cursor was taken from another list or another order.
    #[error("the cursor does not belong to this list")]
    BadCursor,
    /// Every address of the network's pool is taken.
    #[error("the network has no free address left")]
    Exhausted,
    /// The database refused the statement for another reason.
    #[error("the database refused the statement")]
    Refused,
}

impl StoreError {
    /// An error without an underlying cause.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error with what caused it.
    #[must_use]
    pub fn caused(kind: ErrorKind, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(Arc::from(cause.into())) }
    }

    /// Why the call failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The constraint that refused the row, if one did.
    #[must_use]
    pub fn conflict(&self) -> Option<Constraint> {
        if let ErrorKind::Conflict(constraint) = self.kind { Some(constraint) } else { None }
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, ErrorKind::Busy | ErrorKind::Unavailable | ErrorKind::TooLong)
    }
}

/// Every constraint a caller may run into, named for what it protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Constraint {
    /// Logins are unique among users that are not deleted.
    #[error("the login")]
    UserLogin,
    /// Network names are unique among networks that are not deleted.
    #[error("the network name")]
    NetworkName,
    /// Node names are unique among nodes that are not deleted.
    #[error("the node name")]
    NodeName,
    /// A node has one interface in a network.
    #[error("the node's place in the network")]
    NodeNetwork,
    /// A node's interfaces listen on different ports.
    #[error("the node's listen port")]
    NodeListenPort,
    /// A node's interfaces have different names.
    #[error("the node's interface name")]
    NodeInterface,
    /// A device name is unique among a user's devices that are not deleted.
    #[error("the device name")]
    DeviceName,
    /// A public key belongs to one device, even after it was deleted, until it is purged.
    #[error("the device's public key")]
    DevicePublicKey,
    /// An IPv4 address belongs to one device of a network.
    #[error("the device's IPv4 address")]
    DeviceIpv4,
    /// An IPv6 address belongs to one device of a network.
    #[error("the device's IPv6 address")]
    DeviceIpv6,
    /// A refresh token belongs to one session.
    #[error("the session's token")]
    SessionToken,
    /// An API token is unique.
    #[error("the API token")]
    ApiToken,
    /// A passkey belongs to one user.
    #[error("the passkey")]
    PasskeyCredential,
    /// A challenge's token is unique.
    #[error("the challenge's token")]
    ChallengeToken,
    /// A link token is unique.
    #[error("the link's token")]
    LinkToken,
    /// Identity providers have different names.
    #[error("the identity provider's name")]
    ProviderName,
    /// Somebody at an identity provider has one account here.
    #[error("the external identity")]
    ExternalIdentity,
    /// An account has one identity at an identity provider.
    #[error("the account's identity at the provider")]
    ProviderAccount,
    /// A join token is unique.
    #[error("the join token")]
    JoinToken,
    /// An idempotency key was used before by the same caller.
    #[error("the idempotency key")]
    IdempotencyKey,
    /// A primary key is used twice.
    #[error("the id")]
    Id,
    /// A row that is named by the new one does not exist, or is still in use.
    #[error("a row this one refers to")]
    Reference,
    /// A rule on a column's values refused the row.
    #[error("a value")]
    Check,
    /// A constraint the table in `backend.rs` does not list.
    #[error("a value the database guards")]
    Other,
}

/// The database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The data directory cannot be made, or its mode cannot be set.
    #[error("cannot use the data directory {}; check that it exists, its owner and that its disk is writable", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process works in the data directory.
    #[error("another caspervpn process uses {}; stop it first", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The file system cannot carry SQLite's write-ahead log.
    #[error("SQLite answered '{mode}' when asked for its write-ahead log in {}; network file systems cannot carry it: use a local disk, or PostgreSQL", path.display())]
    NoWal {
        /// The database file.
        path: PathBuf,
        /// The journal mode SQLite stayed in.
        mode: String,
    },
    /// The linked SQLite is one with a known defect.
    #[error("this program was built with SQLite {found}; 3.51.3 or newer is needed")]
    OldSqlite {
        /// The linked version.
        found: &'static str,
    },
    /// The server is too old.
    #[error("the PostgreSQL server is version {found}; 15 or newer is needed")]
    OldPostgres {
        /// The server's version.
        found: String,
    },
    /// A newer release wrote this database.
    #[error(
        "the database has schema {found}, this program knows up to {known}; start the newer caspervpn, or restore a backup made before the upgrade"
    )]
    Newer {
        /// The database's schema version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The database file is damaged.
    #[error("the database {} is damaged ({finding}); restore a backup", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the check said first.
        finding: String,
    },
    /// A migration failed; the database is as it was before it.
    #[error("cannot bring the database to schema {known}; it was left as it was")]
    Migrate {
        /// The version this program needs.
        known: i64,
        /// What the migration said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What answers is a pooler in transaction mode, and migrations need a session of their own.
    #[error(
        "a pooler stands before the PostgreSQL server and moved the migration between connections; name the server itself in database.direct_url"
    )]
    Pooled {
        /// What the migration said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection settings cannot be understood.
    #[error(
        "the PostgreSQL connection setting is not valid; expected postgres://user@host/database or key=value pairs"
    )]
    Url,
    /// The server is down, busy, or refuses us.
    #[error("cannot reach the PostgreSQL server; check that it runs, its address, and the user's password")]
    Unreachable {
        /// What the driver said.
        #[source]
        source: StoreError,
    },
    /// The database file cannot be opened or set up.
    #[error("cannot open the database {}", path.display())]
    File {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: StoreError,
    },
    /// The system gave no thread.
    #[error("cannot start a database thread")]
    Thread {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl OpenError {
    /// Whether a later start may succeed without anybody's doing: exit code 75 rather than 78.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Thread { .. } | Self::Locked { .. } => true,
            Self::File { source, .. } => source.is_temporary(),
            Self::Directory { .. }
            | Self::NoWal { .. }
            | Self::OldSqlite { .. }
            | Self::OldPostgres { .. }
            | Self::Newer { .. }
            | Self::Damaged { .. }
            | Self::Migrate { .. }
            | Self::Pooled { .. }
            | Self::Url => false,
        }
    }
}
