//! Passwords and their stored hashes: what is accepted as either.
//!
//! Invariants: a password is never cut (bcrypt reads 72 bytes and ignores the rest in silence, so more is an error)
//! and never printed. Hashing and checking are the work of `work`, which bounds it.

mod argon;
mod common;
mod weak;
mod work;

use std::fmt;

use zeroize::ZeroizeOnDrop;

pub use weak::Weakness;
pub use work::{PasswordWork, Verdict, WorkError};

/// A password somebody typed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Fewest bytes of a new password.
    pub const MIN_BYTES: usize = 12;
    /// Most bytes of any password: bcrypt reads 72, one of which is its terminator.
    pub const MAX_BYTES: usize = 71;

    /// A new password, by the rule for new ones: 12 to 71 bytes.
    ///
    /// # Errors
    /// [`PasswordRule`], which says the rule and not the password.
    pub fn parse(text: impl Into<String>) -> Result<Self, PasswordRule> {
        let password = Self::presented(text)?;
        let size_bytes = password.0.len();
        if size_bytes < Self::MIN_BYTES {
            return Err(PasswordRule::TooShort { size_bytes });
        }
        Ok(password)
    }

    /// A password shown at login. It may be short: a user imported from the old stack had another rule.
    ///
    /// # Errors
    /// [`PasswordRule`] when it is empty, too long, or holds a NUL, at which other bcrypts stop reading.
    pub fn presented(text: impl Into<String>) -> Result<Self, PasswordRule> {
        let password = Self(text.into());
        let size_bytes = password.0.len();
        if size_bytes > Self::MAX_BYTES {
            return Err(PasswordRule::TooLong { size_bytes });
        }
        if size_bytes == 0 {
            return Err(PasswordRule::TooShort { size_bytes });
        }
        if password.0.contains('\0') {
            return Err(PasswordRule::Nul);
        }
        Ok(password)
    }

    /// Why this password should not be set for an account that goes by these names, if there is a reason.
    pub fn weakness(&self, own: &[&str]) -> Option<Weakness> {
        weak::weakness(&self.0, own)
    }

    /// The bytes to hash.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// A password that breaks the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// Too short.
    #[error("a password has at least {} bytes; this one has {size_bytes}", Password::MIN_BYTES)]
    TooShort {
        /// Size found.
        size_bytes: usize,
    },
    /// Too long to be hashed whole.
    #[error(
        "a password has at most {} bytes (letters beyond ASCII count two to four); this one has {size_bytes}",
        Password::MAX_BYTES
    )]
    TooLong {
        /// Size found.
        size_bytes: usize,
    },
    /// Holds a NUL character.
    #[error("a password holds no NUL character")]
    Nul,
}

/// A hash as it is stored: bcrypt's, or an imported one of argon2. It prints as `***`: it can be guessed against.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads a stored or imported hash: `$2a$`, `$2b$`, `$2y$`, `$argon2id$` or `$argon2i$`.
    ///
    /// # Errors
    /// [`MalformedHash`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, MalformedHash> {
        if argon::is_argon2(text) {
            return argon::check(text).map(|()| Self(text.to_owned()));
        }
        // `$2x$` marks hashes of a crypt_blowfish that lost bits of non-ASCII passwords: never verified.
        if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            return Err(MalformedHash::Kind);
        }
        let parts: bcrypt::HashParts = text.parse().map_err(|_| MalformedHash::Shape)?;
        if !(LOWEST_COST..=HIGHEST_COST).contains(&parts.get_cost()) {
            return Err(MalformedHash::Cost { cost: parts.get_cost() });
        }
        Ok(Self(text.to_owned()))
    }

    /// A hash that the library just made.
    pub(super) const fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether argon2 made it.
    pub(super) fn is_argon2(&self) -> bool {
        argon::is_argon2(&self.0)
    }

    /// The two digits after the kind, which [`PasswordHash::parse`] proved to be there.
    pub(super) fn cost(&self) -> u32 {
        self.0.get(4..6).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Whether a new hash should take its place: it is of an older kind or another cost.
    pub(super) fn needs_rehash(&self) -> bool {
        !self.0.starts_with("$2b$") || self.cost() != COST
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// A stored hash that cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHash {
    /// Another kind of hash.
    #[error("a password hash is of bcrypt ($2a$, $2b$ or $2y$) or argon2 ($argon2id$ or $argon2i$)")]
    Kind,
    /// Not 60 characters of the right alphabet.
    #[error("the bcrypt hash is damaged")]
    Shape,
    /// A cost that is no protection, or one that would stop the service.
    #[error("the bcrypt hash has cost {cost}; {LOWEST_COST} to {HIGHEST_COST} are verified")]
    Cost {
        /// Cost found.
        cost: u32,
    },
    /// Not a PHC string of argon2, version 19.
    #[error("the argon2 hash is damaged")]
    Argon2Shape,
    /// Parameters that are no protection, or would take the machine.
    #[error(
        "the argon2 hash takes less than 12 MiB of work, or more than 128 MiB, 16 lanes or 512 MiB of work"
    )]
    Argon2Cost,
}

/// 2^12 rounds, about 0.2 s of one core: OWASP asks for 10 or more.
pub(super) const COST: u32 = 12;
/// PHP's and Laravel's own default; what is cheaper has been guessable for years.
const LOWEST_COST: u32 = 10;
/// 2^15 rounds take about two seconds. An imported hash of cost 31 would hold a core for a day.
const HIGHEST_COST: u32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_rule_has_both_ends() {
        for (size, expected) in [
            (11, Err(PasswordRule::TooShort { size_bytes: 11 })),
            (12, Ok(())),
            (71, Ok(())),
            (72, Err(PasswordRule::TooLong { size_bytes: 72 })),
        ] {
            assert_eq!(Password::parse("x".repeat(size)).map(drop), expected);
        }
        assert_eq!(Password::parse("ö".repeat(36)).map(drop), Err(PasswordRule::TooLong { size_bytes: 72 }));
        assert_eq!(Password::parse("0123456789\0ab").map(drop), Err(PasswordRule::Nul));
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let password = Password::parse("correct horse battery").unwrap();
        let hash =
            PasswordHash::parse("$2b$12$4hN1Pae.CT.HTVWxVifwcuCbUV8R8JRt/ktevDBBhJFx9Ex5xATzW").unwrap();

        assert_eq!(format!("{password:?} {hash:?}"), "Password(***) PasswordHash(***)");
    }

    #[test]
    fn garbage_hashes_are_errors() {
        for (text, expected) in [
            ("", MalformedHash::Kind),
            ("plaintext", MalformedHash::Kind),
            ("$2x$10$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S", MalformedHash::Kind),
            ("$2y$10$short", MalformedHash::Shape),
            ("$2y$xx$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S", MalformedHash::Shape),
            ("$2y$10$öböböböböböböböböböböböböböböböböböböböböböböböböbö5", MalformedHash::Shape),
            ("$2y$04$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S", MalformedHash::Cost { cost: 4 }),
            (
                "$2y$31$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S",
                MalformedHash::Cost { cost: 31 },
            ),
        ] {
            assert_eq!(PasswordHash::parse(text), Err(expected), "{text}");
        }
    }
}
