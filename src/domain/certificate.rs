//! Certificates that are ordered: for which name, and how the name is proven to be ours.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::name::{Host, NameError, is_dns_name};
use crate::domain::renewal::{Age, ChosenWindow, Lifetime};
use crate::domain::text::serde_text;
use crate::domain::time::Timestamp;

/// What a certificate is for: a DNS name in small letters, one with `*` as its first label, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateName(String);

/// A text that no certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateNameError {
    /// Letters that DNS does not know.
    #[error("has letters beyond a-z; write it as DNS has it, each such label beginning with xn--")]
    NotAscii,
    /// Neither a name nor an address.
    #[error("is not a DNS name such as vpn.example.org or *.example.org, nor an IP address without brackets")]
    Form,
    /// An address of nobody.
    #[error(transparent)]
    Address(NameError),
}

impl CertificateName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 253;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for every name with one more label.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(STAR)
    }

    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// What is proven to be ours: the name without its star.
    pub fn identifier(&self) -> &str {
        self.0.strip_prefix(STAR).unwrap_or(&self.0)
    }
}

impl FromStr for CertificateName {
    type Err = CertificateNameError;

    fn from_str(text: &str) -> Result<Self, CertificateNameError> {
        let text = text.trim().to_lowercase();
        if !text.is_ascii() {
            return Err(CertificateNameError::NotAscii);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            // A host knows what addresses are nobody's.
            text.parse::<Host>().map_err(CertificateNameError::Address)?;
            return Ok(Self(address.to_canonical().to_string()));
        }
        let bare = text.strip_prefix(STAR).unwrap_or(&text);
        // A star over a single label would be a whole top-level domain.
        let is_too_wide = bare.len() < text.len() && !bare.contains('.');
        if text.len() > Self::MAX_CHARS || is_too_wide || !is_dns_name(bare) {
            return Err(CertificateNameError::Form);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(CertificateName);

const STAR: &str = "*.";

/// How a name is proven to be ours (RFC 8555 §8, RFC 8737).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Method {
    /// A text at `http://NAME/.well-known/acme-challenge/…`, port 80.
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate shown in a handshake on port 443.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A TXT record at `_acme-challenge.NAME`.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// Why a name cannot be proven in a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MethodFault {
    /// A server stands for one name only.
    #[error("a name with a star is proven by dns-01 only; set the method to dns-01, with a DNS server")]
    Wildcard,
    /// An address has no records.
    #[error("an IP address is proven by http-01 or tls-alpn-01 only")]
    Address,
}

impl Method {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Http01, Self::TlsAlpn01, Self::Dns01];

    /// The name on every layer, which is the protocol's own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
        }
    }

    /// The way of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether a name can be proven in this way.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn check(self, name: &CertificateName) -> Result<(), MethodFault> {
        match self {
            Self::Http01 | Self::TlsAlpn01 if name.is_wildcard() => Err(MethodFault::Wildcard),
            Self::Dns01 if name.address().is_some() => Err(MethodFault::Address),
            Self::Http01 | Self::TlsAlpn01 | Self::Dns01 => Ok(()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A certificate that the service orders: what there is of it, and how the ordering goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for.
    pub name: CertificateName,
    /// The one in force; none until the first has come.
    pub issued: Option<Issued>,
    /// When the authority wants it renewed.
    pub window: Option<ChosenWindow>,
    /// When the authority is asked again for that; never where it has no opinion.
    pub ask_again_at: Option<Timestamp>,
    /// Attempts that were begun, in all.
    pub attempts: u32,
    /// Attempts that were begun since the last certificate came.
    pub failures: u32,
    /// When the last attempt began.
    pub attempted_at: Option<Timestamp>,
    /// When the next may.
    pub next_try_at: Timestamp,
    /// Why the last attempt brought none; none where it did.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// Counts the changes.
    pub revision: i64,
}

/// What a certificate in force says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// From when until when it counts.
    pub life: Lifetime,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256, as browsers show it.
    pub fingerprint: String,
    /// When it came, by our own clock.
    pub obtained_at: Timestamp,
}

/// Who sees to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateSource {
    /// The service, which orders it.
    Acme,
    /// Somebody else, in a file.
    File,
    /// Nobody: it is served where there is no other.
    SelfSigned,
}

impl CertificateSource {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Acme, Self::File, Self::SelfSigned];

    /// The name on every layer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acme => "acme",
            Self::File => "file",
            Self::SelfSigned => "self-signed",
        }
    }
}

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// In force.
    Valid,
    /// In force, with less than a twentieth of its life left.
    Expiring,
    /// There, and out of its time.
    Expired,
    /// Not there yet, and nothing is wrong so far.
    Pending,
    /// Not there, and the last attempt failed.
    Failing,
}

impl CertificateState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Valid, Self::Expiring, Self::Expired, Self::Pending, Self::Failing];

    /// The name on every layer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::Failing => "failing",
        }
    }

    /// The state of a certificate that is there.
    pub fn of(life: Lifetime, now: Timestamp) -> Self {
        match life.age(now) {
            Age::Valid => Self::Valid,
            Age::Expiring => Self::Expiring,
            Age::Expired => Self::Expired,
        }
    }
}

impl Certificate {
    /// How it stands now.
    pub fn state(&self, now: Timestamp) -> CertificateState {
        match (&self.issued, &self.last_error) {
            (Some(issued), _) => CertificateState::of(issued.life, now),
            (None, Some(_)) => CertificateState::Failing,
            (None, None) => CertificateState::Pending,
        }
    }

    /// Whether there is none that counts, or little left of its life.
    pub fn is_urgent(&self, now: Timestamp) -> bool {
        self.state(now) != CertificateState::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateName, CertificateNameError, Method, MethodFault};

    fn name(text: &str) -> CertificateName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_kept_as_certificates_have_it() {
        assert_eq!(name(" VPN.Example.org ").as_str(), "vpn.example.org");
        assert_eq!(name("2001:DB8:0::1").as_str(), "2001:db8::1");
        assert!(name("*.example.org").is_wildcard());
        assert_eq!(name("*.example.org").identifier(), "example.org");
        assert_eq!(name("192.0.2.1").address(), Some([192, 0, 2, 1].into()));
        assert_eq!("bücher.example".parse::<CertificateName>(), Err(CertificateNameError::NotAscii));
        for bad in [
            "",
            "*",
            "*.org",
            "a.*.example.org",
            "https://a.example",
            "a.example:443",
            "[::1]",
            "1.2.3",
            "a.example.",
        ] {
            assert_eq!(bad.parse::<CertificateName>(), Err(CertificateNameError::Form), "{bad}");
        }
        assert!(matches!("0.0.0.0".parse::<CertificateName>(), Err(CertificateNameError::Address(_))));
    }

    #[test]
    fn a_star_needs_dns_and_an_address_a_connection() {
        assert_eq!(Method::Http01.check(&name("*.example.org")), Err(MethodFault::Wildcard));
        assert_eq!(Method::Dns01.check(&name("*.example.org")), Ok(()));
        assert_eq!(Method::Dns01.check(&name("192.0.2.1")), Err(MethodFault::Address));
        for method in Method::ALL {
            assert_eq!(method.check(&name("vpn.example.org")), Ok(()));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
    }
}
