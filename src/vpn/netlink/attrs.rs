//! Reads attributes and numbers out of kernel messages.
//!
//! Invariant: no input panics. A broken tail ends the iteration; a wrong length is `None`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::vpn::netlink::align;

/// Removes `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`, which share the field with the type.
const KIND_MASK: u16 = 0x3fff;

/// Walks attributes: (type without flags, payload).
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & KIND_MASK;
        let payload = rest.get(4..length)?;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The first attribute of the type.
pub(crate) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, payload)| payload)
}

/// The text up to its closing zero; what is not UTF-8 is replaced.
pub(crate) fn text(payload: &[u8]) -> String {
    let end = payload.iter().position(|byte| *byte == 0).unwrap_or(payload.len());
    String::from_utf8_lossy(payload.get(..end).unwrap_or_default()).into_owned()
}

/// The text of the first attribute of the type.
pub(crate) fn find_text(bytes: &[u8], kind: u16) -> Option<String> {
    find(bytes, kind).map(text)
}

/// The number, in network order, of the first attribute of the type.
pub(crate) fn find_be32(bytes: &[u8], kind: u16) -> Option<u32> {
    find(bytes, kind)?.try_into().ok().map(u32::from_be_bytes)
}

/// The number, in the machine's order, of the first attribute of the type.
pub(crate) fn find_u32(bytes: &[u8], kind: u16) -> Option<u32> {
    find(bytes, kind)?.try_into().ok().map(u32::from_ne_bytes)
}

/// The number, in the machine's order, of the first attribute of the type.
pub(crate) fn find_u16(bytes: &[u8], kind: u16) -> Option<u16> {
    find(bytes, kind)?.try_into().ok().map(u16::from_ne_bytes)
}

/// The number, in the machine's order, of the first attribute of the type.
pub(crate) fn find_u64(bytes: &[u8], kind: u16) -> Option<u64> {
    find(bytes, kind)?.try_into().ok().map(u64::from_ne_bytes)
}

/// A number in the machine's order at an offset.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// A number in the machine's order at an offset.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// A number in the machine's order at an offset.
pub(crate) fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..)?.first_chunk().copied().map(i64::from_ne_bytes)
}

/// Reads an address: four bytes are an IPv4 address, sixteen an IPv6 address.
pub fn address(payload: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(payload).ok().map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = || <[u8; 16]>::try_from(payload).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    v4().or_else(v6)
}

/// The bytes of an address as the kernel wants them.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{address, attributes, find_be32, find_u64, text};

    #[test]
    fn a_length_below_the_header_ends_the_iteration() {
        assert_eq!(attributes(&[3, 0, 1, 0, 9, 9, 9, 9]).count(), 0);
    }

    #[test]
    fn a_length_beyond_the_end_ends_the_iteration() {
        assert_eq!(attributes(&[8, 0, 1, 0, 1, 2, 3, 4, 200, 0, 2, 0]).count(), 1);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for (kind, payload) in attributes(&bytes) {
                let _ = (text(payload), address(payload), find_be32(&bytes, kind), find_u64(payload, kind));
                assert!(attributes(payload).count() <= payload.len());
            }
        }

        #[test]
        fn short_lengths_never_panic(bytes in prop::collection::vec(0_u8..12, 0..400)) {
            assert!(attributes(&bytes).map(|(_, payload)| attributes(payload).count()).sum::<usize>() <= bytes.len());
        }
    }
}
