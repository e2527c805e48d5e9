//! `caspervpn session …`: clients that are signed in.

use clap::Subcommand;
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub(super) enum SessionVerb {
    /// List a user's live sessions.
    #[command(after_help = "Example:\n  caspervpn session list --user ada")]
    List {
        /// Whose, by id or login.
        #[arg(long)]
        user: String,
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
            Self::List { user } => {
                let user = on.client.resolve("users", "login", &user).await?;
                let found = on.client.get(&format!("{SESSIONS}?user_id={user}")).await?;
                on.form.list(&found.body, ROW)
            }
            Self::End { id } => {
                let answer = on.client.end(&format!("{SESSIONS}/{id}")).await?;
                on.form.done(&answer.body, &format!("session {id} has ended"))
            }
        }
    }
}
