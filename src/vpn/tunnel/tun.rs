//! A TUN device as the packet side of the userspace tunnel.
//!
//! Owns the device, its name and its packets. Addresses, routes, "up" and later changes of the MTU belong
//! to netlink.
//! Invariant: no passing fault of the device reaches gotatun, which would log each one.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::BytesMut;
use gotatun::packet::{Ip, Packet, PacketBufPool};
use gotatun::tun::{IpRecv, IpSend, MtuWatcher};
use tokio::sync::watch;
use tun_rs::{AsyncDevice, DeviceBuilder, IDEAL_BATCH_SIZE, VIRTIO_NET_HDR_LEN};

use crate::domain::network::Mtu;
use crate::domain::node::InterfaceName;
use crate::vpn::tunnel::TunnelError;
use crate::vpn::tunnel::lease::{Lease, lease};
use crate::vpn::tunnel::transport::{PacketTransport, Port, PortState};

/// Room beside the MTU in a packet buffer, so that a small growth of the MTU needs no new buffers.
const BUFFER_SLACK_BYTES: usize = 128;

/// Pause after a read error without a known cause, so that a lasting one cannot eat a core.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// A `virtio_net_hdr` that says: one packet, checksums complete.
const PLAIN_HEADER: [u8; VIRTIO_NET_HDR_LEN] = [0; VIRTIO_NET_HDR_LEN];

/// Opens TUN devices.
#[derive(Debug, Clone, Copy, Default)]
pub struct TunTransport;

impl PacketTransport for TunTransport {
    type Send = TunSend;
    type Recv = TunRecv;

    const HAS_LINK: bool = true;

    fn open(&self, interface: &InterfaceName, mtu: Mtu) -> Result<Port<TunSend, TunRecv>, TunnelError> {
        let device = DeviceBuilder::new()
            .name(interface.as_str())
            .mtu(mtu.bytes())
            .offload(true)
            .inherit_enable_state()
            .build_async()
            .map_err(|cause| refusal(interface, cause))?;
        let (held, end) = lease();
        let (mtu_sender, mtu) = watch::channel(mtu.bytes());
        let tun = Arc::new(Tun { device, mtu: mtu_sender, gone: AtomicBool::new(false), _lease: held });
        Ok(Port {
            send: TunSend { tun: Arc::clone(&tun) },
            recv: TunRecv {
                batch: Batch::new(usize::from(*mtu.borrow())),
                mtu: mtu.clone(),
                tun: Arc::clone(&tun),
            },
            state: Box::new(TunState { tun: Arc::downgrade(&tun) }),
            end,
        })
    }
}

/// Opens a TUN device of that name and closes it again.
pub(super) fn try_open(interface: &InterfaceName) -> Result<(), TunnelError> {
    let opened =
        DeviceBuilder::new().name(interface.as_str()).offload(true).inherit_enable_state().build_sync();
    opened.map(drop).map_err(|cause| refusal(interface, cause))
}

struct Tun {
    device: AsyncDevice,
    mtu: watch::Sender<u16>,
    gone: AtomicBool,
    /// Last, so that the name is free when the lease ends.
    _lease: Lease,
}

impl Tun {
    /// Reads the MTU again, for padding and for the size of the buffers.
    fn refresh_mtu(&self) -> Option<u16> {
        if self.gone.load(Ordering::Relaxed) {
            return None;
        }
        let mtu = self.device.mtu().ok()?;
        self.mtu.send_if_modified(|known| std::mem::replace(known, mtu) != mtu);
        Some(mtu)
    }

    /// What gotatun has to know of a fault: only that the device is gone for good.
    fn fatal(&self, cause: &io::Error) -> Option<io::Error> {
        match cause.raw_os_error() {
            // EFAULT is what a read says that was waiting while the device was deleted.
            Some(libc::EBADF | libc::EBADFD | libc::ENODEV | libc::EFAULT) => {
                self.gone.store(true, Ordering::Relaxed);
                Some(io::Error::from_raw_os_error(libc::ENODEV))
            }
            Some(_) | None => None,
        }
    }
}

struct TunState {
    tun: Weak<Tun>,
}

impl PortState for TunState {
    fn mtu(&self) -> Option<u16> {
        self.tun.upgrade()?.refresh_mtu()
    }
}

/// Gives decrypted packets to the kernel.
pub struct TunSend {
    tun: Arc<Tun>,
}

impl IpSend for TunSend {
    async fn send(&mut self, packet: Packet<Ip>) -> io::Result<()> {
        let packet = packet.into_bytes();
        let slices = [IoSlice::new(&PLAIN_HEADER), IoSlice::new(&packet)];
        match self.tun.device.send_vectored(&slices).await {
            Ok(_) => Ok(()),
            // Such as EIO while the interface is down, or EINVAL for a packet the kernel finds malformed.
            Err(cause) => self.tun.fatal(&cause).map_or(Ok(()), Err),
        }
    }
}

/// Takes packets from the kernel, many in one read.
pub struct TunRecv {
    batch: Batch,
    mtu: watch::Receiver<u16>,
    tun: Arc<Tun>,
}

/// Buffers of one read: the super-packet as the kernel gives it, and the packets it is cut into.
struct Batch {
    whole: Vec<u8>,
    packets: Vec<BytesMut>,
    sizes: [usize; IDEAL_BATCH_SIZE],
    packet_bytes: usize,
    ready: Vec<Packet<Ip>>,
}

impl Batch {
    fn new(mtu: usize) -> Self {
        let packet_bytes = mtu + BUFFER_SLACK_BYTES;
        Self {
            whole: vec![0; VIRTIO_NET_HDR_LEN + usize::from(u16::MAX)],
            packets: (0..IDEAL_BATCH_SIZE).map(|_| BytesMut::zeroed(packet_bytes)).collect(),
            sizes: [0; IDEAL_BATCH_SIZE],
            packet_bytes,
            ready: Vec::with_capacity(IDEAL_BATCH_SIZE),
        }
    }

    async fn fill(&mut self, device: &AsyncDevice) -> io::Result<()> {
        let count = device.recv_multiple(&mut self.whole, &mut self.packets, &mut self.sizes, 0).await?;
        for (slot, size) in self.packets.iter_mut().zip(self.sizes).take(count) {
            let mut packet = std::mem::replace(slot, BytesMut::zeroed(self.packet_bytes));
            packet.truncate(size);
            // Anything but IPv4 and IPv6 has no peer to go to.
            self.ready.extend(Packet::from_bytes(packet).try_into_ip().ok());
        }
        Ok(())
    }
}

impl IpRecv for TunRecv {
    async fn recv<'a>(
        &'a mut self,
        _: &mut PacketBufPool,
    ) -> io::Result<impl Iterator<Item = Packet<Ip>> + Send + 'a> {
        self.batch.ready.clear();
        while self.batch.ready.is_empty() {
            let Err(cause) = self.batch.fill(&self.tun.device).await else { continue };
            if let Some(fatal) = self.tun.fatal(&cause) {
                return Err(fatal);
            }
            // A packet that does not fit means that the MTU has grown since the buffers were made.
            match self.tun.refresh_mtu().map(usize::from) {
                Some(mtu) if mtu + BUFFER_SLACK_BYTES > self.batch.packet_bytes => {
                    self.batch = Batch::new(mtu)
                }
                Some(_) | None => {
                    tracing::debug!(error = %cause, "reading from the TUN device failed, trying again");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
        Ok(self.batch.ready.drain(..))
    }

    fn mtu(&self) -> MtuWatcher {
        MtuWatcher::from(self.mtu.clone())
    }
}

/// Why a TUN device could not be made, and what to do.
fn refusal(interface: &InterfaceName, cause: io::Error) -> TunnelError {
    let interface = interface.clone();
    match cause.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => TunnelError::TunMissing { cause },
        Some(libc::EPERM | libc::EACCES) => TunnelError::TunForbidden { interface, cause },
        Some(libc::EBUSY) => TunnelError::NameInUse { interface, cause },
        Some(libc::EINVAL) => TunnelError::NameUnfit { interface, cause },
        Some(_) | None => TunnelError::TunOpen { interface, cause },
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::refusal;
    use crate::domain::node::InterfaceName;

    #[test]
    fn each_refusal_says_what_to_do() {
        let said =
            |code| refusal(&InterfaceName::numbered(0), io::Error::from_raw_os_error(code)).to_string();

        assert!(said(libc::ENOENT).contains("modprobe tun"), "{}", said(libc::ENOENT));
        assert!(said(libc::ENOENT).contains("--device /dev/net/tun"));
        assert!(said(libc::EPERM).contains("CAP_NET_ADMIN"));
        assert!(said(libc::EBUSY).contains("cvpn0"));
        assert!(said(libc::EINVAL).contains("cvpn0"));
    }
}
