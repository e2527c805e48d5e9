//! Which addresses of a network's pools a new device gets.
//!
//! Invariant: the unique index has the last word. What is chosen here is only the likeliest free index.

use std::net::IpAddr;

use crate::domain::id::NetworkId;
use crate::domain::network::Pools;
use crate::domain::pool::Pool;
use crate::store::backend::Tx;
use crate::store::error::{ErrorKind, StoreError};
use crate::store::value::params;

/// Which address of a pool to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The lowest free one.
    #[default]
    Lowest,
    /// This index of the pool, from `Pool::index_of`.
    Index(u64),
    /// None, though there is a pool.
    None,
}

/// Which addresses a new device gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    /// In the IPv4 pool.
    pub ipv4: Choice,
    /// In the IPv6 pool.
    pub ipv6: Choice,
}

/// An address and its index in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) index: u64,
    pub(super) address: IpAddr,
}

/// Both addresses of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChosenPair {
    pub(super) ipv4: Option<Chosen>,
    pub(super) ipv6: Option<Chosen>,
}

/// The statements of one address family.
struct Family {
    /// Takes the hint itself where it is free, which it nearly always is; else the first gap above it.
    take: &'static str,
    lower: &'static str,
}

macro_rules! family {
    ($index:literal, $from:literal) => {
        Family {
            take: concat!(
                "UPDATE address_hints SET ",
                $from,
                " = 1 + CASE WHEN NOT EXISTS (SELECT 1 FROM devices AS d ",
                "WHERE d.network_id = ?1 AND d.",
                $index,
                " = address_hints.",
                $from,
                ") THEN ",
                $from,
                " ELSE ",
                "(SELECT d.",
                $index,
                " + 1 FROM devices AS d WHERE d.network_id = ?1 AND d.",
                $index,
                " >= address_hints.",
                $from,
                " AND NOT EXISTS (SELECT 1 FROM devices AS n WHERE n.network_id = ?1 ",
                "AND n.",
                $index,
                " = d.",
                $index,
                " + 1) ORDER BY d.",
                $index,
                " LIMIT 1) END ",
                "WHERE network_id = ?1 RETURNING ",
                $from,
                " - 1"
            ),
            lower: concat!(
                "UPDATE address_hints SET ",
                $from,
                " = ?2 WHERE network_id = ?1 AND ",
                $from,
                " > ?2"
            ),
        }
    };
}

const IPV4: Family = family!("ipv4_index", "ipv4_from");
const IPV6: Family = family!("ipv6_index", "ipv6_from");

/// Chooses both addresses. Where one pool is used up, no hint has moved: the caller may make room and try again.
pub(super) async fn choose(
    tx: &mut Tx,
    network: NetworkId,
    pools: &Pools,
    choices: Choices,
) -> Result<ChosenPair, StoreError> {
    let ipv4 = choose_one(tx, network, pools.ipv4(), choices.ipv4, &IPV4).await?;
    let ipv6 = match choose_one(tx, network, pools.ipv6(), choices.ipv6, &IPV6).await {
        Ok(ipv6) => ipv6,
        Err(error) => {
            let back = ipv4.filter(|_| choices.ipv4 == Choice::Lowest);
            release(tx, network, back.map(|it| it.index), None).await?;
            return Err(error);
        }
    };
    Ok(ChosenPair { ipv4, ipv6 })
}

async fn choose_one(
    tx: &mut Tx,
    network: NetworkId,
    pool: Option<Pool>,
    choice: Choice,
    family: &Family,
) -> Result<Option<Chosen>, StoreError> {
    let Some(pool) = pool else { return Ok(None) };
    let index = match choice {
        Choice::None => return Ok(None),
        Choice::Index(index) => index,
        Choice::Lowest => tx.one(family.take, params![network]).await?,
    };
    if let Some(address) = pool.address(index) {
        return Ok(Some(Chosen { index, address }));
    }
    if choice == Choice::Lowest {
        tx.execute(family.lower, params![network, index]).await?;
    }
    Err(StoreError::new(ErrorKind::Exhausted))
}

/// Makes the indices known as free after their device is gone for good.
pub(super) async fn release(
    tx: &mut Tx,
    network: NetworkId,
    ipv4: Option<u64>,
    ipv6: Option<u64>,
) -> Result<(), StoreError> {
    if let Some(index) = ipv4 {
        tx.execute(IPV4.lower, params![network, index]).await?;
    }
    if let Some(index) = ipv6 {
        tx.execute(IPV6.lower, params![network, index]).await?;
    }
    Ok(())
}
