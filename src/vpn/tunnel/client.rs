//! A WireGuard client in memory, for the demonstration: real handshakes and real packets, no interface.
//!
//! It only ever talks to the one server it was given.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use gotatun::device::{self, Device, DeviceBuilder};
use gotatun::packet::{Ip, Packet};
use gotatun::x25519;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::domain::network::Mtu;
use crate::vpn::tunnel::TunnelError;
use crate::vpn::tunnel::echo;
use crate::vpn::tunnel::handshakes::HandshakeCounts;
use crate::vpn::tunnel::memory::{Counts, MemoryRecv, MemorySend, packet, queue};
use crate::vpn::tunnel::udp::{UdpFactory, UdpFree};

/// Replies that a slow listener may miss before it sees the newest again.
const PONGS: usize = 256;

/// How often a stream sends. Shorter costs wake-ups, longer makes bursts that overflow queues.
const TICK: Duration = Duration::from_millis(10);

/// The payload of a datagram of a stream: what fits the smallest MTU that IPv6 allows (RFC 8200 §5).
const STREAM_PAYLOAD_BYTES: usize = 1_280 - 40 - 8;

/// The UDP port that streams come from, in the dynamic range of RFC 6335.
const STREAM_PORT: u16 = 49_152;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The client's own key.
    pub private_key: PrivateKey,
    /// The client's addresses in the tunnel.
    pub addresses: BTreeSet<IpAddr>,
    /// The server's key.
    pub server_key: PublicKey,
    /// Where the server listens.
    pub server: SocketAddr,
    /// The secret both share beside the key pairs.
    pub preshared_key: Option<PresharedKey>,
}

/// A connected client. Dropping it leaves its tasks to end by themselves; [`Client::close`] waits.
pub struct Client {
    device: Device<(UdpFactory, MemorySend, MemoryRecv)>,
    udp_free: UdpFree,
    server_key: x25519::PublicKey,
    addresses: BTreeSet<IpAddr>,
    outgoing: mpsc::Sender<Packet<Ip>>,
    pongs: broadcast::Sender<u16>,
    sent: Counts,
    received: Arc<Counts>,
    next_sequence: AtomicU16,
}

impl Client {
    /// Starts a client. The handshake comes with the first packet, or with [`Client::handshake`].
    ///
    /// # Errors
    /// No UDP socket could be bound.
    pub async fn connect(settings: &ClientSettings) -> Result<Self, TunnelError> {
        let (outgoing, recv) = queue(Mtu::DEFAULT);
        let (pongs, received) = (broadcast::Sender::new(PONGS), Arc::new(Counts::default()));
        let (heard, count) = (pongs.clone(), Arc::clone(&received));
        let send = MemorySend::new(move |packet| {
            count.add(packet.len());
            if let Some(sequence) = echo::pong(&packet) {
                // Nobody listening is no fault.
                let _ = heard.send(sequence);
            }
        });
        let server_key = x25519::PublicKey::from(*settings.server_key.as_bytes());
        let mut peer = device::Peer::new(server_key).with_endpoint(settings.server);
        peer.preshared_key = settings.preshared_key.as_ref().map(|key| *key.expose());
        peer.allowed_ips = ["0.0.0.0/0", "::/0"].iter().filter_map(|net| net.parse().ok()).collect();
        let (udp, udp_free) = UdpFactory::new(HandshakeCounts::new());
        let device = DeviceBuilder::new()
            .with_udp(udp)
            .with_ip_pair(send, recv)
            .with_private_key(x25519::StaticSecret::from(*settings.private_key.expose()))
            .with_peer(peer)
            .build()
            .await
            .map_err(|cause| TunnelError::Client { cause })?;
        Ok(Self {
            device,
            udp_free,
            server_key,
            addresses: settings.addresses.clone(),
            outgoing,
            pongs,
            sent: Counts::default(),
            received,
            next_sequence: AtomicU16::new(0),
        })
    }

    /// Shakes hands with the server. `false`: it has not answered in time.
    pub async fn handshake(&self, patience: Duration) -> bool {
        matches!(timeout(patience, self.device.force_handshake(&self.server_key)).await, Ok(Ok(())))
    }

    /// Sends one echo request. `false`: no answer in time, or the client has no address of that family.
    pub async fn ping(&self, to: IpAddr, payload_bytes: usize, patience: Duration) -> bool {
        let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        let mut pongs = self.pongs.subscribe();
        let request = self.address_towards(to).and_then(|from| echo::ping(from, to, sequence, payload_bytes));
        if !request.is_some_and(|request| self.send(&request)) {
            return false;
        }
        let answer = async {
            loop {
                match pongs.recv().await {
                    Ok(heard) if heard == sequence => return true,
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return false,
                }
            }
        };
        timeout(patience, answer).await.unwrap_or(false)
    }

    /// Sends datagrams to the server's echo port at this rate for this long; each comes back.
    pub async fn stream(&self, to: IpAddr, bytes_per_s: u64, length: Duration) {
        let Some(from) = self.address_towards(to) else { return };
        let (from, to) = (SocketAddr::new(from, STREAM_PORT), SocketAddr::new(to, echo::ECHO_PORT));
        let Some(datagram) = echo::datagram(from, to, STREAM_PAYLOAD_BYTES) else { return };
        let size = u64::try_from(datagram.len()).unwrap_or(u64::MAX);
        let ticks_per_s = 1_000 / u64::try_from(TICK.as_millis()).unwrap_or(1);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut owed = 0;
        for _ in 0..length.as_millis() / TICK.as_millis() {
            ticks.tick().await;
            owed += bytes_per_s / ticks_per_s;
            while owed >= size {
                self.send(&datagram);
                owed -= size;
            }
        }
    }

    /// Packets put into the tunnel so far, and their bytes.
    pub fn sent(&self) -> (u64, u64) {
        self.sent.read()
    }

    /// Packets that came out of the tunnel so far, and their bytes.
    pub fn received(&self) -> (u64, u64) {
        self.received.read()
    }

    /// Stops the client. When this returns, its socket is closed.
    pub async fn close(self) {
        self.device.stop().await;
        self.udp_free.wait().await;
    }

    fn address_towards(&self, to: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| address.is_ipv4() == to.is_ipv4())
    }

    fn send(&self, bytes: &[u8]) -> bool {
        let sent = packet(bytes).is_some_and(|packet| self.outgoing.try_send(packet).is_ok());
        if sent {
            self.sent.add(bytes.len());
        }
        sent
    }
}
