//! Policy that operators change at run time. Boot facts are in `config`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::access::Role;
use crate::domain::language::Language;
use crate::domain::mail::MailServer;
use crate::domain::name::Host;
use crate::domain::outgoing::AllowedNets;
use crate::domain::panel_url::PanelUrl;
use crate::domain::ranges::Ranges;

/// The settings of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// What a newer version has added is passed over, so that going back to this one works.
#[serde(default)]
pub struct Settings {
    /// Where clients reach the node inside this appliance. No configuration is handed out without it.
    pub endpoint_host: Option<Host>,
    /// Whether a device's last network address may be kept and shown.
    pub show_endpoints: bool,
    /// Days that events of the audit are kept.
    pub audit_retention_days: RetentionDays,
    /// Days that the audit tells from which address something was done.
    pub audit_source_days: RetentionDays,
    /// Days that devices' usage by day is kept. Totals, from which limits are told, are kept with the device.
    pub usage_retention_days: RetentionDays,
    /// From where the panel and the API may be reached; from everywhere while it is empty.
    pub api_allowed_from: Ranges,
    /// Whether they are reached from inside the VPN only, and from `api_allowed_from`.
    pub api_only_from_vpn: bool,
    /// From where sign-ins and requests are never limited.
    pub login_unlimited_from: Ranges,
    /// Roles whose users must have a second factor. A session of one without may do nothing but enrol one.
    pub mfa_required_roles: BTreeSet<Role>,
    /// Networks that are not public and may be called all the same, without encryption too: where an identity provider,
    /// a webhook's receiver or a secret store is inside one's own network.
    pub outgoing_allowed: AllowedNets,
    /// Where browsers find this service. Passkeys are bound to its domain, people come back there from identity
    /// providers, and letters carry links to it; all three are off while there is none.
    pub panel_url: Option<PanelUrl>,
    /// The server that takes our mail. None is sent without it.
    pub smtp: Option<MailServer>,
    /// The language of letters to users who chose none.
    pub language: Language,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint_host: None,
            show_endpoints: false,
            audit_retention_days: RetentionDays::YEAR,
            audit_source_days: RetentionDays::QUARTER,
            usage_retention_days: RetentionDays::YEAR_AND_A_MONTH,
            api_allowed_from: Ranges::default(),
            api_only_from_vpn: false,
            login_unlimited_from: Ranges::default(),
            mfa_required_roles: BTreeSet::new(),
            outgoing_allowed: AllowedNets::default(),
            panel_url: None,
            smtp: None,
            language: Language::En,
        }
    }
}

/// Days that something is kept: 1 to 3650, ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct RetentionDays(u16);

/// A time to keep something that is too short or too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not between {} and {} days", RetentionDays::LEAST, RetentionDays::MOST)]
pub struct RetentionError;

impl RetentionDays {
    /// The shortest.
    pub const LEAST: u16 = 1;
    /// The longest: ten years, more than any rule about bookkeeping asks for.
    pub const MOST: u16 = 3650;
    /// A quarter of a year: long enough to look into an incident that was noticed late.
    const QUARTER: Self = Self(90);
    /// A year.
    const YEAR: Self = Self(365);
    /// A year, and enough more to compare a month with the same one of the year before.
    const YEAR_AND_A_MONTH: Self = Self(400);

    /// The number of days.
    pub const fn days(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for RetentionDays {
    type Error = RetentionError;

    fn try_from(days: u16) -> Result<Self, RetentionError> {
        if (Self::LEAST..=Self::MOST).contains(&days) { Ok(Self(days)) } else { Err(RetentionError) }
    }
}

impl From<RetentionDays> for u16 {
    fn from(days: RetentionDays) -> Self {
        days.0
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn settings_that_an_older_program_wrote_are_read_with_the_defaults_of_what_it_did_not_know() {
        let old: Settings = serde_json::from_str(r#"{"endpoint_host":null,"show_endpoints":true}"#).unwrap();

        assert_eq!(old, Settings { show_endpoints: true, ..Settings::default() });
        assert!(serde_json::from_str::<Settings>(r#"{"audit_retention_days":0}"#).is_err());
    }
}
