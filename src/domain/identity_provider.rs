//! Identity providers: where people are known already, and what they may do here when they come from there.

use serde::{Deserialize, Serialize};

use crate::domain::access::Role;
use crate::domain::authority::AuthorityPem;
use crate::domain::id::IdentityProviderId;
use crate::domain::ldap::{Ldap, is_same_name};
use crate::domain::name::{ClaimName, ClientId, GroupName, ProviderName};
use crate::domain::outgoing::{Target, TargetError};
use crate::domain::text::serde_text;
use crate::domain::time::Timestamp;

/// Providers there can be: a sign-in page with more buttons would be searched, not read.
pub const MOST_PROVIDERS: u64 = 20;

/// Groups of one provider that can be given a role.
pub const MOST_GROUP_ROLES: usize = 64;

/// A provider's row, as facts. The client's secret is sealed in a column of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Names the provider.
    pub id: IdentityProviderId,
    /// What people read on its button.
    pub name: ProviderName,
    /// How it is asked.
    pub connection: Connection,
    /// A private authority that has signed its certificate.
    pub ca: Option<AuthorityPem>,
    /// Whether a client secret is kept.
    pub has_secret: bool,
    /// What people may do here when they come from there.
    pub rules: SignUpRules,
    /// Whether people may sign in by it.
    pub enabled: bool,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl IdentityProvider {
    /// The role of somebody in these groups: the most powerful one that a group of the list gives, or else the default.
    pub fn role_of(&self, groups: &[String]) -> Role {
        self.rules.role_of(groups, |one, other| self.connection.is_same_group(one, other))
    }
}

/// How a provider is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// By OpenID Connect: people are sent there and come back.
    Oidc(Oidc),
    /// By LDAP: who signs in with a login and a password that no account here has is looked for there.
    Ldap(Ldap),
}

impl Connection {
    /// The part that never changes, because accounts are linked to people of it.
    pub fn home(&self) -> &str {
        match self {
            Self::Oidc(oidc) => oidc.issuer.as_str(),
            Self::Ldap(ldap) => ldap.url.as_str(),
        }
    }

    /// Whether two texts name one group. OpenID Connect has no rule for groups, so there they are the same to the letter.
    pub fn is_same_group(&self, one: &str, other: &str) -> bool {
        match self {
            Self::Oidc(_) => one == other,
            Self::Ldap(_) => is_same_name(one, other),
        }
    }

    /// Whether it tells of groups at all.
    pub fn tells_groups(&self) -> bool {
        match self {
            Self::Oidc(oidc) => oidc.group_claim.is_some(),
            Self::Ldap(ldap) => ldap.group_attribute.is_some(),
        }
    }
}

/// How a provider of OpenID Connect is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oidc {
    /// Who the provider says it is. It never changes: other people may have the same subjects elsewhere.
    pub issuer: Issuer,
    /// Who we are to the provider.
    pub client_id: ClientId,
    /// What is asked for beside `openid`.
    pub scopes: OidcScopes,
    /// The claim that lists a person's groups; `/a/b` leads into an object.
    pub group_claim: Option<ClaimName>,
}

/// What people may do here when they come from a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpRules {
    /// Whether somebody who is not known yet gets an account.
    pub allows_sign_up: bool,
    /// The role of a new account, and of a managed one without a group of the list.
    pub default_role: Role,
    /// What members of a group may do.
    pub group_roles: GroupRoles,
    /// Devices that a new account may have.
    pub device_limit: Option<u32>,
}

impl SignUpRules {
    fn role_of(&self, groups: &[String], is_same: impl Fn(&str, &str) -> bool) -> Role {
        let is_in = |it: &&GroupRole| groups.iter().any(|group| is_same(group, it.group.as_str()));
        let given = self.group_roles.0.iter().filter(is_in);
        given.map(|it| it.role).min().unwrap_or(self.default_role)
    }

    /// Every role that somebody can get by these rules.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        std::iter::once(self.default_role).chain(self.group_roles.0.iter().map(|it| it.role))
    }
}

/// What members of one group may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group, as the provider writes it; of a directory, its name in any way of writing it.
    pub group: GroupName,
    /// What its members may do.
    pub role: Role,
}

/// Groups with what their members may do: each group once, at most [`MOST_GROUP_ROLES`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<GroupRole>", into = "Vec<GroupRole>")]
pub struct GroupRoles(Vec<GroupRole>);

/// A list of groups that leaves something open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupRolesError {
    /// More than anybody reads.
    #[error("has more than {MOST_GROUP_ROLES} groups")]
    TooMany,
    /// Two roles for one group.
    #[error("names a group twice")]
    Twice,
}

impl TryFrom<Vec<GroupRole>> for GroupRoles {
    type Error = GroupRolesError;

    fn try_from(list: Vec<GroupRole>) -> Result<Self, GroupRolesError> {
        if list.len() > MOST_GROUP_ROLES {
            return Err(GroupRolesError::TooMany);
        }
        let is_again = |(at, it): (usize, &GroupRole)| list[..at].iter().any(|other| other.group == it.group);
        if list.iter().enumerate().any(is_again) {
            return Err(GroupRolesError::Twice);
        }
        Ok(Self(list))
    }
}

impl From<GroupRoles> for Vec<GroupRole> {
    fn from(roles: GroupRoles) -> Self {
        roles.0
    }
}

/// The URL by which a provider names itself, as written: it is compared to the letter (OpenID Connect Core §3.1.3.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer(String);

/// A text that is no issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not a URL that is called.
    #[error(transparent)]
    Target(TargetError),
    /// More than the issuer.
    #[error("has a query (?…), which no issuer has")]
    Query,
    /// Longer than any issuer is.
    #[error("has more than {} characters", Issuer::MAX_CHARS)]
    TooLong,
}

impl Issuer {
    /// Longest issuer, in characters.
    pub const MAX_CHARS: usize = 500;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Issuer {
    type Err = IssuerError;

    fn from_str(text: &str) -> Result<Self, IssuerError> {
        let text = text.trim();
        if text.chars().count() > Self::MAX_CHARS {
            return Err(IssuerError::TooLong);
        }
        let target = Target::http(text).map_err(IssuerError::Target)?;
        if target.url().query().is_some() {
            return Err(IssuerError::Query);
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a provider is asked for beside `openid`: words with a blank between them (RFC 6749 §3.3), or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcScopes(String);

/// A text that is no list of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not words of visible ASCII with a blank between them, {} characters at most",
    OidcScopes::MAX_CHARS
)]
pub struct OidcScopesError;

impl OidcScopes {
    /// Longest list, in characters.
    pub const MAX_CHARS: usize = 500;

    /// The words, `openid` left out.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace().filter(|word| *word != "openid")
    }
}

impl Default for OidcScopes {
    /// What tells a name and a mail address.
    fn default() -> Self {
        Self("profile email".to_owned())
    }
}

impl std::str::FromStr for OidcScopes {
    type Err = OidcScopesError;

    fn from_str(text: &str) -> Result<Self, OidcScopesError> {
        let allowed = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        if text.len() > Self::MAX_CHARS || !text.chars().all(|c| c == ' ' || allowed(c)) {
            return Err(OidcScopesError);
        }
        Ok(Self(text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
    }
}

impl std::fmt::Display for OidcScopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

serde_text!(Issuer, OidcScopes);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_most_powerful_group_counts_and_none_is_the_default() {
        let rules = rules(json!([
            { "group": "vpn-users", "role": "member" },
            { "group": "vpn-admins", "role": "admin" },
            { "group": "helpdesk", "role": "support" },
        ]));
        let role = |groups: &[&str]| {
            rules.role_of(&groups.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), |one, other| {
                one == other
            })
        };

        assert_eq!(role(&["helpdesk", "vpn-admins", "vpn-users"]), Role::Admin);
        assert_eq!(role(&["helpdesk"]), Role::Support);
        assert_eq!(role(&["VPN-ADMINS", "vpn-admins "]), Role::Member);
        assert_eq!(role(&[]), Role::Member);
    }

    #[test]
    fn a_group_has_one_role() {
        let twice = json!([{ "group": "a", "role": "member" }, { "group": "a", "role": "owner" }]);
        let many: Vec<_> = (0..65).map(|n| json!({ "group": format!("g{n}"), "role": "member" })).collect();

        assert!(serde_json::from_value::<GroupRoles>(twice).is_err());
        assert!(serde_json::from_value::<GroupRoles>(json!(many)).is_err());
    }

    #[test]
    fn an_issuer_is_kept_to_the_letter() {
        assert_eq!(
            "https://id.example.org/realms/a/".parse::<Issuer>().unwrap().as_str(),
            "https://id.example.org/realms/a/"
        );
        for bad in [
            "id.example.org",
            "https://id.example.org/?a=b",
            "https://id.example.org/#a",
            "ldap://id.example.org",
        ] {
            assert!(bad.parse::<Issuer>().is_err(), "{bad}");
        }
        assert_eq!(" openid  email ".parse::<OidcScopes>().unwrap().words().collect::<Vec<_>>(), ["email"]);
        assert!("a\nb".parse::<OidcScopes>().is_err());
    }

    fn rules(group_roles: Value) -> SignUpRules {
        SignUpRules {
            allows_sign_up: true,
            default_role: Role::Member,
            group_roles: serde_json::from_value(group_roles).unwrap(),
            device_limit: None,
        }
    }
}
