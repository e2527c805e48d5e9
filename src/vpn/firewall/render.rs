//! Turns the firewall of the domain into an nftables table.
//!
//! Invariant: pure. The same firewall gives the same table; [`super::read`] is its reverse.
//!
//! The number of rules does not grow with the devices: those are members of sets, with the name of their
//! interface in the key. Checks of the device sets come before "established", so that the flows of a device
//! that is taken out end with it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::domain::firewall::Firewall;
use crate::domain::node::InterfaceName;
use crate::vpn::firewall::{FAMILY, TABLE};
use crate::vpn::netlink::nft::expr::{Base, Compare, Expr, Meta, Register, Verdict};
use crate::vpn::netlink::nft::set::{KeyPart, Set};
use crate::vpn::netlink::nft::table::{Chain, Hook, Place, Policy, Rule, Table};

/// Names carry a prefix: `nft` cannot print and load back names such as `fwd`.
pub(super) const TUNNELS: &str = "cvpn_tunnels";
pub(super) const OPEN: &str = "cvpn_open";
pub(super) const DEVICES_V4: &str = "cvpn_devices4";
pub(super) const DEVICES_V6: &str = "cvpn_devices6";
pub(super) const NAT: &str = "cvpn_nat";
const FORWARD: &str = "cvpn_forward";
const FROM_TUNNEL: &str = "cvpn_from_tunnel";
const TO_TUNNEL: &str = "cvpn_to_tunnel";

/// `NF_IP_PRI_FILTER`: with everybody's filters.
const PRIORITY_FILTER: i32 = 0;
/// `NF_IP_PRI_NAT_SRC`: the place of source NAT.
const PRIORITY_SOURCE_NAT: i32 = 100;

/// Bytes of an interface name in a key (`IFNAMSIZ`).
pub(super) const NAME_BYTES: usize = 16;

/// `NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED)`, in the machine's order.
const ESTABLISHED_OR_RELATED: u32 = 0x2 | 0x4;

/// The header's transport protocol number of TCP, its place of the flags, and the flag SYN.
const TCP: u8 = 6;
const TCP_FLAGS_OFFSET: u32 = 13;
const TCP_SYN: u8 = 0x02;

/// IPv4 or IPv6: where the addresses stand in the header.
#[derive(Clone, Copy)]
pub(super) struct Ip {
    /// As the kernel calls the protocol of a packet (`NFPROTO_IPV4`, `NFPROTO_IPV6`).
    pub(super) number: u8,
    address_bytes: u32,
    source_offset: u32,
    destination_offset: u32,
    devices: &'static str,
}

pub(super) const V4: Ip =
    Ip { number: 2, address_bytes: 4, source_offset: 12, destination_offset: 16, devices: DEVICES_V4 };
const V6: Ip =
    Ip { number: 10, address_bytes: 16, source_offset: 8, destination_offset: 24, devices: DEVICES_V6 };

/// RFC 3927.
const LINK_LOCAL_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);
/// RFC 4291 §2.4.
const LINK_LOCAL_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// The table that does what the firewall says. Pools are taken with their host bits cleared.
pub fn render(firewall: &Firewall) -> Table {
    let chains = BTreeMap::from([
        (
            FORWARD.to_owned(),
            Chain { hook: Some(hook("filter", Place::Forward, PRIORITY_FILTER)), rules: forward() },
        ),
        (FROM_TUNNEL.to_owned(), Chain { hook: None, rules: from_tunnel() }),
        (TO_TUNNEL.to_owned(), Chain { hook: None, rules: to_tunnel() }),
        (
            NAT.to_owned(),
            Chain { hook: Some(hook("nat", Place::Postrouting, PRIORITY_SOURCE_NAT)), rules: nat(firewall) },
        ),
    ]);
    Table { family: FAMILY, name: TABLE.to_owned(), chains, sets: sets(firewall) }
}

fn hook(kind: &str, place: Place, priority: i32) -> Hook {
    // What does not concern a tunnel passes: this table has no say in it.
    Hook { kind: kind.to_owned(), place, priority, policy: Policy::Accept }
}

fn sets(firewall: &Firewall) -> BTreeMap<String, Set> {
    let mut tunnels = Set::plain(&[KeyPart::LinkName]);
    let mut open = Set::plain(&[KeyPart::LinkName, KeyPart::LinkName]);
    let mut devices_v4 = Set::plain(&[KeyPart::LinkName, KeyPart::V4]);
    let mut devices_v6 = Set::plain(&[KeyPart::LinkName, KeyPart::V6]);
    for (interface, rules) in &firewall.interfaces {
        let name = name_key(interface);
        tunnels.insert(name.to_vec());
        if !rules.isolated {
            open.insert([name, name].concat());
        }
        for device in &rules.devices {
            match device {
                IpAddr::V4(v4) => devices_v4.insert([&name[..], &v4.octets()].concat()),
                IpAddr::V6(v6) => devices_v6.insert([&name[..], &v6.octets()].concat()),
            }
        }
    }
    [(TUNNELS, tunnels), (OPEN, open), (DEVICES_V4, devices_v4), (DEVICES_V6, devices_v6)]
        .map(|(name, set)| (name.to_owned(), set))
        .into()
}

/// The name as the kernel compares it: padded with zeros. (An interface name has at most 15 bytes.)
fn name_key(interface: &InterfaceName) -> [u8; NAME_BYTES] {
    let mut key = [0; NAME_BYTES];
    for (place, byte) in key.iter_mut().zip(interface.as_str().bytes()) {
        *place = byte;
    }
    key
}

fn forward() -> Vec<Rule> {
    vec![
        rule([is_tunnel(Meta::InName), vec![jump(FROM_TUNNEL)]]),
        rule([is_tunnel(Meta::OutName), vec![jump(TO_TUNNEL)]]),
    ]
}

fn from_tunnel() -> Vec<Rule> {
    vec![
        // Only an active device may send, and only with an address of its own interface.
        rule([no_device(V4, Meta::InName, V4.source_offset), dropped()]),
        rule([no_device(V6, Meta::InName, V6.source_offset), dropped()]),
        // The link behind the node is the host's own. Clouds hand a host its credentials at 169.254.169.254, and
        // masqueraded, a device would be taken for the host.
        rule([goes_to(IpNet::V4(LINK_LOCAL_V4)), dropped()]),
        rule([goes_to(IpNet::V6(LINK_LOCAL_V6)), dropped()]),
        clamp_segments(),
    ]
}

fn to_tunnel() -> Vec<Rule> {
    let states = ESTABLISHED_OR_RELATED.to_ne_bytes().to_vec();
    vec![
        rule([no_device(V4, Meta::OutName, V4.destination_offset), dropped()]),
        rule([no_device(V6, Meta::OutName, V6.destination_offset), dropped()]),
        clamp_segments(),
        // From device to device of one interface, where its network allows that, and nothing else from tunnel
        // to tunnel: two networks of a node are strangers.
        rule([link_pair_is_open(), vec![Expr::Verdict(Verdict::Accept)]]),
        rule([is_tunnel(Meta::InName), dropped()]),
        rule([vec![
            Expr::ConnectionState(Register::One),
            Expr::Mask(Register::One, states),
            Expr::Compare(Register::One, Compare::Differs, vec![0; 4]),
            Expr::Verdict(Verdict::Accept),
        ]]),
        // Nobody outside opens a connection to a device.
        rule([dropped()]),
    ]
}

fn nat(firewall: &Firewall) -> Vec<Rule> {
    let mut rules = vec![rule([is_tunnel(Meta::OutName), vec![Expr::Verdict(Verdict::Return)]])];
    for (interface, of_interface) in &firewall.interfaces {
        for pool in &of_interface.pools {
            let mut masquerade = rule([comes_from(*pool), vec![Expr::Counter, Expr::Masquerade]]);
            // Tells an operator, and [`super::read`], whose pool it is.
            masquerade.comment = Some(interface.as_str().to_owned());
            rules.push(masquerade);
        }
    }
    rules
}

fn rule<const N: usize>(parts: [Vec<Expr>; N]) -> Rule {
    Rule { comment: None, steps: parts.concat() }
}

fn jump(chain: &str) -> Expr {
    Expr::Verdict(Verdict::Jump(chain.to_owned()))
}

fn dropped() -> Vec<Expr> {
    vec![Expr::Counter, Expr::Verdict(Verdict::Drop)]
}

fn lookup(set: &str, inverted: bool) -> Expr {
    Expr::Lookup { set: set.to_owned(), register: Register::One, inverted }
}

fn is_tunnel(name: Meta) -> Vec<Expr> {
    vec![Expr::Meta(name, Register::One), lookup(TUNNELS, false)]
}

fn link_pair_is_open() -> Vec<Expr> {
    vec![
        Expr::Meta(Meta::InName, Register::One),
        Expr::Meta(Meta::OutName, Register::Two),
        lookup(OPEN, false),
    ]
}

/// The header has to be known to be of the version before an address is taken from it.
fn version_is(ip: Ip) -> Vec<Expr> {
    vec![
        Expr::Meta(Meta::NetworkProtocol, Register::One),
        Expr::Compare(Register::One, Compare::Equal, vec![ip.number]),
    ]
}

fn address(ip: Ip, offset: u32, register: Register) -> Expr {
    Expr::Payload { base: Base::Network, offset, length: ip.address_bytes, register }
}

/// Holds for packets whose interface and address are not those of a device.
fn no_device(ip: Ip, name: Meta, offset: u32) -> Vec<Expr> {
    let mut steps = version_is(ip);
    steps.extend([
        Expr::Meta(name, Register::One),
        address(ip, offset, Register::Two),
        lookup(ip.devices, true),
    ]);
    steps
}

/// Holds for packets from the pool.
fn comes_from(pool: IpNet) -> Vec<Expr> {
    is_within(pool, |ip| ip.source_offset)
}

/// Holds for packets to the network.
fn goes_to(network: IpNet) -> Vec<Expr> {
    is_within(network, |ip| ip.destination_offset)
}

/// Holds for packets whose address at this place is of the network. Like `nft`, it compares whole bytes where the
/// prefix ends with one, so that a table that was saved and loaded by `nft` is still the same.
fn is_within(network: IpNet, offset: fn(Ip) -> u32) -> Vec<Expr> {
    let length = u32::from(network.prefix_len());
    let (ip, mut network, mask) = match network {
        IpNet::V4(v4) => (V4, v4.network().octets().to_vec(), v4.netmask().octets().to_vec()),
        IpNet::V6(v6) => (V6, v6.network().octets().to_vec(), v6.netmask().octets().to_vec()),
    };
    let mut steps = version_is(ip);
    let bytes = length / 8;
    if bytes > 0 && length.is_multiple_of(8) {
        network.truncate(bytes as usize);
        let ip = Ip { address_bytes: bytes, ..ip };
        steps.push(address(ip, offset(ip), Register::One));
    } else {
        steps.extend([address(ip, offset(ip), Register::One), Expr::Mask(Register::One, mask)]);
    }
    steps.push(Expr::Compare(Register::One, Compare::Equal, network));
    steps
}

/// Lowers the segment size of new TCP connections to what the path carries. Without it, connections through
/// a path that loses "packet too big" messages stall (RFC 4459 §3.2).
fn clamp_segments() -> Rule {
    rule([vec![
        Expr::Meta(Meta::TransportProtocol, Register::One),
        Expr::Compare(Register::One, Compare::Equal, vec![TCP]),
        Expr::Payload { base: Base::Transport, offset: TCP_FLAGS_OFFSET, length: 1, register: Register::One },
        Expr::Mask(Register::One, vec![TCP_SYN]),
        Expr::Compare(Register::One, Compare::Differs, vec![0]),
        Expr::RouteSegmentSize(Register::One),
        Expr::ToNetworkOrder(Register::One),
        Expr::SetSegmentSize(Register::One),
    ]])
}
