//! The two things the store takes from the machine: threads and a stopwatch.
//!
//! Invariant: nothing else under `store/` starts a thread or reads a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::store::error::OpenError;

/// Starts named threads. Cloned into whatever needs one.
#[derive(Clone)]
pub struct Threads(Arc<StartThread>);

type StartThread = dyn Fn(&str, Box<dyn FnOnce() + Send>) -> std::io::Result<()> + Send + Sync;

impl Threads {
    /// Starts threads by the given means.
    #[must_use]
    pub fn by(
        start: impl Fn(&str, Box<dyn FnOnce() + Send>) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(start))
    }

    /// Starts threads that nothing supervises, for tests and tools.
    #[must_use]
    pub fn unsupervised() -> Self {
        Self::by(|name, body| std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop))
    }

    pub(super) fn start(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        (self.0)(name, Box::new(body)).map_err(|source| OpenError::Thread { source })
    }
}

/// Measures how long something took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
