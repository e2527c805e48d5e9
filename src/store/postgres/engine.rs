//! Opens the PostgreSQL database and hands work to its threads.
//!
//! Invariant: each thread has connections of its own; nothing is shared between threads but the line of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::runtime::tasks::Tasks;
use crate::store::backend::{Conn, WriteWork};
use crate::store::error::{ErrorKind, OpenError, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Host;
use crate::store::job::Job;
use crate::store::migrate;
use crate::store::open::StoreSettings;
use crate::store::postgres::connect;
use crate::store::postgres::worker::{self, Work, Worker};

/// Threads that run callers' closures. They mostly wait for the server, so two keep a pool of any usual size busy.
const THREADS: usize = 2;

/// The senders; without them the threads end.
type Lines = std::sync::Mutex<Vec<mpsc::UnboundedSender<Work>>>;

/// The lines to the database threads.
pub(in crate::store) struct PostgresEngine {
    lines: Arc<Lines>,
    next: AtomicUsize,
    ended: tokio::sync::Mutex<Vec<oneshot::Receiver<()>>>,
}

impl PostgresEngine {
    /// Checks the server, migrates it, and starts the threads.
    pub(in crate::store) async fn open(
        url: &str,
        direct_url: Option<&str>,
        settings: &StoreSettings,
        host: &Host,
        figures: &Arc<Figures>,
    ) -> Result<Self, OpenError> {
        let config = connect::config(url)?;
        migrate::postgres(direct_url.unwrap_or(url)).await?;
        let count = THREADS.min(settings.pool_size.max(1));
        let share = settings.pool_size.max(1).div_ceil(count);
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for index in 0..count {
            let (line, works) = mpsc::unbounded_channel();
            let (end, ended) = oneshot::channel();
            let worker = Worker::new(config.clone(), share, settings, host.clone(), Arc::clone(figures));
            host.start(format!("db-{index}"), move || {
                worker::run(worker, works);
                let _ = end.send(());
            })?;
            lines.push(line);
            ends.push(ended);
        }
        Ok(Self {
            lines: Arc::new(Lines::new(lines)),
            next: AtomicUsize::new(0),
            ended: tokio::sync::Mutex::new(ends),
        })
    }

    pub(in crate::store) fn write(&self, work: WriteWork) {
        self.send(Work::Write(work));
    }

    pub(in crate::store) fn read(&self, job: Box<dyn Job<Conn>>) {
        self.send(Work::Read(job));
    }

    fn send(&self, work: Work) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let line = {
            let lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            lines.get(turn.checked_rem(lines.len()).unwrap_or(0)).cloned()
        };
        let unsent = match line {
            Some(line) => line.send(work).err().map(|unsent| unsent.0),
            None => Some(work),
        };
        if let Some(work) = unsent {
            work.settle(Err(StoreError::new(ErrorKind::Unavailable)));
        }
    }

    /// Closes the lines when the service stops. The task is started after the threads, so it is stopped before they are
    /// waited for.
    pub(in crate::store) fn close_on_stop(&self, tasks: &Tasks) {
        // Weak, so that the last store's end closes them as well.
        let lines = Arc::downgrade(&self.lines);
        drop(tasks.spawn_once("db-close", async move |stop: CancellationToken| {
            stop.cancelled().await;
            if let Some(lines) = lines.upgrade() {
                lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
            }
        }));
    }

    pub(in crate::store) async fn close(&self) {
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        for ended in self.ended.lock().await.drain(..) {
            // A thread that is gone without a word has ended as well.
            drop(ended.await);
        }
    }
}
