//! The host's links, with what waits before them, addresses and routes, over rtnetlink.
//!
//! Each noun has its file; this one owns the socket they share. Numbers are those of `linux/rtnetlink.h`.

mod address;
#[cfg(test)]
mod golden;
mod link;
mod overlap;
mod qdisc;
mod route;

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::socket::{Protocol, Socket};

pub use address::Address;
pub use link::{Link, LinkKind};
pub use overlap::HostNetwork;
pub use route::Route;

/// Speaks about links, addresses and routes of the network namespace in which it was opened.
pub struct Rtnetlink {
    socket: Socket,
}

impl Rtnetlink {
    /// Opens the socket in the network namespace of the calling thread.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { socket: Socket::open(Protocol::Route)? })
    }
}

/// The address family number of an address.
fn family(address: std::net::IpAddr) -> u8 {
    match address {
        std::net::IpAddr::V4(_) => libc::AF_INET as u8,
        std::net::IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}
