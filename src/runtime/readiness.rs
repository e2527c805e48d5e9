//! Whether the service can do its work: stages that have started, conditions that are checked, notes that only tell.
//!
//! Invariant: asking is cheap and never waits. The checks run in a job, each under a time limit.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use tracing::{info, warn};

use crate::runtime::clock::Clock;
use crate::runtime::job::Job;
use crate::telemetry::names;

/// The readiness of the process. Cloning it gives another handle to the same one.
#[derive(Clone)]
pub struct Readiness {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

struct State {
    stages: BTreeMap<Stage, bool>,
    checks: Vec<Arc<Check>>,
    results: BTreeMap<&'static str, Result<(), String>>,
    notes: BTreeMap<&'static str, String>,
    draining: bool,
    checked_at: Instant,
    was_ready: bool,
}

/// What is started one after the other, in this order, and stopped in the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Database and cache.
    Store,
    /// The REST API.
    Api,
    /// The WireGuard side of this host.
    Agent,
    /// The admin panel.
    Panel,
    /// The public listeners.
    Edge,
}

/// What a failing condition means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Requests should go elsewhere until it holds again, as when another machine is down.
    Ready,
    /// The process itself is broken: a restart would help, so the watchdog is no longer answered either.
    Vital,
}

struct Check {
    name: &'static str,
    weight: Weight,
    run: Run,
}

type Run = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Where the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not everything is up yet.
    Starting,
    /// Everything is up and holds.
    Ready,
    /// A condition fails.
    Failing,
    /// It is stopping.
    Draining,
}

/// The answer to "are you ready", as the probes give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the service is.
    pub status: Status,
    /// Every condition, stages first.
    pub conditions: Vec<Condition>,
    /// What is less than it could be but keeps nobody from working.
    pub notes: Vec<Note>,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// What it is.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One thing worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What it is about.
    pub name: &'static str,
    /// What to know, and what would change it.
    pub text: String,
}

/// A stage was said to be up before one that it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{stage:?} was started before {missing:?}")]
pub struct OutOfOrder {
    /// The stage that came too soon.
    pub stage: Stage,
    /// The first that is missing.
    pub missing: Stage,
}

impl Report {
    /// Whether requests should come here.
    pub fn is_ready(&self) -> bool {
        self.status == Status::Ready
    }
}

impl Readiness {
    /// Not ready until every one of `stages` is up.
    pub fn new(clock: Arc<dyn Clock>, stages: impl IntoIterator<Item = Stage>) -> Self {
        let state = State {
            stages: stages.into_iter().map(|stage| (stage, false)).collect(),
            checks: Vec::new(),
            results: BTreeMap::new(),
            notes: BTreeMap::new(),
            draining: false,
            checked_at: clock.instant(),
            was_ready: false,
        };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// Says that a stage is up.
    ///
    /// # Errors
    /// When a stage it stands on is not.
    pub fn up(&self, stage: Stage) -> Result<(), OutOfOrder> {
        let mut state = self.lock();
        let missing = state.stages.iter().find(|(earlier, up)| **earlier < stage && !**up);
        if let Some((missing, _)) = missing {
            return Err(OutOfOrder { stage, missing: *missing });
        }
        state.stages.insert(stage, true);
        state.announce();
        Ok(())
    }

    /// Adds a condition. It fails until it was first checked.
    pub fn check<F, Fut>(&self, name: &'static str, weight: Weight, run: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check = Check { name, weight, run: Box::new(move || Box::pin(run())) };
        let mut state = self.lock();
        state.checks.push(Arc::new(check));
        state.results.insert(name, Err("not checked yet".to_owned()));
    }

    /// Notes something that does not keep the service from being ready, such as a tunnel that needs a privilege.
    pub fn note(&self, name: &'static str, text: impl Into<String>) {
        let text = text.into();
        warn!(note.name = name, "degraded: {text}");
        self.lock().notes.insert(name, text);
    }

    /// Takes a note back.
    pub fn clear_note(&self, name: &'static str) {
        self.lock().notes.remove(name);
    }

    /// From now on the service is not ready, for good.
    pub fn begin_drain(&self) {
        let mut state = self.lock();
        state.draining = true;
        state.announce();
    }

    /// Runs every check, all at once, each for two seconds at most.
    pub async fn refresh(&self) {
        let checks = self.lock().checks.clone();
        let results = join_all(checks.iter().map(|check| async {
            let result = tokio::time::timeout(CHECK_TIMEOUT, (check.run)()).await;
            (check.name, result.unwrap_or_else(|_| Err(format!("no answer within {CHECK_TIMEOUT:?}"))))
        }))
        .await;
        let now = self.clock.instant();
        let mut state = self.lock();
        state.checked_at = now;
        for (name, result) in results {
            let before = state.results.insert(name, result.clone());
            if let (Err(reason), Some(Ok(()))) = (&result, &before) {
                warn!(condition.name = name, reason, "{name} fails: {reason}");
            }
        }
        state.announce();
    }

    /// The job that keeps the conditions current.
    pub fn job(&self) -> Job {
        let readiness = self.clone();
        Job::new("readiness", REFRESH_EVERY, move || {
            let readiness = readiness.clone();
            async move { readiness.refresh().await }
        })
    }

    /// What to tell whoever asks.
    pub fn report(&self) -> Report {
        let state = self.lock();
        let stages = state.stages.iter().map(|(stage, up)| Condition {
            name: format!("{stage:?}").to_lowercase(),
            ok: *up,
            reason: (!up).then(|| "starting".to_owned()),
        });
        let checks = state.results.iter().map(|(name, result)| Condition {
            name: (*name).to_owned(),
            ok: result.is_ok(),
            reason: result.as_ref().err().cloned(),
        });
        Report {
            status: state.status(),
            conditions: stages.chain(checks).collect(),
            notes: state.notes.iter().map(|(name, text)| Note { name, text: text.clone() }).collect(),
        }
    }

    /// Whether the process works at all: its checks still run and no vital one fails. The watchdog hangs on this.
    ///
    /// # Errors
    /// What is broken.
    pub fn alive(&self) -> Result<(), String> {
        let now = self.clock.instant();
        let state = self.lock();
        let silence = now.saturating_duration_since(state.checked_at);
        if silence > STALE_AFTER {
            return Err(format!("the checks have not run for {} s", silence.as_secs()));
        }
        // Before the start is over nothing has been checked; the start has its own time limit.
        if state.status() == Status::Starting {
            return Ok(());
        }
        let vital = state.checks.iter().filter(|check| check.weight == Weight::Vital);
        for check in vital {
            if let Some(Err(reason)) = state.results.get(check.name) {
                return Err(format!("{}: {reason}", check.name));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn status(&self) -> Status {
        if self.draining {
            Status::Draining
        } else if self.stages.values().any(|up| !up) {
            Status::Starting
        } else if self.results.values().any(Result::is_err) {
            Status::Failing
        } else {
            Status::Ready
        }
    }

    /// Tells the log and the metrics when the service became ready or ceased to be.
    fn announce(&mut self) {
        let ready = self.status() == Status::Ready;
        metrics::gauge!(names::READY.name).set(if ready { 1.0 } else { 0.0 });
        if ready && !self.was_ready {
            info!("ready");
        }
        self.was_ready = ready;
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("report", &self.report()).finish_non_exhaustive()
    }
}

/// Half of what a load balancer usually waits between probes.
const REFRESH_EVERY: Duration = Duration::from_secs(3);

/// A database that needs longer than this for a probe would fail its users as well.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Several refreshes were missed: the runtime is stuck, or the job is gone.
const STALE_AFTER: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::{OutOfOrder, Readiness, Stage, Status, Weight};
    use crate::domain::time::Timestamp;
    use crate::runtime::clock::TestClock;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    fn readiness() -> (Readiness, Arc<TestClock>) {
        let clock = Arc::new(TestClock::at(Timestamp::from_millis(0)));
        (Readiness::new(Arc::<TestClock>::clone(&clock), [Stage::Store, Stage::Api]), clock)
    }

    #[tokio::test]
    async fn it_is_ready_only_when_every_stage_is_up_in_order_and_every_condition_holds() {
        let (readiness, _clock) = readiness();
        let broken = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&broken);
        readiness.check("database", Weight::Ready, move || {
            let down = seen.load(Ordering::SeqCst);
            async move { if down { Err("cannot connect".to_owned()) } else { Ok(()) } }
        });

        assert_eq!(readiness.up(Stage::Api), Err(OutOfOrder { stage: Stage::Api, missing: Stage::Store }));
        readiness.up(Stage::Store).unwrap();
        assert_eq!(readiness.report().status, Status::Starting);
        readiness.up(Stage::Api).unwrap();
        readiness.refresh().await;
        assert_eq!(readiness.report().conditions[2].reason.as_deref(), Some("cannot connect"));
        assert_eq!(readiness.report().status, Status::Failing);
        broken.store(false, Ordering::SeqCst);
        readiness.refresh().await;
        assert!(readiness.report().is_ready());
        readiness.begin_drain();
        assert_eq!(readiness.report().status, Status::Draining);
    }

    #[tokio::test]
    async fn a_note_tells_but_does_not_fail() {
        let (readiness, _clock) = readiness();
        readiness.up(Stage::Store).unwrap();
        readiness.up(Stage::Api).unwrap();

        readiness.note("tunnel", "no tunnel: needs CAP_NET_ADMIN");

        assert!(readiness.report().is_ready());
        assert_eq!(readiness.report().notes.len(), 1);
    }

    #[tokio::test]
    async fn only_a_vital_condition_or_silence_means_that_a_restart_would_help() {
        let (readiness, clock) = readiness();
        readiness.up(Stage::Store).unwrap();
        readiness.up(Stage::Api).unwrap();
        readiness.check("postgres", Weight::Ready, || async { Err("down".to_owned()) });
        readiness.refresh().await;
        assert_eq!(readiness.alive(), Ok(()));

        readiness.check("writer", Weight::Vital, || async { Err("stuck".to_owned()) });
        readiness.refresh().await;

        assert_eq!(readiness.alive(), Err("writer: stuck".to_owned()));
        clock.advance(Duration::from_secs(21));
        assert!(readiness.alive().unwrap_err().contains("21 s"));
    }

    #[tokio::test]
    async fn a_check_that_hangs_fails_and_does_not_hold_up_the_others() {
        let (readiness, _clock) = readiness();
        readiness.check("stuck", Weight::Ready, std::future::pending);
        readiness.check("fine", Weight::Ready, || async { Ok(()) });

        readiness.refresh().await;

        let conditions = readiness.report().conditions;
        let find = |name: &str| conditions.iter().find(|condition| condition.name == name).unwrap().ok;
        assert!(find("fine") && !find("stuck"));
    }
}
