//! Who asks: the other end of the connection as the kernel tells it, or whom a trusted proxy there speaks for.

use std::fmt::Write;
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

/// Adds an address to a text. Every request has one written down, so the usual kind goes without the formatter, which takes
/// several times as long.
pub(super) fn push_address(text: &mut String, ip: IpAddr) {
    let IpAddr::V4(ip) = ip else {
        // Writing to a text cannot fail.
        let _ = write!(text, "{ip}");
        return;
    };
    let mut digits = itoa::Buffer::new();
    for (at, octet) in ip.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        text.push_str(digits.format(octet));
    }
}

#[cfg(test)]
mod tests {
    use super::push_address;
    use proptest::prelude::{any, proptest};
    use std::net::IpAddr;

    proptest! {
        #[test]
        fn an_address_is_written_as_everywhere(ip in any::<IpAddr>()) {
            let mut text = String::from("for=");
            push_address(&mut text, ip);
            assert_eq!(text, format!("for={ip}"));
        }
    }
}
