//! Where people are reached: their e-mail address, and the address of the pages that letters point to.

use std::fmt;
use std::str::FromStr;

use crate::domain::name::{Host, NameError, is_dns_name};
use crate::domain::text::serde_text;

/// An e-mail address, kept in lower case: a dot-atom of RFC 5322 §3.2.3, `@`, and a DNS name of two labels or more.
///
/// Quoted local parts, comments and addresses in brackets are not taken: nobody has one, and each is a way to put
/// something else into a letter's head.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// Longest address (RFC 5321 §4.5.3.1.3, less the angle brackets).
    pub const MAX_CHARS: usize = 254;

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX_CHARS {
            return Err(NameError::TooLong { max: Self::MAX_CHARS, found: text.chars().count() });
        }
        let atom = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        };
        let parts = text.rsplit_once('@');
        let good = parts.is_some_and(|(local, domain)| {
            local.len() <= 64 && local.split('.').all(atom) && domain.contains('.') && is_dns_name(domain)
        });
        if good { Ok(Self(text)) } else { Err(NameError::Email) }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// Says nothing: an address is personal, and debug output ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

/// Where browsers reach the pages: `https://`, a host, perhaps a port, and nothing behind it.
///
/// Plain `http://` is taken only for the machine itself, where a page is tried out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicUrl(String);

/// A text that is no public URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not like https://vpn.example.org: https, a host, perhaps a port, and no path")]
pub struct PublicUrlError;

impl PublicUrl {
    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(PublicUrlError)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(PublicUrlError)?)),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let host: Host = host.parse().map_err(|_| PublicUrlError)?;
        let port = port.map(str::parse::<std::num::NonZeroU16>).transpose().map_err(|_| PublicUrlError)?;
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "https" => Ok(Self(format!("https://{}{port}", host.bracketed()))),
            "http" if host.is_this_machine() => Ok(Self(format!("http://{}{port}", host.bracketed()))),
            _ => Err(PublicUrlError),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(Email, PublicUrl);

#[cfg(test)]
mod tests {
    use super::{Email, PublicUrl};
    use crate::domain::name::NameError;

    #[test]
    fn an_address_holds_nothing_that_a_letters_head_could_be_widened_by() {
        assert_eq!("Ada.L+vpn@Example.ORG ".parse::<Email>().unwrap().as_str(), "ada.l+vpn@example.org");
        for bad in [
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@example.org\r\nBcc: eve@example.org",
            "a b@example.org",
            "ada@example.org, eve@example.org",
            "<ada@example.org>",
            "\"a\"@example.org",
            "ada@[192.0.2.1]",
            "a..b@example.org",
            "ada@192.0.2.1",
            "\u{e4}da@example.org",
        ] {
            assert_eq!(bad.parse::<Email>(), Err(NameError::Email), "{bad}");
        }
        assert!(matches!(
            format!("{}@example.org", "a".repeat(300)).parse::<Email>(),
            Err(NameError::TooLong { .. })
        ));
        assert_eq!(format!("{:?}", "ada@example.org".parse::<Email>().unwrap()), "Email(***)");
    }

    #[test]
    fn a_public_url_is_an_origin_that_browsers_reach_safely() {
        assert_eq!(
            "https://VPN.example.org/".parse::<PublicUrl>().unwrap().as_str(),
            "https://vpn.example.org"
        );
        assert_eq!(
            "https://[2001:db8::1]:8443".parse::<PublicUrl>().unwrap().as_str(),
            "https://[2001:db8::1]:8443"
        );
        assert_eq!("http://127.0.0.1:8080".parse::<PublicUrl>().unwrap().as_str(), "http://127.0.0.1:8080");
        for bad in [
            "http://vpn.example.org",
            "vpn.example.org",
            "https://a/b",
            "https://a:0",
            "https://u@a.org",
            "javascript://a",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
