//! Typed identifiers: UUIDv7 in the world, one Rust type for each noun.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::domain::text::serde_text;

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID such as 018f4e1c-7b3a-7c00-8000-000000000000")]
pub struct IdError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made by the clock.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // The parser knows four spellings; one row has one name, so only the hyphenated one counts.
                if text.len() != 36 {
                    return Err(IdError);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }
        }

        serde_text!($name);
    )*};
}

ids! {
    /// Names a user.
    UserId,
    /// Names a network.
    NetworkId,
    /// Names a node.
    NodeId,
    /// Names a node's interface in a network.
    NodeNetworkId,
    /// Names a device.
    DeviceId,
    /// Names a session.
    SessionId,
    /// Names an API token.
    ApiTokenId,
    /// Names a question that a sign-in or a new passkey has to answer.
    ChallengeId,
    /// Names a passkey.
    PasskeyId,
    /// Names an identity provider.
    IdentityProviderId,
    /// Names an account's link to somebody at an identity provider.
    ExternalIdentityId,
    /// Names an audit event.
    AuditEventId,
    /// Names a one-time link.
    LinkId,
    /// Names a job of the queue.
    JobId,
    /// Names an invite.
    InviteId,
    /// Names a webhook.
    WebhookId,
    /// Names one event on its way to one webhook's receiver.
    DeliveryId,
    /// Names one request, from the log to the error body.
    RequestId,
}

#[cfg(test)]
mod tests {
    use super::{IdError, UserId};

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "018f4e1c-7b3a-7c00-8000-000000000001";

        assert_eq!(text.parse::<UserId>().map(|id| id.to_string()), Ok(text.to_owned()));
        assert_eq!("018f4e1c7b3a7c008000000000000001".parse::<UserId>(), Err(IdError));
        assert_eq!("{018f4e1c-7b3a-7c00-8000-00000000000}".parse::<UserId>(), Err(IdError));
    }
}
