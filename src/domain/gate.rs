//! Which addresses may reach the panel and the API at all.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::domain::ranges::Ranges;

/// The rule as it stands: the ranges that were allowed, and the VPN's own where only those inside it may come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate {
    allowed: Ranges,
    pools: Option<Vec<IpNet>>,
}

impl Gate {
    /// `pools` are the address pools of the networks, where only those inside the VPN may come; whoever is in
    /// `allowed` may come as well.
    pub const fn new(allowed: Ranges, pools: Option<Vec<IpNet>>) -> Self {
        Self { allowed, pools }
    }

    /// Whether a caller may come. Who has no address came over a unix socket of this host, where its permissions are
    /// the rule. Loopback counts like any other address: behind it may be a proxy, and behind that the world.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|address| address.to_canonical()) else { return true };
        match &self.pools {
            None if self.allowed.is_empty() => true,
            None => self.allowed.contain(address),
            Some(pools) => self.allowed.contain(address) || pools.iter().any(|pool| pool.contains(&address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use crate::domain::ranges::Ranges;
    use ipnet::IpNet;

    #[test]
    fn the_rule_admits_what_was_written_down_and_always_the_local_socket() {
        let ranges = |text: &[&str]| -> Vec<IpNet> { text.iter().map(|it| it.parse().unwrap()).collect() };
        let some = Ranges::try_from(ranges(&["192.0.2.0/24"])).unwrap();
        let pools = ranges(&["10.86.0.0/16", "fd86:cafe::/64"]);
        let open = Gate::default();
        let listed = Gate::new(some.clone(), None);
        let inside = Gate::new(Ranges::default(), Some(pools.clone()));
        let both = Gate::new(some, Some(pools));
        let nowhere = Gate::new(Ranges::default(), Some(Vec::new()));

        for (address, expected) in [
            ("192.0.2.9", [true, true, false, true, false]),
            ("::ffff:192.0.2.9", [true, true, false, true, false]),
            ("10.86.3.4", [true, false, true, true, false]),
            ("fd86:cafe::7", [true, false, true, true, false]),
            ("198.51.100.1", [true, false, false, false, false]),
            ("127.0.0.1", [true, false, false, false, false]),
        ] {
            let address = Some(address.parse().unwrap());
            let found = [&open, &listed, &inside, &both, &nowhere].map(|gate| gate.admits(address));
            assert_eq!(found, expected, "{address:?}");
        }
        assert!(nowhere.admits(None));
    }
}
