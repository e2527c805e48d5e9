//! Speaks with nftables: tables written in one transaction and read back.
//!
//! [`table`] holds what a table is, [`expr`] what a rule is made of, [`transaction`] writes, [`ruleset`] reads.
//! Numbers are those of `linux/netfilter/nf_tables.h`; they are big-endian on the wire.

pub mod expr;
#[cfg(test)]
mod golden;
pub mod ruleset;
pub mod set;
pub mod table;
pub mod transaction;

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::socket::{Protocol, Socket};

/// Bytes of `struct nfgenmsg`: family, version, resource id.
const HEADER_BYTES: usize = 4;

/// nftables' share of the message types (`NFNL_SUBSYS_NFTABLES << 8`).
const SUBSYSTEM: u16 = 10 << 8;

/// A list holds its members under this type (`NFTA_LIST_ELEM`).
const LIST_ELEM: u16 = 1;

/// What a message does (`enum nf_tables_msg_types`).
mod message {
    pub(super) const NEW_TABLE: u16 = 0;
    pub(super) const GET_TABLE: u16 = 1;
    pub(super) const DEL_TABLE: u16 = 2;
    pub(super) const NEW_CHAIN: u16 = 3;
    pub(super) const GET_CHAIN: u16 = 4;
    pub(super) const NEW_RULE: u16 = 6;
    pub(super) const GET_RULE: u16 = 7;
    pub(super) const NEW_SET: u16 = 9;
    pub(super) const GET_SET: u16 = 10;
    pub(super) const NEW_SET_ELEM: u16 = 12;
    pub(super) const GET_SET_ELEM: u16 = 13;
    pub(super) const DEL_SET_ELEM: u16 = 14;
    pub(super) const GET_GEN: u16 = 16;
}

/// The kind of packets a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Anything else (bridge, ARP, one device), by its number.
    Other(u8),
}

impl Family {
    fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Ip => 2,
            Self::Ip6 => 10,
            Self::Other(number) => number,
        }
    }

    fn of(number: u8) -> Self {
        match number {
            1 => Self::Inet,
            2 => Self::Ip,
            10 => Self::Ip6,
            other => Self::Other(other),
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inet => f.write_str("inet"),
            Self::Ip => f.write_str("ip"),
            Self::Ip6 => f.write_str("ip6"),
            Self::Other(number) => write!(f, "family {number}"),
        }
    }
}

/// Speaks with nftables of the network namespace in which it was opened.
pub struct Nftables {
    socket: Socket,
}

impl Nftables {
    /// Opens the socket in the network namespace of the calling thread.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { socket: Socket::open(Protocol::Netfilter)? })
    }
}

/// `struct nfgenmsg`. The resource id is the subsystem at the ends of a batch and 0 elsewhere.
fn header(b: &mut Buf, family: u8, resource: u16) {
    b.raw(&[family, 0]).raw(&resource.to_be_bytes());
}
