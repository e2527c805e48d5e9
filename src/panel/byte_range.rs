//! Reads which part of a file a `Range` header asks for (RFC 9110 §14).

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};

/// What to send of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no range was asked for, or none that is understood, or several at once.
    Whole,
    /// These bytes; never empty, never beyond the end.
    Part(Range<usize>),
    /// The range begins behind the end.
    Nothing,
}

/// What the request wants of a file that has this many bytes.
pub(super) fn wanted(headers: &HeaderMap, length: usize) -> Wanted {
    let mut lines = headers.get_all(header::RANGE).iter();
    match (lines.next().and_then(spec), lines.next()) {
        (Some(spec), None) => spec.within(length),
        _ => Wanted::Whole,
    }
}

/// One range as it was asked for. Numbers too big for the type are the biggest, which is behind every end as well.
enum Spec {
    From { first: usize, last: usize },
    Last { count: usize },
}

impl Spec {
    fn within(self, length: usize) -> Wanted {
        match self {
            Self::From { first, .. } if first >= length => Wanted::Nothing,
            Self::From { first, last } => Wanted::Part(first..last.saturating_add(1).min(length)),
            Self::Last { count: 0 } => Wanted::Nothing,
            Self::Last { .. } if length == 0 => Wanted::Whole,
            Self::Last { count } => Wanted::Part(length.saturating_sub(count)..length),
        }
    }
}

/// The range, if it is a single one and well formed. What is not is ignored, as §14.2 allows.
fn spec(line: &HeaderValue) -> Option<Spec> {
    let (unit, set) = line.to_str().ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match set.trim().split_once('-')? {
        ("", count) => Some(Spec::Last { count: number(count)? }),
        (first, "") => Some(Spec::From { first: number(first)?, last: usize::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From { first, last })
        }
    }
}

fn number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use proptest::prelude::*;

    use super::{Wanted, wanted};

    fn of(text: &str, length: usize) -> Wanted {
        let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
        wanted(&HeaderMap::from_iter([(header::RANGE, value)]), length)
    }

    #[test]
    fn one_range_is_cut_to_what_is_there() {
        for (text, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=2-", 2..10),
            ("bytes=9-9", 9..10),
            ("bytes=2-99", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("BYTES= 2-5 ", 2..6),
            ("bytes=0-99999999999999999999999", 0..10),
            ("bytes=-99999999999999999999999", 0..10),
        ] {
            assert_eq!(of(text, 10), Wanted::Part(expected), "{text}");
        }
    }

    #[test]
    fn a_range_behind_the_end_is_nothing() {
        for text in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(text, 10), Wanted::Nothing, "{text}");
        }
        assert_eq!(of("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn what_is_not_understood_and_several_ranges_are_answered_whole() {
        for text in [
            "bytes=5-2",
            "bytes=-",
            "bytes=",
            "bytes",
            "lines=0-1",
            "bytes=0-1,4-5",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=a-b",
            "bytes=0x1-2",
            "",
        ] {
            assert_eq!(of(text, 10), Wanted::Whole, "{text}");
        }
        assert_eq!(of("bytes=-5", 0), Wanted::Whole, "an empty file has no last byte to send");
        let twice = ["bytes=0-1", "bytes=2-3"].map(|text| (header::RANGE, HeaderValue::from_static(text)));
        let mut headers = HeaderMap::new();
        for (name, value) in twice {
            headers.append(name, value);
        }
        assert_eq!(wanted(&headers, 10), Wanted::Whole);
        assert_eq!(wanted(&HeaderMap::new(), 10), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn a_range_holds_the_bytes_it_names(first in 0..40_usize, last in 0..40_usize, length in 0..40_usize) {
            let named: Vec<usize> = (0..length).filter(|at| (first..=last).contains(at)).collect();

            match of(&format!("bytes={first}-{last}"), length) {
                Wanted::Part(part) => prop_assert_eq!(part.collect::<Vec<_>>(), named),
                Wanted::Nothing => prop_assert!(first <= last && named.is_empty()),
                Wanted::Whole => prop_assert!(last < first),
            }
        }

        #[test]
        fn a_suffix_holds_the_last_bytes(count in 1..40_usize, length in 1..40_usize) {
            let part = of(&format!("bytes=-{count}"), length);

            prop_assert_eq!(part, Wanted::Part(length - count.min(length)..length));
        }

        #[test]
        fn no_header_makes_the_reader_panic_or_reach_beyond_the_end(
            text in "(bytes=)?[0-9, a-]{0,24}|[ -~]{0,24}",
            length in 0..100_usize,
        ) {
            if let Wanted::Part(part) = of(&text, length) {
                prop_assert!(part.start < part.end && part.end <= length, "{text}: {part:?} of {length}");
            }
        }
    }
}
