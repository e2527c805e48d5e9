//! The key of the audit: digests for everybody, and seals that only this service can make.
//!
//! Invariant: the key is random and kept sealed by the master key, so a new master key leaves every seal good.

use std::fmt;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::domain::audit_chain::{Digest, SealedRow, Segment};
use crate::secrets::random::{self, RandomError};

/// Seals segments of the audit.
#[derive(Clone)]
pub struct AuditKey {
    secret: Zeroizing<[u8; Self::BYTES]>,
    mac: hmac::Key,
}

impl AuditKey {
    /// Size of the key.
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
        let mac = hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice());
        Self { secret, mac }
    }

    /// The bytes to seal into the database.
    pub fn expose_secret(&self) -> &[u8; Self::BYTES] {
        &self.secret
    }

    /// The seal of a segment.
    pub fn seal(&self, segment: &Digest) -> Digest {
        self.sign(SEGMENT, segment, 0)
    }

    /// Whether this key sealed the segment.
    pub fn is_seal(&self, segment: &Digest, seal: &[u8]) -> bool {
        self.proves(SEGMENT, segment, 0, seal)
    }

    /// The seal of retention: that the service itself removed the segment's events at a time.
    pub fn seal_pruned(&self, segment: &Digest, at_ms: i64) -> Digest {
        self.sign(PRUNED, segment, at_ms)
    }

    /// Whether this service removed the segment's events.
    pub fn is_pruned_seal(&self, segment: &Digest, at_ms: i64, seal: &[u8]) -> bool {
        self.proves(PRUNED, segment, at_ms, seal)
    }

    fn sign(&self, purpose: &[u8], segment: &Digest, at_ms: i64) -> Digest {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(purpose);
        context.update(segment);
        context.update(&at_ms.to_be_bytes());
        digest_of(context.sign().as_ref())
    }

    /// Compares in constant time.
    fn proves(&self, purpose: &[u8], segment: &Digest, at_ms: i64, seal: &[u8]) -> bool {
        let message = [purpose, segment, &at_ms.to_be_bytes()].concat();
        hmac::verify(&self.mac, &message, seal).is_ok()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(***)")
    }
}

const SEGMENT: &[u8] = b"caspervpn audit seal 1\0";
const PRUNED: &[u8] = b"caspervpn audit pruned 1\0";

/// Digests events one after the other in one buffer.
#[derive(Debug, Default)]
pub struct EventHasher {
    event: Vec<u8>,
    source: Vec<u8>,
}

impl EventHasher {
    /// The digest of an event.
    pub fn event(&mut self, row: &SealedRow) -> Digest {
        let made = row.source.as_ref().map(|(source, salt)| self.source(source, salt));
        let commitment = made.as_ref().map(<[u8; 32]>::as_slice).or(row.source_digest.as_deref());
        row.encode(commitment, &mut self.event);
        sha256(&self.event)
    }

    /// The commitment to where an event came from.
    pub fn source(&mut self, source: &str, salt: &[u8]) -> Digest {
        SealedRow::encode_source(source, salt, &mut self.source);
        sha256(&self.source)
    }
}

/// The digest of a segment.
pub fn segment_digest(segment: &Segment) -> Digest {
    sha256(&segment.encode())
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Digest {
    digest_of(digest::digest(&SHA256, bytes).as_ref())
}

/// The output of SHA-256 has 32 bytes.
fn digest_of(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(bytes);
    digest
}

#[cfg(test)]
mod tests {
    use super::{AuditKey, EventHasher};
    use crate::domain::audit_chain::{FIELDS, SealedRow};
    use zeroize::Zeroizing;

    fn key(byte: u8) -> AuditKey {
        AuditKey::from_secret(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_seal_is_good_for_one_key_one_segment_and_one_purpose() {
        let seal = key(1).seal(&[7; 32]);

        assert!(key(1).is_seal(&[7; 32], &seal));
        assert!(!key(2).is_seal(&[7; 32], &seal));
        assert!(!key(1).is_seal(&[8; 32], &seal));
        assert!(!key(1).is_pruned_seal(&[7; 32], 0, &seal));
    }

    #[test]
    fn an_event_keeps_its_digest_when_its_source_is_erased() {
        let whole = SealedRow {
            segment: Some(1),
            id: "e".into(),
            at: 1,
            fields: FIELDS.map(|_| None),
            source: Some(("192.0.2.7".into(), vec![5; 16])),
            source_digest: None,
        };
        let mut hasher = EventHasher::default();
        let commitment = hasher.source("192.0.2.7", &[5; 16]);
        let erased = SealedRow { source: None, source_digest: Some(commitment.to_vec()), ..whole.clone() };
        let forged = SealedRow { source: Some(("192.0.2.8".into(), vec![5; 16])), ..whole.clone() };
        let emptied = SealedRow { source: None, ..whole.clone() };

        assert_eq!(hasher.event(&whole), hasher.event(&erased));
        assert_ne!(hasher.event(&whole), hasher.event(&forged));
        assert_ne!(hasher.event(&whole), hasher.event(&emptied));
    }

    #[test]
    fn the_key_does_not_print() {
        assert_eq!(format!("{:?}", key(1)), "AuditKey(***)");
    }
}
