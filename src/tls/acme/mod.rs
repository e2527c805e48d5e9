//! ACME (RFC 8555): certificates from an authority that wants to see who holds a name.
//!
//! Invariant: nothing is kept here. The caller keeps the account, the order's address and the certificate's key before the
//! step that needs them, so a crash at any point costs no second order.

pub mod alpn;
mod authority;
mod error;
mod http;
mod nonces;
mod progress;

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::domain::certificate::Method;
use crate::domain::certificate_log::Step;
use crate::domain::time::Timestamp;

pub use authority::{Authority, new_key};
pub use error::{AcmeError, AcmeErrorKind};

/// Where certificates are ordered, and as whom.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Its address, such as `https://acme-v02.api.letsencrypt.org/directory`.
    pub url: String,
    /// Certificates of a private authority that vouch for the server behind `url`, as PEM. Public ones always count.
    pub extra_roots: Option<Vec<u8>>,
    /// The e-mail address that the authority may write to.
    pub contact: Option<String>,
    /// The account elsewhere that a new one is bound to.
    pub external_account: Option<ExternalAccount>,
}

/// The account at the authority's owner that an ACME account belongs to: RFC 8555 §7.3.4.
#[derive(Clone)]
pub struct ExternalAccount {
    /// What the authority calls the key.
    pub key_id: String,
    /// The key, decoded.
    pub hmac_key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// An account with its private key, as the caller keeps it: sealed.
#[derive(Clone)]
pub struct Credentials(Zeroizing<String>);

impl Credentials {
    /// What [`Credentials::as_text`] gave.
    pub const fn from_text(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text to keep. The private key is in it.
    pub fn as_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// What has to be shown to the authority while it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which of the fields below count.
    pub method: Method,
    /// The DNS name or IP address, for a wildcard without its star.
    pub identifier: String,
    /// http-01: the last segment of the path `/.well-known/acme-challenge/TOKEN`.
    pub token: String,
    /// http-01: the body.
    pub key_authorization: String,
    /// dns-01: the text of the TXT record at `_acme-challenge.IDENTIFIER`.
    pub dns_value: String,
    /// tls-alpn-01: SHA-256 of the key authorization.
    pub alpn_digest: [u8; 32],
}

/// Shows proofs to whoever looks.
pub trait Shows: Send + Sync {
    /// Shows it. When this returns, the authority may look at once. The error is told to the operator.
    fn show(&self, proof: &Proof) -> impl Future<Output = Result<(), String>> + Send;

    /// Shows it no longer. What cannot be taken away is the business of who shows it.
    fn hide(&self, proof: &Proof) -> impl Future<Output = ()> + Send;

    /// Is told of each step of the order as it is made. Whatever comes of the telling, the order goes on.
    fn note(&self, _step: Step) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// When an authority wants a certificate to be renewed: RFC 9773.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalWindow {
    /// Not before this.
    pub start: Timestamp,
    /// Not after this.
    pub end: Timestamp,
    /// When to ask for the window again: a minute to a day.
    pub ask_again_after: Duration,
}
