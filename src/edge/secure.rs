//! TLS handshakes.
//!
//! Invariant: whoever does not end a handshake in time is cut off, and no fault of a client is more than a debug line.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::edge::connection::Http;
use crate::edge::listener::Stream;
use crate::telemetry::names;
use crate::tls::served::ServedCertificates;
use crate::tls::server::{self, HTTP_2, ServerError};

/// How the connections of a listener are made secure.
#[derive(Clone)]
pub struct Secure {
    acceptor: TlsAcceptor,
    certificates: ServedCertificates,
    hsts: HeaderValue,
}

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
        let acceptor = TlsAcceptor::from(server::config(certificates.clone())?);
        let hsts = HeaderValue::try_from(format!("max-age={hsts_s}"));
        Ok(Self { acceptor, certificates, hsts: hsts.unwrap_or(HeaderValue::from_static("max-age=0")) })
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
            shaken = timeout(limit, self.acceptor.accept(stream)) => shaken,
        };
        let result = match shaken {
            Ok(Ok(stream)) => {
                count(listener, "done");
                let session = stream.get_ref().1;
                let http = if session.alpn_protocol() == Some(HTTP_2) { Http::Two } else { Http::One };
                let is_public = session.server_name().is_some_and(|name| self.certificates.is_public(name));
                let hsts = is_public.then(|| self.hsts.clone());
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
}

fn count(listener: &'static str, result: &'static str) {
    metrics::counter!(names::TLS_HANDSHAKES.name, "listener" => listener, "result" => result).increment(1);
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").finish_non_exhaustive()
    }
}
