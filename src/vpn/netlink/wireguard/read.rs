//! Reads a tunnel from the kernel's messages.
//!
//! A peer with many networks goes on in the next message under the same key; so does the list of peers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::key::{PresharedKey, PublicKey};
use crate::vpn::netlink::attrs::{
    address, attributes, find, find_u16, find_u32, find_u64, i64_at, u16_at, u32_at,
};
use crate::vpn::netlink::wireguard::{Peer, Tunnel, write};

/// The tunnel that the attributes of one or more messages describe.
pub(super) fn tunnel<'a>(messages: impl Iterator<Item = &'a [u8]>) -> Tunnel {
    let mut tunnel = Tunnel { public_key: None, listen_port: 0, firewall_mark: 0, peers: Vec::new() };
    for device in messages {
        tunnel.public_key =
            tunnel.public_key.or_else(|| key(device, write::DEVICE_PUBLIC_KEY).map(PublicKey::new));
        tunnel.listen_port = find_u16(device, write::DEVICE_LISTEN_PORT).unwrap_or(tunnel.listen_port);
        tunnel.firewall_mark = find_u32(device, write::DEVICE_FWMARK).unwrap_or(tunnel.firewall_mark);
        for (_, found) in attributes(find(device, write::DEVICE_PEERS).unwrap_or_default()) {
            let Some(found) = peer(found) else { continue };
            match tunnel.peers.last_mut() {
                Some(last) if last.public_key == found.public_key => {
                    last.allowed_ips.extend(found.allowed_ips)
                }
                _ => tunnel.peers.push(found),
            }
        }
    }
    tunnel
}

fn peer(p: &[u8]) -> Option<Peer> {
    let networks = attributes(find(p, write::PEER_ALLOWED_IPS).unwrap_or_default());
    Some(Peer {
        public_key: PublicKey::new(key(p, write::PEER_PUBLIC_KEY)?),
        preshared_key: key(p, write::PEER_PRESHARED_KEY).map(PresharedKey::new),
        endpoint: find(p, write::PEER_ENDPOINT).and_then(endpoint),
        keepalive_s: find_u16(p, write::PEER_KEEPALIVE).unwrap_or(0),
        last_handshake: find(p, write::PEER_LAST_HANDSHAKE).and_then(handshake),
        rx_bytes: find_u64(p, write::PEER_RX_BYTES).unwrap_or(0),
        tx_bytes: find_u64(p, write::PEER_TX_BYTES).unwrap_or(0),
        allowed_ips: networks.filter_map(|(_, network)| allowed_ip(network)).collect(),
    })
}

/// A key; zeros mean that there is none.
fn key(bytes: &[u8], kind: u16) -> Option<[u8; 32]> {
    let key: [u8; 32] = find(bytes, kind)?.try_into().ok()?;
    (key != [0; 32]).then_some(key)
}

/// `struct __kernel_timespec`; zeros mean never.
fn handshake(time: &[u8]) -> Option<Duration> {
    let seconds = u64::try_from(i64_at(time, 0)?).ok()?;
    let nanoseconds = u32::try_from(i64_at(time, 8)?).ok().filter(|n| *n < 1_000_000_000)?;
    let since = Duration::new(seconds, nanoseconds);
    (!since.is_zero()).then_some(since)
}

/// `struct sockaddr_in` or `struct sockaddr_in6`.
fn endpoint(bytes: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be(u16_at(bytes, 2)?);
    match i32::from(u16_at(bytes, 0)?) {
        libc::AF_INET => {
            let octets: [u8; 4] = *bytes.get(4..)?.first_chunk()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = *bytes.get(8..)?.first_chunk()?;
            let flow = u32::from_be(u32_at(bytes, 4)?);
            Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(octets), port, flow, u32_at(bytes, 24)?)))
        }
        _ => None,
    }
}

fn allowed_ip(network: &[u8]) -> Option<IpNet> {
    let length = *find(network, write::ALLOWED_LENGTH)?.first()?;
    IpNet::new(find(network, write::ALLOWED_ADDRESS).and_then(address)?, length).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use netlink_bindings::wireguard::{KernelTimespec, OpGetDeviceDump};
    use proptest::prelude::{any, prop, proptest};

    use super::tunnel;
    use crate::domain::key::PresharedKey;

    /// The attributes of a tunnel as `netlink-bindings` writes them, without `struct genlmsghdr`.
    macro_rules! answer {
        ($($push:tt)*) => {{
            let mut bytes = Vec::new();
            OpGetDeviceDump::encode_request(&mut bytes)$($push)*;
            bytes.split_off(4)
        }};
    }

    #[test]
    fn a_peer_that_goes_on_in_the_next_message_is_one_peer() {
        let when = KernelTimespec { sec: 1_700_000_000, nsec: 5 };
        let first = answer! {
            .push_ifname(c"cvpn0").push_public_key(&[8; 32]).push_listen_port(51_820).push_fwmark(3)
            .array_peers().entry_nested()
            .push_public_key(&[1; 32]).push_preshared_key(&[2; 32])
            .push_endpoint("[2001:db8::1]:443".parse().unwrap()).push_persistent_keepalive_interval(25)
            .push_last_handshake_time(when).push_rx_bytes(10).push_tx_bytes(20)
            .array_allowedips().entry_nested()
            .push_family(2).push_ipaddr("10.8.0.2".parse().unwrap()).push_cidr_mask(32)
            .end_nested().end_array().end_nested().end_array()
        };
        let second = answer! {
            .push_ifname(c"cvpn0").array_peers().entry_nested()
            .push_public_key(&[1; 32]).array_allowedips().entry_nested()
            .push_family(10).push_ipaddr("fd00::2".parse().unwrap()).push_cidr_mask(128)
            .end_nested().end_array().end_nested()
            .entry_nested().push_public_key(&[7; 32]).push_preshared_key(&[0; 32])
            .push_endpoint("192.0.2.1:9".parse().unwrap()).push_last_handshake_time(KernelTimespec::new())
            .end_nested().end_array()
        };

        let found = tunnel([first.as_slice(), &second].into_iter());

        assert_eq!((found.listen_port, found.firewall_mark, found.peers.len()), (51_820, 3, 2));
        assert_eq!(found.public_key.unwrap().as_bytes(), &[8; 32]);
        let [one, two] = found.peers.as_slice() else { panic!("two peers") };
        assert_eq!(one.preshared_key, Some(PresharedKey::new([2; 32])));
        assert_eq!(one.endpoint, Some("[2001:db8::1]:443".parse().unwrap()));
        assert_eq!(one.last_handshake, Some(Duration::new(1_700_000_000, 5)));
        assert_eq!((one.keepalive_s, one.rx_bytes, one.tx_bytes), (25, 10, 20));
        assert_eq!(one.allowed_ips, ["10.8.0.2/32".parse().unwrap(), "fd00::2/128".parse().unwrap()]);
        assert_eq!((&two.preshared_key, two.last_handshake), (&None, None));
        assert_eq!(two.endpoint, Some("192.0.2.1:9".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn hostile_answers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0_u8..12) {
            let mut bytes = bytes;
            let length = u8::try_from(bytes.len().min(255)).unwrap();
            for (place, value) in bytes.iter_mut().zip([length, 0, 8, 0, length.saturating_sub(4), 0, 0, 0, 36, 0, kind]) {
                *place = value;
            }
            let _ = tunnel(std::iter::once(bytes.as_slice()));
        }
    }
}
