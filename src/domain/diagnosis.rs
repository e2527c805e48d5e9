//! Why a device cannot connect: what is known of it and of the way to it, one check after the other.
//!
//! Invariant: pure, and honest: what nobody looked at is unknown, never well.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::device::{Device, DeviceReason, DeviceState, is_online};
use crate::domain::network::Network;
use crate::domain::node::{Endpoint, Node, NodeState};
use crate::domain::time::Timestamp;
use crate::domain::usage::Traffic;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: CheckName,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was found, in a sentence.
    pub detail: String,
    /// What somebody can do, in a sentence; none where all is well.
    pub fix: Option<String>,
}

/// What is looked at, in the order in which it is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Whether the device may connect at all.
    State,
    /// Whether a node of its network reports.
    Node,
    /// Whether the node carries the interface and listens on its port.
    Interface,
    /// Where clients are told to send their packets.
    Endpoint,
    /// Whether the owner has the configuration that the network gives now.
    Configuration,
    /// Its addresses in the tunnel.
    Address,
    /// Whether it has shaken hands.
    Handshake,
    /// Whether packets come and go.
    Traffic,
    /// Whether the node forwards what comes out of the tunnel.
    Forwarding,
    /// Whether a firewall of another program drops that.
    Firewall,
    /// Bytes a packet may have.
    Mtu,
    /// Name servers that the client is told.
    Dns,
    /// The client's clock.
    Clock,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Nothing is in the way.
    Ok,
    /// It may be in the way.
    Warn,
    /// It is in the way.
    Fail,
    /// Nobody can tell from here.
    Unknown,
}

/// What is known of a device and the way to it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The device.
    pub device: Device,
    /// Whether it may connect, and why not.
    pub state: (DeviceState, Option<DeviceReason>),
    /// Its network.
    pub network: Network,
    /// The node that carries it, or would.
    pub node: Option<Node>,
    /// Where clients are told to send their packets.
    pub endpoint: Option<Endpoint>,
    /// When it last shook hands.
    pub last_handshake_at: Option<Timestamp>,
    /// Its bytes so far.
    pub traffic: Traffic,
    /// Whether the reader runs the service, and may know what is wrong with its machines.
    pub is_operator: bool,
}

/// Looks at everything, in the order in which it is in the way.
pub fn diagnose(known: &Known, now: Timestamp) -> Vec<Check> {
    let online = is_online(known.last_handshake_at, now);
    vec![
        state(known),
        node(known, now),
        interface(known, now),
        endpoint(known),
        configuration(known),
        address(known),
        handshake(known, online),
        traffic(known, online),
        forwarding(known),
        firewall(known),
        mtu(known),
        dns(known),
        clock(known, online),
    ]
}

fn ok(name: CheckName, detail: impl Into<String>) -> Check {
    Check { name, outcome: CheckOutcome::Ok, detail: detail.into(), fix: None }
}

fn bad(name: CheckName, outcome: CheckOutcome, detail: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { name, outcome, detail: detail.into(), fix: Some(fix.into()) }
}

fn state(known: &Known) -> Check {
    let (fail, name) = (CheckOutcome::Fail, CheckName::State);
    match known.state {
        (DeviceState::Active, _) => ok(name, "The device may connect."),
        (DeviceState::OnHold, _) => {
            ok(name, "The device may connect; its time begins with the first connection.")
        }
        (DeviceState::Limited, Some(DeviceReason::UserDataLimit)) => {
            bad(name, fail, "The account has used up its traffic.", "Raise the account's data limit.")
        }
        (DeviceState::Limited, _) => {
            bad(name, fail, "The device has used up its traffic.", "Raise the device's data limit.")
        }
        (DeviceState::Expired, Some(DeviceReason::UserExpired)) => {
            bad(name, fail, "The account's time is over.", "Extend the account's expiry.")
        }
        (DeviceState::Expired, _) => {
            bad(name, fail, "The device's time is over.", "Extend the device's expiry or duration.")
        }
        (DeviceState::Disabled, Some(DeviceReason::UserDisabled)) => {
            bad(name, fail, "The account is disabled.", "Enable the account.")
        }
        (DeviceState::Disabled, Some(DeviceReason::UserDeleted)) => {
            bad(name, fail, "The account was deleted.", "Restore the account.")
        }
        (DeviceState::Disabled, _) => bad(name, fail, "The device is disabled.", "Enable the device."),
    }
}

fn node(known: &Known, now: Timestamp) -> Check {
    let (fail, name) = (CheckOutcome::Fail, CheckName::Node);
    let Some(node) = &known.node else {
        return bad(name, fail, "No server carries this network.", "Put a node into the network.");
    };
    match node.state(now) {
        NodeState::Online | NodeState::Draining => ok(name, format!("The server {} reports.", node.name)),
        NodeState::Pending => bad(
            name,
            fail,
            format!("The server {} has never reported.", node.name),
            "Start the service with the role agent there.",
        ),
        NodeState::Offline => bad(
            name,
            fail,
            format!("The server {} has stopped reporting.", node.name),
            "See whether the service runs there, and read its log.",
        ),
    }
}

fn interface(known: &Known, now: Timestamp) -> Check {
    let (fail, name) = (CheckOutcome::Fail, CheckName::Interface);
    let Some(node) = reporting(known, now) else { return nobody_tells(name) };
    let is_elsewhere =
        |said: &&String| !node.health.forwarding.contains(said) && !node.health.firewall.contains(said);
    let said: Vec<_> = node.health.problems.iter().filter(is_elsewhere).map(String::as_str).collect();
    if node.health.backend == "off" {
        let detail = said_to(known, &said, "The server carries no tunnel.");
        return bad(
            name,
            fail,
            detail,
            "Give the service what it needs to carry a tunnel; `caspervpn doctor` says what.",
        );
    }
    if !said.is_empty() {
        let detail = said_to(known, &said, "The server's tunnel is not as it has to be.");
        return bad(name, fail, detail, "Do what the message says; the server tries again by itself.");
    }
    ok(name, "The server's interface is up and listens on its UDP port.")
}

fn endpoint(known: &Known) -> Check {
    let (fail, name) = (CheckOutcome::Fail, CheckName::Endpoint);
    let Some(endpoint) = &known.endpoint else {
        return bad(name, fail, "No public endpoint is set.", "Set the public endpoint in the settings.");
    };
    let detail = format!("Clients send their packets to {endpoint} over UDP.");
    if endpoint.host.is_this_machine() {
        let fix = "Set the public endpoint to an address that clients reach.";
        return bad(name, CheckOutcome::Warn, format!("{detail} That leads every client to itself."), fix);
    }
    match endpoint.host.as_str().parse::<IpAddr>() {
        Ok(address) if is_private(address) => bad(
            name,
            CheckOutcome::Warn,
            format!("{detail} That address is reached from its own network only."),
            "Set the public endpoint to the address that the internet sees, and forward the UDP port to the server.",
        ),
        Ok(_) | Err(_) => Check {
            name,
            outcome: CheckOutcome::Unknown,
            detail: format!("{detail} Whether they arrive shows in the handshake."),
            fix: Some(format!(
                "If no handshake comes, let UDP port {} through every router and cloud firewall before the server.",
                endpoint.port
            )),
        },
    }
}

/// RFC 1918, RFC 6598, RFC 3927, RFC 4193 and RFC 4291 §2.5.6.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || address.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

fn configuration(known: &Known) -> Check {
    let name = CheckName::Configuration;
    if known.device.exported_config_revision.is_none() {
        let fix = "Show the configuration or its code, and import it on the device.";
        return bad(name, CheckOutcome::Warn, "No configuration was handed out yet.", fix);
    }
    if known.device.is_outdated(known.network.config_revision) {
        let detail = "The network has changed since the configuration was handed out.";
        return bad(
            name,
            CheckOutcome::Warn,
            detail,
            "Hand the configuration out again and import it on the device.",
        );
    }
    ok(name, "The configuration that was handed out is what the network gives now.")
}

fn address(known: &Known) -> Check {
    let addresses: Vec<_> = known.device.addresses().map(|address| address.to_string()).collect();
    let detail = format!(
        "The server takes packets from {} alone; a configuration with another address connects and carries nothing.",
        addresses.join(" and ")
    );
    ok(CheckName::Address, detail)
}

fn handshake(known: &Known, online: bool) -> Check {
    let name = CheckName::Handshake;
    match known.last_handshake_at {
        Some(at) if online => ok(name, format!("The last handshake was at {at}.")),
        Some(at) => bad(
            name,
            CheckOutcome::Warn,
            format!("The device was last there at {at}."),
            "Turn the tunnel off and on again on the device; if nothing comes, look at its network and the endpoint.",
        ),
        None => bad(
            name,
            CheckOutcome::Fail,
            "No handshake of this device has ever come.",
            "See that the device has this configuration with the same keys, and that its network lets UDP out.",
        ),
    }
}

fn traffic(known: &Known, online: bool) -> Check {
    let name = CheckName::Traffic;
    let Traffic { rx_bytes, tx_bytes } = known.traffic;
    let detail = format!("So far {rx_bytes} bytes came from the device and {tx_bytes} bytes went to it.");
    // A handshake alone is 148 bytes there and 92 back (WireGuard paper, §5.4).
    if online && rx_bytes < HANDSHAKES_ALONE {
        let fix =
            "See that the tunnel is the device's way out: its routes, and another VPN or firewall beside it.";
        return bad(name, CheckOutcome::Warn, format!("{detail} That is little more than handshakes."), fix);
    }
    if online && tx_bytes < HANDSHAKES_ALONE {
        let fix = "See to forwarding and firewalls of the server below.";
        return bad(
            name,
            CheckOutcome::Warn,
            format!("{detail} Nothing comes back from beyond the server."),
            fix,
        );
    }
    ok(name, detail)
}

const HANDSHAKES_ALONE: u64 = 2048;

fn forwarding(known: &Known) -> Check {
    let name = CheckName::Forwarding;
    match known.node.as_ref().filter(|node| node.last_seen_at.is_some()) {
        None => nobody_tells(name),
        Some(node) if node.health.forwarding.is_empty() => {
            ok(name, "The server forwards packets and translates addresses.")
        }
        Some(node) => {
            let said: Vec<_> = node.health.forwarding.iter().map(String::as_str).collect();
            let detail = said_to(known, &said, "The server does not forward packets.");
            let fix = "Turn forwarding on: `sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`.";
            bad(name, CheckOutcome::Fail, detail, fix)
        }
    }
}

fn firewall(known: &Known) -> Check {
    let name = CheckName::Firewall;
    match known.node.as_ref().filter(|node| node.last_seen_at.is_some()) {
        None => nobody_tells(name),
        Some(node) if node.health.firewall.is_empty() => {
            ok(name, "No firewall of another program on the server drops forwarded packets.")
        }
        Some(node) => {
            let said: Vec<_> = node.health.firewall.iter().map(String::as_str).collect();
            let detail = said_to(known, &said, "A firewall on the server drops forwarded packets.");
            bad(
                name,
                CheckOutcome::Fail,
                detail,
                "Let packets of the interfaces cvpn* pass in that firewall.",
            )
        }
    }
}

fn mtu(known: &Known) -> Check {
    let name = CheckName::Mtu;
    let mtu = known.network.client.mtu.bytes();
    // 1500 bytes of an Ethernet line less 80 of WireGuard over IPv6.
    if mtu > 1420 {
        let detail = format!("Packets in the tunnel may have {mtu} bytes, more than most lines carry.");
        return bad(
            name,
            CheckOutcome::Warn,
            detail,
            "Set the network's MTU to 1420, or to 1280 for bad lines.",
        );
    }
    ok(name, format!("Packets in the tunnel may have {mtu} bytes; if large pages hang, try 1280."))
}

fn dns(known: &Known) -> Check {
    let servers: Vec<_> = known.network.client.dns.iter().map(ToString::to_string).collect();
    let detail =
        format!("The device asks {} for names. Whether they answer was not tried.", servers.join(" and "));
    let fix = "If addresses work and names do not, choose other DNS servers in the network.";
    bad(CheckName::Dns, CheckOutcome::Unknown, detail, fix)
}

fn clock(known: &Known, online: bool) -> Check {
    let name = CheckName::Clock;
    if online {
        return ok(name, "The device's clock does not go back: its handshakes are taken.");
    }
    // WireGuard takes no handshake whose TAI64N time is not after the last one's (paper, §5.1).
    let detail = match known.last_handshake_at {
        Some(_) => "A handshake is taken only if the device's clock stands later than at the last one.",
        None => "There was no handshake yet, so its clock cannot be in the way.",
    };
    if known.last_handshake_at.is_none() {
        return ok(name, detail);
    }
    let fix = "Set the device's clock right; after it was set back far, give the device new keys.";
    Check { name, outcome: CheckOutcome::Unknown, detail: detail.to_owned(), fix: Some(fix.to_owned()) }
}

fn reporting(known: &Known, now: Timestamp) -> Option<&Node> {
    known.node.as_ref().filter(|node| matches!(node.state(now), NodeState::Online | NodeState::Draining))
}

fn nobody_tells(name: CheckName) -> Check {
    let detail = "The server does not report, so nobody can tell.";
    bad(name, CheckOutcome::Unknown, detail, "Bring the server back first.")
}

/// What a server says of itself is for those who run it.
fn said_to(known: &Known, said: &[&str], otherwise: &str) -> String {
    if known.is_operator && !said.is_empty() { said.join("; ") } else { otherwise.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Check, CheckName, CheckOutcome, Known, diagnose};
    use crate::domain::device::{DeviceReason, DeviceState, tests::device};
    use crate::domain::id::NodeId;
    use crate::domain::network::{ClientSettings, Mtu, Network, Pools};
    use crate::domain::node::{Endpoint, Node, NodeHealth, Port};
    use crate::domain::pool::Pool;
    use crate::domain::time::Timestamp;
    use crate::domain::usage::{Rate, Traffic};
    use std::time::Duration;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn well() -> Known {
        let mut device = device();
        device.exported_config_revision = Some(1);
        let node = Node {
            id: NodeId::new(Uuid::from_u128(5)),
            name: "fra-1".parse().unwrap(),
            location: "".parse().unwrap(),
            capacity: None,
            draining: false,
            local: true,
            last_seen_at: Some(NOW),
            applied_sequence: 1,
            health: NodeHealth { backend: "kernel".to_owned(), ..NodeHealth::default() },
            rate: Rate::default(),
            revision: 1,
            created_at: NOW,
            updated_at: NOW,
            deleted_at: None,
        };
        let network = Network {
            id: device.network,
            name: "office".parse().unwrap(),
            pools: Pools::new(Some(Pool::parse("10.86.0.0/16".parse().unwrap()).unwrap()), None).unwrap(),
            client: ClientSettings {
                dns: vec!["9.9.9.9".parse().unwrap()],
                mtu: Mtu::DEFAULT,
                keepalive_s: 25,
                routes: vec!["0.0.0.0/0".parse().unwrap()],
            },
            isolated: true,
            config_revision: 1,
            revision: 1,
            created_at: NOW,
            updated_at: NOW,
            deleted_at: None,
        };
        Known {
            state: (DeviceState::Active, None),
            device,
            network,
            node: Some(node),
            endpoint: Some(Endpoint { host: "vpn.example.org".parse().unwrap(), port: Port::WIREGUARD }),
            last_handshake_at: Some(NOW),
            traffic: Traffic { rx_bytes: 1_000_000, tx_bytes: 9_000_000 },
            is_operator: true,
        }
    }

    fn check(known: &Known, name: CheckName) -> Check {
        diagnose(known, NOW).into_iter().find(|check| check.name == name).unwrap()
    }

    #[test]
    fn a_device_that_works_has_nothing_in_its_way() {
        for check in diagnose(&well(), NOW) {
            assert!(matches!(check.outcome, CheckOutcome::Ok | CheckOutcome::Unknown), "{check:?}");
        }
    }

    #[test]
    fn whatever_is_not_well_says_what_to_do() {
        let mut known = well();
        known.state = (DeviceState::Limited, Some(DeviceReason::UserDataLimit));
        known.endpoint = None;
        known.last_handshake_at = None;
        known.device.exported_config_revision = None;
        known.node = None;

        for check in diagnose(&known, NOW) {
            assert_eq!(check.outcome == CheckOutcome::Ok, check.fix.is_none(), "{check:?}");
        }
        assert!(check(&known, CheckName::State).fix.unwrap().contains("account"));
        assert_eq!(check(&known, CheckName::Node).outcome, CheckOutcome::Fail);
        assert_eq!(check(&known, CheckName::Handshake).outcome, CheckOutcome::Fail);
    }

    #[test]
    fn what_is_wrong_with_a_server_is_told_in_full_to_operators_alone() {
        let mut known = well();
        let health = &mut known.node.as_mut().unwrap().health;
        health.firewall = vec!["chain \"inet filter forward\"".to_owned()];
        health.problems = health.firewall.clone();
        let operator = check(&known, CheckName::Firewall);
        known.is_operator = false;
        let member = check(&known, CheckName::Firewall);

        assert_eq!((operator.outcome, member.outcome), (CheckOutcome::Fail, CheckOutcome::Fail));
        assert!(operator.detail.contains("inet filter") && !member.detail.contains("inet"));
        assert_eq!(check(&known, CheckName::Interface).outcome, CheckOutcome::Ok, "that is another matter");
    }

    #[test]
    fn a_node_that_is_silent_leaves_unknown_what_it_would_tell() {
        let mut known = well();
        known.node.as_mut().unwrap().last_seen_at = Some(NOW.before(Duration::from_secs(60)));

        assert_eq!(check(&known, CheckName::Node).outcome, CheckOutcome::Fail);
        assert_eq!(check(&known, CheckName::Interface).outcome, CheckOutcome::Unknown);
    }

    #[test]
    fn a_device_that_shakes_hands_and_gets_nothing_back_points_at_the_server() {
        let mut known = well();
        known.traffic.tx_bytes = 300;

        let found = check(&known, CheckName::Traffic);

        assert_eq!(found.outcome, CheckOutcome::Warn);
        assert!(found.fix.unwrap().contains("forwarding"));
    }

    #[test]
    fn an_endpoint_that_only_its_own_network_reaches_is_doubted() {
        let mut known = well();
        for host in ["192.168.1.7", "100.64.0.1", "fd00::1", "127.0.0.1"] {
            known.endpoint.as_mut().unwrap().host = host.parse().unwrap();

            assert_eq!(check(&known, CheckName::Endpoint).outcome, CheckOutcome::Warn, "{host}");
        }
    }
}
