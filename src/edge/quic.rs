//! The UDP side of a listener: who may come in by QUIC, and how a connection begins.
//!
//! Invariant: an address counts for nothing until it is proven that its packets come from there. Anybody can write any address on
//! a packet of UDP.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::crypto::rustls::{HandshakeData, NoInitialCipherSuite, QuicServerConfig};
use quinn::{
    Connection, Endpoint, EndpointConfig, IdleTimeout, Incoming, TokioRuntime, TransportConfig, VarInt,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::config::address::Address;
use crate::edge::connection::STREAMS;
use crate::edge::exchange::Asker;
use crate::edge::holder::udp_holder;
use crate::edge::http3::{self, Around};
use crate::edge::listener::ListenError;
use crate::edge::peer::Peer;
use crate::edge::secure::{Secure, count};
use crate::edge::server::{OpenConnection, Server};
use crate::runtime::tasks::{Group, Tasks};
use crate::tls::server::{ServerError, quic_config};

/// A UDP socket that waits for connections.
#[derive(Debug)]
pub struct QuicSocket {
    socket: UdpSocket,
    at: SocketAddr,
}

/// Why HTTP/3 is not spoken.
#[derive(Debug, thiserror::Error)]
pub enum QuicError {
    /// TLS.
    #[error(transparent)]
    Tls(#[from] ServerError),
    /// The cipher that QUIC begins with is missing: a fault of the program.
    #[error("set up TLS for QUIC")]
    Cipher(#[from] NoInitialCipherSuite),
    /// The system.
    #[error("set up QUIC on the UDP socket")]
    Socket(#[from] io::Error),
}

impl QuicSocket {
    /// Opens a socket.
    ///
    /// # Errors
    /// When the address is taken or not allowed.
    pub fn open(at: SocketAddr) -> Result<Self, ListenError> {
        let socket = bind(at).map_err(|cause| {
            if cause.kind() == io::ErrorKind::AddrInUse {
                let hidden = || "the kernel, or somebody this user may not see,".to_owned();
                return ListenError::TakenUdp { at, holder: udp_holder(at.port()).unwrap_or_else(hidden) };
            }
            if cause.kind() == io::ErrorKind::PermissionDenied {
                return ListenError::Privileged { at };
            }
            ListenError::Open { address: Address::Tcp(at), cause }
        })?;
        Ok(Self { socket, at })
    }

    /// The port, for clients to find.
    pub const fn port(&self) -> u16 {
        self.at.port()
    }
}

fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        // As for TCP: `[::]` means both families whatever the host's net.ipv6.bindv6only says.
        socket.set_only_v6(!at.ip().is_unspecified())?;
    }
    socket.bind(&at.into())?;
    Ok(socket.into())
}

impl Server {
    /// Starts to take QUIC connections, which speak HTTP/3. `tasks` ends it as [`Server::start`] says.
    ///
    /// # Errors
    /// [`QuicError`].
    pub fn start_quic(self, tasks: &Tasks, quic: QuicSocket, tls: Secure) -> Result<(), QuicError> {
        let (name, at) = (self.name, quic.at);
        let crypto = QuicServerConfig::try_from(quic_config(tls.certificates())?)?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(transport(self.limits.now().idle_timeout)));
        // A client that moves would be known by an address that nobody has proven yet: limits and the audit go by it.
        config.migration(false);
        // Entered first, so that it ends last: connections that are closed still say so.
        let endings = tasks.group(format!("quic.{name}"));
        let runtime = Arc::new(Supervised(endings.clone()));
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), quic.socket, runtime)?;
        info!(listener.name = name, listener.address = %at, "{name} listens on {at}/udp");
        let told = endpoint.clone();
        let stop = endings.stop().clone();
        endings.spawn(async move {
            stop.cancelled().await;
            drop(timeout(LAST_WORDS, told.wait_idle()).await);
            told.close(VarInt::from_u32(0), b"");
        });
        let accepting = Arc::new(Accepting {
            connections: tasks.group(format!("connections.{name}")),
            tasks: tasks.clone(),
            unproven: Arc::default(),
            server: self,
            tls,
        });
        tasks.spawn(format!("listener.{name}"), move |stop| {
            Arc::clone(&accepting).run(endpoint.clone(), stop)
        });
        Ok(())
    }
}

/// What a connection may take. Buffers are a client's to fill, so they are small beside quinn's own: 512 KiB under way to a client
/// are 5 MB a second over a line with 100 ms of delay.
fn transport(idle: Duration) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        // HTTP/3 has three, and clients may try what we do not know: RFC 9114 §6.2.
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .stream_receive_window(VarInt::from_u32(256 * 1024))
        .receive_window(VarInt::from_u32(512 * 1024))
        .send_window(512 * 1024)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(IdleTimeout::try_from(idle).ok());
    config
}

/// Runs what QUIC has to do beside the connections in a group, so that it is listed and its panics are seen.
#[derive(Debug)]
struct Supervised(Group);

impl quinn::Runtime for Supervised {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn quinn::AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(work);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}

struct Accepting {
    server: Server,
    tls: Secure,
    tasks: Tasks,
    connections: Group,
    /// Handshakes with addresses that are not proven.
    unproven: Arc<AtomicUsize>,
}

impl Accepting {
    async fn run(self: Arc<Self>, endpoint: Endpoint, stop: CancellationToken) {
        loop {
            let incoming = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                incoming = endpoint.accept() => incoming,
            };
            match incoming {
                Some(incoming) => self.take(incoming),
                None => return,
            }
        }
        // Who comes now is told at once that nobody listens.
        endpoint.set_server_config(None);
    }

    fn take(self: &Arc<Self>, incoming: Incoming) {
        let at = incoming.remote_address();
        let peer = Peer::Tcp(SocketAddr::new(at.ip().to_canonical(), at.port()));
        let by_proxy = self.server.proxies.are(&peer);
        // There is no PROXY header in QUIC, so who would be behind the proxy is not known.
        if by_proxy && self.server.proxy_protocol {
            return incoming.refuse();
        }
        let proven = incoming.remote_address_validated();
        let unproven = (!proven).then(|| Unproven::one_of(&self.unproven));
        if unproven.as_ref().is_some_and(Option::is_none) {
            // The client shows that it gets our packets before anything is kept for it (RFC 9000 §8.1.2).
            if let Err(refused) = incoming.retry() {
                refused.into_incoming().refuse();
            }
            return;
        }
        let place = if proven { self.server.place(&peer, by_proxy) } else { None };
        if proven && place.is_none() {
            return incoming.refuse();
        }
        let accepting = Arc::clone(self);
        self.connections.spawn(async move {
            let Some(connection) = accepting.shake(incoming).await else { return };
            drop(unproven);
            // A place is only now taken from an address that might not have been the client's.
            let Some(open) = place.or_else(|| accepting.server.place(&peer, by_proxy)) else {
                connection.close(VarInt::from_u32(EXCESSIVE_LOAD), b"too many connections");
                return;
            };
            accepting.converse(connection, peer, by_proxy, open).await;
        });
    }

    async fn shake(&self, incoming: Incoming) -> Option<Connection> {
        let name = self.server.name;
        let limit = self.server.limits.now().handshake_timeout;
        let shaken = async { incoming.accept()?.await };
        let stop = self.connections.stop();
        let result = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            shaken = timeout(limit, shaken) => match shaken {
                Ok(Ok(connection)) => {
                    count(name, "done");
                    return Some(connection);
                }
                Ok(Err(cause)) => {
                    debug!(listener.name = name, error = %cause, "a QUIC handshake failed");
                    "failed"
                }
                Err(_) => {
                    debug!(listener.name = name, "a QUIC handshake was cut: it did not end in time");
                    "late"
                }
            },
        };
        count(name, result);
        None
    }

    async fn converse(&self, quic: Connection, peer: Peer, by_proxy: bool, open: Arc<OpenConnection>) {
        let told = quic.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
        let hsts = self.tls.hsts_for(told.and_then(|told| told.server_name).as_deref());
        let around = Around {
            asker: Asker { peer, by_proxy, hsts, open },
            clock: Arc::clone(self.tasks.clock()),
            requests: self.connections.clone(),
        };
        http3::serve(self.server.clone(), around, quic, self.connections.stop().clone()).await;
    }
}

/// One handshake with an address that is not proven.
struct Unproven(Arc<AtomicUsize>);

impl Unproven {
    /// Nothing where there are as many as may be.
    fn one_of(all: &Arc<AtomicUsize>) -> Option<Self> {
        let more = |now: usize| (now < MOST_UNPROVEN).then_some(now + 1);
        all.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Self(Arc::clone(all)))
    }
}

impl Drop for Unproven {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Handshakes at once with addresses that are not proven. More clients at once than this pay a round trip.
const MOST_UNPROVEN: usize = 64;

/// H3_EXCESSIVE_LOAD: RFC 9114 §8.1.
const EXCESSIVE_LOAD: u32 = 0x107;

/// For connections that were closed to be seen closed: three times the time in which a packet should have come (RFC 9000 §10.2).
const LAST_WORDS: Duration = Duration::from_millis(500);
