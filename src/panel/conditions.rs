//! Says what a request's conditions on entity tags mean for a file (RFC 9110 §13).
//!
//! Files carry no date, so conditions on dates are not met and not looked at.

use http::header::HeaderName;
use http::{HeaderMap, Method, header};

use crate::panel::byte_range::{self, Wanted};

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file, or a part of it.
    Send(Wanted),
    /// That the client has it already.
    Unchanged,
    /// That it is not what the client required.
    Failed,
}

/// Judges in the order of §13.2.2. The tag is strong, in its quotes; the length is in bytes.
pub(super) fn judge(method: &Method, headers: &HeaderMap, tag: &[u8], length: usize) -> Verdict {
    let names = |name: &HeaderName, compare: fn(&[u8], &[u8]) -> bool| {
        tags(headers, name).any(|given| given == b"*" || compare(given, tag))
    };
    if headers.contains_key(header::IF_MATCH) && !names(&header::IF_MATCH, strongly) {
        return Verdict::Failed;
    }
    if names(&header::IF_NONE_MATCH, weakly) {
        return Verdict::Unchanged;
    }
    // Ranges are defined for GET alone (§14.2).
    let may_part = method == Method::GET && headers.get(header::IF_RANGE).is_none_or(|given| given == tag);
    Verdict::Send(if may_part { byte_range::wanted(headers, length) } else { Wanted::Whole })
}

fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// A weak tag begins outside its quotes, so it equals no strong one.
fn strongly(given: &[u8], tag: &[u8]) -> bool {
    given == tag
}

fn weakly(given: &[u8], tag: &[u8]) -> bool {
    given.strip_prefix(b"W/").unwrap_or(given) == tag
}

#[cfg(test)]
mod tests {
    use http::header::HeaderName;
    use http::{HeaderMap, HeaderValue, Method, header};

    use super::{Verdict, judge};
    use crate::panel::byte_range::Wanted;

    const WHOLE: Verdict = Verdict::Send(Wanted::Whole);
    const PART: Verdict = Verdict::Send(Wanted::Part(0..4));

    fn verdict(method: &Method, given: &[(HeaderName, &'static str)]) -> Verdict {
        let given = given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        judge(method, &HeaderMap::from_iter(given), b"\"a\"", 10)
    }

    fn get(given: &[(HeaderName, &'static str)]) -> Verdict {
        verdict(&Method::GET, given)
    }

    #[test]
    fn what_the_client_has_is_found_in_lists_and_weakly() {
        for value in ["\"a\"", "W/\"a\"", "\"b\", W/\"a\"", "\"b\",\"a\"", "*"] {
            assert_eq!(get(&[(header::IF_NONE_MATCH, value)]), Verdict::Unchanged, "{value}");
        }
        for value in ["\"b\"", "a", "W/W/\"a\"", "w/\"a\"", ""] {
            assert_eq!(get(&[(header::IF_NONE_MATCH, value)]), WHOLE, "{value}");
        }
    }

    #[test]
    fn what_the_client_requires_is_compared_strongly() {
        for value in ["\"a\"", "\"b\", \"a\"", "*"] {
            assert_eq!(get(&[(header::IF_MATCH, value)]), WHOLE, "{value}");
        }
        for value in ["\"b\"", "W/\"a\"", ""] {
            assert_eq!(get(&[(header::IF_MATCH, value)]), Verdict::Failed, "{value}");
        }
    }

    #[test]
    fn a_part_is_sent_only_of_the_file_the_client_knows() {
        let range = (header::RANGE, "bytes=0-3");

        assert_eq!(get(std::slice::from_ref(&range)), PART);
        assert_eq!(get(&[range.clone(), (header::IF_RANGE, "\"a\"")]), PART);
        for other in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(get(&[range.clone(), (header::IF_RANGE, other)]), WHOLE, "{other}");
        }
        assert_eq!(get(&[range.clone(), (header::IF_NONE_MATCH, "\"a\"")]), Verdict::Unchanged);
        assert_eq!(verdict(&Method::HEAD, &[range]), WHOLE);
    }
}
