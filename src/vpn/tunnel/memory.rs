//! A packet side without a TUN device, for a demonstration without root: it answers echo requests by itself.
//!
//! Everything else is counted and dropped. Nothing reaches the host's network.

use std::io;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use gotatun::packet::{Ip, Packet, PacketBufPool};
use gotatun::tun::{IpRecv, IpSend, MtuWatcher};
use tokio::sync::mpsc;

use crate::domain::network::Mtu;
use crate::domain::node::InterfaceName;
use crate::vpn::tunnel::TunnelError;
use crate::vpn::tunnel::echo;
use crate::vpn::tunnel::lease::lease;
use crate::vpn::tunnel::transport::{PacketTransport, Port, PortState};

/// Packets that wait to be encrypted. A full queue drops, as a network card does.
const QUEUE: usize = 1_024;

/// Opens interfaces that live in memory and answer pings.
#[derive(Debug, Clone, Default)]
pub struct MemoryTransport {
    received: Arc<Counts>,
}

/// Packets and bytes that passed one way.
#[derive(Debug, Default)]
pub(super) struct Counts {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    pub(super) fn add(&self, bytes: usize) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    /// Packets and their bytes.
    pub(super) fn read(&self) -> (u64, u64) {
        (self.packets.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl MemoryTransport {
    /// Packets that came out of the tunnel so far, and their bytes.
    pub fn received(&self) -> (u64, u64) {
        self.received.read()
    }
}

impl PacketTransport for MemoryTransport {
    type Send = MemorySend;
    type Recv = MemoryRecv;

    const HAS_LINK: bool = false;

    fn open(&self, _: &InterfaceName, mtu: Mtu) -> Result<Port<MemorySend, MemoryRecv>, TunnelError> {
        let (answers, recv) = queue(mtu);
        let received = Arc::clone(&self.received);
        let send = MemorySend::new(move |mut packet| {
            received.add(packet.len());
            if echo::answer(packet.buf_mut())
                && let Ok(packet) = packet.try_into_ip()
            {
                let _ = answers.try_send(packet);
            }
        });
        // Memory holds no name, so there is nothing to wait for.
        let (_, end) = lease();
        Ok(Port { send, recv, state: Box::new(MemoryState { mtu }), end })
    }
}

/// A queue of packets to encrypt, and the end that gotatun reads.
pub(super) fn queue(mtu: Mtu) -> (mpsc::Sender<Packet<Ip>>, MemoryRecv) {
    let (sender, packets) = mpsc::channel(QUEUE);
    (sender, MemoryRecv { packets, mtu })
}

/// Wraps bytes that are an IP packet.
pub(super) fn packet(bytes: &[u8]) -> Option<Packet<Ip>> {
    Packet::from_bytes(BytesMut::from(bytes)).try_into_ip().ok()
}

struct MemoryState {
    mtu: Mtu,
}

impl PortState for MemoryState {
    fn mtu(&self) -> Option<u16> {
        Some(self.mtu.bytes())
    }
}

/// Takes decrypted packets.
pub struct MemorySend {
    take: Box<dyn Fn(Packet) + Send + Sync>,
}

impl MemorySend {
    pub(super) fn new(take: impl Fn(Packet) + Send + Sync + 'static) -> Self {
        Self { take: Box::new(take) }
    }
}

impl IpSend for MemorySend {
    async fn send(&mut self, packet: Packet<Ip>) -> io::Result<()> {
        (self.take)(packet.into_bytes());
        Ok(())
    }
}

/// Gives packets to encrypt.
pub struct MemoryRecv {
    packets: mpsc::Receiver<Packet<Ip>>,
    mtu: Mtu,
}

impl IpRecv for MemoryRecv {
    async fn recv<'a>(
        &'a mut self,
        _: &mut PacketBufPool,
    ) -> io::Result<impl Iterator<Item = Packet<Ip>> + Send + 'a> {
        match self.packets.recv().await {
            Some(packet) => Ok(iter::once(packet)),
            None => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    }

    fn mtu(&self) -> MtuWatcher {
        MtuWatcher::new(self.mtu.bytes())
    }
}
