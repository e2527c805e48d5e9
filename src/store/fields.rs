//! How domain types are kept in columns.
//!
//! Invariant: what is read back is parsed again, so a bad stored value is an error and never a value.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::domain::access::Role;
use crate::domain::api_token::{AllowList, Scopes};
use crate::domain::authority::AuthorityPem;
use crate::domain::certificate::{CertificateName, Method};
use crate::domain::certificate_log::{StepKind, StepOutcome};
use crate::domain::contact::Email;
use crate::domain::id::{
    ApiTokenId, AuditEventId, ChallengeId, DeliveryId, DeviceId, ExternalIdentityId, IdentityProviderId,
    InviteId, JobId, LinkId, NetworkId, NodeId, NodeNetworkId, PasskeyId, RequestId, SessionId, UserId,
    WebhookId,
};
use crate::domain::key::PublicKey;
use crate::domain::language::Language;
use crate::domain::name::{
    ApiTokenName, DeviceName, DisplayName, Host, Location, Login, NetworkName, NodeName, Note, PasskeyName,
    ProviderName,
};
use crate::domain::network::Mtu;
use crate::domain::node::{InterfaceName, Port};
use crate::domain::pool::Pool;
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookUrl;
use crate::store::value::{Bind, Column, Kind, Unfit, Value};

macro_rules! texts {
    ($($type:ty = $expected:literal),* $(,)?) => {$(
        impl Bind for &$type {
            const KIND: Kind = Kind::Text;

            fn bind(self) -> Value {
                Value::Text(self.to_string())
            }
        }

        impl Bind for $type {
            const KIND: Kind = Kind::Text;

            fn bind(self) -> Value {
                Value::Text(self.to_string())
            }
        }

        impl Column for $type {
            fn column(value: Value) -> Result<Self, Unfit> {
                String::column(value)?.parse().map_err(|_| Unfit::new($expected))
            }
        }
    )*};
}

texts! {
    UserId = "a user id",
    NetworkId = "a network id",
    NodeId = "a node id",
    NodeNetworkId = "a node network id",
    DeviceId = "a device id",
    SessionId = "a session id",
    ApiTokenId = "an API token id",
    ApiTokenName = "an API token's name",
    AuthorityPem = "certificates",
    IdentityProviderId = "an identity provider's id",
    ExternalIdentityId = "an external identity's id",
    ProviderName = "an identity provider's name",
    Scopes = "scopes",
    ChallengeId = "a challenge's id",
    PasskeyId = "a passkey's id",
    PasskeyName = "a passkey's name",
    AuditEventId = "an audit event id",
    LinkId = "a link id",
    JobId = "a job id",
    InviteId = "an invite id",
    Email = "an e-mail address",
    WebhookId = "a webhook id",
    DeliveryId = "a delivery id",
    WebhookUrl = "a webhook's URL",
    RequestId = "a request id",
    Login = "a login",
    DisplayName = "a display name",
    DeviceName = "a device name",
    NetworkName = "a network name",
    NodeName = "a node name",
    Location = "a location",
    Note = "a note",
    Host = "a host",
    InterfaceName = "an interface name",
    PublicKey = "a public key",
    IpAddr = "an address",
    IpNet = "an address range",
    CertificateName = "what a certificate is for",
}

impl Bind for Role {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.as_str().bind()
    }
}

impl Column for Role {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::parse(&String::column(value)?).ok_or(Unfit::new("a role"))
    }
}

impl Bind for Method {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.as_str().bind()
    }
}

impl Column for StepKind {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::parse(&String::column(value)?).ok_or(Unfit::new("a kind of step"))
    }
}

impl Column for StepOutcome {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::parse(&String::column(value)?).ok_or(Unfit::new("how a step went"))
    }
}

impl Bind for Language {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.as_str().bind()
    }
}

impl Column for Language {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::parse(&String::column(value)?).ok_or(Unfit::new("a language"))
    }
}

impl Bind for Pool {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.net().bind()
    }
}

impl Column for Pool {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::parse(IpNet::column(value)?).map_err(|_| Unfit::new("an address pool"))
    }
}

impl Bind for &AllowList {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        let ranges: Vec<_> = self.ranges().iter().map(IpNet::to_string).collect();
        Value::Text(ranges.join(" "))
    }
}

impl Column for AllowList {
    fn column(value: Value) -> Result<Self, Unfit> {
        let text = String::column(value)?;
        if text.is_empty() {
            return Ok(Self::anywhere());
        }
        let unfit = || Unfit::new("ranges of addresses");
        let ranges: Result<Vec<IpNet>, _> = text.split(' ').map(str::parse).collect();
        Self::new(&ranges.map_err(|_| unfit())?).map_err(|_| unfit())
    }
}

impl Bind for Timestamp {
    const KIND: Kind = Kind::Int;

    fn bind(self) -> Value {
        Value::Int(self.as_millis())
    }
}

impl Column for Timestamp {
    fn column(value: Value) -> Result<Self, Unfit> {
        i64::column(value).map(Self::from_millis)
    }
}

impl Bind for Port {
    const KIND: Kind = Kind::Int;

    fn bind(self) -> Value {
        self.number().bind()
    }
}

impl Column for Port {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::try_from(u16::column(value)?).map_err(|_| Unfit::new("a port"))
    }
}

impl Bind for Mtu {
    const KIND: Kind = Kind::Int;

    fn bind(self) -> Value {
        self.bytes().bind()
    }
}

impl Column for Mtu {
    fn column(value: Value) -> Result<Self, Unfit> {
        Self::try_from(u16::column(value)?).map_err(|_| Unfit::new("an MTU"))
    }
}

/// A value kept as JSON text.
pub(super) struct Json<T>(pub(super) T);

impl<T: serde::Serialize> Bind for Json<&T> {
    const KIND: Kind = Kind::Text;

    /// The domain's types have string keys and no fallible parts, so they always serialise; `null` would not be read back.
    fn bind(self) -> Value {
        Value::Text(serde_json::to_string(self.0).unwrap_or_else(|_| "null".to_owned()))
    }
}

impl<T: serde::de::DeserializeOwned> Column for Json<T> {
    fn column(value: Value) -> Result<Self, Unfit> {
        serde_json::from_str(&String::column(value)?).map(Json).map_err(|_| Unfit::new("JSON of this form"))
    }
}
