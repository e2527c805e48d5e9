//! Threads on which connections stay: each runs what begins on it by itself, from the first byte to the last.
//!
//! A runtime of several threads moves work to whichever thread is free. For requests of some microseconds, to wake that thread
//! costs as much as to answer them, so connections are dealt out once, as nginx deals them out to its workers.
//!
//! Invariant: a lane ends after everything that was begun on it.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use crate::runtime::tasks::Tasks;

/// The lanes of a process. Cloning it gives another handle to the same ones.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handles: Vec<Handle>,
    next: AtomicUsize,
}

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The number of the lane that the caller runs on, from 1. All other threads have 0.
pub fn current() -> usize {
    NUMBER.get()
}

impl Lanes {
    /// Starts so many. They end after what is started later: enter them before the groups that begin work on them.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(tasks: &Tasks, count: usize) -> io::Result<Self> {
        let mut handles = Vec::new();
        for number in 1..=count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            drop(tasks.bare_thread(format!("lane-{number}"), move |stop| {
                NUMBER.set(number);
                runtime.block_on(stop.cancelled());
                // Dropping it would wait for blocking work without an end.
                runtime.shutdown_background();
            })?);
        }
        Ok(Self(Arc::new(Inner { handles, next: AtomicUsize::new(0) })))
    }

    /// Whether each of them takes up work within `limit`. A lane that does not answers nobody whose connection it has.
    ///
    /// # Errors
    /// Which does not.
    pub async fn check(&self, limit: Duration) -> Result<(), String> {
        for (number, handle) in (1..).zip(&self.0.handles) {
            // Aborted or panicked, it came to nothing as well.
            let turn = handle.spawn(async {});
            if !matches!(timeout(limit, turn).await, Ok(Ok(()))) {
                return Err(format!("the connections of thread lane-{number} stand still"));
            }
        }
        Ok(())
    }

    /// The lane for the next connection, by turns.
    pub(super) fn next(&self) -> Option<&Handle> {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.handles.get(turn.checked_rem(self.0.handles.len())?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lanes, current};
    use crate::runtime::clock::SystemClock;
    use crate::runtime::tasks::Tasks;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::mpsc;
    use tokio::task::yield_now;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn work_is_dealt_out_by_turns_and_stays_where_it_began_with_what_it_begins() {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let lanes = Lanes::start(&tasks, 2).unwrap();
        let group = tasks.group("work");
        let (tell, mut told) = mpsc::unbounded_channel();

        for _ in 0..4 {
            let (tell, inner) = (tell.clone(), group.clone());
            group.spawn_on_lane(&lanes, async move {
                let began = current();
                yield_now().await;
                let told = tell.clone();
                inner.begin(async move {
                    yield_now().await;
                    told.send((began, current())).unwrap();
                });
                tell.send((began, current())).unwrap();
            });
        }
        drop(tell);

        let mut places = Vec::new();
        while let Some((began, now)) = told.recv().await {
            assert_eq!(began, now);
            places.push(now);
        }
        places.sort_unstable();
        assert_eq!(places, [1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(current(), 0);
    }

    #[tokio::test]
    async fn a_lane_ends_after_the_work_on_it() {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let lanes = Lanes::start(&tasks, 1).unwrap();
        let group = tasks.group("work");
        let (tell, mut told) = mpsc::unbounded_channel();
        let stop = group.stop().clone();
        group.spawn_on_lane(&lanes, async move {
            stop.cancelled().await;
            yield_now().await;
            tell.send(()).unwrap();
        });

        let drained = tasks.drain(Duration::from_secs(10)).await;

        assert!(drained.is_clean(), "{drained:?}");
        assert_eq!(told.recv().await, Some(()));
    }

    #[tokio::test]
    async fn a_lane_that_stands_still_is_found() {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let lanes = Lanes::start(&tasks, 2).unwrap();
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (blocks, blocked) = tokio::sync::oneshot::channel();

        assert_eq!(lanes.check(PATIENCE).await, Ok(()));
        tasks.group("work").spawn_on_lane(&lanes, async move {
            blocks.send(()).unwrap();
            // Until the other end goes away.
            let _ = held.recv();
        });
        blocked.await.unwrap();

        assert!(lanes.check(Duration::from_millis(50)).await.unwrap_err().contains("lane-1"));
        drop(hold);
        assert_eq!(lanes.check(PATIENCE).await, Ok(()));
    }

    #[tokio::test]
    async fn without_lanes_the_work_is_done_all_the_same() {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let lanes = Lanes::start(&tasks, 0).unwrap();
        let (tell, mut told) = mpsc::unbounded_channel();

        tasks.group("work").spawn_on_lane(&lanes, async move { tell.send(current()).unwrap() });

        assert_eq!(told.recv().await, Some(0));
    }
}
