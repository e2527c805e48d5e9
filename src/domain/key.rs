//! WireGuard keys: 32 bytes, written as base64.
//!
//! Invariant: a private or preshared key is wiped when dropped and cannot be printed.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::domain::text::serde_text;

/// A text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 44 characters of base64 for 32 bytes.
    #[error("a WireGuard key is 44 characters of base64, as `wg genkey` and `wg pubkey` print it")]
    Form,
    /// All zero, which no client can own.
    #[error("a WireGuard key of zeros belongs to nobody")]
    Zero,
}

fn decode(text: &str) -> Result<[u8; 32], KeyError> {
    if text.len() != 44 {
        return Err(KeyError::Form);
    }
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::Form)?);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Form)?;
    if key == [0; 32] { Err(KeyError::Zero) } else { Ok(key) }
}

/// What a peer is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Wraps the 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode(text).map(Self)
    }
}

serde_text!(PublicKey);

macro_rules! secret_keys {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps the 32 bytes.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes, for the one who hands them to the tunnel or seals them.
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// The base64 text of a configuration, wiped when dropped.
            pub fn expose_base64(&self) -> Zeroizing<String> {
                Zeroizing::new(STANDARD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }

        impl FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                decode(text).map(Self)
            }
        }
    )*};
}

secret_keys! {
    /// The secret half of a key pair.
    PrivateKey,
    /// The secret a peer and a node share on top of their key pairs.
    PresharedKey
}

impl PrivateKey {
    /// The public half (X25519 of RFC 7748 §5, which clamps by itself).
    pub fn public_key(&self) -> PublicKey {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        PublicKey(x25519_dalek::PublicKey::from(&secret).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyError, PresharedKey, PrivateKey, PublicKey};

    #[test]
    fn a_private_key_derives_what_wg_pubkey_prints() {
        let private: PrivateKey = "6JCwKYFYRqlX/WQ+ZiSMJwv9fMqTvvpTPVMLu8vaI0k=".parse().unwrap();

        // The vector of RFC 7748 §6.1 read as WireGuard reads it: Alice's pair.
        let alice = PrivateKey::new([
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
            0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
        ]);

        assert_eq!(alice.public_key().to_string(), "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
        assert_ne!(private.public_key(), alice.public_key());
    }

    #[test]
    fn a_secret_key_cannot_be_printed() {
        assert_eq!(format!("{:?}", PrivateKey::new([7; 32])), "PrivateKey(***)");
        assert_eq!(format!("{:?}", PresharedKey::new([7; 32])), "PresharedKey(***)");
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

        assert_eq!(zeros.parse::<PublicKey>(), Err(KeyError::Zero));
        assert_eq!("short".parse::<PublicKey>(), Err(KeyError::Form));
        assert_eq!("!".repeat(44).parse::<PublicKey>(), Err(KeyError::Form));
    }
}
