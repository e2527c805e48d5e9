//! The keys that sign access tokens, and their rotation.
//!
//! Invariant: a key prints as its public name only.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use crate::secrets::random::{self, RandomError};

/// A key that signs access tokens. Its `kid` is derived from it.
pub struct SigningKey {
    secret: Zeroizing<[u8; Self::BYTES]>,
    kid: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

impl SigningKey {
    /// Size of the key: HS256 asks for at least its hash's (RFC 7518 §3.2).
    pub const BYTES: usize = 32;

    /// A new random key.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        random::bytes().map(Self::from_secret)
    }

    /// The key of stored bytes.
    pub fn from_secret(secret: Zeroizing<[u8; Self::BYTES]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"caspervpn/1/jwt-kid");
        context.update(secret.as_slice());
        let kid = URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..9]);
        let sign = EncodingKey::from_secret(secret.as_slice());
        let verify = DecodingKey::from_secret(secret.as_slice());
        Self { secret, kid, sign, verify }
    }

    /// The bytes to seal into the database.
    pub fn expose_secret(&self) -> &[u8; Self::BYTES] {
        &self.secret
    }

    pub(super) const fn sign(&self) -> &EncodingKey {
        &self.sign
    }

    pub(super) const fn verify(&self) -> &DecodingKey {
        &self.verify
    }

    /// The public name of the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ***)", self.kid)
    }
}

/// The keys in use: the current one signs, both verify. Rotating drops what was previous.
#[derive(Debug)]
pub struct SigningKeys {
    /// Signs new tokens.
    pub current: SigningKey,
    /// Signed tokens that may still be good.
    pub previous: Option<SigningKey>,
}

impl SigningKeys {
    pub(super) fn find(&self, kid: &str) -> Option<&SigningKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.kid == kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_key_has_the_same_name_and_another_key_another() {
        let key = SigningKey::generate().unwrap();

        let stored = SigningKey::from_secret(Zeroizing::new(*key.expose_secret()));

        assert_eq!(stored.kid(), key.kid());
        assert_ne!(SigningKey::generate().unwrap().kid(), key.kid());
    }
}
