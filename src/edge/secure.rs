//! TLS handshakes.
//!
//! Invariant: whoever does not end a handshake in time is cut off, and no fault of a client is more than a debug line.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::edge::connection::Http;
use crate::edge::listener::Stream;
use crate::telemetry::names;
use crate::tls::acme::alpn;
use crate::tls::served::ServedCertificates;
use crate::tls::server::{self, HTTP_2, ServerError};

/// How the connections of a listener are made secure.
#[derive(Clone)]
pub struct Secure {
    config: Arc<ServerConfig>,
    proofs: Option<AlpnProofs>,
    certificates: ServedCertificates,
    hsts: HeaderValue,
}

/// Finds the digest that a tls-alpn-01 handshake is answered with, by the identifier that it is after: a DNS name in lower
/// case, or an IP address. Strangers choose what is asked for, so it has to be cheap for what is not there.
pub type AlpnProofs = Arc<dyn Fn(String) -> Finding + Send + Sync>;

/// What [`AlpnProofs`] gives.
pub type Finding = Pin<Box<dyn Future<Output = Option<[u8; 32]>> + Send>>;

/// A connection whose handshake is done.
pub(super) struct Shaken {
    /// What is said inside.
    pub(super) stream: TlsStream<Stream>,
    /// In which language.
    pub(super) http: Http,
    /// `Strict-Transport-Security`, where the client asked for a name whose certificate needs no question. Before that a
    /// browser would only lock its user out.
    pub(super) hsts: Option<HeaderValue>,
}

impl Secure {
    /// With these certificates, which may change meanwhile. `hsts_s` is how long browsers remember to come by HTTPS only.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn new(certificates: ServedCertificates, hsts_s: u32) -> Result<Self, ServerError> {
        let config = server::config(certificates.clone())?;
        let hsts = HeaderValue::try_from(format!("max-age={hsts_s}"));
        let hsts = hsts.unwrap_or(HeaderValue::from_static("max-age=0"));
        Ok(Self { config, proofs: None, certificates, hsts })
    }

    /// Lets authorities that look by tls-alpn-01 see these proofs.
    #[must_use]
    pub fn with_alpn_proofs(mut self, proofs: AlpnProofs) -> Self {
        self.proofs = Some(proofs);
        self
    }

    /// The certificates that are shown.
    pub(super) fn certificates(&self) -> ServedCertificates {
        self.certificates.clone()
    }

    /// `Strict-Transport-Security` for a client that asked for this name.
    pub(super) fn hsts_for(&self, name: Option<&str>) -> Option<HeaderValue> {
        name.is_some_and(|name| self.certificates.is_public(name)).then(|| self.hsts.clone())
    }

    /// Nothing where the client did not get so far.
    pub(super) async fn handshake(
        &self,
        listener: &'static str,
        stream: Stream,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Option<Shaken> {
        let shaken = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            shaken = timeout(limit, self.shake(stream)) => shaken,
        };
        let result = match shaken {
            Ok(Ok(None)) => "challenge",
            Ok(Ok(Some(stream))) => {
                count(listener, "done");
                let session = stream.get_ref().1;
                let http = if session.alpn_protocol() == Some(HTTP_2) { Http::Two } else { Http::One };
                let hsts = self.hsts_for(session.server_name());
                return Some(Shaken { stream, http, hsts });
            }
            Ok(Err(cause)) => {
                debug!(listener.name = listener, error = %cause, "a TLS handshake failed");
                "failed"
            }
            Err(_) => {
                debug!(listener.name = listener, "a TLS handshake was cut: it did not end in time");
                "late"
            }
        };
        count(listener, result);
        None
    }

    /// Nothing where an authority looked for a proof, and has seen it.
    async fn shake(&self, stream: Stream) -> io::Result<Option<TlsStream<Stream>>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        if let Some(proofs) = &self.proofs
            && let Some(identifier) = alpn::wanted(&start.client_hello())
            && let Some(digest) = proofs(identifier.clone()).await
        {
            // Apart, so that the state of ordinary connections does not grow by it.
            return Box::pin(show(start, &identifier, &digest)).await.map(|()| None);
        }
        start.into_stream(Arc::clone(&self.config)).await.map(Some)
    }
}

async fn show(start: StartHandshake<Stream>, identifier: &str, digest: &[u8; 32]) -> io::Result<()> {
    let config = alpn::config(identifier, digest).map_err(io::Error::other)?;
    let mut stream = start.into_stream(config).await?;
    debug!("an authority has looked for a tls-alpn-01 proof");
    // The handshake was all it came for; whether it waits for the end is its own affair.
    drop(stream.shutdown().await);
    Ok(())
}

pub(super) fn count(listener: &'static str, result: &'static str) {
    metrics::counter!(names::TLS_HANDSHAKES.name, "listener" => listener, "result" => result).increment(1);
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").finish_non_exhaustive()
    }
}
