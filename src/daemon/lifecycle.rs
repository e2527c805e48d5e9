//! The life of the service from ready to stopped.

use std::time::Duration;

use tracing::{info, warn};

use crate::daemon::exit::Exit;
use crate::daemon::notify;
use crate::daemon::signals::{Signals, Stopped};
use crate::runtime::job::Jobs;
use crate::runtime::readiness::{Readiness, Report};
use crate::runtime::tasks::Tasks;

/// What a running service consists of, once its parts are up.
#[derive(Debug)]
pub struct Lifecycle {
    tasks: Tasks,
    readiness: Readiness,
}

impl Lifecycle {
    /// Takes over once every stage is up: starts the readiness and watchdog jobs and tells systemd.
    pub async fn begin(tasks: Tasks, jobs: &Jobs, readiness: Readiness) -> Self {
        // The first look is taken here, so that systemd is not told before it is true.
        readiness.refresh().await;
        jobs.start(readiness.job());
        if let Some(watchdog) = notify::watchdog(&readiness) {
            jobs.start(watchdog);
        }
        notify::ready(&summary(&readiness.report()));
        Self { tasks, readiness }
    }

    /// Runs until a signal stops it, and drains. `reload` is called at each SIGHUP; `drain` says at the end how long
    /// requests under way may take.
    ///
    /// After [`Exit::Failure`] the caller must not wait for what is left: end the runtime without waiting.
    pub async fn run(
        self,
        signals: &mut Signals,
        reload: impl AsyncFnMut(),
        drain: impl Fn() -> Duration,
    ) -> Exit {
        signals.until_stop(reload).await;
        match signals.or_second(self.stop(drain())).await {
            Stopped::Drained(exit) => exit,
            Stopped::AtOnce => Exit::Failure,
        }
    }

    async fn stop(&self, drain: Duration) -> Exit {
        self.readiness.begin_drain();
        notify::stopping();
        let drained = self.tasks.drain(drain).await;
        if drained.is_clean() {
            info!(tasks.finished = drained.finished, "stopped");
            return Exit::Success;
        }
        let late = drained.late.join(", ");
        warn!(tasks.late = %late, "stopped without waiting longer for {late}");
        Exit::Failure
    }
}

/// The line of `systemctl status`.
fn summary(report: &Report) -> String {
    match report.notes.as_slice() {
        [] => "running".to_owned(),
        notes => {
            let texts: Vec<_> = notes.iter().map(|note| note.text.as_str()).collect();
            format!("running; {}", texts.join("; "))
        }
    }
}
