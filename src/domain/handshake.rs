//! What a node hears at the UDP port of an interface of handshakes (WireGuard paper, §5.4), beside those that became sessions.
//!
//! Invariant: pure. Nothing of it says which device it was: who begins a handshake shows only to whoever can answer it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// How far back counts as lately: a session that is not renewed by then is over (WireGuard paper, §6.1, Reject-After-Time).
pub const LATELY: Duration = Duration::from_secs(180);

/// What came to an interface's port. Times are of the look that found it, so up to some seconds late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Handshakes {
    /// Since when the port is watched.
    pub since: Timestamp,
    /// When somebody last began one with the interface's own key.
    #[serde(default)]
    pub begun_at: Option<Timestamp>,
    /// When one was last answered.
    #[serde(default)]
    pub answered_at: Option<Timestamp>,
    /// When one with the interface's own key was last left without an answer: whoever began it is no peer, or its clock went back.
    #[serde(default)]
    pub unanswered_at: Option<Timestamp>,
    /// When somebody last began one that was meant for another server's key.
    #[serde(default)]
    pub misdirected_at: Option<Timestamp>,
}

/// Whether something happened lately.
pub fn is_lately(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| now.since(at) < LATELY)
}

impl Handshakes {
    /// Whether something has come of a kind that, as far as was told, had not come lately.
    pub fn is_news(&self, told: Option<&Self>, now: Timestamp) -> bool {
        let told = told.copied().unwrap_or_default();
        let kinds = [
            (self.begun_at, told.begun_at),
            (self.answered_at, told.answered_at),
            (self.unanswered_at, told.unanswered_at),
            (self.misdirected_at, told.misdirected_at),
        ];
        kinds.into_iter().any(|(found, told)| is_lately(found, now) && !is_lately(told, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Handshakes, LATELY};
    use crate::domain::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    #[test]
    fn the_first_of_a_kind_is_news_and_its_repetitions_are_not() {
        let found = Handshakes { unanswered_at: Some(NOW), ..Handshakes::default() };
        let later = Handshakes { unanswered_at: Some(NOW + Duration::from_secs(5)), ..found };

        assert!(found.is_news(None, NOW));
        assert!(!later.is_news(Some(&found), NOW + Duration::from_secs(5)));
        assert!(!found.is_news(None, NOW + LATELY), "what was long ago is no news");
        let again = Handshakes { unanswered_at: Some(NOW + LATELY), ..found };
        assert!(again.is_news(Some(&found), NOW + LATELY));
    }

    #[test]
    fn what_an_older_node_says_is_understood() {
        let told: Handshakes = serde_json::from_str(r#"{"since":"1970-01-01T00:00:00.005Z"}"#).unwrap();

        assert_eq!(told, Handshakes { since: Timestamp::from_millis(5), ..Handshakes::default() });
    }
}
