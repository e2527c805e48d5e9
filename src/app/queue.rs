//! The queue of jobs as people see it: what waits, what was given up, and trying that again. (`work` does them.)
//!
//! Invariant: what a job works on is shown to nobody.

use serde_json::json;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::id::JobId;
use crate::domain::job::{Job, JobKind, JobState};
use crate::domain::page::{Page, PageRequest};
use crate::store::backend::{Conn, Tx};
pub use crate::store::jobs::JobSort;
use crate::store::{audit, jobs};

/// The use cases of jobs.
#[derive(Debug, Clone, Copy)]
pub struct Queue<'a>(pub(in crate::app) &'a App);

impl Queue<'_> {
    /// A page of jobs, of one state where one is named.
    pub async fn list(
        &self,
        ctx: &Ctx,
        state: Option<JobState>,
        page: PageRequest<JobSort>,
    ) -> Result<Page<Job>> {
        ctx.require(Action::JobList)?;
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(jobs::list(on, state, &page).await?))
            .await
    }

    /// One job.
    pub async fn get(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        ctx.require(Action::JobGet)?;
        self.0.core.store.read(async move |on: &mut Conn| there(on, id).await).await
    }

    /// Has a job that was given up tried again, as often as a new one.
    pub async fn retry(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        ctx.require(Action::JobRetry)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::JobRetry.as_str(), ("job", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = there(tx, id).await?;
                let kind = JobKind::parse(&before.kind).ok_or_else(|| unknown_kind(&before))?;
                if before.state != JobState::Failed {
                    return Err(AppError::conflict(
                        "not_failed",
                        "only a job that was given up is tried again",
                    ));
                }
                if !jobs::retry(tx, id, kind.max_attempts(), now).await? {
                    return Err(AppError::conflict(
                        "nothing_kept",
                        "what this job works on is not kept any more, so it cannot be tried again",
                    ));
                }
                let state = |job: &Job| json!({ "kind": job.kind, "state": job.state });
                let after = there(tx, id).await?;
                audit::insert(tx, &event.changed(state(&before), state(&after))).await?;
                Ok(after)
            })
            .await
    }
}

fn unknown_kind(job: &Job) -> AppError {
    let detail =
        format!("this program knows no jobs of the kind {}; the newer one that made it does", job.kind);
    AppError::conflict("unknown_kind", detail)
}

async fn there(on: &mut Conn, id: JobId) -> Result<Job> {
    jobs::find(on, id).await?.ok_or(AppError::not_found("job"))
}
