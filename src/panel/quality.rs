//! Reads the lists in which clients weigh what they accept, such as `br;q=0.8, gzip` (RFC 9110 §12.4.2).
//!
//! Invariant: what is malformed counts as not said, so a broken weight never makes something acceptable.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

/// Thousandths: 1000 is wanted most, 0 is refused.
pub(super) type Quality = u16;

/// What the client named in this header, in its order, each with how much it wants it.
pub(super) fn listed<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'a str, Quality)> {
    let lines = headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(element)
}

fn element(text: &str) -> Option<(&str, Quality)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = match weight {
        Some(weight) => thousandths(weight)?,
        None => MOST,
    };
    Some((name, quality))
}

/// A weight is 0 or 1 with at most three digits behind the point, and not more than 1.
fn thousandths(weight: &str) -> Option<Quality> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 {
        return None;
    }
    let mut thousandths = 0;
    for place in [100, 10, 1].iter().zip(fraction.bytes()) {
        match place {
            (worth, digit @ b'0'..=b'9') => thousandths += worth * Quality::from(digit - b'0'),
            _ => return None,
        }
    }
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(MOST),
        _ => None,
    }
}

const MOST: Quality = 1000;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{Quality, listed};

    fn read(lines: &[&str]) -> Vec<(String, Quality)> {
        let line = |text: &&str| (header::ACCEPT, HeaderValue::from_str(text).unwrap());
        let headers = HeaderMap::from_iter(lines.iter().map(line));
        listed(&headers, &header::ACCEPT).map(|(name, quality)| (name.to_owned(), quality)).collect()
    }

    #[test]
    fn weights_are_thousandths_and_most_where_none_is_given() {
        let found = read(&["a, b;q=0.5 ,c ; Q=0.001", "d;level=1;q=1.000,e;q=0,f;q=1."]);

        let expected = [("a", 1000), ("b", 500), ("c", 1), ("d", 1000), ("e", 0), ("f", 1000)];
        assert_eq!(found, expected.map(|(name, quality)| (name.to_owned(), quality)));
    }

    #[test]
    fn what_is_malformed_was_not_said() {
        let found =
            read(&["a;q=2, b;q=1.001, c;q=-1, d;q=0.1234, e;q=, f;q=.5, g;q=0,5, ;q=1, ,", "h;q=0.5x"]);

        assert_eq!(found, [("g".to_owned(), 0), ("5".to_owned(), 1000)]);
    }
}
