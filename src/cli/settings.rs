//! `caspervpn settings …`: policy that is changed while the service runs. Boot settings are `caspervpn config`.

use std::convert::Infallible;
use std::str::FromStr;

use clap::Subcommand;
use ipnet::{AddrParseError, IpNet};
use serde::Serialize;
use serde_json::Value;

use crate::cli::Asked;
use crate::cli::acme::AcmeVerb;
use crate::cli::api_token::Range;
use crate::cli::failure::Failure;
use crate::cli::mail::MailVerb;
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
    /// The server that takes our mail.
    #[command(subcommand)]
    Mail(MailVerb),
    /// The authority that certificates are ordered from.
    #[command(subcommand)]
    Acme(AcmeVerb),
}

/// Changes of the settings.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    /// Where clients reach this appliance: a name, an address, or `none`.
    #[arg(long, value_name = "HOST")]
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_host: Option<Change<String>>,
    /// The language of letters to users who chose none: en, de, es, fa, ru or zh.
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Whether a device's last network address may be kept and shown: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    show_endpoints: Option<bool>,
    /// Days that events of the audit are kept: 1 to 3650. Older ones are removed within minutes.
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_retention_days: Option<u16>,
    /// Days that the audit tells from which address something was done: 1 to 3650. Then the address is erased.
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_source_days: Option<u16>,
    /// Days that devices' usage by day is kept: 1 to 3650. Totals stay.
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_retention_days: Option<u16>,
    /// Whether the panel and the API are reached from inside the VPN only, and from what `caspervpn access allow-from`
    /// added: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    api_only_from_vpn: Option<bool>,
    /// A range of addresses, or an address, from where sign-ins and requests are never limited; repeat it for more. The
    /// list takes the place of the one before.
    #[arg(long = "login-unlimited-from", value_name = "RANGE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    login_unlimited_from: Vec<Range>,
    /// Roles whose users must have a second factor, with commas between them, or `none`.
    #[arg(long, value_name = "ROLES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_required_roles: Option<Names>,
    /// Networks that are not public and may be called all the same, with commas between them, or `none`.
    #[arg(long, value_name = "RANGES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    outgoing_allowed: Option<Ranges>,
    /// Where browsers find this service, such as `https://vpn.example.org`, or `none`. Letters, passkeys and
    /// identity providers need it.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    panel_url: Option<Change<String>>,
    /// What certificates are ordered for, with commas between, or `none`: DNS names, some with a star, and IP addresses.
    /// The authority is set by `caspervpn settings acme set`.
    #[arg(long, value_name = "NAMES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_names: Option<Names>,
}

/// Names with commas between them, as the API takes them; it judges each. `none` is no name.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Names(Vec<String>);

impl FromStr for Names {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

/// Ranges of addresses with commas between them; `none` is no range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Ranges(Vec<IpNet>);

impl FromStr for Ranges {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(|range| range.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

/// Where the settings are in the API.
pub(super) const SETTINGS: &str = "/api/v1/settings";

const WHOLE: &[Column] = &[
    ("ENDPOINT HOST", "/endpoint_host"),
    ("MAIL SERVER", "/smtp/host"),
    ("MAIL FROM", "/smtp/from"),
    ("LANGUAGE", "/language"),
    ("SHOW ENDPOINTS", "/show_endpoints"),
    ("AUDIT KEPT DAYS", "/audit_retention_days"),
    ("AUDIT SOURCES KEPT DAYS", "/audit_source_days"),
    ("USAGE KEPT DAYS", "/usage_retention_days"),
    ("API ALLOWED FROM", "/api_allowed_from"),
    ("API ONLY FROM VPN", "/api_only_from_vpn"),
    ("LOGIN UNLIMITED FROM", "/login_unlimited_from"),
    ("MFA REQUIRED OF", "/mfa_required_roles"),
    ("OUTGOING ALLOWED", "/outgoing_allowed"),
    ("PANEL URL", "/panel_url"),
    ("TLS NAMES", "/tls_names"),
    ("ACME DIRECTORY", "/acme/directory"),
];

impl SettingsVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Show => on.form.one(&on.client.get(SETTINGS).await?.body, WHOLE),
            Self::Mail(verb) => verb.run(on).await,
            Self::Acme(verb) => verb.run(on).await,
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

#[cfg(test)]
mod tests {
    use super::Ranges;
    use serde_json::json;

    #[test]
    fn ranges_are_read_as_people_list_them() {
        let two: Ranges = "10.0.0.0/8, fd00::/8".parse().unwrap();
        let none: Ranges = "none".parse().unwrap();

        assert_eq!(json!([two, none]), json!([["10.0.0.0/8", "fd00::/8"], []]));
        assert!("10.0.0.0/8,".parse::<Ranges>().is_err());
    }
}
