//! Recovery codes: what a person keeps on paper for the day the telephone is lost, and what the database keeps of them.
//!
//! A code has 80 random bits, so a plain SHA-256 is enough at rest: at 10^12 tries a second the one code takes twenty
//! thousand years to find. The user's id is hashed with it, so that one table cannot be searched for all users at once.
//! Invariant: a code itself is never stored, and is printed by nothing but [`RecoveryCode::reveal`].

use std::fmt;

use aws_lc_rs::digest;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::domain::id::UserId;
use crate::secrets::random::{self, RandomError};

/// One recovery code.
#[derive(PartialEq, Eq, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; BYTES]);

impl RecoveryCode {
    /// A new code.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(*random::bytes()?))
    }

    /// Reads a code as a person types it: capitals, blanks and hyphens do not matter, and the letters that are not used
    /// stand for the digits they look like. None where it is no code.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0_u8; BYTES]);
        let mut found = 0;
        for letter in text.bytes().filter(|b| !matches!(b, b' ' | b'-')) {
            let letter = match letter.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            let value = LETTERS.iter().position(|known| *known == letter)?;
            if found == LENGTH {
                return None;
            }
            for bit in 0..BITS_PER_LETTER {
                let at = found * BITS_PER_LETTER + bit;
                let is_set = value >> (BITS_PER_LETTER - 1 - bit) & 1 == 1;
                bytes[at / 8] |= u8::from(is_set) << (7 - at % 8);
            }
            found += 1;
        }
        (found == LENGTH).then(|| Self(*bytes))
    }

    /// The text to hand out: four groups of four letters.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for letter in 0..LENGTH {
            if letter > 0 && letter % GROUP == 0 {
                text.push('-');
            }
            let value = (0..BITS_PER_LETTER).fold(0_usize, |value, bit| {
                let at = letter * BITS_PER_LETTER + bit;
                value << 1 | usize::from(self.0[at / 8] >> (7 - at % 8) & 1)
            });
            text.push(char::from(LETTERS[value]));
        }
        text
    }

    /// What the database keeps.
    pub fn digest(&self, user: UserId) -> [u8; digest::SHA256_OUTPUT_LEN] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"caspervpn/1/recovery-code");
        context.update(user.as_uuid().as_bytes());
        context.update(&self.0);
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(context.finish().as_ref());
        bytes
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(***)")
    }
}

const BYTES: usize = 10;
const BITS_PER_LETTER: usize = 5;
/// Letters of a code.
const LENGTH: usize = BYTES * 8 / BITS_PER_LETTER;
const GROUP: usize = 4;
/// Crockford's base 32: no letter looks like a digit.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::RecoveryCode;
    use crate::domain::id::UserId;
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn a_code_is_read_as_it_was_written_however_it_is_typed(bytes in any::<[u8; 10]>()) {
            let code = RecoveryCode(bytes);
            let text = code.reveal();
            let typed = text.to_uppercase().replace('-', " ").replace('0', "o").replace('1', "L");

            prop_assert_eq!(text.len(), 19);
            prop_assert_eq!(RecoveryCode::parse(&text), Some(RecoveryCode(bytes)));
            prop_assert_eq!(RecoveryCode::parse(&typed), Some(RecoveryCode(bytes)));
        }
    }

    #[test]
    fn what_is_no_code_is_not_read() {
        for bad in ["", "123456", "abcd-efgh-jkmn-pqr", "abcd-efgh-jkmn-pqrs-t", "abcd-efgh-jkmn-pqru", "ä"]
        {
            assert!(RecoveryCode::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_same_code_of_another_user_is_another_digest_and_nothing_prints_it() {
        let code = RecoveryCode([7; 10]);
        let digest = |n| code.digest(UserId::new(Uuid::from_u128(n)));

        assert_ne!(digest(1), digest(2));
        assert_eq!(digest(1), digest(1));
        assert_eq!(format!("{code:?}"), "RecoveryCode(***)");
    }
}
