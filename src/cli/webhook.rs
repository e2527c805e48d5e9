//! `caspervpn webhook …`: programs elsewhere that are told of what happens here.

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::page::PageArgs;

/// What can be done with webhooks.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookVerb {
    /// List webhooks.
    #[command(after_help = "Example:\n  caspervpn webhook list")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one webhook. Its secret is not shown again.
    #[command(after_help = "Example:\n  caspervpn webhook show 01983f6e-7b3a-7c00-8000-000000000000")]
    Show(Named),
    /// Make a webhook and show its secret, once.
    #[command(
        after_help = "Example:\n  caspervpn webhook create https://example.org/hook --kind user.created --kind device.created"
    )]
    Create(CreateArgs),
    /// Change a webhook.
    #[command(
        after_help = "Example:\n  caspervpn webhook update 01983f6e-7b3a-7c00-8000-000000000000 --active true"
    )]
    Update(UpdateArgs),
    /// Delete a webhook with its log.
    #[command(after_help = "Example:\n  caspervpn webhook delete 01983f6e-7b3a-7c00-8000-000000000000")]
    Delete(Named),
    /// Send a test event at once, and show what came of it.
    #[command(after_help = "Example:\n  caspervpn webhook test 01983f6e-7b3a-7c00-8000-000000000000")]
    Test(Named),
    /// List deliveries, newest first.
    #[command(
        after_help = "Example:\n  caspervpn webhook deliveries --webhook 01983f6e-7b3a-7c00-8000-000000000000"
    )]
    Deliveries {
        #[command(flatten)]
        page: PageArgs,
        /// Only those of this webhook, by its id.
        #[arg(long, value_name = "ID")]
        webhook: Option<Uuid>,
    },
    /// Deliver an event once more.
    #[command(after_help = "Example:\n  caspervpn webhook redeliver 01983f6e-7b3a-7c00-8000-000000000000")]
    Redeliver {
        /// The delivery's id.
        delivery: Uuid,
    },
}

/// Which webhook.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The webhook's id.
    id: Uuid,
}

/// A webhook to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct CreateArgs {
    /// Where its receiver is.
    url: String,
    /// What it tells of, such as user.created; repeat it for more. Everything where it is left out.
    #[arg(long = "kind", value_name = "KIND")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<String>,
}

/// Changes of a webhook.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    /// The webhook's id.
    #[serde(skip)]
    id: Uuid,
    /// Where its receiver is from now on.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// What it tells of from now on; repeat it for more.
    #[arg(long = "kind", value_name = "KIND")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<String>,
    /// Whether it tells anything: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
}

const WEBHOOKS: &str = "/api/v1/webhooks";
const DELIVERIES: &str = "/api/v1/webhook-deliveries";

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("URL", "/url"),
    ("KINDS", "/kinds"),
    ("ACTIVE", "/active"),
    ("FAILING SINCE", "/failing_since"),
    ("CREATED", "/created_at"),
];

const MADE: &[Column] = &[("ID", "/id"), ("URL", "/url"), ("KINDS", "/kinds"), ("SECRET", "/secret")];

const DELIVERY: &[Column] = &[
    ("KIND", "/kind"),
    ("DELIVERED", "/delivered"),
    ("ATTEMPTS", "/attempts"),
    ("STATUS", "/status"),
    ("MS", "/took_ms"),
    ("ERROR", "/error"),
    ("TRIED", "/attempted_at"),
    ("ID", "/id"),
];

impl WebhookVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page } => on.form.list(&page.read(&on.client, WEBHOOKS, &[]).await?, WHOLE),
            Self::Show(it) => on.form.one(&on.client.get(&it.path()).await?.body, WHOLE),
            Self::Create(args) => {
                let made = on.client.post(WEBHOOKS, Some(on.body(&args)?)).await?.body;
                note("the secret is shown once; keep it where only the receiver reads it");
                on.form.one(&made, MADE)
            }
            Self::Update(args) => {
                let body = on.body(&args)?;
                on.form.one(&on.client.patch(&Named { id: args.id }.path(), body).await?.body, WHOLE)
            }
            Self::Delete(it) => {
                let answer = on.client.delete(&it.path()).await?;
                on.form.done(&answer.body, &format!("webhook {} is gone", it.id))
            }
            Self::Test(it) => {
                let tried = on.client.post(&format!("{}/test", it.path()), None).await?.body;
                on.form.one(&tried, DELIVERY)
            }
            Self::Deliveries { page, webhook } => {
                let filters = [("webhook_id", webhook.map(|id| id.to_string()))];
                on.form.list(&page.read(&on.client, DELIVERIES, &filters).await?, DELIVERY)
            }
            Self::Redeliver { delivery } => {
                let again = on.client.post(&format!("{DELIVERIES}/{delivery}/redeliver"), None).await?.body;
                on.form.one(&again, DELIVERY)
            }
        }
    }
}

impl Named {
    fn path(&self) -> String {
        format!("{WEBHOOKS}/{}", self.id)
    }
}
