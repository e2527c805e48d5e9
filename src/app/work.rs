//! The worker: takes jobs of the queue, does them, and writes down how that ended. (Steps by the clock are in `jobs`.)
//!
//! Invariant: one job is never worked on twice at once. A worker that does not renew its hold loses the job, and its word
//! about it counts no more.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::job::{Attempted, JobKind, Lane, TakenJob};
use crate::runtime::clock::random;
use crate::store::backend::{Conn, Tx};
use crate::store::jobs;
use crate::telemetry::chain::chain;
use crate::telemetry::names;

/// How long a job stays a worker's own without a renewal: a killed worker's jobs wait no longer than this.
const HELD_FOR: Duration = Duration::from_secs(90);

/// How often a hold is renewed: two renewals may fail.
const RENEWED_EVERY: Duration = Duration::from_secs(30);

/// How long a step begins jobs: then it ends with those under way, so that the time of its last success tells that all is
/// well also while there is always something due.
const BEGINS_FOR: Duration = Duration::from_secs(60);

/// How soon a job that falls due takes a place beside those under way.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// What jobs under way get once the service stops. The lanes stop one after the other, and all of them within the quarter of
/// a minute that connections leave. What takes longer is done again by whoever comes next, when the hold has run out.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

impl App {
    /// Does the jobs of a lane that are due, those among them that fall due meanwhile. Each has a place of its own, which
    /// the next one takes. A stop begins none; those that were not begun stay where they are, in the database.
    pub async fn work_step(&self, lane: Lane, stop: &CancellationToken) -> Result<()> {
        let began = self.core.clock.instant();
        let worker = self.core.clock.new_id().to_string();
        let mut under_way = FuturesUnordered::new();
        let mut failure = None;
        let mut stopped = std::pin::pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(STOPS_WITHIN).await;
        });
        loop {
            let is_over = self.core.clock.instant().saturating_duration_since(began) >= BEGINS_FOR;
            let free = lane.at_once().saturating_sub(under_way.len());
            if free > 0 && failure.is_none() && !is_over && !stop.is_cancelled() {
                match self.take_jobs(lane, &worker, free).await {
                    Ok(taken) => under_way.extend(taken.into_iter().map(|job| self.work(job))),
                    Err(cause) => failure = Some(cause),
                }
            }
            tokio::select! {
                ended = under_way.next() => match ended {
                    None => break,
                    Some(Ok(())) => {}
                    Some(Err(cause)) => failure = failure.or(Some(cause)),
                },
                () = tokio::time::sleep(LOOKS_EVERY) => {}
                () = &mut stopped => {
                    let left = under_way.len();
                    warn!(jobs.left = left, "stopped without the end of {left} jobs, which are done again");
                    break;
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// How many jobs wait, and how many were given up lately.
    pub async fn count_jobs(&self) -> Result<(u64, u64)> {
        self.core.store.read(async |on: &mut Conn| Ok::<_, AppError>(jobs::count(on).await?)).await
    }

    async fn take_jobs(&self, lane: Lane, worker: &str, free: usize) -> Result<Vec<TakenJob>> {
        let now = self.now();
        let due = self
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(jobs::any_due(on, lane, now).await?))
            .await?;
        if !due {
            return Ok(Vec::new());
        }
        let worker = worker.to_owned();
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(jobs::take(tx, &worker, lane, free, now, HELD_FOR).await?)
            })
            .await
    }

    async fn work(&self, job: TakenJob) -> Result<()> {
        match self.attempt_held(&job).await {
            Some(ended) => self.settle(&job, ended).await,
            None => {
                warn!(job.id = %job.id, job.kind = job.kind.as_str(), "job {} was taken by another worker", job.id);
                Ok(())
            }
        }
    }

    /// Does a job while its hold is renewed; `None` when the hold was lost.
    async fn attempt_held(&self, job: &TakenJob) -> Option<Attempted> {
        let mut attempt = std::pin::pin!(self.attempt(job));
        loop {
            tokio::select! {
                ended = &mut attempt => return Some(ended),
                () = tokio::time::sleep(RENEWED_EVERY) => {
                    // A database that is away for a moment is no reason to drop work: the hold outlives two renewals.
                    if let Ok(false) = self.hold(job).await {
                        return None;
                    }
                }
            }
        }
    }

    async fn hold(&self, job: &TakenJob) -> Result<bool> {
        let job = job.clone();
        self.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(jobs::hold(tx, &job, HELD_FOR).await?))
            .await
    }

    async fn attempt(&self, job: &TakenJob) -> Attempted {
        if job.attempt > job.max_attempts {
            return Attempted::Failed("no worker lived long enough to end it".to_owned());
        }
        let ended = match job.kind {
            JobKind::Mail => self.send_mail(job).await,
            JobKind::PasswordReset => self.answer_reset(job).await,
            JobKind::Webhook => self.deliver(job).await,
        };
        ended.unwrap_or_else(|cause| {
            warn!(job.id = %job.id, error = %chain(&cause), "job {} could not be worked on", job.id);
            Attempted::Again(cause.to_string())
        })
    }

    async fn settle(&self, job: &TakenJob, ended: Attempted) -> Result<()> {
        let now = self.now();
        let [spread] = random::<1>(self.core.clock.as_ref());
        let next = match &ended {
            Attempted::Again(_) => job.next_wait(spread).map(|wait| now + wait),
            Attempted::Done | Attempted::Settled | Attempted::Failed(_) => None,
        };
        note(job, &ended, next.is_some());
        let job = job.clone();
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                match (&ended, next) {
                    (Attempted::Settled, _) => true,
                    (Attempted::Done, _) => jobs::finish(tx, &job, now).await?,
                    (Attempted::Again(why), Some(at)) => jobs::release(tx, &job, why, at).await?,
                    (Attempted::Again(why) | Attempted::Failed(why), _) => {
                        jobs::fail(tx, &job, why, now).await?
                    }
                };
                Ok::<_, AppError>(())
            })
            .await
    }
}

fn note(job: &TakenJob, ended: &Attempted, again: bool) {
    let (id, kind, attempt) = (job.id, job.kind.as_str(), job.attempt);
    let result = match ended {
        Attempted::Done | Attempted::Settled => {
            debug!(job.id = %id, job.kind = kind, job.attempt = attempt, "job {id} is done");
            "done"
        }
        Attempted::Again(why) if again => {
            warn!(job.id = %id, job.kind = kind, job.attempt = attempt, "job {id} will be tried again: {why}");
            "again"
        }
        Attempted::Again(why) | Attempted::Failed(why) => {
            error!(job.id = %id, job.kind = kind, job.attempt = attempt, "job {id} was given up: {why}");
            "failed"
        }
    };
    metrics::counter!(names::QUEUE_ATTEMPTS.name, "kind" => kind, "result" => result).increment(1);
}
