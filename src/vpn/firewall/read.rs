//! Reads a firewall out of a table: the reverse of [`super::render()`].
//!
//! It takes what the table says in sets and comments on trust. Who wants to know whether the table is exactly
//! that firewall renders the result and compares.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::domain::firewall::{Firewall, InterfaceRules};
use crate::domain::node::InterfaceName;
use crate::vpn::firewall::render::{DEVICES_V4, DEVICES_V6, NAME_BYTES, NAT, OPEN, TUNNELS, V4};
use crate::vpn::netlink::nft::expr::Expr;
use crate::vpn::netlink::nft::table::{Rule, Table};
use crate::vpn::netlink::octets_to_address;

/// The firewall a table was rendered from; `None` when it is none of ours.
pub(super) fn firewall(table: &Table) -> Option<Firewall> {
    let open: BTreeSet<InterfaceName> = names(table, OPEN)?.collect();
    let mut interfaces: BTreeMap<InterfaceName, InterfaceRules> = names(table, TUNNELS)?
        .map(|name| {
            let isolated = !open.contains(&name);
            (name, InterfaceRules { pools: BTreeSet::new(), isolated, devices: BTreeSet::new() })
        })
        .collect();
    for set in [DEVICES_V4, DEVICES_V6] {
        for element in &table.sets.get(set)?.elements {
            let (name, address) = element.key.split_at_checked(NAME_BYTES)?;
            interfaces.get_mut(&interface(name)?)?.devices.insert(octets_to_address(address)?);
        }
    }
    for (comment, pool) in table.chains.get(NAT)?.rules.iter().filter_map(pool) {
        interfaces.get_mut(&comment.parse::<InterfaceName>().ok()?)?.pools.insert(pool);
    }
    Some(Firewall { interfaces })
}

/// The interface names that the keys of a set begin with.
fn names<'a>(table: &'a Table, set: &str) -> Option<impl Iterator<Item = InterfaceName> + use<'a>> {
    let elements = &table.sets.get(set)?.elements;
    Some(elements.iter().filter_map(|element| interface(element.key.get(..NAME_BYTES)?)))
}

fn interface(key: &[u8]) -> Option<InterfaceName> {
    let text = key.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The comment and the network of a rule that masquerades a pool.
fn pool(rule: &Rule) -> Option<(&str, IpNet)> {
    let [_, Expr::Compare(_, _, version), Expr::Payload { .. }, rest @ ..] = rule.steps.as_slice() else {
        return None;
    };
    let (bits, network) = match rest {
        [Expr::Mask(_, mask), Expr::Compare(_, _, network), ..] => {
            (mask.iter().map(|byte| byte.count_ones()).sum(), network)
        }
        [Expr::Compare(_, _, network), ..] => (u8::BITS * u32::try_from(network.len()).ok()?, network),
        _ => return None,
    };
    let mut octets = network.clone();
    octets.resize(if version == &[V4.number] { 4 } else { 16 }, 0);
    let network = IpNet::new(octets_to_address(&octets)?, u8::try_from(bits).ok()?).ok()?;
    Some((rule.comment.as_deref()?, network))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use proptest::prelude::{Strategy, any, prop, proptest};

    use super::firewall;
    use crate::domain::firewall::{Firewall, InterfaceRules};
    use crate::domain::node::InterfaceName;
    use crate::vpn::firewall::render;

    fn rules() -> impl Strategy<Value = InterfaceRules> {
        let address = || any::<IpAddr>();
        let pool = (address(), any::<u8>()).prop_map(|(address, length)| {
            let longest = if address.is_ipv4() { 33 } else { 129 };
            IpNet::new(address, length % longest).unwrap().trunc()
        });
        let pools = prop::collection::btree_set(pool, 0..3);
        let devices = prop::collection::btree_set(address(), 0..20);
        (pools, any::<bool>(), devices).prop_map(|(pools, isolated, devices)| InterfaceRules {
            pools,
            isolated,
            devices,
        })
    }

    proptest! {
        #[test]
        fn a_rendered_firewall_is_read_back(rules in prop::collection::vec(rules(), 0..4)) {
            let interfaces = rules.into_iter().enumerate();
            let interfaces = interfaces.map(|(n, rules)| (InterfaceName::numbered(u16::try_from(n).unwrap()), rules));
            let original = Firewall { interfaces: interfaces.collect() };

            assert_eq!(firewall(&render(&original)), Some(original));
        }
    }
}
