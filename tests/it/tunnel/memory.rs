//! The tunnel and the demonstration's client in memory: real handshakes over loopback, without root.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers fail with the test, and measure"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use caspervpn::domain::desired::ObservedPeer;
use caspervpn::domain::key::{PrivateKey, PublicKey};
use caspervpn::domain::network::Mtu;
use caspervpn::domain::node::InterfaceName;
use caspervpn::vpn::tunnel::client::{Client, ClientSettings};
use caspervpn::vpn::tunnel::memory::MemoryTransport;
use caspervpn::vpn::tunnel::userspace::UserspaceTunnel;
use caspervpn::vpn::tunnel::{InterfaceChange, Tunnel, TunnelError};

use super::lab::{peer, wireguard};
use super::{at, key};

const PATIENCE: Duration = Duration::from_secs(5);

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

async fn start(port: u16) -> (UserspaceTunnel<MemoryTransport>, MemoryTransport) {
    let transport = MemoryTransport::default();
    let tunnel = UserspaceTunnel::new(InterfaceName::numbered(0), transport.clone());
    let changes = [InterfaceChange::Create(Mtu::DEFAULT), wireguard(&key(1), port)];
    tunnel.apply(&changes, at(1)).await.unwrap();
    (tunnel, transport)
}

fn settings(private_key: PrivateKey, port: u16) -> ClientSettings {
    ClientSettings {
        private_key,
        addresses: ["10.77.0.2".parse().unwrap(), "fd77::2".parse().unwrap()].into(),
        server_key: key(1).public_key(),
        server: SocketAddr::from(([127, 0, 0, 1], port)),
        preshared_key: None,
    }
}

fn of_client(client: &PrivateKey) -> InterfaceChange {
    InterfaceChange::SetPeers([(client.public_key(), peer(None, &["10.77.0.2/32", "fd77::2/128"]))].into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_memory_shakes_hands_pings_and_streams() {
    let port = free_port();
    let (tunnel, transport) = start(port).await;
    tunnel.apply(&[of_client(&key(2))], at(1)).await.unwrap();
    let client = Client::connect(&settings(key(2), port)).await.unwrap();

    let shaken = client.handshake(PATIENCE).await;
    let v4 = client.ping("10.77.0.1".parse().unwrap(), 100, PATIENCE).await;
    let v6 = client.ping("fd77::1".parse().unwrap(), 100, PATIENCE).await;
    client.stream("10.77.0.1".parse().unwrap(), 1_000_000, Duration::from_millis(200)).await;

    assert!(shaken && v4 && v6);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (packets, bytes) = client.sent();
    assert!(bytes > 150_000, "{bytes}");
    assert_eq!(client.received(), (packets, bytes), "everything came back");
    assert_eq!(transport.received(), (packets, bytes));
    let found = tunnel.statistics(at(1_000_000)).await.unwrap();
    assert!(found[0].reading.traffic.rx_bytes >= bytes);
    assert!(found[0].last_handshake.is_some());
    client.close().await;
    tunnel.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_was_idle_before_shook_hands_when_it_did() {
    let port = free_port();
    let (tunnel, _) = start(port).await;
    tunnel.apply(&[of_client(&key(2))], at(1_000_000)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = tunnel.statistics(at(1_003_000)).await.unwrap();
    let client = Client::connect(&settings(key(2), port)).await.unwrap();

    let shaken =
        client.handshake(PATIENCE).await && client.ping("10.77.0.1".parse().unwrap(), 100, PATIENCE).await;
    let after = tunnel.statistics(at(1_003_500)).await.unwrap();

    assert!(shaken);
    assert_eq!(before[0].last_handshake, None);
    let began = after[0].last_handshake.unwrap().as_millis();
    assert!((1_003_000..=1_003_500).contains(&began), "{began}");
    client.close().await;
    tunnel.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_no_peer_gets_no_handshake() {
    let port = free_port();
    let (tunnel, _) = start(port).await;
    tunnel.apply(&[of_client(&key(2))], at(1)).await.unwrap();
    let stranger = Client::connect(&settings(key(3), port)).await.unwrap();

    let shaken = stranger.handshake(Duration::from_millis(500)).await;

    assert!(!shaken);
    stranger.close().await;
    tunnel.close().await;
}

#[tokio::test]
async fn a_busy_port_is_named_and_free_after_close() {
    let port = free_port();
    let (tunnel, _) = start(port).await;
    let second = UserspaceTunnel::new(InterfaceName::numbered(1), MemoryTransport::default());
    let changes = [InterfaceChange::Create(Mtu::DEFAULT), wireguard(&key(1), port)];

    let refused = second.apply(&changes, at(1)).await.unwrap_err();

    assert!(matches!(refused, TunnelError::PortBusy { .. }), "{refused}");
    assert!(refused.to_string().contains(&port.to_string()));
    assert_eq!(second.observe().await.unwrap().unwrap().listen_port, None);
    tunnel.close().await;
    second.apply(&changes[1..], at(2)).await.expect("the port is free, and the interface tries again");
    second.close().await;
    assert!(std::net::UdpSocket::bind(("::", port)).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_peers_are_applied_changed_and_removed() {
    let (tunnel, _) = start(free_port()).await;
    let peers: BTreeMap<PublicKey, ObservedPeer> = (0..10_000_u16)
        .map(|n| {
            let [high, low] = n.to_be_bytes();
            let mut public = [1; 32];
            public[..2].copy_from_slice(&[high, low]);
            let ips = [format!("10.1.{high}.{low}/32"), format!("fd77::{n:x}/128")];
            (PublicKey::new(public), peer(None, &[&ips[0], &ips[1]]))
        })
        .collect();

    let began = std::time::Instant::now();
    tunnel.apply(&[InterfaceChange::SetPeers(peers.clone())], at(1)).await.unwrap();
    let added = began.elapsed();
    let (first, mut changed) = peers.first_key_value().map(|(key, peer)| (*key, peer.clone())).unwrap();
    changed.allowed_ips = ["10.200.0.1/32".parse().unwrap()].into();
    tunnel.apply(&[InterfaceChange::SetPeers([(first, changed.clone())].into())], at(2)).await.unwrap();
    let one_changed = began.elapsed() - added;

    let mut wanted = peers;
    wanted.insert(first, changed);
    assert_eq!(tunnel.observe().await.unwrap().unwrap().peers, wanted);
    assert_eq!(tunnel.statistics(at(3)).await.unwrap().len(), 10_000);
    let some: BTreeSet<PublicKey> = wanted.keys().copied().step_by(500).collect();
    let began = std::time::Instant::now();
    tunnel.apply(&[InterfaceChange::RemovePeers(some)], at(4)).await.unwrap();
    eprintln!(
        "added 10,000 in {added:?}, changed one in {one_changed:?}, removed 20 in {:?}",
        began.elapsed()
    );
    assert_eq!(tunnel.statistics(at(5)).await.unwrap().len(), 9_980);
    tunnel.close().await;
}
