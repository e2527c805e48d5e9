//! Where people's browsers find this service: the origin that passkeys are bound to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::domain::name::Host;
use crate::domain::text::serde_text;

/// An origin: `https://` and a host with an optional port, or `http://localhost` with one. Nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelUrl {
    text: String,
    host: Host,
}

/// A text that is no such origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not where browsers find this service: give https:// and a host, such as https://vpn.example.org, with a port \
     where it is not 443 and without a path; http:// only for localhost"
)]
pub struct PanelUrlError;

impl PanelUrl {
    /// Longest text: the scheme, a name, a port.
    pub const MAX_CHARS: usize = 8 + 253 + 6;

    /// The origin, as a browser writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host of the origin.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain that passkeys are bound to; none where the host is an address, which browsers refuse.
    pub fn domain(&self) -> Option<&str> {
        let host = self.host.as_str();
        host.parse::<IpAddr>().is_err().then_some(host)
    }
}

impl FromStr for PanelUrl {
    type Err = PanelUrlError;

    fn from_str(text: &str) -> Result<Self, PanelUrlError> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_suffix('/').unwrap_or(&text);
        let (scheme, rest) = text.split_once("://").ok_or(PanelUrlError)?;
        let usual = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return Err(PanelUrlError),
        };
        let (host, port) = split_port(rest)?;
        let host: Host = host.parse().map_err(|_| PanelUrlError)?;
        // Browsers know WebAuthn only on pages that nobody on the way could have changed.
        if scheme == "http" && host.as_str() != "localhost" {
            return Err(PanelUrlError);
        }
        let mut text = format!("{scheme}://{}", host.bracketed());
        if let Some(port) = port.filter(|port| *port != usual) {
            text.push_str(&format!(":{port}"));
        }
        Ok(Self { text, host })
    }
}

/// A host and the port behind it. An IPv6 address stands in brackets.
fn split_port(rest: &str) -> Result<(&str, Option<u16>), PanelUrlError> {
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']').ok_or(PanelUrlError)?;
            if !host.contains(':') {
                return Err(PanelUrlError);
            }
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(PanelUrlError)?) })
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let number = |port: &str| match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        Ok(_) | Err(_) => Err(PanelUrlError),
    };
    Ok((host, port.map(number).transpose()?))
}

impl fmt::Display for PanelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

serde_text!(PanelUrl);

#[cfg(test)]
mod tests {
    use super::{PanelUrl, PanelUrlError};

    fn read(text: &str) -> Result<String, PanelUrlError> {
        text.parse::<PanelUrl>().map(|url| url.to_string())
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(read(" HTTPS://VPN.example.org:443/ ").unwrap(), "https://vpn.example.org");
        assert_eq!(read("https://vpn.example.org:8443").unwrap(), "https://vpn.example.org:8443");
        assert_eq!(read("http://localhost:8080").unwrap(), "http://localhost:8080");
        assert_eq!(read("https://[2001:DB8::1]:8443").unwrap(), "https://[2001:db8::1]:8443");
    }

    #[test]
    fn what_is_no_secure_origin_is_refused() {
        for bad in [
            "vpn.example.org",
            "http://vpn.example.org",
            "https://vpn.example.org/panel",
            "https://ada@vpn.example.org",
            "https://vpn.example.org:0",
            "https://vpn.example.org:+1",
            "https://vpn.example.org:70000",
            "https://[vpn]",
            "https://",
            "ftp://vpn.example.org",
        ] {
            assert_eq!(read(bad), Err(PanelUrlError), "{bad}");
        }
    }

    #[test]
    fn an_address_has_no_domain_to_bind_passkeys_to() {
        let domain = |text: &str| text.parse::<PanelUrl>().unwrap().domain().map(str::to_owned);

        assert_eq!(domain("https://vpn.example.org:8443").as_deref(), Some("vpn.example.org"));
        assert_eq!(domain("http://localhost:8080").as_deref(), Some("localhost"));
        assert_eq!(domain("https://192.0.2.1"), None);
        assert_eq!(domain("https://[2001:db8::1]"), None);
    }
}
