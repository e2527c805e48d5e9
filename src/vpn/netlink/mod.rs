//! Speaks netlink with the kernel: links, addresses, routes, nftables, WireGuard.
//!
//! A codec of our own on `libc` alone, so that one static binary needs no `ip`, `nft` or `wg` at run time.
//! Every call blocks, for microseconds; the socket belongs to the network namespace of the thread that
//! opened it. Invariant: what the kernel says never panics.

mod attrs;
mod buf;
mod error;
mod message;
pub mod nft;
pub mod rt;
mod socket;
pub mod wireguard;

pub use attrs::address as octets_to_address;
pub use error::NetlinkError;

/// Messages and attributes start at multiples of four bytes (`NLMSG_ALIGNTO`, `NLA_ALIGNTO`).
fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}
