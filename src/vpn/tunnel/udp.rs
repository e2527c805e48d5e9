//! The UDP socket under the userspace tunnel: one dual-stack socket with segmentation offload both ways.
//!
//! Why not gotatun's own: that one keeps 100 receive buffers of 256 KiB (26 MB) for each socket and cannot
//! send with `UDP_SEGMENT`. This one keeps one buffer of 64 KiB and hands up to 64 packets over in one call.
//!
//! Invariant: a receive never reports a passing fault, because gotatun takes any receive error for the end.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use gotatun::packet::{Packet, PacketBufPool};
use gotatun::udp::{UdpRecv, UdpSend, UdpTransportFactory, UdpTransportFactoryParams};
use socket2::{Domain, MsgHdr, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::vpn::tunnel::gro::{GroBuffer, enable_gro};
use crate::vpn::tunnel::handshakes::HandshakeCounts;
use crate::vpn::tunnel::lease::{Lease, LeaseEnd, lease};

/// Datagrams handed over in one go, both ways.
const BATCH: usize = 128;

/// Most segments the kernel takes in one `UDP_SEGMENT` call (`UDP_MAX_SEGMENTS` before Linux 6.9).
const MAX_SEGMENTS: usize = 64;

/// Most bytes in one `UDP_SEGMENT` call: an IPv4 packet less its IP and UDP headers.
const MAX_SEGMENTED_BYTES: usize = 65_507;

/// Kernel buffer asked for, each way; without CAP_NET_ADMIN the kernel caps it at `net.core.?mem_max`.
/// Ten milliseconds at 3 Gbit/s, which is how long a busy core may keep the task waiting.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;

/// Pause after a receive error that has no known cause, so that a lasting one cannot eat a core.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Binds the socket, and binds it again when the port or the key changes.
pub(super) struct UdpFactory {
    in_use: Arc<Mutex<Option<LeaseEnd>>>,
    handshakes: Arc<HandshakeCounts>,
}

/// Tells when no socket of a factory is open any more.
#[derive(Clone)]
pub(super) struct UdpFree {
    in_use: Arc<Mutex<Option<LeaseEnd>>>,
}

impl UdpFree {
    /// Returns when the port is free again.
    pub(super) async fn wait(&self) {
        let end = self.in_use.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(end) = end {
            end.wait().await;
        }
    }
}

impl UdpFactory {
    /// A factory and the handle that tells when its socket is closed. Handshakes are counted on every socket of it.
    pub(super) fn new(handshakes: Arc<HandshakeCounts>) -> (Self, UdpFree) {
        let in_use = Arc::new(Mutex::new(None));
        (Self { in_use: Arc::clone(&in_use), handshakes }, UdpFree { in_use })
    }
}

impl UdpTransportFactory for UdpFactory {
    type Send = Udp;
    type Recv = Udp;

    async fn bind(&mut self, params: &UdpTransportFactoryParams) -> io::Result<(Udp, Udp)> {
        // The tasks of the socket before this one were aborted, but may not have been dropped yet.
        UdpFree { in_use: Arc::clone(&self.in_use) }.wait().await;
        let (held, end) = lease();
        let udp = Udp { inner: Arc::new(Inner::open(params.port, Arc::clone(&self.handshakes), held)?) };
        *self.in_use.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(end);
        Ok((udp.clone(), udp))
    }
}

/// The bound socket.
#[derive(Clone)]
pub(super) struct Udp {
    inner: Arc<Inner>,
}

struct Inner {
    socket: UdpSocket,
    segment_offload: AtomicBool,
    handshakes: Arc<HandshakeCounts>,
    /// Last, so that the port is free when the lease ends.
    _lease: Lease,
}

impl Inner {
    fn open(port: u16, handshakes: Arc<HandshakeCounts>, lease: Lease) -> io::Result<Self> {
        let socket = match bind_dual_stack(port) {
            // A kernel with IPv6 turned off still serves IPv4.
            Err(cause) if matches!(cause.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) => {
                let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
                socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
                socket
            }
            bound => bound?,
        };
        enlarge_buffers(&socket);
        enable_gro(&socket);
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            segment_offload: AtomicBool::new(true),
            handshakes,
            _lease: lease,
        })
    }

    /// Sends `run` (one destination, equal sizes but for a shorter last one) in one call where the kernel can, and
    /// tells how many are done with. The only error is "would block", before the first.
    fn send_run(&self, run: &[(Packet, SocketAddr)]) -> io::Result<usize> {
        let Some((first, to)) = run.first() else { return Ok(0) };
        let to = SockAddr::from(*to);
        if run.len() > 1 && self.segment_offload.load(Ordering::Relaxed) {
            match self.send_segmented(run, first.len(), &to) {
                Ok(()) => return Ok(run.len()),
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Err(cause),
                // EIO: the egress device cannot finish checksums, and never will.
                Err(cause) if cause.raw_os_error() == Some(libc::EIO) => {
                    self.segment_offload.store(false, Ordering::Relaxed);
                }
                // Such as EINVAL for a route with a smaller MTU: one by one, the kernel may fragment.
                Err(_) => {}
            }
        }
        for (done, (packet, _)) in run.iter().enumerate() {
            match SockRef::from(&self.socket).send_to(packet, &to) {
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    return if done == 0 { Err(cause) } else { Ok(done) };
                }
                // A datagram that cannot leave is a lost datagram, which is what UDP promises.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(run.len())
    }

    fn send_segmented(
        &self,
        run: &[(Packet, SocketAddr)],
        segment_bytes: usize,
        to: &SockAddr,
    ) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); MAX_SEGMENTS];
        for (slice, (packet, _)) in slices.iter_mut().zip(run) {
            *slice = IoSlice::new(packet);
        }
        let Some(slices) = slices.get(..run.len()) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let control = segment_control(segment_bytes)?;
        let message = MsgHdr::new().with_addr(to).with_buffers(slices).with_control(&control);
        SockRef::from(&self.socket).sendmsg(&message, 0).map(|_| ())
    }
}

/// Bytes of `struct cmsghdr`: length, level and type.
const CMSG_HEADER_BYTES: usize = size_of::<usize>() + 8;

/// The control message that says "split into datagrams of this size".
fn segment_control(segment_bytes: usize) -> io::Result<[u8; CMSG_HEADER_BYTES + size_of::<usize>()]> {
    let segment = u16::try_from(segment_bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut control = [0; CMSG_HEADER_BYTES + size_of::<usize>()];
    let fields: [&[u8]; 4] = [
        &(CMSG_HEADER_BYTES + 2).to_ne_bytes(),
        &libc::SOL_UDP.to_ne_bytes(),
        &libc::UDP_SEGMENT.to_ne_bytes(),
        &segment.to_ne_bytes(),
    ];
    for (to, from) in control.iter_mut().zip(fields.concat()) {
        *to = from;
    }
    Ok(control)
}

/// Length of the longest start of `packets` that one `UDP_SEGMENT` call can carry.
fn run_length(packets: &[(Packet, SocketAddr)]) -> usize {
    let Some((first, to)) = packets.first() else { return 0 };
    let mut bytes = 0;
    let mut length = 0;
    for (packet, destination) in packets.iter().take(MAX_SEGMENTS) {
        bytes += packet.len();
        if destination != to || packet.len() > first.len() || bytes > MAX_SEGMENTED_BYTES {
            break;
        }
        length += 1;
        if packet.len() < first.len() {
            break;
        }
    }
    length.max(1)
}

impl UdpSend for Udp {
    type SendManyBuf = ();

    async fn send_to(&self, packet: Packet, destination: SocketAddr) -> io::Result<()> {
        self.send_many_to(&mut (), &mut vec![(packet, destination)]).await
    }

    fn max_number_of_packets_to_send(&self) -> usize {
        BATCH
    }

    async fn send_many_to(&self, _: &mut (), packets: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        let mut rest = packets.as_slice();
        for (packet, _) in rest {
            self.inner.handshakes.note_sent(packet);
        }
        while !rest.is_empty() {
            let run = rest.get(..run_length(rest)).unwrap_or(rest);
            let done = self.inner.socket.async_io(Interest::WRITABLE, || self.inner.send_run(run)).await?;
            rest = rest.get(done..).unwrap_or_default();
        }
        packets.clear();
        Ok(())
    }

    fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        self.inner.socket.local_addr().map(Some)
    }
}

impl UdpRecv for Udp {
    type RecvManyBuf = GroBuffer;

    async fn recv_from(&mut self, _: &mut PacketBufPool) -> io::Result<(Packet, SocketAddr)> {
        let mut bytes = BytesMut::zeroed(usize::from(u16::MAX));
        let (length, from) = self.inner.socket.recv_from(&mut bytes).await?;
        bytes.truncate(length);
        self.inner.handshakes.note_received(&bytes);
        Ok((Packet::from_bytes(bytes), unmapped(from)))
    }

    async fn recv_many_from(
        &mut self,
        buffer: &mut GroBuffer,
        _: &mut PacketBufPool,
        packets: &mut Vec<(Packet, SocketAddr)>,
    ) -> io::Result<()> {
        let (socket, handshakes) = (&self.inner.socket, &self.inner.handshakes);
        loop {
            let received = socket
                .async_io(Interest::READABLE, || {
                    while packets.len() < BATCH {
                        match buffer.receive(&SockRef::from(socket), |segment, from| {
                            handshakes.note_received(segment);
                            packets.push((Packet::from_bytes(BytesMut::from(segment)), unmapped(from)));
                        }) {
                            Ok(()) => {}
                            Err(_) if !packets.is_empty() => break,
                            Err(cause) => return Err(cause),
                        }
                    }
                    Ok(())
                })
                .await;
            match received {
                Ok(()) => return Ok(()),
                Err(cause) if cause.raw_os_error() == Some(libc::EBADF) => return Err(cause),
                Err(cause) => {
                    tracing::debug!(error = %cause, "UDP receive failed, trying again");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }
}

/// An IPv4 sender as IPv4: a dual-stack socket reports `::ffff:192.0.2.1`.
fn unmapped(from: SocketAddr) -> SocketAddr {
    SocketAddr::new(from.ip().to_canonical(), from.port())
}

fn bind_dual_stack(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}

/// Smaller kernel buffers cost speed, not service, so a refusal is no error.
fn enlarge_buffers(socket: &Socket) {
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER_BYTES);
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::BytesMut;
    use gotatun::packet::{Packet, PacketBufPool};
    use gotatun::udp::{UdpRecv, UdpSend, UdpTransportFactory, UdpTransportFactoryParams};

    use super::{HandshakeCounts, MAX_SEGMENTS, UdpFactory, run_length};

    fn packets(sizes: &[usize], to: SocketAddr) -> Vec<(Packet, SocketAddr)> {
        let packet = |(n, size): (usize, &usize)| {
            let mut bytes = BytesMut::zeroed(*size);
            bytes[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
            (Packet::from_bytes(bytes), to)
        };
        sizes.iter().enumerate().map(packet).collect()
    }

    #[test]
    fn a_run_is_equal_sizes_to_one_place_and_may_end_with_a_shorter_one() {
        let to = "192.0.2.1:1".parse().unwrap();
        let mut elsewhere = packets(&[100; 3], to);
        elsewhere[2].1 = "192.0.2.1:2".parse().unwrap();

        assert_eq!(run_length(&packets(&[100, 100, 60, 100], to)), 3);
        assert_eq!(run_length(&packets(&[60, 100], to)), 1);
        assert_eq!(run_length(&elsewhere), 2);
        assert_eq!(run_length(&packets(&[100; 200], to)), MAX_SEGMENTS);
        assert_eq!(run_length(&packets(&[9_000; 20], to)), 7, "65,507 bytes at most");
        assert_eq!(run_length(&[]), 0);
    }

    #[tokio::test]
    async fn what_is_sent_in_segments_arrives_packet_by_packet_in_order() {
        let params = UdpTransportFactoryParams { addr: None, port: 0, fwmark: None };
        let ((mut sender, _), (mut receiver, _)) =
            (UdpFactory::new(HandshakeCounts::new()), UdpFactory::new(HandshakeCounts::new()));
        let (sending, _) = sender.bind(&params).await.unwrap();
        let (bound, mut receiving) = receiver.bind(&params).await.unwrap();
        let port = bound.local_addr().unwrap().unwrap().port();
        let mut sizes = vec![1_200; 100];
        sizes.extend([300, 1_200, 40]);

        for to in
            [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))]
        {
            sending.send_many_to(&mut (), &mut packets(&sizes, to)).await.unwrap();

            let (mut buffer, mut found) = (Default::default(), Vec::new());
            while found.len() < sizes.len() {
                let pool = &mut PacketBufPool::new(0);
                receiving.recv_many_from(&mut buffer, pool, &mut found).await.unwrap();
            }
            let sent = packets(&sizes, to);
            assert!(
                found.iter().map(|(packet, _)| &packet[..]).eq(sent.iter().map(|(packet, _)| &packet[..]))
            );
            assert!(found.iter().all(|(_, from)| from.ip() == to.ip()));
        }
    }
}
