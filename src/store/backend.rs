//! The one place where the two databases meet: opening, writing, reading, and the table of constraints.
//!
//! Invariant: what a caller can see is the same on both. A statement that fails outside [`Tx::attempt`] undoes the
//! whole call, because PostgreSQL would not let it go on either.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout;

use crate::runtime::tasks::Tasks;
use crate::store::error::{Constraint, ErrorKind, OpenError, StoreError};
use crate::store::figures::{FigureSnapshot, Figures};
use crate::store::host::Host;
use crate::store::job::{Job, pack};
use crate::store::open::{Database, StoreSettings};
use crate::store::postgres::connection::PgConnection;
use crate::store::postgres::engine::PostgresEngine;
use crate::store::sqlite::connection::SqliteConnection;
use crate::store::sqlite::engine::SqliteEngine;
use crate::store::value::{FromRow, Row, Value, params};
use crate::telemetry::reading::Reading;

/// An open database. Cheap to clone; the last clone's end closes it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    figures: Arc<Figures>,
    places: Arc<Semaphore>,
    settings: StoreSettings,
}

enum Engine {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
}

impl Store {
    /// Opens the database, brings its schema up to date and starts its threads.
    ///
    /// # Errors
    /// When the database cannot be opened, is too new, damaged, or does not answer.
    pub async fn open(settings: &StoreSettings, tasks: &Tasks) -> Result<Self, OpenError> {
        let figures = Arc::new(Figures::default());
        let host = Host::new(tasks);
        let engine = match &settings.database {
            Database::Sqlite { directory } => {
                Engine::Sqlite(SqliteEngine::open(directory, settings, &host, &figures).await?)
            }
            Database::Postgres { url, direct_url } => Engine::Postgres(
                PostgresEngine::open(url, direct_url.as_deref(), settings, &host, &figures).await?,
            ),
        };
        match &engine {
            Engine::Sqlite(engine) => engine.close_on_stop(tasks),
            Engine::Postgres(engine) => engine.close_on_stop(tasks),
        }
        let places = Arc::new(Semaphore::new(settings.queue_limit));
        Ok(Self { shared: Arc::new(Shared { engine, figures, places, settings: settings.clone() }) })
    }

    /// Runs the closure in a transaction and answers once it is durable.
    ///
    /// `Err` undoes this call alone. Inside, await nothing but the transaction: on SQLite the writer thread polls once.
    /// On PostgreSQL the closure may run again after a serialization failure, so its only effects are its writes.
    /// Once accepted the work is done even when the caller stops waiting.
    ///
    /// # Errors
    /// The closure's own, or the store's.
    pub async fn write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shared = &self.shared;
        let place = timeout(shared.settings.wait, Arc::clone(&shared.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            shared.figures.was_busy();
            return Err(StoreError::new(ErrorKind::Busy).into());
        };
        let (job, answer) = pack(closure);
        shared.figures.write_queued();
        let work = WriteWork { job, figures: Arc::clone(&shared.figures), _place: place };
        match &shared.engine {
            Engine::Sqlite(engine) => engine.write(work),
            Engine::Postgres(engine) => engine.write(work),
        }
        wait_for(answer).await
    }

    /// Runs the closure on one consistent snapshot that cannot write.
    ///
    /// # Errors
    /// The closure's own, or the store's.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = pack(closure);
        self.shared.figures.read_ran();
        match &self.shared.engine {
            Engine::Sqlite(engine) => engine.read(job),
            Engine::Postgres(engine) => engine.read(job),
        }
        wait_for(answer).await
    }

    /// Proves that a read and a durable write work; for readiness.
    ///
    /// # Errors
    /// When either does not.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let before: i64 = self
            .read(async |conn: &mut Conn| conn.one("SELECT beat FROM probe WHERE id = 1", &[]).await)
            .await?;
        let after: i64 = self
            .write(async |tx: &mut Tx| {
                tx.one("UPDATE probe SET beat = beat + 1 WHERE id = ?1 RETURNING beat", params![1_i64]).await
            })
            .await?;
        if after > before { Ok(()) } else { Err(StoreError::new(ErrorKind::Unreadable)) }
    }

    /// The live figures, as metrics.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        self.figures().readings()
    }

    /// The live figures.
    #[must_use]
    pub fn figures(&self) -> FigureSnapshot {
        self.shared.figures.snapshot()
    }

    /// Takes no more work, ends what was accepted, and returns when the threads are done.
    pub async fn close(&self) {
        match &self.shared.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close().await,
        }
    }
}

async fn wait_for<T, E: From<StoreError>>(answer: Receiver<Result<T, E>>) -> Result<T, E> {
    match answer.await {
        Ok(answer) => answer,
        // The thread ended with the work in its hands.
        Err(_) => Err(StoreError::new(ErrorKind::Unavailable).into()),
    }
}

/// One accepted write: the caller's job and its place in the line.
pub(super) struct WriteWork {
    job: Box<dyn Job<Tx>>,
    figures: Arc<Figures>,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl WriteWork {
    pub(super) fn job(&mut self) -> &mut dyn Job<Tx> {
        &mut *self.job
    }

    /// Answers the caller and gives its place to the next one.
    pub(super) fn settle(self, end: Result<(), StoreError>) {
        self.figures.write_ended();
        self.job.settle(end);
    }
}

/// A connection to read from.
pub struct Conn {
    driver: Driver,
    failed: Option<StoreError>,
    again: bool,
}

pub(super) enum Driver {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Conn {
    pub(super) fn new(driver: Driver) -> Self {
        Self { driver, failed: None, again: false }
    }

    pub(super) fn driver_mut(&mut self) -> &mut Driver {
        &mut self.driver
    }

    pub(super) fn into_driver(self) -> Driver {
        self.driver
    }

    /// Forgets the last call's failures, and tells the first of them.
    pub(super) fn reset(&mut self) -> Option<StoreError> {
        self.again = false;
        self.failed.take()
    }

    /// Whether the failed call should run again from its start.
    pub(super) fn wants_again(&self) -> bool {
        self.again
    }

    /// All rows of the answer.
    ///
    /// # Errors
    /// When the database refuses the statement or a row does not fit `T`.
    pub async fn query<T: FromRow>(&mut self, sql: &str, params: &[Value]) -> Result<Vec<T>, StoreError> {
        let mut rows = self.rows(sql, params).await?;
        rows.iter_mut().map(T::from_row).collect()
    }

    /// The first row of the answer, if there is one.
    ///
    /// # Errors
    /// When the database refuses the statement or the row does not fit `T`.
    pub async fn find<T: FromRow>(&mut self, sql: &str, params: &[Value]) -> Result<Option<T>, StoreError> {
        self.rows(sql, params).await?.first_mut().map(T::from_row).transpose()
    }

    /// The first row of the answer.
    ///
    /// # Errors
    /// `NotFound` when there is none; else as `find`.
    pub async fn one<T: FromRow>(&mut self, sql: &str, params: &[Value]) -> Result<T, StoreError> {
        self.find(sql, params).await?.ok_or_else(|| StoreError::new(ErrorKind::NotFound))
    }

    /// The time by the database's own clock, in unix milliseconds: the same for every process that uses it.
    ///
    /// # Errors
    /// The store's.
    pub async fn database_now_ms(&mut self) -> Result<i64, StoreError> {
        let sql = match &self.driver {
            Driver::Sqlite(_) => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Driver::Postgres(_) => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        };
        self.one(sql, &[]).await
    }

    async fn rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let answer = match &mut self.driver {
            Driver::Sqlite(connection) => connection.query(sql, params),
            Driver::Postgres(connection) => connection.query(sql, params).await,
        };
        answer.map_err(|fault| self.note(fault))
    }

    fn note(&mut self, fault: Fault) -> StoreError {
        self.again |= fault.again;
        self.failed.get_or_insert_with(|| fault.error.clone());
        fault.error
    }
}

/// A statement's failure, and whether running the whole transaction again may cure it.
pub(super) struct Fault {
    pub(super) error: StoreError,
    pub(super) again: bool,
}

/// A transaction: everything a connection can, and writing.
pub struct Tx {
    conn: Conn,
}

impl Tx {
    pub(super) fn new(conn: Conn) -> Self {
        Self { conn }
    }

    pub(super) fn into_driver(self) -> Driver {
        self.conn.driver
    }

    /// Runs a statement that answers no rows; says how many it touched.
    ///
    /// # Errors
    /// When the database refuses it.
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let answer = match &mut self.conn.driver {
            Driver::Sqlite(connection) => connection.execute(sql, params),
            Driver::Postgres(connection) => connection.execute(sql, params).await,
        };
        answer.map_err(|fault| self.conn.note(fault))
    }

    /// Runs the closure so that its failure undoes it alone and this transaction can go on.
    ///
    /// # Errors
    /// The closure's own, or the store's when the savepoint fails.
    pub async fn attempt<T, E, F>(&mut self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Self) -> Result<T, E>,
        E: From<StoreError>,
    {
        self.execute("SAVEPOINT attempt", &[]).await?;
        let failed_before = self.conn.failed.clone();
        let outcome = closure(self).await;
        if outcome.is_err() {
            self.execute("ROLLBACK TO SAVEPOINT attempt", &[]).await?;
            self.conn.failed = failed_before;
        }
        self.execute("RELEASE SAVEPOINT attempt", &[]).await?;
        outcome
    }

    /// The end of a subquery that picks rows to work on: rows that another worker is just taking are passed over.
    /// SQLite has one writer, so there nobody else is just taking any.
    #[must_use]
    pub fn skip_locked(&self) -> &'static str {
        match self.conn.driver {
            Driver::Sqlite(_) => "",
            Driver::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Asks that the whole closure runs again, on a newer snapshot, if it now ends with an error.
    ///
    /// For a conflict that another choice would avoid: PostgreSQL shows this transaction the same rows until it ends.
    /// On SQLite nothing can change under a writer, so there it does nothing.
    pub fn ask_again(&mut self) {
        self.conn.again = true;
    }
}

impl std::ops::Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

/// A constraint with the columns SQLite reports and the name PostgreSQL reports.
struct Known(Constraint, &'static str, &'static str);

const CONSTRAINTS: &[Known] = &[
    Known(Constraint::UserLogin, "users.login_folded", "users_login_key"),
    Known(Constraint::NetworkName, "networks.name", "networks_name_key"),
    Known(Constraint::NodeName, "nodes.name", "nodes_name_key"),
    Known(
        Constraint::NodeNetwork,
        "node_networks.node_id, node_networks.network_id",
        "node_networks_network_key",
    ),
    Known(
        Constraint::NodeListenPort,
        "node_networks.node_id, node_networks.listen_port",
        "node_networks_listen_port_key",
    ),
    Known(
        Constraint::NodeInterface,
        "node_networks.node_id, node_networks.interface",
        "node_networks_interface_key",
    ),
    Known(Constraint::DeviceName, "devices.user_id, devices.name", "devices_name_key"),
    Known(Constraint::DevicePublicKey, "devices.public_key", "devices_public_key_key"),
    Known(Constraint::DeviceIpv4, "devices.network_id, devices.ipv4_index", "devices_ipv4_key"),
    Known(Constraint::DeviceIpv6, "devices.network_id, devices.ipv6_index", "devices_ipv6_key"),
    Known(Constraint::SessionToken, "sessions.refresh_hash", "sessions_refresh_hash_key"),
    Known(Constraint::ApiToken, "api_tokens.token_hash", "api_tokens_token_hash_key"),
    Known(Constraint::PasskeyCredential, "passkeys.credential_id", "passkeys_credential_id_key"),
    Known(Constraint::ChallengeToken, "challenges.token_hash", "challenges_token_hash_key"),
    Known(Constraint::LinkToken, "links.token_hash", "links_token_hash_key"),
    Known(Constraint::ProviderName, "identity_providers.name", "identity_providers_name_key"),
    Known(
        Constraint::ExternalIdentity,
        "external_identities.provider_id, external_identities.subject",
        "external_identities_subject_key",
    ),
    Known(
        Constraint::ProviderAccount,
        "external_identities.provider_id, external_identities.user_id",
        "external_identities_user_key",
    ),
    Known(Constraint::JoinToken, "join_tokens.token_hash", "join_tokens_token_hash_key"),
    Known(
        Constraint::IdempotencyKey,
        "idempotency_keys.actor_id, idempotency_keys.key_hash",
        "idempotency_keys_pkey",
    ),
];

/// The constraint behind SQLite's list of columns.
pub(super) fn constraint_of_columns(columns: &str, is_primary_key: bool) -> Constraint {
    let unknown = if is_primary_key { Constraint::Id } else { Constraint::Other };
    CONSTRAINTS.iter().find(|known| known.1 == columns).map_or(unknown, |known| known.0)
}

/// The constraint of PostgreSQL's name. Primary keys are named `<table>_pkey` throughout the schema.
pub(super) fn constraint_of_name(name: &str) -> Constraint {
    let unknown = if name.ends_with("_pkey") { Constraint::Id } else { Constraint::Other };
    CONSTRAINTS.iter().find(|known| known.2 == name).map_or(unknown, |known| known.0)
}
