//! One's own account over HTTP.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::number::{NewPassword, Shown};
use crate::api::precondition::IfMatch;
use crate::api::reply::{self, Answer};
use crate::api::schema::{given, patch};
use crate::api::v1::users::UserView;
use crate::app::ctx::Ctx;
use crate::app::{App, Patch, me};
use crate::domain::contact::Email;
use crate::domain::language::Language;
use crate::domain::name::DisplayName;

/// The routes of one's own account.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get, update)).routes(routes!(set_password))
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

/// Read one's own account.
#[utoipa::path(get, path = "/me", operation_id = "me_get", tag = "me",
    responses((status = 200, description = "The account.", body = UserView)))]
async fn get(State(app): State<App>, ctx: Ctx) -> Answer {
    reply::item(UserView::from(app.me().get(&ctx).await?))
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
/// Every session ends, this one too: sign in again.
#[utoipa::path(post, path = "/me/password", operation_id = "me_set_password", tag = "me",
    request_body = ChangePassword, responses((status = 204, description = "The password is set.")))]
async fn set_password(
    State(app): State<App>,
    ctx: Ctx,
    Body(request): Body<ChangePassword>,
) -> Answer<StatusCode> {
    app.me().set_password(&ctx, request.current_password.reveal(), request.new_password.into()).await?;
    reply::done()
}
