//! Live events: what a listener wants to be told, and what there is to tell of a device or an act.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::domain::access::Action;
use crate::domain::certificate::CertificateName;
use crate::domain::id::{DeviceId, UserId};
use crate::domain::text::serde_text;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Rate, Traffic};

/// A kind of live event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// How everything does, whenever a figure of it has changed.
    Overview,
    /// What devices move, and whether they are there.
    Device,
    /// That a thing was changed.
    Changed,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 3] = [Self::Overview, Self::Device, Self::Changed];

    /// The name of its events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Device => "device",
            Self::Changed => "changed",
        }
    }
}

/// Which topics a listener wants. Its text is their names with commas between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topics([bool; 3]);

/// A text that names no topics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one or more of overview, device and changed, with commas between")]
pub struct TopicsError;

impl Topics {
    /// All of them.
    pub const ALL: Self = Self([true; 3]);

    /// Whether a topic is wanted.
    pub const fn has(self, topic: Topic) -> bool {
        self.0[topic as usize]
    }

    /// The same without a topic, where it is not to be had.
    #[must_use]
    pub const fn without(mut self, topic: Topic) -> Self {
        self.0[topic as usize] = false;
        self
    }
}

impl FromStr for Topics {
    type Err = TopicsError;

    fn from_str(text: &str) -> Result<Self, TopicsError> {
        let mut wanted = [false; 3];
        for word in text.split(',') {
            let topic = Topic::ALL.into_iter().find(|topic| topic.as_str() == word).ok_or(TopicsError)?;
            wanted[topic as usize] = true;
        }
        Ok(Self(wanted))
    }
}

impl fmt::Display for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> =
            Topic::ALL.into_iter().filter(|topic| self.has(*topic)).map(Topic::as_str).collect();
        f.write_str(&words.join(","))
    }
}

serde_text!(Topics);

/// A device that has moved something, come or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceMove {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// Whether it shook hands within three minutes.
    pub online: bool,
    /// Its bytes so far.
    pub traffic: Traffic,
    /// What it moves each second.
    pub rate: Rate,
    /// When it last shook hands.
    pub last_handshake_at: Option<Timestamp>,
}

/// A thing that an act has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedThing {
    /// The kind of thing: `device`, `user` …
    pub kind: String,
    /// Its id, or its name where it has no id.
    pub id: String,
    /// Whose it is, as far as the act tells.
    pub owner: Option<UserId>,
}

impl ChangedThing {
    /// What an act of the audit has changed. The thing before and after says whose it is; else it is whoever acted.
    pub fn new(
        kind: String,
        id: String,
        actor: Option<UserId>,
        (before, after): (Option<&Value>, Option<&Value>),
    ) -> Self {
        let named = |state: Option<&Value>| state?.get("user_id")?.as_str()?.parse().ok();
        let own = if kind == "user" { id.parse().ok() } else { None };
        let owner = own.or_else(|| named(after)).or_else(|| named(before)).or(actor);
        Self { kind, id, owner }
    }

    /// The log of a certificate's orders, which has grown.
    pub fn log_of(name: &CertificateName) -> Self {
        Self { kind: "certificate_log".to_owned(), id: name.to_string(), owner: None }
    }

    /// What somebody must be allowed to, to be told of it; nobody is told of what has no list or page.
    pub fn needs(&self) -> Option<Action> {
        Some(match self.kind.as_str() {
            "user" => Action::UserGet,
            "invite" => Action::InviteGet,
            "network" => Action::NetworkGet,
            "node" => Action::NodeGet,
            "node_network" => Action::NodeNetworkList,
            "device" => Action::DeviceGet,
            "session" => Action::SessionList,
            "api_token" => Action::ApiTokenList,
            "passkey" => Action::MePasskeyList,
            "external_identity" => Action::MeIdentityList,
            "identity_provider" => Action::IdentityProviderGet,
            "webhook" => Action::WebhookGet,
            "webhook_delivery" => Action::WebhookDeliveryList,
            "job" => Action::JobGet,
            "settings" => Action::SettingsGet,
            "certificate" => Action::CertificateGet,
            "certificate_log" => Action::CertificateLog,
            "master_key" => Action::MasterKeyGet,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangedThing, Topic, Topics};
    use serde_json::json;

    #[test]
    fn topics_survive_their_text_and_others_are_refused() {
        let some: Topics = "changed,device".parse().unwrap();

        assert!(some.has(Topic::Device) && some.has(Topic::Changed) && !some.has(Topic::Overview));
        assert_eq!(some.to_string().parse(), Ok(some));
        assert_eq!(Topics::ALL.to_string(), "overview,device,changed");
        for bad in ["", "device,", "devices", "Device", "device changed"] {
            assert!(bad.parse::<Topics>().is_err(), "{bad}");
        }
    }

    #[test]
    fn whose_a_thing_is_stands_in_what_it_was_or_became() {
        let (ada, eve) = ("018f4e1c-7b3a-7c00-8000-000000000001", "018f4e1c-7b3a-7c00-8000-000000000002");
        let state = json!({ "user_id": ada });
        let device = |before, after| {
            ChangedThing::new("device".to_owned(), "7".to_owned(), eve.parse().ok(), (before, after))
        };

        assert_eq!(device(None, Some(&state)).owner, ada.parse().ok());
        assert_eq!(device(Some(&state), None).owner, ada.parse().ok());
        assert_eq!(device(None, None).owner, eve.parse().ok());
        let user = ChangedThing::new("user".to_owned(), ada.to_owned(), eve.parse().ok(), (None, None));
        assert_eq!(user.owner, ada.parse().ok());
    }
}
