//! Receives datagrams that the kernel has glued together (`UDP_GRO`) and takes them apart.
#![expect(unsafe_code, reason = "setsockopt(UDP_GRO) has no safe wrapper")]

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::{MaybeUninitSlice, MsgHdrMut, SockAddr, SockRef, Socket};

/// Largest UDP payload, glued or not.
const MAX_DATAGRAM_BYTES: usize = 65_535;

/// Room for one control message with an `int`, and one more that nobody asked for.
const CONTROL_BYTES: usize = 64;

/// Bytes of `struct cmsghdr`: length, level and type.
const CMSG_HEADER_BYTES: usize = size_of::<usize>() + 8;

/// The one buffer of a socket.
pub(super) struct GroBuffer {
    bytes: Box<[MaybeUninit<u8>]>,
}

impl Default for GroBuffer {
    fn default() -> Self {
        Self { bytes: Box::new_uninit_slice(MAX_DATAGRAM_BYTES) }
    }
}

impl GroBuffer {
    /// Receives once and gives each datagram and its sender to `take`.
    pub(super) fn receive(
        &mut self,
        socket: &SockRef<'_>,
        mut take: impl FnMut(&[u8], SocketAddr),
    ) -> io::Result<()> {
        let mut from = SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
        let mut control = [MaybeUninit::new(0_u8); CONTROL_BYTES];
        let mut slices = [MaybeUninitSlice::new(&mut self.bytes)];
        let mut message =
            MsgHdrMut::new().with_addr(&mut from).with_buffers(&mut slices).with_control(&mut control);
        let length = socket.recvmsg(&mut message, 0)?;
        let control_length = message.control_len().min(CONTROL_BYTES);

        let Some(from) = from.as_socket() else { return Ok(()) };
        let (Some(received), Some(control)) = (self.bytes.get(..length), control.get(..control_length))
        else {
            return Ok(());
        };
        // SAFETY: recvmsg returned `length`, so the kernel has written that many bytes at the start.
        let received = unsafe { received.assume_init_ref() };
        // SAFETY: every byte of `control` was initialised with zero above.
        let control = unsafe { control.assume_init_ref() };
        let segment = segment_bytes(control).unwrap_or(length).max(1);
        for datagram in received.chunks(segment) {
            take(datagram, from);
        }
        Ok(())
    }
}

/// Asks the kernel to glue datagrams. A kernel before 5.0 refuses, which costs speed only.
pub(super) fn enable_gro(socket: &Socket) {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open for the borrow of `socket`; the option is an int that lives on this stack.
    let refused = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_GRO,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if refused != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "UDP_GRO is not there, receiving one by one");
    }
}

/// The size of each glued datagram, when the kernel glued any.
fn segment_bytes(control: &[u8]) -> Option<usize> {
    let mut rest = control;
    loop {
        let (length, after) = rest.split_first_chunk::<{ size_of::<usize>() }>()?;
        let (level, after) = after.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        if i32::from_ne_bytes(*level) == libc::SOL_UDP && i32::from_ne_bytes(*kind) == libc::UDP_GRO {
            return usize::try_from(i32::from_ne_bytes(*after.first_chunk::<4>()?))
                .ok()
                .filter(|size| *size > 0);
        }
        let length =
            usize::from_ne_bytes(*length).max(CMSG_HEADER_BYTES).next_multiple_of(size_of::<usize>());
        rest = rest.get(length..)?;
    }
}
