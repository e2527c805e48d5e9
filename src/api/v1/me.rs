//! One's own account over HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::cookie::{ByCookie, Way};
use crate::api::number::{NewPassword, Once, Shown};
use crate::api::precondition::IfMatch;
use crate::api::problem::Problem;
use crate::api::reply::{self, Answer, Revised};
use crate::api::schema::{given, patch};
use crate::api::v1::device_traffic::UsageDay;
use crate::api::v1::sessions::{BrowserSessionView, give};
use crate::api::v1::users::UserView;
use crate::app::ctx::Ctx;
use crate::app::me::OwnUsage;
use crate::app::{App, Patch, Revision, me};
use crate::domain::contact::Email;
use crate::domain::id::SessionId;
use crate::domain::language::Language;
use crate::domain::name::DisplayName;

/// The routes of one's own account.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get, update, delete))
        .routes(routes!(set_password))
        .routes(routes!(usage))
        .routes(routes!(end_others))
}

/// A change of one's own password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password so far.
    current_password: Shown,
    /// The password from now on.
    new_password: NewPassword,
}

/// One's own account.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeView {
    #[serde(flatten)]
    user: UserView,
    /// The session that asks; none where an API token does.
    session_id: Option<SessionId>,
    /// What a browser sends in `X-CSRF-Token`; none where no cookie was shown.
    csrf_token: Option<Once>,
}

impl Revised for MeView {
    fn location(&self) -> String {
        "/me".to_owned()
    }

    fn revision(&self) -> Revision {
        self.user.revision()
    }
}

/// A proof that it is really oneself who wants to leave.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// The password.
    password: Shown,
}

/// What all one's own devices have moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnUsageView {
    /// Bytes that count against the limit, both ways.
    #[schema(minimum = 0, example = 9_437_184)]
    used_bytes: u64,
    /// Bytes that may be moved.
    #[schema(minimum = 0, example = 53_687_091_200_u64)]
    data_limit_bytes: Option<u64>,
    /// Devices there are.
    #[schema(minimum = 0, example = 2)]
    devices: u64,
    /// Devices there may be.
    #[schema(minimum = 0, example = 5)]
    device_limit: Option<u32>,
    /// The last thirty days, those on which something moved.
    days: Vec<UsageDay>,
}

impl From<OwnUsage> for OwnUsageView {
    fn from(usage: OwnUsage) -> Self {
        Self {
            used_bytes: usage.used_bytes,
            data_limit_bytes: usage.data_limit_bytes,
            devices: usage.devices,
            device_limit: usage.device_limit,
            days: usage.days.into_iter().map(Into::into).collect(),
        }
    }
}

/// Read one's own account.
#[utoipa::path(get, path = "/me", operation_id = "me_get", tag = "me",
    responses((status = 200, description = "The account.", body = MeView)))]
async fn get(State(app): State<App>, ctx: Ctx, ByCookie(csrf_token): ByCookie) -> Answer {
    let user = UserView::from(app.me().get(&ctx).await?);
    reply::item(MeView { user, session_id: ctx.actor.session(), csrf_token: csrf_token.map(Once) })
}

/// Delete one's own account.
///
/// The devices stop and every session and token ends. Operators can restore it until a purge; the last owner cannot
/// leave.
#[utoipa::path(delete, path = "/me", operation_id = "me_delete", tag = "me", request_body = Leave,
    responses((status = 204, description = "The account is deleted.")))]
async fn delete(State(app): State<App>, ctx: Ctx, Body(request): Body<Leave>) -> Answer<StatusCode> {
    app.me().delete(&ctx, request.password.reveal()).await?;
    reply::done()
}

/// See what one's own devices have moved.
#[utoipa::path(get, path = "/me/usage", operation_id = "me_usage", tag = "me",
    responses((status = 200, description = "The usage.", body = OwnUsageView)))]
async fn usage(State(app): State<App>, ctx: Ctx) -> Answer<Json<OwnUsageView>> {
    Ok(Json(app.me().usage(&ctx).await?.into()))
}

/// End one's own sessions but the one that asks.
#[utoipa::path(post, path = "/me/sessions/end-others", operation_id = "me_sessions_end_others", tag = "me",
    responses((status = 204, description = "The others have ended.")))]
async fn end_others(State(app): State<App>, ctx: Ctx) -> Answer<StatusCode> {
    app.me().end_others(&ctx).await?;
    reply::done()
}

/// Changes of one's own account. What is left out stays; null empties what may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMe {
    /// How one is shown.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    display_name: Option<DisplayName>,
    /// Where letters go, also those that let a new password be set.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Email>)]
    email: Patch<Email>,
    /// The language of those letters; null for the service's own.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Language>)]
    language: Patch<Language>,
    /// The password: needed with another e-mail address.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    current_password: Option<Shown>,
}

/// Change one's own name, e-mail address and language.
///
/// Another e-mail address wants the password: whoever reads the mail there can set a new one.
#[utoipa::path(patch, path = "/me", operation_id = "me_update", tag = "me", params(IfMatch), request_body = UpdateMe,
    responses((status = 200, description = "The account as it is now.", body = UserView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateMe>,
) -> Answer {
    let change =
        me::UpdateMe { display_name: request.display_name, email: request.email, language: request.language };
    let password = request.current_password.as_ref().map(Shown::reveal);
    reply::item(UserView::from(app.me().update(&ctx, revision, change, password).await?))
}

/// Change one's own password.
///
/// Every other session ends. The one of the browser that asks goes on with another cookie, which the answer brings; one of
/// tokens ends too: sign in again.
#[utoipa::path(post, path = "/me/password", operation_id = "me_set_password", tag = "me",
    request_body = ChangePassword, responses(
        (status = 200, description = "The password is set, and so is another cookie.", body = BrowserSessionView),
        (status = 204, description = "The password is set, and there was no cookie.")))]
async fn set_password(
    State(app): State<App>,
    ctx: Ctx,
    ByCookie(csrf_token): ByCookie,
    way: Result<Way, Problem>,
    Body(request): Body<ChangePassword>,
) -> Answer<Response> {
    let way = if csrf_token.is_some() { Some(way?) } else { None };
    let (current, new) = (request.current_password.reveal(), request.new_password.into());
    let browser = app.me().set_password(&ctx, current, new, way.is_some()).await?;
    match browser.zip(way) {
        Some((browser, way)) => give(StatusCode::OK, browser, way),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}
