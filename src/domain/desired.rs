//! Decides which changes bring a node to its desired state.
//!
//! Invariant: no IO. Callers pass what was observed and perform what is returned, in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::domain::firewall::{Firewall, InterfaceRules};
use crate::domain::id::{DeviceId, NodeNetworkId};
use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::domain::network::Mtu;
use crate::domain::node::{InterfaceName, Port};
use crate::domain::time::Timestamp;

/// What a node has to be: every interface with every peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desired {
    /// The change sequence this state includes.
    pub sequence: i64,
    /// Interfaces by name.
    pub interfaces: BTreeMap<InterfaceName, Interface>,
}

/// One tunnel interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What it belongs to.
    pub settings: InterfaceSettings,
    /// Devices by their key, those that may connect now or until a time each peer knows.
    pub peers: BTreeMap<PublicKey, Peer>,
}

/// An interface without its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceSettings {
    /// The node's place in the network.
    pub node_network: NodeNetworkId,
    /// The node's key there.
    pub private_key: PrivateKey,
    /// The UDP port to listen on.
    pub listen_port: Port,
    /// Bytes a packet in the tunnel may have.
    pub mtu: Mtu,
    /// The network's pools; the node has the first address of each.
    pub pools: BTreeSet<IpNet>,
    /// The node's own addresses with their pool's prefix.
    pub addresses: BTreeSet<IpNet>,
    /// Whether devices are kept from reaching each other.
    pub isolated: bool,
}

/// A device as the node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The device.
    pub device: DeviceId,
    /// The key shared on top of the key pairs.
    pub preshared_key: Option<PresharedKey>,
    /// Addresses it may send from.
    pub addresses: BTreeSet<IpAddr>,
    /// When the node drops it by itself, whether or not the controller can be reached.
    pub until: Option<Timestamp>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// The appliance's own interfaces by name.
    pub interfaces: BTreeMap<InterfaceName, ObservedInterface>,
    /// The appliance's own firewall.
    pub firewall: ObservedFirewall,
}

/// The appliance's own firewall as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ObservedFirewall {
    /// There is none.
    #[default]
    Absent,
    /// There is one, but another has altered it: what it does is not known.
    Altered,
    /// There is exactly this one.
    Intact(Firewall),
}

/// One interface as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedInterface {
    /// The public half of its private key.
    pub public_key: Option<PublicKey>,
    /// The UDP port it listens on.
    pub listen_port: Option<Port>,
    /// Bytes a packet may have.
    pub mtu: Option<Mtu>,
    /// Whether the link is up.
    pub up: bool,
    /// Addresses with prefixes, without IPv6 link-local ones.
    pub addresses: BTreeSet<IpNet>,
    /// Its peers.
    pub peers: BTreeMap<PublicKey, ObservedPeer>,
}

/// One peer as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedPeer {
    /// The key shared on top of the key pairs.
    pub preshared_key: Option<PresharedKey>,
    /// Ranges it may send from.
    pub allowed_ips: BTreeSet<IpNet>,
}

/// One step from observed to desired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Take an interface away.
    RemoveInterface(InterfaceName),
    /// Make an interface, without key, port, addresses or peers.
    CreateInterface(InterfaceName, Mtu),
    /// Set how an interface speaks WireGuard.
    SetWireguard(InterfaceName, WireguardSettings),
    /// Set the largest packet.
    SetMtu(InterfaceName, Mtu),
    /// Give an interface addresses.
    AddAddresses(InterfaceName, BTreeSet<IpNet>),
    /// Take addresses from an interface.
    RemoveAddresses(InterfaceName, BTreeSet<IpNet>),
    /// Bring a link up.
    SetUp(InterfaceName),
    /// Replace the firewall in one transaction.
    SetFirewall(Firewall),
    /// Drop peers; their sessions end at once.
    RemovePeers(InterfaceName, BTreeSet<PublicKey>),
    /// Make or replace peers, without disturbing the others.
    SetPeers(InterfaceName, BTreeMap<PublicKey, ObservedPeer>),
}

/// How an interface speaks WireGuard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireguardSettings {
    /// The node's key.
    pub private_key: PrivateKey,
    /// The UDP port.
    pub listen_port: Port,
}

impl Peer {
    /// Whether the peer may still be there.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether this is what the tunnel holds.
    fn is_as(&self, found: &ObservedPeer) -> bool {
        self.preshared_key == found.preshared_key
            && self.addresses.len() == found.allowed_ips.len()
            && self.addresses.iter().all(|address| found.allowed_ips.contains(&IpNet::from(*address)))
    }

    /// What the tunnel holds of this peer.
    pub fn observed(&self) -> ObservedPeer {
        ObservedPeer {
            preshared_key: self.preshared_key.clone(),
            allowed_ips: self.addresses.iter().copied().map(IpNet::from).collect(),
        }
    }
}

impl Desired {
    /// The firewall that belongs to this state at a time.
    pub fn firewall(&self, now: Timestamp) -> Firewall {
        let rules = |interface: &Interface| InterfaceRules {
            pools: interface.settings.pools.clone(),
            isolated: interface.settings.isolated,
            devices: interface
                .peers
                .values()
                .filter(|peer| peer.is_due(now))
                .flat_map(|peer| peer.addresses.iter().copied())
                .collect(),
        };
        Firewall { interfaces: self.interfaces.iter().map(|(name, it)| (name.clone(), rules(it))).collect() }
    }

    /// When the next peer's time is over.
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let peers = self.interfaces.values().flat_map(|interface| interface.peers.values());
        peers.filter_map(|peer| peer.until).filter(|until| now < *until).min()
    }
}

impl Observed {
    /// What is there once a change was made. A change of an interface that is not there changes nothing.
    pub fn advance(&mut self, change: Change) {
        match change {
            Change::RemoveInterface(name) => drop(self.interfaces.remove(&name)),
            Change::CreateInterface(name, mtu) => {
                let new = ObservedInterface { mtu: Some(mtu), ..ObservedInterface::default() };
                self.interfaces.insert(name, new);
            }
            Change::SetWireguard(name, it) => self.at(&name, |interface| {
                interface.public_key = Some(it.private_key.public_key());
                interface.listen_port = Some(it.listen_port);
            }),
            Change::SetMtu(name, mtu) => self.at(&name, |interface| interface.mtu = Some(mtu)),
            Change::AddAddresses(name, some) => self.at(&name, |interface| interface.addresses.extend(some)),
            Change::RemoveAddresses(name, some) => {
                self.at(&name, |interface| interface.addresses.retain(|address| !some.contains(address)));
            }
            Change::SetUp(name) => self.at(&name, |interface| interface.up = true),
            Change::SetFirewall(firewall) => self.firewall = ObservedFirewall::Intact(firewall),
            Change::RemovePeers(name, keys) => {
                self.at(&name, |interface| interface.peers.retain(|key, _| !keys.contains(key)));
            }
            Change::SetPeers(name, peers) => self.at(&name, |interface| interface.peers.extend(peers)),
        }
    }

    fn at(&mut self, name: &InterfaceName, edit: impl FnOnce(&mut ObservedInterface)) {
        if let Some(interface) = self.interfaces.get_mut(name) {
            edit(interface);
        }
    }
}

/// The changes that turn `observed` into `desired` as of `now`.
///
/// Order: what must not be there goes first, then interfaces, then the firewall, then peers; so that no packet of a
/// device passes before the rules for it stand.
pub fn diff(desired: &Desired, observed: &Observed, now: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    for name in observed.interfaces.keys().filter(|name| !desired.interfaces.contains_key(*name)) {
        changes.push(Change::RemoveInterface(name.clone()));
    }
    let absent = ObservedInterface::default();
    for (name, interface) in &desired.interfaces {
        let found = observed.interfaces.get(name);
        if found.is_none() {
            changes.push(Change::CreateInterface(name.clone(), interface.settings.mtu));
        }
        interface_changes(&mut changes, name, &interface.settings, found);
    }
    let firewall = desired.firewall(now);
    let stands = match &observed.firewall {
        // Where there is nothing to guard, no table is as good as an empty one.
        ObservedFirewall::Absent => firewall.interfaces.is_empty(),
        ObservedFirewall::Altered => false,
        ObservedFirewall::Intact(found) => *found == firewall,
    };
    if !stands {
        changes.push(Change::SetFirewall(firewall));
    }
    for (name, interface) in &desired.interfaces {
        let found = observed.interfaces.get(name).unwrap_or(&absent);
        peer_changes(&mut changes, name, interface, found, now);
    }
    changes
}

fn interface_changes(
    changes: &mut Vec<Change>,
    name: &InterfaceName,
    wanted: &InterfaceSettings,
    found: Option<&ObservedInterface>,
) {
    let public_key = wanted.private_key.public_key();
    let speaks = found
        .is_some_and(|it| it.public_key == Some(public_key) && it.listen_port == Some(wanted.listen_port));
    if !speaks {
        changes.push(Change::SetWireguard(
            name.clone(),
            WireguardSettings { private_key: wanted.private_key.clone(), listen_port: wanted.listen_port },
        ));
    }
    // A new interface is made with its MTU.
    if found.is_some_and(|it| it.mtu != Some(wanted.mtu)) {
        changes.push(Change::SetMtu(name.clone(), wanted.mtu));
    }
    let there = found.map(|it| it.addresses.clone()).unwrap_or_default();
    let extra: BTreeSet<IpNet> = there.difference(&wanted.addresses).copied().collect();
    if !extra.is_empty() {
        changes.push(Change::RemoveAddresses(name.clone(), extra));
    }
    let missing: BTreeSet<IpNet> = wanted.addresses.difference(&there).copied().collect();
    if !missing.is_empty() {
        changes.push(Change::AddAddresses(name.clone(), missing));
    }
    if !found.is_some_and(|it| it.up) {
        changes.push(Change::SetUp(name.clone()));
    }
}

fn peer_changes(
    changes: &mut Vec<Change>,
    name: &InterfaceName,
    wanted: &Interface,
    found: &ObservedInterface,
    now: Timestamp,
) {
    let is_wanted = |key: &PublicKey| wanted.peers.get(key).is_some_and(|peer| peer.is_due(now));
    let gone: BTreeSet<PublicKey> = found.peers.keys().filter(|key| !is_wanted(key)).copied().collect();
    if !gone.is_empty() {
        changes.push(Change::RemovePeers(name.clone(), gone));
    }
    let set: BTreeMap<PublicKey, ObservedPeer> = wanted
        .peers
        .iter()
        .filter(|(key, peer)| peer.is_due(now) && !found.peers.get(key).is_some_and(|it| peer.is_as(it)))
        .map(|(key, peer)| (*key, peer.observed()))
        .collect();
    if !set.is_empty() {
        changes.push(Change::SetPeers(name.clone(), set));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ipnet::IpNet;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{
        Change, Desired, Interface, InterfaceSettings, Observed, ObservedFirewall, ObservedInterface,
        ObservedPeer, Peer, diff,
    };
    use crate::domain::firewall::Firewall;
    use crate::domain::id::{DeviceId, NodeNetworkId};
    use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
    use crate::domain::network::Mtu;
    use crate::domain::node::{InterfaceName, Port};
    use crate::domain::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn key() -> impl Strategy<Value = [u8; 32]> {
        (1u8..6).prop_map(|b| [b; 32])
    }

    fn net() -> impl Strategy<Value = IpNet> {
        (0u8..4).prop_map(|n| format!("10.{n}.0.1/16").parse().unwrap())
    }

    fn name() -> impl Strategy<Value = InterfaceName> {
        (0u16..3).prop_map(InterfaceName::numbered)
    }

    fn peer() -> impl Strategy<Value = Peer> {
        (prop::option::of(key()), 2u8..9, prop::option::of(500i64..1500)).prop_map(|(psk, host, until)| {
            Peer {
                device: DeviceId::new(Uuid::from_u128(host.into())),
                preshared_key: psk.map(PresharedKey::new),
                addresses: [format!("10.0.0.{host}").parse().unwrap()].into(),
                until: until.map(Timestamp::from_millis),
            }
        })
    }

    fn interface() -> impl Strategy<Value = Interface> {
        let settings = (key(), 1u16..4, prop::collection::btree_set(net(), 0..3), any::<bool>()).prop_map(
            |(private, port, addresses, isolated)| InterfaceSettings {
                node_network: NodeNetworkId::new(Uuid::nil()),
                private_key: PrivateKey::new(private),
                listen_port: Port::try_from(port).unwrap(),
                mtu: Mtu::try_from(1280 + port).unwrap(),
                pools: addresses.iter().map(IpNet::trunc).collect(),
                addresses,
                isolated,
            },
        );
        let peers = prop::collection::btree_map(key().prop_map(PublicKey::new), peer(), 0..5);
        (settings, peers).prop_map(|(settings, peers)| Interface { settings, peers })
    }

    fn desired() -> impl Strategy<Value = Desired> {
        prop::collection::btree_map(name(), interface(), 0..3)
            .prop_map(|interfaces| Desired { sequence: 1, interfaces })
    }

    fn observed() -> impl Strategy<Value = Observed> {
        let peer = (prop::option::of(key()), prop::collection::btree_set(net(), 0..2)).prop_map(
            |(psk, allowed_ips)| ObservedPeer { preshared_key: psk.map(PresharedKey::new), allowed_ips },
        );
        let interface = (
            prop::option::of(key()),
            prop::option::of(1u16..4),
            any::<bool>(),
            prop::collection::btree_set(net(), 0..3),
            prop::collection::btree_map(key().prop_map(PublicKey::new), peer, 0..5),
        )
            .prop_map(|(private, port, up, addresses, peers)| ObservedInterface {
                public_key: private.map(|k| PrivateKey::new(k).public_key()),
                listen_port: port.map(|p| Port::try_from(p).unwrap()),
                mtu: port.map(|p| Mtu::try_from(1280 + p).unwrap()),
                up,
                addresses,
                peers,
            });
        let firewall = prop_oneof![
            Just(ObservedFirewall::Absent),
            Just(ObservedFirewall::Altered),
            Just(ObservedFirewall::Intact(Firewall::default())),
        ];
        (prop::collection::btree_map(name(), interface, 0..3), firewall)
            .prop_map(|(interfaces, firewall)| Observed { interfaces, firewall })
    }

    proptest! {
        #[test]
        fn after_its_changes_there_is_nothing_left_to_change(desired in desired(), observed in observed()) {
            let mut node = observed;

            for change in diff(&desired, &node.clone(), NOW) {
                node.advance(change);
            }

            prop_assert_eq!(diff(&desired, &node, NOW), vec![]);
        }
    }

    #[test]
    fn the_firewall_stands_before_the_first_peer() {
        let peers: BTreeMap<PublicKey, Peer> = [(
            PublicKey::new([1; 32]),
            Peer {
                device: DeviceId::new(Uuid::nil()),
                preshared_key: None,
                addresses: ["10.0.0.2".parse().unwrap()].into(),
                until: None,
            },
        )]
        .into();
        let settings = InterfaceSettings {
            node_network: NodeNetworkId::new(Uuid::nil()),
            private_key: PrivateKey::new([7; 32]),
            listen_port: Port::WIREGUARD,
            mtu: Mtu::DEFAULT,
            pools: BTreeSet::new(),
            addresses: BTreeSet::new(),
            isolated: true,
        };
        let interfaces = [(InterfaceName::numbered(0), Interface { settings, peers })].into();

        let changes = diff(&Desired { sequence: 1, interfaces }, &Observed::default(), NOW);

        let position = |f: fn(&Change) -> bool| changes.iter().position(f).unwrap();
        assert!(
            position(|c| matches!(c, Change::SetFirewall(_)))
                < position(|c| matches!(c, Change::SetPeers(..)))
        );
    }

    #[test]
    fn an_altered_firewall_is_replaced_even_where_nothing_is_desired() {
        let altered = Observed { firewall: ObservedFirewall::Altered, ..Observed::default() };

        let changes = diff(&Desired::default(), &altered, NOW);

        assert_eq!(changes, [Change::SetFirewall(Firewall::default())]);
        assert_eq!(diff(&Desired::default(), &Observed::default(), NOW), []);
    }

    #[test]
    fn an_expired_peer_goes_without_a_word_from_the_controller() {
        let mut peer = Peer {
            device: DeviceId::new(Uuid::nil()),
            preshared_key: None,
            addresses: BTreeSet::new(),
            until: Some(Timestamp::from_millis(1_001)),
        };
        let before = peer.is_due(NOW);
        peer.until = Some(NOW);

        assert!(before);
        assert!(!peer.is_due(NOW));
    }
}
