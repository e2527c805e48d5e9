//! The netlink codec against the kernel, with `ip` and `nft` as witnesses, in namespaces of its own.

mod firewall;
mod links;
mod traffic;
