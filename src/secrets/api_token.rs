//! API tokens: what programs hold to speak for a user.
//!
//! The text is `cvpn_`, 32 random bytes as 43 letters of base62, and 6 letters for the CRC-32 of those 43, as GitHub's
//! tokens are made (<https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>):
//! a scanner of leaked secrets tells one from a coincidence without asking us, a double click selects the whole of it.
//! Invariant: a token itself is never stored, printed by `Debug`, or compared other than by its digest.

use std::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::secrets::random::{self, RandomError};
use crate::secrets::token::TokenDigest;

/// What every token begins with.
pub const PREFIX: &str = "cvpn_";

/// A token of a program.
#[derive(ZeroizeOnDrop)]
pub struct ApiToken {
    bytes: [u8; TOKEN_BYTES],
}

/// Text that is no API token: it begins otherwise, is cut, or was mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API token: it should be {PREFIX} and {} letters and digits", RANDOM_LETTERS + CHECKSUM_LETTERS)]
pub struct MalformedApiToken;

const TOKEN_BYTES: usize = 32;
/// As many letters as 256 bits take: 62^43 > 2^256 > 62^42.
const RANDOM_LETTERS: usize = 43;
/// As many as 32 bits take.
const CHECKSUM_LETTERS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl ApiToken {
    /// A new token.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self { bytes: *random::bytes()? })
    }

    /// Whether a text means to be a token of this kind.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a token that somebody shows. A mistyped one is found out by its checksum.
    ///
    /// # Errors
    /// [`MalformedApiToken`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, MalformedApiToken> {
        let letters = text.strip_prefix(PREFIX).map(str::as_bytes).ok_or(MalformedApiToken)?;
        let (random, sum) = letters.split_at_checked(RANDOM_LETTERS).ok_or(MalformedApiToken)?;
        if sum != checksum(random) {
            return Err(MalformedApiToken);
        }
        decode(random).map(|bytes| Self { bytes: *bytes }).ok_or(MalformedApiToken)
    }

    /// The text to hand out. The only way a token leaves.
    pub fn reveal(&self) -> Zeroizing<String> {
        let random: Zeroizing<[u8; RANDOM_LETTERS]> = Zeroizing::new(encode(&self.bytes));
        let sum = checksum(random.as_slice());
        let mut text =
            Zeroizing::new(String::with_capacity(PREFIX.len() + RANDOM_LETTERS + CHECKSUM_LETTERS));
        text.push_str(PREFIX);
        text.extend(random.iter().chain(&sum).copied().map(char::from));
        text
    }

    /// What the database keeps.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(PREFIX, &self.bytes)
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiToken({PREFIX}***)")
    }
}

/// The number that big-endian bytes are, in base62, with zeros in front.
fn encode<const BYTES: usize, const LETTERS: usize>(bytes: &[u8; BYTES]) -> [u8; LETTERS] {
    let mut rest = Zeroizing::new(*bytes);
    let mut letters = [0; LETTERS];
    for letter in letters.iter_mut().rev() {
        let mut remainder = 0;
        for byte in rest.iter_mut() {
            let value = remainder << 8 | usize::from(*byte);
            // Less than 256, since the remainder is less than 62.
            [.., *byte] = (value / ALPHABET.len()).to_be_bytes();
            remainder = value % ALPHABET.len();
        }
        *letter = ALPHABET[remainder];
    }
    letters
}

/// The number behind base62 letters; none where a letter is another, or the number is too large.
fn decode(letters: &[u8]) -> Option<Zeroizing<[u8; TOKEN_BYTES]>> {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    for letter in letters {
        let mut carry = digit(*letter)?;
        for byte in bytes.iter_mut().rev() {
            let value = usize::from(*byte) * ALPHABET.len() + carry;
            [.., *byte] = value.to_be_bytes();
            carry = value >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<usize> {
    let (first, value) = match letter {
        b'0'..=b'9' => (b'0', 0),
        b'A'..=b'Z' => (b'A', 10),
        b'a'..=b'z' => (b'a', 36),
        _ => return None,
    };
    Some(usize::from(letter - first) + value)
}

fn checksum(random: &[u8]) -> [u8; CHECKSUM_LETTERS] {
    encode(&crc32fast::hash(random).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_survives_its_text(bytes in any::<[u8; 32]>()) {
            let token = ApiToken { bytes };
            let text = token.reveal();

            prop_assert_eq!(text.len(), 54);
            prop_assert!(text[5..].bytes().all(|b| b.is_ascii_alphanumeric()));
            prop_assert_eq!(ApiToken::parse(&text).map(|read| read.bytes), Ok(bytes));
        }

        #[test]
        fn one_wrong_letter_is_found_out(bytes in any::<[u8; 32]>(), at in 5_usize..54, letter in "[0-9A-Za-z]") {
            let text = ApiToken { bytes }.reveal();
            let mut wrong = text.to_string();
            wrong.replace_range(at..=at, &letter);

            prop_assume!(wrong != *text);
            prop_assert!(ApiToken::parse(&wrong).is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(cvpn_)?.{0,60}") {
            prop_assert!(ApiToken::parse(&text).is_err());
        }
    }

    #[test]
    fn the_form_has_not_drifted() {
        for (bytes, text) in GOLDEN {
            assert_eq!(*ApiToken { bytes }.reveal(), text);
        }
    }

    #[test]
    fn more_than_32_bytes_are_no_token() {
        let random = [b'z'; RANDOM_LETTERS];
        let sum = checksum(&random);
        let text: String = PREFIX.bytes().chain(random).chain(sum).map(char::from).collect();

        assert_eq!(ApiToken::parse(&text).unwrap_err(), MalformedApiToken);
    }

    #[test]
    fn debug_shows_no_token() {
        let token = ApiToken::generate().unwrap();

        assert_eq!(format!("{token:?} {:?}", token.digest()), "ApiToken(cvpn_***) TokenDigest(***)");
    }

    /// From another program: Python's `zlib.crc32` and its integers.
    const GOLDEN: [([u8; 32], &str); 2] = [
        ([0; 32], "cvpn_00000000000000000000000000000000000000000002CZclj"),
        ([0xff; 32], "cvpn_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1"),
    ];
}
