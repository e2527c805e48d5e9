//! Routes of the main table, and a reading of those of every table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::attrs::{address, find, find_u32, octets, u32_at};
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::{Message, flag};
use crate::vpn::netlink::rt::{Rtnetlink, family};

const NEW_ROUTE: u16 = 24;
const DEL_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;

/// Bytes of `struct rtmsg`.
const HEADER_BYTES: usize = 12;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;

const TABLE_MAIN: u8 = 254;
const TABLE_LOCAL: u32 = 255;

/// Who made the route: somebody on purpose (`RTPROT_STATIC`).
const PROTOCOL_STATIC: u8 = 4;
/// Who made the route: a router advertisement (`RTPROT_RA`).
const PROTOCOL_RA: u8 = 9;

const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_NOWHERE: u8 = 255;

const TYPE_UNSPECIFIED: u8 = 0;
const TYPE_UNICAST: u8 = 1;
/// Blackhole, unreachable and prohibit hold a network as well as a plain route does.
const TYPES_OF_NETWORKS: [u8; 4] = [TYPE_UNICAST, 6, 7, 8];

/// The kernel's remark of one destination, not a route (`RTM_F_CLONED`).
const FLAG_CLONED: u32 = 0x200;

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where packets want to go.
    pub destination: IpNet,
    /// The next router; `None` when the destination is on the link itself.
    pub gateway: Option<IpAddr>,
    /// The link through which they leave; the first one of several.
    pub link: Option<u32>,
    /// The lowest of two equal routes wins.
    pub metric: u32,
    /// Whether a router advertisement made it.
    pub from_advertisement: bool,
}

impl Rtnetlink {
    /// Adds a route to the main table, or replaces the one to the same destination.
    pub fn add_route(
        &mut self,
        destination: IpNet,
        link: u32,
        gateway: Option<IpAddr>,
    ) -> Result<(), NetlinkError> {
        let operation = format!("add a route to {destination} through link {link}");
        self.socket.request(&operation, NEW_ROUTE, flag::CREATE | flag::REPLACE, |b| {
            add_body(b, destination, link, gateway);
        })?;
        Ok(())
    }

    /// Deletes the route to a destination through a link from the main table.
    pub fn delete_route(&mut self, destination: IpNet, link: u32) -> Result<(), NetlinkError> {
        let operation = format!("delete the route to {destination} through link {link}");
        self.socket.request(&operation, DEL_ROUTE, 0, |b| delete_body(b, destination, link))?;
        Ok(())
    }

    /// Every route of every table, without the `local` one (it repeats the host's own addresses).
    pub fn list_routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let answers = self.socket.dump("list the routes", GET_ROUTE, |b| {
            b.raw(&[0; HEADER_BYTES]);
        })?;
        Ok(answers.iter().filter_map(parse).collect())
    }
}

/// `struct rtmsg`: family, destination length, source length, type of service, table, protocol, scope, type,
/// flags.
fn header(b: &mut Buf, destination: IpNet, protocol: u8, scope: u8, kind: u8) {
    let destination = destination.trunc();
    b.raw(&[family(destination.addr()), destination.prefix_len(), 0, 0, TABLE_MAIN, protocol, scope, kind]);
    b.raw(&[0; 4]).attr(RTA_DST, &octets(destination.addr()));
}

pub(super) fn add_body(b: &mut Buf, destination: IpNet, link: u32, gateway: Option<IpAddr>) {
    let on_link = gateway.is_none() && matches!(destination, IpNet::V4(_));
    let scope = if on_link { SCOPE_LINK } else { SCOPE_UNIVERSE };
    header(b, destination, PROTOCOL_STATIC, scope, TYPE_UNICAST);
    if let Some(gateway) = gateway {
        b.attr(RTA_GATEWAY, &octets(gateway));
    }
    b.u32(RTA_OIF, link);
}

pub(super) fn delete_body(b: &mut Buf, destination: IpNet, link: u32) {
    // "Nowhere" matches a route of any scope, "unspecified" one of any type.
    header(b, destination, 0, SCOPE_NOWHERE, TYPE_UNSPECIFIED);
    b.u32(RTA_OIF, link);
}

fn parse(message: &Message) -> Option<Route> {
    let header = message.body.first_chunk::<HEADER_BYTES>()?;
    let &[route_family, length, _, _, table, protocol, _, kind, ..] = header;
    let attributes = message.attributes(HEADER_BYTES);
    let table = find_u32(attributes, RTA_TABLE).unwrap_or(u32::from(table));
    let cloned = u32_at(header, 8)? & FLAG_CLONED != 0;
    if message.kind != NEW_ROUTE || cloned || table == TABLE_LOCAL || !TYPES_OF_NETWORKS.contains(&kind) {
        return None;
    }
    let anywhere = match i32::from(route_family) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let to = find(attributes, RTA_DST).and_then(address).unwrap_or(anywhere);
    // A multipath attribute begins with `struct rtnexthop`, whose second word is the link.
    let first_hop = || find(attributes, RTA_MULTIPATH).and_then(|hops| u32_at(hops, 4));
    Some(Route {
        destination: IpNet::new(to, length).ok()?,
        gateway: find(attributes, RTA_GATEWAY).and_then(address),
        link: find_u32(attributes, RTA_OIF).or_else(first_hop),
        metric: find_u32(attributes, RTA_PRIORITY).unwrap_or(0),
        from_advertisement: protocol == PROTOCOL_RA,
    })
}
