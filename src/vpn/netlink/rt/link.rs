//! Links: the network interfaces of the host.

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::attrs::{find, find_text, find_u32, u32_at};
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::{Message, flag};
use crate::vpn::netlink::rt::Rtnetlink;

const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const GET_LINK: u16 = 18;

/// Bytes of `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The number by which the kernel knows it.
    pub index: u32,
    /// Its name, such as `eth0`.
    pub name: String,
    /// The largest packet it takes, in bytes.
    pub mtu: u32,
    /// Whether it was set up (not whether a cable is in it).
    pub up: bool,
    /// What made it, such as `wireguard` or `tun`; `None` for hardware.
    pub kind: Option<String>,
}

/// A kind of link that can be created over netlink. (TUN devices cannot: they take an ioctl.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind<'a> {
    /// A tunnel of the kernel's WireGuard.
    WireGuard,
    /// Two ends of a virtual cable; the other end gets this name.
    Veth {
        /// Name of the other end.
        peer: &'a str,
    },
}

impl LinkKind<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::WireGuard => "wireguard",
            Self::Veth { .. } => "veth",
        }
    }
}

impl Rtnetlink {
    /// Creates a link. It starts down. [`NetlinkError::is_unsupported`] when the kernel lacks the kind.
    pub fn create_link(&mut self, name: &str, kind: LinkKind<'_>) -> Result<(), NetlinkError> {
        let operation = format!("create the {} link {name}", kind.name());
        self.socket
            .request(&operation, NEW_LINK, flag::CREATE | flag::EXCL, |b| create_body(b, name, kind))?;
        Ok(())
    }

    /// Deletes a link.
    pub fn delete_link(&mut self, index: u32) -> Result<(), NetlinkError> {
        let operation = format!("delete the link {index}");
        self.socket.request(&operation, DEL_LINK, 0, |b| header(b, index, 0, 0))?;
        Ok(())
    }

    /// The link of that name, if there is one.
    pub fn find_link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let operation = format!("find the link {name}");
        let asked = self.socket.request(&operation, GET_LINK, 0, |b| {
            header(b, 0, 0, 0);
            b.text(IFLA_IFNAME, name);
        });
        match asked {
            Ok(answers) => Ok(answers.iter().find_map(parse)),
            Err(refused) if refused.is_missing() => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// All links.
    pub fn list_links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let answers = self.socket.dump("list the links", GET_LINK, |b| header(b, 0, 0, 0))?;
        Ok(answers.iter().filter_map(parse).collect())
    }

    /// Sets a link up.
    pub fn set_link_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let operation = format!("set the link {index} up");
        let up = libc::IFF_UP.cast_unsigned();
        self.socket.request(&operation, NEW_LINK, 0, |b| header(b, index, up, up))?;
        Ok(())
    }

    /// Sets the largest packet a link takes, in bytes.
    pub fn set_link_mtu(&mut self, index: u32, mtu: u32) -> Result<(), NetlinkError> {
        let operation = format!("set the MTU of link {index} to {mtu}");
        self.socket.request(&operation, NEW_LINK, 0, |b| {
            header(b, index, 0, 0);
            b.u32(IFLA_MTU, mtu);
        })?;
        Ok(())
    }
}

/// `struct ifinfomsg`: family and type unspecified, then index, flags, and which flags are meant.
fn header(b: &mut Buf, index: u32, flags: u32, change: u32) {
    b.raw(&[0; 4]);
    for number in [index, flags, change] {
        b.raw(&number.to_ne_bytes());
    }
}

pub(super) fn create_body(b: &mut Buf, name: &str, kind: LinkKind<'_>) {
    header(b, 0, 0, 0);
    b.text(IFLA_IFNAME, name);
    b.nest(IFLA_LINKINFO, |info| {
        // iproute2 sends the kind without its closing zero.
        info.attr(IFLA_INFO_KIND, kind.name().as_bytes());
        match kind {
            LinkKind::WireGuard => {}
            LinkKind::Veth { peer } => {
                info.nest(IFLA_INFO_DATA, |data| {
                    data.nest(VETH_INFO_PEER, |end| {
                        header(end, 0, 0, 0);
                        end.text(IFLA_IFNAME, peer);
                    });
                });
            }
        }
    });
}

fn parse(message: &Message) -> Option<Link> {
    if message.kind != NEW_LINK {
        return None;
    }
    let attributes = message.attributes(HEADER_BYTES);
    Some(Link {
        index: u32_at(&message.body, 4)?,
        name: find_text(attributes, IFLA_IFNAME)?,
        mtu: find_u32(attributes, IFLA_MTU).unwrap_or(0),
        up: u32_at(&message.body, 8)? & libc::IFF_UP.cast_unsigned() != 0,
        kind: find(attributes, IFLA_LINKINFO).and_then(|info| find_text(info, IFLA_INFO_KIND)),
    })
}
