//! Addresses of links, IPv4 and IPv6.

use ipnet::IpNet;

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::attrs::{address, find, octets, u32_at};
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::{Message, flag};
use crate::vpn::netlink::rt::{Rtnetlink, family};

const NEW_ADDR: u16 = 20;
const DEL_ADDR: u16 = 21;
const GET_ADDR: u16 = 22;

/// Bytes of `struct ifaddrmsg`.
const HEADER_BYTES: usize = 8;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Skips duplicate address detection: on a tunnel nobody else can have the address, and until detection ends
/// nothing can be bound to it.
const IFA_F_NODAD: u8 = 0x02;

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The link's index.
    pub link: u32,
    /// The address with the length of its network, host bits kept.
    pub network: IpNet,
}

impl Rtnetlink {
    /// Gives a link an address. An address that is there already is fine.
    pub fn add_address(&mut self, link: u32, network: IpNet) -> Result<(), NetlinkError> {
        let operation = format!("add the address {network} to link {link}");
        self.socket
            .request(&operation, NEW_ADDR, flag::CREATE | flag::REPLACE, |b| body(b, link, network, true))?;
        Ok(())
    }

    /// Takes an address from a link.
    pub fn delete_address(&mut self, link: u32, network: IpNet) -> Result<(), NetlinkError> {
        let operation = format!("delete the address {network} from link {link}");
        self.socket.request(&operation, DEL_ADDR, 0, |b| body(b, link, network, false))?;
        Ok(())
    }

    /// All addresses of all links.
    pub fn list_addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let answers = self.socket.dump("list the addresses", GET_ADDR, |b| {
            b.raw(&[0; HEADER_BYTES]);
        })?;
        Ok(answers.iter().filter_map(parse).collect())
    }
}

pub(super) fn body(b: &mut Buf, link: u32, network: IpNet, add: bool) {
    let local = octets(network.addr());
    let flags = if add && matches!(network, IpNet::V6(_)) { IFA_F_NODAD } else { 0 };
    b.raw(&[family(network.addr()), network.prefix_len(), flags, 0]).raw(&link.to_ne_bytes());
    b.attr(IFA_LOCAL, &local).attr(IFA_ADDRESS, &local);
}

fn parse(message: &Message) -> Option<Address> {
    if message.kind != NEW_ADDR {
        return None;
    }
    let attributes = message.attributes(HEADER_BYTES);
    // On a point-to-point link IFA_ADDRESS is the far end; IPv6 without a far end has no IFA_LOCAL.
    let own = find(attributes, IFA_LOCAL).or_else(|| find(attributes, IFA_ADDRESS)).and_then(address)?;
    let network = IpNet::new(own, *message.body.get(1)?).ok()?;
    Some(Address { link: u32_at(&message.body, 4)?, network })
}
