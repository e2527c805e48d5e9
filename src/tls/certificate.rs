//! A certificate to serve: the chain, its key, and what the chain says of itself.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use zeroize::Zeroizing;

use crate::domain::time::Timestamp;

/// A certificate whose key is at hand.
#[derive(Clone)]
pub struct ServedCertificate {
    /// What a handshake takes.
    pub(super) key: Arc<CertifiedKey>,
    /// What the certificate says.
    pub facts: CertificateFacts,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The names it is for, in small letters; the first label of one may be `*`.
    pub names: Vec<String>,
    /// The addresses it is for.
    pub addresses: Vec<IpAddr>,
    /// When it begins to count.
    pub not_before: Timestamp,
    /// When it ends to count.
    pub not_after: Timestamp,
    /// The common name of who issued it, or all of the issuer's name.
    pub issuer: String,
    /// Whether nobody but itself vouches for it.
    pub is_self_signed: bool,
    /// SHA-256 of the certificate, as browsers show it: pairs of hexadecimal digits and colons.
    pub fingerprint: String,
}

/// A chain and its key, as PEM.
pub struct PemPair {
    /// The chain, the host's own certificate first.
    pub chain: String,
    /// The private key, PKCS #8.
    pub key: Zeroizing<String>,
}

/// A certificate that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No certificate where one should be.
    #[error("there is no CERTIFICATE block in it")]
    NoCertificate,
    /// No key where one should be.
    #[error("there is no PRIVATE KEY block in it")]
    NoKey,
    /// The key asks for a password, and nobody is there to give it.
    #[error("the private key is encrypted; decrypt it with `openssl pkey -in KEY -out NEW`")]
    Encrypted,
    /// Not PEM.
    #[error("it is not PEM")]
    Pem(#[source] pem::Error),
    /// Not an X.509 certificate inside.
    #[error("the certificate cannot be read")]
    Certificate(#[source] TlsError),
    /// Of a kind that TLS does not take.
    #[error("the private key cannot be used")]
    Key(#[source] TlsError),
    /// The key of another certificate.
    #[error("the private key is not the certificate's")]
    Mismatch,
    /// For nobody.
    #[error("the certificate names no host: it has no subject alternative name")]
    Nameless,
}

impl ServedCertificate {
    /// Reads a chain, the host's own certificate first, and its private key (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    /// What keeps it from being served. One that has expired, or is for another host, is no error here.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(CertificateError::Pem)?;
        let facts = facts(chain.first().ok_or(CertificateError::NoCertificate)?)?;
        let key = private_key(key)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|cause| {
            if cause == TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) {
                return CertificateError::Mismatch;
            }
            CertificateError::Key(cause)
        })?;
        Ok(Self { key: Arc::new(key), facts })
    }
}

impl fmt::Debug for ServedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedCertificate").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl CertificateFacts {
    /// Whether it counts at this time.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|cause| {
        if !matches!(cause, pem::Error::NoItemsFound) {
            return CertificateError::Pem(cause);
        }
        let is_locked = contains(text, b"BEGIN ENCRYPTED PRIVATE KEY");
        if is_locked { CertificateError::Encrypted } else { CertificateError::NoKey }
    })
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

fn facts(certificate: &CertificateDer<'_>) -> Result<CertificateFacts, CertificateError> {
    let unreadable =
        || CertificateError::Certificate(TlsError::InvalidCertificate(rustls::CertificateError::BadEncoding));
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| unreadable())?;
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let alternatives = parsed.subject_alternative_name().map_err(|_| unreadable())?;
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        if let GeneralName::DNSName(name) = name {
            names.push(name.to_ascii_lowercase());
        } else if let GeneralName::IPAddress(bytes) = name {
            addresses.extend(address(bytes));
        }
    }
    if names.is_empty() && addresses.is_empty() {
        return Err(CertificateError::Nameless);
    }
    let issuer = parsed.issuer();
    let common_name = issuer.iter_common_name().next().and_then(|name| name.as_str().ok());
    let validity = parsed.validity();
    Ok(CertificateFacts {
        names,
        addresses,
        not_before: at_seconds(validity.not_before.timestamp()),
        not_after: at_seconds(validity.not_after.timestamp()),
        issuer: common_name.map_or_else(|| issuer.to_string(), str::to_owned),
        is_self_signed: parsed.issuer() == parsed.subject(),
        fingerprint: fingerprint(certificate),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn at_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let pairs: Vec<_> =
        digest(&SHA256, certificate).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
