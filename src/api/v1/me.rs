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
use crate::api::reply::{self, Answer};
use crate::api::v1::users::UserView;
use crate::app::App;
use crate::app::ctx::Ctx;

/// The routes of one's own account.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(set_password))
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
