//! `[listen]`: where the process listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::address::Address;
use crate::config::setting::{Raw, Setting, choice};

section! {
    /// Where the process listens. Any of them may be an address and port, `unix:/path`, `systemd:name` or `off`.
    pub struct Listen("listen") {
        /// The REST API, the panel and the probes.
        pub api: Option<Address> = Some(loopback(8080));
        /// Health and metrics of this host's WireGuard side.
        pub agent: Option<Address> = Some(loopback(8081));
        /// The figures, `/metrics`, alone: for a Prometheus elsewhere, at an address that only it reaches. Off unless it is wanted.
        pub metrics: Option<Address> = None;
        /// The socket of the command line and of the agent on this host. Who connects is known by the kernel.
        pub local: Option<Address> = Some(Address::Unix(PathBuf::from("caspervpn.sock")));
        /// Permissions of the local socket, in octal.
        pub local_mode: Mode = Mode(0o660);
        /// The same as `api` for the world, over TLS.
        pub https: Option<Address> = Some(everywhere(443));
        /// Sends browsers to `https` and answers the challenges of certificate authorities.
        pub http: Option<Address> = Some(everywhere(80));
        /// The same as `api` for the world, without TLS: for a reverse proxy in front. Off unless it is wanted.
        pub public: Option<Address> = None;
        /// Proxies in front whose word on who asks is believed: addresses, ranges, or `unix` for whoever comes over a unix
        /// socket. It counts for `api`, `https`, `http` and `public`.
        pub trusted_proxies: Vec<Proxy> = Vec::new();
        /// Where those proxies write it. The other header is the client's own and says nothing.
        pub forwarded_header: ForwardedHeader = ForwardedHeader::XForwardedFor;
        /// Whether connections of those proxies begin with a PROXY header, version 1 or 2; one without is then cut.
        pub proxy_protocol: bool = false;
    }
}

impl Listen {
    /// Every listener that is on, with its key.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        let all = [
            ("listen.api", &self.api),
            ("listen.agent", &self.agent),
            ("listen.metrics", &self.metrics),
            ("listen.local", &self.local),
            ("listen.https", &self.https),
            ("listen.http", &self.http),
            ("listen.public", &self.public),
        ];
        all.into_iter().filter_map(|(key, address)| Some((key, address.as_ref()?)))
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        let all = [
            &mut self.api,
            &mut self.agent,
            &mut self.metrics,
            &mut self.local,
            &mut self.https,
            &mut self.http,
            &mut self.public,
        ];
        all.into_iter().flatten()
    }
}

/// A proxy that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Whoever connects to a unix socket of ours.
    Unix,
    /// Whoever comes from here.
    Range(IpNet),
}

impl Setting for Proxy {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw.text("an address, a range such as \"10.0.0.0/8\", or \"unix\"")? {
            "unix" => Ok(Self::Unix),
            text => {
                let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
                let range = address.or_else(|_| text.parse::<IpNet>().map(|range| range.trunc()));
                let range =
                    range.map_err(|_| format!("{text:?} is no address, no range and not \"unix\""))?;
                match range.prefix_len() {
                    0 => Err(format!("{text} is everybody, and everybody may write what they like")),
                    _ => Ok(Self::Range(range)),
                }
            }
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Unix => "unix".to_owned(),
            Self::Range(range) => range.to_string(),
        }
    }
}

choice! {
    /// The header in which proxies tell who asks.
    #[derive(Default)]
    pub enum ForwardedHeader {
        /// What nearly all write.
        #[default]
        XForwardedFor = "x-forwarded-for",
        /// RFC 7239.
        Forwarded = "forwarded",
    }
}

/// Permissions of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Setting for Mode {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("permissions as a string such as \"0660\"")?;
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode & 0o600 == 0o600 && mode <= 0o777 => Ok(Self(mode)),
            Ok(_) => Err(format!("{text:?} is not between \"0600\" and \"0777\"")),
            Err(_) => Err(format!("{text:?} is not an octal number such as \"0660\"")),
        }
    }

    fn show(&self) -> String {
        format!("{:04o}", self.0)
    }
}

/// On every address of both families.
fn everywhere(port: u16) -> Address {
    Address::Tcp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
}

fn loopback(port: u16) -> Address {
    Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}
