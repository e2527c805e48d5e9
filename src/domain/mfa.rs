//! Second factors: what an account may have beside its first, and the rules of proving one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ChallengeId, SessionId, UserId};
use crate::domain::time::Timestamp;

/// How long a challenge may be answered: long enough to fetch the telephone from another room.
pub const CHALLENGE_FOR: Duration = Duration::from_secs(5 * 60);
/// Answers that one challenge takes. People mistype; whoever does so five times signs in anew.
pub const CHALLENGE_TRIES: u32 = 5;
/// Challenges a user can have at once. Whoever knows the password could otherwise fill the table.
pub const CHALLENGES_PER_USER: u32 = 20;
/// How long a proof is fresh enough for a dangerous act: a change of several things is done in one go, and a screen
/// that somebody walked away from, or a token that was copied, is soon worth little. No less, because an access token
/// lives for ten minutes anyway.
pub const FRESH_FOR: Duration = Duration::from_secs(15 * 60);
/// Recovery codes that are made at a time.
pub const RECOVERY_CODES: usize = 10;
/// Passkeys a user may have.
pub const PASSKEYS_PER_USER: u32 = 20;

/// A way to prove a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Six digits of an authenticator app.
    Totp,
    /// One of the codes that were printed for a lost telephone.
    RecoveryCode,
    /// A passkey.
    Passkey,
}

/// What a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// The second half of a sign-in, whose first factor was right.
    SignIn,
    /// A whole sign-in by a passkey, of whomever it belongs to.
    Passkey,
    /// A new passkey of a signed-in user.
    Register,
    /// A fresh proof of a signed-in user.
    StepUp,
}

impl ChallengeKind {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Passkey => "passkey",
            Self::Register => "register",
            Self::StepUp => "step_up",
        }
    }
}

/// A question that was asked and may be answered for some minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Names it.
    pub id: ChallengeId,
    /// What it is for.
    pub kind: ChallengeKind,
    /// Of whom it is asked; nobody that is known where a passkey says who it is.
    pub user: Option<UserId>,
    /// The user's epoch when it was asked: after a change of that, no answer counts.
    pub epoch: i64,
    /// The session that asked.
    pub session: Option<SessionId>,
    /// What a passkey's answer is compared with.
    pub state: Option<String>,
    /// Until when it may be answered.
    pub expires_at: Timestamp,
    /// When it was asked.
    pub created_at: Timestamp,
}

/// What an account has, as facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// Since when an authenticator app is enrolled.
    pub totp_since: Option<Timestamp>,
    /// How many passkeys there are.
    pub passkeys: u32,
    /// Recovery codes that were not used.
    pub recovery_codes_left: u32,
}

impl Factors {
    /// Whether there is a second factor. Recovery codes are none: they stand in for one.
    pub const fn any(self) -> bool {
        self.totp_since.is_some() || self.passkeys > 0
    }
}

/// Whether a proof given at one time is fresh at another. One from a future, because the clock was set back, is no
/// fresher than one of the past.
pub fn is_fresh(proved_at: Timestamp, now: Timestamp) -> bool {
    now.since(proved_at) <= FRESH_FOR && proved_at.since(now) <= FRESH_FOR
}

#[cfg(test)]
mod tests {
    use super::{FRESH_FOR, is_fresh};
    use crate::domain::time::Timestamp;
    use std::time::Duration;

    #[test]
    fn a_proof_is_fresh_for_a_quarter_of_an_hour_also_when_the_clock_was_set_back() {
        let now = Timestamp::from_millis(1_800_000_000_000);

        assert!(is_fresh(now, now) && is_fresh(now, now + FRESH_FOR));
        assert!(!is_fresh(now, now + FRESH_FOR + Duration::from_millis(1)));
        assert!(!is_fresh(now + FRESH_FOR + Duration::from_millis(1), now));
    }
}
