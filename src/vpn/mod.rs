//! Tunnels, netlink, firewall and host network. Invariant: the only place with `unsafe`.

pub mod netlink;
pub mod tunnel;
