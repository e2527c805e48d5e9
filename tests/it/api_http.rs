//! What HTTP itself promises: what a tag stands for, and who may act when a body is slow to arrive.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;

use crate::api_house::{Answer, Client, House};
use crate::databases::on_both;

on_both! {
    async fn a_tag_does_not_hide_what_changes_under_it(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let made = owner.post("/devices", json!({ "name": "phone" })).await.expect(StatusCode::CREATED);
        let path = format!("/devices/{}", made["id"].as_str().unwrap());
        let before = owner.get(&path).await;
        owner.act(&format!("{path}/reveal")).await.expect(StatusCode::OK);

        let after = owner.send(Method::GET, &path, &[("if-none-match", before.tag())], None).await;

        assert_eq!(before.body["has_private_key"], true);
        assert_eq!(after.expect(StatusCode::OK)["has_private_key"], false);
    }

    async fn who_is_disabled_while_a_slow_body_arrives_does_not_act(database) {
        let house = House::new(database).await;
        let (id, ada) = (house.user("op", "operator").await, house.user("ada", "member").await);
        let operator = house.sign_in("op").await;
        let path = format!("/users/{id}");
        let create = slow(&operator, Method::POST, "/users", r#"{"login":"eve"}"#).await;
        let change = slow(&operator, Method::PATCH, &format!("/users/{ada}"), r#"{"display_name":"Eve"}"#).await;
        let patient = slow(&house.sign_in("ada").await, Method::POST, "/devices", r#"{"name":"phone"}"#).await;

        house.host().act(&format!("{path}/disable")).await.expect(StatusCode::OK);

        for request in [create, change] {
            assert_eq!(request.arrive().await.problem(401), "unauthenticated");
        }
        patient.arrive().await.expect(StatusCode::CREATED);
        let users = house.host().get("/users").await.expect(StatusCode::OK).to_string();
        assert!(!users.to_lowercase().contains("eve"), "{users}");
    }

    async fn an_endpoint_that_nobody_has_is_refused(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let tag = owner.get("/settings").await.tag().to_owned();

        for bad in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1"] {
            let refused = owner.patch("/settings", &tag, json!({ "endpoint_host": bad })).await;
            assert_eq!(refused.problem(422), "invalid", "{bad}");
            assert_eq!(refused.body["errors"][0]["pointer"], "/endpoint_host");
            assert!(refused.body["detail"].as_str().unwrap().contains("no client can send to"), "{}", refused.body);
        }
        owner.patch("/settings", &tag, json!({ "endpoint_host": "127.0.0.1" })).await.expect(StatusCode::OK);
    }

    async fn the_hosts_administrator_is_told_that_it_has_no_account(database) {
        let refused = House::new(database).await.host().get("/me").await;

        assert_eq!(refused.problem(403), "forbidden");
        assert!(refused.body["detail"].as_str().unwrap().contains("sign in as a user"), "{}", refused.body);
    }
}

/// A request that was let in and whose body is not there yet.
pub(crate) struct Slow {
    gate: oneshot::Sender<()>,
    answer: tokio::task::JoinHandle<Answer>,
}

impl Slow {
    pub(crate) async fn arrive(self) -> Answer {
        self.gate.send(()).unwrap();
        self.answer.await.unwrap()
    }
}

/// Sends a request, and returns when the server waits for its body.
pub(crate) async fn slow(client: &Client, method: Method, path: &str, body: &'static str) -> Slow {
    let (gate, opened) = oneshot::channel();
    let (asked, wanted) = oneshot::channel();
    let body = stream::once(async move {
        asked.send(()).unwrap();
        opened.await.unwrap();
        Ok::<_, Infallible>(Bytes::from_static(body.as_bytes()))
    });
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("content-type", "application/json")
        .header("if-match", "\"1\"")
        .body(Body::from_stream(body))
        .unwrap();
    let client = client.clone();
    let answer = tokio::spawn(async move { client.raw(request).await });
    wanted.await.unwrap();
    Slow { gate, answer }
}
