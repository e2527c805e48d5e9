//! Tunnels, netlink, firewall and host network. Invariant: the only place with `unsafe`.

pub mod firewall;
pub mod host;
pub mod netlink;
pub mod netns;
pub mod timekeeping;
pub mod tunnel;
