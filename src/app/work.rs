//! The worker: takes jobs of the queue, does them, and writes down how that ended. (Steps by the clock are in `jobs`.)
//!
//! Invariant: one job is never worked on twice at once. A worker that does not renew its hold loses the job, and its word
//! about it counts no more.

use std::time::Duration;

use futures_util::future::join_all;
use tracing::{debug, error, warn};

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::job::{Attempted, JobKind, TakenJob};
use crate::runtime::clock::random;
use crate::store::backend::{Conn, Tx};
use crate::store::jobs;
use crate::telemetry::chain::chain;
use crate::telemetry::names;

/// How long a job stays a worker's own without a renewal: the clocks of two workers may differ by most of it, and a killed
/// worker's jobs wait no longer than this.
const HELD_FOR: Duration = Duration::from_secs(90);

/// How often a hold is renewed: two renewals may fail.
const RENEWED_EVERY: Duration = Duration::from_secs(30);

/// Jobs that one step works on at once.
const AT_ONCE: u32 = 8;

/// Rounds of one step. A stop waits for the step, so it must end; what is left waits for the next one, a second later.
const ROUNDS: u32 = 16;

impl App {
    /// Does the jobs that are due, those among them that what just happened makes.
    pub async fn work_step(&self) -> Result<()> {
        // Letters go out also while what webhooks are told of cannot be read.
        let handed = self.hand_out().await;
        let worker = self.core.clock.new_id().to_string();
        for _ in 0..ROUNDS {
            let taken = self.take_jobs(&worker).await?;
            if taken.is_empty() {
                break;
            }
            let ends = join_all(taken.iter().map(|job| self.work(job))).await;
            ends.into_iter().collect::<Result<()>>()?;
        }
        handed
    }

    /// How many jobs wait, and how many were given up lately.
    pub async fn count_jobs(&self) -> Result<(u64, u64)> {
        self.core.store.read(async |on: &mut Conn| Ok::<_, AppError>(jobs::count(on).await?)).await
    }

    async fn take_jobs(&self, worker: &str) -> Result<Vec<TakenJob>> {
        let now = self.now();
        let due = self
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(jobs::any_due(on, now).await?))
            .await?;
        if !due {
            return Ok(Vec::new());
        }
        let worker = worker.to_owned();
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(jobs::take(tx, &worker, AT_ONCE, now, now + HELD_FOR).await?)
            })
            .await
    }

    async fn work(&self, job: &TakenJob) -> Result<()> {
        match self.attempt_held(job).await {
            Some(ended) => self.settle(job, ended).await,
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
        let (job, until) = (job.clone(), self.now() + HELD_FOR);
        self.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(jobs::hold(tx, &job, until).await?))
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
