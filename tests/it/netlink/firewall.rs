//! The firewall as the kernel has it, with `nft` as witness.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use caspervpn::domain::desired::ObservedFirewall::{Absent, Altered, Intact};
use caspervpn::domain::firewall::{Firewall, InterfaceRules};
use caspervpn::domain::node::InterfaceName;
use caspervpn::vpn::firewall::{NodeFirewall, render};
use caspervpn::vpn::netlink::nft::expr::{Expr, Verdict};
use caspervpn::vpn::netlink::nft::set::{KeyPart, Set};
use caspervpn::vpn::netlink::nft::transaction::Transaction;
use caspervpn::vpn::netlink::nft::{Family, Nftables};
use ipnet::IpNet;
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestRunner};

use crate::namespaces::{Namespace, needs_root};

fn rules(pools: &[&str], isolated: bool, devices: &[&str]) -> InterfaceRules {
    InterfaceRules {
        pools: pools.iter().map(|p| p.parse().unwrap()).collect(),
        isolated,
        devices: devices.iter().map(|d| d.parse().unwrap()).collect(),
    }
}

fn two_networks() -> Firewall {
    let first = rules(&["10.8.0.0/20", "fd00:8::/64"], true, &["10.8.0.2", "10.8.0.3", "fd00:8::2"]);
    let second = rules(&["10.9.0.0/24"], false, &["10.9.0.2"]);
    let interfaces = [(InterfaceName::numbered(0), first), (InterfaceName::numbered(1), second)];
    Firewall { interfaces: interfaces.into() }
}

/// What `nft list ruleset` prints after `apply(&two_networks())`.
const LISTED: &str = include_str!("two_networks.nft");

#[test]
fn the_firewall_is_what_nft_lists() {
    needs_root();
    let namespace = Namespace::create("listed");

    namespace.run(|| NodeFirewall::open().unwrap().apply(&two_networks()).unwrap());

    assert_eq!(sorted_elements(&namespace.shell("nft list ruleset")), LISTED);
}

/// Puts the elements of a set, which the kernel lists in no order, on one line and in order.
fn sorted_elements(listed: &str) -> String {
    let mut sorted = String::new();
    let mut rest = listed;
    while let Some((before, list)) = rest.split_once("elements = { ") {
        let (list, after) = list.split_once(" }").unwrap();
        let mut elements: Vec<&str> = list.split(',').map(str::trim).collect();
        elements.sort_unstable();
        sorted += &format!("{before}elements = {{ {} }}", elements.join(", "));
        rest = after;
    }
    sorted + rest
}

#[test]
fn what_nft_loads_from_the_text_is_our_firewall() {
    needs_root();
    let namespace = Namespace::create("loaded");
    namespace.shell(&format!("nft -f - <<'END'\n{LISTED}\nEND"));

    let observed = namespace.run(|| NodeFirewall::open().unwrap().observe().unwrap());

    assert_eq!(observed, Intact(two_networks()));
}

#[test]
fn a_failing_transaction_changes_nothing() {
    needs_root();
    let namespace = Namespace::create("atomic");
    namespace
        .shell("nft add table ip other; nft add chain ip other c '{ type filter hook forward priority 0; }'");
    namespace.run(|| NodeFirewall::open().unwrap().apply(&two_networks()).unwrap());
    let before = namespace.shell("nft -a list ruleset");

    let refused = namespace.run(|| {
        let mut broken = render(&Firewall::default());
        let nowhere = Expr::Verdict(Verdict::Jump("cvpn_nowhere".to_owned()));
        broken.chains.get_mut("cvpn_nat").unwrap().rules[0].steps.push(nowhere);
        let mut transaction = Transaction::default();
        transaction.replace_table(&broken);
        Nftables::open().unwrap().commit("load the firewall", transaction).unwrap_err()
    });

    assert_eq!(namespace.shell("nft -a list ruleset"), before);
    assert_eq!(refused.errno(), Some(2), "{refused}");
    let text = refused.to_string();
    assert!(
        text.starts_with("load the firewall: make rule 0 of the chain cvpn_nat: the kernel refused: "),
        "{text}"
    );
}

#[test]
fn thousands_of_refusals_leave_the_socket_usable() {
    needs_root();
    let namespace = Namespace::create("refusals");

    namespace.run(|| {
        let mut nftables = Nftables::open().unwrap();
        let mut broken = render(&Firewall::default());
        let mut rule = broken.chains["cvpn_nat"].rules[0].clone();
        rule.steps.push(Expr::Lookup {
            set: "cvpn_nowhere".into(),
            register: register_one(&rule.steps),
            inverted: false,
        });
        broken.chains.get_mut("cvpn_nat").unwrap().rules = vec![rule; 20_000];
        let mut transaction = Transaction::default();
        transaction.replace_table(&broken);

        assert!(nftables.commit("load too much", transaction).is_err());

        assert!(nftables.find_table(Family::Inet, "caspervpn").unwrap().is_none());
    });
}

/// The register that the first step of a rule loads.
fn register_one(steps: &[Expr]) -> caspervpn::vpn::netlink::nft::expr::Register {
    match steps.first() {
        Some(Expr::Meta(_, register)) => *register,
        other => panic!("no register in {other:?}"),
    }
}

#[test]
fn a_transaction_planned_on_an_older_ruleset_is_refused() {
    needs_root();
    let namespace = Namespace::create("generation");

    namespace.run(|| {
        let mut nftables = Nftables::open().unwrap();
        let table = render(&two_networks());
        let generation = nftables.generation().unwrap();
        let mut commit = || {
            let mut transaction = Transaction::default();
            transaction.at_generation(generation).replace_table(&table);
            nftables.commit("load the firewall", transaction)
        };

        commit().unwrap();
        let refused = commit().unwrap_err();

        // ERESTART
        assert_eq!(refused.errno(), Some(85), "{refused}");
    });
}

fn many_devices(count: u32) -> Firewall {
    let v4 = (0..count).map(|n| IpAddr::V4(Ipv4Addr::from_bits(0x0a08_0002 + n)));
    let v6 = (0..count).map(|n| IpAddr::V6(Ipv6Addr::from_bits((0xfd00_0008 << 96) + 2 + u128::from(n))));
    let mut rules = rules(&["10.8.0.0/16", "fd00:8::/64"], true, &[]);
    rules.devices = v4.chain(v6).collect();
    Firewall { interfaces: BTreeMap::from([(InterfaceName::numbered(0), rules)]) }
}

#[test]
fn ten_thousand_devices_are_replaced_and_read_back() {
    needs_root();
    let namespace = Namespace::create("many");

    namespace.run(|| {
        let mut firewall = NodeFirewall::open().unwrap();
        let mut many = many_devices(10_000);
        firewall.apply(&many).unwrap();
        assert_eq!(firewall.observe().unwrap(), Intact(many.clone()));

        many.interfaces.values_mut().next().unwrap().devices.pop_first();
        firewall.apply(&many).unwrap();

        assert_eq!(firewall.observe().unwrap(), Intact(many));
    });
}

#[test]
fn an_update_changes_the_devices_and_leaves_the_rest() {
    needs_root();
    let namespace = Namespace::create("update");
    let (before, mut after) = (two_networks(), two_networks());
    let first = after.interfaces.values_mut().next().unwrap();
    first.isolated = false;
    first.devices.remove(&"10.8.0.2".parse::<IpAddr>().unwrap());
    first.devices.insert("fd00:8::9".parse().unwrap());
    let rules = "nft -a list chain inet caspervpn cvpn_to_tunnel";

    namespace.run(|| NodeFirewall::open().unwrap().apply(&before).unwrap());
    let handles = namespace.shell(rules);
    namespace.run(|| {
        let mut firewall = NodeFirewall::open().unwrap();
        firewall.update(&before, &after).unwrap();
        assert_eq!(firewall.observe().unwrap(), Intact(after.clone()));
    });

    assert_eq!(namespace.shell(rules), handles, "the rules are still the same ones");
    namespace.run(|| {
        let mut firewall = NodeFirewall::open().unwrap();
        // Not what is loaded: the kernel refuses to delete what is not there, and all is loaded anew.
        firewall.update(&before, &Firewall::default()).unwrap();
        assert_eq!(firewall.observe().unwrap(), Intact(Firewall::default()));
        firewall.remove().unwrap();
        firewall.update(&before, &after).unwrap();
        assert_eq!(firewall.observe().unwrap(), Intact(after));
    });
}

fn any_rules() -> impl Strategy<Value = InterfaceRules> {
    let pool = (any::<IpAddr>(), any::<u8>()).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 33 } else { 129 };
        IpNet::new(address, length % longest).unwrap().trunc()
    });
    let devices = prop::collection::btree_set(any::<IpAddr>(), 0..30);
    (prop::collection::btree_set(pool, 0..4), any::<bool>(), devices)
        .prop_map(|(pools, isolated, devices)| InterfaceRules { pools, isolated, devices })
}

#[test]
fn what_is_applied_is_what_is_observed() {
    needs_root();
    let namespace = Namespace::create("observe");
    let firewalls = prop::collection::vec(any_rules(), 0..4).prop_map(|rules| {
        let interfaces = (0..).map(InterfaceName::numbered).zip(rules).collect();
        Firewall { interfaces }
    });

    namespace.run(|| {
        let mut node = NodeFirewall::open().unwrap();
        assert_eq!(node.observe().unwrap(), Absent);
        let mut runner =
            TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
        let checked = runner.run(&firewalls, |firewall| {
            node_apply(&firewall);
            assert_eq!(NodeFirewall::open().unwrap().observe().unwrap(), Intact(firewall));
            Ok(())
        });
        checked.unwrap();

        node.remove().unwrap();
        node.remove().unwrap();
        assert_eq!(node.observe().unwrap(), Absent);
    });
    assert_eq!(namespace.shell("nft list ruleset"), "");
}

fn node_apply(firewall: &Firewall) {
    NodeFirewall::open().unwrap().apply(firewall).unwrap();
}

#[test]
fn every_outside_change_is_seen_and_healed() {
    needs_root();
    let namespace = Namespace::create("drift");
    let heal = || namespace.run(|| NodeFirewall::open().unwrap().apply(&two_networks()).unwrap());
    let observe = || namespace.run(|| NodeFirewall::open().unwrap().observe().unwrap());
    let changes = [
        "delete element inet caspervpn cvpn_devices4 { cvpn0 . 10.8.0.2 }",
        "add element inet caspervpn cvpn_devices4 { cvpn7 . 10.8.0.9 }",
        "delete element inet caspervpn cvpn_tunnels { cvpn1 }",
        "add rule inet caspervpn cvpn_forward accept",
        "insert rule inet caspervpn cvpn_to_tunnel ip saddr 192.0.2.1 accept",
        "flush chain inet caspervpn cvpn_from_tunnel",
        "flush table inet caspervpn",
        "add chain inet caspervpn extra",
        "add set inet caspervpn extra { type ipv4_addr; }",
        "add counter inet caspervpn extra",
        "add table inet caspervpn { flags dormant; }",
        "add chain inet caspervpn cvpn_forward { policy drop; }",
        "delete table inet caspervpn",
    ];

    for change in changes {
        heal();
        assert_eq!(observe(), Intact(two_networks()), "before {change}");
        namespace.shell(&format!("nft '{change}'"));
        let observed = observe();
        // An element more or less may be a firewall of ours, but another one.
        assert_ne!(observed, Intact(two_networks()), "{change}");
        assert_eq!(observed == Absent, change.starts_with("delete table"), "{change}");
    }

    heal();
    namespace.shell("nft add rule inet caspervpn cvpn_forward accept");
    assert_eq!(observe(), Altered);

    heal();
    namespace.shell(
        "nft add table inet other; nft 'add chain inet other c { type filter hook input priority 0; }'",
    );
    assert_eq!(observe(), Intact(two_networks()));
}

#[test]
fn others_that_drop_forwarded_packets_are_found() {
    needs_root();
    let namespace = Namespace::create("foreign");
    namespace.shell(
        "nft -f - <<'END'
         table ip filter {
           chain FORWARD { type filter hook forward priority 0; policy drop; }
         }
         table ip6 filter {
           chain FORWARD { type filter hook forward priority 0; policy accept; }
         }
         table inet firewalld {
           chain filter_FORWARD {
             type filter hook forward priority 10; policy accept;
             ct state established accept
             counter reject with icmpx admin-prohibited
           }
         }
         table inet mine {
           chain input { type filter hook input priority 0; policy drop; }
           chain some {
             type filter hook forward priority 0; policy accept;
             ip saddr 192.0.2.1 drop
           }
         }
         table bridge b {
           chain f { type filter hook forward priority 0; policy drop; }
         }
END",
    );

    let found = namespace.run(|| {
        let mut firewall = NodeFirewall::open().unwrap();
        firewall.apply(&two_networks()).unwrap();
        firewall.list_foreign_forward_drops().unwrap()
    });

    let found: BTreeSet<_> = found.iter().map(ToString::to_string).collect();
    let expected = ["inet firewalld filter_FORWARD", "ip filter FORWARD"];
    assert_eq!(found, expected.map(str::to_owned).into());
}

#[test]
fn a_set_of_ranges_is_what_nft_lists() {
    needs_root();
    let namespace = Namespace::create("ranges");
    let networks =
        ["10.0.0.0/8", "192.0.2.0/25", "192.0.2.128/26", "255.255.255.255/32", "fd00::/8", "ffff::/16"];
    let networks = networks.map(|n| n.parse().unwrap());

    namespace.run(|| {
        let mut table = render(&Firewall::default());
        table.chains.clear();
        table.sets.clear();
        table.sets.insert("cvpn_v4".into(), Set::ranges(KeyPart::V4, &networks));
        table.sets.insert("cvpn_v6".into(), Set::ranges(KeyPart::V6, &networks));
        let mut nftables = Nftables::open().unwrap();
        let mut transaction = Transaction::default();
        transaction.replace_table(&table);
        nftables.commit("load ranges", transaction).unwrap();
        let loaded = nftables.find_table(table.family, &table.name).unwrap().unwrap();
        assert_eq!((loaded.table, loaded.has_more), (table, false));
    });

    let listed = namespace.shell("nft list ruleset");
    let elements: Vec<&str> =
        listed.lines().filter(|l| l.contains('.') || l.contains("::")).map(str::trim).collect();
    let expected = [
        "elements = { 10.0.0.0/8, 192.0.2.0-192.0.2.191,",
        "255.255.255.255 }",
        "elements = { fd00::/8,",
        "ffff::/16 }",
    ];
    assert_eq!(elements, expected);
}
