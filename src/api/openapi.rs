//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them by rule.
//!
//! Invariant: an answer that an operation can give by one of the rules here is documented for it, and no handler has
//! to say so.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::problem::{FieldFault, MEDIA_TYPE, ProblemView};
use crate::api::{Api, cookie, idempotency, v1};
use crate::domain::access;

/// The route of the document.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get))
}

/// Read this document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "system",
    responses((status = 200, description = "The OpenAPI document.", body = Object,
        example = json!({ "openapi": "3.1.0" }))))]
async fn get() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));

/// The document. It names no server: readers resolve its paths against where they got it.
pub fn document() -> Value {
    let spoken = v1::routes().into_openapi();
    // The types that make up the document all have a JSON form.
    let mut document = serde_json::to_value(spoken).unwrap_or_default();
    document["info"] = json!({
        "title": "CasperVPN",
        "version": env!("CARGO_PKG_VERSION"),
        "description": INTRODUCTION,
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["tags"] = TAGS.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
    document["security"] = json!([{ "bearer": [] }, { "cookie": [] }]);
    let paths = std::mem::take(&mut document["paths"]);
    document["paths"] = operations(paths);
    let components = &mut document["components"];
    components["securitySchemes"] = security_schemes();
    components["responses"] = problems();
    components["schemas"]["Problem"] = json!(ProblemView::schema());
    components["schemas"]["FieldFault"] = json!(FieldFault::schema());
    if let Some(schemas) = components["schemas"].as_object_mut() {
        complete(schemas);
    }
    document
}

const INTRODUCTION: &str = "\
The API of a CasperVPN appliance.\n\n\
**Signing in.** `POST /api/v1/sessions` gives an access token for `Authorization: Bearer …`, good for ten minutes, and a \
refresh token for the next pair. An account with a second factor is asked for it first: the answer is 202 with a \
challenge, which `POST /api/v1/sessions/second-factor` or `/sessions/passkey` answers. Programs hold an API token instead, `cvpn_…`, which stands in the same header and does \
what both its scopes and its user's role allow. Browsers trade a session for a cookie (`POST /api/v1/sessions/cookie`) \
and send `X-CSRF-Token` with each change. On the local socket root and the server's own account need no token.\n\n\
**Changes.** Every thing that can be changed has a revision, which is its `ETag`. PATCH and DELETE need it in `If-Match`: 428 without, 412 \
when somebody else was faster. Creates take an `Idempotency-Key`, so that they can be repeated without harm.\n\n\
**Lists.** `limit`, `sort` and `q` choose; `next` of a page is `after` of the next one, and null on the last.\n\n\
**Errors** are problem documents (RFC 9457, `application/problem+json`). `code` is for programs, `detail` for people, \
`errors` names the fields, parameters or headers at fault, `request_id` finds the request in the server's log. What a \
caller may not see is 404, what a caller may see but not do is 403.\n\n\
**Numbers** are integers up to 2^63 - 1. JavaScript keeps them exactly up to 2^53 - 1, which is 8 PiB.\n\n\
Bodies have at most 64 KiB. Nothing may be cached. There is no CORS: pages of other origins cannot use this API.";

const TAGS: &[(&str, &str)] = &[
    ("users", "Accounts that own devices."),
    ("invites", "Links by which people make their own accounts."),
    ("networks", "Address pools, and what clients are told about them."),
    ("nodes", "The servers that carry tunnels, and their places in networks."),
    ("devices", "WireGuard peers: their state, their configuration, what they move."),
    ("sessions", "Signing in and out."),
    ("api-tokens", "What programs hold to speak for a user."),
    ("identity-providers", "Where people are known already, and what they may do when they come from there."),
    ("me", "One's own account."),
    ("webhooks", "Programs elsewhere that are told of what happens."),
    ("audit", "Who did what."),
    ("system", "The service itself."),
    ("setup", "The first run."),
];

/// Answers that are problems: status, name, when, and how long to wait or how to sign in where a header says so.
const PROBLEMS: &[(u16, &str, &str, &str)] = &[
    (
        400,
        "BadRequest",
        "malformed_json",
        "The request cannot be read: no JSON, no UTF-8, or a malformed header or query.",
    ),
    (
        401,
        "Unauthenticated",
        "unauthenticated",
        "Nobody is signed in, or what was shown is not good or no longer so.",
    ),
    (
        403,
        "Forbidden",
        "forbidden",
        "The caller's role does not allow it, or not from this address, or not by a cookie alone; or it has to be proved \
         first that it is the caller (`step_up_required`), or a second factor has to be enrolled \
         (`mfa_enrolment_required`): `code` says which.",
    ),
    (404, "NotFound", "not_found", "There is no such thing, or it is not the caller's to see."),
    (408, "BodyTimeout", "body_timeout", "The request's body did not arrive in time."),
    (
        409,
        "Conflict",
        "taken",
        "The state of things does not allow it; `code` and `errors` say what is in the way.",
    ),
    (412, "Stale", "stale", "The thing has another revision than `If-Match` says: read it again."),
    (413, "BodyTooLarge", "body_too_large", "The request's body has more than 64 KiB."),
    (
        415,
        "UnsupportedMediaType",
        "unsupported_media_type",
        "The request's body is not `application/json` in UTF-8.",
    ),
    (422, "Invalid", "invalid", "A field or parameter breaks its rule; `errors` names each."),
    (428, "IfMatchRequired", "if_match_required", "`If-Match` is missing."),
    (
        429,
        "TooMany",
        "too_many_requests",
        "Too many requests from this address, or, with the code `too_many_attempts`, too many tries to sign in; \
         `Retry-After` says how long to wait.",
    ),
    (
        500,
        "Internal",
        "internal",
        "Something went wrong inside; the log has the cause under the request's id.",
    ),
    (
        503,
        "Busy",
        "busy",
        "The server has no room or no time for this now; `Retry-After` says when to come back.",
    ),
];

/// Operations without an id in their path that look for something by another name.
const AMONG_OTHERS: &[&str] = &[
    "link_redeem",
    "me_get",
    "me_update",
    "me_delete",
    "me_usage",
    "me_export",
    "me_mfa_get",
    "me_totp_create",
    "me_totp_confirm",
    "me_totp_delete",
    "me_recovery_codes_create",
    "me_passkey_begin",
    "me_passkey_create",
    "me_step_up",
    "me_step_up_passkey_begin",
    "session_list",
    "api_token_list",
    "me_identity_create",
    "ratelimit_unban",
    "usage_get",
];
/// Public operations that take a proof, and so can find it wanting.
const PROVEN: &[&str] = &[
    "session_create",
    "session_second_factor",
    "session_passkey",
    "session_refresh",
    "setup_run",
    "sign_in_finish",
];
/// Public operations that look for something, or change the state of things.
const CONFLICTING: &[&str] = &[
    "setup_run",
    "link_redeem",
    "session_passkey_begin",
    "session_passkey",
    "sign_in_begin",
    "password_reset_redeem",
    "invite_redeem",
];

fn operations(mut paths: Value) -> Value {
    let mut whole = Map::new();
    for (path, item) in paths.as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete_operation(method, operation);
        }
        whole.insert(format!("/api/v1{path}"), item.take());
    }
    Value::Object(whole)
}

fn complete_operation(method: &str, operation: &mut Value) {
    let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let is_public = access::PUBLIC.contains(&name.as_str());
    if is_public {
        operation["security"] = if name == "setup_run" { json!([{ "setup": [] }]) } else { json!([]) };
    } else if method != "get" {
        // Another page can make a browser send the cookie, and not the header.
        operation["security"] = json!([{ "bearer": [] }, { "cookie": [], "csrf": [] }]);
    }
    for status in statuses(method, &name, is_public, operation) {
        if let Some((_, word, ..)) = PROBLEMS.iter().find(|(known, ..)| *known == status) {
            operation["responses"][status.to_string()] =
                json!({ "$ref": format!("#/components/responses/{word}") });
        }
    }
    let has_tag = !UNREVISED.contains(&name.as_str())
        && (takes(operation, "header", "If-Match") || name.ends_with("_get") && !is_public);
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if status.starts_with('2') {
            response["headers"] = answer_headers(&name, status, has_tag, response);
        }
    }
}

/// Which problems an operation can answer with, by what it takes.
fn statuses(method: &str, name: &str, is_public: bool, operation: &Value) -> Vec<u16> {
    let has_body = operation.get("requestBody").is_some();
    let mut found = vec![429, 500, 503];
    let mut when = |holds: bool, statuses: &[u16]| {
        if holds {
            found.extend_from_slice(statuses);
        }
    };
    when(has_body, &[400, 408, 413, 415, 422]);
    when(takes(operation, "query", ""), &[400, 422]);
    when(takes(operation, "path", "") || AMONG_OTHERS.contains(&name), &[404]);
    when(takes(operation, "header", "If-Match"), &[400, 412, 428]);
    // What a replayed create had made may have been deleted since.
    when(takes(operation, "header", idempotency::HEADER), &[404]);
    // Anybody's address may be kept out, and who shows a cookie may show something else beside it.
    when(true, &[403]);
    when(!is_public, &[400, 401]);
    when(PROVEN.contains(&name), &[401]);
    when(method != "get" && (!is_public || CONFLICTING.contains(&name)), &[409]);
    found
}

fn takes(operation: &Value, place: &str, name: &str) -> bool {
    let parameters = operation["parameters"].as_array();
    let matches = |it: &Value| it["in"] == place && (name.is_empty() || it["name"] == name);
    parameters.is_some_and(|parameters| parameters.iter().any(matches))
}

fn answer_headers(name: &str, status: &str, has_tag: bool, response: &Value) -> Value {
    let text = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string", "examples": [example] } });
    let mut headers = Map::new();
    headers.insert(
        "X-Request-Id".to_owned(),
        text("Names the request.", "01983f6e-7b3a-7c00-8000-000000000000"),
    );
    let has_body = response.get("content").is_some();
    let is_create = status == "201" && REPEATABLE.contains(&name);
    if has_body && (has_tag || is_create && !UNREVISED.contains(&name)) {
        headers.insert("ETag".to_owned(), text("The revision, for `If-Match`.", "\"3\""));
    }
    if is_create {
        headers.insert(
            "Location".to_owned(),
            text("Where the thing is.", "/api/v1/users/01983f6e-7b3a-7c00-8000-000000000000"),
        );
        headers.insert(
            "Idempotency-Replayed".to_owned(),
            text("`true` where an earlier request with the same key made it.", "true"),
        );
    }
    Value::Object(headers)
}

/// Creates that can be repeated.
const REPEATABLE: &[&str] = &[
    "user_create",
    "network_create",
    "node_create",
    "node_network_create",
    "device_create",
    "api_token_create",
    "identity_provider_create",
    "invite_create",
    "webhook_create",
];

/// Operations on things without revisions, whose names would have one think otherwise.
const UNREVISED: &[&str] = &[
    "system_get",
    "api_token_get",
    "api_token_create",
    "invite_get",
    "invite_create",
    "me_mfa_get",
    "certificate_get",
    "overview_get",
    "job_get",
    "usage_get",
];

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The access token of `POST /api/v1/sessions`, or an API token: `cvpn_…`, of `POST /api/v1/api-tokens`.",
        },
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": cookie::NAME,
            "description": format!("The cookie of a browser's session, of `POST /api/v1/sessions/cookie`. Over HTTP on this machine \
                alone it is `{}`. Not together with an `Authorization` header.", cookie::LOCAL_NAME),
        },
        "csrf": {
            "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
            "description": "The `csrf_token` that came with the cookie, and that `GET /api/v1/me` repeats: beside the cookie in every \
                request that changes something, which must come from a page of the same origin.",
        },
        "setup": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "`Setup <token>`, the token of the setup link that `caspervpn setup-link` prints.",
        },
    })
}

fn problems() -> Value {
    let mut found = Map::new();
    for (status, word, code, text) in PROBLEMS {
        let title = http::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
        let example = json!({
            "type": format!("urn:caspervpn:problem:{code}"), "title": title, "status": status, "detail": text,
            "code": code, "request_id": "01983f6e-7b3a-7c00-8000-000000000000",
        });
        let mut answer = json!({
            "description": text,
            "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" }, "example": example } },
        });
        let header = match status {
            401 => Some(("WWW-Authenticate", "How to sign in.", "Bearer")),
            429 | 503 => Some(("Retry-After", "Seconds to wait, at least one.", "1")),
            _ => None,
        };
        if let Some((name, text, example)) = header {
            answer["headers"] = json!({ name: { "description": text, "schema": { "type": "string", "examples": [example] } } });
        }
        found.insert((*word).to_owned(), answer);
    }
    Value::Object(found)
}

/// Gives each object an example made of its fields' own, and closes it where the type refuses unknown fields.
fn complete(schemas: &mut Map<String, Value>) {
    for schema in schemas.values_mut() {
        modernise(schema);
    }
    let known = schemas.clone();
    for schema in schemas.values_mut() {
        let is_whole = schema["type"] == "object" || schema.get("allOf").is_some();
        if is_whole && schema.get("examples").is_none() && schema.get("example").is_none() {
            schema["examples"] = json!([example(schema, &known)]);
        }
    }
}

/// OpenAPI 3.1 speaks JSON Schema 2020-12, which knows `examples` only.
fn modernise(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(example) = fields.remove("example") {
                fields.insert("examples".to_owned(), json!([example]));
            }
            for (name, field) in fields.iter_mut().filter(|(name, _)| *name != "examples") {
                if name == "properties" {
                    field.as_object_mut().into_iter().flatten().for_each(|(_, property)| modernise(property));
                } else {
                    modernise(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(modernise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A value of a schema: its own example, or one made of its parts.
fn example(schema: &Value, known: &Map<String, Value>) -> Value {
    if let Some(found) = schema.get("example").or_else(|| schema.get("examples").and_then(|all| all.get(0))) {
        return found.clone();
    }
    if let Some(target) =
        schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).and_then(|name| known.get(name))
    {
        return example(target, known);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let examples = parts.iter().map(|part| example(part, known));
        return examples.filter_map(|part| part.as_object().cloned()).flatten().collect();
    }
    let parts = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    if let Some(part) = parts.and_then(|parts| parts.iter().find(|part| part["type"] != "null")) {
        return example(part, known);
    }
    match first_type(schema) {
        "object" => {
            let fields = schema["properties"].as_object();
            let fields =
                fields.into_iter().flatten().map(|(name, field)| (name.clone(), example(field, known)));
            Value::Object(fields.collect())
        }
        "array" => json!([example(&schema["items"], known)]),
        "boolean" => json!(false),
        "integer" => json!(1),
        "string" => json!("text"),
        _ => Value::Null,
    }
}

fn first_type(schema: &Value) -> &str {
    let of_many = || {
        schema["type"]
            .as_array()
            .and_then(|all| all.iter().find_map(|it| it.as_str().filter(|it| *it != "null")))
    };
    schema["type"].as_str().or_else(of_many).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{document, takes};
    use crate::domain::access::{Action, PUBLIC};
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().iter().map(move |(method, it)| (path.as_str(), method.as_str(), it))
            })
            .collect()
    }

    #[test]
    fn the_document_is_the_golden_one() {
        insta::assert_json_snapshot!("openapi", document());
    }

    #[test]
    fn the_operations_are_exactly_the_actions_and_the_public_ones() {
        let document = document();
        let found: Vec<_> =
            operations(&document).into_iter().map(|(.., it)| it["operationId"].as_str().unwrap()).collect();
        let unique: BTreeSet<_> = found.iter().copied().collect();
        let known: BTreeSet<_> =
            Action::ALL.iter().map(|action| action.as_str()).chain(PUBLIC.iter().copied()).collect();

        assert_eq!(unique.len(), found.len());
        assert_eq!(unique, known);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str));
                    fields.values().for_each(|field| walk(field, found));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = document();
        let mut references = Vec::new();
        walk(&document, &mut references);

        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_schema_has_an_example_and_every_operation_words() {
        let document = document();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert!(schema.get("example").or(schema.get("examples")).is_some(), "{name} has no example");
            assert!(schema.get("description").is_some(), "{name} has no description");
        }
        for (path, method, operation) in operations(&document) {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{method} {path}");
            assert!(operation["responses"]["500"].is_object(), "{method} {path}");
        }
    }

    #[test]
    fn every_list_says_what_it_can_be_asked() {
        let document = document();
        let lists = ["user_list", "network_list", "node_list", "device_list", "audit_list", "api_token_list"];
        for (.., operation) in operations(&document) {
            if lists.contains(&operation["operationId"].as_str().unwrap()) {
                assert!(["limit", "after", "sort", "q"].iter().all(|name| takes(operation, "query", name)));
            }
        }
    }

    #[test]
    fn every_body_refuses_fields_it_does_not_know() {
        let document = document();
        for (path, method, operation) in operations(&document) {
            if let Some(body) = operation.get("requestBody") {
                let name = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
                let schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
                assert_eq!(schema["additionalProperties"], false, "{method} {path}");
            }
        }
    }
}
