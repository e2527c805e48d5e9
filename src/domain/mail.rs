//! Mail: what there is to tell, to whom, through which server.
//!
//! Invariant: a letter says what happened in data; its words are made where it is sent, in the reader's language.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::contact::Email;
use crate::domain::language::Language;
use crate::domain::name::{DisplayName, Host};
use crate::domain::outgoing::{AllowedNets, Target, TargetError};
use crate::domain::panel_url::PanelUrl;
use crate::domain::time::Timestamp;

/// What a letter tells.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// The link that sets a new password.
    PasswordReset {
        /// The link.
        link: String,
        /// How long it is good.
        minutes: u32,
    },
    /// The link that makes an account.
    Invite {
        /// The link.
        link: String,
        /// How long it is good.
        days: u32,
    },
    /// Sign-in waits the longest that it ever does, after too many wrong passwords.
    SignInLocked {
        /// Where the last attempt came from.
        address: Option<String>,
    },
    /// The same after too many wrong second factors, before which the password was right.
    SecondFactorLocked {
        /// Where the last attempt came from.
        address: Option<String>,
    },
    /// A second factor was added or taken away.
    SecondFactorChanged {
        /// Whether there is one now.
        enabled: bool,
        /// When.
        at: Timestamp,
    },
    /// Mail works.
    Test,
}

impl Template {
    /// How long the letter is of use; `None` where that does not end.
    pub const fn good_for(&self) -> Option<Duration> {
        match self {
            Self::PasswordReset { minutes, .. } => Some(Duration::from_secs(60 * *minutes as u64)),
            Self::Invite { days, .. } => Some(Duration::from_secs(86_400 * *days as u64)),
            Self::SignInLocked { .. }
            | Self::SecondFactorLocked { .. }
            | Self::SecondFactorChanged { .. }
            | Self::Test => None,
        }
    }

    /// The template's name, for the log and the audit.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PasswordReset { .. } => "password_reset",
            Self::Invite { .. } => "invite",
            Self::SignInLocked { .. } => "sign_in_locked",
            Self::SecondFactorLocked { .. } => "second_factor_locked",
            Self::SecondFactorChanged { .. } => "second_factor_changed",
            Self::Test => "test",
        }
    }
}

impl fmt::Debug for Template {
    /// Shows the name alone: some hold a link that must not be read by others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.as_str())
    }
}

/// A letter to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// To whom.
    pub to: Email,
    /// How to speak to the person.
    pub name: Option<DisplayName>,
    /// In which language.
    pub language: Language,
    /// What it tells.
    pub template: Template,
    /// When it is of no more use, and is not sent.
    pub void_at: Option<Timestamp>,
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// In plain text at first, then TLS, or nothing (RFC 3207); port 587 as a rule.
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314); port 465 as a rule.
    Tls,
    /// No TLS at all: only to a server on this machine.
    Plain,
}

impl MailSecurity {
    /// The port where none is given.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::Plain => 25,
        }
    }

    /// Whether passwords and letters go over TLS.
    pub const fn is_encrypted(self) -> bool {
        match self {
            Self::Starttls | Self::Tls => true,
            Self::Plain => false,
        }
    }
}

/// The server that takes our mail. Its password is sealed in a place of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailServer {
    /// Name or address.
    pub host: Host,
    /// TCP port.
    pub port: u16,
    /// How it is spoken to.
    pub security: MailSecurity,
    /// The name to sign in with; none where the server wants nobody to.
    pub username: Option<String>,
    /// Certificates in PEM of an authority that the server's own is trusted by, besides those that browsers know.
    pub ca_certificate: Option<String>,
    /// Whom the letters come from.
    pub from: Email,
}

/// Why a mail server's settings cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailServerFault {
    /// Plain text over a network.
    #[error("plain text is only for a mail server on this machine, such as localhost; use starttls or tls")]
    PlainAfar,
    /// Letters with links that lead nowhere.
    #[error("set panel_url first, or with it: letters carry links to the pages there")]
    NoPanelUrl,
    /// A server that is not called.
    #[error("the mail server {0}")]
    Target(TargetError),
}

impl MailServer {
    /// Checks what its fields alone cannot tell. Names are judged when a letter is sent, by the addresses that they have
    /// then; but an address, and a name of this machine, is known now.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self, panel_url: Option<&PanelUrl>, allowed: &AllowedNets) -> Result<(), MailServerFault> {
        if self.security == MailSecurity::Plain && !self.host.is_this_machine() {
            return Err(MailServerFault::PlainAfar);
        }
        if panel_url.is_none() {
            return Err(MailServerFault::NoPanelUrl);
        }
        let target = self.target().map_err(MailServerFault::Target)?;
        let own = self.host.is_this_machine().then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        match target.address().or(own) {
            Some(known) => target
                .judge_as(self.security.is_encrypted(), &[known], allowed)
                .map_err(MailServerFault::Target),
            None => Ok(()),
        }
    }

    /// Where it is, to be judged.
    ///
    /// # Errors
    /// [`TargetError`] for a name that is no name for a resolver.
    pub fn target(&self) -> Result<Target, TargetError> {
        let scheme = if self.security == MailSecurity::Tls { "smtps" } else { "smtp" };
        Target::smtp(&format!("{scheme}://{}:{}", self.host.bracketed(), self.port))
    }

    /// Whether a password for `other` may be sent to this server: it is the same one, reached in the same way, by the
    /// same name. Otherwise whoever may change the settings could read the password by having it sent elsewhere.
    pub fn may_keep_password_of(&self, other: &Self) -> bool {
        (&self.host, self.port, self.security, &self.username, &self.ca_certificate)
            == (&other.host, other.port, other.security, &other.username, &other.ca_certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::{MailSecurity, MailServer, MailServerFault, Template};
    use crate::domain::outgoing::{AllowedNets, TargetError};

    fn server(host: &str, security: MailSecurity) -> MailServer {
        MailServer {
            host: host.parse().unwrap(),
            port: 587,
            security,
            username: Some("vpn".to_owned()),
            ca_certificate: None,
            from: "vpn@example.org".parse().unwrap(),
        }
    }

    #[test]
    fn plain_text_stays_on_the_machine() {
        let url = "https://vpn.example.org".parse().ok();
        let allowed = nets(&["127.0.0.0/8", "10.0.0.0/8"]);
        let check = |host, security| server(host, security).check(url.as_ref(), &allowed);

        assert_eq!(check("mail.example.org", MailSecurity::Plain), Err(MailServerFault::PlainAfar));
        assert_eq!(check("10.1.2.3", MailSecurity::Plain), Err(MailServerFault::PlainAfar));
        assert_eq!(check("127.0.0.1", MailSecurity::Plain), Ok(()));
        assert_eq!(check("localhost", MailSecurity::Plain), Ok(()));
        assert_eq!(check("mail.example.org", MailSecurity::Tls), Ok(()));
        assert_eq!(
            server("localhost", MailSecurity::Plain).check(None, &allowed),
            Err(MailServerFault::NoPanelUrl)
        );
    }

    #[test]
    fn a_server_that_is_not_public_has_to_be_allowed() {
        use MailSecurity::{Plain, Starttls, Tls};
        let url = "https://vpn.example.org".parse().ok();

        for (host, security, network) in [
            ("127.0.0.1", Plain, "127.0.0.1/32"),
            ("localhost", Plain, "127.0.0.0/8"),
            ("relay.localhost", Tls, "127.0.0.0/8"),
            ("127.0.0.0x1", Tls, "127.0.0.0/8"),
            ("::1", Starttls, "::1/128"),
            ("::ffff:10.1.2.3", Starttls, "10.0.0.0/8"),
            ("192.168.1.5", Starttls, "192.168.1.0/24"),
            ("fd12::1", Tls, "fd00::/8"),
        ] {
            let server = server(host, security);

            let refused = server.check(url.as_ref(), &AllowedNets::default());

            assert!(
                matches!(&refused, Err(MailServerFault::Target(TargetError::Refused { .. }))),
                "{host}: {refused:?}"
            );
            assert_eq!(server.check(url.as_ref(), &nets(&[network])), Ok(()), "{host}");
        }
        assert_eq!(server("1.1.1.1", Tls).check(url.as_ref(), &AllowedNets::default()), Ok(()));
    }

    fn nets(texts: &[&str]) -> AllowedNets {
        AllowedNets::try_from(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_password_is_not_sent_to_another_server() {
        let before = server("mail.example.org", MailSecurity::Starttls);
        let from = MailServer { from: "other@example.org".parse().unwrap(), ..before.clone() };

        assert!(from.may_keep_password_of(&before));
        assert!(!server("eve.example.org", MailSecurity::Starttls).may_keep_password_of(&before));
        assert!(!server("mail.example.org", MailSecurity::Plain).may_keep_password_of(&before));
    }

    #[test]
    fn a_template_never_shows_its_link() {
        let template =
            Template::PasswordReset { link: "https://vpn.example.org/reset#cvw_x".to_owned(), minutes: 30 };

        assert_eq!(format!("{template:?}"), "Template(password_reset)");
    }
}
