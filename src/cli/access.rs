//! `caspervpn access …`: from where the panel and the API may be reached. The way back in for who was shut out.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::api_token::Range;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::settings::SETTINGS;

/// What can be done about who may reach the panel and the API.
#[derive(Debug, Subcommand)]
pub(super) enum AccessVerb {
    /// Show from where the panel and the API may be reached.
    #[command(after_help = "Example:\n  caspervpn access show")]
    Show,
    /// Allow a range of addresses, or an address, beside those that are allowed already.
    #[command(
        after_help = "Example:\n  caspervpn access allow-from 198.51.100.7\n  caspervpn access allow-from 10.0.0.0/8 127.0.0.0/8"
    )]
    AllowFrom {
        /// A range such as 10.0.0.0/8, or one address.
        #[arg(value_name = "CIDR", required = true)]
        ranges: Vec<Range>,
    },
    /// Lift every such rule: the panel and the API may be reached from everywhere again.
    #[command(after_help = "Example:\n  caspervpn access open")]
    Open,
}

const WHOLE: &[Column] = &[("ALLOWED FROM", "/api_allowed_from"), ("ONLY FROM VPN", "/api_only_from_vpn")];

impl AccessVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Show => on.form.one(&rule(&on.client.get(SETTINGS).await?.body), WHOLE),
            Self::AllowFrom { ranges } => {
                let settings = on.client.get(SETTINGS).await?.body;
                let mut allowed = settings["api_allowed_from"].as_array().cloned().unwrap_or_default();
                for range in ranges {
                    let range = json!(range);
                    if !allowed.contains(&range) {
                        allowed.push(range);
                    }
                }
                let change = json!({ "api_allowed_from": allowed });
                on.form.one(&rule(&on.client.patch(SETTINGS, change).await?.body), WHOLE)
            }
            Self::Open => {
                let change = json!({ "api_allowed_from": [], "api_only_from_vpn": false });
                on.form.one(&rule(&on.client.patch(SETTINGS, change).await?.body), WHOLE)
            }
        }
    }
}

/// The part of the settings that this is about.
fn rule(settings: &Value) -> Value {
    json!({
        "api_allowed_from": settings["api_allowed_from"], "api_only_from_vpn": settings["api_only_from_vpn"],
    })
}
