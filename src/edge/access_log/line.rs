//! How a line of the access log looks.
//!
//! Invariant: what a client chose has no control character, no quote that ends a field, and an end.

use std::borrow::Cow;

use http::{HeaderValue, Version};
use serde::Serialize;
use time::OffsetDateTime;

use crate::edge::access_log::{Asked, Ended};
use crate::edge::peer::push_address;

/// Apache's combined format, which log readers know: address, time, request, status, bytes, referrer, user agent.
pub(super) fn combined(asked: &Asked, ended: &Ended) -> String {
    let mut line = String::with_capacity(256);
    match asked.address {
        Some(address) => push_address(&mut line, address),
        None => line.push('-'),
    }
    line.push_str(" - - [");
    push_time(&mut line, ended);
    let mut digits = itoa::Buffer::new();
    let target = asked.target.as_str();
    for text in [
        "] \"",
        asked.method,
        " ",
        target,
        " ",
        version(asked.version),
        "\" ",
        digits.format(ended.status),
        " ",
    ] {
        line.push_str(text);
    }
    match ended.bytes {
        Some(bytes @ 1..) => line.push_str(digits.format(bytes)),
        Some(0) | None => line.push('-'),
    }
    let referrer = asked.referrer.as_ref().and_then(origin).map(Cow::Owned);
    for field in [referrer, asked.user_agent.as_ref().map(cleaned)] {
        line.push_str(" \"");
        match field {
            Some(text) => push_escaped(&mut line, &text),
            None => line.push('-'),
        }
        line.push('"');
    }
    line.push('\n');
    line
}

/// One JSON object.
pub(super) fn json(asked: &Asked, ended: &Ended) -> String {
    let fields = Fields {
        time: ended.began.to_string(),
        listener: ended.listener,
        request_id: ended.id.to_string(),
        address: asked.address.map(|address| address.to_string()),
        method: asked.method,
        target: asked.target.as_str(),
        protocol: version(asked.version),
        status: ended.status,
        bytes: ended.bytes,
        duration_ms: ended.took.as_micros() as f64 / 1000.0,
        referrer: asked.referrer.as_ref().and_then(origin),
        user_agent: asked.user_agent.as_ref().map(cleaned),
    };
    // A struct of texts and numbers always has a JSON form.
    let mut line = serde_json::to_string(&fields).unwrap_or_default();
    line.push('\n');
    line
}

#[derive(Serialize)]
struct Fields<'a> {
    time: String,
    listener: &'a str,
    request_id: String,
    address: Option<String>,
    method: &'a str,
    target: &'a str,
    protocol: &'a str,
    status: u16,
    bytes: Option<u64>,
    duration_ms: f64,
    referrer: Option<String>,
    user_agent: Option<Cow<'a, str>>,
}

/// `23/Nov/2026:14:05:09 +0000`, always in UTC.
fn push_time(line: &mut String, ended: &Ended) {
    let at = OffsetDateTime::from_unix_timestamp(ended.began.as_seconds());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let month = MONTHS.get(usize::from(u8::from(at.month()) - 1)).copied().unwrap_or_default();
    push_two_digits(line, at.day());
    for text in ["/", month, "/", itoa::Buffer::new().format(at.year())] {
        line.push_str(text);
    }
    for number in [at.hour(), at.minute(), at.second()] {
        line.push(':');
        push_two_digits(line, number);
    }
    line.push_str(" +0000");
}

fn push_two_digits(line: &mut String, number: u8) {
    if number < 10 {
        line.push('0');
    }
    line.push_str(itoa::Buffer::new().format(number));
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// As Apache does it, so that the quotes around a field are those that end it.
fn push_escaped(line: &mut String, text: &str) {
    if !text.contains(['"', '\\']) {
        return line.push_str(text);
    }
    for symbol in text.chars() {
        if matches!(symbol, '"' | '\\') {
            line.push('\\');
        }
        line.push(symbol);
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// The origin of a referrer: behind it may stand a token of ours or of somebody else.
fn origin(referrer: &HeaderValue) -> Option<String> {
    let text = cleaned(referrer);
    let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme))?;
    let host = text[scheme.len()..].split(['/', '?', '#', '\\']).next()?;
    // What stands before an @ is a name and a password.
    (!host.is_empty() && !host.contains('@')).then(|| format!("{scheme}{host}"))
}

/// Longest text of a client's in a line. The user agents of browsers have some 120 bytes.
const MOST_BYTES: usize = 200;

/// A client's text without what could move a terminal's cursor or turn its reading direction, cut.
fn cleaned(value: &HeaderValue) -> Cow<'_, str> {
    // Of the controls only the tab is let through there.
    if let Ok(plain) = value.to_str()
        && plain.len() <= MOST_BYTES
        && !plain.contains('\t')
    {
        return Cow::Borrowed(plain);
    }
    let bytes = value.as_bytes();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2 * MOST_BYTES)]);
    let mut clean = String::new();
    for symbol in text.chars().filter(|symbol| !is_control(*symbol)) {
        if clean.len() + symbol.len_utf8() > MOST_BYTES {
            break;
        }
        clean.push(symbol);
    }
    Cow::Owned(clean)
}

fn is_control(symbol: char) -> bool {
    symbol.is_control()
        || matches!(symbol, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{combined, json};
    use crate::domain::id::RequestId;
    use crate::domain::time::Timestamp;
    use crate::edge::access_log::{Asked, Ended, Target};
    use http::{HeaderValue, Version};
    use serde_json::Value;
    use std::time::Duration;
    use uuid::Uuid;

    fn asked(referrer: &[u8], user_agent: &[u8]) -> Asked {
        Asked {
            method: "GET",
            target: Target::File("/setup"),
            version: Version::HTTP_2,
            address: Some("2001:db8::7".parse().unwrap()),
            referrer: HeaderValue::from_bytes(referrer).ok(),
            user_agent: HeaderValue::from_bytes(user_agent).ok(),
        }
    }

    const ENDED: Ended = Ended {
        listener: "https",
        id: RequestId::new(Uuid::from_u128(7)),
        began: Timestamp::from_millis(1_795_442_709_123),
        took: Duration::from_micros(1_250),
        status: 200,
        bytes: Some(512),
    };

    #[test]
    fn a_combined_line_is_what_apache_writes() {
        let line = combined(&asked(b"https://search.example/find?q=token#x", b"curl/8.14.1"), &ENDED);

        assert_eq!(
            line,
            "2001:db8::7 - - [23/Nov/2026:14:05:09 +0000] \"GET /setup HTTP/2.0\" 200 512 \"https://search.example\" \
             \"curl/8.14.1\"\n"
        );
        let nothing = Asked { address: None, referrer: None, user_agent: None, ..asked(b"", b"") };
        let line = combined(&nothing, &Ended { bytes: None, ..ENDED });
        assert!(line.starts_with("- - - [") && line.ends_with("200 - \"-\" \"-\"\n"), "{line}");
    }

    #[test]
    fn what_a_client_chose_cannot_end_its_field_or_its_line_and_is_cut() {
        let nasty = "a\" 500 \"\u{85}\u{9b}31m\u{202e}\\ \t".to_owned() + &"ä".repeat(300);

        let line = combined(&asked(b"ftp://x", nasty.as_bytes()), &ENDED);

        let agent = line.split_once("\"-\" ").unwrap().1;
        assert!(agent.starts_with("\"a\\\" 500 \\\"31m\\\\ ää"), "{agent}");
        assert!(!line.trim_end().contains(char::is_control) && agent.len() < 210, "{agent}");
        let parsed: Value = serde_json::from_str(&json(&asked(b"", nasty.as_bytes()), &ENDED)).unwrap();
        assert!(parsed["user_agent"].as_str().unwrap().len() <= 200);
    }

    #[test]
    fn a_referrer_is_told_by_its_origin_alone() {
        for (referrer, told) in [
            ("https://panel.example.org/api/v1/links/token", Some("https://panel.example.org")),
            ("http://localhost:3000?token=1", Some("http://localhost:3000")),
            ("https://ada:secret@panel.example.org/", None),
            ("/api/v1/links/token", None),
            ("https://", None),
        ] {
            let line: Value = serde_json::from_str(&json(&asked(referrer.as_bytes(), b""), &ENDED)).unwrap();
            assert_eq!(line["referrer"].as_str(), told, "{referrer}");
        }
    }

    #[test]
    fn a_json_line_says_which_request_on_which_listener_how_long_it_took() {
        let line = json(&asked(b"", b"x"), &ENDED);

        let parsed: Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(parsed["time"], "2026-11-23T14:05:09.123Z");
        assert_eq!(parsed["request_id"], ENDED.id.to_string());
        assert_eq!((&parsed["listener"], &parsed["target"]), (&"https".into(), &"/setup".into()));
        assert_eq!((&parsed["duration_ms"], &parsed["bytes"]), (&1.25.into(), &512.into()));
    }
}
