//! Makes WireGuard keys from the operating system's randomness.

use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::secrets::random::{self, RandomError};

/// Both halves of a WireGuard key.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The secret half.
    pub private: PrivateKey,
    /// What peers know it by.
    pub public: PublicKey,
}

impl KeyPair {
    /// A new pair, as `wg genkey` and `wg pubkey` make it.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        let mut bytes = random::bytes::<32>()?;
        // Clamped as RFC 7748 §5 says, so that the text is the one every tool shows for this key.
        bytes[0] &= 248;
        bytes[31] = bytes[31] & 127 | 64;
        let private = PrivateKey::new(*bytes);
        Ok(Self { public: private.public_key(), private })
    }
}

/// A new preshared key, as `wg genpsk` makes it.
///
/// # Errors
/// [`RandomError`] when the operating system gives no randomness.
pub fn generate_preshared_key() -> Result<PresharedKey, RandomError> {
    Ok(PresharedKey::new(*random::bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_differ_and_are_clamped() {
        let (one, two) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());

        assert_ne!(one.public, two.public);
        let bytes = one.private.expose();
        assert_eq!((bytes[0] & 7, bytes[31] & 0xc0), (0, 0x40));
    }

    #[test]
    fn preshared_keys_differ() {
        assert_ne!(generate_preshared_key().unwrap(), generate_preshared_key().unwrap());
    }
}
