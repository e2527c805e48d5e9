//! Numbers and texts of requests whose bounds are the API's own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::{Date, Month};
use zeroize::Zeroizing;

use crate::app::users::{MalformedHash, Password, PasswordHash, PasswordRule};

/// A number outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not between {least} and {most}")]
pub struct OutOfBounds {
    least: u64,
    most: u64,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty) $least:literal ..= $most:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "u64")]
        pub struct $name($inner);

        impl $name {
            /// The smallest.
            pub const LEAST: u64 = $least;
            /// The largest.
            pub const MOST: u64 = $most;

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = OutOfBounds;

            fn try_from(number: u64) -> Result<Self, OutOfBounds> {
                let refused = OutOfBounds { least: Self::LEAST, most: Self::MOST };
                if !(Self::LEAST..=Self::MOST).contains(&number) {
                    return Err(refused);
                }
                <$inner>::try_from(number).map(Self).map_err(|_| refused)
            }
        }
    )*};
}

numbers! {
    /// Bytes that may be moved. The most is what a database's integer holds, 2^63 - 1.
    ByteLimit(u64) 1 ..= 9_223_372_036_854_775_807;
    /// Seconds of use, up to ten years.
    UseSeconds(u32) 1 ..= 315_360_000;
    /// Devices that a user may have.
    DeviceLimit(u32) 0 ..= 1_000_000;
    /// Segments of the audit that were checked before.
    SegmentNumber(u64) 0 ..= 9_223_372_036_854_775_807;
    /// Devices that a node should carry.
    NodeCapacity(u32) 1 ..= 1_000_000;
    /// A TCP port.
    TcpPort(u16) 1 ..= 65_535;
}

/// The name by which a mail server knows us: 1 to 256 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailUsername(String);

/// A text that is no name for a mail server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("has 1 to {} characters, and no control characters", MailUsername::MAX_CHARS)]
pub struct MailUsernameError;

impl MailUsername {
    /// Longest name.
    pub const MAX_CHARS: usize = 256;

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for MailUsername {
    type Error = MailUsernameError;

    fn try_from(text: String) -> Result<Self, MailUsernameError> {
        let ok = (1..=Self::MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if ok { Ok(Self(text)) } else { Err(MailUsernameError) }
    }
}

/// Certificates in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pem(String);

/// A text that is no PEM, or too much of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one or more certificates in PEM, of at most {} bytes", Pem::MAX_BYTES)]
pub struct PemError;

impl Pem {
    /// Longest text: a dozen certificates.
    pub const MAX_BYTES: usize = 32_768;

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Pem {
    type Error = PemError;

    fn try_from(text: String) -> Result<Self, PemError> {
        let ok = text.len() <= Self::MAX_BYTES
            && text.starts_with("-----BEGIN CERTIFICATE-----")
            && text.trim_end().ends_with("-----END CERTIFICATE-----")
            && text.is_ascii();
        if ok { Ok(Self(text)) } else { Err(PemError) }
    }
}

/// A password to be set: 12 characters at least, and 71 bytes at most.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct NewPassword(Password);

/// A new password that breaks a rule. It is never quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NewPasswordError {
    /// Fewer characters than it takes.
    #[error("a password has at least {} characters", Password::MIN_BYTES)]
    TooShort,
    /// The rule of every password.
    #[error(transparent)]
    Rule(PasswordRule),
}

impl TryFrom<String> for NewPassword {
    type Error = NewPasswordError;

    fn try_from(text: String) -> Result<Self, NewPasswordError> {
        if text.chars().count() < Password::MIN_BYTES {
            return Err(NewPasswordError::TooShort);
        }
        Password::parse(text).map(Self).map_err(NewPasswordError::Rule)
    }
}

impl From<NewPassword> for Password {
    fn from(password: NewPassword) -> Self {
        password.0
    }
}

/// The hash of a password that another system made.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct ImportedHash(PasswordHash);

impl TryFrom<String> for ImportedHash {
    type Error = MalformedHash;

    fn try_from(text: String) -> Result<Self, MalformedHash> {
        PasswordHash::parse(text.trim()).map(Self)
    }
}

impl From<ImportedHash> for PasswordHash {
    fn from(hash: ImportedHash) -> Self {
        hash.0
    }
}

/// What somebody shows to prove something: bounded, and otherwise judged by whoever knows it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Shown(Zeroizing<String>);

/// A proof of a size that none has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("has 1 to {} characters", Shown::MAX_CHARS)]
pub struct ShownError;

impl Shown {
    /// Longest text. Our tokens have under 100 characters, but for the challenge of a sign-in by passkey, which carries
    /// what was asked.
    pub const MAX_CHARS: usize = 512;

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Shown {
    type Error = ShownError;

    fn try_from(text: String) -> Result<Self, ShownError> {
        let text = Zeroizing::new(text);
        if (1..=Self::MAX_CHARS).contains(&text.chars().count()) { Ok(Self(text)) } else { Err(ShownError) }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(***)")
    }
}

/// A word that programs use: 1 to 64 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Word(String);

/// A text that is no word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("has 1 to 64 letters, digits, _ and -")]
pub struct WordError;

impl Word {
    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Word {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, WordError> {
        let ok = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if ok { Ok(Self(text)) } else { Err(WordError) }
    }
}

/// A day in UTC, `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(i64);

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a day such as 2026-01-31")]
pub struct DayError;

impl Day {
    /// From days since 1970-01-01.
    pub const fn since_epoch(days: i64) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let is_plain = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !is_plain {
            return Err(DayError);
        }
        let number = |part: &str| part.parse::<u16>().map_err(|_| DayError);
        let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?);
        let month = u8::try_from(month).ok().and_then(|month| Month::try_from(month).ok()).ok_or(DayError)?;
        let day = u8::try_from(day).map_err(|_| DayError)?;
        let date = Date::from_calendar_date(i32::from(year), month, day).map_err(|_| DayError)?;
        let days = i64::from(date.to_julian_day()) - EPOCH_JULIAN_DAY;
        if days < 0 { Err(DayError) } else { Ok(Self(days)) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let julian = i32::try_from(self.0.saturating_add(EPOCH_JULIAN_DAY)).unwrap_or(i32::MAX);
        match Date::from_julian_day(julian) {
            Ok(date) => {
                write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
            }
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// 1970-01-01 in the count of Julian days.
const EPOCH_JULIAN_DAY: i64 = 2_440_588;

/// A secret in an answer: written once, wiped when dropped.
#[derive(Clone)]
pub struct Once(pub Zeroizing<String>);

impl Serialize for Once {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteLimit, Day, NewPassword, Shown, UseSeconds};

    #[test]
    fn a_number_has_bounds_that_the_database_can_hold() {
        assert!(serde_json::from_str::<ByteLimit>("9223372036854775807").is_ok());
        assert!(serde_json::from_str::<ByteLimit>("9223372036854775808").is_err());
        assert!(serde_json::from_str::<ByteLimit>("0").is_err());
        assert!(serde_json::from_str::<UseSeconds>("-1").is_err());
        assert!(serde_json::from_str::<UseSeconds>("1.5").is_err());
    }

    #[test]
    fn a_day_survives_its_text() {
        assert_eq!("1970-01-01".parse::<Day>().unwrap().number(), 0);
        assert_eq!("2024-02-29".parse::<Day>().unwrap().to_string(), "2024-02-29");
        for bad in ["2023-02-29", "1969-12-31", "2026-1-1", "2026-01-01T00:00:00Z", "", "２０26-01-01"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_new_password_is_counted_in_characters_and_in_bytes() {
        assert!(NewPassword::try_from("twelve chars".to_owned()).is_ok());
        assert!(NewPassword::try_from("ääääää".to_owned()).is_err());
        assert!(NewPassword::try_from("ä".repeat(36)).is_err());
    }

    #[test]
    fn a_proof_cannot_be_printed() {
        assert_eq!(format!("{:?}", Shown::try_from("secret".to_owned()).unwrap()), "Shown(***)");
        assert!(Shown::try_from("x".repeat(Shown::MAX_CHARS + 1)).is_err());
    }
}
