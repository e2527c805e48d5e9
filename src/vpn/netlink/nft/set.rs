//! Sets: values a rule can look up, plain or as ranges.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

/// A set of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The parts of a key, in order.
    pub key: Vec<KeyPart>,
    /// Whether the elements are the ends of ranges.
    pub interval: bool,
    /// The elements.
    pub elements: BTreeSet<Element>,
}

/// A part of a set's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPart {
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
    /// A link's name, padded with zeros.
    LinkName,
    /// One that is not ours, by the number `nft` gives it.
    Foreign(u32),
}

/// One element: a key, and whether it is the (excluded) end of a range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The parts of the key, each padded to four bytes.
    pub key: Vec<u8>,
    /// Whether a range ends before it.
    pub range_end: bool,
}

/// Bits of one part in the number that tells `nft` how to print a key of several parts.
const PART_BITS: u32 = 6;

impl KeyPart {
    /// `nft`'s number. The kernel keeps it and never looks at it.
    fn number(self) -> u32 {
        match self {
            Self::V4 => 7,
            Self::V6 => 8,
            Self::LinkName => 41,
            Self::Foreign(number) => number,
        }
    }

    fn bytes(self) -> u32 {
        match self {
            Self::V4 => 4,
            Self::V6 | Self::LinkName => 16,
            Self::Foreign(_) => 0,
        }
    }
}

impl Set {
    /// An empty set of single values.
    pub fn plain(key: &[KeyPart]) -> Self {
        Self { key: key.to_vec(), interval: false, elements: BTreeSet::new() }
    }

    /// A set of IPv4 or of IPv6 ranges that holds the networks of that family. Overlapping and touching
    /// networks become one range: the kernel refuses overlaps.
    pub fn ranges(part: KeyPart, networks: &[IpNet]) -> Self {
        let fits = |network: &&IpNet| {
            matches!((network, part), (IpNet::V4(_), KeyPart::V4) | (IpNet::V6(_), KeyPart::V6))
        };
        let mut ranges: Vec<(u128, u128)> =
            networks.iter().filter(fits).map(|n| (bits(n.network()), bits(n.broadcast()))).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (start, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if start <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((start, last)),
            }
        }
        let elements =
            merged.into_iter().flat_map(|(start, last)| range_elements(part, start, last)).collect();
        Self { key: vec![part], interval: true, elements }
    }

    /// Puts a single value in.
    pub fn insert(&mut self, key: Vec<u8>) {
        self.elements.insert(Element { key, range_end: false });
    }

    /// The number that tells `nft` how to print a key.
    pub(super) fn key_number(&self) -> u32 {
        self.key.iter().fold(0, |number, part| (number << PART_BITS) | part.number())
    }

    /// The byte order of a key of one part, in the form `nft` keeps it as user data: type 0, length 4, number. It
    /// prints an interface name wrongly without it. The kernel keeps it and never looks at it.
    pub(super) fn user_data(&self) -> Option<Vec<u8>> {
        const HOST_ENDIAN: u32 = 1;
        const BIG_ENDIAN: u32 = 2;
        let order = match self.key.as_slice() {
            [KeyPart::LinkName] => HOST_ENDIAN,
            [KeyPart::V4 | KeyPart::V6] => BIG_ENDIAN,
            _ => return None,
        };
        Some([&[0, 4][..], &order.to_ne_bytes()].concat())
    }

    /// Bytes of a key.
    pub(super) fn key_bytes(&self) -> u32 {
        self.key.iter().map(|part| part.bytes()).sum()
    }

    /// The parts of a key from `nft`'s number.
    pub(super) fn key_of(number: u32) -> Vec<KeyPart> {
        let part = |number| match number {
            7 => KeyPart::V4,
            8 => KeyPart::V6,
            41 => KeyPart::LinkName,
            other => KeyPart::Foreign(other),
        };
        let mut parts = Vec::new();
        let mut rest = number;
        while rest != 0 {
            parts.insert(0, part(rest & ((1 << PART_BITS) - 1)));
            rest >>= PART_BITS;
        }
        parts
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The first value and, unless the range reaches the last one there is, the first value behind it.
fn range_elements(part: KeyPart, start: u128, last: u128) -> Vec<Element> {
    let bytes = part.bytes() as usize;
    let key = |value: u128| value.to_be_bytes().iter().skip(16 - bytes).copied().collect::<Vec<u8>>();
    let highest = u128::MAX >> (128 - bytes * 8);
    let mut elements = vec![Element { key: key(start), range_end: false }];
    if last < highest {
        elements.push(Element { key: key(last + 1), range_end: true });
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::{Element, KeyPart, Set};

    fn element(key: &[u8], range_end: bool) -> Element {
        Element { key: key.to_vec(), range_end }
    }

    #[test]
    fn overlapping_and_touching_networks_become_one_range() {
        let networks = ["10.0.0.128/25", "10.0.0.0/25", "10.0.0.7/32", "192.0.2.0/24", "fd00::/64"];
        let networks: Vec<_> = networks.iter().map(|n| n.parse().unwrap()).collect();

        let set = Set::ranges(KeyPart::V4, &networks);

        let expected = [
            element(&[10, 0, 0, 0], false),
            element(&[10, 0, 1, 0], true),
            element(&[192, 0, 2, 0], false),
            element(&[192, 0, 3, 0], true),
        ];
        assert_eq!(set.elements.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_range_up_to_the_last_address_has_no_end() {
        let v4 = Set::ranges(KeyPart::V4, &["255.255.255.255/32".parse().unwrap()]);
        let v6 = Set::ranges(KeyPart::V6, &["::/0".parse().unwrap()]);

        assert_eq!(v4.elements.into_iter().collect::<Vec<_>>(), [element(&[255; 4], false)]);
        assert_eq!(v6.elements.into_iter().collect::<Vec<_>>(), [element(&[0; 16], false)]);
    }

    #[test]
    fn a_key_of_parts_has_the_number_nft_gives_it() {
        let set = Set::plain(&[KeyPart::LinkName, KeyPart::V4]);

        assert_eq!((set.key_number(), set.key_bytes()), (0xa47, 20));
        assert_eq!(Set::key_of(0xa47), [KeyPart::LinkName, KeyPart::V4]);
    }
}
