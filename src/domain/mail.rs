//! Mail: what there is to tell, to whom, through which server.
//!
//! Invariant: a letter says what happened in data; its words are made where it is sent, in the reader's language.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::contact::Email;
use crate::domain::language::Language;
use crate::domain::name::{DisplayName, Host};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailServerFault {
    /// Plain text over a network.
    #[error("plain text is only for a mail server on this machine, such as localhost; use starttls or tls")]
    PlainAfar,
    /// Letters with links that lead nowhere.
    #[error("set panel_url first, or with it: letters carry links to the pages there")]
    NoPanelUrl,
}

impl MailServer {
    /// Checks what its fields alone cannot tell.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self, panel_url: Option<&PanelUrl>) -> Result<(), MailServerFault> {
        if self.security == MailSecurity::Plain && !self.host.is_this_machine() {
            return Err(MailServerFault::PlainAfar);
        }
        if panel_url.is_none() { Err(MailServerFault::NoPanelUrl) } else { Ok(()) }
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

        assert_eq!(
            server("mail.example.org", MailSecurity::Plain).check(url.as_ref()),
            Err(MailServerFault::PlainAfar)
        );
        assert_eq!(server("127.0.0.1", MailSecurity::Plain).check(url.as_ref()), Ok(()));
        assert_eq!(server("mail.example.org", MailSecurity::Tls).check(url.as_ref()), Ok(()));
        assert_eq!(server("localhost", MailSecurity::Plain).check(None), Err(MailServerFault::NoPanelUrl));
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
