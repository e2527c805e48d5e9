//! WireGuard in this process: gotatun's device between our UDP socket and a packet transport.
//!
//! Invariant: this is the only writer of its device, so what it has applied is what the device holds.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gotatun::device::{self, Device, DeviceBuilder};
use gotatun::x25519;
use tokio::sync::Mutex;

use crate::domain::desired::{ObservedInterface, ObservedPeer, WireguardSettings};
use crate::domain::handshake::Handshakes;
use crate::domain::key::{PrivateKey, PublicKey};
use crate::domain::network::Mtu;
use crate::domain::node::{InterfaceName, Port as UdpPort};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Reading, Traffic};
use crate::vpn::tunnel::handshakes::{HandshakeCounts, HandshakeWatch};
use crate::vpn::tunnel::lease::LeaseEnd;
use crate::vpn::tunnel::transport::{PacketTransport, Port, PortState};
use crate::vpn::tunnel::udp::{UdpFactory, UdpFree};
use crate::vpn::tunnel::{InterfaceChange, PeerStatistics, Tunnel, TunnelError};

type Engine<T> = Device<(UdpFactory, <T as PacketTransport>::Send, <T as PacketTransport>::Recv)>;

/// Two readings of one handshake may differ by this much: gotatun tells an age, we tell a time.
const HANDSHAKE_JITTER_MS: i64 = 1_000;

/// A WireGuard interface in this process.
pub struct UserspaceTunnel<T: PacketTransport> {
    interface: InterfaceName,
    transport: T,
    state: Mutex<State<T>>,
}

enum State<T: PacketTransport> {
    /// No interface.
    Absent,
    /// An interface without a key: packets go nowhere.
    Open(Port<T::Send, T::Recv>),
    /// WireGuard is spoken.
    Running(Box<Running<T>>),
}

struct Running<T: PacketTransport> {
    engine: Engine<T>,
    port_state: Box<dyn PortState>,
    packets_free: LeaseEnd,
    udp_free: UdpFree,
    handshakes: Arc<HandshakeCounts>,
    watch: HandshakeWatch,
    public_key: PublicKey,
    /// `None` while no socket could be bound.
    listen_port: Option<UdpPort>,
    peers: BTreeMap<PublicKey, Applied>,
}

/// A peer in the device, and what the device forgets about it.
struct Applied {
    peer: ObservedPeer,
    epoch: i64,
    last_handshake: Option<Timestamp>,
    /// When its counters were last read; before that, when it was added.
    read_at: Timestamp,
}

impl<T: PacketTransport> UserspaceTunnel<T> {
    /// A tunnel for the interface of that name, which `apply` creates.
    pub fn new(interface: InterfaceName, transport: T) -> Self {
        Self { interface, transport, state: Mutex::new(State::Absent) }
    }

    async fn perform(
        &self,
        state: &mut State<T>,
        change: &InterfaceChange,
        now: Timestamp,
    ) -> Result<(), TunnelError> {
        match change {
            InterfaceChange::Create(mtu) => {
                std::mem::replace(state, State::Absent).stop().await;
                *state = State::Open(self.transport.open(&self.interface, *mtu)?);
                Ok(())
            }
            InterfaceChange::SetWireguard(settings) => self.set_wireguard(state, settings, now).await,
            InterfaceChange::RemovePeers(keys) => {
                let running = self.running(state)?;
                for key in keys {
                    let removed = running.engine.remove_peer(&public(key)).await;
                    removed.map_err(|cause| self.engine_error("remove a peer", cause))?;
                    running.peers.remove(key);
                }
                Ok(())
            }
            InterfaceChange::SetPeers(peers) => {
                let running = self.running(state)?;
                for (key, peer) in peers {
                    self.set_peer(running, key, peer, now).await?;
                }
                Ok(())
            }
        }
    }

    fn running<'a>(&self, state: &'a mut State<T>) -> Result<&'a mut Running<T>, TunnelError> {
        match state {
            State::Running(running) => Ok(running),
            State::Absent | State::Open(_) => {
                Err(TunnelError::NoInterface { interface: self.interface.clone() })
            }
        }
    }

    async fn set_wireguard(
        &self,
        state: &mut State<T>,
        settings: &WireguardSettings,
        now: Timestamp,
    ) -> Result<(), TunnelError> {
        if matches!(state, State::Open(_))
            && let State::Open(port) = std::mem::replace(state, State::Absent)
        {
            *state = State::Running(Box::new(self.start(port, &settings.private_key, now).await?));
        }
        let running = self.running(state)?;
        let before = running.listen_port;
        let Err(cause) = running.listen(&settings.private_key, settings.listen_port).await else {
            return Ok(());
        };
        // The old socket is closed by now. Clients still know the old port, so go back to it.
        if let Some(before) = before.filter(|before| *before != settings.listen_port)
            && let Err(cause) = running.listen(&settings.private_key, before).await
        {
            tracing::error!(
                interface.name = %self.interface, error = %cause,
                "interface {} could not go back to its old port", self.interface
            );
        }
        Err(self.listen_error(settings.listen_port, cause))
    }

    /// Starts the engine on an open packet side. It does not listen yet.
    async fn start(
        &self,
        port: Port<T::Send, T::Recv>,
        private_key: &PrivateKey,
        now: Timestamp,
    ) -> Result<Running<T>, TunnelError> {
        let handshakes = HandshakeCounts::new();
        let (udp, udp_free) = UdpFactory::new(Arc::clone(&handshakes));
        let engine = DeviceBuilder::new()
            .with_udp(udp)
            .with_ip_pair(port.send, port.recv)
            .with_private_key(secret(private_key))
            .build()
            .await
            .map_err(|cause| self.engine_error("start", cause))?;
        Ok(Running {
            engine,
            port_state: port.state,
            packets_free: port.end,
            udp_free,
            watch: HandshakeWatch::new(Arc::clone(&handshakes), now),
            handshakes,
            public_key: private_key.public_key(),
            listen_port: None,
            peers: BTreeMap::new(),
        })
    }

    async fn set_peer(
        &self,
        running: &mut Running<T>,
        key: &PublicKey,
        peer: &ObservedPeer,
        now: Timestamp,
    ) -> Result<(), TunnelError> {
        match running.peers.get_mut(key) {
            Some(applied) if applied.peer == *peer => {}
            Some(applied) => {
                let wanted = engine_peer(key, peer);
                let same_ips = applied.peer.allowed_ips == peer.allowed_ips;
                running
                    .engine
                    .modify_peer(&public(key), |device| {
                        device.set_preshared_key(wanted.preshared_key);
                        if !same_ips {
                            device.clear_allowed_ips();
                            device.add_allowed_ips(wanted.allowed_ips);
                        }
                    })
                    .await
                    .map_err(|cause| self.engine_error("change a peer", cause))?;
                applied.peer = peer.clone();
            }
            None => {
                let added = running.engine.add_peer(engine_peer(key, peer)).await;
                added.map_err(|cause| self.engine_error("add a peer", cause))?;
                let applied = Applied {
                    peer: peer.clone(),
                    epoch: now.as_millis(),
                    last_handshake: None,
                    read_at: now,
                };
                running.peers.insert(*key, applied);
            }
        }
        Ok(())
    }

    fn engine_error(&self, operation: &'static str, cause: device::Error) -> TunnelError {
        TunnelError::Engine { operation, interface: self.interface.clone(), cause }
    }

    fn listen_error(&self, port: UdpPort, cause: device::Error) -> TunnelError {
        let device::Error::Bind(cause, _) = cause else { return self.engine_error("listen", cause) };
        if cause.kind() == io::ErrorKind::AddrInUse {
            TunnelError::PortBusy { port, cause }
        } else {
            TunnelError::Listen { port, cause }
        }
    }
}

impl<T: PacketTransport> State<T> {
    async fn stop(self) {
        match self {
            Self::Absent => {}
            Self::Open(Port { send, recv, state, end }) => {
                drop((send, recv, state));
                end.wait().await;
            }
            Self::Running(running) => running.stop().await,
        }
    }
}

impl<T: PacketTransport> Running<T> {
    /// Takes key and port, and binds the socket anew where either changes.
    async fn listen(&mut self, private_key: &PrivateKey, port: UdpPort) -> Result<(), device::Error> {
        let key = secret(private_key);
        self.handshakes.set_key(&private_key.public_key());
        let rebind = self.listen_port != Some(port);
        let changed = self
            .engine
            .write(async |device| {
                device.set_private_key(key).await;
                if rebind {
                    // Through zero, because gotatun binds only on a difference, and after a failed bind it
                    // believes that it has the port.
                    device.set_listen_port(0);
                    device.set_listen_port(port.number());
                }
            })
            .await;
        self.public_key = private_key.public_key();
        self.listen_port = changed.as_ref().ok().map(|()| port);
        changed
    }

    async fn stop(self) {
        self.engine.stop().await;
        self.udp_free.wait().await;
        self.packets_free.wait().await;
    }

    /// Whether the engine's tasks still run.
    fn is_alive(&mut self) -> bool {
        self.engine.wait().now_or_never().is_none()
    }
}

impl<T: PacketTransport> Tunnel for UserspaceTunnel<T> {
    fn interface(&self) -> &InterfaceName {
        &self.interface
    }

    fn has_link(&self) -> bool {
        T::HAS_LINK
    }

    fn observe(&self) -> BoxFuture<'_, Result<Option<ObservedInterface>, TunnelError>> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            let mut observed = ObservedInterface::default();
            let mtu = match &mut *state {
                State::Absent => None,
                State::Open(port) => port.state.mtu(),
                State::Running(running) => {
                    observed.public_key = Some(running.public_key);
                    observed.listen_port = running.listen_port;
                    observed.peers = running.peers.iter().map(|(key, it)| (*key, it.peer.clone())).collect();
                    running.port_state.mtu().filter(|_| running.is_alive())
                }
            };
            let Some(mtu) = mtu else { return Ok(None) };
            observed.mtu = Mtu::try_from(mtu).ok();
            Ok(Some(observed))
        })
    }

    fn apply<'a>(
        &'a self,
        changes: &'a [InterfaceChange],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), TunnelError>> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            for change in changes {
                self.perform(&mut state, change, now).await?;
            }
            Ok(())
        })
    }

    fn statistics(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<PeerStatistics>, TunnelError>> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            let State::Running(running) = &mut *state else { return Ok(Vec::new()) };
            let seen = running.engine.peers().await;
            Ok(seen.into_iter().filter_map(|found| statistics_of(&mut running.peers, found, now)).collect())
        })
    }

    fn handshakes(&self, now: Timestamp) -> BoxFuture<'_, Option<Handshakes>> {
        Box::pin(async move {
            match &mut *self.state.lock().await {
                State::Running(running) => Some(running.watch.look(now)),
                State::Absent | State::Open(_) => None,
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            std::mem::replace(&mut *state, State::Absent).stop().await;
        })
    }
}

fn statistics_of(
    peers: &mut BTreeMap<PublicKey, Applied>,
    found: device::configure::PeerStats,
    now: Timestamp,
) -> Option<PeerStatistics> {
    let public_key = PublicKey::new(found.peer.public_key.to_bytes());
    let applied = peers.get_mut(&public_key)?;
    if let Some(age) = found.stats.last_handshake {
        let began = now.before(age);
        let known = applied.last_handshake.map_or(i64::MIN, Timestamp::as_millis);
        if began.as_millis() > known.saturating_add(HANDSHAKE_JITTER_MS) {
            // gotatun dates a session by a clock that stands still while the peer is idle. A session that the reading
            // before did not see cannot be older than that reading.
            applied.last_handshake = Some(began.max(applied.read_at));
        }
    }
    applied.read_at = now;
    let traffic = Traffic {
        rx_bytes: u64::try_from(found.stats.rx_bytes).unwrap_or(u64::MAX),
        tx_bytes: u64::try_from(found.stats.tx_bytes).unwrap_or(u64::MAX),
    };
    Some(PeerStatistics {
        public_key,
        reading: Reading { epoch: applied.epoch, traffic },
        last_handshake: applied.last_handshake,
        endpoint: found.peer.endpoint,
    })
}

fn engine_peer(key: &PublicKey, peer: &ObservedPeer) -> device::Peer {
    let mut built = device::Peer::new(public(key));
    built.preshared_key = peer.preshared_key.as_ref().map(|key| *key.expose());
    // gotatun has a network type of its own; text is the form that both know.
    built.allowed_ips = peer.allowed_ips.iter().filter_map(|net| net.to_string().parse().ok()).collect();
    built
}

fn public(key: &PublicKey) -> x25519::PublicKey {
    x25519::PublicKey::from(*key.as_bytes())
}

fn secret(key: &PrivateKey) -> x25519::StaticSecret {
    x25519::StaticSecret::from(*key.expose())
}
