//! Nodes: the servers that carry tunnels, and their interfaces in networks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::handshake::Handshakes;
use crate::domain::id::{NetworkId, NodeId, NodeNetworkId};
use crate::domain::key::PublicKey;
use crate::domain::name::{Host, Location, NodeName};
use crate::domain::text::serde_text;
use crate::domain::time::Timestamp;
use crate::domain::usage::Rate;

/// Longest silence of a node before it counts as offline: three reports of 15 s missed.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(45);

/// A node's row, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Names the node.
    pub id: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Where it stands.
    pub location: Location,
    /// Devices it should carry at most.
    pub capacity: Option<u32>,
    /// Whether an operator is moving devices away from it.
    pub draining: bool,
    /// Whether this is the node inside the appliance itself.
    pub local: bool,
    /// When its last report came.
    pub last_seen_at: Option<Timestamp>,
    /// The change sequence it has applied.
    pub applied_sequence: i64,
    /// What it said of itself in the last report.
    pub health: NodeHealth,
    /// What passed between its last two reports.
    pub rate: Rate,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, until a purge.
    pub deleted_at: Option<Timestamp>,
}

/// A node about to be made.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// Names the node.
    pub id: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Where it stands.
    pub location: Location,
    /// Devices it should carry at most.
    pub capacity: Option<u32>,
    /// Whether this is the node inside the appliance itself.
    pub local: bool,
}

/// What the operator sees of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It has never reported.
    Pending,
    /// It reports.
    Online,
    /// It reports, and takes no new devices.
    Draining,
    /// It has fallen silent.
    Offline,
}

impl Node {
    /// The state that follows from the facts.
    pub fn state(&self, now: Timestamp) -> NodeState {
        match self.last_seen_at {
            None => NodeState::Pending,
            Some(seen) if now.since(seen) > OFFLINE_AFTER => NodeState::Offline,
            Some(_) if self.draining => NodeState::Draining,
            Some(_) => NodeState::Online,
        }
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeHealth {
    /// What carries the tunnel: `kernel`, `userspace`, `off`.
    pub backend: String,
    /// What is wrong, each with what to do about it. Empty when all is well.
    pub problems: Vec<String>,
    /// Those among them that keep packets from being forwarded at all.
    pub forwarding: Vec<String>,
    /// Those among them that are about firewalls of other programs.
    pub firewall: Vec<String>,
    /// What each interface hears of handshakes; nothing of those whose carrier does not tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub handshakes: BTreeMap<InterfaceName, Handshakes>,
    /// The host's own addresses, as far as others could reach them: none of loopback, links alone or the tunnels.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<IpAddr>,
}

/// A node's interface in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeNetwork {
    /// Names the pair.
    pub id: NodeNetworkId,
    /// The node.
    pub node: NodeId,
    /// The network.
    pub network: NetworkId,
    /// The interface on the node.
    pub interface: InterfaceName,
    /// What clients know the node by.
    pub public_key: PublicKey,
    /// The UDP port the node listens on.
    pub listen_port: Port,
    /// The host that clients are told, where it differs from the settings' endpoint.
    pub endpoint_host: Option<Host>,
    /// The port that clients are told, where it differs from the listening one (behind a NAT).
    pub endpoint_port: Option<Port>,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where clients send their packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address.
    pub host: Host,
    /// UDP port.
    pub port: Port,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.bracketed(), self.port)
    }
}

/// A UDP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Port(u16);

/// Zero where a port is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a port is a number from 1 to 65535")]
pub struct PortError;

impl Port {
    /// What WireGuard is known for.
    pub const WIREGUARD: Self = Self(51820);

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Port {
    type Error = PortError;

    fn try_from(port: u16) -> Result<Self, PortError> {
        if port == 0 { Err(PortError) } else { Ok(Self(port)) }
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.0
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a network interface: 1 to 15 of `a-z 0-9 _ -` (IFNAMSIZ of linux/if.h is 16 with the end).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

/// A text that cannot name an interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an interface name has 1 to 15 of the letters a-z, digits, _ and -, and starts with a letter")]
pub struct InterfaceNameError;

impl InterfaceName {
    /// What the appliance's own interfaces begin with, so that it never touches another's.
    pub const PREFIX: &str = "cvpn";

    /// The interface of the `n`th network of a node.
    pub fn numbered(n: u16) -> Self {
        Self(format!("{}{n}", Self::PREFIX))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = InterfaceNameError;

    fn from_str(text: &str) -> Result<Self, InterfaceNameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let ok = (1..=15).contains(&text.len())
            && text.bytes().all(allowed)
            && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if ok { Ok(Self(text.to_owned())) } else { Err(InterfaceNameError) }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(InterfaceName);

#[cfg(test)]
mod tests {
    use super::{Endpoint, InterfaceName, Port};

    #[test]
    fn an_ipv6_endpoint_is_written_in_brackets() {
        let endpoint = Endpoint { host: "2001:db8::1".parse().unwrap(), port: Port::WIREGUARD };

        assert_eq!(endpoint.to_string(), "[2001:db8::1]:51820");
    }

    #[test]
    fn an_interface_name_fits_the_kernel() {
        assert!("cvpn0".parse::<InterfaceName>().is_ok());
        assert!("sixteen-letters0".parse::<InterfaceName>().is_err());
        assert!("../wg".parse::<InterfaceName>().is_err());
    }
}
