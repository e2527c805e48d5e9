//! What the node's firewall has to do, without a word about how.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::domain::node::InterfaceName;

/// The whole firewall of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Firewall {
    /// Rules for each tunnel interface.
    pub interfaces: BTreeMap<InterfaceName, InterfaceRules>,
}

/// What may pass through one tunnel interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceRules {
    /// The network's pools. Their packets are masqueraded on the way out.
    pub pools: BTreeSet<IpNet>,
    /// Whether devices are kept from reaching each other.
    pub isolated: bool,
    /// Addresses that may send: those of the active devices.
    pub devices: BTreeSet<IpAddr>,
}

impl Firewall {
    /// This firewall and another, each without the devices that an interface has in both.
    pub fn apart(&self, other: &Self) -> (Self, Self) {
        (self.without(other), other.without(self))
    }

    fn without(&self, other: &Self) -> Self {
        let rest = |(name, rules): (&InterfaceName, &InterfaceRules)| {
            let devices = match other.interfaces.get(name) {
                Some(others) => rules.devices.difference(&others.devices).copied().collect(),
                None => rules.devices.clone(),
            };
            (name.clone(), InterfaceRules { pools: rules.pools.clone(), isolated: rules.isolated, devices })
        };
        Self { interfaces: self.interfaces.iter().map(rest).collect() }
    }
}
