//! The upstreams: their addresses, looked up again and again, and their figures.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;
use tracing::info;

use crate::config::proxy::Upstream as Place;
use crate::edge::proxy::endpoint::{At, Endpoint};
use crate::telemetry::names;
use crate::telemetry::reading::Reading;

/// All upstreams with all their addresses.
#[derive(Debug)]
pub(super) struct Upstreams {
    all: Vec<Arc<Upstream>>,
    endpoints: ArcSwap<Vec<Arc<Endpoint>>>,
}

/// One upstream, as the settings name it.
#[derive(Debug)]
pub(super) struct Upstream {
    name: String,
    authority: String,
    place: Place,
    in_flight: AtomicU64,
    ends: [AtomicU64; End::ALL.len()],
}

/// Names that could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotFound(String);

/// What came of passing a request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// An answer, whatever its status.
    Answered,
    /// No connection.
    Unreachable,
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// No answer in time.
    Late,
    /// The answer began and broke off.
    Cut,
    /// The client went away.
    GivenUp,
}

impl End {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Answered, "answered"),
        (Self::Unreachable, "unreachable"),
        (Self::Broken, "broken"),
        (Self::Late, "late"),
        (Self::Cut, "cut"),
        (Self::GivenUp, "given_up"),
    ];
}

impl Upstream {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What `Host` says where the client said nothing.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, end: End) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        for ((kind, _), count) in End::ALL.iter().zip(&self.ends) {
            if *kind == end {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Its addresses now.
    async fn look_up(&self) -> Result<BTreeSet<At>, String> {
        match &self.place {
            Place::Address(at) => Ok([At::Tcp(*at)].into()),
            Place::Unix(path) => Ok([At::Unix(path.clone())].into()),
            Place::Name { host, port } => {
                let found = timeout(LOOK_UP_WITHIN, lookup_host((host.as_str(), *port))).await;
                let found = found.map_err(|_| format!("no answer about {host} came in time"))?;
                let found = found.map_err(|cause| format!("cannot find {host}: {cause}"))?;
                let plain = |at: SocketAddr| At::Tcp(SocketAddr::new(at.ip(), at.port()));
                let found: BTreeSet<_> = found.map(plain).collect();
                if found.is_empty() { Err(format!("{host} has no address")) } else { Ok(found) }
            }
        }
    }
}

impl Upstreams {
    pub(super) fn new(places: &[Place]) -> Self {
        let upstream = |place: &Place| {
            Arc::new(Upstream {
                name: place.to_string(),
                authority: place.authority(),
                place: place.clone(),
                in_flight: AtomicU64::new(0),
                ends: Default::default(),
            })
        };
        Self { all: places.iter().map(upstream).collect(), endpoints: ArcSwap::default() }
    }

    pub(super) fn endpoints(&self) -> Arc<Vec<Arc<Endpoint>>> {
        self.endpoints.load_full()
    }

    /// Looks every name up. An address that was known keeps its state and connections, one that is gone gets no more
    /// requests, and a name that cannot be looked up keeps its addresses.
    pub(super) async fn resolve(&self) -> Result<(), NotFound> {
        let known = self.endpoints();
        let found = join_all(self.all.iter().map(|upstream| upstream.look_up())).await;
        let mut endpoints = Vec::new();
        let mut faults = Vec::new();
        for (upstream, found) in self.all.iter().zip(found) {
            let own = |endpoint: &&Arc<Endpoint>| Arc::ptr_eq(&endpoint.upstream, upstream);
            match found {
                Ok(found) => endpoints.extend(found.into_iter().map(|at| {
                    let same = known.iter().filter(own).find(|endpoint| endpoint.at == at);
                    same.map_or_else(|| Arc::new(Endpoint::new(Arc::clone(upstream), at)), Arc::clone)
                })),
                Err(why) => {
                    endpoints.extend(known.iter().filter(own).map(Arc::clone));
                    faults.push(why);
                }
            }
        }
        let is_same = endpoints.len() == known.len()
            && endpoints.iter().zip(known.iter()).all(|(one, other)| Arc::ptr_eq(one, other));
        if !is_same {
            for endpoint in &endpoints {
                let (name, at) = (endpoint.upstream.name(), &endpoint.at);
                info!(upstream.name = name, upstream.address = %at, "upstream {name} is at {at}");
            }
            self.endpoints.store(Arc::new(endpoints));
        }
        if faults.is_empty() { Ok(()) } else { Err(NotFound(faults.join("; "))) }
    }

    pub(super) fn ready(&self, now_ms: u64) -> Result<(), String> {
        let endpoints = self.endpoints.load();
        if endpoints.iter().any(|endpoint| endpoint.health.is_up(now_ms)) {
            return Ok(());
        }
        let why = |endpoint: &Arc<Endpoint>| format!("{}: {}", endpoint.at, endpoint.health.reason());
        let all: Vec<_> = endpoints.iter().map(why).collect();
        Err(format!(
            "no upstream is up; {}",
            if all.is_empty() { "none was found".to_owned() } else { all.join("; ") }
        ))
    }

    pub(super) fn readings(&self, now_ms: u64) -> Vec<Reading> {
        let endpoints = self.endpoints.load();
        let mut readings = Vec::new();
        for upstream in &self.all {
            let own = endpoints.iter().filter(|endpoint| Arc::ptr_eq(&endpoint.upstream, upstream));
            let up = own.into_iter().any(|endpoint| endpoint.health.is_up(now_ms));
            let add = |metric, value| Reading::of(metric, value).with("upstream", upstream.name.clone());
            readings.push(add(names::PROXY_UPSTREAM_UP, f64::from(u8::from(up))));
            readings.push(add(names::PROXY_IN_FLIGHT, float(&upstream.in_flight)));
            for ((_, word), count) in End::ALL.iter().zip(&upstream.ends) {
                readings.push(add(names::PROXY_REQUESTS, float(count)).with("result", *word));
            }
        }
        readings
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
fn float(number: &AtomicU64) -> f64 {
    number.load(Ordering::Relaxed) as f64
}

/// How soon a replica that was added to a name gets requests. Resolvers on the way keep names for longer.
pub(super) const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// A resolver's usual two tries of five seconds would hold up the start; what is late is asked for again anyway.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);
