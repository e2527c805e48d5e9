//! The API end to end: the real router over a real database.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::api_house::House;
use crate::databases::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem_document_with_its_headers() {
    let house = House::new(TestDatabase::sqlite()).await;
    let host = house.host();
    let raw = async |method: &str, path: &str, headers: &[(&str, &str)], body: &'static [u8]| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        host.raw(request.body(Body::from(body)).unwrap()).await
    };
    let json = &[("content-type", "application/json")];

    assert_eq!(raw("GET", "/api/v1/nothing", &[], b"").await.problem(404), "not_found");
    assert_eq!(raw("GET", "/api/v1", &[], b"").await.problem(404), "not_found");
    assert_eq!(raw("GET", "/api/v1/", &[], b"").await.problem(404), "not_found");
    assert_eq!(raw("GET", "/api", &[], b"").await.problem(404), "not_found");
    assert_eq!(raw("GET", "/api/v2/users", &[], b"").await.problem(404), "not_found");
    assert_eq!(raw("GET", "/api/v1/users/7", &[], b"").await.problem(404), "not_found");
    assert_eq!(raw("GET", "/api/v1/users/%ff", &[], b"").await.problem(404), "not_found");
    let wrong_method = raw("PUT", "/api/v1/users", &[], b"").await;
    assert_eq!(wrong_method.problem(405), "method_not_allowed");
    assert_eq!(wrong_method.headers["allow"], "GET,HEAD,POST");
    assert_eq!(raw("POST", "/api/v1/users", &[], b"{}").await.problem(415), "unsupported_media_type");
    assert_eq!(raw("POST", "/api/v1/users", json, b"{").await.problem(400), "malformed_json");
    assert_eq!(raw("POST", "/api/v1/users", json, b"\"\xff\"").await.problem(400), "not_utf8");
    assert_eq!(raw("POST", "/api/v1/users", json, &[b' '; 70_000]).await.problem(413), "body_too_large");
    assert_eq!(raw("GET", "/api/v1/users?limt=1", &[], b"").await.body["errors"][0]["parameter"], "limt");
    assert_eq!(raw("GET", "/api/v1/users?q=%zz", &[], b"").await.problem(400), "malformed_query");
    let id = "01983f6e-7b3a-7c00-8000-000000000000";
    let missing = raw("DELETE", &format!("/api/v1/users/{id}"), &[], b"").await;
    assert_eq!(missing.problem(428), "if_match_required");
    let basic = raw("GET", "/api/v1/me", &[("authorization", "Basic YTpi")], b"").await;
    assert_eq!(basic.problem(401), "unauthenticated");
    assert_eq!(basic.headers["cache-control"], "no-store");
    assert_eq!(basic.headers["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_is_not_public_refuses_nobody() {
    let house = House::new(TestDatabase::sqlite()).await;
    let nobody = house.nobody();
    let document = nobody.get("/openapi.json").await.expect(StatusCode::OK);

    for (method, path, operation) in operations(&document) {
        if operation["security"] == json!([]) || operation["operationId"] == "setup_run" {
            continue;
        }
        let path =
            path.replace("{id}", ID).replace("{node_network_id}", ID).replace("{name}", "vpn.example.org");
        let answer = nobody.send(method.clone(), path.strip_prefix("/api/v1").unwrap(), &[], None).await;
        assert_eq!(answer.problem(401), "unauthenticated", "{method} {path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_every_body_refuses_a_wrong_type_and_an_overlong_value_by_name() {
    let house = House::new(TestDatabase::sqlite()).await;
    let host = house.host();
    let document = host.get("/openapi.json").await.expect(StatusCode::OK);
    let mut tried = BTreeSet::new();

    for (method, path, operation) in operations(&document) {
        let Some(body) = operation.get("requestBody") else { continue };
        let schema = resolve(&document, &body["content"]["application/json"]["schema"]);
        let good = &schema["examples"][0];
        let path =
            path.replace("{id}", ID).replace("{node_network_id}", ID).replace("{name}", "vpn.example.org");
        let path = path.strip_prefix("/api/v1").unwrap();
        for (pointer, field) in fields(&document, schema, "") {
            for bad in [wrong_type(field), json!("x".repeat(2000))] {
                let mut request = good.clone();
                *request
                    .pointer_mut(&pointer)
                    .unwrap_or_else(|| panic!("{path} has no example of {pointer}")) = bad.clone();
                let headers = &[("if-match", "\"1\"")][..];
                let answer = host.send(method.clone(), path, headers, Some(request)).await;

                assert_eq!(answer.problem(422), "invalid", "{method} {path} {pointer} {bad}");
                let named = answer.body["errors"][0]["pointer"].as_str().unwrap();
                assert!(named.starts_with(&pointer), "{method} {path}: {pointer} was called {named}");
                tried.insert(format!("{method} {path} {pointer}"));
            }
        }
        let mut unknown = good.clone();
        unknown["no_such_field"] = json!(1);
        let answer = host.send(method.clone(), path, &[("if-match", "\"1\"")], Some(unknown)).await;
        assert_eq!(answer.body["errors"][0]["pointer"], "/no_such_field", "{method} {path} {}", answer.body);
    }

    assert!(tried.len() > 50, "only {} fields were tried", tried.len());
}

const ID: &str = "01983f6e-7b3a-7c00-8000-000000000000";

fn operations(document: &Value) -> Vec<(Method, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter().map(move |(method, it)| (method.to_uppercase().parse().unwrap(), path.as_str(), it))
        })
        .collect()
}

/// A schema behind its reference, without the null that it may allow.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(target) = schema["$ref"].as_str() {
        return resolve(document, document.pointer(target.strip_prefix('#').unwrap()).unwrap());
    }
    match schema["oneOf"].as_array().and_then(|parts| parts.iter().find(|part| part["type"] != "null")) {
        Some(part) => resolve(document, part),
        None => schema,
    }
}

/// Every field of a body with its JSON pointer, those of nested objects among them.
fn fields<'a>(document: &'a Value, schema: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let (pointer, field) = (format!("{at}/{name}"), resolve(document, field));
        found.extend(fields(document, field, &pointer));
        found.push((pointer, field));
    }
    found
}

/// A value that no rule of the field allows.
fn wrong_type(field: &Value) -> Value {
    let kind = &field["type"];
    let is_text = kind == "string" || kind.as_array().is_some_and(|all| all.contains(&json!("string")));
    if is_text { json!(7) } else { json!("7") }
}
