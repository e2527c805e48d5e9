//! Webhooks: what other programs are told of, and what became of telling them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::audit::{AuditEvent, Outcome};
use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::outgoing::{Target, TargetError};
use crate::domain::text::serde_text;
use crate::domain::time::Timestamp;

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal: $($action:literal)*;)*) => {
        /// What a webhook tells of. The names are a promise to receivers and never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name in bodies, headers and settings.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The kind of an act that was done, by its name in the audit.
            fn of_act(action: &str) -> Option<Self> {
                match action {
                    $($($action)|* => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

event_kinds! {
    /// There is a new account.
    UserCreated = "user.created": "user_create" "invite_redeem" "setup_run";
    /// An account was changed, stopped, let in again or restored.
    UserUpdated = "user.updated": "user_update" "user_enable" "user_disable" "user_restore" "me_update";
    /// An account was deleted.
    UserDeleted = "user.deleted": "user_delete" "me_delete";
    /// A password was set.
    PasswordChanged = "password.changed": "user_set_password" "me_set_password" "password_reset_redeem";
    /// Somebody was invited.
    InviteCreated = "invite.created": "invite_create";
    /// There is a new device.
    DeviceCreated = "device.created": "device_create";
    /// A device was changed, stopped, let in again or restored.
    DeviceUpdated = "device.updated": "device_update" "device_enable" "device_disable" "device_restore";
    /// A device was deleted.
    DeviceDeleted = "device.deleted": "device_delete";
    /// A device's configuration was handed out.
    DeviceRevealed = "device.revealed": "device_reveal" "link_redeem";
    /// Somebody signed in.
    SessionCreated = "session.created": "session_create";
    /// A sign-in was refused.
    SessionRefused = "session.refused": "session_refused";
    /// Somebody made an API token.
    ApiTokenCreated = "api_token.created": "api_token_create";
    /// A network was made, changed, deleted or restored.
    NetworkChanged = "network.changed": "network_create" "network_update" "network_delete" "network_restore";
    /// A node was made, changed or deleted.
    NodeChanged = "node.changed": "node_create" "node_update" "node_delete";
    /// The settings were changed.
    SettingsUpdated = "settings.updated": "settings_update";
    /// A webhook was paused, as its receiver did not answer for days.
    WebhookPaused = "webhook.paused": "webhook_pause";
    /// Somebody tries a webhook out.
    Test = "webhook.test": "webhook_test";
}

/// A word that is no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a kind of event")]
pub struct EventKindError;

impl EventKind {
    /// The kind of an event of the audit; most acts are nobody else's business.
    pub fn of(event: &AuditEvent) -> Option<Self> {
        match (event.outcome, event.action.as_str()) {
            (Outcome::Refused, "session_create") => Some(Self::SessionRefused),
            (Outcome::Refused, _) | (Outcome::Done, "webhook_test") => None,
            (Outcome::Done, action) => Self::of_act(action),
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = EventKindError;

    fn from_str(text: &str) -> Result<Self, EventKindError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(EventKindError)
    }
}

/// Where a webhook's receiver is. Whether it may be called is judged at each call, by the addresses it has then.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// Longest URL.
    pub const MAX_CHARS: usize = 2000;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host alone, which is no secret.
    pub fn host(&self) -> String {
        Target::http(&self.0).map(|target| target.host()).unwrap_or_default()
    }
}

/// A text that is no URL of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// Longer than any receiver's.
    #[error("has more than {} characters", WebhookUrl::MAX_CHARS)]
    TooLong,
    /// Not a web address.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, WebhookUrlError> {
        if text.chars().count() > Self::MAX_CHARS {
            return Err(WebhookUrlError::TooLong);
        }
        let target = Target::http(text.trim())?;
        Ok(Self(target.url().to_string()))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WebhookUrl {
    /// Says nothing: the paths of some receivers are their secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl(***)")
    }
}

serde_text!(EventKind, WebhookUrl);

/// A webhook's row. Its secret is read apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Names the webhook.
    pub id: WebhookId,
    /// Where its receiver is.
    pub url: WebhookUrl,
    /// What it tells of; everything where it is empty.
    pub kinds: Vec<EventKind>,
    /// Whether it tells anything at all.
    pub active: bool,
    /// The calls since one arrived, where all of them failed.
    pub failing: Option<Failing>,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Calls in a row that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// When the first one did.
    pub since: Timestamp,
    /// How many.
    pub calls: u32,
    /// When the last one did.
    pub last_at: Timestamp,
}

/// How long a receiver may fail before its webhook is paused: a long weekend.
const SILENCE: Duration = Duration::from_secs(4 * 86_400);

/// Calls that must have failed by then: the first tries of a single event are not enough.
const MOST_FAILURES: u32 = 10;

/// A failure that comes later than this after the one before begins a new row: of the time between nothing is known. While
/// a delivery is retried, its tries are at most two hours apart.
const APART: Duration = Duration::from_secs(86_400);

impl Webhook {
    /// Whether it tells of this.
    pub fn tells(&self, kind: EventKind) -> bool {
        self.active && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }

    /// Takes note of how a call ended.
    pub fn note_call(&mut self, delivered: bool, now: Timestamp) {
        self.failing = match self.failing.filter(|it| now.since(it.last_at) < APART) {
            _ if delivered => None,
            Some(it) => Some(Failing { calls: it.calls.saturating_add(1), last_at: now, ..it }),
            None => Some(Failing { since: now, calls: 1, last_at: now }),
        };
    }

    /// Whether its receiver has failed for too long.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        self.failing.is_some_and(|it| it.calls >= MOST_FAILURES && now.since(it.since) >= SILENCE)
    }
}

/// What there is to tell, as the receiver gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Names the event, the same in every delivery of it.
    pub id: String,
    /// What it is about.
    pub kind: EventKind,
    /// The body, as it is signed and sent.
    pub body: String,
}

impl Telling {
    /// What is told of an event of the audit: who did what to which thing. No names, no addresses, nothing secret.
    pub fn of(event: &AuditEvent) -> Option<Self> {
        let kind = EventKind::of(event)?;
        let data = json!({
            "action": event.action,
            "actor": { "kind": event.actor_kind, "user_id": event.actor, "api_token_id": event.api_token },
            "target": { "kind": event.target_kind, "id": event.target },
        });
        Some(Self::new(event.id.to_string(), kind, event.at, data))
    }

    /// What is told.
    pub fn new(id: String, kind: EventKind, at: Timestamp, data: Value) -> Self {
        let body = json!({ "id": id, "kind": kind, "at": at, "data": data }).to_string();
        Self { id, kind, body }
    }
}

/// One event on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names the delivery; it is told to the receiver.
    pub id: DeliveryId,
    /// Of which webhook.
    pub webhook: WebhookId,
    /// The event.
    pub event: String,
    /// What it is about.
    pub kind: EventKind,
    /// What is sent.
    pub body: String,
    /// Whether it arrived.
    pub delivered: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// How long the last attempt took.
    pub took_ms: Option<u64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last tried.
    pub attempted_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::{EventKind, Telling, Webhook, WebhookUrl};
    use crate::domain::access::{Action, Actor};
    use crate::domain::audit::{AuditEvent, Outcome};
    use crate::domain::id::{AuditEventId, WebhookId};
    use crate::domain::time::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    fn event(action: &str) -> AuditEvent {
        let id = AuditEventId::new(Uuid::from_u128(7));
        AuditEvent::done(id, Timestamp::from_millis(0), &Actor::Host, action, ("user", "x".to_owned()))
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
    }

    #[test]
    fn acts_that_nobody_else_needs_to_know_of_are_not_told() {
        assert_eq!(EventKind::of(&event(Action::UserCreate.as_str())), Some(EventKind::UserCreated));
        assert_eq!(EventKind::of(&event(Action::WebhookUpdate.as_str())), None);
        let refused = AuditEvent { outcome: Outcome::Refused, ..event("session_create") };
        assert_eq!(EventKind::of(&refused), Some(EventKind::SessionRefused));
        let refused = AuditEvent { outcome: Outcome::Refused, ..event("me_set_password") };
        assert_eq!(EventKind::of(&refused), None);
    }

    #[test]
    fn what_is_told_holds_neither_what_changed_nor_where_it_came_from() {
        let mut event = event("user_update");
        event.source = Some("192.0.2.7".to_owned());
        event.after = Some(json!({ "email": "ada@example.org" }));

        let body = Telling::of(&event).unwrap().body;

        assert!(
            body.contains(r#""kind":"user.updated""#) && body.contains(r#""at":"1970-01-01T00:00:00Z""#),
            "{body}"
        );
        assert!(!body.contains("192.0.2.7") && !body.contains("ada@example.org"));
    }

    /// A webhook after failures at these hours.
    fn failed_at(hours: impl IntoIterator<Item = i64>) -> (Webhook, Timestamp) {
        let mut now = Timestamp::from_millis(0);
        let mut webhook = Webhook {
            id: WebhookId::new(Uuid::nil()),
            url: "https://example.org/".parse().unwrap(),
            kinds: Vec::new(),
            active: true,
            failing: None,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        for hour in hours {
            now = Timestamp::from_millis(hour * 3_600_000);
            webhook.note_call(false, now);
        }
        (webhook, now)
    }

    #[test]
    fn a_receiver_is_given_up_after_days_of_nothing_but_failures() {
        let given_up = |hours: Vec<i64>| {
            let (webhook, now) = failed_at(hours);
            webhook.is_given_up(now)
        };

        assert!(given_up((0..=96).step_by(2).collect()));
        assert!(!given_up((0..=95).step_by(1).collect()), "a long weekend is not over");
        assert!(!given_up((0..=96).step_by(16).collect()), "seven calls are too few to tell");
        assert!(!given_up(vec![0, 0, 1, 2, 4, 6, 8, 10, 12, 96]), "nobody knows how it was in between");
    }

    #[test]
    fn a_call_that_arrives_makes_good_what_failed_before() {
        let (mut webhook, _) = failed_at((0..=95).step_by(1));

        webhook.note_call(true, Timestamp::from_millis(95 * 3_600_000));
        webhook.note_call(false, Timestamp::from_millis(97 * 3_600_000));

        assert_eq!(webhook.failing.map(|it| it.calls), Some(1));
    }

    #[test]
    fn a_receiver_is_a_web_address() {
        assert_eq!(
            "https://Example.org/hook".parse::<WebhookUrl>().unwrap().as_str(),
            "https://example.org/hook"
        );
        for bad in ["ftp://example.org", "https://u:p@example.org/", "example.org", "https://example.org/#x"]
        {
            assert!(bad.parse::<WebhookUrl>().is_err(), "{bad}");
        }
    }
}
