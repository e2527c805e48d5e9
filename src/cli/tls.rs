//! `caspervpn tls …`: certificates.

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;

/// What can be done with certificates.
#[derive(Debug, Subcommand)]
pub(super) enum TlsVerb {
    /// Show every certificate: how it stands, until when it counts, when the next attempt is, and why the last one failed. With a
    /// name: what was done to get that one, step by step.
    #[command(after_help = "Example:\n  caspervpn tls status vpn.example.org")]
    Status {
        /// What it is for.
        name: Option<String>,
    },
    /// Order a certificate now, whatever it waits for. Authorities count orders: mend first what was wrong.
    #[command(after_help = "Example:\n  caspervpn tls renew vpn.example.org && caspervpn tls status")]
    Renew {
        /// What it is for.
        name: String,
    },
}

const CERTIFICATES: &str = "/api/v1/certificates";

const ROW: &[Column] = &[
    ("NAME", "/name"),
    ("STATE", "/state"),
    ("FROM", "/source"),
    ("UNTIL", "/not_after"),
    ("NEXT TRY", "/next_try_at"),
    ("LAST ERROR", "/last_error"),
    ("SHA-256", "/fingerprint"),
];

const STEP: &[Column] = &[
    ("TIME", "/at"),
    ("STEP", "/kind"),
    ("OUTCOME", "/outcome"),
    ("ABOUT", "/about"),
    ("THEN", "/then_at"),
    ("DETAIL", "/detail"),
];

impl TlsVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Status { name: Some(name) } => {
                let path = format!("{CERTIFICATES}/{name}/log");
                on.form.list(&on.client.get(&path).await?.body, STEP)
            }
            Self::Status { name: None } => on.form.list(&on.client.get(CERTIFICATES).await?.body, ROW),
            Self::Renew { name } => {
                let asked = on.client.post(&format!("{CERTIFICATES}/{name}/renew"), None).await?.body;
                let name = asked.get("name").and_then(Value::as_str).unwrap_or(&name);
                on.form.done(&asked, &format!("a certificate of {name} is ordered by the running service"))
            }
        }
    }
}
