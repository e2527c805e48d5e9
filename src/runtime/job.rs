//! Periodic work: a listed step, run every so often, with the time of its last success.
//!
//! Invariant: a step is never cut short by a stop, though it may watch for one and end early, and two runs of one job never overlap.

mod row;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::domain::time::Timestamp;
use crate::runtime::clock::Clock;
use crate::runtime::job::row::Row;
use crate::runtime::tasks::{Outcome, Tasks};
use crate::telemetry::names;

/// A piece of periodic work.
pub struct Job {
    /// What it is called in the log, the metrics and the list.
    pub name: &'static str,
    /// The time from the start of one run to the start of the next.
    pub every: Duration,
    step: Step,
}

type Step =
    Box<dyn Fn(CancellationToken) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

impl Job {
    /// A job whose `step` runs at once and then `every` so often.
    pub fn new<F, Fut>(name: &'static str, every: Duration, step: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        Self::stoppable(name, every, move |_stop| step())
    }

    /// The same for a step that may take long: it watches the token, and ends soon after it is cancelled.
    pub fn stoppable<F, Fut>(name: &'static str, every: Duration, step: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let step: Step = Box::new(move |stop| {
            let run = step(stop);
            Box::pin(async move { run.await.outcome().map_err(|cause| cause.to_string()) })
        });
        Self { name, every, step }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name).field("every", &self.every).finish_non_exhaustive()
    }
}

/// How a job has done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    /// The job's name.
    pub name: &'static str,
    /// The time between runs.
    pub every: Duration,
    /// How often it has run.
    pub runs: u64,
    /// When it last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// When it last failed.
    pub failed_at: Option<Timestamp>,
    /// Why it last failed, until it succeeds again.
    pub last_error: Option<String>,
}

/// The jobs of the process. Cloning it gives another handle to the same list.
#[derive(Debug, Clone)]
pub struct Jobs {
    tasks: Tasks,
    list: Arc<Mutex<BTreeMap<&'static str, Arc<Running>>>>,
}

#[derive(Debug)]
struct Running {
    wake: Notify,
    status: Mutex<JobStatus>,
}

impl Jobs {
    /// No jobs yet; they will run under `tasks`.
    pub fn new(tasks: Tasks) -> Self {
        Self { tasks, list: Arc::default() }
    }

    /// Starts a job.
    pub fn start(&self, job: Job) {
        let running = Arc::new(Running::idle(&job));
        self.list.lock().unwrap_or_else(PoisonError::into_inner).insert(job.name, Arc::clone(&running));
        let clock = Arc::clone(self.tasks.clock());
        let job = Arc::new(job);
        self.tasks.spawn(format!("job.{}", job.name), move |stop| {
            work(Arc::clone(&job), Arc::clone(&running), Arc::clone(&clock), stop)
        });
    }

    /// Runs the job now instead of waiting for its time. False when there is none of that name.
    pub fn wake(&self, name: &str) -> bool {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.get(name).map(|running| running.wake.notify_one()).is_some()
    }

    /// How each job has done, by name.
    pub fn list(&self) -> Vec<JobStatus> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.values().map(|running| running.status().clone()).collect()
    }
}

impl Running {
    fn idle(job: &Job) -> Self {
        let status = JobStatus {
            name: job.name,
            every: job.every,
            runs: 0,
            succeeded_at: None,
            failed_at: None,
            last_error: None,
        };
        Self { wake: Notify::new(), status: Mutex::new(status) }
    }

    fn status(&self) -> std::sync::MutexGuard<'_, JobStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn work(job: Arc<Job>, running: Arc<Running>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut ticks = interval(job.every);
    // A run that took longer than the period is followed by a whole period, not by a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut row = Row::default();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = running.wake.notified() => ticks.reset(),
            _ = ticks.tick() => {}
        }
        run_once(&job, &running, &mut row, clock.as_ref(), stop.clone()).await;
    }
}

async fn run_once(job: &Job, running: &Running, row: &mut Row, clock: &dyn Clock, stop: CancellationToken) {
    let began = Instant::now();
    let step = async { (job.step)(stop).await.map_err(|cause| (cause, false)) };
    let result = AssertUnwindSafe(step).catch_unwind().await.unwrap_or_else(|payload| {
        metrics::counter!(names::TASK_PANICS.name, "task" => format!("job.{}", job.name)).increment(1);
        Err((format!("panic: {}", crate::runtime::tasks::panic_message(&*payload)), true))
    });
    let took = began.elapsed();
    metrics::histogram!(names::JOB_DURATION_SECONDS.name, "job" => job.name).record(took);
    let label = if result.is_ok() { "success" } else { "failure" };
    metrics::counter!(names::JOB_RUNS.name, "job" => job.name, "result" => label).increment(1);
    let now = clock.now();
    let mut status = running.status();
    status.runs += 1;
    match result {
        Ok(()) => {
            debug!(job.name = job.name, duration_ms = took.as_millis(), "job {} done", job.name);
            row.end(job);
            metrics::gauge!(names::JOB_LAST_SUCCESS_TIMESTAMP_SECONDS.name, "job" => job.name)
                .set(seconds(now));
            status.succeeded_at = Some(now);
            status.last_error = None;
        }
        Err((cause, is_panic)) => {
            row.add(job, &cause, is_panic);
            status.failed_at = Some(now);
            status.last_error = Some(cause);
        }
    }
}

/// Unix seconds as a gauge holds them. Exact to the millisecond for as long as `Timestamp` reaches.
fn seconds(at: Timestamp) -> f64 {
    Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::{Job, Jobs, Row, Running, run_once};
    use crate::domain::time::Timestamp;
    use crate::runtime::clock::TestClock;
    use crate::runtime::tasks::Tasks;
    use std::collections::VecDeque;
    use std::io::{self, Write};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;

    fn jobs() -> Jobs {
        Jobs::new(Tasks::current(Arc::new(TestClock::at(Timestamp::from_millis(7_000)))))
    }

    async fn until(mut done: impl FnMut() -> bool) {
        for _ in 0..500 {
            if done() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not happen within five seconds");
    }

    #[tokio::test]
    async fn a_job_runs_at_once_then_periodically_and_says_when_it_last_succeeded() {
        let jobs = jobs();
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);

        jobs.start(Job::new("count", Duration::from_millis(5), move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async {}
        }));
        until(|| runs.load(Ordering::SeqCst) >= 3).await;

        assert_eq!(jobs.list()[0].succeeded_at, Some(Timestamp::from_millis(7_000)));
    }

    #[tokio::test]
    async fn a_job_that_panics_or_fails_runs_again_and_tells_why() {
        let jobs = jobs();
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);

        jobs.start(Job::new("flaky", Duration::from_millis(5), move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(run > 0, "the first run breaks");
                if run == 1 { Err(std::io::Error::other("the second fails")) } else { Ok(()) }
            }
        }));
        until(|| jobs.list()[0].succeeded_at.is_some()).await;

        let status = jobs.list().remove(0);
        assert!(status.failed_at.is_some() && status.last_error.is_none() && status.runs >= 3);
    }

    #[tokio::test]
    async fn a_woken_job_does_not_wait_for_its_time() {
        let jobs = jobs();
        jobs.start(Job::new("rare", Duration::from_secs(3600), || async {}));
        until(|| jobs.list()[0].runs == 1).await;

        let known = jobs.wake("rare");
        until(|| jobs.list()[0].runs == 2).await;

        assert!(known);
        assert!(!jobs.wake("unknown"));
    }
    #[tokio::test]
    async fn a_failure_that_the_next_run_heals_is_no_error() {
        let log = logged([Ends::Fails, Ends::Fails, Ends::Works]).await;

        assert_eq!(
            log, ["WARN job ebb failed, and runs again within 1s: no disk"; 2],
            "and its end is told to nobody"
        );
    }

    #[tokio::test]
    async fn a_job_that_keeps_failing_is_an_error_that_is_told_ever_more_rarely_and_once_when_it_ends() {
        let mut ends = vec![Ends::Fails; 13];
        ends.extend([Ends::Works, Ends::Works]);

        let log = logged(ends).await;

        let error =
            |times| format!("ERROR job ebb failed ({times} in a row), and runs again within 1s: no disk");
        assert_eq!(log[2..5], [error(3), error(6), error(12)]);
        assert_eq!(log[5..], ["INFO job ebb works again, after failing 13 in a row"]);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_at_once() {
        let log = logged([Ends::Panics, Ends::Works]).await;

        assert_eq!(
            log,
            [
                "ERROR job ebb failed (1 in a row), and runs again within 1s: panic: it broke",
                "INFO job ebb works again, after failing 1 in a row",
            ]
        );
    }

    /// How a run ends.
    #[derive(Debug, Clone, Copy)]
    enum Ends {
        Works,
        Fails,
        Panics,
    }

    /// What operators read of runs that end so, without times and fields.
    async fn logged(ends: impl IntoIterator<Item = Ends>) -> Vec<String> {
        let ends: VecDeque<_> = ends.into_iter().collect();
        let runs = ends.len();
        let ends = Mutex::new(ends);
        let job = Job::new("ebb", Duration::from_secs(1), move || {
            let end = ends.lock().unwrap().pop_front().unwrap();
            async move {
                match end {
                    Ends::Works => Ok(()),
                    Ends::Fails => Err(io::Error::other("no disk")),
                    Ends::Panics => panic!("it broke"),
                }
            }
        });
        let lines = Lines::default();
        let copy = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || copy.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        let _installed = tracing::subscriber::set_default(log);
        let (running, mut row) = (Running::idle(&job), Row::default());
        let clock = TestClock::at(Timestamp::from_millis(7_000));

        for _ in 0..runs {
            run_once(&job, &running, &mut row, &clock, CancellationToken::new()).await;
        }

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.split(" job.name").next().unwrap().trim().to_owned()).collect()
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
