//! Audit events: who did what to which thing, and how it ended.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::access::Actor;
use crate::domain::id::{ApiTokenId, AuditEventId, RequestId, UserId};
use crate::domain::time::Timestamp;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Names the event; later ones sort after.
    pub id: AuditEventId,
    /// When it happened.
    pub at: Timestamp,
    /// The kind of actor: `user`, `api_token`, `host`, `system`, `anonymous`.
    pub actor_kind: String,
    /// The user who acted, or for whom a token did.
    pub actor: Option<UserId>,
    /// The API token that acted, where it was one.
    pub api_token: Option<ApiTokenId>,
    /// What was done, by the operation's id, or `login` and its like.
    pub action: String,
    /// The kind of thing it was done to: `device`, `user` …
    pub target_kind: String,
    /// The thing.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The request that carried it.
    pub request: Option<RequestId>,
    /// Where it came from. Personal: kept in a column of its own that can be erased.
    pub source: Option<String>,
    /// With it the source is committed to in the event's digest, and erased. Random, so that nobody can try addresses.
    pub source_salt: Option<[u8; 16]>,
    /// The thing before, without secrets.
    pub before: Option<Value>,
    /// The thing after, without secrets.
    pub after: Option<Value>,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// The name on every layer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

impl AuditEvent {
    /// An act that was done to a thing.
    pub fn done(
        id: AuditEventId,
        at: Timestamp,
        actor: &Actor,
        action: &str,
        target: (&str, String),
    ) -> Self {
        Self {
            id,
            at,
            actor_kind: actor.kind().to_owned(),
            actor: actor.user(),
            api_token: actor.api_token(),
            action: action.to_owned(),
            target_kind: target.0.to_owned(),
            target: Some(target.1),
            outcome: Outcome::Done,
            request: None,
            source: None,
            source_salt: None,
            before: None,
            after: None,
        }
    }

    /// The event of a thing that is there from now on. Events of acts are prepared outside of the transaction, which may
    /// run more than once, and told what it found inside.
    #[must_use]
    pub fn made(&self, after: Value) -> Self {
        Self { after: Some(after), ..self.clone() }
    }

    /// The event of a thing that was changed.
    #[must_use]
    pub fn changed(&self, before: Value, after: Value) -> Self {
        Self { before: Some(before), after: Some(after), ..self.clone() }
    }

    /// The event of a thing that was there until now.
    #[must_use]
    pub fn removed(&self, before: Value) -> Self {
        Self { before: Some(before), ..self.clone() }
    }
}
