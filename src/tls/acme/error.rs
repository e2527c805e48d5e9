//! Why no certificate came.

use std::time::Duration;

use http::StatusCode;
use instant_acme::{Error, Problem};

use crate::domain::outgoing::TargetError;
use crate::telemetry::chain::chain;
use crate::tls::acme::http::{Failure, is_bad_nonce};
use crate::tls::outgoing::OutgoingError;

/// Why no certificate came. The text is for the operator, on one line, with the authority's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct AcmeError {
    /// What can be done about it.
    pub kind: AcmeErrorKind,
    text: String,
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeErrorKind {
    /// Asking again would get the same answer: a bad name, CAA, a refused identifier, terms, the account.
    Permanent,
    /// Too many; not before this long.
    RateLimited {
        /// How long: a minute to a week.
        wait: Duration,
    },
    /// The network, a bad nonce that stayed, a server's fault, a proof that the authority did not see.
    Temporary,
    /// The order is gone or can come to nothing: make another.
    OrderLost,
}

impl AcmeError {
    /// Brings a text that may hold anything to one line of bounded length.
    pub(super) fn new(kind: AcmeErrorKind, text: impl AsRef<str>) -> Self {
        Self { kind, text: one_line(text.as_ref()) }
    }

    /// An error of the protocol's library while it did something, as in "make the order".
    pub(super) fn during(doing: &str, error: &Error) -> Self {
        let (kind, why) = judge(error);
        Self::new(kind, format!("{doing}: {why}"))
    }

    /// The same words, where the circumstances make it another kind.
    pub(super) fn of_kind(self, kind: AcmeErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// What an authority found wrong.
    pub(super) fn found(before: &str, problem: &Problem) -> Self {
        Self::new(kind(problem, None), format!("{before}: {}", words(problem)))
    }
}

/// What an authority found wrong, in its own words alone.
pub(super) fn said_of(problem: &Problem) -> String {
    one_line(&words(problem))
}

/// The status with which an authority refused, where it did.
pub(super) fn refused_with(error: &Error) -> Option<StatusCode> {
    match failure(error)? {
        Failure::Refused { status, .. } => Some(*status),
        Failure::Call(_) | Failure::Directory(_) => None,
    }
}

/// What the authority said, where it said why it refused.
pub(super) fn problem_of(error: &Error) -> Option<&Problem> {
    if let Error::Api(problem) = error {
        return Some(problem);
    }
    match failure(error)? {
        Failure::Refused { problem, .. } => problem.as_ref(),
        Failure::Call(_) | Failure::Directory(_) => None,
    }
}

/// Whether another nonce may help.
pub(super) fn wants_a_nonce(error: &Error) -> bool {
    problem_of(error).is_some_and(is_bad_nonce)
}

fn failure(error: &Error) -> Option<&Failure> {
    if let Error::Other(cause) = error { cause.downcast_ref() } else { None }
}

fn judge(error: &Error) -> (AcmeErrorKind, String) {
    match (failure(error), error) {
        (Some(Failure::Call(cause)), _) => {
            // No address of a name is a fault of the moment; one that may not be called is not.
            let is_forbidden =
                matches!(cause, OutgoingError::Target(target) if *target != TargetError::NoAddress);
            let kind = if is_forbidden { AcmeErrorKind::Permanent } else { AcmeErrorKind::Temporary };
            (kind, chain(cause).to_string())
        }
        (Some(Failure::Refused { status, problem: Some(problem), retry_after }), _) => {
            (kind(problem, Some((*status, *retry_after))), words(problem))
        }
        (Some(Failure::Refused { status, problem: None, retry_after }), _) => {
            (by_status(*status, *retry_after), format!("the authority answered {status} and did not say why"))
        }
        (Some(cause @ Failure::Directory(_)), _) => (AcmeErrorKind::Temporary, cause.to_string()),
        (None, Error::Api(problem)) => (kind(problem, None), words(problem)),
        (None, Error::Timeout(_)) => (
            AcmeErrorKind::Temporary,
            "the authority has not come to an end in time; the order is looked at again".to_owned(),
        ),
        (None, Error::Json(cause)) => {
            (AcmeErrorKind::Temporary, format!("the authority's answer is not ACME: {cause}"))
        }
        (None, other) => (AcmeErrorKind::Temporary, chain(other).to_string()),
    }
}

/// RFC 8555 §6.7, RFC 9773 §5, draft-ietf-acme-profiles §6.
fn kind(problem: &Problem, answer: Option<(StatusCode, Option<Duration>)>) -> AcmeErrorKind {
    let (status, retry_after) = answer.unwrap_or((StatusCode::OK, None));
    match short(problem.r#type.as_deref()) {
        "rateLimited" => limited(retry_after),
        "accountDoesNotExist"
        | "badCSR"
        | "badPublicKey"
        | "badSignatureAlgorithm"
        | "caa"
        | "externalAccountRequired"
        | "invalidContact"
        | "invalidProfile"
        | "malformed"
        | "rejectedIdentifier"
        | "unsupportedContact"
        | "unsupportedIdentifier"
        | "userActionRequired" => AcmeErrorKind::Permanent,
        "compound" => {
            let is_permanent = |one: &instant_acme::Subproblem| {
                let alone = Problem {
                    r#type: one.r#type.clone(),
                    detail: None,
                    status: None,
                    subproblems: Vec::new(),
                };
                kind(&alone, None) == AcmeErrorKind::Permanent
            };
            if problem.subproblems.iter().any(is_permanent) {
                AcmeErrorKind::Permanent
            } else {
                AcmeErrorKind::Temporary
            }
        }
        _ => by_status(status, retry_after),
    }
}

fn by_status(status: StatusCode, retry_after: Option<Duration>) -> AcmeErrorKind {
    match status {
        StatusCode::TOO_MANY_REQUESTS => limited(retry_after),
        StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => limited(retry_after),
        _ => AcmeErrorKind::Temporary,
    }
}

fn limited(retry_after: Option<Duration>) -> AcmeErrorKind {
    AcmeErrorKind::RateLimited { wait: retry_after.unwrap_or(USUAL_WAIT).max(SHORTEST_WAIT) }
}

fn words(problem: &Problem) -> String {
    let mut text = said(problem.detail.as_deref(), problem.r#type.as_deref());
    for one in &problem.subproblems {
        let whom = one.identifier.as_ref().map(|identifier| format!(" for {}", identifier.authorized(false)));
        text.push_str(&format!(
            ";{} {}",
            whom.unwrap_or_default(),
            said(one.detail.as_deref(), one.r#type.as_deref())
        ));
    }
    text
}

fn said(detail: Option<&str>, kind: Option<&str>) -> String {
    format!("{} ({})", detail.unwrap_or("no reason given"), short(kind))
}

fn short(kind: Option<&str>) -> &str {
    let kind = kind.unwrap_or("about:blank");
    kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind)
}

fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<_> = plain.split_whitespace().collect();
    let line = without_key_authorizations(&words.join(" "));
    match line.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Authorities repeat what they were shown. A key authorization is a token of 128 bits at least, a dot, and the SHA-256 of the
/// account's key, in base64url: RFC 8555 §8.1.
fn without_key_authorizations(line: &str) -> String {
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let hidden = |word: &str| {
        let (token, thumbprint) = word.trim_end_matches('.').split_once('.')?;
        let is_one = token.len() >= SHORTEST_TOKEN
            && thumbprint.len() == THUMBPRINT
            && token.chars().chain(thumbprint.chars()).all(is_base64url);
        is_one.then(|| "…".to_owned())
    };
    let mut text = String::with_capacity(line.len());
    for piece in line.split_inclusive(|c: char| !is_base64url(c) && c != '.') {
        let word = piece.trim_end_matches(|c: char| !is_base64url(c) && c != '.');
        text.push_str(&hidden(word).unwrap_or_else(|| word.to_owned()));
        text.push_str(&piece[word.len()..]);
    }
    text
}

/// 128 bits in base64url.
const SHORTEST_TOKEN: usize = 22;

/// 256 bits in base64url.
const THUMBPRINT: usize = 43;

/// Longest text, in characters: enough for Let's Encrypt's longest sentences with the addresses it has asked.
const LONGEST_TEXT: usize = 800;

/// Where an authority counts and does not say how long.
const USUAL_WAIT: Duration = Duration::from_secs(3600);

/// An authority that wants to be asked sooner than in a minute is not asked sooner.
const SHORTEST_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::{AcmeError, AcmeErrorKind, LONGEST_TEXT};
    use crate::tls::acme::http::Failure;
    use http::StatusCode;
    use instant_acme::{Error, Problem};
    use std::time::Duration;

    fn refused(status: u16, body: &str, retry_after_s: Option<u64>) -> AcmeError {
        let failure = Failure::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            problem: serde_json::from_str::<Problem>(body).ok(),
            retry_after: retry_after_s.map(Duration::from_secs),
        };
        AcmeError::during("make the order", &Error::Other(Box::new(failure)))
    }

    fn typed(kind: &str) -> String {
        format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}","detail":"because"}}"#)
    }

    #[test]
    fn what_a_refusal_means_is_known_by_its_type() {
        use AcmeErrorKind::{Permanent, RateLimited, Temporary};

        for (status, kind, retry_after_s, means) in [
            (400, "rejectedIdentifier", None, Permanent),
            (403, "caa", None, Permanent),
            (403, "unauthorized", None, Temporary),
            (500, "serverInternal", None, Temporary),
            (429, "rateLimited", None, RateLimited { wait: Duration::from_secs(3600) }),
            (429, "rateLimited", Some(0), RateLimited { wait: Duration::from_secs(60) }),
            (429, "unheardOf", Some(7200), RateLimited { wait: Duration::from_secs(7200) }),
            (503, "serverInternal", Some(300), RateLimited { wait: Duration::from_secs(300) }),
        ] {
            assert_eq!(refused(status, &typed(kind), retry_after_s).kind, means, "{status} {kind}");
        }
        assert_eq!(refused(502, "<html>bad gateway</html>", None).kind, Temporary);
    }

    #[test]
    fn the_authoritys_words_are_told_on_one_short_line() {
        let body = r#"{"type":"urn:ietf:params:acme:error:compound","detail":"Some\nnames\u001b[31m are bad","subproblems":[
            {"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids it","identifier":{"type":"dns","value":"a.example"}}]}"#;

        let error = refused(403, body, None);

        assert_eq!(error.kind, AcmeErrorKind::Permanent);
        assert_eq!(
            error.to_string(),
            "make the order: Some names [31m are bad (compound); for a.example CAA forbids it (caa)"
        );
        let shown = format!("{}.{}", "tok-en_7".repeat(4), "t".repeat(43));
        let repeated =
            typed("unauthorized").replace("because", &format!("got '{shown}' instead, of {shown}."));
        let told = refused(403, &repeated, None).to_string();
        assert_eq!(
            told, "make the order: got '…' instead, of … (unauthorized)",
            "what was shown stays there"
        );
        let endless = typed("caa").replace("because", &"ü".repeat(10_000));
        assert_eq!(refused(403, &endless, None).to_string().chars().count(), LONGEST_TEXT + 1);
    }
}
