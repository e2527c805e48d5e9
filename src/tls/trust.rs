//! Which certificates of others are believed.
//!
//! Invariant: the machine's own certificate store is never asked; a static binary trusts the same on every host.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore};

use crate::domain::time::Timestamp;

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

/// Whether browsers take the chain for this name as it is: one of Mozilla's roots vouches for it now.
pub fn is_public(chain: &[CertificateDer<'_>], name: &str, now: Timestamp) -> bool {
    vouched(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, chain, name, now)
}

fn vouched(roots: RootCertStore, chain: &[CertificateDer<'_>], name: &str, now: Timestamp) -> bool {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    // A star is no name to ask for; any label in its place is.
    let name = ServerName::try_from(name.replacen('*', "any", 1));
    match (verifier, chain, name) {
        (Ok(verifier), [own, between @ ..], Ok(name)) => {
            verifier.verify_server_cert(own, between, &name, &[], now).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{TrustError, client, is_public, vouched};
    use crate::domain::time::Timestamp;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::RootCertStore;
    use std::time::Duration;

    #[test]
    fn a_chain_is_public_for_its_names_and_time_where_a_root_vouches() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let date = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp(at.as_seconds()).unwrap();
        let params = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            let mut params = CertificateParams::new(names).unwrap();
            (params.not_before, params.not_after) = (date(now), date(now + Duration::from_secs(90 * 86_400)));
            params
        };
        let keys = [(); 2].map(|()| KeyPair::generate().unwrap());
        let mut root = params(&[]);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = root.self_signed(&keys[0]).unwrap();
        let issuer = Issuer::from_params(&root, &keys[0]);
        let own = params(&["a.example", "*.b.example"]).signed_by(&keys[1], &issuer).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let judged = |name, at| vouched(roots.clone(), &[own.der().clone()], name, at);

        assert!(judged("a.example", now) && judged("*.b.example", now));
        assert!(!judged("c.example", now), "another name");
        assert!(!judged("a.example", now + Duration::from_secs(91 * 86_400)), "out of its time");
        assert!(!is_public(&[own.der().clone()], "a.example", now), "no root of Mozilla's");
    }

    #[test]
    fn extra_certificates_must_be_certificates() {
        assert!(client(None).is_ok());
        assert!(matches!(client(Some(b"")), Err(TrustError::Empty)));
        assert!(matches!(client(Some(b"not pem")), Err(TrustError::Empty)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(client(Some(broken)), Err(TrustError::Certificate(_))));
    }
}
