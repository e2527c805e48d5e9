//! Supervised background work: the only way to spawn.
//!
//! Every task has a name, is listed, gets a token that tells it to stop, and is stopped in the reverse of the
//! order it was started in. A panic is caught, counted and logged, wherever it happens.
//!
//! Invariant: nothing runs that [`Tasks::list`] does not show.

mod drain;
mod handle;
mod outcome;
mod registry;

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info_span};

pub use drain::Drained;
pub use handle::{Task, TaskError};
pub use outcome::{Cause, Outcome};
pub use registry::{Kind, State, Status};

use crate::runtime::backoff::Backoff;
use crate::runtime::clock::Clock;
use crate::runtime::lanes::Lanes;
use crate::telemetry::names;
pub(super) use registry::panic_message;
use registry::{Entry, Registry};

/// The supervisor. Cloning it gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct Tasks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    handle: Handle,
    clock: Arc<dyn Clock>,
    registry: Registry,
}

impl Tasks {
    /// A supervisor that spawns on `handle`, the runtime of the process.
    pub fn new(handle: Handle, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { handle, clock, registry: Registry::default() }) }
    }

    /// A supervisor on the runtime that the caller runs on, for tests and for the start of `main`.
    pub fn current(clock: Arc<dyn Clock>) -> Self {
        Self::new(Handle::current(), clock)
    }

    /// The clock that the supervised work shares.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The runtime, for a thread that has to wait for a future.
    pub fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// Runs `task` until it returns success or is told to stop. After a panic or an error it is started again,
    /// after a wait that grows to half a minute and shrinks back once it has run well for a minute.
    pub fn spawn<F, Fut>(&self, name: impl Into<Cow<'static, str>>, task: F)
    where
        F: FnMut(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let entry = self.inner.registry.enter(name.into(), Kind::Task, self.inner.clock.now());
        let span = info_span!("task", task.name = %entry.name);
        let work = supervise(Arc::clone(&self.inner.clock), Arc::clone(&entry), task).instrument(span);
        self.start(&entry, work);
    }

    /// Runs `task` once. Dropping the answer does not stop it.
    pub fn spawn_once<F, Fut, T>(&self, name: impl Into<Cow<'static, str>>, task: F) -> Task<T>
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let entry = self.inner.registry.enter(name.into(), Kind::Once, self.inner.clock.now());
        let span = info_span!("task", task.name = %entry.name);
        let (answer, receiver) = oneshot::channel();
        let work = AssertUnwindSafe(task(entry.stop.clone())).catch_unwind();
        let mine = Arc::clone(&entry);
        self.start(
            &entry,
            async move {
                let result = work.await.map_err(|payload| mine.caught(&*payload));
                // Nobody may be waiting for the answer.
                let _ = answer.send(result);
            }
            .instrument(span),
        );
        Task::new(entry, receiver)
    }

    /// Runs `work`, which blocks, on a thread of the runtime's pool. It cannot be stopped; drain waits for it.
    pub fn spawn_blocking<F, T>(&self, name: impl Into<Cow<'static, str>>, work: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let entry = self.inner.registry.enter(name.into(), Kind::Blocking, self.inner.clock.now());
        let (answer, receiver) = oneshot::channel();
        let mine = Arc::clone(&entry);
        let span = info_span!("task", task.name = %entry.name);
        // The runtime's own handle adds nothing: the answer travels by the channel, the panic is caught here.
        drop(self.inner.handle.spawn_blocking(move || {
            let result = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)).map_err(|p| mine.caught(&*p)));
            mine.finish();
            let _ = answer.send(result);
        }));
        Task::new(entry, receiver)
    }

    /// Runs `work` on a thread of its own, for a loop that blocks as long as the service lives. It must return soon
    /// after its token is cancelled.
    pub fn thread<F, T>(&self, name: impl Into<Cow<'static, str>>, work: F) -> io::Result<Task<T>>
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let name = name.into();
        let span = info_span!("task", task.name = %name);
        self.thread_within(span, name, work)
    }

    /// The same without a span, for a thread on which others' work runs.
    pub(super) fn bare_thread<F, T>(&self, name: impl Into<Cow<'static, str>>, work: F) -> io::Result<Task<T>>
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.thread_within(Span::none(), name.into(), work)
    }

    fn thread_within<F, T>(&self, span: Span, name: Cow<'static, str>, work: F) -> io::Result<Task<T>>
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let entry = self.inner.registry.enter(name, Kind::Thread, self.inner.clock.now());
        let (answer, receiver) = oneshot::channel();
        let mine = Arc::clone(&entry);
        let started = thread::Builder::new().name(thread_name(&entry.name)).spawn(move || {
            let stop = mine.stop.clone();
            let result =
                span.in_scope(|| catch_unwind(AssertUnwindSafe(|| work(stop))).map_err(|p| mine.caught(&*p)));
            mine.finish();
            let _ = answer.send(result);
        });
        if let Err(cause) = started {
            entry.finish();
            return Err(cause);
        }
        Ok(Task::new(entry, receiver))
    }

    /// A group for many short tasks of one name, such as the connections of a listener. They are counted, not listed.
    pub fn group(&self, name: impl Into<Cow<'static, str>>) -> Group {
        let entry = self.inner.registry.enter(name.into(), Kind::Group, self.inner.clock.now());
        let done = Arc::clone(&entry);
        let tracker = tokio_util::task::TaskTracker::new();
        let watched = tracker.clone();
        self.start(&entry, async move {
            done.stop.cancelled().await;
            watched.close();
            watched.wait().await;
        });
        Group { handle: self.inner.handle.clone(), entry, tracker }
    }

    /// Everything that runs or has failed, in the order it was started.
    pub fn list(&self) -> Vec<Status> {
        self.inner.registry.list()
    }

    /// Stops everything, last started first, and waits until `deadline` from now for it to end.
    ///
    /// A group has a part of that time, so that what was started before it can still end in order. A task past the
    /// deadline is aborted; a thread or blocking work cannot be, and is only named in the answer.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        drain::drain(&self.inner.registry, deadline).await
    }

    fn start(&self, entry: &Arc<Entry>, work: impl Future<Output = ()> + Send + 'static) {
        let mine = FinishOnDrop(Arc::clone(entry));
        let join = self.inner.handle.spawn(async move {
            let _mine = mine;
            work.await;
        });
        entry.set_abort(join.abort_handle());
    }
}

/// Many short tasks of one name.
#[derive(Debug, Clone)]
pub struct Group {
    handle: Handle,
    entry: Arc<Entry>,
    tracker: tokio_util::task::TaskTracker,
}

impl Group {
    /// Cancelled when the group is to end. Its tasks watch this.
    pub fn stop(&self) -> &CancellationToken {
        &self.entry.stop
    }

    /// How many tasks of the group run now.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether no task of the group runs now.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Runs one task of the group. A panic in it is caught, counted and logged.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn_caught(AssertUnwindSafe(work).catch_unwind(), &self.handle);
    }

    /// The same on the thread of the caller, for what goes on with a connection that is there.
    pub fn spawn_here(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn_caught(AssertUnwindSafe(work).catch_unwind(), &self.here());
    }

    fn here(&self) -> Handle {
        Handle::try_current().unwrap_or_else(|_| self.handle.clone())
    }

    /// The same on the next of these lanes.
    pub fn spawn_on_lane(&self, lanes: &Lanes, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn_caught(AssertUnwindSafe(work).catch_unwind(), lanes.next().unwrap_or(&self.handle));
    }

    /// The same for work that often ends without waiting for anything: it begins here and now, and becomes a task of the thread
    /// that it began on only where it has to wait.
    pub fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
        // Nobody need wake this look at it: the task begins with another.
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => self.entry.ended(ended),
            Poll::Pending => self.spawn_caught(work, &self.here()),
        }
    }

    fn spawn_caught(&self, work: impl Future<Output = thread::Result<()>> + Send + 'static, on: &Handle) {
        let entry = Arc::clone(&self.entry);
        let abort = self.entry.abort_group.clone();
        let until_abort = async move {
            tokio::select! {
                biased;
                ended = work => entry.ended(ended),
                () = abort.cancelled() => {}
            }
        };
        self.tracker.spawn_on(until_abort, on);
    }
}

/// Marks the entry ended also when its task is aborted.
struct FinishOnDrop(Arc<Entry>);

impl Drop for FinishOnDrop {
    fn drop(&mut self) {
        self.0.finish();
    }
}

async fn supervise<F, Fut>(clock: Arc<dyn Clock>, entry: Arc<Entry>, mut task: F)
where
    F: FnMut(CancellationToken) -> Fut,
    Fut: Future<Output: Outcome>,
{
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let began = tokio::time::Instant::now();
        // The closure itself may panic before it gives a future, so it is called inside the guard.
        let run = async { task(entry.stop.clone()).await.outcome() };
        let failure = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(cause)) => {
                let text = cause.to_string();
                error!(task.name = %entry.name, error = %text, "task {} failed: {text}", entry.name);
                text
            }
            Err(payload) => entry.caught(&*payload).to_string(),
        };
        if entry.stop.is_cancelled() {
            return;
        }
        if began.elapsed() >= WELL_AFTER {
            backoff.reset();
        }
        entry.restarting(failure);
        metrics::counter!(names::TASK_RESTARTS.name, "task" => entry.name.clone()).increment(1);
        let mut spread = [0];
        clock.fill_random(&mut spread);
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait(spread[0])) => entry.running(),
            () = entry.stop.cancelled() => return,
        }
    }
}

/// Linux keeps 15 bytes of a thread's name; the rest would be dropped silently.
fn thread_name(name: &str) -> String {
    name.chars().filter(char::is_ascii).take(15).collect()
}

/// The wait after a first failure: long enough not to fill the log, short enough not to be noticed.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between restarts: the watchdog's period, so that a lasting fault shows within it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A task that ran this long before it failed is taken to have been well.
const WELL_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
