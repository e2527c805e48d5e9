//! How identity providers are asked, as bodies say it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::identity_provider::{Issuer, Oidc, OidcScopes};
use crate::domain::ldap::{AttributeName, Ldap, LdapFilter, LdapUrl};
use crate::domain::name::{ClaimName, ClientId, DirectoryName};

/// How a provider of OpenID Connect is asked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcView {
    /// The URL by which the provider names itself, to the letter. It never changes.
    issuer: Issuer,
    /// Who this service is to the provider.
    client_id: ClientId,
    /// What is asked for beside `openid`; `profile email` where it is left out.
    #[serde(default)]
    scopes: OidcScopes,
    /// The claim that lists a person's groups; without one no group counts.
    #[serde(default)]
    group_claim: Option<ClaimName>,
}

impl From<OidcView> for Oidc {
    fn from(view: OidcView) -> Self {
        Self {
            issuer: view.issuer,
            client_id: view.client_id,
            scopes: view.scopes,
            group_claim: view.group_claim,
        }
    }
}

impl From<Oidc> for OidcView {
    fn from(oidc: Oidc) -> Self {
        Self {
            issuer: oidc.issuer,
            client_id: oidc.client_id,
            scopes: oidc.scopes,
            group_claim: oidc.group_claim,
        }
    }
}

/// How an LDAP directory is asked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapView {
    /// Where it is. It never changes.
    url: LdapUrl,
    /// Whether an `ldap://` connection turns to TLS before anything is said; it does not where it is left out.
    #[serde(default)]
    start_tls: bool,
    /// Who searches, with `secret` as the password; nobody in particular where it is left out.
    #[serde(default)]
    bind_dn: Option<DirectoryName>,
    /// Below which entry people are.
    base: DirectoryName,
    /// Which entry is the person of a login: `{login}` stands for it.
    filter: LdapFilter,
    /// The attribute that a new account's login is taken from.
    login_attribute: AttributeName,
    /// The attribute that tells an entry from all others for good: `entryUUID`, or `objectGUID` in Active Directory.
    subject_attribute: AttributeName,
    /// The attribute that lists a person's groups; without one no group counts.
    #[serde(default)]
    group_attribute: Option<AttributeName>,
}

impl From<LdapView> for Ldap {
    fn from(view: LdapView) -> Self {
        Self {
            url: view.url,
            start_tls: view.start_tls,
            bind_dn: view.bind_dn,
            base: view.base,
            filter: view.filter,
            login_attribute: view.login_attribute,
            subject_attribute: view.subject_attribute,
            group_attribute: view.group_attribute,
        }
    }
}

impl From<Ldap> for LdapView {
    fn from(ldap: Ldap) -> Self {
        Self {
            url: ldap.url,
            start_tls: ldap.start_tls,
            bind_dn: ldap.bind_dn,
            base: ldap.base,
            filter: ldap.filter,
            login_attribute: ldap.login_attribute,
            subject_attribute: ldap.subject_attribute,
            group_attribute: ldap.group_attribute,
        }
    }
}
