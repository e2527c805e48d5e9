//! A thread with its own small runtime that runs callers' closures against its own connections.
//!
//! Invariant: a closure runs to its end whatever its caller does; a transaction whose end is unclear costs the connection.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::Config;

use crate::store::backend::{Conn, Driver, Fault, Tx, WriteWork};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Host;
use crate::store::job::Job;
use crate::store::open::StoreSettings;
use crate::store::postgres::connect;
use crate::store::postgres::connection::{PgConnection, store_error};
use crate::store::postgres::placeholders::Placeholders;

/// Times a transaction is run before its caller hears that the database is busy.
const ATTEMPTS: u32 = 12;

/// Every statement's bound, so that a lost lock cannot hold a connection for ever.
const STATEMENT_LIMIT: Duration = Duration::from_secs(30);

/// A piece of work for a database thread.
pub(super) enum Work {
    Write(WriteWork),
    Read(Box<dyn Job<Conn>>),
}

impl Work {
    pub(super) fn settle(self, end: Result<(), StoreError>) {
        match self {
            Self::Write(work) => work.settle(end),
            Self::Read(job) => job.settle(end),
        }
    }
}

/// What one database thread works with.
pub(super) struct Worker {
    config: Config,
    connections: usize,
    wait: Duration,
    read_limit: Duration,
    host: Host,
    figures: Arc<Figures>,
}

impl Worker {
    pub(super) fn new(
        config: Config,
        connections: usize,
        settings: &StoreSettings,
        host: Host,
        figures: Arc<Figures>,
    ) -> Self {
        Self { config, connections, wait: settings.wait, read_limit: settings.read_limit, host, figures }
    }
}

/// Runs work until every sender is gone and all of it has ended.
pub(super) fn run(worker: Worker, mut works: UnboundedReceiver<Work>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Ok(runtime), Ok(pool)) = (runtime, pool(&worker)) else {
        while let Some(work) = works.blocking_recv() {
            work.settle(Err(StoreError::new(ErrorKind::Unavailable)));
        }
        return;
    };
    let desk = Desk { pool, placeholders: Rc::default(), worker };
    runtime.block_on(async {
        let mut running: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + '_>>> = FuturesUnordered::new();
        let mut open = true;
        while open || !running.is_empty() {
            tokio::select! {
                work = works.recv(), if open => match work {
                    Some(work) => running.push(Box::pin(desk.serve(work))),
                    None => open = false,
                },
                Some(()) = running.next(), if !running.is_empty() => {}
            }
        }
    });
}

fn pool(worker: &Worker) -> Result<Pool, deadpool_postgres::BuildError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(worker.config.clone(), connect::tls(), recycling);
    let timeouts =
        Timeouts { wait: Some(worker.wait), create: Some(worker.wait), recycle: Some(worker.wait) };
    Pool::builder(manager).max_size(worker.connections).timeouts(timeouts).runtime(Runtime::Tokio1).build()
}

struct Desk {
    pool: Pool,
    placeholders: Rc<RefCell<Placeholders>>,
    worker: Worker,
}

/// How one run of a closure ended.
enum Run {
    Committed,
    /// The closure's own error, or the store's; undone either way.
    Undone(Option<StoreError>),
    /// Undone, and worth another run.
    Again(StoreError),
}

impl Desk {
    async fn serve(&self, work: Work) {
        match work {
            Work::Write(work) => self.write(work).await,
            Work::Read(mut job) => {
                let end = self.read(&mut *job).await;
                job.settle(end);
            }
        }
    }

    async fn write(&self, mut work: WriteWork) {
        let figures = &self.worker.figures;
        let mut attempt = 0;
        let end = loop {
            match self.transaction(work.job(), attempt).await {
                Run::Committed => break Ok(()),
                Run::Undone(error) => {
                    figures.undone(1);
                    break error.map_or(Ok(()), Err);
                }
                Run::Again(error) => {
                    attempt += 1;
                    figures.retried();
                    if attempt >= ATTEMPTS {
                        figures.was_busy();
                        figures.undone(1);
                        break Err(error);
                    }
                }
            }
        };
        work.settle(end);
    }

    async fn transaction(&self, job: &mut dyn Job<Tx>, attempt: u32) -> Run {
        let begin = begin_writing(attempt);
        let conn = match self.begin(&begin).await {
            Ok(conn) => conn,
            Err(fault) if fault.again => return Run::Again(fault.error),
            Err(fault) => return Run::Undone(Some(fault.error)),
        };
        let mut tx = Tx::new(conn);
        let outcome = AssertUnwindSafe(job.run(&mut tx)).catch_unwind().await;
        let again = tx.wants_again();
        let failed = tx.reset();
        let connection = match tx.into_driver() {
            Driver::Postgres(connection) => connection,
            Driver::Sqlite(_) => return Run::Undone(Some(StoreError::new(ErrorKind::Broken))),
        };
        let error = match (outcome, failed) {
            (Ok(true), None) => return self.commit(connection).await,
            (Ok(true), Some(swallowed)) => Some(swallowed),
            (Ok(false), failed) if again => {
                undo(connection).await;
                return Run::Again(failed.unwrap_or_else(|| StoreError::new(ErrorKind::Busy)));
            }
            (Ok(false), _) => None,
            (Err(_), _) => Some(StoreError::caused(ErrorKind::Broken, "the closure panicked")),
        };
        undo(connection).await;
        match error {
            Some(error) if again => Run::Again(error),
            error => Run::Undone(error),
        }
    }

    async fn commit(&self, connection: PgConnection) -> Run {
        let watch = self.worker.host.stopwatch();
        match connection.control("COMMIT").await {
            Ok(()) => {
                self.worker.figures.committed(1, watch.elapsed());
                Run::Committed
            }
            Err(fault) => {
                connection.discard();
                if fault.again { Run::Again(fault.error) } else { Run::Undone(Some(fault.error)) }
            }
        }
    }

    async fn read(&self, job: &mut dyn Job<Conn>) -> Result<(), StoreError> {
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}",
            self.worker.read_limit.as_millis()
        );
        let mut conn = self.begin(&begin).await.map_err(|fault| fault.error)?;
        let outcome = AssertUnwindSafe(job.run(&mut conn)).catch_unwind().await;
        if let Driver::Postgres(connection) = conn.into_driver() {
            undo(connection).await;
        }
        outcome.map(drop).map_err(|_| StoreError::caused(ErrorKind::Broken, "the closure panicked"))
    }

    /// Begins on a connection that answers; one the server closed meanwhile is replaced once.
    async fn begin(&self, begin: &str) -> Result<Conn, Fault> {
        let mut replaced = false;
        loop {
            let client = self.client().await?;
            let connection = PgConnection::new(client, Rc::clone(&self.placeholders));
            match connection.control(begin).await {
                Ok(()) => return Ok(Conn::new(Driver::Postgres(connection))),
                Err(fault) => {
                    let closed = connection.is_closed();
                    connection.discard();
                    if !closed || replaced {
                        return Err(fault);
                    }
                    replaced = true;
                }
            }
        }
    }

    async fn client(&self) -> Result<Object, Fault> {
        let error = match self.pool.get().await {
            Ok(client) => return Ok(client),
            Err(PoolError::Backend(error)) => store_error(&error),
            Err(PoolError::Timeout(deadpool_postgres::TimeoutType::Wait)) => {
                self.worker.figures.was_busy();
                StoreError::new(ErrorKind::Busy)
            }
            Err(error) => StoreError::caused(ErrorKind::Unavailable, error.to_string()),
        };
        Err(Fault { error, again: false })
    }
}

/// The first runs compete freely. Later ones first take a turn on an otherwise unused table, which PostgreSQL grants before it
/// fixes the snapshot, so writers that keep meeting each other stand in line instead.
fn begin_writing(attempt: u32) -> String {
    let turn = if attempt == 0 { "" } else { "; LOCK TABLE write_turns IN EXCLUSIVE MODE" };
    format!(
        "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL statement_timeout = {}{turn}",
        STATEMENT_LIMIT.as_millis()
    )
}

async fn undo(connection: PgConnection) {
    if connection.control("ROLLBACK").await.is_err() {
        connection.discard();
    }
}
