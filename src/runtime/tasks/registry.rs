//! The list of what runs.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::domain::time::Timestamp;
use crate::runtime::tasks::handle::TaskError;
use crate::telemetry::names;

/// What sort of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Restarted after a failure.
    Task,
    /// Runs to its end.
    Once,
    /// Blocks a thread of the pool.
    Blocking,
    /// Has a thread of its own.
    Thread,
    /// Many short tasks of one name.
    Group,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// At work.
    Running,
    /// Waiting to be started again after this failure.
    Restarting(String),
}

/// One line of [`crate::runtime::tasks::Tasks::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The task's name.
    pub name: Cow<'static, str>,
    /// What sort of work it is.
    pub kind: Kind,
    /// Where it is.
    pub state: State,
    /// When it was first started.
    pub started_at: Timestamp,
    /// How often it was started again.
    pub restarts: u64,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    entries: BTreeMap<u64, Arc<Entry>>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Cow<'static, str>,
    pub(super) stop: CancellationToken,
    /// Cancelled at the drain deadline, to end the tasks of a group at once.
    pub(super) abort_group: CancellationToken,
    pub(super) kind: Kind,
    serial: u64,
    started_at: Timestamp,
    list: Weak<Mutex<List>>,
    finished: watch::Sender<bool>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    state: State,
    restarts: u64,
    abort: Option<AbortHandle>,
}

impl Registry {
    pub(super) fn enter(&self, name: Cow<'static, str>, kind: Kind, now: Timestamp) -> Arc<Entry> {
        let mut list = lock(&self.list);
        let serial = list.next;
        list.next += 1;
        let entry = Arc::new(Entry {
            name,
            stop: CancellationToken::new(),
            abort_group: CancellationToken::new(),
            serial,
            kind,
            started_at: now,
            list: Arc::downgrade(&self.list),
            finished: watch::Sender::new(false),
            progress: Mutex::new(Progress { state: State::Running, restarts: 0, abort: None }),
        });
        list.entries.insert(serial, Arc::clone(&entry));
        entry
    }

    pub(super) fn list(&self) -> Vec<Status> {
        lock(&self.list).entries.values().map(|entry| entry.status()).collect()
    }

    /// The last started of those that have not ended.
    pub(super) fn last(&self) -> Option<Arc<Entry>> {
        lock(&self.list).entries.last_key_value().map(|(_, entry)| Arc::clone(entry))
    }

    /// All that have not ended, last started first.
    pub(super) fn reversed(&self) -> Vec<Arc<Entry>> {
        lock(&self.list).entries.values().rev().map(Arc::clone).collect()
    }
}

impl Entry {
    fn status(&self) -> Status {
        let progress = lock(&self.progress);
        Status {
            name: self.name.clone(),
            kind: self.kind,
            state: progress.state.clone(),
            started_at: self.started_at,
            restarts: progress.restarts,
        }
    }

    pub(super) fn set_abort(&self, abort: AbortHandle) {
        lock(&self.progress).abort = Some(abort);
    }

    pub(super) fn abort(&self) {
        self.abort_group.cancel();
        if let Some(abort) = &lock(&self.progress).abort {
            abort.abort();
        }
    }

    pub(super) fn restarting(&self, failure: String) {
        let mut progress = lock(&self.progress);
        progress.state = State::Restarting(failure);
        progress.restarts += 1;
    }

    pub(super) fn running(&self) {
        lock(&self.progress).state = State::Running;
    }

    /// Counts and logs a panic, and turns it into an error.
    pub(super) fn caught(&self, payload: &(dyn Any + Send)) -> TaskError {
        let message = panic_message(payload);
        metrics::counter!(names::TASK_PANICS.name, "task" => self.name.clone()).increment(1);
        error!(task.name = %self.name, error = %message, "task {} panicked: {message}", self.name);
        TaskError::Panicked { name: self.name.to_string(), message }
    }

    /// Counts and logs the panic that work ended in, if it did.
    pub(super) fn ended(&self, result: thread::Result<()>) {
        if let Err(payload) = result {
            self.caught(&*payload);
        }
    }

    pub(super) fn finish(&self) {
        if let Some(list) = self.list.upgrade() {
            lock(&list).entries.remove(&self.serial);
        }
        self.finished.send_replace(true);
    }

    pub(super) fn is_finished(&self) -> bool {
        *self.finished.borrow()
    }

    pub(super) async fn finished(&self) {
        // An error would mean that the sender is gone, but it is held by `self`.
        let _ = self.finished.subscribe().wait_for(|finished| *finished).await;
    }
}

/// The text that most panics carry.
pub(in crate::runtime) fn panic_message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a panic without a message".to_owned(),
    }
}

/// A panic while the lock is held leaves the list whole, so the poison is not a reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
