//! Opens the SQLite database and hands work to its threads.
//!
//! Invariant: a database thread, never the async runtime, touches the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::runtime::tasks::Tasks;
use crate::store::backend::{Conn, WriteWork};
use crate::store::error::{ErrorKind, OpenError, StoreError};
use crate::store::figures::Figures;
use crate::store::host::Host;
use crate::store::job::Job;
use crate::store::open::StoreSettings;
use crate::store::queue::Queue;
use crate::store::sqlite::reader;
use crate::store::sqlite::writer::Writer;

/// The lines to the writer thread and to the readers.
pub(in crate::store) struct SqliteEngine {
    writes: Arc<Queue<WriteWork>>,
    reads: Arc<Queue<Box<dyn Job<Conn>>>>,
    ended: tokio::sync::Mutex<Vec<oneshot::Receiver<()>>>,
}

impl SqliteEngine {
    /// Opens the file in the directory, migrates it, and starts the threads.
    pub(in crate::store) async fn open(
        directory: &Path,
        settings: &StoreSettings,
        host: &Host,
        figures: &Arc<Figures>,
    ) -> Result<Self, OpenError> {
        let writes = Arc::new(Queue::new());
        let reads = Arc::new(Queue::new());
        let (writer_end, writer_ended) = oneshot::channel();
        let mut engine =
            Self { writes: Arc::clone(&writes), reads, ended: tokio::sync::Mutex::new(vec![writer_ended]) };
        let path = start_writer(directory.to_owned(), settings, host, figures, writes, writer_end).await?;
        for index in 0..settings.readers.max(1) {
            engine.start_reader(index, &path, settings, host, figures).await?;
        }
        Ok(engine)
    }

    async fn start_reader(
        &mut self,
        index: usize,
        path: &Path,
        settings: &StoreSettings,
        host: &Host,
        figures: &Arc<Figures>,
    ) -> Result<(), OpenError> {
        let (opened, answer) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (path, figures, limit) = (path.to_owned(), Arc::clone(figures), settings.read_limit);
        let reads = Arc::clone(&self.reads);
        let watch = host.clone();
        host.start(format!("db-read-{index}"), move || {
            match reader::open(&path, &figures, watch) {
                Ok(conn) => {
                    drop(opened.send(Ok(())));
                    reader::run(conn, &reads, limit);
                }
                Err(error) => drop(opened.send(Err(error))),
            }
            let _ = end.send(());
        })?;
        self.ended.get_mut().push(ended);
        answer.await.unwrap_or_else(|_| Err(thread_lost()))
    }

    pub(in crate::store) fn write(&self, work: WriteWork) {
        if let Err(work) = self.writes.push(work) {
            work.settle(Err(StoreError::new(ErrorKind::Unavailable)));
        }
    }

    pub(in crate::store) fn read(&self, job: Box<dyn Job<Conn>>) {
        if let Err(job) = self.reads.push(job) {
            job.settle(Err(StoreError::new(ErrorKind::Unavailable)));
        }
    }

    /// Closes the lines when the service stops. The task is started after the threads, so it is stopped before they are
    /// waited for.
    pub(in crate::store) fn close_on_stop(&self, tasks: &Tasks) {
        let (writes, reads) = (Arc::clone(&self.writes), Arc::clone(&self.reads));
        drop(tasks.spawn_once("db-close", async move |stop: CancellationToken| {
            stop.cancelled().await;
            reads.close();
            writes.close();
        }));
    }

    pub(in crate::store) async fn close(&self) {
        self.reads.close();
        self.writes.close();
        for ended in self.ended.lock().await.drain(..) {
            // A thread that is gone without a word has ended as well.
            drop(ended.await);
        }
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        self.reads.close();
        self.writes.close();
    }
}

async fn start_writer(
    directory: PathBuf,
    settings: &StoreSettings,
    host: &Host,
    figures: &Arc<Figures>,
    writes: Arc<Queue<WriteWork>>,
    end: oneshot::Sender<()>,
) -> Result<PathBuf, OpenError> {
    let (opened, answer) = oneshot::channel();
    let (figures, limit) = (Arc::clone(figures), settings.read_limit);
    let watch = host.clone();
    host.start("db-write".to_owned(), move || {
        match Writer::open(&directory, figures, watch, limit) {
            Ok(writer) => {
                drop(opened.send(Ok(writer.path().to_owned())));
                writer.run(&writes);
            }
            Err(error) => drop(opened.send(Err(error))),
        }
        let _ = end.send(());
    })?;
    answer.await.unwrap_or_else(|_| Err(thread_lost()))
}

fn thread_lost() -> OpenError {
    OpenError::Thread { source: std::io::Error::other("the thread ended while opening the database") }
}
