//! How many connections each address has open.
//!
//! Invariant: holds an entry only for an address that has a connection open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts open connections, in all and by address.
#[derive(Debug, Clone, Default)]
pub struct AddressCaps {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: u32,
    by_address: HashMap<Block, u32>,
}

/// What one client is taken to own: an IPv4 address, or an IPv6 /64 (RFC 6177 gives a site no less).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Block {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The listener has as many connections as it may.
    Listener,
    /// The address has.
    Address,
}

impl Full {
    /// The value of the metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Address => "address",
        }
    }
}

impl AddressCaps {
    /// Takes a place for a connection from `ip`, given back when the answer is dropped. Addresses of this host and
    /// peers without one count only in all.
    ///
    /// # Errors
    /// When the connection would be more than `total` in all or `per_address` from there.
    pub fn take(&self, ip: Option<IpAddr>, total: u32, per_address: u32) -> Result<Place, Full> {
        let block = ip.filter(|ip| !ip.is_loopback()).map(Block::of);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= total {
            return Err(Full::Listener);
        }
        if let Some(block) = block {
            let count = open.by_address.entry(block).or_default();
            if *count >= per_address {
                return Err(Full::Address);
            }
            *count += 1;
        }
        open.total += 1;
        Ok(Place { open: Arc::clone(&self.open), block })
    }
}

impl Block {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The place of one open connection.
#[derive(Debug)]
pub struct Place {
    open: Arc<Mutex<Open>>,
    block: Option<Block>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(Entry::Occupied(mut entry)) = self.block.map(|block| open.by_address.entry(block)) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressCaps, Full};
    use std::net::IpAddr;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn neighbours_in_one_64_share_a_cap_and_a_mapped_address_is_its_ipv4() {
        let caps = AddressCaps::default();
        let _one = caps.take(ip("2001:db8::1"), 10, 1).unwrap();
        let _two = caps.take(ip("192.0.2.1"), 10, 1).unwrap();

        assert_eq!(caps.take(ip("2001:db8::2"), 10, 1).unwrap_err(), Full::Address);
        assert!(caps.take(ip("2001:db8:0:1::2"), 10, 1).is_ok());
        assert_eq!(caps.take(ip("::ffff:192.0.2.1"), 10, 1).unwrap_err(), Full::Address);
    }

    #[test]
    fn a_closed_connection_gives_its_place_back_and_leaves_nothing() {
        let caps = AddressCaps::default();
        drop(caps.take(ip("192.0.2.1"), 1, 1).unwrap());

        assert!(caps.take(ip("192.0.2.1"), 1, 1).is_ok());
        assert!(caps.open.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn this_host_is_held_to_the_total_only() {
        let caps = AddressCaps::default();
        let _places: Vec<_> = (0..3).map(|_| caps.take(ip("127.0.0.1"), 3, 1).unwrap()).collect();

        assert_eq!(caps.take(None, 3, 1).unwrap_err(), Full::Listener);
    }
}
