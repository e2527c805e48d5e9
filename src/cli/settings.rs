//! `caspervpn settings …`: policy that is changed while the service runs. Boot settings are `caspervpn config`.

use std::convert::Infallible;
use std::str::FromStr;

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use crate::cli::Asked;
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
    /// Roles whose users must have a second factor, with commas between them, or `none`.
    #[arg(long, value_name = "ROLES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_required_roles: Option<Roles>,
    /// Where browsers find this service, such as `https://vpn.example.org`, or `none`. Passkeys need it.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    panel_url: Option<Change<String>>,
}

/// Roles as the API takes them; it judges their names.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
struct Roles(Vec<String>);

impl FromStr for Roles {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

/// Where the settings are in the API.
pub(super) const SETTINGS: &str = "/api/v1/settings";

const WHOLE: &[Column] = &[
    ("ENDPOINT HOST", "/endpoint_host"),
    ("SHOW ENDPOINTS", "/show_endpoints"),
    ("AUDIT KEPT DAYS", "/audit_retention_days"),
    ("USAGE KEPT DAYS", "/usage_retention_days"),
    ("MFA REQUIRED OF", "/mfa_required_roles"),
    ("PANEL URL", "/panel_url"),
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
