//! `caspervpn invite …`: links by which people make their own accounts.

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::link;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;
use crate::cli::user::Role;
use crate::cli::value::{Bytes, When};

/// What can be done with invites.
#[derive(Debug, Subcommand)]
pub(super) enum InviteVerb {
    /// List invites, newest first.
    #[command(after_help = "Example:\n  caspervpn invite list")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one invite. Its link is not kept anywhere.
    #[command(after_help = "Example:\n  caspervpn invite show 01983f6e-7b3a-7c00-8000-000000000000")]
    Show {
        /// The invite's id.
        id: Uuid,
    },
    /// Invite somebody: shows the link once, and mails it where an address is given and mail is set up.
    #[command(
        after_help = "Example:\n  caspervpn invite create --role member --email ada@example.org --device-limit 3"
    )]
    Create(CreateArgs),
    /// Take an invite back. An account that it made stays.
    #[command(after_help = "Example:\n  caspervpn invite revoke 01983f6e-7b3a-7c00-8000-000000000000")]
    Revoke {
        /// The invite's id.
        id: Uuid,
    },
}

/// An invite to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct CreateArgs {
    /// What the account will be allowed to do.
    #[arg(long, default_value = "member")]
    role: Role,
    /// Where to send it, and the address the account will have.
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The language of its letter and of the account: en, de, es, fa, ru or zh.
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Devices the account may have.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_limit: Option<u32>,
    /// Bytes that all devices of the account together may move.
    #[arg(long = "data-limit", value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data_limit_bytes: Option<Bytes>,
    /// When the account will stop.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    account_expires_at: Option<When>,
    /// When the invite is no longer good: within 30 days, and after 7 where it is left out.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<When>,
}

const INVITES: &str = "/api/v1/invites";

const ROW: &[Column] = &[
    ("STATE", "/state"),
    ("ROLE", "/role"),
    ("EMAIL", "/email"),
    ("EXPIRES", "/expires_at"),
    ("USED", "/used_at"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("STATE", "/state"),
    ("ROLE", "/role"),
    ("EMAIL", "/email"),
    ("LANGUAGE", "/language"),
    ("DEVICE LIMIT", "/device_limit"),
    ("DATA LIMIT BYTES", "/data_limit_bytes"),
    ("ACCOUNT EXPIRES", "/account_expires_at"),
    ("EXPIRES", "/expires_at"),
    ("USED", "/used_at"),
    ("USER", "/user_id"),
    ("MADE BY", "/created_by"),
    ("CREATED", "/created_at"),
];

const MADE: &[Column] =
    &[("ID", "/id"), ("ROLE", "/role"), ("MAILED", "/mailed"), ("EXPIRES", "/expires_at"), ("LINK", "/link")];

impl InviteVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page } => on.form.list(&page.read(&on.client, INVITES, &[]).await?, ROW),
            Self::Show { id } => on.form.one(&on.client.get(&format!("{INVITES}/{id}")).await?.body, WHOLE),
            Self::Create(args) => {
                let mut made = on.client.post(INVITES, Some(on.body(&args)?)).await?.body;
                link::complete(&mut made, "invite", on).await?;
                on.form.one(&made, MADE)
            }
            Self::Revoke { id } => {
                let answer = on.client.end(&format!("{INVITES}/{id}")).await?;
                on.form.done(&answer.body, &format!("invite {id} is gone and no longer good"))
            }
        }
    }
}
