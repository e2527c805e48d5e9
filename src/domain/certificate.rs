//! What a certificate may be asked for, and how the right to it is shown.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::name::is_dns_name;
use crate::domain::text::serde_text;

/// A name that one certificate is for: a DNS name in lower case, such a name with `*.` before it, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateName(String);

/// A text that no certificate is made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateNameError {
    /// Neither a name nor an address.
    #[error("is neither a DNS name such as vpn.example.org or *.example.org, nor an IP address")]
    Form,
    /// Letters that a DNS name has only in another form.
    #[error("has letters that DNS does not carry; write the name in its xn-- form")]
    Letters,
}

impl CertificateName {
    /// The text: without brackets, and with its star.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for every name that has one label more.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(STAR)
    }

    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// What an authority asks after: the name without its star.
    pub fn identifier(&self) -> &str {
        self.0.strip_prefix(STAR).unwrap_or(&self.0)
    }
}

impl FromStr for CertificateName {
    type Err = CertificateNameError;

    fn from_str(text: &str) -> Result<Self, CertificateNameError> {
        let text = text.trim().to_ascii_lowercase();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().to_string()));
        }
        let name = text.strip_prefix(STAR).unwrap_or(&text);
        if !name.is_ascii() {
            return Err(CertificateNameError::Letters);
        }
        if text.len() > LONGEST || !is_dns_name(name) {
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

/// How the right to a name is shown to an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// A text at a path of port 80: RFC 8555 §8.3.
    #[serde(rename = "http-01")]
    Http01,
    /// A certificate in a handshake on port 443: RFC 8737.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A TXT record, the only way to a wildcard: RFC 8555 §8.4.
    #[serde(rename = "dns-01")]
    Dns01,
}

impl Method {
    /// The name in ACME.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const STAR: &str = "*.";

/// The longest DNS name in its text form: RFC 1035 §3.1.
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use super::{CertificateName, CertificateNameError, Method};

    #[test]
    fn a_name_is_kept_in_one_spelling() {
        let name = |text: &str| text.parse::<CertificateName>().unwrap();

        assert_eq!(name(" VPN.Example.org ").as_str(), "vpn.example.org");
        assert_eq!(name("2001:DB8:0::1").as_str(), "2001:db8::1");
        assert_eq!(name("::ffff:192.0.2.1").address(), Some([192, 0, 2, 1].into()));
        assert_eq!(name("*.example.org").identifier(), "example.org");
        assert!(name("*.example.org").is_wildcard() && !name("example.org").is_wildcard());
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_way_out() {
        for text in
            ["", "*", "*.", "*.*.example.org", "a.*.org", "example.org.", "1.2.3", "*.192.0.2.1", "[::1]"]
        {
            assert_eq!(text.parse::<CertificateName>(), Err(CertificateNameError::Form), "{text}");
        }
        assert_eq!("münchen.example".parse::<CertificateName>(), Err(CertificateNameError::Letters));
        assert!("xn--mnchen-3ya.example".parse::<CertificateName>().is_ok());
    }

    #[test]
    fn a_method_is_written_as_in_acme() {
        for method in [Method::Http01, Method::TlsAlpn01, Method::Dns01] {
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
    }
}
