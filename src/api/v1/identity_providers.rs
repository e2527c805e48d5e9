//! Identity providers over HTTP, for those who set them up.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::idempotency::Once;
use crate::api::number::{DeviceLimit, Shown};
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, Revised, page_of};
use crate::api::schema::{given, patch};
use crate::app::ctx::Ctx;
use crate::app::error::AppError;
use crate::app::identity_providers::{self, IdentityProviderSort, Trial};
use crate::app::{App, Patch, Revision};
use crate::domain::access::Role;
use crate::domain::authority::AuthorityPem;
use crate::domain::id::IdentityProviderId;
use crate::domain::identity_provider::{Connection, GroupRole, GroupRoles, IdentityProvider, SignUpRules};
use crate::domain::name::{GroupName, ProviderName};
use crate::domain::time::Timestamp;

mod connection;

use connection::{LdapView, OidcView};

/// The routes of identity providers.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(test))
}

/// What members of one group may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupRoleView {
    /// The group, as the provider writes it.
    group: GroupName,
    /// What its members may do.
    role: Role,
}

impl From<GroupRole> for GroupRoleView {
    fn from(it: GroupRole) -> Self {
        Self { group: it.group, role: it.role }
    }
}

/// An identity provider: where people are known already.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentityProviderView {
    /// Names the provider.
    id: IdentityProviderId,
    /// What people read on its button.
    name: ProviderName,
    /// How it is asked, where that is OpenID Connect.
    oidc: Option<OidcView>,
    /// How it is asked, where that is LDAP.
    ldap: Option<LdapView>,
    /// Certificates of a private authority, as PEM.
    ca: Option<AuthorityPem>,
    /// Whether a secret is kept, by which this service proves itself to the provider.
    has_secret: bool,
    /// Whether people may sign in by it.
    enabled: bool,
    /// Whether somebody who is not known yet gets an account.
    allow_sign_up: bool,
    /// The role of a new account, and of one made by signing in that is in no group of the list.
    default_role: Role,
    /// What members of groups may do: the most powerful role counts.
    group_roles: Vec<GroupRoleView>,
    /// Devices that a new account may have.
    #[schema(value_type = Option<DeviceLimit>)]
    device_limit: Option<u32>,
    /// Where the provider must send people back to, behind `panel_url` of the settings: set both together there.
    #[schema(
        max_length = 400,
        example = "/api/v1/sign-in/providers/01983f6e-7b3a-7c00-8000-000000000000/callback"
    )]
    callback_path: String,
    /// Counts the changes: the ETag.
    #[schema(minimum = 1, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

impl From<IdentityProvider> for IdentityProviderView {
    fn from(provider: IdentityProvider) -> Self {
        let rules = provider.rules;
        let groups: Vec<GroupRole> = rules.group_roles.into();
        let (oidc, ldap) = match provider.connection {
            Connection::Oidc(oidc) => (Some(oidc.into()), None),
            Connection::Ldap(ldap) => (None, Some(ldap.into())),
        };
        Self {
            callback_path: format!("/api/v1/sign-in/providers/{}/callback", provider.id),
            id: provider.id,
            name: provider.name,
            oidc,
            ldap,
            ca: provider.ca,
            has_secret: provider.has_secret,
            enabled: provider.enabled,
            allow_sign_up: rules.allows_sign_up,
            default_role: rules.default_role,
            group_roles: groups.into_iter().map(Into::into).collect(),
            device_limit: rules.device_limit,
            revision: provider.revision,
            created_at: provider.created_at,
            updated_at: provider.updated_at,
        }
    }
}

impl Revised for IdentityProviderView {
    fn location(&self) -> String {
        format!("/identity-providers/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

page_of! {
    /// A page of identity providers.
    IdentityProviderPage of IdentityProviderView
}

impl Column for IdentityProviderSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("name", Self::Name, Values::Texts), ("created_at", Self::CreatedAt, Values::Times)];
}

list_query! {
    /// Which identity providers are listed.
    ListIdentityProviders by IdentityProvidersOrder of IdentityProviderSort {}
}

/// An identity provider to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIdentityProvider {
    /// What people read on its button.
    name: ProviderName,
    /// How it is asked, where that is OpenID Connect. Either this or `ldap`.
    oidc: Option<OidcView>,
    /// How it is asked, where that is LDAP. Either this or `oidc`.
    ldap: Option<LdapView>,
    /// Certificates of a private authority that has signed the provider's, as PEM.
    ca: Option<AuthorityPem>,
    /// The client secret that the provider gave, or the password of the bind DN; none for a public client.
    secret: Option<Shown>,
    /// Whether people may sign in by it; they may where it is left out.
    enabled: Option<bool>,
    /// Whether somebody who is not known yet gets an account; nobody does where it is left out.
    allow_sign_up: Option<bool>,
    /// The role of a new account; member where it is left out.
    default_role: Option<Role>,
    /// What members of groups may do. Nobody names a role that they may not give.
    #[schema(value_type = Option<Vec<GroupRoleView>>, max_items = 64,
        example = json!([{ "group": "vpn-admins", "role": "admin" }]))]
    group_roles: Option<GroupRoles>,
    /// Devices that a new account may have; any number where it is left out.
    device_limit: Option<DeviceLimit>,
}

impl TryFrom<CreateIdentityProvider> for identity_providers::CreateIdentityProvider {
    type Error = Problem;

    fn try_from(request: CreateIdentityProvider) -> Result<Self, Problem> {
        let connection = one_of(request.oidc, request.ldap)?;
        Ok(Self {
            name: request.name,
            connection: connection
                .ok_or_else(|| AppError::invalid("/oidc", "is missing, and so is ldap: give one"))?,
            ca: request.ca,
            secret: request.secret.as_ref().map(kept),
            rules: SignUpRules {
                allows_sign_up: request.allow_sign_up.unwrap_or(false),
                default_role: request.default_role.unwrap_or(Role::Member),
                group_roles: request.group_roles.unwrap_or_default(),
                device_limit: request.device_limit.map(DeviceLimit::get),
            },
            enabled: request.enabled.unwrap_or(true),
        })
    }
}

/// Changes of an identity provider. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateIdentityProvider {
    /// What people read on its button.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<ProviderName>,
    /// How it is asked, as a whole. The issuer stays.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    oidc: Option<OidcView>,
    /// How it is asked, as a whole. The URL stays.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    ldap: Option<LdapView>,
    /// Certificates of a private authority, as PEM; null for public ones alone.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<AuthorityPem>)]
    ca: Patch<AuthorityPem>,
    /// The client secret or the bind DN's password; null for none.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Shown>)]
    secret: Patch<Shown>,
    /// Whether people may sign in by it.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Whether somebody who is not known yet gets an account.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    allow_sign_up: Option<bool>,
    /// The role of a new account.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    default_role: Option<Role>,
    /// What members of groups may do, as a whole.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<GroupRoleView>>, nullable = false, max_items = 64,
        example = json!([{ "group": "vpn-admins", "role": "admin" }]))]
    group_roles: Option<GroupRoles>,
    /// Devices that a new account may have; null for any number.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<DeviceLimit>)]
    device_limit: Patch<DeviceLimit>,
}

impl TryFrom<UpdateIdentityProvider> for identity_providers::UpdateIdentityProvider {
    type Error = Problem;

    fn try_from(request: UpdateIdentityProvider) -> Result<Self, Problem> {
        Ok(Self {
            name: request.name,
            connection: one_of(request.oidc, request.ldap)?,
            ca: request.ca,
            secret: request.secret.map(|secret| secret.as_ref().map(kept)),
            allows_sign_up: request.allow_sign_up,
            default_role: request.default_role,
            group_roles: request.group_roles,
            device_limit: request.device_limit.map(|limit| limit.map(DeviceLimit::get)),
            enabled: request.enabled,
        })
    }
}

fn one_of(oidc: Option<OidcView>, ldap: Option<LdapView>) -> Result<Option<Connection>, Problem> {
    match (oidc, ldap) {
        (Some(oidc), None) => Ok(Some(Connection::Oidc(oidc.into()))),
        (None, Some(ldap)) => Ok(Some(Connection::Ldap(ldap.into()))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(AppError::invalid("/ldap", "is given, and so is oidc: give one").into()),
    }
}

fn kept(secret: &Shown) -> Zeroizing<String> {
    Zeroizing::new(secret.reveal().to_owned())
}

/// What a provider answered when it was tried.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrialView {
    /// Whether people can be sent there.
    ok: bool,
    /// What was found.
    #[schema(max_length = 4000, example = "it answers, and names its pages and keys")]
    detail: String,
}

impl From<Trial> for TrialView {
    fn from(trial: Trial) -> Self {
        Self { ok: trial.ok, detail: trial.detail.chars().take(4000).collect() }
    }
}

/// List identity providers.
#[utoipa::path(get, path = "/identity-providers", operation_id = "identity_provider_list", tag = "identity-providers",
    params(ListIdentityProviders),
    responses((status = 200, description = "A page of identity providers.", body = IdentityProviderPage)))]
async fn list(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListIdentityProviders>,
) -> Answer<Json<IdentityProviderPage>> {
    reply::page::<_, IdentityProviderView, _>(app.identity_providers().list(&ctx, query.page()?).await?)
}

/// Make an identity provider.
///
/// Set `callback_path` of the answer, behind `panel_url` of the settings, as the redirect URI at the provider.
#[utoipa::path(post, path = "/identity-providers", operation_id = "identity_provider_create",
    tag = "identity-providers", params(Once<CreateIdentityProvider>), request_body = CreateIdentityProvider,
    responses((status = 201, description = "The identity provider was made.", body = IdentityProviderView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateIdentityProvider>) -> Answer {
    let (ctx, request) = body.within(ctx);
    reply::created::<IdentityProviderView, _>(
        app.identity_providers().create(&ctx, request.try_into()?).await?,
    )
}

/// Read an identity provider; its secret is never shown.
#[utoipa::path(get, path = "/identity-providers/{id}", operation_id = "identity_provider_get",
    tag = "identity-providers", params(Id<IdentityProviderId>),
    responses((status = 200, description = "The identity provider.", body = IdentityProviderView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<IdentityProviderId>) -> Answer {
    reply::item(IdentityProviderView::from(app.identity_providers().get(&ctx, id).await?))
}

/// Change an identity provider.
#[utoipa::path(patch, path = "/identity-providers/{id}", operation_id = "identity_provider_update",
    tag = "identity-providers", params(Id<IdentityProviderId>, IfMatch), request_body = UpdateIdentityProvider,
    responses((status = 200, description = "The identity provider as it is now.", body = IdentityProviderView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<IdentityProviderId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateIdentityProvider>,
) -> Answer {
    let updated = app.identity_providers().update(&ctx, id, revision, request.try_into()?).await?;
    reply::item(IdentityProviderView::from(updated))
}

/// Delete an identity provider, and with it every account's link to it.
///
/// The accounts stay. One without a password needs one set before anybody signs in to it again.
#[utoipa::path(delete, path = "/identity-providers/{id}", operation_id = "identity_provider_delete",
    tag = "identity-providers", params(Id<IdentityProviderId>, IfMatch),
    responses((status = 204, description = "The identity provider is gone.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<IdentityProviderId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.identity_providers().delete(&ctx, id, revision).await?;
    reply::done()
}

/// Try whether an identity provider answers as it should.
///
/// Nothing is changed, and nobody is signed in.
#[utoipa::path(post, path = "/identity-providers/{id}/test", operation_id = "identity_provider_test",
    tag = "identity-providers", params(Id<IdentityProviderId>),
    responses((status = 200, description = "What it answered.", body = TrialView)))]
async fn test(State(app): State<App>, ctx: Ctx, Id(id): Id<IdentityProviderId>) -> Answer<Json<TrialView>> {
    Ok(Json(app.identity_providers().test(&ctx, id).await?.into()))
}
