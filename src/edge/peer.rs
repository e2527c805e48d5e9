//! Who asks: the other end of the connection as the kernel tells it, or whom a trusted proxy there speaks for.

use std::net::{IpAddr, SocketAddr};

/// Who asks. It is an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An address and port. IPv4 is never written as IPv6.
    Tcp(SocketAddr),
    /// A process of this host, by `SO_PEERCRED` at the time it connected.
    Unix {
        /// Its effective user.
        uid: u32,
        /// Its effective group.
        gid: u32,
        /// The process, when the kernel knows it.
        pid: Option<i32>,
    },
}

impl Peer {
    /// The IP address, of a peer that has one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(at) => Some(at.ip()),
            Self::Unix { .. } => None,
        }
    }
}
