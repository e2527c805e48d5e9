//! Seals values at rest: what the database holds of a private key is useless without the master key.
//!
//! A sealed value is `version (1) | key id (8) | nonce (12) | ciphertext | tag (16)`, AES-256-GCM-SIV (RFC 8452), whose
//! associated data is the first nine bytes and the table, column and row the value belongs to. A value moved to
//! another row, or relabelled with another key or version, does not open. GCM-SIV because a restored virtual
//! machine snapshot can repeat its randomness, and a repeated nonce then tells only that two plaintexts are equal.
//!
//! Invariant: the format never changes under version 1; a golden vector in the tests holds it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::secrets::master_key::MasterKey;
use crate::secrets::random::{self, RandomError};

/// Where a sealed value lives. It opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Table of the value.
    pub table: &'a str,
    /// Column of the value.
    pub column: &'a str,
    /// Primary key of the row.
    pub row: &'a str,
}

/// The name of a master key, derived from the key itself. It is public: it tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; KEY_ID_BYTES]);

impl KeyId {
    /// The id as it stands in the bytes of each value the key sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A sealed value, as a BLOB column holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Reads stored bytes. Only the outer shape is checked; [`Keyring::open`] proves the rest.
    ///
    /// # Errors
    /// [`OpenError::Truncated`] and [`OpenError::UnknownVersion`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, OpenError> {
        if bytes.len() < OVERHEAD_BYTES {
            return Err(OpenError::Truncated { size_bytes: bytes.len() });
        }
        if bytes[0] != VERSION {
            return Err(OpenError::UnknownVersion { version: bytes[0] });
        }
        Ok(Self(bytes))
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The master key this was sealed with.
    pub fn key_id(&self) -> KeyId {
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&self.0[1..HEADER_BYTES]);
        KeyId(id)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes, key {})", self.0.len(), self.key_id())
    }
}

/// The master keys of this installation: the current one seals, every one opens.
pub struct Keyring(RwLock<Arc<Keys>>);

struct Keys {
    current: Arc<SealingKey>,
    previous: Vec<Arc<SealingKey>>,
}

impl Keyring {
    /// A ring whose first key seals. The previous ones open what they sealed, until that is sealed anew.
    pub fn new(current: &MasterKey, previous: &[MasterKey]) -> Self {
        let current = Arc::new(SealingKey::derive(current));
        let previous = previous.iter().map(|key| Arc::new(SealingKey::derive(key)));
        let previous = previous.filter(|key| key.id != current.id).collect();
        Self(RwLock::new(Arc::new(Keys { current, previous })))
    }

    /// The id of the key that seals.
    pub fn current_id(&self) -> KeyId {
        self.keys().current.id
    }

    /// The ids of the keys that only open.
    pub fn previous_ids(&self) -> Vec<KeyId> {
        self.keys().previous.iter().map(|key| key.id).collect()
    }

    /// Seals with this key from now on. The one before opens what it sealed.
    pub fn rotate(&self, next: &MasterKey) {
        self.replace(|keys| {
            let current = Arc::new(SealingKey::derive(next));
            let previous = keys.previous.iter().chain([&keys.current]).filter(|key| key.id != current.id);
            Keys { previous: previous.cloned().collect(), current }
        });
    }

    /// Forgets the keys that only open. What they sealed is lost to this ring.
    pub fn forget_previous(&self) {
        self.replace(|keys| Keys { current: Arc::clone(&keys.current), previous: Vec::new() });
    }

    /// Seals a value for one place.
    ///
    /// # Errors
    /// [`SealError`], when the operating system gives no randomness or the value is past the cipher's limit.
    pub fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let nonce = random::bytes::<NONCE_BYTES>()?;
        self.keys().current.seal(*nonce, place, plaintext)
    }

    /// Opens a value sealed for this place.
    ///
    /// # Errors
    /// [`OpenError`]: a key this ring does not hold, or a value that was changed or moved.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (keys, id) = (self.keys(), sealed.key_id());
        let key = std::iter::once(&keys.current)
            .chain(&keys.previous)
            .find(|key| key.id == id)
            .ok_or(OpenError::UnknownKey { key: id })?;
        key.open(place, sealed)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, change: impl FnOnce(&Keys) -> Keys) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Arc::new(change(&keys));
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, {} previous)", self.current_id(), self.previous_ids().len())
    }
}

/// A value that could not be sealed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No randomness for the nonce.
    #[error("seal a value")]
    Random(#[source] RandomError),
    /// Past the limit of the cipher.
    #[error("seal a value of {size_bytes} bytes: the cipher refused it")]
    Refused {
        /// Size of the value.
        size_bytes: usize,
    },
}

impl From<RandomError> for SealError {
    fn from(cause: RandomError) -> Self {
        Self::Random(cause)
    }
}

/// A sealed value that did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Shorter than an empty sealed value.
    #[error("the sealed value has {size_bytes} bytes, fewer than the {OVERHEAD_BYTES} of an empty one")]
    Truncated {
        /// Size found.
        size_bytes: usize,
    },
    /// Sealed by a newer program, or not sealed at all.
    #[error("the sealed value has format version {version}; this program reads version {VERSION}")]
    UnknownVersion {
        /// Version found.
        version: u8,
    },
    /// Sealed with a master key this installation does not hold.
    #[error("the value is sealed with master key {key}, which is not loaded")]
    UnknownKey {
        /// Key of the value.
        key: KeyId,
    },
    /// Changed since it was sealed, or moved from another row or column.
    #[error("the sealed value in {table}.{column} was changed or moved since it was sealed")]
    Tampered {
        /// Table it was read from.
        table: String,
        /// Column it was read from.
        column: String,
    },
}

/// What the cipher uses of a master key. The derivation keeps the master key free for other uses.
struct SealingKey {
    id: KeyId,
    cipher: LessSafeKey,
}

impl SealingKey {
    fn derive(master: &MasterKey) -> Self {
        let mut id = [0; KEY_ID_BYTES];
        master.derive(b"caspervpn/1/key-id", &mut id);
        let mut bytes = Zeroizing::new([0; MasterKey::BYTES]);
        master.derive(b"caspervpn/1/seal", bytes.as_mut_slice());
        #[expect(clippy::expect_used, reason = "AES-256-GCM-SIV takes any 32 bytes as a key")]
        let cipher = UnboundKey::new(&AES_256_GCM_SIV, bytes.as_slice()).expect("a 32-byte key");
        Self { id: KeyId(id), cipher: LessSafeKey::new(cipher) }
    }

    fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        place: Place<'_>,
        plaintext: &[u8],
    ) -> Result<Sealed, SealError> {
        let mut bytes = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(plaintext);
        let aad = Aad::from(associated_data(&bytes[..HEADER_BYTES], place));
        let nonce = Nonce::assume_unique_for_key(nonce);
        match self.cipher.seal_in_place_separate_tag(nonce, aad, &mut bytes[TEXT_START..]) {
            Ok(tag) => {
                bytes.extend_from_slice(tag.as_ref());
                Ok(Sealed(bytes))
            }
            Err(_) => {
                bytes.zeroize();
                Err(SealError::Refused { size_bytes: plaintext.len() })
            }
        }
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (header, rest) = sealed.0.split_at(HEADER_BYTES);
        let (nonce, text) = rest.split_at(NONCE_BYTES);
        let tampered =
            |_| OpenError::Tampered { table: place.table.to_owned(), column: place.column.to_owned() };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(tampered)?;
        let mut text = Zeroizing::new(text.to_vec());
        let size_bytes = self
            .cipher
            .open_in_place(nonce, Aad::from(associated_data(header, place)), &mut text)
            .map_err(tampered)?
            .len();
        text.truncate(size_bytes);
        Ok(text)
    }
}

/// Lengths stand before the names, so that no two places share a text.
fn associated_data(header: &[u8], place: Place<'_>) -> Vec<u8> {
    let mut bytes = header.to_vec();
    for part in [place.table, place.column, place.row] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// The one format there is.
const VERSION: u8 = 1;
/// Enough that two keys of one installation never share an id by chance.
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES;
const TEXT_START: usize = HEADER_BYTES + NONCE_BYTES;
const OVERHEAD_BYTES: usize = TEXT_START + TAG_BYTES;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn format_has_not_drifted() {
        let key = SealingKey::derive(&master(7));

        let sealed = key.seal([9; NONCE_BYTES], PLACE, b"wireguard private key").unwrap();

        assert_eq!(hex(sealed.as_bytes()), GOLDEN);
        assert_eq!(key.open(PLACE, &sealed).unwrap().as_slice(), b"wireguard private key");
    }

    #[test]
    fn value_of_a_previous_key_opens_until_that_key_is_forgotten() {
        let ring = Keyring::new(&master(1), &[]);
        let old = ring.seal(PLACE, b"secret").unwrap();

        ring.rotate(&master(2));

        let new = ring.seal(PLACE, b"secret").unwrap();
        assert_eq!(ring.open(PLACE, &old).unwrap().as_slice(), b"secret");
        assert_eq!((old.key_id(), new.key_id()), (ring.previous_ids()[0], ring.current_id()));
        ring.forget_previous();
        assert_eq!(ring.open(PLACE, &old), Err(OpenError::UnknownKey { key: old.key_id() }));
        assert_eq!(ring.open(PLACE, &new).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn a_key_given_twice_is_held_once() {
        let ring = Keyring::new(&master(1), &[master(1), master(2)]);

        assert_eq!(ring.previous_ids().len(), 1);
        ring.rotate(&master(2));
        assert_eq!(ring.previous_ids(), [Keyring::new(&master(1), &[]).current_id()]);
    }

    #[test]
    fn unknown_key_is_named() {
        let sealed = Keyring::new(&master(1), &[]).seal(PLACE, b"secret").unwrap();
        let ring = Keyring::new(&master(2), &[]);

        assert_eq!(ring.open(PLACE, &sealed), Err(OpenError::UnknownKey { key: sealed.key_id() }));
    }

    #[test]
    fn value_of_another_place_does_not_open() {
        let ring = Keyring::new(&master(1), &[]);
        let sealed = ring.seal(PLACE, b"secret").unwrap();

        for place in [
            Place { table: "devices", ..PLACE },
            Place { column: "psk", ..PLACE },
            Place { row: "0198-b", ..PLACE },
            Place { table: "node_network", column: "sprivate_key", ..PLACE },
        ] {
            assert!(matches!(ring.open(place, &sealed), Err(OpenError::Tampered { .. })), "{place:?}");
        }
    }

    #[test]
    fn newer_version_is_named() {
        let mut bytes = Keyring::new(&master(1), &[]).seal(PLACE, b"secret").unwrap().into_bytes();
        bytes[0] = 2;

        assert_eq!(Sealed::parse(bytes), Err(OpenError::UnknownVersion { version: 2 }));
    }

    #[test]
    fn debug_shows_no_key_and_no_plaintext() {
        let ring = Keyring::new(&master(1), &[]);

        assert_eq!(format!("{ring:?}"), format!("Keyring({}, 0 previous)", ring.current_id()));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(text in proptest::collection::vec(any::<u8>(), 0..600), row in ".{0,40}") {
            let ring = Keyring::new(&master(3), &[]);
            let place = Place { row: &row, ..PLACE };

            let stored = ring.seal(place, &text).unwrap().into_bytes();

            prop_assert_eq!(stored.len(), text.len() + OVERHEAD_BYTES);
            let opened = ring.open(place, &Sealed::parse(stored).unwrap()).unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_slice());
        }

        #[test]
        fn any_flipped_bit_is_noticed(text in proptest::collection::vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0..8) {
            let ring = Keyring::new(&master(3), &[]);
            let mut bytes = ring.seal(PLACE, &text).unwrap().into_bytes();
            let at = at.index(bytes.len());

            bytes[at] ^= 1u8 << bit;

            prop_assert!(Sealed::parse(bytes).and_then(|sealed| ring.open(PLACE, &sealed)).is_err());
        }

        #[test]
        fn garbage_never_opens_or_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let ring = Keyring::new(&master(3), &[]);

            prop_assert!(Sealed::parse(bytes).and_then(|sealed| ring.open(PLACE, &sealed)).is_err());
        }

        #[test]
        fn every_cut_is_an_error(size in 0_usize..57) {
            let ring = Keyring::new(&master(3), &[]);
            let mut bytes = ring.seal(PLACE, &[5; 20]).unwrap().into_bytes();

            bytes.truncate(size.min(bytes.len() - 1));

            prop_assert!(Sealed::parse(bytes).and_then(|sealed| ring.open(PLACE, &sealed)).is_err());
        }
    }

    fn master(fill: u8) -> MasterKey {
        MasterKey::from_bytes([fill; MasterKey::BYTES])
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    const PLACE: Place<'static> = Place { table: "node_networks", column: "private_key", row: "0198-a" };
    const GOLDEN: &str = "0176df253a61540c56090909090909090909090909d73e261f710e2b073a5b221c785f3cdd3c799a3674676da92b663cd32b9774e88b2d89edb1";
}
