//! `caspervpn ratelimit …`: who must wait before the next sign-in.

use std::net::IpAddr;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;

/// What can be done with the limits of sign-in.
#[derive(Debug, Subcommand)]
pub(super) enum RateLimitVerb {
    /// Show the addresses and accounts whose sign-ins failed lately. They are in the running server's memory.
    #[command(after_help = "Example:\n  caspervpn ratelimit show")]
    Show,
    /// Let an address, or an account, try to sign in again at once.
    #[command(
        after_help = "Example:\n  caspervpn ratelimit unban 203.0.113.7\n  caspervpn ratelimit unban ada"
    )]
    Unban {
        /// An IP address, or a login.
        #[arg(value_name = "ADDRESS|LOGIN")]
        who: String,
    },
}

const LIMITS: &str = "/api/v1/ratelimits";

const ROW: &[Column] =
    &[("KIND", "/kind"), ("WHO", "/who"), ("FAILURES", "/failures"), ("WAITS UNTIL", "/until")];

impl RateLimitVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let held = on.client.get(LIMITS).await?.body;
                if on.form.is_json() {
                    return on.form.list(&held, ROW);
                }
                on.form.list(&rows(&held), ROW)?;
                if let Some(until) = held.get("alarm_until").and_then(Value::as_str) {
                    note(&format!(
                        "addresses that nobody signed in from lately are slowed down until {until}"
                    ));
                }
                Ok(())
            }
            Self::Unban { who } => {
                let key = if who.parse::<IpAddr>().is_ok() { "address" } else { "login" };
                let answer = on.client.post(&format!("{LIMITS}/unban"), Some(json!({ key: who }))).await?;
                on.form.done(&answer.body, &format!("{who} may try to sign in again"))
            }
        }
    }
}

/// Both lists as one table.
fn rows(held: &Value) -> Value {
    let list = |key: &str| held.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let row = |kind: &str, who: Value, it: &Value| json!({ "kind": kind, "who": who, "failures": it["failures"], "until": it["until"] });
    let addresses = list("addresses").into_iter().map(|it| row("address", it["address"].clone(), &it));
    let accounts = list("accounts").into_iter().map(|it| {
        let login = if it["login"].is_null() { json!("(nobody's login)") } else { it["login"].clone() };
        row("account", login, &it)
    });
    addresses.chain(accounts).collect()
}
