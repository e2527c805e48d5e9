//! One's own links to identity providers, over HTTP.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::path::Id;
use crate::api::reply::{self, Answer};
use crate::api::v1::sign_in::{BegunView, begun};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::domain::external_identity::ExternalIdentity;
use crate::domain::id::{ExternalIdentityId, IdentityProviderId};
use crate::domain::time::Timestamp;

/// The routes of one's own links.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(delete))
}

/// A link of one's own account to somebody at an identity provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentityView {
    /// Names the link.
    id: ExternalIdentityId,
    /// The provider.
    identity_provider_id: IdentityProviderId,
    /// Who it is at the provider.
    #[schema(max_length = 255, example = "248289761001")]
    subject: String,
    /// Whether the provider's groups decide the account's role.
    is_managed: bool,
    /// When it was last used to sign in.
    last_used_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
}

impl From<ExternalIdentity> for IdentityView {
    fn from(it: ExternalIdentity) -> Self {
        Self {
            id: it.id,
            identity_provider_id: it.provider,
            subject: it.subject,
            is_managed: it.is_managed,
            last_used_at: it.last_used_at,
            created_at: it.created_at,
        }
    }
}

/// One's own links, the oldest first: one for each provider at most.
#[derive(Debug, Serialize, ToSchema)]
pub struct Identities {
    /// The links.
    items: Vec<IdentityView>,
}

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIdentity {
    /// The provider at which one is known.
    identity_provider_id: IdentityProviderId,
}

/// List one's own links to identity providers.
#[utoipa::path(get, path = "/me/identities", operation_id = "me_identity_list", tag = "me",
    responses((status = 200, description = "The links.", body = Identities)))]
async fn list(State(app): State<App>, ctx: Ctx) -> Answer<Json<Identities>> {
    let found = app.identities().list(&ctx).await?;
    Ok(Json(Identities { items: found.into_iter().map(Into::into).collect() }))
}

/// Begin to link one's own account to somebody at an identity provider.
///
/// Sets a cookie for ten minutes; then send the browser to `url`. The provider has to vouch for a mail address of the person.
#[utoipa::path(post, path = "/me/identities", operation_id = "me_identity_create", tag = "me",
    request_body = CreateIdentity,
    responses((status = 200, description = "Where the browser goes next.", body = BegunView)))]
async fn create(State(app): State<App>, ctx: Ctx, Body(request): Body<CreateIdentity>) -> Answer {
    begun(app.sign_in().begin_link(&ctx, request.identity_provider_id).await?)
}

/// Remove one of one's own links.
///
/// The last one of an account without a password stays, or nobody could sign in to it.
#[utoipa::path(delete, path = "/me/identities/{id}", operation_id = "me_identity_delete", tag = "me",
    params(Id<ExternalIdentityId>), responses((status = 204, description = "The link is gone.")))]
async fn delete(State(app): State<App>, ctx: Ctx, Id(id): Id<ExternalIdentityId>) -> Answer<StatusCode> {
    app.identities().delete(&ctx, id).await?;
    reply::done()
}
