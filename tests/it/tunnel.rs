//! The userspace tunnel against stock WireGuard in network namespaces, and against itself in memory.

mod lab;
mod memory;

use std::process::Command;
use std::sync::Arc;

use crate::namespaces::needs_root;
use caspervpn::domain::key::PrivateKey;
use caspervpn::domain::network::Mtu;
use caspervpn::domain::node::InterfaceName;
use caspervpn::domain::time::Timestamp;
use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use caspervpn::vpn::tunnel::kernel::KernelTunnel;
use caspervpn::vpn::tunnel::probe::{Backend, Choice, probe};
use caspervpn::vpn::tunnel::tun::TunTransport;
use caspervpn::vpn::tunnel::userspace::UserspaceTunnel;
use caspervpn::vpn::tunnel::{InterfaceChange, Tunnel, TunnelError};
use lab::{
    Lab, SERVER, SERVER_V6, SERVER_WIRE, SERVER_WIRE_V6, client_config, eventually, peer, run, start_server,
    wireguard,
};

const PORT: u16 = 51_820;
const CLIENT: [&str; 2] = ["10.77.0.2/24", "fd77::2/64"];

fn key(byte: u8) -> PrivateKey {
    PrivateKey::new([byte; 32])
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn endpoint() -> String {
    format!("{SERVER_WIRE}:{PORT}")
}

fn set_peer(client: &PrivateKey, psk: Option<[u8; 32]>, host: u8) -> InterfaceChange {
    let ips = [format!("10.77.0.{host}/32"), format!("fd77::{host}/128")];
    InterfaceChange::SetPeers([(client.public_key(), peer(psk, &[&ips[0], &ips[1]]))].into())
}

#[test]
fn a_stock_client_reaches_the_server_and_both_count_the_same() {
    needs_root();
    let mut lab = Lab::new();
    let (server, client) = (key(1), key(2));
    let interface = lab.start_client(&client_config(&client, &server, None, &endpoint()), &CLIENT);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;
        tunnel.apply(&[set_peer(&client, None, 2)], at(5)).await.unwrap();

        let answered = lab.ping(SERVER, 50, 1200) && lab.ping(SERVER_V6, 50, 1372);

        assert!(answered);
        let found = tunnel.statistics(at(1_000_000)).await.unwrap();
        let [of_client] = found.as_slice() else { panic!("one peer") };
        let shown = lab.wg(&["show", &interface, "transfer"]);
        let counted: Vec<u64> = shown.split_whitespace().skip(1).map(|text| text.parse().unwrap()).collect();
        assert_eq!(of_client.public_key, client.public_key());
        assert_eq!(of_client.reading.epoch, 5);
        assert_eq!(of_client.reading.traffic.tx_bytes, counted[0]);
        // gotatun counts what it received without the 32 bytes around each packet and without handshakes.
        let around = counted[1] - of_client.reading.traffic.rx_bytes;
        assert!((100 * 32..100 * 32 + 400).contains(&around), "{around}");
        assert!(of_client.last_handshake.is_some_and(|at| at.as_millis() > 990_000));
        assert!(of_client.endpoint.is_some_and(|endpoint| endpoint.ip().to_string() == "192.0.2.2"));
        tunnel.close().await;
    });
}

#[test]
fn the_outer_packets_may_be_ipv6() {
    needs_root();
    let mut lab = Lab::new();
    let (server, client) = (key(1), key(2));
    let endpoint = format!("[{SERVER_WIRE_V6}]:{PORT}");
    lab.start_client(&client_config(&client, &server, None, &endpoint), &CLIENT);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;
        tunnel.apply(&[set_peer(&client, None, 2)], at(5)).await.unwrap();

        assert!(lab.ping(SERVER, 3, 56));
        tunnel.close().await;
    });
}

#[test]
fn removing_one_peer_ends_its_traffic_and_leaves_the_other_alone() {
    needs_root();
    let mut lab = Lab::new();
    let (server, stays, goes) = (key(1), key(2), key(3));
    let kept = lab.start_client(&client_config(&stays, &server, None, &endpoint()), &CLIENT);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;
        tunnel.apply(&[set_peer(&stays, None, 2), set_peer(&goes, None, 3)], at(5)).await.unwrap();
        assert!(lab.ping(SERVER, 1, 56));
        let handshake = lab.wg(&["show", &kept, "latest-handshakes"]);

        tunnel.apply(&[InterfaceChange::RemovePeers([goes.public_key()].into())], at(6)).await.unwrap();
        assert!(lab.ping(SERVER, 1, 56));
        assert_eq!(lab.wg(&["show", &kept, "latest-handshakes"]), handshake);

        tunnel.apply(&[InterfaceChange::RemovePeers([stays.public_key()].into())], at(7)).await.unwrap();
        assert!(!lab.ping(SERVER, 1, 56));

        tunnel.apply(&[set_peer(&stays, None, 2)], at(8)).await.unwrap();
        let epoch = tunnel.statistics(at(9)).await.unwrap()[0].reading.epoch;
        assert_eq!(epoch, 8, "counters begin a new life with the peer");
        tunnel.close().await;
    });
}

#[test]
fn only_the_right_keys_get_in() {
    needs_root();
    let mut lab = Lab::new();
    let (server, client, psk) = (key(1), key(2), Some([9; 32]));
    let interface = lab.start_client(&client_config(&client, &server, psk, &endpoint()), &CLIENT);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;

        tunnel.apply(&[set_peer(&client, Some([8; 32]), 2)], at(5)).await.unwrap();
        assert!(!lab.ping(SERVER, 1, 56), "another preshared key");

        tunnel.apply(&[set_peer(&client, psk, 2)], at(6)).await.unwrap();
        // The client tries again 5 s after its last try (REKEY_TIMEOUT of the WireGuard paper, §6.1).
        eventually("the handshake with the right preshared key", || lab.ping(SERVER, 1, 56));

        tunnel.apply(&[wireguard(&key(7), PORT)], at(7)).await.unwrap();
        assert!(!lab.ping(SERVER, 1, 56), "another server key");
        assert!(lab.wg(&["show", &interface]).contains("preshared key"));
        tunnel.close().await;
    });
}

#[test]
fn the_port_changes_under_a_live_session_and_the_old_one_is_free() {
    needs_root();
    let mut lab = Lab::new();
    let (server, client) = (key(1), key(2));
    let interface = lab.start_client(&client_config(&client, &server, None, &endpoint()), &CLIENT);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;
        tunnel.apply(&[set_peer(&client, None, 2)], at(5)).await.unwrap();
        assert!(lab.ping(SERVER, 1, 56));
        let handshake = lab.wg(&["show", &interface, "latest-handshakes"]);

        tunnel.apply(&[wireguard(&server, PORT + 1)], at(6)).await.unwrap();

        let old = std::net::UdpSocket::bind(("::", PORT)).expect("the old port is free");
        let moved = format!("{SERVER_WIRE}:{}", PORT + 1);
        lab.wg(&["set", &interface, "peer", &server.public_key().to_string(), "endpoint", &moved]);
        assert!(lab.ping(SERVER, 1, 56));
        assert_eq!(lab.wg(&["show", &interface, "latest-handshakes"]), handshake, "the session lasts");

        let refused = tunnel.apply(&[wireguard(&server, PORT)], at(7)).await.unwrap_err();
        assert!(matches!(refused, TunnelError::PortBusy { .. }), "{refused}");
        assert!(lab.ping(SERVER, 1, 56), "a busy port leaves the old one in use");
        drop(old);
        tunnel.close().await;
    });
}

#[test]
fn a_larger_mtu_is_followed_while_the_tunnel_runs() {
    needs_root();
    let mut lab = Lab::new();
    let (server, client) = (key(1), key(2));
    let interface = lab.start_client(&client_config(&client, &server, None, &endpoint()), &CLIENT);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;
        tunnel.apply(&[set_peer(&client, None, 2)], at(5)).await.unwrap();
        assert!(lab.ping(SERVER, 1, 1300));

        run(&["ip", "-n", &lab.server, "link", "set", "cvpn0", "mtu", "8000"]);
        run(&["ip", "-n", &lab.client, "link", "set", &interface, "mtu", "8000"]);

        // The first answer is lost in the buffers of the old size.
        eventually("an answer in one large packet", || lab.ping(SERVER, 1, 7_900));
        assert!(lab.ping(SERVER, 5, 7_900));
        assert_eq!(tunnel.observe().await.unwrap().unwrap().mtu, Mtu::try_from(8_000).ok());
        tunnel.close().await;
    });
}

#[test]
fn name_and_port_are_free_right_after_close() {
    needs_root();
    let lab = Lab::new();
    lab.in_server(async {
        for _ in 0..5 {
            let tunnel = start_server(&lab, &key(1), PORT).await;
            let second = UserspaceTunnel::new(InterfaceName::numbered(0), TunTransport);
            let refused = second.apply(&[InterfaceChange::Create(Mtu::DEFAULT)], at(1)).await.unwrap_err();
            assert!(matches!(refused, TunnelError::NameInUse { .. }), "{refused}");

            tunnel.close().await;

            let links = run(&["ip", "-n", &lab.server, "-o", "link"]);
            assert!(!links.contains("cvpn0"), "{links}");
            assert!(std::net::UdpSocket::bind(("::", PORT)).is_ok());
            assert_eq!(tunnel.observe().await.unwrap(), None);
        }
    });
}

#[test]
fn an_interface_deleted_by_somebody_is_seen_as_absent_and_can_be_made_again() {
    needs_root();
    let lab = Lab::new();
    lab.in_server(async {
        let tunnel = start_server(&lab, &key(1), PORT).await;
        let before = tunnel.observe().await.unwrap().unwrap();
        assert_eq!(before.public_key, Some(key(1).public_key()));
        assert_eq!(before.mtu, Some(Mtu::DEFAULT));

        Command::new("ip").args(["-n", &lab.server, "link", "del", "cvpn0"]).status().unwrap();
        let mut gone = false;
        for _ in 0..100 {
            gone = gone || tunnel.observe().await.unwrap().is_none();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }

        assert!(gone);
        let changes = [InterfaceChange::Create(Mtu::DEFAULT), wireguard(&key(1), PORT)];
        tunnel.apply(&changes, at(2)).await.unwrap();
        assert_eq!(tunnel.observe().await.unwrap().unwrap().listen_port, before.listen_port);
        tunnel.close().await;
    });
}

#[test]
fn what_can_carry_a_tunnel_is_found_by_trying_and_leaves_nothing_behind() {
    needs_root();
    let lab = Lab::new();
    lab.in_server(async {
        let kernel = probe(Choice::Kernel);

        let expected = if kernel.is_ok() { Backend::Kernel } else { Backend::Userspace };
        assert_eq!(probe(Choice::Auto).unwrap(), expected);
        assert_eq!(probe(Choice::Userspace).unwrap(), Backend::Userspace);
        if let Err(refused) = kernel {
            assert!(matches!(refused, TunnelError::KernelMissing { .. }), "{refused}");
        }
        let links = run(&["ip", "-n", &lab.server, "-o", "link"]);
        assert!(!links.contains(": cvpn"), "{links}");
    });
}

#[test]
fn a_kernel_tunnel_works_or_says_that_the_kernel_has_none() {
    needs_root();
    let lab = Lab::new();
    lab.in_server(async {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let tunnel = KernelTunnel::open(InterfaceName::numbered(0), tasks).unwrap();
        assert_eq!(tunnel.observe().await.unwrap(), None);

        let changes =
            [InterfaceChange::Create(Mtu::DEFAULT), wireguard(&key(1), PORT), set_peer(&key(2), None, 2)];
        let applied = tunnel.apply(&changes, at(5)).await;

        match applied {
            Ok(()) => {
                let found = tunnel.observe().await.unwrap().unwrap();
                assert_eq!(found.public_key, Some(key(1).public_key()));
                assert_eq!(found.peers.len(), 1);
                assert_eq!(tunnel.statistics(at(6)).await.unwrap()[0].reading.epoch, 5);
            }
            Err(refused) => assert!(matches!(refused, TunnelError::KernelMissing { .. }), "{refused}"),
        }
        tunnel.close().await;
        assert_eq!(tunnel.observe().await.unwrap(), None);
    });
}
