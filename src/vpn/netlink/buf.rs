//! Builds netlink messages: header, family header, attributes, nests.
//!
//! Invariant: nothing panics and nothing is cut. What does not fit its length field marks the buffer as
//! overflown, and an overflown buffer gives no bytes.

use zeroize::Zeroize;

use crate::vpn::netlink::align;

/// Says that an attribute holds attributes (`NLA_F_NESTED`).
const NESTED: u16 = 0x8000;

/// Bytes of `struct nlattr`.
const ATTR_HEADER_BYTES: usize = 4;

/// Bytes of `struct nlmsghdr`.
pub(crate) const MESSAGE_HEADER_BYTES: usize = 16;

/// One or more netlink messages under construction. Wiped when dropped: it may carry WireGuard keys.
#[derive(Default)]
pub(crate) struct Buf {
    bytes: Vec<u8>,
    overflown: bool,
}

impl Buf {
    /// The finished bytes; `None` when something did not fit its length field.
    pub(crate) fn finish(&self) -> Option<&[u8]> {
        (!self.overflown).then_some(self.bytes.as_slice())
    }

    /// Appends bytes as they are: the fixed header of a family.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends one attribute.
    pub(crate) fn attr(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let Ok(length) = u16::try_from(value.len() + ATTR_HEADER_BYTES) else {
            self.overflown = true;
            return self;
        };
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(align(self.bytes.len()), 0);
        self
    }

    /// Appends a text with its closing zero.
    pub(crate) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.attr(kind, &bytes)
    }

    /// Appends a number in network order, as nftables wants them.
    pub(crate) fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attr(kind, &value.to_be_bytes())
    }

    /// Appends a number in the machine's order, as the rest of netlink wants them.
    pub(crate) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attr(kind, &value.to_ne_bytes())
    }

    /// Appends a number in the machine's order.
    pub(crate) fn u16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.attr(kind, &value.to_ne_bytes())
    }

    /// Appends an attribute that holds what `fill` appends.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Buf)) -> &mut Self {
        let start = self.bytes.len();
        self.attr(kind | NESTED, &[]);
        fill(self);
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.patch(start, &length.to_ne_bytes()),
            Err(_) => self.overflown = true,
        }
        self
    }

    /// Appends one whole message; `fill` adds what follows `struct nlmsghdr`.
    pub(crate) fn message(&mut self, kind: u16, flags: u16, sequence: u32, fill: impl FnOnce(&mut Buf)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; MESSAGE_HEADER_BYTES]);
        fill(self);
        match u32::try_from(self.bytes.len() - start) {
            Ok(length) => self.patch(start, &length.to_ne_bytes()),
            Err(_) => self.overflown = true,
        }
        self.patch(start + 4, &kind.to_ne_bytes());
        self.patch(start + 6, &flags.to_ne_bytes());
        self.patch(start + 8, &sequence.to_ne_bytes());
    }

    fn patch(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Buf;
    use crate::vpn::netlink::attrs::{attributes, find};

    #[test]
    fn attributes_are_padded_to_four_bytes() {
        let mut buf = Buf::default();

        buf.text(3, "ab").u16(1, 0x0102);

        let bytes = buf.finish().unwrap();
        assert_eq!(bytes.len(), 16);
        assert_eq!(&bytes[..2], &7_u16.to_ne_bytes());
        assert_eq!(&bytes[4..8], b"ab\0\0");
    }

    #[test]
    fn a_nest_over_64_kib_is_an_error() {
        let mut buf = Buf::default();

        buf.nest(1, |list| {
            for _ in 0..1_100 {
                list.attr(1, &[0; 56]);
            }
        });

        assert!(buf.finish().is_none());
    }

    #[test]
    fn an_attribute_over_64_kib_is_an_error() {
        let mut buf = Buf::default();

        buf.attr(1, &vec![0; 65_532]);

        assert!(buf.finish().is_none());
    }

    #[test]
    fn what_was_nested_is_read_back() {
        let mut buf = Buf::default();

        buf.nest(7, |outer| {
            outer.nest(1, |inner| {
                inner.text(2, "x");
            });
        });

        let bytes = buf.finish().unwrap();
        let inner = find(find(bytes, 7).unwrap(), 1).unwrap();
        assert_eq!(attributes(inner).collect::<Vec<_>>(), [(2, b"x\0".as_slice())]);
    }
}
