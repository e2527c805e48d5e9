//! One address of an upstream: its connections without a request, and how busy it is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::edge::proxy::connect::Connection;
use crate::edge::proxy::health::{Change, Health};
use crate::edge::proxy::upstreams::{End, Upstream};
use crate::runtime::lanes;

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// An address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => at.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// One address of an upstream.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) upstream: Arc<Upstream>,
    pub(super) at: At,
    pub(super) health: Health,
    idle: Mutex<Vec<Idle>>,
    in_flight: AtomicUsize,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
    /// The thread that is told what comes on it: another would have to be told by that one.
    lane: usize,
}

impl Endpoint {
    pub(super) fn new(upstream: Arc<Upstream>, at: At) -> Self {
        Self {
            upstream,
            at,
            health: Health::default(),
            idle: Mutex::default(),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A connection that waits for a request, the last used one first: the others can then grow old and go.
    pub(super) fn take_idle(&self) -> Option<Connection> {
        let (mut idle, lane) = (self.idle(), lanes::current());
        while let Some(at) = idle.iter().rposition(|idle| idle.lane == lane) {
            let Idle { mut connection, .. } = idle.remove(at);
            if connection.is_free() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer is over, if it takes another request, and of those of this thread the youngest `most`.
    pub(super) fn give_idle(&self, mut connection: Connection, most: usize, now: Instant) {
        if !connection.is_free() {
            return;
        }
        let (mut idle, lane) = (self.idle(), lanes::current());
        idle.push(Idle { connection, since: now, lane });
        let of_lane = |idle: &Idle| idle.lane == lane;
        if idle.iter().filter(|idle| of_lane(idle)).count() > most
            && let Some(oldest) = idle.iter().position(of_lane)
        {
            idle.remove(oldest);
        }
    }

    /// Closes what has been idle for so long that the other side may be about to.
    pub(super) fn prune(&self, now: Instant) {
        let is_young = |idle: &Idle| now.saturating_duration_since(idle.since) < LONGEST_IDLE;
        self.idle().retain_mut(|idle| is_young(idle) && idle.connection.is_free());
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that this endpoint went down or came up.
    pub(super) fn tell(&self, change: Option<Change>) {
        let (name, at) = (self.upstream.name(), &self.at);
        match change {
            None => {}
            Some(Change::Up) => {
                warn!(upstream.name = name, upstream.address = %at, "upstream {name} is up at {at}");
            }
            Some(Change::Down(why)) => {
                warn!(upstream.name = name, upstream.address = %at, "upstream {name} is down at {at}: {why}");
            }
        }
    }
}

/// The replica's own limit is 75 s (`limits.idle_timeout_s`). Both ends closing at once would cost a request.
const LONGEST_IDLE: Duration = Duration::from_secs(50);

/// A request under way at an endpoint. It is counted when it is dropped, as given up unless something else came of it.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) end: End,
}

impl Flight {
    pub(super) fn begin(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        endpoint.upstream.began();
        Self { endpoint, end: End::GivenUp }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.endpoint.upstream.ended(self.end);
    }
}
