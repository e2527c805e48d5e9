//! The netlink socket: requests with their answers, listings, and whole batches.
//!
//! Invariant: no call waits longer than [`ANSWER_TIMEOUT_S`] for an answer, and no answer of an earlier
//! request is taken for that of a later one.
#![expect(unsafe_code, reason = "netlink sockets have no safe interface in the standard library or libc")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use zeroize::Zeroizing;

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::{DONE, ERROR, Message, Refusal, flag, messages};

/// The part of the kernel a socket speaks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Links, addresses, routes.
    Route,
    /// nftables.
    Netfilter,
    /// WireGuard, among others.
    Generic,
}

impl Protocol {
    fn number(self) -> libc::c_int {
        match self {
            Self::Route => libc::NETLINK_ROUTE,
            Self::Netfilter => libc::NETLINK_NETFILTER,
            Self::Generic => libc::NETLINK_GENERIC,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Route => "links, addresses and routes",
            Self::Netfilter => "nftables",
            Self::Generic => "generic netlink",
        }
    }
}

/// Seconds until a lost answer is an error. The kernel answers in microseconds; only a full queue loses one.
const ANSWER_TIMEOUT_S: i32 = 5;

/// Largest datagram the kernel makes for a listing is 32 KiB; twice that leaves room.
const DATAGRAM_BYTES: usize = 64 << 10;

/// Room for answers. 50,000 failing rules overflow even this; [`Socket::transact`] copes.
const RECEIVE_BUFFER_BYTES: libc::c_int = 4 << 20;

/// Above this a request needs a larger send buffer than the system's default (212,992).
const PLAIN_SEND_BYTES: usize = 100_000;

/// How often an interrupted listing is tried again.
const DUMP_ATTEMPTS: u32 = 20;

/// A netlink socket, bound to the network namespace in which it was opened.
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens a socket in the network namespace of the calling thread.
    pub(crate) fn open(protocol: Protocol) -> Result<Self, NetlinkError> {
        Self::try_open(protocol).map_err(|cause| NetlinkError::Open { protocol: protocol.name(), cause })
    }

    fn try_open(protocol: Protocol) -> io::Result<Self> {
        // SAFETY: socket() takes no pointers.
        let fd =
            unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol.number()) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made by socket() and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let socket = Self { fd, sequence: 0 };
        socket.set(libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1)?;
        // Without it an error carries the whole request back and may not fit our buffer.
        socket.set(libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)?;
        if socket.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES).is_err() {
            socket.set(libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER_BYTES)?;
        }
        socket.set(
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            libc::timeval { tv_sec: ANSWER_TIMEOUT_S.into(), tv_usec: 0 },
        )?;
        Ok(socket)
    }

    /// Sets a socket option. `T` is the plain C type the option takes: `c_int` or `timeval`.
    fn set<T: Copy>(&self, level: libc::c_int, option: libc::c_int, value: T) -> io::Result<()> {
        let length = size_of::<T>() as libc::socklen_t;
        // SAFETY: `value` lives until after the call, and `length` is its size.
        let result = unsafe {
            libc::setsockopt(self.fd.as_raw_fd(), level, option, (&raw const value).cast(), length)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Asks for one thing, waits for the acknowledgement, gives the messages that came before it.
    pub(crate) fn request(
        &mut self,
        operation: &str,
        kind: u16,
        flags: u16,
        fill: impl FnOnce(&mut Buf),
    ) -> Result<Vec<Message>, NetlinkError> {
        self.exchange(operation, kind, flags | flag::ACK, fill).map(|(answers, _)| answers)
    }

    /// Lists things, again while the kernel says that the list changed under the reading.
    pub(crate) fn dump(
        &mut self,
        operation: &str,
        kind: u16,
        fill: impl Fn(&mut Buf),
    ) -> Result<Vec<Message>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            let (answers, interrupted) = self.exchange(operation, kind, flag::DUMP, &fill)?;
            if !interrupted {
                return Ok(answers);
            }
        }
        Err(NetlinkError::Interrupted { operation: operation.to_owned(), attempts: DUMP_ATTEMPTS })
    }

    fn exchange(
        &mut self,
        operation: &str,
        kind: u16,
        flags: u16,
        fill: impl FnOnce(&mut Buf),
    ) -> Result<(Vec<Message>, bool), NetlinkError> {
        let sequence = self.reserve(1);
        let mut request = Buf::default();
        request.message(kind, flags | flag::REQUEST, sequence, fill);
        self.send(operation, &request)?;

        let mut answers = Vec::new();
        let mut interrupted = false;
        loop {
            let received = self.receive(0).map_err(|cause| receive_error(operation, cause))?;
            for message in received.into_iter().filter(|message| message.sequence == sequence) {
                // The flag may come on the closing message alone.
                interrupted |= message.flags & flag::DUMP_INTR != 0;
                if let Some(refusal) = message.refusal() {
                    return Err(refusal.during(operation));
                }
                match message.kind {
                    ERROR | DONE => return Ok((answers, interrupted)),
                    _ => answers.push(message),
                }
            }
        }
    }

    /// Takes `count` sequence numbers and gives the first of them.
    pub(crate) fn reserve(&mut self, count: u32) -> u32 {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(count);
        first
    }

    /// Sends an nftables batch, which is done when the call returns, and gives the refusal with the lowest
    /// place in it.
    ///
    /// No acknowledgements are asked for: kernels before 6.10 do not give those of a batch's ends, and a module
    /// loaded meanwhile doubles them. Errors always come. All of them are read, even after one was found, or
    /// the next request would find the queue full and wait for an answer that was dropped.
    pub(crate) fn transact(
        &mut self,
        operation: &str,
        batch: &Buf,
        first: u32,
    ) -> Result<Option<Refusal>, NetlinkError> {
        self.send(operation, batch)?;
        let mut refusal: Option<Refusal> = None;
        let mut lost = None;
        loop {
            match self.receive(libc::MSG_DONTWAIT) {
                Ok(messages) => {
                    for found in messages.iter().filter_map(Message::refusal) {
                        if found.sequence >= first && refusal.is_none() {
                            refusal = Some(found);
                        }
                    }
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => break,
                Err(cause) if cause.raw_os_error() == Some(libc::ENOBUFS) => lost = Some(cause),
                Err(cause) => return Err(receive_error(operation, cause)),
            }
        }
        match (refusal, lost) {
            // Only errors are answered, so a lost answer is a failed batch.
            (None, Some(cause)) => Err(receive_error(operation, cause)),
            (refusal, _) => Ok(refusal),
        }
    }

    fn send(&self, operation: &str, request: &Buf) -> Result<(), NetlinkError> {
        let too_large = || NetlinkError::TooLarge { operation: operation.to_owned() };
        let bytes = request.finish().ok_or_else(too_large)?;
        if bytes.len() > PLAIN_SEND_BYTES {
            let room = libc::c_int::try_from(bytes.len() + DATAGRAM_BYTES).map_err(|_| too_large())?;
            self.set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, room)
                .map_err(|cause| send_error(operation, cause))?;
        }
        // SAFETY: `sockaddr_nl` is a plain C structure for which all zeros are valid: the kernel, no group.
        let mut kernel: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        kernel.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: both pointers stay valid for the call, and both lengths are those of what they point to.
        let sent = unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
                (&raw const kernel).cast(),
                length,
            )
        };
        match usize::try_from(sent) {
            Err(_) => Err(send_error(operation, io::Error::last_os_error())),
            Ok(sent) if sent != bytes.len() => Err(send_error(operation, io::ErrorKind::WriteZero.into())),
            Ok(_) => Ok(()),
        }
    }

    /// Reads one datagram. `WouldBlock` when there is none (at once with MSG_DONTWAIT, else after the timeout).
    fn receive(&self, flags: libc::c_int) -> io::Result<Vec<Message>> {
        let mut datagram = Zeroizing::new(vec![0_u8; DATAGRAM_BYTES]);
        loop {
            // SAFETY: the buffer is writable for the length given. MSG_TRUNC only changes the returned length.
            let received = unsafe {
                libc::recv(
                    self.fd.as_raw_fd(),
                    datagram.as_mut_ptr().cast(),
                    datagram.len(),
                    flags | libc::MSG_TRUNC,
                )
            };
            match usize::try_from(received) {
                Ok(length) => return messages(datagram.get(..length).ok_or(io::ErrorKind::InvalidData)?),
                Err(_) => {
                    let cause = io::Error::last_os_error();
                    if cause.kind() != io::ErrorKind::Interrupted {
                        return Err(cause);
                    }
                }
            }
        }
    }
}

fn send_error(operation: &str, cause: io::Error) -> NetlinkError {
    NetlinkError::Send { operation: operation.to_owned(), cause }
}

fn receive_error(operation: &str, cause: io::Error) -> NetlinkError {
    let operation = operation.to_owned();
    if cause.kind() == io::ErrorKind::InvalidData {
        NetlinkError::Malformed { operation, problem: "a length field is wrong" }
    } else {
        NetlinkError::Receive { operation, cause }
    }
}
