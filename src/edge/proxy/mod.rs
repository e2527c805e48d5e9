//! Passes requests on to API replicas, for a process that faces the world without having the API itself.
//!
//! Invariant: what could have reached a replica is sent a second time only where the method promises that this changes
//! nothing, and what a client writes about itself or its way here reaches no replica.

mod choose;
mod connect;
mod endpoint;
mod forward;
mod headers;
mod health;
mod passing;
mod retry;
mod upgrade;
mod upstreams;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response};

use crate::config::proxy::Proxy as Settings;
use crate::edge::answer::Content;
use crate::edge::observe::Observer;
use crate::edge::proxy::endpoint::Endpoint;
use crate::edge::proxy::upstreams::Upstreams;
use crate::runtime::clock::{Clock, random};
use crate::runtime::job::Job;
use crate::runtime::tasks::{Group, Tasks};
use crate::telemetry::reading::Reading;

pub use headers::Scheme;
pub(super) use passing::Coming;
pub(super) use upgrade::Held;

/// The way to the API replicas. Cloning it gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstreams: Upstreams,
    terms: Terms,
    connections: Group,
    tunnels: Group,
    clock: Arc<dyn Clock>,
    began: Instant,
    dice: AtomicU64,
}

/// The settings as they are used.
#[derive(Debug)]
struct Terms {
    health_path: String,
    health_interval: Duration,
    health_timeout: Duration,
    connect_timeout: Duration,
    answer_timeout: Duration,
    keep_idle: usize,
}

impl Proxy {
    /// A way to the upstreams of these settings. Made before the listeners: what it has open ends after theirs.
    pub fn new(settings: &Settings, tasks: &Tasks) -> Self {
        let seconds = |number: u32| Duration::from_secs(number.into());
        let clock = Arc::clone(tasks.clock());
        Self(Arc::new(Inner {
            upstreams: Upstreams::new(&settings.upstreams),
            terms: Terms {
                health_path: settings.health_path.as_str().to_owned(),
                health_interval: seconds(settings.health_interval_s),
                health_timeout: seconds(settings.health_timeout_s),
                connect_timeout: seconds(settings.connect_timeout_s),
                answer_timeout: seconds(settings.answer_timeout_s),
                keep_idle: usize::try_from(settings.keep_idle).unwrap_or(usize::MAX),
            },
            connections: tasks.group("proxy.connections"),
            tunnels: tasks.group("proxy.tunnels"),
            began: clock.instant(),
            dice: AtomicU64::new(u64::from_ne_bytes(random(clock.as_ref()))),
            clock,
        }))
    }

    /// A listener's way to them.
    pub fn passing(&self, terms: PassingTerms) -> Passing {
        Passing { proxy: Arc::clone(&self.0), terms: Arc::new(terms) }
    }

    /// Looks names up and asks every upstream how it is, for the start: the jobs do it from then on.
    pub async fn look(&self) {
        // What is not found is told when it is looked up again, and whom nobody can reach is asked for all the same.
        let _ = self.0.upstreams.resolve().await;
        health::look(&self.0).await;
    }

    /// The work that keeps the upstreams' addresses and their state current.
    pub fn jobs(&self) -> [Job; 2] {
        let (looking, resolving) = (Arc::clone(&self.0), Arc::clone(&self.0));
        let look = Job::new("proxy-health", self.0.terms.health_interval, move || {
            let proxy = Arc::clone(&looking);
            async move { health::look(&proxy).await }
        });
        let resolve = Job::new("proxy-resolve", upstreams::RESOLVE_EVERY, move || {
            let proxy = Arc::clone(&resolving);
            async move { proxy.upstreams.resolve().await }
        });
        [look, resolve]
    }

    /// Whether any upstream is up.
    ///
    /// # Errors
    /// What keeps each of them from it.
    pub fn ready(&self) -> Result<(), String> {
        self.0.upstreams.ready(self.0.now_ms())
    }

    /// The figures of each upstream, for a scrape.
    pub fn readings(&self) -> Vec<Reading> {
        self.0.upstreams.readings(self.0.now_ms())
    }
}

/// What a listener passes on, and how.
#[derive(Debug)]
pub struct PassingTerms {
    /// How clients reach the listener.
    pub scheme: Scheme,
    /// Tells and counts the requests.
    pub observer: Observer,
    /// The paths that this process answers by itself.
    pub own: Vec<&'static str>,
}

/// A listener's way to the replicas, which its requests take before its router is asked. Cloning it gives another handle to the
/// same one.
#[derive(Debug, Clone)]
pub struct Passing {
    proxy: Arc<Inner>,
    terms: Arc<PassingTerms>,
}

impl Passing {
    /// Whether a request is passed on.
    pub(super) fn takes<B>(&self, request: &Request<B>) -> bool {
        !self.terms.own.contains(&request.uri().path())
    }

    /// Passes a request on.
    pub(super) fn pass(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Content>> + Send + use<> {
        let (proxy, scheme) = (Arc::clone(&self.proxy), self.terms.scheme);
        self.terms.observer.passed(request, move |request, id| forward::forward(proxy, scheme, request, id))
    }
}

impl Inner {
    /// Milliseconds since this proxy was made.
    fn now_ms(&self) -> u64 {
        let since = self.clock.instant().saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// A number that spreads load. Nobody gains by guessing it, so it need not be hard to.
    fn dice(&self) -> u64 {
        choose::mix(self.dice.fetch_add(1, Ordering::Relaxed))
    }

    /// Notes that an endpoint failed, and tells when that takes it out.
    fn failed(&self, endpoint: &Endpoint, why: &str) {
        let spread = self.dice().to_ne_bytes()[0];
        endpoint.tell(endpoint.health.failed(why, self.now_ms(), spread));
    }
}
