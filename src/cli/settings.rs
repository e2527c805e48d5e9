//! `caspervpn settings …`: policy that is changed while the service runs. Boot settings are `caspervpn config`.

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use crate::cli::Asked;
use crate::cli::api_token::Range;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::reach::note_endpoint;
use crate::cli::value::Change;

/// What can be done with the settings.
#[derive(Debug, Subcommand)]
pub(super) enum SettingsVerb {
    /// Show the settings.
    #[command(after_help = "Example:\n  caspervpn settings show")]
    Show,
    /// Change the settings. Another endpoint makes every configuration handed out so far outdated.
    #[command(after_help = "Example:\n  caspervpn settings update --endpoint-host vpn.example.org")]
    Update(UpdateArgs),
}

/// Changes of the settings.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    /// Where clients reach this appliance: a name, an address, or `none`.
    #[arg(long, value_name = "HOST")]
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_host: Option<Change<String>>,
    /// Whether a device's last network address may be kept and shown: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    show_endpoints: Option<bool>,
    /// Days that events of the audit are kept: 1 to 3650. Older ones are removed within minutes.
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_retention_days: Option<u16>,
    /// Days that devices' usage by day is kept: 1 to 3650. Totals stay.
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_retention_days: Option<u16>,
    /// Whether the panel and the API are reached from inside the VPN only, and from what `caspervpn access allow-from`
    /// added: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    api_only_from_vpn: Option<bool>,
    /// A range of addresses, or an address, from where sign-ins are never limited; repeat it for more. The list takes
    /// the place of the one before.
    #[arg(long = "login-unlimited-from", value_name = "RANGE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    login_unlimited_from: Vec<Range>,
}

/// Where the settings are in the API.
pub(super) const SETTINGS: &str = "/api/v1/settings";

const WHOLE: &[Column] = &[
    ("ENDPOINT HOST", "/endpoint_host"),
    ("SHOW ENDPOINTS", "/show_endpoints"),
    ("AUDIT KEPT DAYS", "/audit_retention_days"),
    ("USAGE KEPT DAYS", "/usage_retention_days"),
    ("API ALLOWED FROM", "/api_allowed_from"),
    ("API ONLY FROM VPN", "/api_only_from_vpn"),
    ("LOGIN UNLIMITED FROM", "/login_unlimited_from"),
];

impl SettingsVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Show => on.form.one(&on.client.get(SETTINGS).await?.body, WHOLE),
            Self::Update(args) => {
                let body = on.body(&args)?;
                let settings = on.client.patch(SETTINGS, body).await?.body;
                on.form.one(&settings, WHOLE)?;
                note_endpoint(settings.get("endpoint_host").and_then(Value::as_str));
                Ok(())
            }
        }
    }
}
