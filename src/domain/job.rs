//! Jobs: work that outlives the request that asked for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::id::JobId;
use crate::domain::time::Timestamp;

/// What a job does. The name is stored, so it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// Send one mail.
    Mail,
    /// Find out whose password somebody has forgotten, and mail them a link.
    PasswordReset,
    /// Tell a webhook's receiver of an event.
    Webhook,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Mail, Self::PasswordReset, Self::Webhook];

    /// The name in the database and in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::PasswordReset => "password_reset",
            Self::Webhook => "webhook",
        }
    }

    /// The kind of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Which jobs it waits with.
    pub const fn lane(self) -> Lane {
        match self {
            // A reset is a letter in the making.
            Self::Mail | Self::PasswordReset => Lane::Letters,
            Self::Webhook => Lane::Webhooks,
        }
    }

    /// How often it is tried before it is given up. A mail server that is down for an afternoon is nothing unusual.
    pub const fn max_attempts(self) -> u32 {
        match self {
            Self::Mail => 12,
            Self::PasswordReset => 5,
            // The waits between them add up to a day.
            Self::Webhook => 20,
        }
    }
}

/// Jobs that wait for one another, and for none of another lane: somebody else's receiver must not hold up letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What ends in a letter.
    Letters,
    /// Calls of webhooks.
    Webhooks,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 2] = [Self::Letters, Self::Webhooks];

    /// The kinds of its jobs.
    pub fn kinds(self) -> impl Iterator<Item = JobKind> {
        JobKind::ALL.into_iter().filter(move |kind| kind.lane() == self)
    }

    /// Jobs that one process works on at once.
    pub const fn at_once(self) -> usize {
        match self {
            // A mail server takes few connections from one sender.
            Self::Letters => 4,
            Self::Webhooks => 8,
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its time.
    Pending,
    /// A worker has it.
    Running,
    /// It ended well.
    Done,
    /// It was given up.
    Failed,
}

/// A job, without what it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Names the job.
    pub id: JobId,
    /// What it does; a newer program may know more kinds than this one.
    pub kind: String,
    /// How it stands.
    pub state: JobState,
    /// Attempts that were begun.
    pub attempts: u32,
    /// After which attempt it is given up.
    pub max_attempts: u32,
    /// When the next attempt may begin, while it waits.
    pub next_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A job about to be put into the queue.
#[derive(Clone)]
pub struct NewJob {
    /// Names the job. Whoever asks twice with one id gets one job.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it works on, sealed.
    pub payload: Vec<u8>,
    /// When it may begin.
    pub run_at: Timestamp,
}

/// A job that a worker has taken.
#[derive(Clone)]
pub struct TakenJob {
    /// Names the job.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it works on, sealed.
    pub payload: Vec<u8>,
    /// Which attempt this is, from 1. It fences: a worker whose lock ran out has an older number than the next one.
    pub attempt: u32,
    /// After which attempt it is given up.
    pub max_attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// The work is done.
    Done,
    /// It may go better later.
    Again(String),
    /// The work is done, and its end was written in the work's own transaction.
    Settled,
    /// It will never go well.
    Failed(String),
}

/// The first wait after a failure, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3600);

impl TakenJob {
    /// How long to wait before the next attempt, or `None` when this was the last one. `spread` is a random byte: up to
    /// a quarter is taken off, so that jobs that failed together do not return together.
    pub fn next_wait(&self, spread: u8) -> Option<Duration> {
        if self.attempt >= self.max_attempts {
            return None;
        }
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.attempt.saturating_sub(1)));
        let wait = doubled.min(LONGEST_WAIT);
        Some(wait - (wait / 1024) * u32::from(spread))
    }
}

#[cfg(test)]
mod tests {
    use super::{JobKind, TakenJob};
    use crate::domain::id::JobId;
    use std::time::Duration;
    use uuid::Uuid;

    fn taken(attempt: u32) -> TakenJob {
        let id = JobId::new(Uuid::nil());
        TakenJob { id, kind: JobKind::Mail, payload: Vec::new(), attempt, max_attempts: 10 }
    }

    #[test]
    fn waits_double_from_half_a_minute_to_two_hours_and_then_end() {
        let waits: Vec<_> = (1..=10).map(|n| taken(n).next_wait(0).map(|wait| wait.as_secs())).collect();

        let expected = [30, 60, 120, 240, 480, 960, 1920, 3840, 7200].map(Some);
        assert_eq!(waits[..9], expected);
        assert_eq!(waits[9], None);
        assert!(taken(1).next_wait(u8::MAX).unwrap() >= Duration::from_secs(22));
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in JobKind::ALL {
            assert_eq!(JobKind::parse(kind.as_str()), Some(kind));
        }
    }
}
