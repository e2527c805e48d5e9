//! How the world is served over TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;

use crate::tls::served::ServedCertificates;

/// TLS that cannot be set up: a fault of the program, or no randomness.
#[derive(Debug, thiserror::Error)]
#[error("set up TLS")]
pub struct ServerError(#[from] rustls::Error);

/// TLS 1.2 and 1.3 with HTTP/2 before HTTP/1.1. Sessions are resumed by tickets whose keys this process makes and replaces
/// every six hours, so they take no memory and nothing outlives it.
///
/// # Errors
/// [`ServerError`].
pub fn config(certificates: ServedCertificates) -> Result<Arc<ServerConfig>, ServerError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // A browser opens a few connections at once, each with a ticket of its own (RFC 8446 §C.4); more would be waste.
    config.send_tls13_tickets = 2;
    Ok(Arc::new(config))
}

/// The same for QUIC, which has TLS 1.3 alone, with HTTP/3 and nothing else. Early data is not taken: it could be sent again by
/// whoever has seen it (RFC 8446 §8).
///
/// # Errors
/// [`ServerError`].
pub fn quic_config(certificates: ServedCertificates) -> Result<ServerConfig, ServerError> {
    let mut config = ServerConfig::clone(&*config(certificates)?);
    config.alpn_protocols = vec![HTTP_3.to_vec()];
    config.max_early_data_size = 0;
    Ok(config)
}

/// HTTP/3 in ALPN: RFC 9114 §3.1.
const HTTP_3: &[u8] = b"h3";

/// HTTP/2 in ALPN: RFC 9113 §3.2.
pub const HTTP_2: &[u8] = b"h2";

/// HTTP/1.1 in ALPN: RFC 7301 §6.
const HTTP_1_1: &[u8] = b"http/1.1";
