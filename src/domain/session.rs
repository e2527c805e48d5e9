//! Sessions: signed-in clients, each with a chain of refresh tokens.

use std::time::Duration;

use crate::domain::id::{SessionId, UserId};
use crate::domain::time::Timestamp;

/// How long an access token lives.
pub const ACCESS_FOR: Duration = Duration::from_secs(10 * 60);
/// How long a session lives without a refresh.
pub const IDLE_FOR: Duration = Duration::from_secs(30 * 86_400);
/// How long a browser's session lives without a request: overnight it ends.
pub const COOKIE_IDLE_FOR: Duration = Duration::from_secs(12 * 3600);
/// How long a browser's session lives at most.
pub const COOKIE_FOR: Duration = Duration::from_secs(7 * 86_400);
/// How old the note of a browser's last request may be, so that not each one is a write.
pub const COOKIE_NOTED_EVERY: Duration = Duration::from_secs(5 * 60);
/// Sessions a user can have at once. More than anybody's screens and scripts; without an end to it, a program that
/// signs in on each run would fill the table, and nobody would find a thief's session in the list.
pub const LIVE_PER_USER: u32 = 50;
/// How long after a rotation the old refresh token still yields the same successor: a client whose answer was
/// lost, or two of its threads at once, must not be taken for a thief.
pub const REPLAY_FOR: Duration = Duration::from_secs(20);

/// A session's row, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the session, and the family of its refresh tokens.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// What the client called itself, cut to 200 characters.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When its tokens were last rotated.
    pub last_used_at: Timestamp,
    /// When it ends if nobody comes.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// When its user last proved to be there, with the second factor where there is one.
    pub proved_at: Timestamp,
}

impl Session {
    /// When it ends where a browser holds it and comes no more.
    pub fn cookie_expires_at(&self, now: Timestamp) -> Timestamp {
        (now + COOKIE_IDLE_FOR).min(self.created_at + COOKIE_FOR)
    }

    /// Whether its tokens are good.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// What a refresh token is to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The newest one: rotate.
    Current,
    /// The one before, just now: answer with the same successor.
    JustReplaced,
    /// An older one: somebody else has it too. End the session.
    Replayed,
}

/// Judges a refresh token of a session: whether it is the newest, and when the newest one took its place, which is not
/// said of tokens older than the one before.
pub fn judge(is_current: bool, rotated_at: Option<Timestamp>, now: Timestamp) -> Presented {
    match (is_current, rotated_at) {
        (true, _) => Presented::Current,
        (false, Some(at)) if now.since(at) <= REPLAY_FOR => Presented::JustReplaced,
        (false, _) => Presented::Replayed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Presented, judge};
    use crate::domain::time::Timestamp;

    #[test]
    fn a_lost_answer_is_no_theft_but_a_late_replay_is() {
        let rotated = Some(Timestamp::from_millis(1_000_000));

        assert_eq!(judge(true, rotated, Timestamp::from_millis(2_000_000)), Presented::Current);
        assert_eq!(judge(false, rotated, Timestamp::from_millis(1_020_000)), Presented::JustReplaced);
        assert_eq!(judge(false, rotated, Timestamp::from_millis(1_020_001)), Presented::Replayed);
        assert_eq!(judge(false, None, Timestamp::from_millis(1_000_000)), Presented::Replayed);
    }
}
