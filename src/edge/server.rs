//! The accept loop: who may come in, and how a connection begins.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::edge::address_caps::{AddressCaps, Place};
use crate::edge::connection::{Http, StreamExecutor, serve};
use crate::edge::exchange::Asker;
use crate::edge::files::Files;
use crate::edge::listener::{Detached, Listener, Stream};
use crate::edge::live_limits::LiveLimits;
use crate::edge::peer::Peer;
use crate::edge::proxies::Proxies;
use crate::edge::proxy::Passing;
use crate::edge::proxy_protocol;
use crate::edge::secure::{Secure, Shaken};
use crate::runtime::backoff::Backoff;
use crate::runtime::lanes::Lanes;
use crate::runtime::tasks::{Group, Tasks};
use crate::telemetry::names;

/// A router to be served on a listener.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) name: &'static str,
    pub(super) router: Router,
    pub(super) files: Option<Files>,
    pub(super) passing: Option<Passing>,
    pub(super) limits: LiveLimits,
    http2: bool,
    tls: Option<Secure>,
    pub(super) alt_svc: Option<HeaderValue>,
    pub(super) proxies: Proxies,
    pub(super) proxy_protocol: bool,
    pub(super) caps: AddressCaps,
    lanes: Option<Lanes>,
}

impl Server {
    /// Serves HTTP/1.1. `name` is the listener's in the log, the metrics and the list of tasks.
    pub fn new(name: &'static str, router: Router, limits: LiveLimits) -> Self {
        Self {
            name,
            router,
            files: None,
            passing: None,
            limits,
            http2: false,
            tls: None,
            alt_svc: None,
            proxies: Proxies::default(),
            proxy_protocol: false,
            caps: AddressCaps::default(),
            lanes: None,
        }
    }

    /// Deals its connections out to these lanes.
    #[must_use]
    pub fn on_lanes(mut self, lanes: Lanes) -> Self {
        self.lanes = Some(lanes);
        self
    }

    /// Answers for these files, if there are any, before the router is asked.
    #[must_use]
    pub fn with_files(self, files: Option<Files>) -> Self {
        Self { files, ..self }
    }

    /// Passes on what this way takes, if there is one, before the router is asked.
    #[must_use]
    pub fn with_passing(self, passing: Option<Passing>) -> Self {
        Self { passing, ..self }
    }

    /// Takes HTTP/2 without an upgrade as well. Not for a listener that the world reaches without TLS: whoever stands
    /// in front of it may check only HTTP/1.
    #[must_use]
    pub const fn with_http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Over TLS, where ALPN settles whether it is HTTP/1.1 or HTTP/2.
    #[must_use]
    pub fn with_tls(mut self, tls: Secure) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Tells clients that HTTP/3 is spoken on this port, too, but those behind a proxy: it is the proxy's word that counts there.
    #[must_use]
    pub fn with_http3_at(mut self, port: u16) -> Self {
        self.alt_svc = HeaderValue::try_from(format!("h3=\":{port}\"; ma={ALT_SVC_S}")).ok();
        self
    }

    /// Counts connections together with those of another.
    #[must_use]
    pub fn sharing_places_of(mut self, other: &Self) -> Self {
        self.caps = other.caps.clone();
        self
    }

    /// Believes these proxies who it is that asks. With `proxy_protocol` each of their connections begins with a PROXY header.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies, proxy_protocol: bool) -> Self {
        (self.proxies, self.proxy_protocol) = (proxies, proxy_protocol);
        self
    }

    /// Starts to accept. `tasks` ends it: first no more connections are taken, then each is told to close after the
    /// requests under way.
    pub fn start(self, tasks: &Tasks, listener: Listener) {
        let name = self.name;
        info!(listener.name = name, listener.address = %listener.address(), "{name} listens on {}", listener.address());
        let accepting = Arc::new(Accepting {
            connections: tasks.group(format!("connections.{name}")),
            server: self,
            listener,
        });
        tasks.spawn(format!("listener.{name}"), move |stop| Arc::clone(&accepting).run(stop));
    }
}

struct Accepting {
    server: Server,
    listener: Listener,
    connections: Group,
}

impl Accepting {
    async fn run(self: Arc<Self>, stop: CancellationToken) {
        let name = self.server.name;
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    backoff.reset();
                    self.take(stream, peer);
                }
                Err(cause) if concerns_one_connection(&cause) => {
                    debug!(listener.name = name, error = %cause, "a connection ended before it was accepted");
                }
                Err(cause) => {
                    // Out of descriptors or memory: the connection stays in the backlog, so asking again at once
                    // would only burn the processor.
                    let wait = backoff.next_wait(0);
                    metrics::counter!(names::ACCEPT_ERRORS.name, "listener" => name).increment(1);
                    warn!(listener.name = name, error = %cause, wait_ms = wait.as_millis(), "{name} cannot accept");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    fn take(&self, stream: Stream, peer: Peer) {
        let name = self.server.name;
        let by_proxy = self.server.proxies.are(&peer);
        let Some(open) = self.server.place(&peer, by_proxy) else { return };
        let stop = self.connections.stop().clone();
        let server = self.server.clone();
        let executor = StreamExecutor(self.connections.clone());
        let Some(lanes) = self.server.lanes.clone() else {
            self.connections.spawn(converse(server, stream, peer, by_proxy, open, executor, stop));
            return;
        };
        let detached = Detached::from(stream);
        self.connections.spawn_on_lane(&lanes, async move {
            match detached.and_then(Detached::attach) {
                Ok(stream) => converse(server, stream, peer, by_proxy, open, executor, stop).await,
                Err(cause) => warn!(listener.name = name, error = %cause, "a connection was dropped: its thread cannot wait for it"),
            }
        });
    }
}

/// Serves a connection from its first byte.
async fn converse(
    server: Server,
    stream: Stream,
    peer: Peer,
    by_proxy: bool,
    open: Arc<OpenConnection>,
    executor: StreamExecutor,
    stop: CancellationToken,
) {
    let arrived = arrive(&server, stream, peer, by_proxy, &stop).await;
    let name = server.name;
    let Some((stream, peer)) = arrived else { return };
    // Behind a PROXY header is a stranger again, whose headers are his own.
    let by_proxy = server.proxies.are(&peer);
    let Some(tls) = &server.tls else {
        let http = if server.http2 { Http::Either } else { Http::One };
        let asker = Asker { peer, by_proxy, hsts: None, open };
        return serve(server, http, asker, executor, stream, stop).await;
    };
    let shaken = tls.handshake(name, stream, server.limits.now().handshake_timeout, &stop).await;
    if let Some(Shaken { stream, http, hsts }) = shaken {
        serve(server, http, Asker { peer, by_proxy, hsts, open }, executor, stream, stop).await;
    }
}

impl Server {
    /// A place for a connection, where there is one.
    pub(super) fn place(&self, peer: &Peer, by_proxy: bool) -> Option<Arc<OpenConnection>> {
        let (name, limits) = (self.name, self.limits.now());
        // A proxy speaks for many, so it is held to the total alone.
        let counted = peer.ip().filter(|_| !by_proxy);
        match self.caps.take(counted, limits.connections, limits.connections_per_address) {
            Ok(place) => {
                metrics::counter!(names::CONNECTIONS.name, "listener" => name).increment(1);
                Some(Arc::new(OpenConnection::new(name, place)))
            }
            Err(full) => {
                let reason = full.label();
                metrics::counter!(names::CONNECTIONS_REFUSED.name, "listener" => name, "reason" => reason)
                    .increment(1);
                None
            }
        }
    }
}

/// Counts the connection as open until it is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection {
    name: &'static str,
    _place: Place,
}

impl OpenConnection {
    fn new(name: &'static str, place: Place) -> Self {
        metrics::gauge!(names::CONNECTIONS_OPEN.name, "listener" => name).increment(1);
        Self { name, _place: place }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        metrics::gauge!(names::CONNECTIONS_OPEN.name, "listener" => self.name).decrement(1);
    }
}

/// Reads the PROXY header where there has to be one.
async fn arrive(
    server: &Server,
    mut stream: Stream,
    peer: Peer,
    by_proxy: bool,
    stop: &CancellationToken,
) -> Option<(Stream, Peer)> {
    if !(server.proxy_protocol && by_proxy) {
        return Some((stream, peer));
    }
    let limit = server.limits.now().handshake_timeout;
    let read = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        read = tokio::time::timeout(limit, proxy_protocol::read(&mut stream, peer)) => read,
    };
    match read {
        Ok(Ok(client)) => Some((stream, client)),
        Ok(Err(cause)) => {
            warn!(listener.name = server.name, error = %cause, "a trusted proxy's connection was cut: {cause}");
            None
        }
        Err(_) => {
            warn!(
                listener.name = server.name,
                "a trusted proxy's connection was cut: its PROXY header did not come in time"
            );
            None
        }
    }
}

/// Errors that are about the connection, not about the listener: accept(2), "Error handling".
fn concerns_one_connection(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
    )
}

/// How long a client may remember that HTTP/3 is spoken: RFC 7838 §3.1 has a day where nothing is said.
const ALT_SVC_S: u32 = 86_400;

const FIRST_WAIT: Duration = Duration::from_millis(50);

const LONGEST_WAIT: Duration = Duration::from_secs(1);
