//! Links, addresses and routes against what `ip` shows.

use std::net::IpAddr;

use caspervpn::vpn::host::{self, Forwarding};
use caspervpn::vpn::netlink::rt::{LinkKind, Rtnetlink};
use caspervpn::vpn::netlink::wireguard::Wireguard;
use ipnet::IpNet;
use serde_json::Value;

use crate::namespaces::{Namespace, needs_root};

fn ip(namespace: &Namespace, arguments: &str) -> Vec<Value> {
    serde_json::from_str(&namespace.shell(&format!("ip -j {arguments}"))).unwrap()
}

fn network(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn what_is_made_is_what_ip_shows() {
    needs_root();
    let namespace = Namespace::create("links");

    namespace.run(|| {
        let mut rtnetlink = Rtnetlink::open().unwrap();
        rtnetlink.create_link("left", LinkKind::Veth { peer: "right" }).unwrap();
        for name in ["left", "right"] {
            let link = rtnetlink.find_link(name).unwrap().unwrap();
            rtnetlink.set_link_up(link.index).unwrap();
        }
        let left = rtnetlink.find_link("left").unwrap().unwrap().index;
        rtnetlink.set_link_mtu(left, 1420).unwrap();
        for address in ["10.8.0.1/24", "fd00:8::1/64", "10.8.0.1/24"] {
            rtnetlink.add_address(left, network(address)).unwrap();
        }
        rtnetlink.add_route(network("10.9.0.0/16"), left, None).unwrap();
        let gateway: IpAddr = "fd00:8::2".parse().unwrap();
        rtnetlink.add_route(network("fd00:9::/32"), left, Some(gateway)).unwrap();
    });

    let left = &ip(&namespace, "address show left")[0];
    assert_eq!((left["mtu"].as_u64(), left["operstate"].as_str()), (Some(1420), Some("UP")));
    let addresses = left["addr_info"].as_array().unwrap();
    let shown =
        |n: usize| (addresses[n]["local"].as_str().unwrap(), addresses[n]["prefixlen"].as_u64().unwrap());
    assert_eq!((shown(0), shown(1)), (("10.8.0.1", 24), ("fd00:8::1", 64)));
    // Without NODAD an IPv6 address cannot be used at once.
    assert_eq!((addresses[1]["nodad"].as_bool(), addresses[1]["tentative"].as_bool()), (Some(true), None));
    let v4 = ip(&namespace, "-4 route show 10.9.0.0/16");
    assert_eq!((v4[0]["dev"].as_str(), v4[0]["scope"].as_str()), (Some("left"), Some("link")));
    assert_eq!(ip(&namespace, "-6 route show fd00:9::/32")[0]["gateway"].as_str(), Some("fd00:8::2"));
}

#[test]
fn a_fair_queue_is_what_tc_shows_unless_the_kernel_has_none() {
    needs_root();
    let namespace = Namespace::create("queue");
    namespace.shell("ip link add left type veth peer name right");

    let set = namespace.run(|| {
        let mut rtnetlink = Rtnetlink::open().unwrap();
        let left = rtnetlink.find_link("left").unwrap().unwrap();
        rtnetlink.set_fair_queue(left.index)
    });

    let shown = namespace.shell("tc qdisc show dev left root");
    match set {
        Ok(()) => assert!(shown.contains("fq_codel"), "{shown}"),
        Err(refused) => {
            assert!(
                refused.is_missing() && refused.to_string().contains("qdisc kind is unknown"),
                "{refused}"
            );
            assert!(!shown.contains("fq_codel"), "{shown}");
        }
    }
}

#[test]
fn what_ip_makes_is_listed_and_deleted() {
    needs_root();
    let namespace = Namespace::create("list");
    namespace.shell(
        "ip link add left type veth peer name right; ip link set left up; ip link set right up
         ip link set left mtu 1400
         ip address add 192.0.2.7/25 dev left; ip address add 2001:db8::7/64 dev left nodad
         ip route add 198.51.100.0/24 via 192.0.2.1; ip route add default via 192.0.2.1 metric 7
         ip route add blackhole 203.0.113.0/24; ip -6 route add 2001:db8:1::/48 dev left proto ra",
    );

    namespace.run(|| {
        let mut rtnetlink = Rtnetlink::open().unwrap();
        let left = rtnetlink.find_link("left").unwrap().unwrap();
        assert_eq!((left.mtu, left.up, left.kind.as_deref()), (1400, true, Some("veth")));
        assert!(rtnetlink.list_links().unwrap().contains(&left));
        assert!(rtnetlink.find_link("absent").unwrap().is_none());
        let addresses = rtnetlink.list_addresses().unwrap();
        for address in ["192.0.2.7/25", "2001:db8::7/64", "127.0.0.1/8"] {
            assert!(addresses.iter().any(|a| a.network == network(address)), "{address}");
        }
        let routes = rtnetlink.list_routes().unwrap();
        let default = routes.iter().find(|r| r.destination == network("0.0.0.0/0")).unwrap();
        assert_eq!((default.metric, default.gateway), (7, Some("192.0.2.1".parse().unwrap())));
        let advertised: Vec<_> = routes.iter().filter(|r| r.from_advertisement).collect();
        assert_eq!((advertised.len(), advertised[0].link), (1, Some(left.index)));

        let networks = rtnetlink.list_host_networks(&["lo"]).unwrap();
        let networks: Vec<_> = networks.iter().map(|n| (n.network.to_string(), n.link.as_deref())).collect();
        let expected = [
            ("192.0.2.0/25", Some("left")),
            ("198.51.100.0/24", Some("left")),
            ("203.0.113.0/24", None),
            ("2001:db8::/64", Some("left")),
            ("2001:db8:1::/48", Some("left")),
        ];
        assert_eq!(networks, expected.map(|(network, link)| (network.to_owned(), link)));
        assert!(
            !rtnetlink
                .list_host_networks(&["left"])
                .unwrap()
                .iter()
                .any(|n| n.link.as_deref() == Some("left"))
        );

        rtnetlink.delete_route(network("198.51.100.0/24"), left.index).unwrap();
        rtnetlink.delete_address(left.index, network("2001:db8::7/64")).unwrap();
        assert!(rtnetlink.delete_route(network("198.51.100.0/24"), left.index).unwrap_err().is_missing());
        assert!(rtnetlink.delete_address(left.index, network("2001:db8::7/64")).unwrap_err().is_missing());
        rtnetlink.delete_link(left.index).unwrap();
        assert!(rtnetlink.delete_link(left.index).unwrap_err().is_missing());
    });

    assert_eq!(ip(&namespace, "link show").len(), 1);
}

#[test]
fn a_refused_link_says_what_and_why() {
    needs_root();
    let namespace = Namespace::create("refused");

    namespace.run(|| {
        let mut rtnetlink = Rtnetlink::open().unwrap();
        rtnetlink.create_link("left", LinkKind::Veth { peer: "right" }).unwrap();

        let again = rtnetlink.create_link("left", LinkKind::Veth { peer: "other" }).unwrap_err();

        assert!(again.is_exists());
        assert!(again.to_string().starts_with("create the veth link left: the kernel refused: "), "{again}");
        let long = rtnetlink.create_link("a-name-of-16-abc", LinkKind::WireGuard).unwrap_err();
        assert!(long.to_string().contains("a-name-of-16-abc"), "{long}");
        // A kernel with WireGuard makes the link; one without says that it does not know the kind.
        match rtnetlink.create_link("wg", LinkKind::WireGuard) {
            Ok(()) => {
                assert_eq!(rtnetlink.find_link("wg").unwrap().unwrap().kind.as_deref(), Some("wireguard"))
            }
            Err(refused) => {
                assert!(refused.is_unsupported(), "{refused}");
                let missing = Wireguard::open().err().unwrap();
                assert!(missing.is_missing(), "{missing}");
                assert!(
                    missing.to_string().starts_with("find WireGuard in the kernel: the kernel refused: ")
                );
            }
        }
    });
}

#[test]
fn forwarding_keeps_the_advertised_default_route() {
    needs_root();
    let namespace = Namespace::create("forward");
    namespace.shell(
        "ip link add up.1 type veth peer name far; ip link set up.1 up; ip link set far up
         ip address add fd00::1/64 dev up.1 nodad
         ip -6 route add default via fd00::2 dev up.1 proto ra",
    );

    namespace.run(|| {
        assert_eq!(host::forwarding().unwrap(), Forwarding { v4: false, v6: Some(false) });

        let changed = host::enable_forwarding().unwrap();

        let expected =
            ["net.ipv4.ip_forward=1", "net.ipv6.conf.up/1.accept_ra=2", "net.ipv6.conf.all.forwarding=1"];
        assert_eq!(changed, expected);
        assert_eq!(host::forwarding().unwrap(), Forwarding { v4: true, v6: Some(true) });
        assert!(host::enable_forwarding().unwrap().is_empty());
        assert!(Rtnetlink::open().unwrap().list_routes().unwrap().iter().any(|r| r.from_advertisement));
    });
}
