//! What controller and node say to each other.
//!
//! The controller sends the desired state as a snapshot and then as deltas; the node sends reports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::domain::desired::{Desired, Peer};
use crate::domain::id::DeviceId;
use crate::domain::key::PublicKey;
use crate::domain::node::{InterfaceName, NodeHealth};
use crate::domain::time::Timestamp;
use crate::domain::usage::Reading;

/// A step of the desired state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Everything, in place of what was known.
    Snapshot(Snapshot),
    /// What changed since a sequence.
    Delta(Delta),
}

/// The desired state as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The state.
    pub desired: Desired,
    /// The newest life of a counter that the controller has heard of from this node, zero before the first. Lives
    /// that begin from now on are named above it, even where the node's clock went back while it was down.
    pub newest_epoch: i64,
}

/// Peers that changed between two sequences. Interfaces change by snapshot only: they are few and rare.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    /// The sequence it builds on.
    pub from: i64,
    /// The sequence it leads to.
    pub to: i64,
    /// Devices that are peers no more, or not as they were.
    pub removed: BTreeSet<DeviceId>,
    /// Devices that are peers now.
    pub set: BTreeMap<InterfaceName, BTreeMap<PublicKey, Peer>>,
}

/// A delta that does not follow what the node has; it must ask for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("delta from sequence {from} does not follow sequence {at}")]
pub struct Gap {
    /// The sequence the delta builds on.
    pub from: i64,
    /// The sequence the node has.
    pub at: i64,
}

impl Desired {
    /// Takes a delta in. A delta that touches devices which are already so changes nothing.
    pub fn advance(&mut self, delta: Delta) -> Result<(), Gap> {
        let known = |name: &InterfaceName| self.interfaces.contains_key(name);
        if delta.from != self.sequence || !delta.set.keys().all(known) {
            return Err(Gap { from: delta.from, at: self.sequence });
        }
        for interface in self.interfaces.values_mut() {
            // A device may have come back with another key: whatever is known of it goes first.
            interface.peers.retain(|_, peer| !delta.removed.contains(&peer.device));
        }
        for (name, peers) in delta.set {
            if let Some(interface) = self.interfaces.get_mut(&name) {
                interface.peers.extend(peers);
            }
        }
        self.sequence = delta.to;
        Ok(())
    }
}

/// What a node reports. Counters are cumulative, so a lost report loses nothing and a repeated one adds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The sequence of the desired state the node has applied.
    pub applied_sequence: i64,
    /// One entry for each device whose counters moved since the last acknowledged report.
    pub devices: Vec<DeviceReport>,
    /// What the node says of itself.
    pub health: NodeHealth,
}

/// One device in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceReport {
    /// The device.
    pub device: DeviceId,
    /// Its counters on this node.
    pub reading: Reading,
    /// When it last shook hands here.
    pub last_handshake: Option<Timestamp>,
    /// Where it was last heard from. Kept in memory alone, never logged.
    pub endpoint: Option<SocketAddr>,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use uuid::Uuid;

    use super::{Delta, Gap};
    use crate::domain::desired::{Desired, Interface, InterfaceSettings, Peer};
    use crate::domain::id::{DeviceId, NodeNetworkId};
    use crate::domain::key::{PrivateKey, PublicKey};
    use crate::domain::network::Mtu;
    use crate::domain::node::{InterfaceName, Port};

    fn peer(device: u128) -> Peer {
        let device = DeviceId::new(Uuid::from_u128(device));
        Peer { device, preshared_key: None, addresses: BTreeSet::new(), until: None }
    }

    fn desired() -> Desired {
        let settings = InterfaceSettings {
            node_network: NodeNetworkId::new(Uuid::nil()),
            private_key: PrivateKey::new([7; 32]),
            listen_port: Port::WIREGUARD,
            mtu: Mtu::DEFAULT,
            pools: BTreeSet::new(),
            addresses: BTreeSet::new(),
            isolated: true,
        };
        let peers = [(PublicKey::new([1; 32]), peer(1)), (PublicKey::new([2; 32]), peer(2))].into();
        Desired {
            sequence: 5,
            interfaces: [(InterfaceName::numbered(0), Interface { settings, peers })].into(),
        }
    }

    #[test]
    fn a_device_with_a_new_key_leaves_the_old_one_behind() {
        let mut desired = desired();
        let delta = Delta {
            from: 5,
            to: 6,
            removed: [DeviceId::new(Uuid::from_u128(1))].into(),
            set: [(InterfaceName::numbered(0), [(PublicKey::new([9; 32]), peer(1))].into())].into(),
        };

        desired.advance(delta).unwrap();

        let keys: Vec<_> = desired.interfaces[&InterfaceName::numbered(0)].peers.keys().copied().collect();
        assert_eq!(keys, [PublicKey::new([2; 32]), PublicKey::new([9; 32])]);
        assert_eq!(desired.sequence, 6);
    }

    #[test]
    fn a_gap_or_an_unknown_interface_asks_for_a_snapshot() {
        let mut desired = desired();
        let late = Delta { from: 4, to: 6, ..Delta::default() };
        let strange = Delta {
            from: 5,
            to: 6,
            set: [(InterfaceName::numbered(9), BTreeMap::new())].into(),
            ..Delta::default()
        };

        assert_eq!(desired.advance(late), Err(Gap { from: 4, at: 5 }));
        assert!(desired.advance(strange).is_err());
        assert_eq!(desired.sequence, 5);
    }
}
