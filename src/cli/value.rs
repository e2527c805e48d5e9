//! What people write on the command line, read into values before anything is asked of the service.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::domain::time::Timestamp;

/// A change of a field that may be empty: `none` empties it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change<T> {
    /// Nothing from now on.
    Clear,
    /// This from now on.
    Set(T),
}

impl<T: FromStr> FromStr for Change<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self::Clear) } else { text.parse().map(Self::Set) }
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Clear => to.serialize_none(),
            Self::Set(value) => value.serialize(to),
        }
    }
}

/// Bytes, written as `500M`, `50GiB`, `1TB` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Bytes(pub(super) u64);

/// A span of time in seconds, written as `90s`, `12h`, `30d` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Seconds(pub(super) u32);

/// A point in time, written as `2026-01-31T12:00:00Z`, or as a date, which means its beginning in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct When(Timestamp);

/// A day in UTC, written as `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day(Timestamp);

/// A word of the command line that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(&'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unreadable {}

impl FromStr for Bytes {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        const WRONG: Unreadable = Unreadable("write a size such as 500M, 50GiB or 1TB");
        let (number, unit) = number(text).ok_or(WRONG)?;
        let unit = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return Err(WRONG),
        };
        number.checked_mul(unit).map(Self).ok_or(WRONG)
    }
}

impl FromStr for Seconds {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        const WRONG: Unreadable = Unreadable("write a time such as 90s, 45m, 12h, 30d or 4w");
        let (number, unit) = number(text).ok_or(WRONG)?;
        let unit = match unit {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return Err(WRONG),
        };
        let seconds = number.checked_mul(unit).and_then(|all| u32::try_from(all).ok());
        seconds.map(Self).ok_or(WRONG)
    }
}

impl FromStr for When {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
        whole
            .parse()
            .map(Self)
            .map_err(|_| Unreadable("write a time such as 2026-01-31 or 2026-01-31T12:00:00Z"))
    }
}

impl Day {
    /// The day of an instant.
    pub(super) const fn of(at: Timestamp) -> Self {
        Self(at)
    }

    /// So many days earlier.
    pub(super) fn before(self, days: u32) -> Self {
        Self(self.0.before(Duration::from_secs(u64::from(days) * 86_400)))
    }
}

impl FromStr for Day {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        format!("{text}T00:00:00Z")
            .parse()
            .map(Self)
            .map_err(|_| Unreadable("write a day such as 2026-01-31"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split('T').next().unwrap_or(&text))
    }
}

/// A whole number and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Change, Day, Seconds, When};
    use serde_json::json;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        assert_eq!("50GiB".parse(), Ok(Bytes(53_687_091_200)));
        assert_eq!("1TB".parse(), Ok(Bytes(1_000_000_000_000)));
        assert_eq!("30d".parse(), Ok(Seconds(2_592_000)));
        assert!("".parse::<Bytes>().is_err() && "5 apples".parse::<Bytes>().is_err());
        assert!("99999999999999999999".parse::<Bytes>().is_err() && "500w".parse::<Seconds>().is_ok());
        assert!("99999w".parse::<Seconds>().is_err());
    }

    #[test]
    fn a_date_means_its_beginning() {
        assert_eq!("2026-01-31".parse::<When>(), "2026-01-31T00:00:00Z".parse());
        assert!("tomorrow".parse::<When>().is_err());
    }

    #[test]
    fn a_day_is_told_as_it_is_written() {
        let day: Day = "2026-03-01".parse().unwrap();

        assert_eq!((day.to_string(), day.before(1).to_string()), ("2026-03-01".into(), "2026-02-28".into()));
        assert!("2026-3-1".parse::<Day>().is_err());
    }

    #[test]
    fn none_empties_a_field() {
        let cleared: Change<Bytes> = "none".parse().unwrap();

        assert_eq!(serde_json::to_value([cleared, Change::Set(Bytes(7))]).unwrap(), json!([null, 7]));
    }
}
