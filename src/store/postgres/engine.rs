//! Opens the PostgreSQL database and hands work to its threads.
//!
//! Invariant: each thread has connections of its own; nothing is shared between threads but the line of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::store::backend::{Conn, WriteWork};
use crate::store::error::{ErrorKind, OpenError, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Threads;
use crate::store::job::Job;
use crate::store::migrate;
use crate::store::open::StoreSettings;
use crate::store::postgres::connect;
use crate::store::postgres::worker::{self, Work, Worker};

/// Threads that run callers' closures. They mostly wait for the server, so two keep a pool of any usual size busy.
const THREADS: usize = 2;

/// The lines to the database threads.
pub(in crate::store) struct PostgresEngine {
    lines: std::sync::Mutex<Vec<mpsc::UnboundedSender<Work>>>,
    next: AtomicUsize,
    ended: tokio::sync::Mutex<Vec<oneshot::Receiver<()>>>,
}

impl PostgresEngine {
    /// Checks the server, migrates it, and starts the threads.
    pub(in crate::store) async fn open(
        url: &str,
        direct_url: Option<&str>,
        settings: &StoreSettings,
        threads: &Threads,
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
            let worker = Worker::new(config.clone(), share, settings, Arc::clone(figures));
            threads.start(&format!("db-{index}"), move || {
                worker::run(worker, works);
                let _ = end.send(());
            })?;
            lines.push(line);
            ends.push(ended);
        }
        Ok(Self {
            lines: std::sync::Mutex::new(lines),
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

    pub(in crate::store) async fn close(&self) {
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        for ended in self.ended.lock().await.drain(..) {
            // A thread that is gone without a word has ended as well.
            drop(ended.await);
        }
    }
}
