//! Invites over HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::caller::Guest;
use crate::api::idempotency::Once;
use crate::api::number::{ByteLimit, DeviceLimit, NewPassword, Once as Secret, Shown};
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, REPLAYED, page_of};
use crate::app::ctx::Ctx;
use crate::app::invites::{self, InviteItem, InviteSort};
use crate::app::{App, Created};
use crate::domain::access::Role;
use crate::domain::contact::Email;
use crate::domain::id::{InviteId, UserId};
use crate::domain::invite::InviteState;
use crate::domain::language::Language;
use crate::domain::name::{DisplayName, Login};
use crate::domain::time::Timestamp;

/// The routes of invites.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete)).routes(routes!(redeem))
}

/// An invite: whoever holds its token makes one account, of this role and with these limits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01983f6e-7b3a-7c00-8000-000000000000", "state": "open", "role": "member", "email": "ada@example.org",
    "language": null, "device_limit": 5, "data_limit_bytes": null, "account_expires_at": null,
    "expires_at": "2026-02-07T12:00:00Z", "used_at": null, "user_id": null,
    "created_by": "01983f6e-7b3a-7c00-8000-000000000000", "created_at": "2026-01-31T12:00:00Z",
}))]
pub struct InviteView {
    /// Names the invite. It is not its token.
    id: InviteId,
    /// Whether it can be used.
    state: InviteState,
    /// What the account will be allowed to do.
    role: Role,
    /// Where it was sent, and the address the account will have.
    email: Option<Email>,
    /// The language of its letter and of the account.
    language: Option<Language>,
    /// Devices the account may have.
    #[schema(minimum = 0, example = 5)]
    device_limit: Option<u32>,
    /// Bytes that all devices of the account together may move.
    #[schema(minimum = 0, example = 53_687_091_200_u64)]
    data_limit_bytes: Option<u64>,
    /// When the account will stop.
    account_expires_at: Option<Timestamp>,
    /// When the invite is no longer good.
    expires_at: Timestamp,
    /// When it was used.
    used_at: Option<Timestamp>,
    /// The account that it made.
    user_id: Option<UserId>,
    /// Who made it; null where it was made on the machine itself.
    created_by: Option<UserId>,
    /// When it was made.
    created_at: Timestamp,
    /// What the link to the page `/invite` carries behind its `#`: in the answer to its making and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<Secret>,
    /// Whether a letter with the link is on its way: in the answer to its making and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    mailed: Option<bool>,
}

impl From<InviteItem> for InviteView {
    fn from(item: InviteItem) -> Self {
        let InviteItem { invite, state, token, mailed } = item;
        Self {
            id: invite.id,
            state,
            role: invite.role,
            email: invite.email,
            language: invite.language,
            device_limit: invite.device_limit,
            data_limit_bytes: invite.data_limit_bytes,
            account_expires_at: invite.account_expires_at,
            expires_at: invite.expires_at,
            used_at: invite.used_at,
            user_id: invite.user,
            created_by: invite.created_by,
            created_at: invite.created_at,
            mailed: token.is_some().then_some(mailed),
            token: token.map(Secret),
        }
    }
}

page_of! {
    /// A page of invites.
    InvitePage of InviteView
}

impl Column for InviteSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("created_at", Self::CreatedAt, Values::Times), ("expires_at", Self::ExpiresAt, Values::Times)];
}

list_query! {
    /// Which invites are listed.
    ListInvites by InvitesOrder of InviteSort {}
}

/// An invite to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvite {
    /// What the account will be allowed to do. Nobody invites to a role that they may not manage.
    role: Role,
    /// Where to send it, and the address the account will have. It is sent where mail is set up.
    email: Option<Email>,
    /// The language of its letter and of the account.
    language: Option<Language>,
    /// Devices the account may have.
    device_limit: Option<DeviceLimit>,
    /// Bytes that all devices of the account together may move.
    data_limit_bytes: Option<ByteLimit>,
    /// When the account will stop.
    account_expires_at: Option<Timestamp>,
    /// When the invite is no longer good: within 30 days, and after 7 where it is left out.
    expires_at: Option<Timestamp>,
}

impl From<CreateInvite> for invites::CreateInvite {
    fn from(request: CreateInvite) -> Self {
        Self {
            role: request.role,
            email: request.email,
            language: request.language,
            device_limit: request.device_limit.map(DeviceLimit::get),
            data_limit_bytes: request.data_limit_bytes.map(ByteLimit::get),
            account_expires_at: request.account_expires_at,
            expires_at: request.expires_at,
        }
    }
}

/// An invite to be used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemInvite {
    /// What the link carries behind its `#`.
    token: Shown,
    /// What the user will sign in with.
    login: Login,
    /// How the user is shown; the login where it is left out.
    display_name: Option<DisplayName>,
    /// The user's password.
    password: NewPassword,
}

/// The account that an invite made.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedeemedInvite {
    /// Names the user.
    user_id: UserId,
    /// What the user signs in with.
    login: Login,
}

/// List invites.
#[utoipa::path(get, path = "/invites", operation_id = "invite_list", tag = "invites", params(ListInvites),
    responses((status = 200, description = "A page of invites.", body = InvitePage)))]
async fn list(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListInvites>,
) -> Answer<Json<InvitePage>> {
    let page = query.page()?;
    reply::page::<_, InviteView, _>(app.invites().list(&ctx, page).await?)
}

/// Invite somebody to make an account.
///
/// The answer has the token, which is shown here and never again, also not to a repetition of the request.
#[utoipa::path(post, path = "/invites", operation_id = "invite_create", tag = "invites",
    params(Once<CreateInvite>), request_body = CreateInvite,
    responses((status = 201, description = "The invite was made.", body = InviteView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateInvite>) -> Answer {
    let (ctx, request) = body.within(ctx);
    let (made, replayed) = match app.invites().create(&ctx, request.into()).await? {
        Created::New(made) => (made, false),
        Created::Replayed(made) => (made, true),
    };
    let location = HeaderValue::from_str(&format!("/api/v1/invites/{}", made.invite.id));
    let mut response: Response = (StatusCode::CREATED, Json(InviteView::from(made))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Read an invite.
#[utoipa::path(get, path = "/invites/{id}", operation_id = "invite_get", tag = "invites",
    params(Id<InviteId>), responses((status = 200, description = "The invite.", body = InviteView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<InviteId>) -> Answer<Json<InviteView>> {
    Ok(Json(app.invites().get(&ctx, id).await?.into()))
}

/// Take an invite back.
///
/// It is no longer good from now on; an account that it made stays. An invite has no revisions, so this wants no `If-Match`.
#[utoipa::path(delete, path = "/invites/{id}", operation_id = "invite_delete", tag = "invites",
    params(Id<InviteId>), responses((status = 204, description = "The invite is gone.")))]
async fn delete(State(app): State<App>, ctx: Ctx, Id(id): Id<InviteId>) -> Answer<StatusCode> {
    app.invites().delete(&ctx, id).await?;
    reply::done()
}

/// Make an account by an invite.
///
/// The invite works once, and nobody is signed in by this.
#[utoipa::path(post, path = "/invites/redeem", operation_id = "invite_redeem", tag = "invites",
    request_body = RedeemInvite, responses((status = 201, description = "The account was made.", body = RedeemedInvite)))]
async fn redeem(State(app): State<App>, Guest(ctx): Guest, Body(request): Body<RedeemInvite>) -> Answer {
    let account = invites::RedeemInvite {
        login: request.login,
        display_name: request.display_name,
        password: request.password.into(),
    };
    let user = app.invites().redeem(&ctx, request.token.reveal(), account).await?;
    Ok((StatusCode::CREATED, Json(RedeemedInvite { user_id: user.id, login: user.login })).into_response())
}
