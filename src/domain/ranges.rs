//! Lists of address ranges that operators write down.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Up to 64 ranges of addresses; none is an empty list, whatever its reader makes of that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<IpNet>", into = "Vec<IpNet>")]
pub struct Ranges(Vec<IpNet>);

/// Ranges that make no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangesError {
    /// Too many.
    #[error("has more than {} ranges", Ranges::MOST)]
    Count,
    /// An IPv4 range in IPv6's clothes, which no address would ever match.
    #[error("write {0} as a range of IPv4 addresses")]
    Mapped(IpNet),
}

impl Ranges {
    /// Ranges it may have.
    pub const MOST: usize = 64;

    /// The ranges.
    pub fn as_slice(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address.to_canonical()))
    }
}

impl TryFrom<Vec<IpNet>> for Ranges {
    type Error = RangesError;

    /// Bits behind a prefix say nothing and are dropped.
    fn try_from(ranges: Vec<IpNet>) -> Result<Self, RangesError> {
        let is_mapped = |range: &&IpNet| match range {
            IpNet::V6(range) => range.prefix_len() >= 96 && range.addr().to_ipv4_mapped().is_some(),
            IpNet::V4(_) => false,
        };
        if ranges.len() > Self::MOST {
            return Err(RangesError::Count);
        }
        match ranges.iter().find(is_mapped) {
            Some(mapped) => Err(RangesError::Mapped(*mapped)),
            None => Ok(Self(ranges.iter().map(IpNet::trunc).collect())),
        }
    }
}

impl From<Ranges> for Vec<IpNet> {
    fn from(ranges: Ranges) -> Self {
        ranges.0
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use std::net::IpAddr;

    #[test]
    fn a_list_is_bounded_and_finds_mapped_addresses_in_ranges_of_ipv4() {
        let read = |text: &str| serde_json::from_str::<Ranges>(text);
        let many = format!("[{}]", vec!["\"192.0.2.0/24\""; 65].join(","));
        let some = read(r#"["192.0.2.77/24","2001:db8::/32"]"#).unwrap();

        assert!(read(&many).is_err() && read(r#"["::ffff:192.0.2.0/120"]"#).is_err());
        assert_eq!(some.as_slice()[0].to_string(), "192.0.2.0/24");
        for (address, within) in [("192.0.2.9", true), ("::ffff:192.0.2.9", true), ("2001:db9::1", false)] {
            assert_eq!(some.contain(address.parse::<IpAddr>().unwrap()), within, "{address}");
        }
    }
}
