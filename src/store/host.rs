//! The two things the store takes from the runtime: threads and a stopwatch.
//!
//! Invariant: nothing else under `store/` starts a thread or measures time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::runtime::clock::Clock;
use crate::runtime::tasks::Tasks;
use crate::store::error::OpenError;

/// Starts the store's threads and measures its time.
#[derive(Clone)]
pub(super) struct Host {
    tasks: Tasks,
    clock: Arc<dyn Clock>,
}

impl Host {
    pub(super) fn new(tasks: &Tasks) -> Self {
        Self { tasks: tasks.clone(), clock: Arc::clone(tasks.clock()) }
    }

    /// Starts a thread that ends when its line of work is closed: work that was accepted is never dropped by a stop.
    pub(super) fn start(&self, name: String, body: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let started = self.tasks.thread(name, move |_| body());
        started.map(drop).map_err(|source| OpenError::Thread { source })
    }

    pub(super) fn stopwatch(&self) -> Stopwatch {
        Stopwatch { clock: Arc::clone(&self.clock), started: self.clock.instant() }
    }
}

/// Measures how long something took.
#[derive(Clone)]
pub(super) struct Stopwatch {
    clock: Arc<dyn Clock>,
    started: Instant,
}

impl Stopwatch {
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.started)
    }
}
