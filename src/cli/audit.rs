//! `caspervpn audit …`: who did what.

use clap::Subcommand;

use crate::cli::Asked;
use crate::cli::device::user_id;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;

/// What can be done with the audit.
#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// List events, newest first.
    #[command(after_help = "Example:\n  caspervpn audit list --action device_delete --actor ada")]
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only what this user did: a login or an id.
        #[arg(long, value_name = "USER")]
        actor: Option<String>,
        /// Only acts of this name, which is an operation's id in the API.
        #[arg(long)]
        action: Option<String>,
        /// Only what was done to the thing of this id.
        #[arg(long, value_name = "ID")]
        target: Option<String>,
    },
}

const ROW: &[Column] = &[
    ("AT", "/at"),
    ("ACTOR", "/actor_kind"),
    ("USER", "/actor_id"),
    ("API TOKEN", "/api_token_id"),
    ("ACTION", "/action"),
    ("OUTCOME", "/outcome"),
    ("TARGET", "/target_kind"),
    ("TARGET ID", "/target_id"),
];

impl AuditVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        let Self::List { page, actor, action, target } = self;
        let filters = [("actor_id", user_id(&actor, on).await?), ("action", action), ("target_id", target)];
        on.form.list(&page.read(&on.client, "/api/v1/audit", &filters).await?, ROW)
    }
}
