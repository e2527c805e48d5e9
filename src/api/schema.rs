//! Describes the domain's types to readers of the OpenAPI document.
//!
//! Invariant: a description is of a type that checks the same rule itself; the tests feed each example to it.

use serde::{Deserialize, Deserializer};
#[cfg(test)]
use serde_json::Value;
use serde_json::json;
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::number::{
    ByteLimit, Day, DeviceLimit, ImportedHash, MailUsername, NewPassword, NodeCapacity, Once, Pem,
    SegmentNumber, Shown, TcpPort, UseSeconds, Word,
};
use crate::app::overview::ProblemKind;
use crate::domain::access::Role;
use crate::domain::acme::{AcmeWord, DirectoryUrl, DnsName, TsigAlgorithm};
use crate::domain::api_token::Scope;
use crate::domain::audit::Outcome;
use crate::domain::audit_chain::DigestText;
use crate::domain::authority::AuthorityPem;
use crate::domain::certificate::{
    CertificateName, CertificateSource, CertificateState, Method as AcmeMethod,
};
use crate::domain::certificate_log::{StepKind, StepOutcome};
use crate::domain::contact::Email;
use crate::domain::device::{DeviceReason, DeviceState, DisabledBy};
use crate::domain::diagnosis::{CheckCode, CheckName, CheckOutcome};
use crate::domain::id::{
    ApiTokenId, AuditEventId, DeliveryId, DeviceId, ExternalIdentityId, IdentityProviderId, InviteId, JobId,
    NetworkId, NodeId, NodeNetworkId, PasskeyId, RequestId, SessionId, UserId, WebhookId,
};
use crate::domain::identity_provider::{Issuer, OidcScopes};
use crate::domain::invite::InviteState;
use crate::domain::job::JobState;
use crate::domain::key::PublicKey;
use crate::domain::language::Language;
use crate::domain::ldap::{AttributeName, LdapFilter, LdapUrl};
use crate::domain::live::Topics;
use crate::domain::mail::MailSecurity;
use crate::domain::mfa::Method;
use crate::domain::name::{
    ApiTokenName, ClaimName, ClientId, DeviceName, DirectoryName, DisplayName, GroupName, Host, Location,
    Login, NetworkName, NodeName, Note, PasskeyName, ProviderName, SearchText,
};
use crate::domain::network::Mtu;
use crate::domain::node::{InterfaceName, NodeState, Port};
use crate::domain::page::{Cursor, Limit};
use crate::domain::panel_url::PanelUrl;
use crate::domain::pool::{Pool, Pressure};
use crate::domain::settings::RetentionDays;
use crate::domain::time::Timestamp;
use crate::domain::user::UserState;
use crate::domain::webhook::{EventKind, WebhookUrl};

/// An IP address, described.
#[derive(Debug)]
pub struct Address;
/// A range of IP addresses, described.
#[derive(Debug)]
pub struct Range;

/// Texts: pattern, fewest and most characters, format, an example, what it is.
macro_rules! texts {
    ($($name:ty as $word:literal: $pattern:expr, $min:expr, $max:expr, $format:expr, $example:expr, $text:literal;)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let format: Option<&str> = $format;
                    let format = format.map(|format| match format {
                        "password" => SchemaFormat::KnownFormat(KnownFormat::Password),
                        "date-time" => SchemaFormat::KnownFormat(KnownFormat::DateTime),
                        "date" => SchemaFormat::KnownFormat(KnownFormat::Date),
                        "uuid" => SchemaFormat::KnownFormat(KnownFormat::Uuid),
                        other => SchemaFormat::Custom(other.to_owned()),
                    });
                    let pattern: Option<String> = $pattern;
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .format(format)
                        .pattern(pattern)
                        .min_length(Some($min))
                        .max_length(Some($max))
                        .description(Some($text))
                        .examples([json!($example)])
                        .into()
                }
            }

            impl ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> {
                    $word.into()
                }
            }
        )*

        #[cfg(test)]
        fn text_examples() -> Vec<(&'static str, Value)> {
            vec![$(($word, json!($example))),*]
        }
    };
}

// Patterns describe texts without blanks at their ends: the types cut those off before they look.

/// Characters that a free text may not hold: control characters and those that show nothing.
const UNSEEN: &str = r"\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff";
const ID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
const AN_ID: &str = "01983f6e-7b3a-7c00-8000-000000000000";

fn free() -> Option<String> {
    Some(format!(r"^[^\s{UNSEEN}]([^{UNSEEN}]*[^\s{UNSEEN}])?$"))
}

fn free_or_empty() -> Option<String> {
    Some(format!(r"^([^\s{UNSEEN}]([^{UNSEEN}]*[^\s{UNSEEN}])?)?$"))
}

fn exactly(pattern: &str) -> Option<String> {
    Some(pattern.to_owned())
}

texts! {
    UserId as "UserId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a user.";
    NetworkId as "NetworkId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a network.";
    NodeId as "NodeId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a node.";
    NodeNetworkId as "NodeNetworkId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a node's place in a network.";
    DeviceId as "DeviceId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a device.";
    SessionId as "SessionId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a session.";
    ApiTokenId as "ApiTokenId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names an API token.";
    PasskeyId as "PasskeyId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a passkey.";
    IdentityProviderId as "IdentityProviderId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names an identity provider.";
    ExternalIdentityId as "ExternalIdentityId": exactly(ID), 36, 36, Some("uuid"), AN_ID,
        "Names an account's link to somebody at an identity provider.";
    AuditEventId as "AuditEventId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names an event of the audit.";
    RequestId as "RequestId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a request, in the answer and in the log.";
    InviteId as "InviteId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names an invite.";
    JobId as "JobId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a job.";
    WebhookId as "WebhookId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a webhook.";
    DeliveryId as "DeliveryId": exactly(ID), 36, 36, Some("uuid"), AN_ID, "Names a delivery of a webhook.";
    WebhookUrl as "WebhookUrl": exactly(WEBHOOK_URL), 8, WebhookUrl::MAX_CHARS, None, "https://example.org/hook",
        "Where a webhook's receiver is: http or https, without user, password or fragment.";
    Email as "Email": exactly(EMAIL), 6, Email::MAX_CHARS, None, "ada@example.org",
        "An e-mail address, at most 64 characters before the `@`; kept in lower case.";
    MailUsername as "MailUsername": exactly("^[^\\u0000-\\u001f\\u007f-\\u009f]+$"), 1, MailUsername::MAX_CHARS, None,
        "vpn@example.org", "The name by which a mail server knows us.";
    Pem as "Pem": exactly("^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\r\\n -]+-----END CERTIFICATE-----\\s*$"), 60,
        Pem::MAX_BYTES, None, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "One or more certificates in PEM.";
    Topics as "Topics": exactly("^(overview|device|changed)(,(overview|device|changed)){0,2}$"), 6, 64, None, "device,changed",
        "Kinds of live events, with commas between.";
    Login as "Login": exactly("^[A-Za-z0-9][A-Za-z0-9._@+-]{1,63}$"), 2, 64, None, "ada",
        "What a user signs in with; kept in lower case.";
    DisplayName as "DisplayName": free(), 1, DisplayName::MAX_CHARS, None, "Ada Lovelace", "How a user is shown.";
    DeviceName as "DeviceName": free(), 1, DeviceName::MAX_CHARS, None, "laptop", "What a device is called.";
    ApiTokenName as "ApiTokenName": free(), 1, ApiTokenName::MAX_CHARS, None, "backup", "What an API token is called.";
    PasskeyName as "PasskeyName": free(), 1, PasskeyName::MAX_CHARS, None, "my telephone", "What a passkey is called.";
    ProviderName as "ProviderName": free(), 1, ProviderName::MAX_CHARS, None, "Example Corp",
        "What an identity provider is called on its button.";
    ClientId as "ClientId": free(), 1, ClientId::MAX_CHARS, None, "casper-vpn", "Who this service is to an identity provider.";
    ClaimName as "ClaimName": free(), 1, ClaimName::MAX_CHARS, None, "groups",
        "The claim that lists somebody's groups; `/realm_access/roles` leads into an object.";
    GroupName as "GroupName": free(), 1, GroupName::MAX_CHARS, None, "vpn-admins", "A group, as the identity provider writes it.";
    Issuer as "Issuer": exactly("^[Hh][Tt][Tt][Pp][Ss]?://[^\\s?#@]+$"), 8, Issuer::MAX_CHARS, None, "https://id.example.org/realms/main",
        "The URL by which an identity provider names itself, to the letter.";
    OidcScopes as "OidcScopes": exactly("^[ !#-\\[\\]-~]*$"), 0, OidcScopes::MAX_CHARS, None, "profile email groups",
        "What an identity provider is asked for beside `openid`, with blanks between.";
    LdapUrl as "LdapUrl": exactly("^[Ll][Dd][Aa][Pp][Ss]?://[^\\s/?#@]+/?$"), 8, LdapUrl::MAX_CHARS, None,
        "ldaps://directory.example.org", "Where a directory is: a scheme, a host, a port where it is not the usual one.";
    LdapFilter as "LdapFilter": exactly("^\\(.*\\{login\\}.*\\)$"), 9, LdapFilter::MAX_CHARS, None,
        "(&(objectClass=person)(uid={login}))", "A filter of RFC 4515 with `{login}` where the login stands.";
    AttributeName as "AttributeName": exactly("^[A-Za-z][A-Za-z0-9-]{0,63}$"), 1, AttributeName::MAX_CHARS, None, "memberOf",
        "The name of an attribute in a directory.";
    DirectoryName as "DirectoryName": free(), 1, DirectoryName::MAX_CHARS, None, "ou=people,dc=example,dc=org",
        "A name in a directory.";
    AuthorityPem as "AuthorityPem": exactly("^\\s*-----BEGIN CERTIFICATE-----"), 27, AuthorityPem::MAX_CHARS, None,
        "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----", "Certificates, as PEM.";
    CertificateName as "CertificateName": exactly(CERTIFICATE_NAME), 1, CertificateName::MAX_CHARS, None, "vpn.example.org",
        "What a certificate is for: a DNS name, one with `*` as its first label, or an IP address without brackets.";
    DirectoryUrl as "DirectoryUrl": exactly(DIRECTORY_URL), 9, DirectoryUrl::MAX_CHARS, Some("uri"),
        "https://acme-v02.api.letsencrypt.org/directory", "The URL of an authority's directory (RFC 8555 §7.1.1).";
    AcmeWord as "AcmeWord": exactly("^[!-~]{1,256}$"), 1, AcmeWord::MAX_CHARS, None, "shortlived",
        "A word that an authority has given a thing.";
    DnsName as "DnsName": exactly("^([a-z0-9_]([a-z0-9_-]{0,30}[a-z0-9])?\\.){0,4}[a-z][a-z0-9]{0,30}$"), 1, DnsName::MAX_CHARS, None,
        "example.org", "The name of a zone or a key in DNS.";
    NetworkName as "NetworkName": free(), 1, NetworkName::MAX_CHARS, None, "office", "What a network is called.";
    NodeName as "NodeName": free(), 1, NodeName::MAX_CHARS, None, "fra-1", "What a node is called.";
    Location as "Location": free_or_empty(), 0, Location::MAX_CHARS, None, "Frankfurt", "Where a node stands.";
    Note as "Note": free_or_empty(), 0, Note::MAX_CHARS, None, "lent to a guest", "An operator's remark.";
    SearchText as "SearchText": free(), 1, SearchText::MAX_CHARS, None, "lap",
        "Words to look for, in any order; capitals do not matter.";
    Host as "Host": exactly(HOST), 1, 253, None, "vpn.example.org", "A DNS name, or an IP address without brackets.";
    PanelUrl as "PanelUrl": exactly(ORIGIN), 9, PanelUrl::MAX_CHARS, Some("uri"), "https://vpn.example.org",
        "An origin: `https://` and a host with an optional port; `http://` for `localhost` alone.";
    InterfaceName as "InterfaceName": exactly("^[a-z][a-z0-9_-]{0,14}$"), 1, 15, None, "cvpn0",
        "The name of a network interface.";
    PublicKey as "PublicKey": exactly("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"), 44, 44, None,
        "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", "A WireGuard public key, as `wg pubkey` prints it.";
    Timestamp as "Timestamp": None, 20, 40, Some("date-time"), "2026-01-31T12:00:00Z",
        "A point in time of RFC 3339, between the years 1970 and 9999. Answers are in UTC.";
    Cursor as "Cursor": exactly("^[A-Za-z0-9_-]{1,1024}$"), 1, 1024, None,
        "W3sidCI6ImxhcHRvcCJ9LCIwMTk4M2Y2ZS03YjNhLTdjMDAtODAwMC0wMDAwMDAwMDAwMDAiXQ",
        "Where a page begins. Its form is the server's own business.";
    Pool as "Pool": exactly(RANGE), 4, 43, None, "10.86.0.0/16",
        "An address pool: an IPv4 range of /8 to /30 or an IPv6 range of /32 to /126, no bits set behind the prefix.";
    Range as "Range": exactly(RANGE), 4, 43, None, "0.0.0.0/0", "A range of IP addresses.";
    Address as "Address": exactly("^[0-9A-Fa-f:.]{2,45}$"), 2, 45, None, "9.9.9.9", "An IP address.";
    Day as "Day": exactly("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), 10, 10, Some("date"), "2026-01-31", "A day in UTC.";
    Word as "Word": exactly("^[A-Za-z0-9_-]{1,64}$"), 1, 64, None, "device_create", "A word that programs use.";
    DigestText as "DigestText": exactly("^[0-9A-Fa-f]{64}$"), 64, 64, None,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "A SHA-256 digest.";
    NewPassword as "NewPassword": None, 12, 71, Some("password"), "correct horse battery",
        "A password to be set: at least 12 characters, at most 71 bytes, no NUL.";
    ImportedHash as "PasswordHash": exactly(HASH), 59, 512, Some("password"), AN_IMPORTED_HASH,
        "The hash of a password, as PHP, libxcrypt or argon2-cffi write it: bcrypt of cost 10 to 15, or argon2.";
    Shown as "Shown": None, 1, Shown::MAX_CHARS, Some("password"), "what was given to you",
        "A password or token, as it was given.";
    Once as "Secret": None, 1, 1_000_000, None, "shown once", "A secret, written into this answer and not kept.";
}

const CERTIFICATE_NAME: &str = "^(\\*\\.[a-z0-9]{1,30}\\.)?([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\\.){0,4}[a-z]([a-z0-9-]{0,30}[a-z0-9])?$\
                    |^[0-9]{1,3}(\\.[0-9]{1,3}){3}$|^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$";
const DIRECTORY_URL: &str = "^https://([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){0,4}[A-Za-z][A-Za-z0-9]{1,24}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~%-]*)*$";
const HOST: &str = "^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$\
                    |^[0-9]{1,3}(\\.[0-9]{1,3}){3}$|^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$";
const HASH: &str = r"^\$(2[aby]\$1[0-5]\$[./A-Za-z0-9]{53}|argon2(id|i)\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[+/A-Za-z0-9]+\$[+/A-Za-z0-9]+)$";
const AN_IMPORTED_HASH: &str = "$2y$10$HXcWdpFvdT/EAb0a0qXm6eReGKOjVmQ6FTtd9cW3bFzYPb.pTDSdi";
const ORIGIN: &str = "^https://(([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\
                      |[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]{2,45}\\])(:[1-9][0-9]{0,4})?/?$\
                      |^http://localhost(:[1-9][0-9]{0,4})?/?$";
/// Shorter parts than are accepted, so that what this describes stays below the longest address.
const EMAIL: &str = "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,31}(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32})?\
                     @([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,4}[A-Za-z]{2,24}$";
const WEBHOOK_URL: &str = "^https?://([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){0,4}[A-Za-z][A-Za-z0-9]{1,24}(:[1-9][0-9]{0,3})?\
                           (/[A-Za-z0-9._~%/-]*)?(\\?[A-Za-z0-9._~&=-]*)?$";
const RANGE: &str = "^[0-9A-Fa-f:.]{2,39}/[0-9]{1,3}$";

/// Numbers: least, most, an example, what it is.
macro_rules! numbers {
    ($($name:ty as $word:literal: $min:expr, $max:expr, $example:expr, $text:literal;)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new()
                        .schema_type(Type::Integer)
                        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                        .minimum(Some($min))
                        .maximum(Some($max))
                        .description(Some($text))
                        .examples([json!($example)])
                        .into()
                }
            }

            impl ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> {
                    $word.into()
                }
            }
        )*

        #[cfg(test)]
        fn number_examples() -> Vec<(&'static str, Value)> {
            vec![$(($word, json!($example)), ($word, json!($min)), ($word, json!($max))),*]
        }
    };
}

numbers! {
    Mtu as "Mtu": 1280, 9000, 1420, "Bytes that a tunnel packet may have.";
    Port as "Port": 1, 65535, 51820, "A UDP port.";
    Limit as "Limit": 1, 200, 50, "Rows of a page; 50 where it is left out.";
    ByteLimit as "ByteLimit": ByteLimit::LEAST, ByteLimit::MOST, 53_687_091_200_u64,
        "Bytes, both ways together. Numbers past 2^53 - 1 lose their last digits in JavaScript.";
    UseSeconds as "UseSeconds": UseSeconds::LEAST, UseSeconds::MOST, 2_592_000, "Seconds, up to ten years.";
    DeviceLimit as "DeviceLimit": DeviceLimit::LEAST, DeviceLimit::MOST, 5, "Devices that a user may have.";
    NodeCapacity as "NodeCapacity": NodeCapacity::LEAST, NodeCapacity::MOST, 500, "Devices that a node should carry.";
    TcpPort as "TcpPort": TcpPort::LEAST, TcpPort::MOST, 587, "A TCP port.";
    SegmentNumber as "SegmentNumber": SegmentNumber::LEAST, SegmentNumber::MOST, 0, "Counts segments of the audit from 1.";
    RetentionDays as "RetentionDays": RetentionDays::LEAST, RetentionDays::MOST, 365, "Days that something is kept.";
}

/// Words out of a fixed set, named as serde writes them. A variant that is left out does not compile.
macro_rules! words {
    ($($name:ident: $($variant:ident)*, $text:literal;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let known = |it: &Self| match it { $(Self::$variant)|* => json!(it) };
                let values = [$(Self::$variant),*];
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(values.iter().map(known)))
                    .examples(values.first().map(known))
                    .description(Some($text))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

words! {
    Role: Owner Admin Operator Support Auditor Member, "What a user may do, from most to least.";
    UserState: Active Expired Disabled, "Whether an account can be used, and why not.";
    Pressure: Normal High Exhausted, "How full a pool is: room enough, nine tenths taken, no address left.";
    NodeState: Pending Online Draining Offline, "Whether a node reports, and takes new devices.";
    DisabledBy: Owner Operator, "Who stopped a device: the one whose it is, or somebody else.";
    DeviceState: Active OnHold Limited Expired Disabled, "Whether a device may use the tunnel.";
    CheckName: State Node Interface Endpoint Configuration Address Handshake Traffic Nat Forwarding Firewall Mtu Dns Clock,
        "What was looked at.";
    CheckCode: DeviceActive DeviceOnHold AccountDataUsed DeviceDataUsed AccountExpired DeviceExpired AccountDisabled
        AccountDeleted DeviceDisabled NodeReports NodeMissing NodeNeverReported NodeSilent InterfaceUp TunnelOff
        TunnelUnwell InterfaceUnknown EndpointMissing EndpointUnresolved EndpointLoopback EndpointPrivate EndpointOwn
        EndpointElsewhere EndpointNamed EndpointUntried ConfigurationNotGiven ConfigurationOutdated
        ConfigurationCurrent AddressBound HandshakeRecent HandshakeOld HandshakeNever HandshakeNothingComes
        HandshakeOthersOnly HandshakeForAnotherServer HandshakeUnanswered HandshakeBegun TrafficFlows TrafficHandshakesOnly
        TrafficNothingBack NatKeptOpen NatNone NatMoved NatClosesInSilence ForwardingOn ForwardingOff
        ForwardingUnknown FirewallOpen FirewallDrops FirewallUnknown MtuFits MtuLarge DnsAnswers DnsSilent DnsUntried
        ClockFine ClockNotYet ClockUnknown ClockDoubtful, "What a check found.";
    CheckOutcome: Ok Warn Fail Unknown, "What came of a check: nothing is in the way, something may be, something is, or nobody can tell.";
    JobState: Pending Running Done Failed, "How a job stands.";
    ProblemKind: NodeOffline NodeUnwell PoolFull CertificateFailing WebhookFailing LettersLost, "What is wrong.";
    DeviceReason: DeviceDeleted UserDeleted DeviceDisabled UserDisabled DeviceExpired UserExpired DeviceDataLimit
        UserDataLimit AwaitingFirstUse, "Why a device is not active.";
    Method: Totp RecoveryCode Passkey, "A way to prove a second factor.";
    InviteState: Open Used Expired, "Whether an invite can be used.";
    Language: En De Es Fa Ru Zh, "A language: English, German, Spanish, Persian, Russian, Chinese in simplified characters.";
    MailSecurity: Starttls Tls Plain, "How a mail server is spoken to; `plain` only on this machine.";
    Outcome: Done Refused, "How an act ended.";
    CertificateState: Valid Expiring Expired Pending Failing, "How a certificate stands.";
    CertificateSource: Acme File SelfSigned, "Who sees to a certificate.";
    StepKind: AttemptStarted AccountFound AccountRegistered DnsChecked PortChecked CaaChecked OrderPlaced OrderResumed OrderInvalid
        AuthorizationPending AuthorizationValid ChallengePrepared ChallengeSubmitted ChallengeValid ChallengeInvalid OrderFinalized
        CertificateReceived CertificateActivated AttemptFailed AttemptInterrupted, "A step on the way to a certificate.";
    StepOutcome: Done Doubtful Failed, "How a step went: as it should, in doubt, or it stands in the way.";
    TsigAlgorithm: HmacSha256 HmacSha512, "How changes of records are signed.";
}

impl PartialSchema for AcmeMethod {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::ALL.map(Self::as_str)))
            .examples([json!("http-01")])
            .description(Some("How a name is proven to an authority."))
            .into()
    }
}

impl ToSchema for AcmeMethod {
    fn name() -> std::borrow::Cow<'static, str> {
        "AcmeMethod".into()
    }
}

impl PartialSchema for EventKind {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::ALL.iter().map(|kind| kind.as_str())))
            .examples([json!("user.created")])
            .description(Some("What a webhook tells of."))
            .into()
    }
}

impl ToSchema for EventKind {}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::every().map(|scope| scope.to_string())))
            .examples([json!("device_list")])
            .description(Some("What an API token may do: an operation's id, or `all`."))
            .into()
    }
}

impl ToSchema for Scope {}

/// Reads a field that may be absent but not null.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Reads a field that may be absent, null to empty it, or a value to set.
pub fn patch<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;
    use std::net::IpAddr;

    fn reads<T: DeserializeOwned>(value: &Value) -> bool {
        serde_json::from_value::<T>(value.clone()).is_ok()
    }

    macro_rules! readers {
        ($word:expr, $value:expr; $($name:ident)*) => {
            match $word {
                $(stringify!($name) => reads::<$name>($value),)*
                "Range" => reads::<ipnet::IpNet>($value),
                "Address" => reads::<IpAddr>($value),
                "PasswordHash" => reads::<ImportedHash>($value),
                "Secret" => true,
                other => panic!("nobody reads the example of {other}"),
            }
        };
    }

    #[test]
    fn every_example_and_every_bound_is_accepted_by_its_type() {
        for (word, value) in text_examples().into_iter().chain(number_examples()) {
            let ok = readers!(word, &value;
                UserId NetworkId NodeId NodeNetworkId DeviceId SessionId ApiTokenId PasskeyId IdentityProviderId ExternalIdentityId
                ProviderName ClientId ClaimName GroupName Issuer OidcScopes PanelUrl
                LdapUrl LdapFilter AttributeName DirectoryName AuthorityPem AuditEventId RequestId Login DisplayName PasskeyName
                ApiTokenName DeviceName NetworkName NodeName Location Note SearchText Host InterfaceName PublicKey Timestamp Cursor
                Pool Day Word NewPassword Shown Mtu Port Limit ByteLimit UseSeconds DeviceLimit NodeCapacity
                RetentionDays JobId InviteId Email MailUsername Pem TcpPort WebhookId DeliveryId WebhookUrl
                Topics SegmentNumber DigestText CertificateName DirectoryUrl AcmeWord DnsName);

            assert!(ok, "{word} refuses {value}");
        }
    }

    #[test]
    fn a_number_outside_its_bounds_is_refused_by_its_type() {
        assert!(!reads::<Mtu>(&json!(1279)) && !reads::<Mtu>(&json!(9001)));
        assert!(!reads::<Port>(&json!(0)) && !reads::<Port>(&json!(65536)));
        assert!(!reads::<Limit>(&json!(0)) && !reads::<Limit>(&json!(201)));
        assert!(!reads::<NodeCapacity>(&json!(0)) && !reads::<DeviceLimit>(&json!(1_000_001)));
        assert!(!reads::<RetentionDays>(&json!(0)) && !reads::<RetentionDays>(&json!(3651)));
    }
}
