//! What the userspace tunnel asks of the place its packets come from and go to: a TUN device or memory.

use gotatun::tun::{IpRecv, IpSend};

use crate::domain::network::Mtu;
use crate::domain::node::InterfaceName;
use crate::vpn::tunnel::TunnelError;
use crate::vpn::tunnel::lease::LeaseEnd;

/// Opens the packet side of an interface. Implementations: [`TunTransport`](crate::vpn::tunnel::tun::TunTransport)
/// and [`MemoryTransport`](crate::vpn::tunnel::memory::MemoryTransport).
pub trait PacketTransport: Send + Sync + 'static {
    /// Takes decrypted packets.
    type Send: IpSend;
    /// Gives packets to encrypt.
    type Recv: IpRecv;

    /// Whether the interface is a link that netlink sees.
    const HAS_LINK: bool;

    /// Opens the interface of that name, with that MTU.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it.
    fn open(&self, interface: &InterfaceName, mtu: Mtu) -> Result<Port<Self::Send, Self::Recv>, TunnelError>;
}

/// An open packet side.
pub struct Port<S, R> {
    pub(super) send: S,
    pub(super) recv: R,
    pub(super) state: Box<dyn PortState>,
    pub(super) end: LeaseEnd,
}

/// Looks at an open packet side without holding it open.
pub(super) trait PortState: Send + Sync {
    /// The MTU as it is now, or `None` when the interface is gone.
    fn mtu(&self) -> Option<u16>;
}
