//! WebSockets: after the upstream's 101 the connection is no longer HTTP, and bytes are carried both ways.
//!
//! Invariant: only WebSockets. An upgrade to `h2c` would let a client speak past everything that is decided here.

use std::sync::Arc;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Version, request};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tracing::debug;

use crate::edge::proxy::Inner;
use crate::edge::proxy::endpoint::Flight;
use crate::edge::proxy::headers::connection_has;
use crate::edge::server::OpenConnection;

/// A client's wish for a WebSocket.
pub(super) struct Wish {
    client: OnUpgrade,
    open: Option<Held>,
}

/// Keeps a connection counted as open after HTTP has ended on it. It is an extension of a request that asks for that.
#[derive(Debug, Clone)]
pub(in crate::edge) struct Held(
    #[expect(dead_code, reason = "it is there to be dropped")] pub(in crate::edge) Arc<OpenConnection>,
);

impl Wish {
    /// What the request wishes. Its headers are those that the client sent.
    pub(super) fn of(parts: &mut request::Parts) -> Option<Self> {
        let names_websocket = parts
            .headers
            .get(UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let is_wish = names_websocket
            && parts.version == Version::HTTP_11
            && parts.method == Method::GET
            && connection_has(&parts.headers, "upgrade");
        let client = parts.extensions.remove::<OnUpgrade>().filter(|_| is_wish)?;
        Some(Self { client, open: parts.extensions.remove() })
    }

    /// Carries bytes between the client and the upstream until either ends or the service stops.
    pub(super) fn grant(self, proxy: &Inner, upstream: OnUpgrade, flight: Flight) {
        let stop = proxy.tunnels.stop().clone();
        let Self { client, open } = self;
        proxy.tunnels.spawn_here(async move {
            let _counted = (open, flight);
            let carrying = async {
                let (client, upstream) = (client.await?, upstream.await?);
                let ended = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
                if let Err(cause) = ended {
                    debug!(error = %cause, "a WebSocket ended early");
                }
                Ok::<_, hyper::Error>(())
            };
            tokio::select! {
                ended = carrying => if let Err(cause) = ended {
                    debug!(error = %cause, "a WebSocket did not begin");
                },
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Asks for a WebSocket, or says that there is one.
pub(super) fn mark(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}
