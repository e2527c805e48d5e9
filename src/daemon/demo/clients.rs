//! Three clients of the demonstration: real handshakes, real packets, over loopback UDP.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::daemon::demo::DemoError;
use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::vpn::tunnel::client::{Client, ClientSettings};

/// A device whose client runs here.
#[derive(Debug)]
pub(super) struct DemoDevice {
    /// Its key, which only the client has.
    pub(super) private_key: PrivateKey,
    /// Its addresses.
    pub(super) addresses: BTreeSet<IpAddr>,
    /// The node's key.
    pub(super) node_key: PublicKey,
    /// What both share.
    pub(super) preshared_key: Option<PresharedKey>,
    /// The node's address in the tunnel.
    pub(super) node_address: IpAddr,
}

/// How much each client moves while it talks, so that the three look different.
const RATES_BYTES_PER_S: [u64; 3] = [200_000, 60_000, 15_000];

/// How long a client talks, and how long it is quiet then.
const TALK: Duration = Duration::from_secs(8);
const QUIET: Duration = Duration::from_secs(4);

/// The node needs a moment to take a new device in.
const PATIENCE: Duration = Duration::from_millis(500);

/// Connects every device and lets it talk without end. `ready` is called once each has shaken hands.
pub(super) async fn talk(
    devices: &[DemoDevice],
    udp_port: u16,
    ready: impl FnOnce(),
) -> Result<(), DemoError> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, udp_port));
    let mut clients = Vec::new();
    for device in devices {
        let settings = ClientSettings {
            private_key: device.private_key.clone(),
            addresses: device.addresses.clone(),
            server_key: device.node_key,
            server,
            preshared_key: device.preshared_key.clone(),
        };
        clients.push((Client::connect(&settings).await.map_err(DemoError::Client)?, device.node_address));
    }
    join_all(clients.iter().map(|(client, _)| connect(client))).await;
    ready();
    join_all(clients.iter().zip(RATES_BYTES_PER_S).map(|((client, to), rate)| chat(client, *to, rate))).await;
    Ok(())
}

async fn connect(client: &Client) {
    while !client.handshake(PATIENCE).await {
        sleep(PATIENCE).await;
    }
}

async fn chat(client: &Client, to: IpAddr, bytes_per_s: u64) {
    loop {
        client.ping(to, 56, PATIENCE).await;
        client.stream(to, bytes_per_s, TALK).await;
        sleep(QUIET).await;
    }
}
