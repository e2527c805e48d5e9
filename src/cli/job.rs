//! `caspervpn job …`: work that outlives the request that asked for it.

use clap::Subcommand;
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;

/// What can be done with jobs.
#[derive(Debug, Subcommand)]
pub(super) enum JobVerb {
    /// List jobs, newest first: letters and calls of webhooks that wait, or that were given up within a week.
    #[command(after_help = "Example:\n  caspervpn job list --state failed")]
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only those in this state: pending, running, done, failed.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
    /// Have a job that was given up tried again, once what was wrong is mended.
    #[command(after_help = "Example:\n  caspervpn job retry 01983f6e-7b3a-7c00-8000-000000000000")]
    Retry {
        /// The job's id.
        id: Uuid,
    },
}

const JOBS: &str = "/api/v1/jobs";

const ROW: &[Column] = &[
    ("ID", "/id"),
    ("KIND", "/kind"),
    ("STATE", "/state"),
    ("ATTEMPTS", "/attempts"),
    ("NEXT", "/next_at"),
    ("MADE", "/created_at"),
    ("LAST ERROR", "/last_error"),
];

impl JobVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page, state } => {
                on.form.list(&page.read(&on.client, JOBS, &[("state", state)]).await?, ROW)
            }
            Self::Retry { id } => {
                let job = on.client.post(&format!("{JOBS}/{id}/retry"), None).await?.body;
                on.form.done(&job, "the job is tried again by the running service")
            }
        }
    }
}
