//! Why no certificate came.

use std::time::Duration;

/// Why no certificate came. The text is for the operator, on one line, with the authority's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct AcmeError {
    /// What can be done about it.
    pub kind: AcmeErrorKind,
    text: String,
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeErrorKind {
    /// Asking again would get the same answer: a bad name, CAA, a refused identifier, terms, the account.
    Permanent,
    /// Too many; not before this long.
    RateLimited {
        /// How long.
        wait: Duration,
    },
    /// The network, a bad nonce that stayed, a server's fault, a proof that the authority did not see.
    Temporary,
    /// The order is gone or can come to nothing: make another.
    OrderLost,
}

impl AcmeError {
    pub(super) fn new(kind: AcmeErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}
