//! Names changes, and knows which of them make no sense after another has failed.
//!
//! Invariant: pure; what a change carries (keys, addresses) never reaches its name.

use std::fmt;

use crate::domain::desired::Change;
use crate::domain::node::InterfaceName;

/// What sort of change, to which interface. The same thing tried again has the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeKey {
    /// What sort of change.
    pub kind: ChangeKind,
    /// The interface; `None` for the firewall, which is one for all.
    pub interface: Option<InterfaceName>,
}

/// The sorts of [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// See [`Change::RemoveInterface`].
    RemoveInterface,
    /// See [`Change::CreateInterface`].
    CreateInterface,
    /// See [`Change::SetWireguard`].
    SetWireguard,
    /// See [`Change::SetMtu`].
    SetMtu,
    /// See [`Change::AddAddresses`].
    AddAddresses,
    /// See [`Change::RemoveAddresses`].
    RemoveAddresses,
    /// See [`Change::SetUp`].
    SetUp,
    /// See [`Change::SetFirewall`].
    SetFirewall,
    /// See [`Change::RemovePeers`].
    RemovePeers,
    /// See [`Change::SetPeers`].
    SetPeers,
}

impl ChangeKind {
    /// The word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RemoveInterface => "remove_interface",
            Self::CreateInterface => "create_interface",
            Self::SetWireguard => "set_wireguard",
            Self::SetMtu => "set_mtu",
            Self::AddAddresses => "add_addresses",
            Self::RemoveAddresses => "remove_addresses",
            Self::SetUp => "set_up",
            Self::SetFirewall => "set_firewall",
            Self::RemovePeers => "remove_peers",
            Self::SetPeers => "set_peers",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::RemoveInterface => "remove the interface",
            Self::CreateInterface => "create the interface",
            Self::SetWireguard => "set key and port of the interface",
            Self::SetMtu => "set the MTU of the interface",
            Self::AddAddresses => "give addresses to the interface",
            Self::RemoveAddresses => "take addresses from the interface",
            Self::SetUp => "bring up the interface",
            Self::SetFirewall => "load the firewall",
            Self::RemovePeers => "remove peers from the interface",
            Self::SetPeers => "set peers of the interface",
        }
    }
}

impl ChangeKey {
    /// The key of a change.
    pub fn of(change: &Change) -> Self {
        let (kind, interface) = match change {
            Change::RemoveInterface(name) => (ChangeKind::RemoveInterface, Some(name)),
            Change::CreateInterface(name, _) => (ChangeKind::CreateInterface, Some(name)),
            Change::SetWireguard(name, _) => (ChangeKind::SetWireguard, Some(name)),
            Change::SetMtu(name, _) => (ChangeKind::SetMtu, Some(name)),
            Change::AddAddresses(name, _) => (ChangeKind::AddAddresses, Some(name)),
            Change::RemoveAddresses(name, _) => (ChangeKind::RemoveAddresses, Some(name)),
            Change::SetUp(name) => (ChangeKind::SetUp, Some(name)),
            Change::SetFirewall(_) => (ChangeKind::SetFirewall, None),
            Change::RemovePeers(name, _) => (ChangeKind::RemovePeers, Some(name)),
            Change::SetPeers(name, _) => (ChangeKind::SetPeers, Some(name)),
        };
        Self { kind, interface: interface.cloned() }
    }

    /// Whether `later` must wait because this one failed: nothing can be done to an interface that could not be
    /// made, and no device may connect before the rules for it stand.
    pub fn stops(&self, later: &Self) -> bool {
        match self.kind {
            ChangeKind::CreateInterface => self.interface == later.interface,
            ChangeKind::SetFirewall => later.kind == ChangeKind::SetPeers,
            ChangeKind::RemoveInterface
            | ChangeKind::SetWireguard
            | ChangeKind::SetMtu
            | ChangeKind::AddAddresses
            | ChangeKind::RemoveAddresses
            | ChangeKind::SetUp
            | ChangeKind::RemovePeers
            | ChangeKind::SetPeers => false,
        }
    }
}

impl fmt::Display for ChangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(name) => write!(f, "{} {name}", self.kind.sentence()),
            None => f.write_str(self.kind.sentence()),
        }
    }
}

/// How many things a change touches: peers or addresses, or one.
pub fn size(change: &Change) -> usize {
    match change {
        Change::AddAddresses(_, some) | Change::RemoveAddresses(_, some) => some.len(),
        Change::RemovePeers(_, keys) => keys.len(),
        Change::SetPeers(_, peers) => peers.len(),
        Change::RemoveInterface(_)
        | Change::CreateInterface(..)
        | Change::SetWireguard(..)
        | Change::SetMtu(..)
        | Change::SetUp(_)
        | Change::SetFirewall(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeKey;
    use crate::domain::desired::Change;
    use crate::domain::firewall::Firewall;
    use crate::domain::network::Mtu;
    use crate::domain::node::InterfaceName;

    fn key(change: &Change) -> ChangeKey {
        ChangeKey::of(change)
    }

    #[test]
    fn an_interface_that_could_not_be_made_stops_only_its_own_changes() {
        let failed = key(&Change::CreateInterface(InterfaceName::numbered(0), Mtu::DEFAULT));

        assert!(failed.stops(&key(&Change::SetUp(InterfaceName::numbered(0)))));
        assert!(!failed.stops(&key(&Change::SetUp(InterfaceName::numbered(1)))));
        assert!(!failed.stops(&key(&Change::SetFirewall(Firewall::default()))));
    }

    #[test]
    fn without_rules_no_device_is_let_in_but_devices_are_still_put_out() {
        let failed = key(&Change::SetFirewall(Firewall::default()));

        assert!(failed.stops(&key(&Change::SetPeers(InterfaceName::numbered(0), [].into()))));
        assert!(!failed.stops(&key(&Change::RemovePeers(InterfaceName::numbered(0), [].into()))));
    }

    #[test]
    fn a_change_is_named_in_words() {
        let change = Change::SetUp(InterfaceName::numbered(3));

        assert_eq!(key(&change).to_string(), "bring up the interface cvpn3");
    }
}
