//! API tokens over HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::idempotency::Once;
use crate::api::number::Once as Secret;
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, REPLAYED, page_of};
use crate::api::schema::Range;
use crate::app::api_tokens::{self, ApiTokenItem, ApiTokenSort};
use crate::app::ctx::Ctx;
use crate::app::error::AppError;
use crate::app::{App, Created};
use crate::domain::api_token::{AllowList, Scope, Scopes};
use crate::domain::id::{ApiTokenId, UserId};
use crate::domain::name::ApiTokenName;
use crate::domain::time::Timestamp;

/// The routes of API tokens.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

/// An API token: what a program may do for a user. It never changes; make another and delete this one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01983f6e-7b3a-7c00-8000-000000000000", "user_id": "01983f6e-7b3a-7c00-8000-000000000000",
    "name": "backup", "scopes": ["device_list"], "allowed_from": ["192.0.2.0/24"],
    "expires_at": "2027-01-31T12:00:00Z", "last_used_at": null, "created_at": "2026-01-31T12:00:00Z",
}))]
pub struct ApiTokenView {
    /// Names the token. It is not the token itself.
    id: ApiTokenId,
    /// For whom it speaks.
    user_id: UserId,
    /// What it is called.
    name: ApiTokenName,
    /// What it may do, as far as its user's role allows.
    scopes: Vec<Scope>,
    /// The addresses it may be used from; null where that is every one.
    #[schema(value_type = Option<Vec<Range>>, example = json!(["192.0.2.0/24"]))]
    allowed_from: Option<Vec<IpNet>>,
    /// When it is no longer good; null where it does not expire.
    expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    last_used_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// The token, for `Authorization: Bearer …`: in the answer to its making and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<Secret>,
}

impl From<ApiTokenItem> for ApiTokenView {
    fn from(item: ApiTokenItem) -> Self {
        let ApiTokenItem { token, secret } = item;
        let ranges = token.allowed_from.ranges();
        Self {
            id: token.id,
            user_id: token.user,
            scopes: token.scopes.words(),
            allowed_from: (!ranges.is_empty()).then(|| ranges.to_vec()),
            name: token.name,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            created_at: token.created_at,
            token: secret.map(Secret),
        }
    }
}

page_of! {
    /// A page of API tokens.
    ApiTokenPage of ApiTokenView
}

impl Column for ApiTokenSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("created_at", Self::CreatedAt, Values::Times), ("name", Self::Name, Values::Texts)];
}

list_query! {
    /// Which tokens are listed.
    ListApiTokens by ApiTokensOrder of ApiTokenSort {
        /// Only tokens of this user.
        user_id: UserId,
    }
}

/// An API token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiToken {
    /// What it is called.
    name: ApiTokenName,
    /// What it may do, as far as its user's role allows: operations' ids, or `all` alone. Nothing lets it act on tokens,
    /// passwords or sessions, or change a role.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// The addresses it may be used from; every one where it is left out. With it, the token is no good on a unix socket.
    #[schema(value_type = Option<Vec<Range>>, min_items = 1, max_items = 64, example = json!(["192.0.2.0/24"]))]
    allowed_from: Option<Vec<IpNet>>,
    /// When it is no longer good; it does not expire where it is left out.
    expires_at: Option<Timestamp>,
    /// For whom it speaks: the caller where it is left out. Only the machine's administrator names another.
    user_id: Option<UserId>,
}

impl TryFrom<CreateApiToken> for api_tokens::CreateApiToken {
    type Error = Problem;

    fn try_from(request: CreateApiToken) -> Result<Self, Problem> {
        let ranges = request.allowed_from.as_deref().map(AllowList::new).transpose();
        Ok(Self {
            user: request.user_id,
            name: request.name,
            scopes: Scopes::new(&request.scopes).map_err(|rule| AppError::invalid("/scopes", rule))?,
            allowed_from: ranges
                .map_err(|rule| AppError::invalid("/allowed_from", rule))?
                .unwrap_or_default(),
            expires_at: request.expires_at,
        })
    }
}

/// List API tokens.
///
/// Only owners, admins and auditors see those of others.
#[utoipa::path(get, path = "/api-tokens", operation_id = "api_token_list", tag = "api-tokens", params(ListApiTokens),
    responses((status = 200, description = "A page of tokens.", body = ApiTokenPage)))]
async fn list(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListApiTokens>,
) -> Answer<Json<ApiTokenPage>> {
    let page = query.page()?;
    reply::page::<_, ApiTokenView, _>(app.api_tokens().list(&ctx, query.user_id, page).await?)
}

/// Make an API token.
///
/// The answer has the token itself, which is shown here and never again, also not to a repetition of the request.
#[utoipa::path(post, path = "/api-tokens", operation_id = "api_token_create", tag = "api-tokens",
    params(Once<CreateApiToken>), request_body = CreateApiToken,
    responses((status = 201, description = "The token was made.", body = ApiTokenView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateApiToken>) -> Answer {
    let (ctx, request) = body.within(ctx);
    let (made, replayed) = match app.api_tokens().create(&ctx, request.try_into()?).await? {
        Created::New(made) => (made, false),
        Created::Replayed(made) => (made, true),
    };
    let location = HeaderValue::from_str(&format!("/api/v1/api-tokens/{}", made.token.id));
    let mut response: Response = (StatusCode::CREATED, Json(ApiTokenView::from(made))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Read what an API token may do.
#[utoipa::path(get, path = "/api-tokens/{id}", operation_id = "api_token_get", tag = "api-tokens",
    params(Id<ApiTokenId>), responses((status = 200, description = "The token's facts.", body = ApiTokenView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<ApiTokenId>) -> Answer<Json<ApiTokenView>> {
    Ok(Json(app.api_tokens().get(&ctx, id).await?.into()))
}

/// Delete an API token.
///
/// It is no longer good from now on. A token has no revisions, so this wants no `If-Match`.
#[utoipa::path(delete, path = "/api-tokens/{id}", operation_id = "api_token_delete", tag = "api-tokens",
    params(Id<ApiTokenId>), responses((status = 204, description = "The token is gone.")))]
async fn delete(State(app): State<App>, ctx: Ctx, Id(id): Id<ApiTokenId>) -> Answer<StatusCode> {
    app.api_tokens().delete(&ctx, id).await?;
    reply::done()
}
