//! The checks of the server and of the way to it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::domain::diagnosis::{Check, CheckCode, Known, NameServer, Resolved, found};
use crate::domain::node::{Endpoint, Node, NodeState};
use crate::domain::outgoing::not_public;
use crate::domain::time::Timestamp;

pub(super) fn node(known: &Known, now: Timestamp) -> Check {
    let Some(node) = &known.node else { return found(CheckCode::NodeMissing) };
    let check = match (node.state(now), node.last_seen_at) {
        (NodeState::Online | NodeState::Draining, _) => found(CheckCode::NodeReports),
        (NodeState::Offline, Some(at)) => found(CheckCode::NodeSilent).with("seen_at", at),
        (NodeState::Offline | NodeState::Pending, _) => found(CheckCode::NodeNeverReported),
    };
    check.with("node", &node.name)
}

pub(super) fn interface(known: &Known, now: Timestamp) -> Check {
    let Some(node) = known.reporting(now) else { return found(CheckCode::InterfaceUnknown) };
    let is_elsewhere =
        |said: &&String| !node.health.forwarding.contains(said) && !node.health.firewall.contains(said);
    let said: Vec<_> = node.health.problems.iter().filter(is_elsewhere).map(String::as_str).collect();
    if node.health.backend == "off" {
        return found(CheckCode::TunnelOff).said(known, &said);
    }
    if !said.is_empty() {
        return found(CheckCode::TunnelUnwell).said(known, &said);
    }
    found(CheckCode::InterfaceUp)
}

pub(super) fn endpoint(known: &Known) -> Check {
    let Some(endpoint) = &known.endpoint else { return found(CheckCode::EndpointMissing) };
    leads(known, endpoint).with("endpoint", endpoint).with("port", endpoint.port)
}

fn leads(known: &Known, endpoint: &Endpoint) -> Check {
    if endpoint.host.is_this_machine() {
        return found(CheckCode::EndpointLoopback);
    }
    let addresses = match (&known.resolved, endpoint.host.as_str().parse()) {
        (Resolved::To(addresses), _) => addresses.clone(),
        (Resolved::Untried | Resolved::Nowhere(_), Ok(address)) => BTreeSet::from([address]),
        (Resolved::Untried, Err(_)) => return found(CheckCode::EndpointUntried),
        (Resolved::Nowhere(why), Err(_)) => {
            return found(CheckCode::EndpointUnresolved).because(known, why);
        }
    };
    if addresses.iter().all(IpAddr::is_loopback) {
        return found(CheckCode::EndpointLoopback);
    }
    if addresses.iter().all(|address| is_private(*address)) {
        let check = found(CheckCode::EndpointPrivate);
        // What names mean inside is told to those who run it.
        return if known.is_operator { check.with_all("addresses", &addresses) } else { check };
    }
    let own = known.node.as_ref().map(|node| &node.health.addresses);
    let is_own = own.is_some_and(|own| !own.is_disjoint(&addresses));
    let shown = addresses.iter().filter(|address| known.is_operator || !is_private(**address));
    if is_own {
        return found(CheckCode::EndpointOwn).with_all("addresses", shown);
    }
    let public: Vec<_> = own.into_iter().flatten().filter(|it| not_public(**it).is_none()).collect();
    // Whoever put something before the server may not want everybody to know what is behind it.
    if public.is_empty() || !known.is_operator {
        return found(CheckCode::EndpointNamed).with_all("addresses", shown);
    }
    found(CheckCode::EndpointElsewhere).with_all("addresses", shown).with_all("own", public)
}

/// Whether nobody but the machine's own network reaches an address: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 §2.5.6.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || address.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

pub(super) fn forwarding(known: &Known) -> Check {
    match heard_of(known) {
        None => found(CheckCode::ForwardingUnknown),
        Some(node) if node.health.forwarding.is_empty() => found(CheckCode::ForwardingOn),
        Some(node) => found(CheckCode::ForwardingOff).said(known, &texts(&node.health.forwarding)),
    }
}

pub(super) fn firewall(known: &Known) -> Check {
    match heard_of(known) {
        None => found(CheckCode::FirewallUnknown),
        Some(node) if node.health.firewall.is_empty() => found(CheckCode::FirewallOpen),
        Some(node) => found(CheckCode::FirewallDrops).said(known, &texts(&node.health.firewall)),
    }
}

pub(super) fn mtu(known: &Known) -> Check {
    let mtu = known.network.client.mtu.bytes();
    // 1500 bytes of an Ethernet line less 80 of WireGuard over IPv6.
    found(if mtu > 1420 { CheckCode::MtuLarge } else { CheckCode::MtuFits }).with("mtu", mtu)
}

pub(super) fn dns(known: &Known) -> Check {
    let check = match &known.name_servers {
        None => found(CheckCode::DnsUntried),
        Some(asked) => {
            let failing: Vec<_> = asked
                .iter()
                .filter_map(|(server, what)| match what {
                    NameServer::Answers => None,
                    NameServer::Fails(why) => Some((*server, why)),
                })
                .collect();
            if failing.is_empty() {
                found(CheckCode::DnsAnswers)
            } else {
                let whys: Vec<_> = failing.iter().map(|(server, why)| format!("{server}: {why}")).collect();
                found(CheckCode::DnsSilent)
                    .with_all("silent", failing.iter().map(|(server, _)| server))
                    .because(known, &whys.join("; "))
            }
        }
    };
    check.with_all("servers", &known.network.client.dns)
}

/// The node, if it has ever told anything.
fn heard_of(known: &Known) -> Option<&Node> {
    known.node.as_ref().filter(|node| node.last_seen_at.is_some())
}

fn texts(said: &[String]) -> Vec<&str> {
    said.iter().map(String::as_str).collect()
}
