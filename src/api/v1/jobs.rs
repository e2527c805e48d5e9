//! Jobs over HTTP.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, page_of};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::queue::JobSort;
use crate::domain::id::JobId;
use crate::domain::job::{Job, JobState};
use crate::domain::time::Timestamp;

/// The routes of jobs.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(retry))
}

/// A job: work that outlives the request that asked for it. What it works on is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Names the job.
    id: JobId,
    /// What it does: `mail`, `password_reset`, `webhook`.
    #[schema(max_length = 64, example = "mail")]
    kind: String,
    /// How it stands.
    state: JobState,
    /// Attempts that were begun.
    #[schema(minimum = 0, example = 1)]
    attempts: u32,
    /// After which attempt it is given up.
    #[schema(minimum = 0, example = 12)]
    max_attempts: u32,
    /// When the next attempt may begin; null once it has ended.
    next_at: Option<Timestamp>,
    /// Why the last attempt failed.
    #[schema(max_length = 4000, example = "the mail server said: 450 4.2.1 try again later")]
    last_error: Option<String>,
    /// When it was put into the queue.
    created_at: Timestamp,
    /// When it ended.
    finished_at: Option<Timestamp>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            state: job.state,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            next_at: job.next_at,
            last_error: job.last_error,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

page_of! {
    /// A page of jobs.
    JobPage of JobView
}

impl Column for JobSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("created_at", Self::CreatedAt, Values::Times)];
}

list_query! {
    /// Which jobs are listed.
    ListJobs by JobsOrder of JobSort {
        /// Only jobs in this state.
        state: JobState,
    }
}

/// List jobs.
///
/// Those that have ended are listed for a week. `q` is passed over: jobs have no text to look in.
#[utoipa::path(get, path = "/jobs", operation_id = "job_list", tag = "system", params(ListJobs),
    responses((status = 200, description = "A page of jobs.", body = JobPage)))]
async fn list(State(app): State<App>, ctx: Ctx, Query(query): Query<ListJobs>) -> Answer<Json<JobPage>> {
    let page = query.page()?;
    reply::page::<_, JobView, _>(app.queue().list(&ctx, query.state, page).await?)
}

/// Read a job.
#[utoipa::path(get, path = "/jobs/{id}", operation_id = "job_get", tag = "system", params(Id<JobId>),
    responses((status = 200, description = "The job.", body = JobView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<JobId>) -> Answer<Json<JobView>> {
    Ok(Json(app.queue().get(&ctx, id).await?.into()))
}

/// Have a job that was given up tried again.
///
/// It begins within a second, and is tried as often as a new one.
#[utoipa::path(post, path = "/jobs/{id}/retry", operation_id = "job_retry", tag = "system", params(Id<JobId>),
    responses((status = 200, description = "The job, which waits again.", body = JobView)))]
async fn retry(State(app): State<App>, ctx: Ctx, Id(id): Id<JobId>) -> Answer<Json<JobView>> {
    Ok(Json(app.queue().retry(&ctx, id).await?.into()))
}
