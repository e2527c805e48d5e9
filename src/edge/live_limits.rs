//! What a connection may take, changeable while it is served.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::limits::Limits;

/// What the connections of a listener may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Time to end a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time to send a request's head.
    pub header_timeout: Duration,
    /// Time without a request, or without progress in sending an answer.
    pub idle_timeout: Duration,
    /// Time after which a connection takes no more requests; those under way are answered.
    pub age: Duration,
    /// Longest head of a request.
    pub header_bytes: u32,
    /// Connections open at once.
    pub connections: u32,
    /// Connections open at once from one IPv4 address or IPv6 /64.
    pub connections_per_address: u32,
}

impl From<&Limits> for ConnectionLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            handshake_timeout: Duration::from_secs(limits.handshake_timeout_s.into()),
            header_timeout: Duration::from_secs(limits.header_timeout_s.into()),
            idle_timeout: Duration::from_secs(limits.idle_timeout_s.into()),
            age: Duration::from_secs(limits.connection_age_s.into()),
            header_bytes: limits.header_bytes,
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
        }
    }
}

/// The limits that every listener looks at. Cloning it gives another handle to the same ones.
#[derive(Debug, Clone)]
pub struct LiveLimits(Arc<ArcSwap<ConnectionLimits>>);

impl LiveLimits {
    /// Starts with these.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(limits)))
    }

    /// Takes new ones. Timeouts count for connections that are open as well, from their next wait on.
    pub fn set(&self, limits: ConnectionLimits) {
        self.0.store(Arc::new(limits));
    }

    /// The ones in force now.
    pub fn now(&self) -> ConnectionLimits {
        **self.0.load()
    }
}
