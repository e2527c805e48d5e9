//! `caspervpn settings mail …`: the server that takes our mail.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::password::PasswordArgs;
use crate::cli::settings::SETTINGS;

/// What can be done with the mail server's settings.
#[derive(Debug, Subcommand)]
pub(super) enum MailVerb {
    /// Set the server. Its password is read from a file or from standard input, and never shown again.
    #[command(after_help = "Example:\n  caspervpn settings update --panel-url https://vpn.example.org\n  \
                            caspervpn settings mail set --host mail.example.org --from vpn@example.org \\\n    \
                            --username vpn@example.org --password-file /run/mail.password\n  \
                            caspervpn settings mail test --to ada@example.org")]
    Set(SetArgs),
    /// Send a test letter at once, and show what the server says.
    #[command(after_help = "Example:\n  caspervpn settings mail test --to ada@example.org")]
    Test {
        /// Who gets the letter.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
    /// Send no more mail.
    #[command(after_help = "Example:\n  caspervpn settings mail off")]
    Off,
}

/// The server that is to take our mail.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct SetArgs {
    /// Its name or address.
    #[arg(long, value_name = "HOST")]
    host: String,
    /// Its TCP port: 587 for starttls, 465 for tls, 25 for plain where it is left out.
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// How it is spoken to; plain only on this machine.
    #[arg(long, default_value = "starttls")]
    security: Security,
    /// The name to sign in with.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    password_from: PasswordArgs,
    /// A file of certificates in PEM by which the server is trusted, besides those that browsers know.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    ca_file: Option<PathBuf>,
    /// Whom the letters come from.
    #[arg(long, value_name = "ADDRESS")]
    from: String,
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Security {
    /// Plain text at first, then TLS or nothing.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// No TLS at all.
    Plain,
}

const SERVER: &[Column] = &[
    ("HOST", "/smtp/host"),
    ("PORT", "/smtp/port"),
    ("SECURITY", "/smtp/security"),
    ("USERNAME", "/smtp/username"),
    ("FROM", "/smtp/from"),
    ("PUBLIC URL", "/panel_url"),
];

impl MailVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Set(args) => set(&args, on).await,
            Self::Test { to } => {
                let path = format!("{SETTINGS}/mail/test");
                let answer = on.client.post(&path, Some(json!({ "to": to }))).await?.body;
                on.form.one(&answer, &[("THE SERVER SAID", "/answer")])
            }
            Self::Off => {
                let settings = on.client.patch(SETTINGS, json!({ "smtp": Value::Null })).await?.body;
                on.form.done(&settings, "no more mail is sent")
            }
        }
    }
}

async fn set(args: &SetArgs, on: &Asked) -> Result<(), Failure> {
    let mut server = on.body(args)?;
    if let Some(password) = args.password_from.read()? {
        server["password"] = json!(*password);
    }
    if let Some(file) = &args.ca_file {
        let pem = std::fs::read_to_string(file).map_err(Failure::file("read the certificates in", file))?;
        server["ca_certificate"] = json!(pem);
    }
    let settings = on.client.patch(SETTINGS, json!({ "smtp": server })).await?.body;
    on.form.one(&settings, SERVER)
}
