//! Notices that a database and a master key do not belong together.
//!
//! Invariant: a wrong key and a damaged value are told apart, because what to do about them differs.

use crate::secrets::seal::{KeyId, Keyring, OpenError, Place, SealError, Sealed};

/// A sealed constant to store in the database: it shows later whether the master key is still the right one.
///
/// # Errors
/// [`SealError`] when the operating system gives no randomness.
pub fn canary(ring: &Keyring) -> Result<Sealed, SealError> {
    ring.seal(CANARY_PLACE, CANARY)
}

/// Proves that this ring opens what the database holds. Called at start, before anything else is read.
///
/// # Errors
/// [`CanaryError`], which the program must not survive: it would seal new values beside unreadable ones.
pub fn check_canary(ring: &Keyring, stored: &Sealed) -> Result<(), CanaryError> {
    match ring.open(CANARY_PLACE, stored) {
        Ok(text) if text.as_slice() == CANARY => Ok(()),
        Ok(_) => Err(CanaryError::Damaged { cause: None }),
        Err(OpenError::UnknownKey { key }) => {
            Err(CanaryError::WrongKey { expected: key, loaded: ring.current_id() })
        }
        Err(
            cause @ (OpenError::Truncated { .. }
            | OpenError::UnknownVersion { .. }
            | OpenError::Tampered { .. }),
        ) => Err(CanaryError::Damaged { cause: Some(cause) }),
    }
}

/// The master key and the database do not belong together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanaryError {
    /// Another key sealed this database.
    #[error(
        "this database was sealed with master key {expected}, but {loaded} is loaded; \
         restore the right key file, or the database that belongs to this one"
    )]
    WrongKey {
        /// The key the database needs.
        expected: KeyId,
        /// The key that was found.
        loaded: KeyId,
    },
    /// The canary itself is damaged.
    #[error("the database's check value for the master key is damaged; restore the database from a backup")]
    Damaged {
        /// Why it did not open.
        #[source]
        cause: Option<OpenError>,
    },
}

const CANARY: &[u8] = b"caspervpn master key canary";
/// What the canary is sealed for.
pub const CANARY_PLACE: Place<'static> = Place { table: "settings", column: "master_key_canary", row: "" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::master_key::MasterKey;

    #[test]
    fn canary_tells_the_right_key_from_a_wrong_one() {
        let right = Keyring::new(&MasterKey::from_bytes([1; 32]), &[]);
        let wrong = Keyring::new(&MasterKey::from_bytes([2; 32]), &[]);
        let stored = canary(&right).unwrap();

        assert_eq!(check_canary(&right, &stored), Ok(()));
        assert_eq!(
            check_canary(&wrong, &stored),
            Err(CanaryError::WrongKey { expected: right.current_id(), loaded: wrong.current_id() })
        );
    }

    #[test]
    fn damaged_canary_is_not_taken_for_a_wrong_key() {
        let ring = Keyring::new(&MasterKey::from_bytes([1; 32]), &[]);
        let mut bytes = canary(&ring).unwrap().into_bytes();
        bytes[30] ^= 1;

        let found = check_canary(&ring, &Sealed::parse(bytes).unwrap());

        assert!(matches!(found, Err(CanaryError::Damaged { cause: Some(_) })));
    }
}
