//! Who asks, where a proxy of ours stands in front.
//!
//! Invariant: what a header or a PROXY line says of the client is believed from the proxies that the settings name, from
//! nobody else, and only as far as each of them vouches for the next.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use tracing::warn;

use crate::config::listen::{ForwardedHeader, Proxy};
use crate::edge::peer::Peer;
use crate::edge::proxy::Scheme;

/// The proxies in front, and how they tell who asks.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    trusted: Vec<Proxy>,
    header: ForwardedHeader,
}

impl Proxies {
    /// Believes `header` of these.
    pub const fn new(trusted: Vec<Proxy>, header: ForwardedHeader) -> Self {
        Self { trusted, header }
    }

    /// Whether this is one of them.
    pub(super) fn are(&self, peer: &Peer) -> bool {
        self.trusted.iter().any(|proxy| match (proxy, peer) {
            (Proxy::Unix, Peer::Unix { .. }) => true,
            (Proxy::Range(range), Peer::Tcp(at)) => range.contains(&at.ip()),
            (Proxy::Unix, Peer::Tcp(_)) | (Proxy::Range(_), Peer::Unix { .. }) => false,
        })
    }

    /// Who asks, by the word of `peer`, which is one of them. Read from the right: each proxy adds who it heard from, so
    /// the first that is none of ours is the client, and whatever stands left of it may be made up.
    pub(super) fn client(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        let values = headers.get_all(self.name());
        let mut client = peer;
        for value in values.iter().rev() {
            let Ok(value) = value.to_str() else { return client };
            for hop in value.rsplit(',') {
                let Some(address) = self.address(hop.trim()) else { return client };
                client = Peer::Tcp(address);
                if !self.are(&client) {
                    return client;
                }
            }
        }
        client
    }

    fn name(&self) -> HeaderName {
        match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        }
    }

    fn address(&self, hop: &str) -> Option<SocketAddr> {
        let node = match self.header {
            ForwardedHeader::XForwardedFor => hop,
            ForwardedHeader::Forwarded => {
                let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
                let mut named = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
                named.next().map(|(_, node)| node.trim_matches('"'))?
            }
        };
        node_address(node)
    }
}

/// How a client reached a proxy of ours, as that proxy says. It is an extension of the requests that come by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vouched(Option<Scheme>);

impl Vouched {
    /// What the proxy wrote. Behind several the one at the front has written it first.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(X_FORWARDED_PROTO).and_then(|value| value.to_str().ok());
        Self(match value.and_then(|value| value.split(',').next()).map(str::trim) {
            Some("https") => Some(Scheme::Https),
            Some("http") => Some(Scheme::Http),
            _ => None,
        })
    }

    /// How the client came, where nothing was written `otherwise`.
    pub(super) fn scheme(self, otherwise: Scheme) -> Scheme {
        self.0.unwrap_or(otherwise)
    }
}

/// An address as the headers write it: bare, in brackets, either with a port. Anything else (`unknown`, `_hidden`) names
/// nobody (RFC 7239 §6).
fn node_address(node: &str) -> Option<SocketAddr> {
    let canonical = |ip: IpAddr, port| SocketAddr::new(ip.to_canonical(), port);
    if let Ok(ip) = node.parse::<IpAddr>() {
        return Some(canonical(ip, 0));
    }
    if let Ok(at) = node.parse::<SocketAddr>() {
        return Some(canonical(at.ip(), at.port()));
    }
    let inside = node.strip_prefix('[')?.strip_suffix(']')?;
    inside.parse::<IpAddr>().ok().map(|ip| canonical(ip, 0))
}

/// Says once that a proxy seems to stand in front which the settings do not name: all its clients are taken for one.
pub(super) fn note_unnamed(listener: &'static str, peer: &Peer, headers: &HeaderMap) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if TOLD.load(Ordering::Relaxed) {
        return;
    }
    let near = match peer {
        Peer::Unix { .. } => true,
        Peer::Tcp(at) => at.ip().is_loopback() || is_private(at.ip()),
    };
    let forwarded = || headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    if near && forwarded() && !TOLD.swap(true, Ordering::Relaxed) {
        warn!(
            listener.name = listener,
            "a proxy on this host or its network passes requests on to {listener}, and listen.trusted_proxies does not name \
             it: limits and the audit take all its clients for one"
        );
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::config::listen::{ForwardedHeader, Proxy};
    use crate::edge::peer::Peer;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::{any, proptest};
    use std::net::SocketAddr;

    const NEAR: &str = "10.0.0.1:4000";

    fn asked(header: ForwardedHeader, values: &[&str]) -> String {
        let proxies = Proxies::new(vec![Proxy::Range("10.0.0.0/8".parse().unwrap())], header);
        let name = match header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        let name = HeaderName::from_static(name);
        let headers: HeaderMap =
            values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        let peer = Peer::Tcp(NEAR.parse::<SocketAddr>().unwrap());
        assert!(proxies.are(&peer));
        proxies.client(peer, &headers).ip().unwrap().to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_client_whatever_was_sent_before_it() {
        let asked = |values: &[&str]| asked(ForwardedHeader::XForwardedFor, values);

        assert_eq!(asked(&["192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            asked(&["1.2.3.4, 192.0.2.7, 10.0.0.9"]),
            "192.0.2.7",
            "1.2.3.4 is the client's own claim"
        );
        assert_eq!(asked(&["1.2.3.4", "192.0.2.7, 10.0.0.9"]), "192.0.2.7", "several headers are one list");
        assert_eq!(asked(&["::ffff:192.0.2.7"]), "192.0.2.7");
        assert_eq!(asked(&["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(asked(&["10.0.0.2, 10.0.0.3"]), "10.0.0.2", "a client on the proxies' own network");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_proxy_that_wrote_it() {
        let asked = |values: &[&str]| asked(ForwardedHeader::XForwardedFor, values);

        assert_eq!(asked(&[]), "10.0.0.1");
        assert_eq!(asked(&["192.0.2.7, unknown"]), "10.0.0.1");
        assert_eq!(asked(&["192.0.2.7, nonsense, 10.0.0.9"]), "10.0.0.9");
    }

    #[test]
    fn the_standard_header_is_read_where_it_is_chosen_and_only_there() {
        let asked = |values: &[&str]| asked(ForwardedHeader::Forwarded, values);

        assert_eq!(asked(&["for=1.2.3.4, for=192.0.2.7;proto=https;by=10.0.0.1"]), "192.0.2.7");
        assert_eq!(asked(&["For=\"[2001:db8:cafe::17]:4711\""]), "2001:db8:cafe::17");
        assert_eq!(asked(&["for=_hidden, proto=https"]), "10.0.0.1");
    }

    proptest! {
        #[test]
        fn a_client_s_claim_is_never_taken_for_its_address(claim in any::<Vec<u8>>()) {
            if let Ok(claim) = HeaderValue::from_bytes(&claim) {
                let proxies = Proxies::new(vec![Proxy::Range("10.0.0.0/8".parse().unwrap())], ForwardedHeader::default());
                let name = HeaderName::from_static("x-forwarded-for");
                let headers: HeaderMap =
                    [(name.clone(), claim), (name, HeaderValue::from_static("192.0.2.7"))].into_iter().collect();
                let client = proxies.client(Peer::Tcp(NEAR.parse().unwrap()), &headers);
                assert_eq!(client.ip().unwrap().to_string(), "192.0.2.7");
            }
        }
    }
}
