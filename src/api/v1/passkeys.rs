//! One's own passkeys over HTTP.

use std::fmt;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AdditionalProperties, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::number::{Once, Shown};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::reply::{self, Answer, Revised};
use crate::api::v1::mfa::shown_once;
use crate::app::ctx::Ctx;
use crate::app::sessions::Question;
use crate::app::{App, Revision};
use crate::domain::id::PasskeyId;
use crate::domain::name::PasskeyName;
use crate::domain::passkey::Passkey;
use crate::domain::time::Timestamp;

/// The routes of passkeys.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(begin)).routes(routes!(update, delete))
}

/// A passkey: a key pair in its owner's device, of which the service knows the public half.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyView {
    /// Names the passkey.
    id: PasskeyId,
    /// What its owner calls it.
    name: PasskeyName,
    /// Counts the changes: the ETag.
    #[schema(minimum = 0, example = 1)]
    revision: i64,
    /// When it was added.
    created_at: Timestamp,
    /// When it last signed in.
    last_used_at: Option<Timestamp>,
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            revision: passkey.revision,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        }
    }
}

impl Revised for PasskeyView {
    fn location(&self) -> String {
        format!("/me/passkeys/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

/// One's passkeys, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyList {
    /// The passkeys.
    items: Vec<PasskeyView>,
}

/// What a browser is asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyQuestion {
    /// Goes back with the answer, once, within five minutes.
    challenge: Once,
    /// Until when it may be answered.
    expires_at: Timestamp,
    /// For `navigator.credentials`: an object with the member `publicKey`, whose bytes are in base64url.
    #[schema(value_type = Object, example = json!({ "publicKey": { "challenge": "…" } }))]
    options: Value,
}

impl From<Question> for PasskeyQuestion {
    fn from(question: Question) -> Self {
        Self {
            challenge: Once(question.token),
            expires_at: question.expires_at,
            options: question.passkey_options.unwrap_or(Value::Null),
        }
    }
}

/// What a browser answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyAnswer {
    /// The question's challenge.
    pub(super) challenge: Shown,
    /// What `navigator.credentials.get` gave.
    pub(super) credential: Credential,
}

/// A passkey that a browser made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPasskey {
    /// The question's challenge.
    challenge: Shown,
    /// What its owner calls it.
    name: PasskeyName,
    /// What `navigator.credentials.create` gave.
    credential: Credential,
}

/// A passkey that was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedPasskey {
    /// The passkey.
    passkey: PasskeyView,
    /// Recovery codes to print, where this is the first factor; else null, and those of before stay good. They are
    /// shown in this answer alone.
    recovery_codes: Option<Vec<Once>>,
}

/// Changes of a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePasskey {
    /// What its owner calls it.
    name: PasskeyName,
}

/// A credential as a browser's `toJSON()` writes it.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Credential(Map<String, Value>);

impl From<Credential> for Map<String, Value> {
    fn from(credential: Credential) -> Self {
        credential.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(***)")
    }
}

impl PartialSchema for Credential {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .description(Some(
                "A PublicKeyCredential, as a browser's `toJSON()` writes it: bytes in base64url.",
            ))
            .examples([json!({ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {} })])
            .into()
    }
}

impl ToSchema for Credential {}

/// List one's passkeys.
#[utoipa::path(get, path = "/me/passkeys", operation_id = "me_passkey_list", tag = "me",
    responses((status = 200, description = "The passkeys.", body = PasskeyList)))]
async fn list(State(app): State<App>, ctx: Ctx) -> Answer<Json<PasskeyList>> {
    let found = app.passkeys().list(&ctx).await?;
    Ok(Json(PasskeyList { items: found.into_iter().map(Into::into).collect() }))
}

/// Ask for what a browser makes a passkey of.
#[utoipa::path(post, path = "/me/passkeys/begin", operation_id = "me_passkey_begin", tag = "me",
    responses((status = 201, description = "The question.", body = PasskeyQuestion)))]
async fn begin(State(app): State<App>, ctx: Ctx) -> Answer<Response> {
    let question = app.passkeys().begin(&ctx).await?;
    Ok((StatusCode::CREATED, Json(PasskeyQuestion::from(question))).into_response())
}

/// Add the passkey that a browser made.
///
/// Ends one's other sessions.
#[utoipa::path(post, path = "/me/passkeys", operation_id = "me_passkey_create", tag = "me",
    request_body = AddPasskey,
    responses((status = 201, description = "It is added.", body = AddedPasskey)))]
async fn create(State(app): State<App>, ctx: Ctx, Body(request): Body<AddPasskey>) -> Answer<Response> {
    let shown = request.credential.into();
    let added = app.passkeys().create(&ctx, request.challenge.reveal(), request.name, shown).await?;
    let view = AddedPasskey { passkey: added.passkey.into(), recovery_codes: added.codes.map(shown_once) };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Rename a passkey.
#[utoipa::path(patch, path = "/me/passkeys/{id}", operation_id = "me_passkey_update", tag = "me",
    params(Id<PasskeyId>, IfMatch), request_body = UpdatePasskey,
    responses((status = 200, description = "The passkey as it is now.", body = PasskeyView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<PasskeyId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdatePasskey>,
) -> Answer {
    let renamed = app.passkeys().rename(&ctx, id, revision, request.name).await?;
    reply::item(PasskeyView::from(renamed))
}

/// Delete a passkey.
///
/// Ends one's other sessions. With the last factor go the recovery codes.
#[utoipa::path(delete, path = "/me/passkeys/{id}", operation_id = "me_passkey_delete", tag = "me",
    params(Id<PasskeyId>), responses((status = 204, description = "It is gone.")))]
async fn delete(State(app): State<App>, ctx: Ctx, Id(id): Id<PasskeyId>) -> Answer<StatusCode> {
    app.passkeys().delete(&ctx, id).await?;
    reply::done()
}
