//! What was done to get a certificate, a line a step, in the words of RFC 8555.
//!
//! Invariant: no line holds a secret: neither a key, nor a key authorization, nor what signs changes of records.

use serde::{Deserialize, Serialize};

use crate::domain::certificate::Method;
use crate::domain::time::Timestamp;

/// How many lines of a name are kept: some eight orders that work, or thirty attempts that fail at once.
pub const KEPT_LINES: u32 = 100;

/// Longest detail, in characters: an authority's own words, with what was seen from here.
const LONGEST_DETAIL: usize = 2000;

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meta:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$meta])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on every layer.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }

            /// What a name stands for.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == name)
            }
        }
    };
}

words! {
    /// A kind of step.
    StepKind {
        /// An attempt began. About the authority; the detail is how the name is to be proven.
        AttemptStarted = "attempt_started",
        /// The account at the authority is there already.
        AccountFound = "account_found",
        /// An account was made (newAccount).
        AccountRegistered = "account_registered",
        /// Where the name leads was looked up; the detail has the addresses.
        DnsChecked = "dns_checked",
        /// Who answers at the port that the authority will look at.
        PortChecked = "port_checked",
        /// Whom the CAA records (RFC 8659) let issue.
        CaaChecked = "caa_checked",
        /// An order was placed (newOrder); the detail has its profile.
        OrderPlaced = "order_placed",
        /// An order of an earlier attempt is gone on with.
        OrderResumed = "order_resumed",
        /// The order can come to nothing any more; the detail says why.
        OrderInvalid = "order_invalid",
        /// The right to an identifier is to be proven; the detail is the challenge that was chosen.
        AuthorizationPending = "authorization_pending",
        /// The right to an identifier was proven before.
        AuthorizationValid = "authorization_valid",
        /// The proof is shown. About the place where it is to be seen.
        ChallengePrepared = "challenge_prepared",
        /// The authority was told to look.
        ChallengeSubmitted = "challenge_submitted",
        /// The authority has seen the proof.
        ChallengeValid = "challenge_valid",
        /// The authority has refused the proof; the detail has its own words.
        ChallengeInvalid = "challenge_invalid",
        /// The request for the certificate was sent (finalize).
        OrderFinalized = "order_finalized",
        /// The certificate has come; the detail is its issuer.
        CertificateReceived = "certificate_received",
        /// It is in force.
        CertificateActivated = "certificate_activated",
        /// The attempt came to nothing; the detail says why.
        AttemptFailed = "attempt_failed",
        /// The service was stopped in the middle of it.
        AttemptInterrupted = "attempt_interrupted",
    }
}

words! {
    /// How a step went.
    StepOutcome {
        /// As it should.
        Done = "done",
        /// In doubt: it may look otherwise from where the authority is.
        Doubtful = "doubtful",
        /// It stands in the way.
        Failed = "failed",
    }
}

/// A step on the way to a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was done.
    pub kind: StepKind,
    /// How it went.
    pub outcome: StepOutcome,
    /// What it was about: a name, an address, an authority's host.
    pub about: String,
    /// What there is to say, in technical words.
    pub detail: Option<String>,
    /// The time that it speaks of: the end of a certificate, its renewal, the next attempt.
    pub then_at: Option<Timestamp>,
}

/// A step as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its place among the lines of the name: each is greater than the one before.
    pub position: i64,
    /// When it was made.
    pub at: Timestamp,
    /// The step.
    pub step: Step,
}

impl Step {
    /// One that went as it should.
    pub fn new(kind: StepKind, about: impl Into<String>) -> Self {
        Self { kind, outcome: StepOutcome::Done, about: about.into(), detail: None, then_at: None }
    }

    /// One that stands in the way.
    pub fn failed(kind: StepKind, about: impl Into<String>, why: &str) -> Self {
        Self { outcome: StepOutcome::Failed, ..Self::new(kind, about).with_detail(why) }
    }

    /// One that is in doubt.
    pub fn doubtful(kind: StepKind, about: impl Into<String>, why: &str) -> Self {
        Self { outcome: StepOutcome::Doubtful, ..Self::new(kind, about).with_detail(why) }
    }

    /// The same with something to say, cut where it is endless.
    #[must_use]
    pub fn with_detail(self, detail: &str) -> Self {
        let detail = match detail.char_indices().nth(LONGEST_DETAIL) {
            Some((end, _)) => format!("{}…", &detail[..end]),
            None => detail.to_owned(),
        };
        Self { detail: Some(detail), ..self }
    }

    /// The same with the time that it speaks of.
    #[must_use]
    pub fn with_time(self, then_at: Timestamp) -> Self {
        Self { then_at: Some(then_at), ..self }
    }
}

/// Where an authority will look for the proof of an identifier: RFC 8555 §8.3 and §8.4, RFC 8737 §3. Without its token.
pub fn place_of_proof(method: Method, identifier: &str) -> String {
    match method {
        Method::Http01 => format!("http://{}/.well-known/acme-challenge/", bracketed(identifier)),
        Method::TlsAlpn01 => place_of_port(identifier, 443),
        Method::Dns01 => format!("_acme-challenge.{identifier}"),
    }
}

/// A port of a name or an address, as people write it.
pub fn place_of_port(host: &str, port: u16) -> String {
    format!("{}:{port}", bracketed(host))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_DETAIL, Step, StepKind, StepOutcome, place_of_proof};
    use crate::domain::certificate::Method;

    #[test]
    fn kinds_and_outcomes_survive_their_names() {
        for kind in StepKind::ALL {
            assert_eq!(StepKind::parse(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for outcome in StepOutcome::ALL {
            assert_eq!(StepOutcome::parse(outcome.as_str()), Some(*outcome));
        }
        assert_eq!(StepKind::parse("done"), None);
    }

    #[test]
    fn an_endless_detail_is_cut() {
        let step = Step::failed(StepKind::AttemptFailed, "a.example", &"ü".repeat(10_000));

        assert_eq!(step.outcome, StepOutcome::Failed);
        assert_eq!(step.detail.unwrap().chars().count(), LONGEST_DETAIL + 1);
    }

    #[test]
    fn a_proof_is_looked_for_where_its_way_says() {
        let at = |method| place_of_proof(method, "vpn.example.org");

        assert_eq!(at(Method::Http01), "http://vpn.example.org/.well-known/acme-challenge/");
        assert_eq!(at(Method::TlsAlpn01), "vpn.example.org:443");
        assert_eq!(at(Method::Dns01), "_acme-challenge.vpn.example.org");
        assert_eq!(place_of_proof(Method::TlsAlpn01, "2001:db8::1"), "[2001:db8::1]:443");
    }
}
