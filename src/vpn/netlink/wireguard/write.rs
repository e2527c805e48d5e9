//! Writes changes of a tunnel as messages, as many as they need.
//!
//! The list of peers is one attribute, which ends at 64 KiB; so is each peer's list of networks. What is too
//! much goes on in further messages. Only the first of them may say "replace", or it would undo the others.

use std::net::SocketAddr;

use ipnet::IpNet;

use crate::domain::key::PublicKey;
use crate::vpn::netlink::attrs::octets;
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::wireguard::{CMD_SET_DEVICE, PeerSettings, PeerUpdate, TunnelUpdate, VERSION};

/// Attributes of a device (`enum wgdevice_attribute`).
pub(super) const DEVICE_IFNAME: u16 = 2;
const DEVICE_PRIVATE_KEY: u16 = 3;
pub(super) const DEVICE_PUBLIC_KEY: u16 = 4;
const DEVICE_FLAGS: u16 = 5;
pub(super) const DEVICE_LISTEN_PORT: u16 = 6;
pub(super) const DEVICE_FWMARK: u16 = 7;
pub(super) const DEVICE_PEERS: u16 = 8;

/// Attributes of a peer (`enum wgpeer_attribute`).
pub(super) const PEER_PUBLIC_KEY: u16 = 1;
pub(super) const PEER_PRESHARED_KEY: u16 = 2;
const PEER_FLAGS: u16 = 3;
pub(super) const PEER_ENDPOINT: u16 = 4;
pub(super) const PEER_KEEPALIVE: u16 = 5;
pub(super) const PEER_LAST_HANDSHAKE: u16 = 6;
pub(super) const PEER_RX_BYTES: u16 = 7;
pub(super) const PEER_TX_BYTES: u16 = 8;
pub(super) const PEER_ALLOWED_IPS: u16 = 9;

/// Attributes of a network behind a peer (`enum wgallowedip_attribute`).
pub(super) const ALLOWED_FAMILY: u16 = 1;
pub(super) const ALLOWED_ADDRESS: u16 = 2;
pub(super) const ALLOWED_LENGTH: u16 = 3;

const REPLACE_PEERS: u32 = 1;
const REMOVE_PEER: u32 = 1;
const REPLACE_ALLOWED_IPS: u32 = 2;

/// Bytes of peers in one message stay below this.
const PART_BYTES: usize = 48 << 10;
/// Most bytes of a peer without its networks: two keys, flags, an IPv6 endpoint, keepalive, two nests.
const PEER_BYTES: usize = 36 + 36 + 8 + 32 + 8 + 4 + 4;
/// Most bytes of one network: family, IPv6 address, length, nest.
const ALLOWED_BYTES: usize = 8 + 20 + 8 + 4;

/// The no-secret of a peer: a preshared key of zeros.
const NO_KEY: [u8; 32] = [0; 32];

/// One message's share of an update.
pub(super) struct Part<'a> {
    /// The settings of the tunnel itself; in the first part only.
    tunnel: Option<&'a TunnelUpdate>,
    peers: Vec<PeerPart<'a>>,
}

/// A peer, or a piece of one with many networks.
enum PeerPart<'a> {
    Remove(&'a PublicKey),
    /// All of it but the networks that did not fit.
    First(&'a PeerSettings, &'a [IpNet]),
    /// Further networks.
    Rest(&'a PublicKey, &'a [IpNet]),
}

impl PeerPart<'_> {
    fn bytes(&self) -> usize {
        match self {
            Self::Remove(_) => PEER_BYTES,
            Self::First(_, networks) | Self::Rest(_, networks) => PEER_BYTES + networks.len() * ALLOWED_BYTES,
        }
    }
}

/// Splits an update into messages: always one, more when the peers do not fit it.
pub(super) fn parts(update: &TunnelUpdate) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut part = Part { tunnel: Some(update), peers: Vec::new() };
    let mut bytes = 0;
    for peer in update.peers.iter().flat_map(peer_parts) {
        if bytes + peer.bytes() > PART_BYTES && !part.peers.is_empty() {
            parts.push(std::mem::replace(&mut part, Part { tunnel: None, peers: Vec::new() }));
            bytes = 0;
        }
        bytes += peer.bytes();
        part.peers.push(peer);
    }
    parts.push(part);
    parts
}

fn peer_parts(peer: &PeerUpdate) -> Vec<PeerPart<'_>> {
    let settings = match peer {
        PeerUpdate::Remove(key) => return vec![PeerPart::Remove(key)],
        PeerUpdate::Set(settings) => settings,
    };
    let mut pieces = settings.allowed_ips.chunks((PART_BYTES - PEER_BYTES) / ALLOWED_BYTES);
    let first = PeerPart::First(settings, pieces.next().unwrap_or_default());
    std::iter::once(first).chain(pieces.map(|piece| PeerPart::Rest(&settings.public_key, piece))).collect()
}

impl Part<'_> {
    /// Appends the message behind `struct nlmsghdr`.
    pub(super) fn encode(&self, b: &mut Buf, interface: &str) {
        b.raw(&[CMD_SET_DEVICE, VERSION, 0, 0]).text(DEVICE_IFNAME, interface);
        if let Some(tunnel) = self.tunnel {
            encode_tunnel(b, tunnel);
        }
        if self.peers.is_empty() {
            return;
        }
        b.nest(DEVICE_PEERS, |list| {
            for (place, peer) in (0_u16..).zip(&self.peers) {
                list.nest(place, |p| encode_peer(p, peer));
            }
        });
    }
}

fn encode_tunnel(b: &mut Buf, tunnel: &TunnelUpdate) {
    if let Some(key) = &tunnel.private_key {
        b.attr(DEVICE_PRIVATE_KEY, key.expose());
    }
    if tunnel.replace_peers {
        b.u32(DEVICE_FLAGS, REPLACE_PEERS);
    }
    if let Some(port) = tunnel.listen_port {
        b.u16(DEVICE_LISTEN_PORT, port);
    }
    if let Some(mark) = tunnel.firewall_mark {
        b.u32(DEVICE_FWMARK, mark);
    }
}

fn encode_peer(p: &mut Buf, peer: &PeerPart<'_>) {
    match peer {
        PeerPart::Remove(key) => {
            p.attr(PEER_PUBLIC_KEY, key.as_bytes()).u32(PEER_FLAGS, REMOVE_PEER);
        }
        PeerPart::First(settings, networks) => {
            let secret = settings.preshared_key.as_ref().map_or(&NO_KEY, |key| key.expose());
            p.attr(PEER_PUBLIC_KEY, settings.public_key.as_bytes()).attr(PEER_PRESHARED_KEY, secret);
            p.u32(PEER_FLAGS, REPLACE_ALLOWED_IPS);
            if let Some(endpoint) = settings.endpoint {
                p.attr(PEER_ENDPOINT, &socket_address(endpoint));
            }
            if let Some(keepalive_s) = settings.keepalive_s {
                p.u16(PEER_KEEPALIVE, keepalive_s);
            }
            encode_networks(p, networks);
        }
        PeerPart::Rest(key, networks) => {
            p.attr(PEER_PUBLIC_KEY, key.as_bytes());
            encode_networks(p, networks);
        }
    }
}

fn encode_networks(p: &mut Buf, networks: &[IpNet]) {
    p.nest(PEER_ALLOWED_IPS, |list| {
        for (place, network) in (0_u16..).zip(networks) {
            let family = match network {
                IpNet::V4(_) => libc::AF_INET,
                IpNet::V6(_) => libc::AF_INET6,
            };
            list.nest(place, |n| {
                n.u16(ALLOWED_FAMILY, family as u16).attr(ALLOWED_ADDRESS, &octets(network.addr()));
                n.attr(ALLOWED_LENGTH, &[network.prefix_len()]);
            });
        }
    });
}

/// `struct sockaddr_in` or `struct sockaddr_in6`: family in the machine's order, port and address in the
/// network's.
fn socket_address(endpoint: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(28);
    match endpoint {
        SocketAddr::V4(v4) => {
            bytes.extend_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            bytes.extend_from_slice(&v4.port().to_be_bytes());
            bytes.extend_from_slice(&v4.ip().octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddr::V6(v6) => {
            bytes.extend_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
            bytes.extend_from_slice(&v6.port().to_be_bytes());
            bytes.extend_from_slice(&v6.flowinfo().to_be_bytes());
            bytes.extend_from_slice(&v6.ip().octets());
            bytes.extend_from_slice(&v6.scope_id().to_ne_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use ipnet::IpNet;
    use netlink_bindings::wireguard::OpSetDeviceDo;

    use super::{NO_KEY, REPLACE_ALLOWED_IPS, REPLACE_PEERS, parts};
    use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
    use crate::vpn::netlink::buf::Buf;
    use crate::vpn::netlink::wireguard::{PeerSettings, PeerUpdate, TunnelUpdate};

    fn encoded(update: &TunnelUpdate) -> Vec<Vec<u8>> {
        let encode = |part: &super::Part<'_>| {
            let mut buf = Buf::default();
            part.encode(&mut buf, "cvpn0");
            buf.finish().unwrap().to_vec()
        };
        parts(update).iter().map(encode).collect()
    }

    fn peer(number: u32, allowed_ips: Vec<IpNet>) -> PeerSettings {
        let mut key = [9; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        let public_key = PublicKey::new(key);
        PeerSettings { public_key, preshared_key: None, endpoint: None, keepalive_s: None, allowed_ips }
    }

    #[test]
    fn an_update_is_byte_for_byte_what_netlink_bindings_writes() {
        let endpoints: [SocketAddr; 2] =
            ["192.0.2.1:51820".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap()];
        let allowed: [IpNet; 2] = ["10.8.0.2/32".parse().unwrap(), "fd00::2/128".parse().unwrap()];
        let mut first = peer(1, allowed.to_vec());
        first.preshared_key = Some(PresharedKey::new([5; 32]));
        first.endpoint = Some(endpoints[0]);
        first.keepalive_s = Some(25);
        let mut second = peer(2, Vec::new());
        second.endpoint = Some(endpoints[1]);
        let update = TunnelUpdate {
            private_key: Some(PrivateKey::new([3; 32])),
            listen_port: Some(51_820),
            firewall_mark: Some(77),
            replace_peers: true,
            peers: vec![
                PeerUpdate::Set(first.clone()),
                PeerUpdate::Set(second.clone()),
                PeerUpdate::Remove(peer(3, Vec::new()).public_key),
            ],
        };

        let mut oracle = Vec::new();
        OpSetDeviceDo::encode_request(&mut oracle)
            .push_ifname(c"cvpn0")
            .push_private_key(&[3; 32])
            .push_flags(REPLACE_PEERS)
            .push_listen_port(51_820)
            .push_fwmark(77)
            .array_peers()
            .entry_nested()
            .push_public_key(first.public_key.as_bytes())
            .push_preshared_key(&[5; 32])
            .push_flags(REPLACE_ALLOWED_IPS)
            .push_endpoint(endpoints[0])
            .push_persistent_keepalive_interval(25)
            .array_allowedips()
            .entry_nested()
            .push_family(2)
            .push_ipaddr(allowed[0].addr())
            .push_cidr_mask(32)
            .end_nested()
            .entry_nested()
            .push_family(10)
            .push_ipaddr(allowed[1].addr())
            .push_cidr_mask(128)
            .end_nested()
            .end_array()
            .end_nested()
            .entry_nested()
            .push_public_key(second.public_key.as_bytes())
            .push_preshared_key(&NO_KEY)
            .push_flags(REPLACE_ALLOWED_IPS)
            .push_endpoint(endpoints[1])
            .array_allowedips()
            .end_array()
            .end_nested()
            .entry_nested()
            .push_public_key(peer(3, Vec::new()).public_key.as_bytes())
            .push_flags(1)
            .end_nested()
            .end_array();
        assert_eq!(encoded(&update), [oracle]);
    }

    #[test]
    fn ten_thousand_peers_take_several_messages_and_only_the_first_replaces() {
        let network = |n: u32| IpNet::new(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 32).unwrap();
        let peers = (0..10_000).map(|n| PeerUpdate::Set(peer(n, vec![network(n)]))).collect();
        let update = TunnelUpdate { replace_peers: true, peers, ..TunnelUpdate::default() };

        let messages = encoded(&update);

        let mut keys = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            assert!(message.len() < 64 << 10);
            let request = OpSetDeviceDo::decode_request(message);
            assert_eq!(request.get_flags().ok(), (place == 0).then_some(REPLACE_PEERS));
            for found in request.get_peers().unwrap() {
                keys.push(found.get_public_key().unwrap().to_vec());
                assert_eq!(found.get_flags(), Ok(REPLACE_ALLOWED_IPS));
                assert_eq!(found.get_allowedips().unwrap().count(), 1);
            }
        }
        assert_eq!(keys.len(), 10_000);
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_peer_with_many_networks_goes_on_in_the_next_message_without_replacing() {
        let network = |n: u32| IpNet::new(std::net::Ipv4Addr::from_bits(n).into(), 32).unwrap();
        let crowded = peer(1, (0..3_000).map(network).collect());
        let update = TunnelUpdate { peers: vec![PeerUpdate::Set(crowded)], ..TunnelUpdate::default() };

        let messages = encoded(&update);

        let mut networks = 0;
        for (place, message) in messages.iter().enumerate() {
            let found = OpSetDeviceDo::decode_request(message).get_peers().unwrap().next().unwrap();
            assert_eq!(found.get_flags().ok(), (place == 0).then_some(REPLACE_ALLOWED_IPS));
            networks += found.get_allowedips().unwrap().count();
        }
        assert_eq!((messages.len(), networks), (3, 3_000));
    }
}
