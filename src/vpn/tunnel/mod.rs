//! WireGuard interfaces: one trait, carried by the kernel or by this process.
//!
//! Invariant: keys never reach a log or an error, and a client's endpoint address stays in memory.

pub mod client;
mod echo;
mod gro;
mod handshakes;
pub mod kernel;
mod lease;
mod lives;
pub mod memory;
pub mod probe;
pub mod transport;
pub mod tun;
mod udp;
pub mod userspace;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use crate::domain::desired::{ObservedInterface, ObservedPeer, WireguardSettings};
use crate::domain::handshake::Handshakes;
use crate::domain::key::PublicKey;
use crate::domain::network::Mtu;
use crate::domain::node::{InterfaceName, Port};
use crate::domain::time::Timestamp;
use crate::domain::usage::Reading;
use crate::runtime::tasks::TaskError;
use crate::vpn::netlink::NetlinkError;

/// One WireGuard interface. Kernel and userspace implement it.
pub trait Tunnel: Send + Sync {
    /// The interface's name.
    fn interface(&self) -> &InterfaceName;

    /// Whether there is a link that netlink must give addresses and bring up. Memory has none.
    fn has_link(&self) -> bool;

    /// Key, port, peers and MTU as they are now, or `None` when the interface does not exist.
    ///
    /// `up` and `addresses` are left at their defaults: netlink knows them.
    fn observe(&self) -> BoxFuture<'_, Result<Option<ObservedInterface>, TunnelError>>;

    /// Performs the changes in order. Peers that no change names keep their sessions.
    ///
    /// `now` names the life of the counters that begin. On an error the changes before the failing one are in
    /// force; observing and diffing again is the repair.
    fn apply<'a>(
        &'a self,
        changes: &'a [InterfaceChange],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), TunnelError>>;

    /// Counters of every peer. `now` turns "so long ago" into a point in time.
    fn statistics(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<PeerStatistics>, TunnelError>>;

    /// What its port hears of handshakes, by the looks so far and this one. `None` where whoever carries it does not tell:
    /// the kernel keeps that to itself.
    fn handshakes(&self, _now: Timestamp) -> BoxFuture<'_, Option<Handshakes>> {
        Box::pin(std::future::ready(None))
    }

    /// Takes the interface down. When this returns, its port and its name are free.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The part of [`Change`](crate::domain::desired::Change) that a tunnel performs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceChange {
    /// Make the interface, without key, port or peers; one that this tunnel has already is taken down first.
    Create(Mtu),
    /// Set key and port. A new key ends all sessions, a new port ends none.
    SetWireguard(WireguardSettings),
    /// Drop peers; keys without a peer are no error.
    RemovePeers(BTreeSet<PublicKey>),
    /// Make peers, or change what differs in those that are there.
    SetPeers(BTreeMap<PublicKey, ObservedPeer>),
}

/// What a peer has done since its counters started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatistics {
    /// Whose counters these are.
    pub public_key: PublicKey,
    /// Bytes both ways since the counters started, and when that was.
    pub reading: Reading,
    /// When the newest session began.
    pub last_handshake: Option<Timestamp>,
    /// Where the peer was last heard from. For the live view only: never stored, never logged.
    pub endpoint: Option<SocketAddr>,
}

/// Why a tunnel could not do as told.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The kernel has no TUN driver, or the container does not show it.
    #[error(
        "/dev/net/tun is not there: load it with `modprobe tun`, or start the container with `--device /dev/net/tun`"
    )]
    TunMissing {
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// No right to make the interface.
    #[error(
        "creating interface {interface} needs CAP_NET_ADMIN: run as root, use the packaged systemd unit, or start the \
         container with `--cap-add NET_ADMIN --device /dev/net/tun`"
    )]
    TunForbidden {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// Another process has that interface.
    #[error(
        "interface {interface} is in use by another process: stop it (`ip -d link show {interface}` tells its kind), \
         or choose another interface name"
    )]
    NameInUse {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The name is taken by an interface of another kind, or is no interface name.
    #[error(
        "interface {interface} cannot be a TUN device: the name is taken by an interface of another kind (see `ip -d \
         link show {interface}`) or has characters that Linux refuses; choose another interface name"
    )]
    NameUnfit {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// Anything else in the way of the interface.
    #[error("create interface {interface}")]
    TunOpen {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// Somebody listens on the port.
    #[error(
        "UDP port {port} is in use: `ss -lunp sport = :{port}` names the process; stop it or set another port"
    )]
    PortBusy {
        /// The port.
        port: Port,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The port cannot be listened on for another reason.
    #[error("listen on UDP port {port}")]
    Listen {
        /// The port.
        port: Port,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// A change came before the interface it is about.
    #[error("interface {interface} does not exist yet: create it and set its key before its peers")]
    NoInterface {
        /// The interface.
        interface: InterfaceName,
    },
    /// The userspace engine refused.
    #[error("{operation} on interface {interface}")]
    Engine {
        /// What was asked of it.
        operation: &'static str,
        /// The interface.
        interface: InterfaceName,
        /// What it said.
        #[source]
        cause: gotatun::device::Error,
    },
    /// The demonstration's client could not start.
    #[error("start a client in memory")]
    Client {
        /// What the engine said.
        #[source]
        cause: gotatun::device::Error,
    },
    /// The kernel has no WireGuard.
    #[error(
        "this kernel has no WireGuard: load it with `modprobe wireguard` (Linux 5.6 or later; a container uses the \
         host's), or let this process carry the tunnel with the setting `userspace`"
    )]
    KernelMissing {
        /// What the kernel said.
        #[source]
        cause: NetlinkError,
    },
    /// No right to configure the kernel's WireGuard.
    #[error(
        "configuring interface {interface} needs CAP_NET_ADMIN: run as root, use the packaged systemd unit, or start \
         the container with `--cap-add NET_ADMIN`"
    )]
    KernelForbidden {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: NetlinkError,
    },
    /// The name is taken by a link of another kind.
    #[error(
        "interface {interface} exists and is not WireGuard: `ip -d link show {interface}` tells its kind; remove it \
         with `ip link del {interface}` or choose another interface name"
    )]
    LinkExists {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: NetlinkError,
    },
    /// The kernel refused for another reason.
    #[error("configure interface {interface} in the kernel")]
    Kernel {
        /// The interface.
        interface: InterfaceName,
        /// What the kernel said.
        #[source]
        cause: NetlinkError,
    },
    /// The work did not come to its end.
    #[error("configure interface {interface}")]
    Task {
        /// The interface.
        interface: InterfaceName,
        /// What became of the work.
        #[source]
        cause: TaskError,
    },
    /// Nothing can carry a tunnel here.
    #[error("nothing can carry a tunnel here. The kernel: {kernel}. This process: {userspace}")]
    Neither {
        /// Why not the kernel.
        kernel: Box<TunnelError>,
        /// Why not this process.
        userspace: Box<TunnelError>,
    },
}
