//! From which authority certificates are ordered, and by which rules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::authority::AuthorityPem;
use crate::domain::certificate::{CertificateName, Method, MethodFault};
use crate::domain::contact::Email;
use crate::domain::name::{Host, is_dns_name};
use crate::domain::outgoing::{Target, TargetError};
use crate::domain::text::serde_text;

/// From which authority certificates are ordered. Its secrets are sealed in places of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acme {
    /// Its directory.
    pub directory: DirectoryUrl,
    /// Whom it may write to.
    pub contact: Option<Email>,
    /// Whether whoever set this has agreed to its terms. Nothing is ordered without.
    pub terms_agreed: bool,
    /// How names are proven.
    pub method: Method,
    /// Which of its kinds of certificates; its usual one where it is left out.
    pub profile: Option<AcmeWord>,
    /// The key by which it knows us already; its secret is sealed.
    pub eab_key_id: Option<AcmeWord>,
    /// Certificates by which the directory is trusted, besides those that browsers know.
    pub ca_certificate: Option<AuthorityPem>,
    /// The name server that takes the records of dns-01.
    pub dns: Option<DnsServer>,
}

/// A name server that takes changes (RFC 2136), signed by a key (RFC 8945) whose secret is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsServer {
    /// Name or address.
    pub host: Host,
    /// TCP port.
    pub port: u16,
    /// The zone to change; found by asking where it is left out.
    pub zone: Option<DnsName>,
    /// What the server calls the key.
    pub key_name: DnsName,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
}

impl DnsServer {
    /// The usual port.
    pub const PORT: u16 = 53;
}

/// How changes of records are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TsigAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC with SHA-512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

impl TsigAlgorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::HmacSha256, Self::HmacSha512];

    /// The name on every layer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

/// Why names cannot be ordered as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcmeFault {
    /// Nobody agreed to the terms.
    #[error("read the authority's terms of service and agree to them: true")]
    Terms,
    /// dns-01 without a server.
    #[error(
        "dns-01 needs a name server that takes changes: give dns, or a program as tls.dns_hook of the boot settings"
    )]
    NoDns,
    /// A name that cannot be proven in this way.
    #[error("{fault}")]
    Name {
        /// Its place in the list.
        at: usize,
        /// Why.
        fault: MethodFault,
    },
}

impl Acme {
    /// Checks what its fields alone cannot tell. `has_hook` is whether a program of the operator's changes DNS records.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self, names: &[CertificateName], has_hook: bool) -> Result<(), AcmeFault> {
        if !self.terms_agreed {
            return Err(AcmeFault::Terms);
        }
        if self.method == Method::Dns01 && self.dns.is_none() && !has_hook {
            return Err(AcmeFault::NoDns);
        }
        for (at, name) in names.iter().enumerate() {
            self.method.check(name).map_err(|fault| AcmeFault::Name { at, fault })?;
        }
        Ok(())
    }

    /// Whether the secret of `other`'s key may be sent for this one: it is for the same key, at the same authority, trusted
    /// in the same way. Otherwise whoever may change the settings could have it sent elsewhere.
    pub fn may_keep_eab_of(&self, other: &Self) -> bool {
        (&self.directory, &self.eab_key_id, &self.ca_certificate)
            == (&other.directory, &other.eab_key_id, &other.ca_certificate)
    }
}

/// The URL of an authority's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUrl(String);

/// A text that is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryUrlError {
    /// Not a URL that is called.
    #[error(transparent)]
    Target(TargetError),
    /// Accounts are not spoken of in the clear.
    #[error("begins with https://")]
    Plain,
    /// Longer than any is.
    #[error("has more than {} characters", DirectoryUrl::MAX_CHARS)]
    TooLong,
}

impl DirectoryUrl {
    /// Longest URL, in characters.
    pub const MAX_CHARS: usize = 300;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The authority's host, with the port where it is not the usual one: by that people know it.
    pub fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").unwrap_or(&self.0);
        rest.split('/').next().unwrap_or(rest)
    }
}

impl Default for DirectoryUrl {
    /// Let's Encrypt, whose certificates count.
    fn default() -> Self {
        Self("https://acme-v02.api.letsencrypt.org/directory".to_owned())
    }
}

impl FromStr for DirectoryUrl {
    type Err = DirectoryUrlError;

    fn from_str(text: &str) -> Result<Self, DirectoryUrlError> {
        let text = text.trim();
        if text.chars().count() > Self::MAX_CHARS {
            return Err(DirectoryUrlError::TooLong);
        }
        let target = Target::http(text).map_err(DirectoryUrlError::Target)?;
        if target.url().scheme() != "https" {
            return Err(DirectoryUrlError::Plain);
        }
        Ok(Self(target.url().to_string()))
    }
}

impl fmt::Display for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word that an authority has given a thing: 1 to 256 visible characters of ASCII, no blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeWord(String);

/// A text that is no such word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a word of 1 to {} letters, digits and signs, without blanks", AcmeWord::MAX_CHARS)]
pub struct AcmeWordError;

impl AcmeWord {
    /// Longest word, in characters.
    pub const MAX_CHARS: usize = 256;

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AcmeWord {
    type Err = AcmeWordError;

    fn from_str(text: &str) -> Result<Self, AcmeWordError> {
        let text = text.trim();
        let fits = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(AcmeWordError) }
    }
}

impl fmt::Display for AcmeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a zone or a key in DNS, in small letters, without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsName(String);

/// A text that is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a name in DNS, such as example.org")]
pub struct DnsNameError;

impl DnsName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 253;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DnsName {
    type Err = DnsNameError;

    fn from_str(text: &str) -> Result<Self, DnsNameError> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_suffix('.').unwrap_or(&text);
        // Keys are often called acme_key, which no host may be.
        if is_dns_name(&text.replace('_', "-")) { Ok(Self(text.to_owned())) } else { Err(DnsNameError) }
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(DirectoryUrl, AcmeWord, DnsName);

/// The names that certificates are for: at most [`TlsNames::MOST`], each once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<CertificateName>", into = "Vec<CertificateName>")]
pub struct TlsNames(Vec<CertificateName>);

/// Too many names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("has more than {} names; a name with a star stands for many", TlsNames::MOST)]
pub struct TlsNamesError;

impl TlsNames {
    /// More would run into the limits that authorities set for a week.
    pub const MOST: usize = 50;

    /// The names, in the order given.
    pub fn as_slice(&self) -> &[CertificateName] {
        &self.0
    }
}

impl TryFrom<Vec<CertificateName>> for TlsNames {
    type Error = TlsNamesError;

    fn try_from(names: Vec<CertificateName>) -> Result<Self, TlsNamesError> {
        let mut once: Vec<CertificateName> = Vec::with_capacity(names.len());
        for name in names {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        if once.len() > Self::MOST { Err(TlsNamesError) } else { Ok(Self(once)) }
    }
}

impl From<TlsNames> for Vec<CertificateName> {
    fn from(names: TlsNames) -> Self {
        names.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Acme, AcmeFault, AcmeWord, DirectoryUrl, DirectoryUrlError, DnsName, TlsNames};
    use crate::domain::certificate::{CertificateName, Method, MethodFault};

    fn acme(method: Method) -> Acme {
        Acme {
            directory: DirectoryUrl::default(),
            contact: None,
            terms_agreed: true,
            method,
            profile: None,
            eab_key_id: None,
            ca_certificate: None,
            dns: None,
        }
    }

    fn names(texts: &[&str]) -> Vec<CertificateName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nothing_is_ordered_that_could_not_be_proven() {
        let both = names(&["vpn.example.org", "*.example.org"]);

        assert_eq!(acme(Method::Http01).check(&both[..1], false), Ok(()));
        let fault = AcmeFault::Name { at: 1, fault: MethodFault::Wildcard };
        assert_eq!(acme(Method::Http01).check(&both, false), Err(fault));
        assert_eq!(acme(Method::Dns01).check(&both, false), Err(AcmeFault::NoDns));
        assert_eq!(acme(Method::Dns01).check(&both, true), Ok(()));
        let unread = Acme { terms_agreed: false, ..acme(Method::Http01) };
        assert_eq!(unread.check(&[], false), Err(AcmeFault::Terms));
    }

    #[test]
    fn an_authority_is_spoken_to_over_tls_alone() {
        let parse = |text: &str| text.parse::<DirectoryUrl>();

        assert_eq!(parse("https://ca.example:14000/dir").unwrap().as_str(), "https://ca.example:14000/dir");
        assert_eq!(parse("http://ca.example/dir"), Err(DirectoryUrlError::Plain));
        assert!(matches!(parse("ca.example"), Err(DirectoryUrlError::Target(_))));
        assert!(parse(DirectoryUrl::default().as_str()).is_ok());
    }

    #[test]
    fn words_and_names_are_bounded() {
        assert!("kid-1".parse::<AcmeWord>().is_ok() && "a b".parse::<AcmeWord>().is_err());
        assert_eq!("Acme_Key.example.org.".parse::<DnsName>().unwrap().as_str(), "acme_key.example.org");
        assert!("".parse::<DnsName>().is_err());
        let twice = TlsNames::try_from(names(&["b.example", "a.example", "B.example"])).unwrap();
        assert_eq!(twice.as_slice(), names(&["b.example", "a.example"]));
        let many: Vec<_> = (0..51).map(|n| format!("n{n}.example").parse().unwrap()).collect();
        assert!(TlsNames::try_from(many).is_err());
    }

    #[test]
    fn the_secret_of_a_key_goes_nowhere_else() {
        let before = Acme { eab_key_id: "kid".parse().ok(), ..acme(Method::Http01) };
        let elsewhere = Acme { directory: "https://ca.example/dir".parse().unwrap(), ..before.clone() };

        assert!(before.may_keep_eab_of(&before));
        assert!(!elsewhere.may_keep_eab_of(&before));
    }
}
