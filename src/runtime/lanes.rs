//! Threads on which connections stay: each runs what begins on it by itself, from the first byte to the last.
//!
//! A runtime of several threads moves work to whichever thread is free. For requests of some microseconds, to wake that thread
//! costs as much as to answer them, so connections are dealt out once, as nginx deals them out to its workers.
//!
//! Invariant: a lane ends after everything that was begun on it.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};

use crate::runtime::tasks::Tasks;

/// The lanes of a process. Cloning it gives another handle to the same ones.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Lane {
    handle: Handle,
    /// Since when it has had work to take up that only shows whether it does.
    asked_at: Arc<Mutex<Option<Instant>>>,
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
        let mut lanes = Vec::new();
        for number in 1..=count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            lanes.push(Lane { handle: runtime.handle().clone(), asked_at: Arc::default() });
            drop(tasks.bare_thread(format!("lane-{number}"), move |stop| {
                NUMBER.set(number);
                runtime.block_on(stop.cancelled());
                // Dropping it would wait for blocking work without an end.
                runtime.shutdown_background();
            })?);
        }
        Ok(Self(Arc::new(Inner { lanes, next: AtomicUsize::new(0) })))
    }

    /// Whether each of them has taken up, within `limit`, the work it was given at a look before this one. A lane that does not
    /// answers nobody whose connection it has. Nothing is waited for, so a look at many is as quick as at one.
    ///
    /// # Errors
    /// Which has not.
    pub fn check(&self, now: Instant, limit: Duration) -> Result<(), String> {
        for (number, lane) in (1..).zip(&self.0.lanes) {
            let mut asked_at = held(&lane.asked_at);
            match *asked_at {
                Some(at) if now.saturating_duration_since(at) >= limit => {
                    return Err(format!("the connections of thread lane-{number} stand still"));
                }
                Some(_) => {}
                None => {
                    *asked_at = Some(now);
                    let answer = Arc::clone(&lane.asked_at);
                    lane.handle.spawn(async move { *held(&answer) = None });
                }
            }
        }
        Ok(())
    }

    /// The lane for the next connection, by turns.
    pub(super) fn next(&self) -> Option<&Handle> {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.lanes.get(turn.checked_rem(self.0.lanes.len())?).map(|lane| &lane.handle)
    }
}

/// A panic of another holder leaves a time, not broken data.
fn held(asked_at: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    asked_at.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Lanes, current};
    use crate::runtime::clock::SystemClock;
    use crate::runtime::tasks::Tasks;
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use tokio::sync::mpsc;
    use tokio::task::yield_now;

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

        let began = Instant::now();
        let after = |seconds| lanes.check(began + Duration::from_secs(seconds), Duration::from_secs(5));

        tasks.group("work").spawn_on_lane(&lanes, async move {
            blocks.send(()).unwrap();
            // Until the other end goes away.
            let _ = held.recv();
        });
        blocked.await.unwrap();

        assert_eq!((after(0), after(4)), (Ok(()), Ok(())));
        assert_eq!(after(5), Err("the connections of thread lane-1 stand still".to_owned()));
        drop(hold);
        while after(5).is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
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
