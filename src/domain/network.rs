//! Networks: address pools and what clients are told about them.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::domain::id::NetworkId;
use crate::domain::name::NetworkName;
use crate::domain::pool::{Pool, PoolError};
use crate::domain::time::Timestamp;

/// A network's row, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Names the network.
    pub id: NetworkId,
    /// What it is called.
    pub name: NetworkName,
    /// Where devices get their addresses.
    pub pools: Pools,
    /// What clients are told.
    pub client: ClientSettings,
    /// Whether devices are kept from reaching each other.
    pub isolated: bool,
    /// Counts the changes that clients' configurations show; a device that saw an older one is marked.
    pub config_revision: i64,
    /// Counts all changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, until a purge.
    pub deleted_at: Option<Timestamp>,
}

/// A network about to be made.
#[derive(Debug, Clone)]
pub struct NewNetwork {
    /// Names the network.
    pub id: NetworkId,
    /// What it is called.
    pub name: NetworkName,
    /// Where devices get their addresses.
    pub pools: Pools,
    /// What clients are told.
    pub client: ClientSettings,
    /// Whether devices are kept from reaching each other.
    pub isolated: bool,
}

/// At least one pool, at most one for each IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pools {
    ipv4: Option<Pool>,
    ipv6: Option<Pool>,
}

/// What every client configuration of a network says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Name servers, at least one, so that no lookup leaves the tunnel.
    pub dns: Vec<IpAddr>,
    /// Bytes a tunnel packet may have.
    pub mtu: Mtu,
    /// Seconds between keepalives; zero sends none.
    pub keepalive_s: u16,
    /// What clients send into the tunnel.
    pub routes: Vec<IpNet>,
}

/// Bytes a tunnel packet may have: 1280 (the least IPv6 allows, RFC 8200 §5) to 9000 (jumbo frames).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Mtu(u16);

/// Something a network may not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No pool at all.
    #[error("a network needs an IPv4 pool, an IPv6 pool, or both")]
    NoPool,
    /// A pool of the other IP version.
    #[error("{given} is not an {wanted} range")]
    Version {
        /// What was given.
        given: IpNet,
        /// "IPv4" or "IPv6".
        wanted: &'static str,
    },
    /// A range that cannot be a pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Outside 1280 to 9000.
    #[error("an MTU is 1280 to 9000 bytes; 1420 suits most lines, 1280 the worst")]
    Mtu,
    /// No name server, or too many.
    #[error("give 1 to 4 DNS servers, or clients would resolve names outside the tunnel")]
    Dns,
    /// No route, or too many.
    #[error("give 1 to 64 routes; 0.0.0.0/0 and ::/0 send everything through the tunnel")]
    Routes,
}

impl Pools {
    /// Checks a pair.
    pub fn new(ipv4: Option<Pool>, ipv6: Option<Pool>) -> Result<Self, NetworkError> {
        if let Some(pool) = ipv4.filter(|pool| matches!(pool.net(), IpNet::V6(_))) {
            return Err(NetworkError::Version { given: pool.net(), wanted: "IPv4" });
        }
        if let Some(pool) = ipv6.filter(|pool| matches!(pool.net(), IpNet::V4(_))) {
            return Err(NetworkError::Version { given: pool.net(), wanted: "IPv6" });
        }
        if ipv4.is_none() && ipv6.is_none() { Err(NetworkError::NoPool) } else { Ok(Self { ipv4, ipv6 }) }
    }

    /// The IPv4 pool.
    pub const fn ipv4(&self) -> Option<Pool> {
        self.ipv4
    }

    /// The IPv6 pool.
    pub const fn ipv6(&self) -> Option<Pool> {
        self.ipv6
    }

    /// The pools there are.
    pub fn iter(&self) -> impl Iterator<Item = Pool> {
        self.ipv4.into_iter().chain(self.ipv6)
    }

    /// The first pair of ranges that share an address.
    pub fn overlap(&self, others: &[IpNet]) -> Option<(IpNet, IpNet)> {
        self.iter()
            .find_map(|pool| others.iter().find(|other| pool.overlaps(other)).map(|o| (pool.net(), *o)))
    }
}

impl Mtu {
    /// What fits an outer packet of 1500 bytes over IPv6: 40 + 8 + 32 bytes go to the headers.
    pub const DEFAULT: Self = Self(1420);

    /// The number of bytes.
    pub const fn bytes(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Mtu {
    type Error = NetworkError;

    fn try_from(bytes: u16) -> Result<Self, NetworkError> {
        if (1280..=9000).contains(&bytes) { Ok(Self(bytes)) } else { Err(NetworkError::Mtu) }
    }
}

impl From<Mtu> for u16 {
    fn from(mtu: Mtu) -> Self {
        mtu.0
    }
}

impl ClientSettings {
    /// Checks what no single field can hold.
    pub fn check(&self) -> Result<(), NetworkError> {
        if !(1..=4).contains(&self.dns.len()) {
            return Err(NetworkError::Dns);
        }
        if (1..=64).contains(&self.routes.len()) { Ok(()) } else { Err(NetworkError::Routes) }
    }

    /// Routes that send everything through the tunnel, for the IP versions of the pools.
    pub fn default_routes() -> Vec<IpNet> {
        vec![
            IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0)),
            IpNet::V6(ipnet::Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 0)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Mtu, NetworkError, Pools};
    use crate::domain::pool::Pool;

    fn pool(text: &str) -> Pool {
        Pool::parse(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_network_needs_a_pool_of_the_right_version() {
        assert_eq!(Pools::new(None, None), Err(NetworkError::NoPool));
        assert!(matches!(
            Pools::new(Some(pool("fd86::/64")), None),
            Err(NetworkError::Version { wanted: "IPv4", .. })
        ));
    }

    #[test]
    fn overlap_names_both_ranges() {
        let pools = Pools::new(Some(pool("10.86.0.0/16")), Some(pool("fd86::/64"))).unwrap();

        let found = pools.overlap(&["192.168.0.0/16".parse().unwrap(), "10.86.4.0/24".parse().unwrap()]);

        assert_eq!(found, Some(("10.86.0.0/16".parse().unwrap(), "10.86.4.0/24".parse().unwrap())));
    }

    #[test]
    fn an_mtu_has_bounds() {
        assert_eq!(Mtu::try_from(1279), Err(NetworkError::Mtu));
        assert_eq!(Mtu::try_from(1280).map(Mtu::bytes), Ok(1280));
    }
}
