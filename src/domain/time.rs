//! Points in time: unix milliseconds inside, RFC 3339 outside.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::domain::text::serde_text;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time is written like 2026-01-31T12:00:00Z, between the years 1970 and 9999")]
pub struct TimeError;

/// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write.
const LAST_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From unix milliseconds, held within what RFC 3339 can write.
    pub const fn from_millis(ms: i64) -> Self {
        Self(if ms < 0 {
            0
        } else if ms > LAST_MS {
            LAST_MS
        } else {
            ms
        })
    }

    /// Unix milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Unix seconds, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0 / 1000
    }

    /// Days since 1970-01-01 in UTC, the key of daily usage.
    pub const fn day(self) -> i64 {
        self.0 / 86_400_000
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant less `span`, not before 1970.
    pub fn before(self, span: Duration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(ms))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 40];
        let mut rest = text.as_mut_slice();
        let whole = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).ok();
        let formatted = whole.and_then(|at| at.format_into(&mut rest, &Rfc3339).ok());
        let unused = rest.len();
        let text = text.get(..text.len() - unused).and_then(|text| std::str::from_utf8(text).ok());
        match text.filter(|_| formatted.is_some()) {
            Some(text) => f.write_str(text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeError)?;
        let ms = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map_err(|_| TimeError)?;
        if (0..=LAST_MS).contains(&ms) { Ok(Self(ms)) } else { Err(TimeError) }
    }
}

serde_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::{LAST_MS, TimeError, Timestamp};
    use proptest::prelude::*;

    #[test]
    fn a_zone_other_than_utc_names_the_same_instant() {
        assert_eq!("2026-01-31T12:00:00+02:00".parse(), Ok(Timestamp::from_millis(1_769_853_600_000)));
        assert_eq!("1969-12-31T23:59:59Z".parse::<Timestamp>(), Err(TimeError));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(TimeError));
    }

    proptest! {
        #[test]
        fn every_instant_survives_its_text(ms in 0..=LAST_MS) {
            let at = Timestamp::from_millis(ms);

            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }
    }
}
