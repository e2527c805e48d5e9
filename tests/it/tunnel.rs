//! The userspace tunnel against stock WireGuard, in network namespaces.

mod lab;

use caspervpn::domain::key::PrivateKey;
use caspervpn::domain::time::Timestamp;
use caspervpn::vpn::tunnel::{InterfaceChange, Tunnel};
use lab::{Lab, SERVER, SERVER_V6, SERVER_WIRE, client_config, has_root, peer, start_server};

const PORT: u16 = 51_820;

fn key(byte: u8) -> PrivateKey {
    PrivateKey::new([byte; 32])
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn one_peer(client: &PrivateKey, psk: Option<[u8; 32]>) -> InterfaceChange {
    InterfaceChange::SetPeers([(client.public_key(), peer(psk, &["10.77.0.2/32", "fd77::2/128"]))].into())
}

#[test]
fn a_stock_client_reaches_the_server_over_both_families() {
    if !has_root() {
        return;
    }
    let mut lab = Lab::new();
    let (server, client) = (key(1), key(2));
    let config = client_config(&client, &server, None, &format!("{SERVER_WIRE}:{PORT}"));
    lab.start_client(&config, &["10.77.0.2/24", "fd77::2/64"]);
    lab.in_server(async {
        let tunnel = start_server(&lab, &server, PORT).await;
        tunnel.apply(&[one_peer(&client, None)], at(5)).await.unwrap();

        let (v4, v6) = (lab.ping(SERVER, 3, 56), lab.ping(SERVER_V6, 3, 1372));

        assert!(v4 && v6);
        let found = tunnel.statistics(at(1_000_000)).await.unwrap();
        eprintln!("{found:?}");
        tunnel.close().await;
    });
}
