//! Packets through the firewall: two devices, a node and the internet, each in a namespace, with a bridge in
//! place of the tunnel.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use caspervpn::domain::firewall::{Firewall, InterfaceRules};
use caspervpn::domain::node::InterfaceName;
use caspervpn::vpn::firewall::NodeFirewall;
use caspervpn::vpn::host;
use socket2::SockRef;

use crate::namespaces::{Namespace, needs_root};

const UPLINK_V4: &str = "192.0.2.1";
const UPLINK_V6: &str = "2001:db8::1";
const SERVER_V4: &str = "192.0.2.2";
const SERVER_V6: &str = "2001:db8::2";
/// Where clouds hand a host its credentials.
const METADATA: &str = "169.254.169.254";

/// Long enough for a packet through three namespaces on a busy machine, short enough to wait for nothing.
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(700);

struct World {
    node: Namespace,
    internet: Namespace,
    devices: [Namespace; 2],
}

impl World {
    fn create() -> Self {
        let [node, internet, first, second] = ["node", "net", "dev1", "dev2"].map(Namespace::create);
        node.shell(&format!(
            "ip link add cvpn0 type bridge; ip link set cvpn0 up
             ip address add 10.8.0.1/24 dev cvpn0; ip address add fd00:8::1/64 dev cvpn0 nodad
             ip link add up0 type veth peer name eth0 netns {internet}
             ip link set up0 mtu 1300; ip link set up0 up
             ip address add {UPLINK_V4}/24 dev up0; ip address add {UPLINK_V6}/64 dev up0 nodad",
            internet = internet.name(),
        ));
        internet.shell(&format!(
            "ip link set eth0 up; ip address add {SERVER_V4}/24 dev eth0; ip address add {SERVER_V6}/64 dev eth0 nodad
             ip route add 10.8.0.0/24 via {UPLINK_V4}; ip -6 route add fd00:8::/64 via {UPLINK_V6}"
        ));
        for (number, device) in (2..).zip([&first, &second]) {
            node.shell(&format!(
                "ip link add port{number} type veth peer name tun0 netns {0}
                 ip link set port{number} master cvpn0; ip link set port{number} up",
                device.name()
            ));
            // Single addresses, as a tunnel has them: all packets go through the node.
            device.shell(&format!(
                "ip link set tun0 up; ip address add 10.8.0.{number}/32 dev tun0
                 ip address add fd00:8::{number}/128 dev tun0 nodad
                 ip route add 10.8.0.1 dev tun0; ip route add default via 10.8.0.1
                 ip -6 route add fd00:8::1 dev tun0; ip -6 route add default via fd00:8::1
                 echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects
                 echo 0 > /proc/sys/net/ipv4/conf/tun0/accept_redirects
                 echo 0 > /proc/sys/net/ipv6/conf/tun0/accept_redirects"
            ));
        }
        node.run(|| {
            host::enable_forwarding().unwrap();
        });
        Self { node, internet, devices: [first, second] }
    }

    fn apply(&self, isolated: bool, devices: &[&str]) {
        let rules = InterfaceRules {
            pools: ["10.8.0.0/24", "fd00:8::/64"].iter().map(|p| p.parse().unwrap()).collect(),
            isolated,
            devices: devices.iter().map(|d| d.parse().unwrap()).collect(),
        };
        let firewall = Firewall { interfaces: BTreeMap::from([(InterfaceName::numbered(0), rules)]) };
        self.node.run(|| NodeFirewall::open().unwrap().apply(&firewall).unwrap());
    }
}

const ALL: &[&str] = &["10.8.0.2", "10.8.0.3", "fd00:8::2", "fd00:8::3"];

/// A server that was reached from, and the connection to it.
struct Flow {
    client: TcpStream,
    server: TcpStream,
    seen_from: SocketAddr,
}

impl Flow {
    fn open(from: &Namespace, to: &Namespace, address: &str) -> Option<Self> {
        let address: IpAddr = address.parse().unwrap();
        let listener = to.run(|| TcpListener::bind(SocketAddr::new(address, 0)).unwrap());
        let target = listener.local_addr().unwrap();
        let client = from.run(|| TcpStream::connect_timeout(&target, SILENCE)).ok()?;
        let (server, seen_from) = listener.accept().unwrap();
        Some(Self { client, server, seen_from })
    }

    /// Whether something sent arrives at the server.
    fn carries(&mut self, patience: Duration) -> bool {
        self.client.write_all(b"x").unwrap();
        self.server.set_read_timeout(Some(patience)).unwrap();
        match self.server.read(&mut [0; 1]) {
            Ok(count) => count == 1,
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
            Err(cause) => panic!("{cause}"),
        }
    }
}

#[test]
fn devices_reach_the_internet_under_the_address_of_the_node() {
    needs_root();
    let world = World::create();
    world.apply(true, ALL);

    for (server, uplink) in [(SERVER_V4, UPLINK_V4), (SERVER_V6, UPLINK_V6)] {
        let mut flow = Flow::open(&world.devices[0], &world.internet, server).unwrap();

        assert_eq!(flow.seen_from.ip(), uplink.parse::<IpAddr>().unwrap());
        assert!(flow.carries(PATIENCE));
    }
}

#[test]
fn segments_are_cut_to_what_the_uplink_carries() {
    needs_root();
    let world = World::create();
    world.apply(true, ALL);

    // 1300 bytes without IP header, TCP header and the 12 bytes of TCP timestamps.
    for (server, mss) in [(SERVER_V4, 1300 - 20 - 20 - 12), (SERVER_V6, 1300 - 40 - 20 - 12)] {
        let flow = Flow::open(&world.devices[0], &world.internet, server).unwrap();

        assert_eq!(SockRef::from(&flow.server).tcp_mss().unwrap(), mss);
    }
}

#[test]
fn devices_reach_each_other_only_where_that_is_allowed() {
    needs_root();
    let world = World::create();
    let [first, second] = &world.devices;

    for address in ["10.8.0.3", "fd00:8::3"] {
        world.apply(false, ALL);
        let mut flow = Flow::open(first, second, address).unwrap();
        assert!(flow.carries(PATIENCE), "{address}");

        world.apply(true, ALL);
        assert!(!flow.carries(SILENCE), "a live flow to {address} ends with the permission");
        assert!(Flow::open(first, second, address).is_none(), "{address}");
    }
}

#[test]
fn the_live_flow_of_a_device_that_is_taken_out_stops_and_comes_back_with_it() {
    needs_root();
    let world = World::create();

    for (server, without) in [(SERVER_V4, ["10.8.0.3", "fd00:8::2"]), (SERVER_V6, ["10.8.0.2", "fd00:8::3"])]
    {
        world.apply(true, ALL);
        let mut flow = Flow::open(&world.devices[0], &world.internet, server).unwrap();
        assert!(flow.carries(PATIENCE), "{server}");

        world.apply(true, &without);
        assert!(!flow.carries(SILENCE), "{server}");

        world.apply(true, ALL);
        let begun = Instant::now();
        assert!(flow.carries(PATIENCE), "{server}: nothing after {:?}", begun.elapsed());
    }
}

#[test]
fn nobody_outside_opens_a_connection_to_a_device() {
    needs_root();
    let world = World::create();
    for address in ["10.8.0.2", "fd00:8::2"] {
        assert!(Flow::open(&world.internet, &world.devices[0], address).is_some(), "{address}");
    }

    world.apply(false, ALL);

    for address in ["10.8.0.2", "fd00:8::2"] {
        assert!(Flow::open(&world.internet, &world.devices[0], address).is_none(), "{address}");
    }
}

#[test]
fn the_metadata_service_of_a_cloud_is_out_of_reach() {
    needs_root();
    let world = World::create();
    world.internet.shell(&format!("ip address add {METADATA}/32 dev eth0"));
    world.node.shell(&format!("ip route add {METADATA} dev up0"));
    assert!(Flow::open(&world.devices[0], &world.internet, METADATA).is_some());

    world.apply(false, ALL);

    assert!(Flow::open(&world.devices[0], &world.internet, METADATA).is_none());
    assert!(Flow::open(&world.devices[0], &world.internet, SERVER_V4).is_some());
    assert!(Flow::open(&world.node, &world.internet, METADATA).is_some(), "the host itself still needs it");
}

#[test]
fn a_stranger_address_behind_the_tunnel_is_dropped() {
    needs_root();
    let world = World::create();
    world.apply(false, &["10.8.0.3", "fd00:8::3"]);

    for server in [SERVER_V4, SERVER_V6] {
        assert!(Flow::open(&world.devices[0], &world.internet, server).is_none(), "{server}");
        assert!(Flow::open(&world.devices[1], &world.internet, server).is_some(), "{server}");
    }
}
