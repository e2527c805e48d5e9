//! The signals that end or change the service: SIGTERM and SIGINT drain, a second one stops at once, SIGHUP reloads.

use std::io;
use std::ops::AsyncFnMut;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::daemon::notify;

/// The signals of the process. Made before anything is started, so that none is lost.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// How a stop went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped<T> {
    /// The drain came to its end with this.
    Drained(T),
    /// A second signal cut it short.
    AtOnce,
}

enum Received {
    Stop(&'static str),
    Reload,
}

impl Signals {
    /// Takes the signals over from their defaults.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the first signal that stops, running `reload` at each SIGHUP before it. systemd learns of reloads.
    pub async fn until_stop(&mut self, mut reload: impl AsyncFnMut()) {
        loop {
            match self.next().await {
                Received::Stop(name) => {
                    info!(signal.name = name, "{name}: stopping; a second one stops at once");
                    return;
                }
                Received::Reload => {
                    info!(signal.name = "SIGHUP", "SIGHUP: reading the settings again");
                    notify::reloading();
                    reload().await;
                    notify::ready("running");
                }
            }
        }
    }

    /// Runs `drain` to its end, unless another signal to stop comes first.
    pub async fn or_second<T>(&mut self, drain: impl Future<Output = T>) -> Stopped<T> {
        tokio::select! {
            outcome = drain => Stopped::Drained(outcome),
            name = self.next_stop() => {
                warn!(signal.name = name, "{name} again: stopping at once");
                Stopped::AtOnce
            }
        }
    }

    async fn next_stop(&mut self) -> &'static str {
        loop {
            match self.next().await {
                Received::Stop(name) => return name,
                Received::Reload => {}
            }
        }
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Received::Stop("SIGINT"),
            _ = self.hangup.recv() => Received::Reload,
        }
    }
}
