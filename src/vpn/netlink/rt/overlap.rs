//! What the host already uses: the networks that a VPN's pool must not overlap.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv6Net};

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::rt::Rtnetlink;

/// IPv6 gives every link these addresses (RFC 4291 §2.5.6); they say nothing about use.
const LINK_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// A network that the host has on a link or routes somewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostNetwork {
    /// The network, host bits cleared.
    pub network: IpNet,
    /// The link that has it; `None` for a route that leads to no link (blackhole).
    pub link: Option<String>,
}

impl Rtnetlink {
    /// The networks of all links but `own`, from addresses and from routes, default routes and IPv6 link-local
    /// left out.
    pub fn list_host_networks(&mut self, own: &[&str]) -> Result<Vec<HostNetwork>, NetlinkError> {
        let names: BTreeMap<u32, String> =
            self.list_links()?.into_iter().map(|link| (link.index, link.name)).collect();
        let addresses = self.list_addresses()?.into_iter().map(|a| (a.network.trunc(), Some(a.link)));
        let routes = self.list_routes()?.into_iter().map(|r| (r.destination.trunc(), r.link));
        let found: BTreeSet<HostNetwork> = addresses
            .chain(routes)
            .filter(|(network, _)| network.prefix_len() > 0 && !is_link_local(*network))
            .map(|(network, link)| HostNetwork { network, link: link.and_then(|l| names.get(&l).cloned()) })
            .filter(|found| !found.link.as_deref().is_some_and(|name| own.contains(&name)))
            .collect();
        Ok(found.into_iter().collect())
    }
}

fn is_link_local(network: IpNet) -> bool {
    match network {
        IpNet::V4(_) => false,
        IpNet::V6(v6) => LINK_LOCAL.contains(&v6),
    }
}
