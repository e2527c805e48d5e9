//! `caspervpn api-token …`: what programs hold to speak for a user.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Subcommand;
use ipnet::IpNet;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::device::user_id;
use crate::cli::device_config::NewFile;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::page::PageArgs;
use crate::cli::value::When;

/// What can be done with API tokens.
#[derive(Debug, Subcommand)]
pub(super) enum ApiTokenVerb {
    /// List API tokens, newest first.
    #[command(after_help = "Example:\n  caspervpn api-token list --user ada")]
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only those of this user: a login or an id.
        #[arg(long)]
        user: Option<String>,
    },
    /// Show what one token may do. The token itself is not kept anywhere.
    #[command(after_help = "Example:\n  caspervpn api-token show 01983f6e-7b3a-7c00-8000-000000000000")]
    Show {
        /// The token's id, not the token itself.
        id: Uuid,
    },
    /// Make a token and show it, once.
    #[command(
        after_help = "Example:\n  caspervpn api-token create backup --user ada --scope device_list --scope user_list \\\n    \
                            --allow 192.0.2.0/24 --expires-at 2027-01-31 --file /etc/backup.token\n\n\
                            A scope is an operation's id, as in the audit and the API's document, or `all`."
    )]
    Create(CreateArgs),
    /// Delete a token. It is no longer good from then on.
    #[command(after_help = "Example:\n  caspervpn api-token delete 01983f6e-7b3a-7c00-8000-000000000000")]
    Delete {
        /// The token's id, not the token itself.
        id: Uuid,
    },
}

/// A token to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct CreateArgs {
    /// What it is called.
    name: String,
    /// For whom it speaks: a login or an id.
    #[arg(long)]
    #[serde(skip)]
    user: String,
    /// What it may do, as far as the user may; repeat it for more. `all` for whatever the user may.
    #[arg(long = "scope", value_name = "OPERATION", required = true)]
    scopes: Vec<String>,
    /// A range of addresses, or an address, it may be used from; repeat it for more. Everywhere where it is left out.
    #[arg(long = "allow", value_name = "RANGE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_from: Vec<Range>,
    /// When it is no longer good.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<When>,
    /// Write it to this new file, which only you can read, instead of the terminal.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// A range of addresses, or one address.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub(super) struct Range(IpNet);

impl FromStr for Range {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, ipnet::AddrParseError> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.into())),
            Err(_) => text.parse().map(Self),
        }
    }
}

const TOKENS: &str = "/api/v1/api-tokens";

const ROW: &[Column] = &[
    ("NAME", "/name"),
    ("USER", "/user_id"),
    ("SCOPES", "/scopes"),
    ("EXPIRES", "/expires_at"),
    ("LAST USED", "/last_used_at"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("USER", "/user_id"),
    ("SCOPES", "/scopes"),
    ("ALLOWED FROM", "/allowed_from"),
    ("EXPIRES", "/expires_at"),
    ("LAST USED", "/last_used_at"),
    ("CREATED", "/created_at"),
];

impl ApiTokenVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page, user } => {
                let filters = [("user_id", user_id(&user, on).await?)];
                on.form.list(&page.read(&on.client, TOKENS, &filters).await?, ROW)
            }
            Self::Show { id } => on.form.one(&on.client.get(&format!("{TOKENS}/{id}")).await?.body, WHOLE),
            Self::Create(args) => create(&args, on).await,
            Self::Delete { id } => {
                let answer = on.client.end(&format!("{TOKENS}/{id}")).await?;
                on.form.done(&answer.body, &format!("token {id} is gone and no longer good"))
            }
        }
    }
}

async fn create(args: &CreateArgs, on: &Asked) -> Result<(), Failure> {
    let mut body = on.body(args)?;
    body["user_id"] = json!(user_id(&Some(args.user.clone()), on).await?);
    // Made first: a place that cannot be written must not cost a token.
    let file = args.file.as_deref().map(NewFile::create).transpose()?;
    let mut made = on.client.post(TOKENS, Some(body)).await?.body;
    let Some(file) = file else {
        on.form.one(&made, WHOLE)?;
        return if on.form.is_json() { Ok(()) } else { show(&made, on) };
    };
    write(&mut made, file)?;
    on.form.one(&made, WHOLE)
}

fn show(made: &Value, on: &Asked) -> Result<(), Failure> {
    note("this is shown once; keep it where only its program reads it");
    on.form.raw(&format!("\n{}\n", made.get("token").and_then(Value::as_str).unwrap_or_default()))
}

/// Moves the text of a token that was just made out of the answer and into its file.
pub(super) fn write(made: &mut Value, file: NewFile) -> Result<(), Failure> {
    let token = made.as_object_mut().and_then(|made| made.remove("token"));
    let token = token.as_ref().and_then(Value::as_str).unwrap_or_default();
    file.keep(&format!("{token}\n"))
}
