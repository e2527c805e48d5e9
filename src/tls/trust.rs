//! Which certificates of others are believed.
//!
//! Invariant: the machine's own certificate store is never asked; a static binary trusts the same on every host.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Certificates that cannot be trusted as asked.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not PEM, or without a certificate in it.
    #[error("the extra certificates are not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// Nothing to trust.
    #[error("the extra certificates hold no CERTIFICATE block")]
    Empty,
    /// Not a certificate inside.
    #[error("an extra certificate cannot be read")]
    Certificate(#[source] rustls::Error),
    /// The TLS versions do not fit the provider, which is a fault of the program.
    #[error("set up TLS")]
    Setup(#[source] rustls::Error),
}

/// How to connect to others: Mozilla's roots, and the certificates of a private authority where there is one.
///
/// # Errors
/// [`TrustError`] where the extra certificates cannot be read.
pub fn client(extra_pem: Option<&[u8]>) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_pem {
        let known = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(TrustError::Pem)?).map_err(TrustError::Certificate)?;
        }
        if roots.len() == known {
            return Err(TrustError::Empty);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::{TrustError, client};

    #[test]
    fn extra_certificates_must_be_certificates() {
        assert!(client(None).is_ok());
        assert!(matches!(client(Some(b"")), Err(TrustError::Empty)));
        assert!(matches!(client(Some(b"not pem")), Err(TrustError::Empty)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(client(Some(broken)), Err(TrustError::Certificate(_))));
    }
}
