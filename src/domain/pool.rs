//! Address pools: which addresses of a network devices may get, and how full it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// A range that cannot be a pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Bits behind the prefix are set.
    #[error("{given} names a host, its network is {network}")]
    HostBits {
        /// What was given.
        given: IpNet,
        /// The network that holds it.
        network: IpNet,
    },
    /// Outside the sizes a pool may have.
    #[error("{given} is not between /{widest} and /{narrowest}")]
    Size {
        /// What was given.
        given: IpNet,
        /// Shortest prefix allowed.
        widest: u8,
        /// Longest prefix allowed.
        narrowest: u8,
    },
    /// A range that hosts cannot use: loopback, link-local, multicast, unspecified.
    #[error("{given} is reserved; take a private range such as 10.86.0.0/16 or fd86:cafe::/64")]
    Reserved {
        /// What was given.
        given: IpNet,
    },
    /// A device address that is not one of the pool's.
    #[error("{address} is not an address for devices in {pool}")]
    NotInPool {
        /// The address asked for.
        address: IpAddr,
        /// The pool.
        pool: IpNet,
    },
}

/// A checked range. Index 0 is the network itself, index 1 the node, devices start at 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "IpNet", into = "IpNet")]
pub struct Pool(IpNet);

/// How full a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pressure {
    /// Room enough.
    Normal,
    /// Nine in ten addresses are taken.
    High,
    /// No address is left.
    Exhausted,
}

impl Pool {
    /// Shortest and longest IPv4 prefix: a /30 still holds the node and one device.
    pub const IPV4_PREFIX: (u8, u8) = (8, 30);
    /// Shortest and longest IPv6 prefix.
    pub const IPV6_PREFIX: (u8, u8) = (32, 126);
    /// The first index that a device may have.
    pub const FIRST_INDEX: u64 = 2;
    /// Addresses of a pool that are ever given out; larger IPv6 pools end here.
    const MAX_INDEX: u64 = u32::MAX as u64;

    /// Checks a range.
    pub fn parse(net: IpNet) -> Result<Self, PoolError> {
        if net.addr() != net.network() {
            return Err(PoolError::HostBits { given: net, network: net.trunc() });
        }
        let (widest, narrowest) = match net {
            IpNet::V4(_) => Self::IPV4_PREFIX,
            IpNet::V6(_) => Self::IPV6_PREFIX,
        };
        if !(widest..=narrowest).contains(&net.prefix_len()) {
            return Err(PoolError::Size { given: net, widest, narrowest });
        }
        if is_reserved(&net) { Err(PoolError::Reserved { given: net }) } else { Ok(Self(net)) }
    }

    /// The range.
    pub const fn net(&self) -> IpNet {
        self.0
    }

    /// The last index that a device may have. IPv4 keeps its broadcast address free.
    pub fn last_index(&self) -> u64 {
        let host_bits = self.0.max_prefix_len() - self.0.prefix_len();
        let size = 1u128 << host_bits.min(64);
        let last = match self.0 {
            IpNet::V4(_) => size - 2,
            IpNet::V6(_) => size - 1,
        };
        u64::try_from(last).unwrap_or(Self::MAX_INDEX).min(Self::MAX_INDEX)
    }

    /// How many devices fit.
    pub fn capacity(&self) -> u64 {
        self.last_index() - Self::FIRST_INDEX + 1
    }

    /// The node's own address in this pool, the same on every node.
    pub fn node_address(&self) -> IpAddr {
        self.at(1)
    }

    /// The address of an index; `None` when no device may have it.
    pub fn address(&self, index: u64) -> Option<IpAddr> {
        (Self::FIRST_INDEX..=self.last_index()).contains(&index).then(|| self.at(index))
    }

    /// The index of an address that a device may have.
    pub fn index_of(&self, address: IpAddr) -> Result<u64, PoolError> {
        let offset = match (self.0.network(), address) {
            (IpAddr::V4(first), IpAddr::V4(it)) => {
                u128::from(u32::from(it)).checked_sub(u32::from(first).into())
            }
            (IpAddr::V6(first), IpAddr::V6(it)) => u128::from(it).checked_sub(first.into()),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        };
        offset
            .and_then(|offset| u64::try_from(offset).ok())
            .filter(|index| (Self::FIRST_INDEX..=self.last_index()).contains(index))
            .ok_or(PoolError::NotInPool { address, pool: self.0 })
    }

    /// How full the pool is with `used` devices in it.
    pub fn pressure(&self, used: u64) -> Pressure {
        let capacity = self.capacity();
        if used >= capacity {
            Pressure::Exhausted
        } else if used.saturating_mul(10) >= capacity.saturating_mul(9) {
            Pressure::High
        } else {
            Pressure::Normal
        }
    }

    /// Whether the two ranges share an address.
    pub fn overlaps(&self, other: &IpNet) -> bool {
        self.0.contains(&other.network()) || other.contains(&self.0.network())
    }

    fn at(&self, index: u64) -> IpAddr {
        match self.0 {
            IpNet::V4(net) => {
                let offset = u32::try_from(index).unwrap_or(u32::MAX);
                IpAddr::V4(Ipv4Addr::from(u32::from(net.network()).saturating_add(offset)))
            }
            IpNet::V6(net) => {
                IpAddr::V6(Ipv6Addr::from(u128::from(net.network()).saturating_add(index.into())))
            }
        }
    }
}

impl TryFrom<IpNet> for Pool {
    type Error = PoolError;

    fn try_from(net: IpNet) -> Result<Self, PoolError> {
        Self::parse(net)
    }
}

impl From<Pool> for IpNet {
    fn from(pool: Pool) -> Self {
        pool.0
    }
}

/// Ranges of RFC 6890 that no tunnel can carry.
fn is_reserved(net: &IpNet) -> bool {
    const V4: [Ipv4Net; 5] = [
        Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
        Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
        Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
        Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
        Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    const V6: [Ipv6Net; 3] = [
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 8),
        Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    ];
    match net {
        IpNet::V4(net) => V4.iter().any(|r| r.contains(&net.network()) || net.contains(&r.network())),
        IpNet::V6(net) => V6.iter().any(|r| r.contains(&net.network()) || net.contains(&r.network())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Pool, PoolError, Pressure};
    use ipnet::IpNet;
    use proptest::prelude::*;

    fn pool(text: &str) -> Result<Pool, PoolError> {
        Pool::parse(text.parse::<IpNet>().unwrap())
    }

    #[test]
    fn the_network_the_node_and_the_broadcast_are_never_given_out() {
        let pool = pool("10.86.0.0/29").unwrap();

        assert_eq!(pool.node_address().to_string(), "10.86.0.1");
        assert_eq!(pool.capacity(), 5);
        assert_eq!(pool.address(2).unwrap().to_string(), "10.86.0.2");
        assert_eq!(pool.address(6).unwrap().to_string(), "10.86.0.6");
        assert_eq!(pool.address(7), None);
        assert_eq!(pool.address(1), None);
    }

    #[test]
    fn a_bad_range_is_refused_with_what_would_do() {
        assert!(pool("10.0.0.1/24").unwrap_err().to_string().contains("its network is 10.0.0.0/24"));
        assert!(matches!(pool("10.0.0.0/31"), Err(PoolError::Size { narrowest: 30, .. })));
        assert!(matches!(pool("127.0.0.0/16"), Err(PoolError::Reserved { .. })));
        assert!(matches!(pool("fe80::/64"), Err(PoolError::Reserved { .. })));
        assert!(matches!(pool("ff05::/64"), Err(PoolError::Reserved { .. })));
    }

    #[test]
    fn pressure_says_nearly_and_wholly_used_up() {
        let pool = pool("10.86.0.0/28").unwrap();

        assert_eq!(pool.capacity(), 13);
        assert_eq!(pool.pressure(11), Pressure::Normal);
        assert_eq!(pool.pressure(12), Pressure::High);
        assert_eq!(pool.pressure(13), Pressure::Exhausted);
    }

    proptest! {
        #[test]
        fn an_address_and_its_index_name_each_other(prefix in 8u8..=30, pick in 0u64..1 << 24) {
            let pool = pool(&format!("10.0.0.0/{prefix}")).unwrap();
            let index = Pool::FIRST_INDEX + pick % pool.capacity();

            let address = pool.address(index).unwrap();

            prop_assert_eq!(pool.index_of(address), Ok(index));
            prop_assert!(pool.net().contains(&address));
        }

        #[test]
        fn ipv6_indexes_stay_inside_their_pool(prefix in 32u8..=126, pick in any::<u64>()) {
            let pool = pool(&format!("fd86:cafe::/{prefix}")).unwrap();
            let index = Pool::FIRST_INDEX + pick % pool.capacity();

            let address = pool.address(index).unwrap();

            prop_assert_eq!(pool.index_of(address), Ok(index));
            prop_assert!(pool.net().contains(&address));
        }
    }
}
