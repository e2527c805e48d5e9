//! Whose share a request is counted against.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use http::Request;
use tower_governor::GovernorError;
use tower_governor::key_extractor::KeyExtractor;

use crate::edge::peer::Peer;

/// One of 65,536 shares, into which addresses fall by a hash that is keyed anew in every process: what is held stays at some
/// 2 MiB for a budget even when a million addresses come, which the limiter's own table, that never shrinks, would all keep.
/// Who falls together shares the budget, and nobody can choose with whom: of 100 clients at a time, one in 660 meets another,
/// of 1,000 one in 66.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket(u16);

/// Finds a request's share by its client: an IPv4 address, or an IPv6 /64, which RFC 6177 gives a site at least.
#[derive(Clone)]
pub(super) struct Clients {
    hasher: RandomState,
    is_unlimited: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

impl Clients {
    pub(super) fn new(is_unlimited: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>) -> Self {
        Self { hasher: RandomState::new(), is_unlimited }
    }

    pub(super) fn bucket(&self, address: IpAddr) -> Bucket {
        let hash = match address.to_canonical() {
            IpAddr::V4(ip) => self.hasher.hash_one(ip.octets()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                self.hasher.hash_one([a, b, c, d])
            }
        };
        let [low, high, ..] = hash.to_ne_bytes();
        Bucket(u16::from_ne_bytes([low, high]))
    }
}

impl KeyExtractor for Clients {
    type Key = Bucket;

    /// Nobody is counted who comes over loopback or a unix socket, where many may stand behind one, and nobody from a range
    /// that is never limited.
    fn extract<T>(&self, request: &Request<T>) -> Result<Bucket, GovernorError> {
        let peer = request.extensions().get::<Peer>();
        let address = peer.and_then(Peer::ip).map(|address| address.to_canonical());
        let counted = address.filter(|address| !address.is_loopback() && !(self.is_unlimited)(*address));
        counted.map(|address| self.bucket(address)).ok_or(GovernorError::UnableToExtractKey)
    }
}
