//! Users over HTTP.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::idempotency::Once;
use crate::api::number::{ByteLimit, DeviceLimit, ImportedHash, NewPassword};
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, Revised, page_of};
use crate::api::schema::{given, patch};
use crate::api::v1::configs::LinkView;
use crate::app::ctx::Ctx;
use crate::app::users::{self, UserItem};
use crate::app::users::{UserFilter, UserSort};
use crate::app::{App, Patch, Revision};
use crate::domain::access::Role;
use crate::domain::contact::Email;
use crate::domain::id::UserId;
use crate::domain::language::Language;
use crate::domain::name::{DisplayName, Login};
use crate::domain::time::Timestamp;
use crate::domain::user::UserState;

/// The routes of users.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(restore))
        .routes(routes!(set_password))
        .routes(routes!(disable_mfa))
        .routes(routes!(reset_link))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Names the user.
    id: UserId,
    /// What the user signs in with.
    login: Login,
    /// How the user is shown.
    display_name: DisplayName,
    /// Where letters to the user go.
    email: Option<Email>,
    /// The language of those letters; the service's own where it is null.
    language: Option<Language>,
    /// What the user may do.
    role: Role,
    /// Whether the account can be used: its time may be over, or an operator have stopped it.
    state: UserState,
    /// Whether a password is set; without one nobody signs in as this user.
    has_password: bool,
    /// Whether a second factor is enrolled; a sign-in then asks for it.
    has_mfa: bool,
    /// Whether an operator stopped the account and its devices.
    disabled: bool,
    /// When the account and its devices stop.
    expires_at: Option<Timestamp>,
    /// Bytes that all devices together may move, both ways.
    #[schema(minimum = 0, example = 53_687_091_200_u64)]
    data_limit_bytes: Option<u64>,
    /// Devices this user may have.
    #[schema(minimum = 0, example = 5)]
    device_limit: Option<u32>,
    /// Devices this user has.
    #[schema(minimum = 0, example = 2)]
    device_count: u64,
    /// Bytes that the devices have moved so far, both ways: those that count against the limit.
    #[schema(minimum = 0, example = 9_437_184)]
    used_bytes: u64,
    /// Counts the changes: the ETag.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// When it was deleted; it can be restored until a purge.
    deleted_at: Option<Timestamp>,
}

impl From<UserItem> for UserView {
    fn from(item: UserItem) -> Self {
        let UserItem { user, state, owned } = item;
        Self {
            id: user.id,
            login: user.login,
            display_name: user.display_name,
            email: user.email,
            language: user.language,
            role: user.role,
            state,
            has_password: user.has_password,
            has_mfa: user.has_mfa,
            disabled: user.disabled,
            expires_at: user.expires_at,
            data_limit_bytes: user.data_limit_bytes,
            device_limit: user.device_limit,
            device_count: owned.devices,
            used_bytes: owned.used_bytes,
            revision: user.revision,
            created_at: user.created_at,
            updated_at: user.updated_at,
            deleted_at: user.deleted_at,
        }
    }
}

impl Revised for UserView {
    fn location(&self) -> String {
        format!("/users/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

page_of! {
    /// A page of users.
    UserPage of UserView
}

impl Column for UserSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] = &[
        ("login", Self::Login, Values::Texts),
        ("display_name", Self::DisplayName, Values::Texts),
        ("created_at", Self::CreatedAt, Values::Times),
        ("expires_at", Self::ExpiresAt, Values::Times),
        ("used_bytes", Self::UsedBytes, Values::Numbers),
    ];
}

list_query! {
    /// Which users are listed.
    ListUsers by UsersOrder of UserSort {
        /// Only users of this role.
        role: Role,
        /// Only users that are, or are not, disabled.
        disabled: bool,
        /// Only users in this state.
        state: UserState,
        /// Deleted users instead of the others.
        deleted: bool,
    }
}

/// A user to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// What the user signs in with.
    login: Login,
    /// How the user is shown; the login where it is left out.
    display_name: Option<DisplayName>,
    /// Where letters to the user go, also those that let a new password be set.
    email: Option<Email>,
    /// The language of those letters.
    language: Option<Language>,
    /// What the user may do. Nobody makes a user of a role above their own.
    role: Role,
    /// Without one the user cannot sign in, and only has devices.
    password: Option<NewPassword>,
    /// The hash of a password, from a system that this account comes from, instead of a password: bcrypt's or
    /// argon2's. The next sign-in replaces it by one of our own.
    password_hash: Option<ImportedHash>,
    /// When the account and its devices stop.
    expires_at: Option<Timestamp>,
    /// Bytes that all devices together may move, both ways.
    data_limit_bytes: Option<ByteLimit>,
    /// Devices the user may have.
    device_limit: Option<DeviceLimit>,
}

impl From<CreateUser> for users::CreateUser {
    fn from(request: CreateUser) -> Self {
        Self {
            login: request.login,
            display_name: request.display_name,
            email: request.email,
            language: request.language,
            role: request.role,
            password: request.password.map(Into::into),
            password_hash: request.password_hash.map(Into::into),
            expires_at: request.expires_at,
            data_limit_bytes: request.data_limit_bytes.map(ByteLimit::get),
            device_limit: request.device_limit.map(DeviceLimit::get),
        }
    }
}

/// Changes of a user. What is left out stays; null empties what may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    /// What the user signs in with.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    login: Option<Login>,
    /// How the user is shown.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    display_name: Option<DisplayName>,
    /// Where letters to the user go, also those that let a new password be set.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Email>)]
    email: Patch<Email>,
    /// The language of those letters.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Language>)]
    language: Patch<Language>,
    /// What the user may do.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    role: Option<Role>,
    /// When the account and its devices stop.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Timestamp>)]
    expires_at: Patch<Timestamp>,
    /// Bytes that all devices together may move, both ways.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<ByteLimit>)]
    data_limit_bytes: Patch<ByteLimit>,
    /// Devices the user may have.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<DeviceLimit>)]
    device_limit: Patch<DeviceLimit>,
}

impl From<UpdateUser> for users::UpdateUser {
    fn from(request: UpdateUser) -> Self {
        Self {
            login: request.login,
            display_name: request.display_name,
            email: request.email,
            language: request.language,
            role: request.role,
            expires_at: request.expires_at,
            data_limit_bytes: request.data_limit_bytes.map(|limit| limit.map(ByteLimit::get)),
            device_limit: request.device_limit.map(|limit| limit.map(DeviceLimit::get)),
        }
    }
}

/// A password to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The new password.
    password: NewPassword,
}

/// List users.
///
/// Members see only themselves.
#[utoipa::path(get, path = "/users", operation_id = "user_list", tag = "users", params(ListUsers),
    responses((status = 200, description = "A page of users.", body = UserPage)))]
async fn list(State(app): State<App>, ctx: Ctx, Query(query): Query<ListUsers>) -> Answer<Json<UserPage>> {
    let page = query.page()?;
    let filter = UserFilter {
        role: query.role,
        disabled: query.disabled,
        state: query.state,
        deleted: query.deleted.unwrap_or(false),
        ..UserFilter::default()
    };
    reply::page::<_, UserView, _>(app.users().list(&ctx, filter, page).await?)
}

/// Make a user.
#[utoipa::path(post, path = "/users", operation_id = "user_create", tag = "users",
    params(Once<CreateUser>), request_body = CreateUser,
    responses((status = 201, description = "The user was made.", body = UserView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateUser>) -> Answer {
    let (ctx, request) = body.within(ctx);
    reply::created::<UserView, _>(app.users().create(&ctx, request.into()).await?)
}

/// Read a user.
///
/// A deleted one, too, until its purge.
#[utoipa::path(get, path = "/users/{id}", operation_id = "user_get", tag = "users", params(Id<UserId>),
    responses((status = 200, description = "The user.", body = UserView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<UserId>) -> Answer {
    reply::item(UserView::from(app.users().get(&ctx, id).await?))
}

/// Change a user's name, role, limits or expiry.
#[utoipa::path(patch, path = "/users/{id}", operation_id = "user_update", tag = "users",
    params(Id<UserId>, IfMatch), request_body = UpdateUser,
    responses((status = 200, description = "The user as it is now.", body = UserView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<UserId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateUser>,
) -> Answer {
    reply::item(UserView::from(app.users().update(&ctx, id, revision, request.into()).await?))
}

/// Delete a user with the devices.
///
/// It can be restored until a purge.
#[utoipa::path(delete, path = "/users/{id}", operation_id = "user_delete", tag = "users",
    params(Id<UserId>, IfMatch), responses((status = 204, description = "The user is deleted.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<UserId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.users().delete(&ctx, id, revision).await?;
    reply::done()
}

/// Let a user's devices connect and the user sign in again.
#[utoipa::path(post, path = "/users/{id}/enable", operation_id = "user_enable", tag = "users", params(Id<UserId>),
    responses((status = 200, description = "The user as it is now.", body = UserView)))]
async fn enable(State(app): State<App>, ctx: Ctx, Id(id): Id<UserId>) -> Answer {
    reply::item(UserView::from(app.users().enable(&ctx, id).await?))
}

/// Stop a user's devices and sign-in.
#[utoipa::path(post, path = "/users/{id}/disable", operation_id = "user_disable", tag = "users", params(Id<UserId>),
    responses((status = 200, description = "The user as it is now.", body = UserView)))]
async fn disable(State(app): State<App>, ctx: Ctx, Id(id): Id<UserId>) -> Answer {
    reply::item(UserView::from(app.users().disable(&ctx, id).await?))
}

/// Undo a user's delete.
#[utoipa::path(post, path = "/users/{id}/restore", operation_id = "user_restore", tag = "users", params(Id<UserId>),
    responses((status = 200, description = "The user as it is now.", body = UserView)))]
async fn restore(State(app): State<App>, ctx: Ctx, Id(id): Id<UserId>) -> Answer {
    reply::item(UserView::from(app.users().restore(&ctx, id).await?))
}

/// Set another user's password.
///
/// It ends the user's sessions.
#[utoipa::path(post, path = "/users/{id}/password", operation_id = "user_set_password", tag = "users",
    params(Id<UserId>), request_body = SetPassword,
    responses((status = 204, description = "The password is set.")))]
async fn set_password(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<UserId>,
    Body(request): Body<SetPassword>,
) -> Answer<StatusCode> {
    app.users().set_password(&ctx, id, request.password.into()).await?;
    reply::done()
}

/// Take a user's second factors away.
///
/// For one who has lost them all. Ends the user's sessions; the password stays.
#[utoipa::path(post, path = "/users/{id}/disable-mfa", operation_id = "user_disable_mfa", tag = "users",
    params(Id<UserId>), responses((status = 204, description = "The second factors are gone.")))]
async fn disable_mfa(State(app): State<App>, ctx: Ctx, Id(id): Id<UserId>) -> Answer<StatusCode> {
    app.mfa().disable(&ctx, id).await?;
    reply::done()
}

/// Make a one-time link that sets a user's password.
///
/// It is good for half an hour, once, behind the `#` of the page `/reset`. The links made before are dead, and so is this
/// one when the password or the role changes in another way. A second factor stays as it is.
#[utoipa::path(post, path = "/users/{id}/reset-link", operation_id = "user_reset_link_create", tag = "users",
    params(Id<UserId>), responses((status = 201, description = "The link.", body = LinkView)))]
async fn reset_link(State(app): State<App>, ctx: Ctx, Id(id): Id<UserId>) -> Answer {
    Ok(LinkView::made(app.users().reset_link(&ctx, id).await?))
}
