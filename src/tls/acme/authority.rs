//! An authority, signed in to.

use zeroize::Zeroizing;

use crate::domain::certificate::{CertificateName, Method};
use crate::domain::outgoing::AllowedNets;
use crate::tls::acme::{AcmeError, AcmeErrorKind, Credentials, Directory, RenewalWindow, Shows};
use crate::tls::certificate::PemPair;

/// An authority, signed in to.
#[derive(Debug)]
pub struct Authority(());

/// A new private key for a certificate, ECDSA P-256, as PEM (PKCS #8).
///
/// # Errors
/// Where the system has no randomness.
pub fn new_key() -> Result<Zeroizing<String>, AcmeError> {
    Err(unmade())
}

impl Authority {
    /// Signs in with the account that is kept, or makes one: where none is kept, or it is another directory's. The
    /// credentials are given back where they are new; keep them before anything else.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn open(
        _directory: &Directory,
        _kept: Option<&Credentials>,
        _allowed: &AllowedNets,
    ) -> Result<(Self, Option<Credentials>), AcmeError> {
        std::future::ready(Err(unmade())).await
    }

    /// Makes an order for one name and gives its address, which the caller keeps before anything else. `replaces` is the
    /// chain (PEM) that the new certificate follows; some authorities count such orders less.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn order(
        &self,
        _name: &CertificateName,
        _profile: Option<&str>,
        _replaces: Option<&[u8]>,
    ) -> Result<String, AcmeError> {
        std::future::ready(Err(unmade())).await
    }

    /// Brings an order to its end: shows proofs, sends the request for `key` (from [`new_key`]), and loads the chain. An order
    /// that was brought some way before is continued; where it was for another key, it is lost.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn finish(
        &self,
        _order_url: &str,
        _key: &Zeroizing<String>,
        _method: Method,
        _shows: &impl Shows,
    ) -> Result<PemPair, AcmeError> {
        std::future::ready(Err(unmade())).await
    }

    /// When the authority wants this chain (PEM) to be renewed. Nothing where it has no opinion.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn renewal_window(&self, _chain: &[u8]) -> Result<Option<RenewalWindow>, AcmeError> {
        std::future::ready(Err(unmade())).await
    }
}

fn unmade() -> AcmeError {
    AcmeError::new(AcmeErrorKind::Temporary, "not there yet")
}
