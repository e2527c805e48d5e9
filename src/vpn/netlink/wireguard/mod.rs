//! Configures and reads WireGuard tunnels of the kernel, over generic netlink.
//!
//! Numbers are those of `linux/wireguard.h`; they are in the machine's order but for ports and addresses.
//! The link itself is made by [`crate::vpn::netlink::rt`].

mod read;
mod write;

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::attrs::find_u16;
use crate::vpn::netlink::socket::{Protocol, Socket};

const FAMILY_NAME: &str = "wireguard";

/// `GENL_ID_CTRL`, the family that knows the others, and how it is asked for one by name.
const CONTROL: u16 = 16;
const CONTROL_VERSION: u8 = 1;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// Bytes of `struct genlmsghdr`: command, version, two reserved.
const HEADER_BYTES: usize = 4;

const VERSION: u8 = 1;
const CMD_GET_DEVICE: u8 = 0;
const CMD_SET_DEVICE: u8 = 1;

/// What shall change of a tunnel. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TunnelUpdate {
    /// The tunnel's key.
    pub private_key: Option<PrivateKey>,
    /// The UDP port it listens on.
    pub listen_port: Option<u16>,
    /// The mark of its own packets; 0 for none.
    pub firewall_mark: Option<u32>,
    /// Whether peers that are not named below are removed.
    pub replace_peers: bool,
    /// Peers to add, change or remove.
    pub peers: Vec<PeerUpdate>,
}

/// What shall change of a peer.
#[derive(Debug, Clone)]
pub enum PeerUpdate {
    /// Adds it, or makes it what is said here.
    Set(PeerSettings),
    /// Removes it. One that is not there is fine.
    Remove(PublicKey),
}

/// A peer as it should be.
#[derive(Debug, Clone)]
pub struct PeerSettings {
    /// What it is known by.
    pub public_key: PublicKey,
    /// The secret shared with it; `None` for none.
    pub preshared_key: Option<PresharedKey>,
    /// Where it is; `None` leaves what is known of it.
    pub endpoint: Option<SocketAddr>,
    /// Seconds between packets that keep a NAT open; 0 for none, `None` leaves it.
    pub keepalive_s: Option<u16>,
    /// The networks behind it, in place of those it had.
    pub allowed_ips: Vec<IpNet>,
}

/// A tunnel as the kernel has it. Its private key is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// The public half of its key; `None` before it has one.
    pub public_key: Option<PublicKey>,
    /// The UDP port it listens on.
    pub listen_port: u16,
    /// The mark of its own packets; 0 for none.
    pub firewall_mark: u32,
    /// Its peers.
    pub peers: Vec<Peer>,
}

/// A peer as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What it is known by.
    pub public_key: PublicKey,
    /// The secret shared with it.
    pub preshared_key: Option<PresharedKey>,
    /// Where its last packet came from, or where it was said to be.
    pub endpoint: Option<SocketAddr>,
    /// Seconds between packets that keep a NAT open; 0 for none.
    pub keepalive_s: u16,
    /// When it last shook hands, since 1970; `None` when it never did.
    pub last_handshake: Option<Duration>,
    /// Bytes received from it since it was added.
    pub rx_bytes: u64,
    /// Bytes sent to it since it was added.
    pub tx_bytes: u64,
    /// The networks behind it.
    pub allowed_ips: Vec<IpNet>,
}

/// Speaks with the kernel's WireGuard of the network namespace in which it was opened.
pub struct Wireguard {
    socket: Socket,
    family: u16,
}

impl Wireguard {
    /// Opens the socket in the network namespace of the calling thread. [`NetlinkError::is_missing`] when the
    /// kernel has no WireGuard, or has not loaded it yet: making a link of that kind loads it.
    pub fn open() -> Result<Self, NetlinkError> {
        const OPERATION: &str = "find WireGuard in the kernel";
        let mut socket = Socket::open(Protocol::Generic)?;
        let answers = socket.request(OPERATION, CONTROL, 0, |b| {
            b.raw(&[CTRL_CMD_GETFAMILY, CONTROL_VERSION, 0, 0]).text(CTRL_ATTR_FAMILY_NAME, FAMILY_NAME);
        })?;
        let family = answers.first().and_then(|a| find_u16(a.attributes(HEADER_BYTES), CTRL_ATTR_FAMILY_ID));
        let problem = "no family number in it";
        let family =
            family.ok_or_else(|| NetlinkError::Malformed { operation: OPERATION.to_owned(), problem })?;
        Ok(Self { socket, family })
    }

    /// Changes a tunnel. Many peers take several messages, each of which the kernel takes or refuses for itself.
    pub fn update(&mut self, interface: &str, update: &TunnelUpdate) -> Result<(), NetlinkError> {
        let operation = format!("configure the WireGuard tunnel {interface}");
        for part in write::parts(update) {
            self.socket.request(&operation, self.family, 0, |b| part.encode(b, interface))?;
        }
        Ok(())
    }

    /// Reads a tunnel. [`NetlinkError::is_missing`] when there is none of that name.
    pub fn tunnel(&mut self, interface: &str) -> Result<Tunnel, NetlinkError> {
        let operation = format!("read the WireGuard tunnel {interface}");
        let answers = self.socket.dump(&operation, self.family, |b| {
            b.raw(&[CMD_GET_DEVICE, VERSION, 0, 0]).text(write::DEVICE_IFNAME, interface);
        })?;
        Ok(read::tunnel(answers.iter().map(|answer| answer.attributes(HEADER_BYTES))))
    }
}
