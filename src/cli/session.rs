//! `caspervpn session …`: clients that are signed in.

use clap::Subcommand;
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub(super) enum SessionVerb {
    /// List sessions.
    #[command(after_help = "Example:\n  caspervpn session list")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// End a session. Its tokens are dead at once.
    #[command(after_help = "Example:\n  caspervpn session end 01983f6e-7b3a-7c00-8000-000000000000")]
    End {
        /// The session's id.
        id: Uuid,
    },
}

const SESSIONS: &str = "/api/v1/sessions";

const ROW: &[Column] = &[
    ("ID", "/id"),
    ("USER", "/user_id"),
    ("BEGAN", "/created_at"),
    ("LAST USED", "/last_used_at"),
    ("EXPIRES", "/expires_at"),
    ("CLIENT", "/user_agent"),
];

impl SessionVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page } => on.form.list(&page.read(&on.client, SESSIONS, &[]).await?, ROW),
            Self::End { id } => {
                let answer = on.client.end(&format!("{SESSIONS}/{id}")).await?;
                on.form.done(&answer.body, &format!("session {id} has ended"))
            }
        }
    }
}
