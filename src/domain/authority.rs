//! Private authorities: certificates that an operator trusts beside the public ones.

use std::fmt;
use std::str::FromStr;

use crate::domain::text::serde_text;

/// Certificates of a private authority, as PEM. What they hold is checked by whoever trusts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityPem(String);

/// A text that is no PEM of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "does not begin with -----BEGIN CERTIFICATE-----, or has more than {} characters",
    AuthorityPem::MAX_CHARS
)]
pub struct AuthorityPemError;

impl AuthorityPem {
    /// Longest text, in characters: a handful of certificates.
    pub const MAX_CHARS: usize = 16_000;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AuthorityPem {
    type Err = AuthorityPemError;

    fn from_str(text: &str) -> Result<Self, AuthorityPemError> {
        let fits = text.chars().count() <= Self::MAX_CHARS;
        if fits && text.trim_start().starts_with("-----BEGIN CERTIFICATE-----") {
            Ok(Self(text.trim().to_owned()))
        } else {
            Err(AuthorityPemError)
        }
    }
}

impl fmt::Display for AuthorityPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(AuthorityPem);
