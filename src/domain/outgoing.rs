//! Decides which targets the service may call: the guard against requests that are forged through it (SSRF).
//!
//! Whoever may name a URL or a host (a webhook, an identity provider, a secret store, a mail server) could otherwise make this machine ask its own
//! loopback, its network, or the metadata address of its cloud. So only public addresses are called, and whatever
//! else the operator has allowed by the setting `outgoing_allowed`.
//!
//! Invariant: names are resolved by the caller, once, and only the addresses judged here are connected to.

mod address;

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use address::embedded;
pub use address::not_public;

/// The networks that are not public and may be called all the same: at most [`AllowedNets::MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<IpNet>", into = "Vec<IpNet>")]
pub struct AllowedNets(Vec<IpNet>);

/// Too many networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("has more than {} networks; name larger ones", AllowedNets::MOST)]
pub struct AllowedNetsError;

impl AllowedNets {
    /// More would be a list that nobody reads.
    pub const MOST: usize = 64;

    /// The networks.
    pub fn as_slice(&self) -> &[IpNet] {
        &self.0
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

impl TryFrom<Vec<IpNet>> for AllowedNets {
    type Error = AllowedNetsError;

    fn try_from(nets: Vec<IpNet>) -> Result<Self, AllowedNetsError> {
        if nets.len() > Self::MOST {
            return Err(AllowedNetsError);
        }
        Ok(Self(nets.into_iter().map(|net| net.trunc()).collect()))
    }
}

impl From<AllowedNets> for Vec<IpNet> {
    fn from(nets: AllowedNets) -> Self {
        nets.0
    }
}

/// A URL that may be called, once its addresses have been judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host<String>,
    port: u16,
    is_encrypted: bool,
}

/// Why a target is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL at all.
    #[error("is not a URL: {0}")]
    Url(url::ParseError),
    /// Neither of the schemes that are called.
    #[error("is a URL of the scheme {0}, which is not called here")]
    Scheme(String),
    /// A name and a password in the URL would end up in logs.
    #[error("carries a user or a password in the URL; set them where they are asked for")]
    UserInfo,
    /// No host, or one in a form that is read in more than one way.
    #[error("names no host that can be called; write a DNS name without a dot at its end, or an address")]
    Host,
    /// A part that is never sent.
    #[error("has a fragment (#…), which is never sent; leave it out")]
    Fragment,
    /// The name has no address.
    #[error("names a host without an address")]
    NoAddress,
    /// An address that is not public.
    #[error(
        "leads to {address}, which is {kind} and not called; where that is meant, add its network to the setting outgoing_allowed"
    )]
    Refused {
        /// The address.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
    /// A public address without encryption.
    #[error(
        "is not encrypted and leads to {address}; use https or the like, or add its network to the setting outgoing_allowed"
    )]
    Plain {
        /// The address.
        address: IpAddr,
    },
}

impl Target {
    /// Reads a web address.
    ///
    /// # Errors
    /// [`TargetError`] for what is no `http` or `https` URL of a host, or carries more than that.
    pub fn http(text: &str) -> Result<Self, TargetError> {
        Self::parse(text, "http", 80, "https", 443)
    }

    /// Reads the address of a directory server.
    ///
    /// # Errors
    /// [`TargetError`] for what is no `ldap` or `ldaps` URL of a host, or carries more than that.
    pub fn ldap(text: &str) -> Result<Self, TargetError> {
        Self::parse(text, "ldap", 389, "ldaps", 636)
    }

    /// Reads the address of a mail server.
    ///
    /// # Errors
    /// [`TargetError`] for what is no `smtp` or `smtps` URL of a host, or carries more than that.
    pub fn smtp(text: &str) -> Result<Self, TargetError> {
        Self::parse(text, "smtp", 25, "smtps", 465)
    }

    /// Reads where a name server is: a name or an address, with a port where it is not 53.
    ///
    /// # Errors
    /// [`TargetError`] for what is no host, or carries more than that.
    pub fn dns(host_and_port: &str) -> Result<Self, TargetError> {
        if host_and_port.contains(['/', '?', '\\']) {
            return Err(TargetError::Host);
        }
        // Only the signed form is called, so there is one scheme.
        Self::parse(&format!("dns://{host_and_port}"), "dns", 53, "dns", 53)
    }

    fn parse(
        text: &str,
        plain: &str,
        plain_port: u16,
        encrypted: &str,
        encrypted_port: u16,
    ) -> Result<Self, TargetError> {
        let url = Url::parse(text).map_err(TargetError::Url)?;
        let (is_encrypted, usual_port) = match url.scheme() {
            scheme if scheme == encrypted => (true, encrypted_port),
            scheme if scheme == plain => (false, plain_port),
            other => return Err(TargetError::Scheme(other.to_owned())),
        };
        // An at-sign with nothing before it is dropped by the parser, so the text is looked at as well.
        let authority =
            text.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#', '\\']).next();
        if !url.username().is_empty()
            || url.password().is_some()
            || authority.is_some_and(|a| a.contains('@'))
        {
            return Err(TargetError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        let host = host_of(&url)?;
        let port = url.port().unwrap_or(usual_port);
        Ok(Self { url, host, port, is_encrypted })
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host as it stands in the URL: a name, or an address without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection begins encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The address, where the URL has one instead of a name.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// Lets a target pass whose every address may be called. One that may not is a refusal of them all: a name
    /// that leads to a public and a private address at once is a trick or a mistake.
    ///
    /// # Errors
    /// [`TargetError::NoAddress`], [`TargetError::Refused`] and [`TargetError::Plain`].
    pub fn judge(&self, addresses: &[IpAddr], allowed: &AllowedNets) -> Result<(), TargetError> {
        self.judge_as(self.is_encrypted, addresses, allowed)
    }

    /// As [`Target::judge`], where the connection is encrypted by other means than the URL tells, as with StartTLS.
    ///
    /// # Errors
    /// As [`Target::judge`].
    pub fn judge_as(
        &self,
        is_encrypted: bool,
        addresses: &[IpAddr],
        allowed: &AllowedNets,
    ) -> Result<(), TargetError> {
        if addresses.is_empty() {
            return Err(TargetError::NoAddress);
        }
        for &address in addresses {
            if is_allowed(address, allowed) {
                continue;
            }
            if let Some(kind) = not_public(address) {
                return Err(TargetError::Refused { address, kind });
            }
            if !is_encrypted {
                return Err(TargetError::Plain { address });
            }
        }
        Ok(())
    }
}

/// The host in the one form that web clients and resolvers agree on. `http` URLs come with odd numeric forms (decimal,
/// octal, hexadecimal, short) made plain by the parser; for other schemes the text is read in the same way here.
fn host_of(url: &Url) -> Result<Host<String>, TargetError> {
    let host = match url.host() {
        Some(Host::Domain(name)) => Host::parse(name).map_err(|_| TargetError::Host)?,
        Some(Host::Ipv4(address)) => Host::Ipv4(address),
        Some(Host::Ipv6(address)) => Host::Ipv6(address),
        None => return Err(TargetError::Host),
    };
    match &host {
        Host::Domain(name) if name.is_empty() || name.ends_with('.') || name.len() > 253 => {
            Err(TargetError::Host)
        }
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => Ok(host),
    }
}

fn is_allowed(address: IpAddr, allowed: &AllowedNets) -> bool {
    allowed.contains(address)
        || match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => embedded(address).is_some_and(|inner| allowed.contains(inner.into())),
        }
}

#[cfg(test)]
mod tests {
    use super::{AllowedNets, Target, TargetError};
    use std::net::IpAddr;

    #[test]
    fn an_address_in_another_spelling_is_the_same_address() {
        for text in [
            "https://2130706433/",
            "https://0x7f000001/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://１２７.0.0.1/",
            "https:127.0.0.1",
            "https:\\\\127.0.0.1\\",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://%31%32%37.1/",
        ] {
            let target = Target::http(text).unwrap();
            let address = target.address().expect(text);
            assert_eq!(address.to_canonical(), ip("127.0.0.1"), "{text}");
            assert!(target.judge(&[address], &AllowedNets::default()).is_err(), "{text}");
        }
        let names = Target::dns("0x7f.1:5353").unwrap();
        assert_eq!((names.address(), names.port()), (Some(ip("127.0.0.1")), 5353));
        let directory = Target::ldap("ldaps://0177.0.0.1/").unwrap();
        assert_eq!(directory.address(), Some(ip("127.0.0.1")));
    }

    #[test]
    fn a_url_that_could_be_misread_is_refused() {
        use TargetError::{Fragment, Host, Scheme, UserInfo};

        for (text, why) in [
            ("ftp://example.org/", Scheme("ftp".to_owned())),
            ("file:///etc/passwd", Scheme("file".to_owned())),
            ("gopher://example.org/", Scheme("gopher".to_owned())),
            ("ldap://example.org/", Scheme("ldap".to_owned())),
            ("https://ada@example.org/", UserInfo),
            ("https://ada:secret@example.org/", UserInfo),
            ("https://example.org@127.0.0.1/", UserInfo),
            ("https://@example.org/", UserInfo),
            ("https://example.org./", Host),
            ("https://localhost./", Host),
            ("https://example.org/#here", Fragment),
        ] {
            assert_eq!(Target::http(text), Err(why), "{text}");
        }
        for text in [
            "",
            "example.org",
            "https://",
            "https:///",
            "https://[::1",
            "https://exa mple.org/",
            "https://a:99999/",
        ] {
            let refused = Target::http(text);
            // `https:///host` is read as `https://host`, so an empty one is all that is left to refuse.
            assert!(matches!(refused, Err(TargetError::Url(_))), "{text}: {refused:?}");
        }
        for text in [
            "",
            "a/b",
            "u@a.example",
            "a.example:99999",
            "dns://a.example",
            "a.example#",
            "a?b",
            "2001:db8::1",
        ] {
            assert!(Target::dns(text).is_err(), "{text}");
        }
        assert_eq!(Target::dns("[2001:db8::1]").unwrap().port(), 53);
        assert_eq!(Target::http("https://Example.ORG:8443/a?b=@c").unwrap().host(), "example.org");
    }

    #[test]
    fn one_bad_address_among_good_ones_refuses_them_all() {
        let target = Target::http("https://example.org/").unwrap();

        let judged = target.judge(&[ip("1.1.1.1"), ip("10.0.0.1")], &AllowedNets::default());

        assert_eq!(judged, Err(TargetError::Refused { address: ip("10.0.0.1"), kind: "private" }));
        assert_eq!(target.judge(&[], &AllowedNets::default()), Err(TargetError::NoAddress));
        assert_eq!(target.judge(&[ip("1.1.1.1"), ip("2606:4700::1")], &AllowedNets::default()), Ok(()));
    }

    #[test]
    fn what_the_operator_allowed_may_be_private_and_plain() {
        let allowed = nets(&["10.0.0.0/8", "fd00::/8", "8.8.8.8/32"]);
        let plain = Target::http("http://intern.example.org/").unwrap();

        for address in ["10.9.8.7", "::ffff:10.9.8.7", "64:ff9b::10.9.8.7", "fd12::1", "8.8.8.8"] {
            assert_eq!(plain.judge(&[ip(address)], &allowed), Ok(()), "{address}");
        }
        for address in ["192.168.1.1", "fe80::1", "127.0.0.1"] {
            assert!(
                matches!(plain.judge(&[ip(address)], &allowed), Err(TargetError::Refused { .. })),
                "{address}"
            );
        }
        let public = ip("1.1.1.1");
        assert_eq!(plain.judge(&[public], &allowed), Err(TargetError::Plain { address: public }));
        assert_eq!(plain.judge_as(true, &[public], &allowed), Ok(()));
    }

    #[test]
    fn a_list_of_networks_has_a_limit_and_no_host_bits() {
        assert_eq!(nets(&["10.1.2.3/8"]).as_slice(), [("10.0.0.0/8").parse().unwrap()]);
        assert!(AllowedNets::try_from(vec!["10.0.0.0/8".parse().unwrap(); AllowedNets::MOST + 1]).is_err());
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn nets(texts: &[&str]) -> AllowedNets {
        AllowedNets::try_from(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>()).unwrap()
    }
}
