//! That whatever changes something is in the audit, and that no secret is.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

use crate::api_devices::{device, drop_it};
use crate::api_house::{Client, House, PASSWORD, first, setup_request};
use crate::databases::TestDatabase;

/// What is done here is looked for here; `Client::raw` looks for the event of every other request of these tests.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_changes_something_leaves_an_event() {
    let house = House::over(TestDatabase::sqlite()).await;
    let done = do_everything(&house).await;
    let document = house.host().get("/openapi.json").await.expect(StatusCode::OK);

    let paths = document["paths"].as_object().unwrap().values();
    let changing = paths.flat_map(|item| item.as_object().unwrap()).filter(|(method, _)| *method != "get");
    let missing: Vec<&str> = changing
        .map(|(_, operation)| operation["operationId"].as_str().unwrap())
        .filter(|name| {
            !done.contains(*name) && !WITHOUT_EVENT.contains(name) && !DONE_ELSEWHERE.contains(name)
        })
        .collect();

    assert_eq!(missing, Vec::<&str>::new(), "let do_everything do these, or name the test that does");
}

/// A session that goes on is not news: its begin and its end are. Nor is a question that another request answers, or
/// something that is only tried out, or that somebody says to have forgotten a password.
const WITHOUT_EVENT: &[&str] = &[
    "session_refresh",
    "session_passkey_begin",
    "me_passkey_begin",
    "me_step_up_passkey_begin",
    "sign_in_begin",
    "me_identity_create",
    "identity_provider_test",
    "password_reset_create",
];

/// Operations that need more than a house, such as a browser or a server of somebody else: tests of their own do them, most
/// of them through `Client::raw`.
const DONE_ELSEWHERE: &[&str] = &[
    // identity_providers::, sign_in::
    "identity_provider_create",
    "identity_provider_update",
    "identity_provider_delete",
    "me_identity_delete",
    "sign_in_finish",
    // api_cookies::
    "session_cookie",
    // master_key::
    "master_key_rotate",
    // mfa::
    "me_totp_create",
    "me_totp_confirm",
    "me_totp_delete",
    "me_recovery_codes_create",
    "me_step_up",
    "session_second_factor",
    "user_disable_mfa",
    // e2e::e2e_passkeys_are_made_and_used_by_a_real_browser_once_each
    "me_passkey_create",
    "me_passkey_update",
    "me_passkey_delete",
    "me_step_up_passkey",
    "session_passkey",
    // invites::, password_resets::, mail::, webhooks::
    "invite_create",
    "invite_redeem",
    "invite_delete",
    "me_update",
    "password_reset_redeem",
    "user_reset_link_create",
    "settings_mail_test",
    "webhook_create",
    "webhook_update",
    "webhook_delete",
    "webhook_test",
    "webhook_redeliver",
    // panel_lists::
    "job_retry",
    // certificates::
    "certificate_renew",
];

/// Does one of each, and gives the names of all events that this left.
async fn do_everything(house: &House) -> BTreeSet<String> {
    let host = house.host();
    host.act("/setup/link").await.expect(StatusCode::CREATED);
    host.post("/setup", setup_request()).await.expect(StatusCode::CREATED);
    let owner = house.owner().await;
    let change = async |path: &str, body| {
        let tag = owner.get(path).await.tag().to_owned();
        owner.patch(path, &tag, body).await.expect(StatusCode::OK);
    };
    let user = format!("/users/{}", house.user("ada", "member").await);
    change(&user, json!({ "display_name": "Ada" })).await;
    for act in ["disable", "enable"] {
        owner.act(&format!("{user}/{act}")).await.expect(StatusCode::OK);
    }
    let password = json!({ "password": "another good password" });
    owner.post(&format!("{user}/password"), password).await.expect(StatusCode::NO_CONTENT);
    let phone = device(&owner, "phone").await;
    change(&phone, json!({ "note": "lent" })).await;
    for act in ["disable", "enable", "reveal"] {
        owner.act(&format!("{phone}/{act}")).await.expect(StatusCode::OK);
    }
    let desk = device(&owner, "desk").await;
    let link = owner.act(&format!("{desk}/link")).await.expect(StatusCode::CREATED);
    let token = json!({ "token": link["token"] });
    house.nobody().post("/links/redeem", token).await.expect(StatusCode::OK);
    let node =
        owner.post("/nodes", json!({ "name": "fra-1", "location": "" })).await.expect(StatusCode::CREATED);
    let node = format!("/nodes/{}", node["id"].as_str().unwrap());
    change(&node, json!({ "location": "Frankfurt" })).await;
    let network = format!("/networks/{}", first(&owner, "/networks").await);
    let network_id = network.strip_prefix("/networks/").unwrap();
    let place = owner.post(&format!("{node}/networks"), json!({ "network_id": network_id })).await;
    let path = format!("{node}/networks/{}", place.body["id"].as_str().unwrap());
    let moved = owner.patch(&path, place.tag(), json!({ "listen_port": 4500 })).await;
    owner.delete(&path, moved.tag()).await.expect(StatusCode::NO_CONTENT);
    drop_it(&owner, &node).await;
    change(&network, json!({ "mtu": 1400 })).await;
    change("/settings", json!({ "show_endpoints": true })).await;
    let more = json!({ "name": "more", "ipv4": "10.99.0.0/24", "dns": ["9.9.9.9"] });
    owner.post("/networks", more).await.expect(StatusCode::CREATED);
    for path in [&phone, &user, &network] {
        drop_it(&owner, path).await;
        owner.act(&format!("{path}/restore")).await.expect(StatusCode::OK);
    }
    let made = owner.post("/api-tokens", json!({ "name": "t", "scopes": ["device_list"] })).await;
    let made = made.expect(StatusCode::CREATED);
    let token = made["api_token"]["id"].as_str().or(made["id"].as_str()).unwrap();
    owner
        .send(http::Method::DELETE, &format!("/api-tokens/{token}"), &[], None)
        .await
        .expect(StatusCode::NO_CONTENT);
    owner.post("/ratelimits/unban", json!({ "login": "owner" })).await.expect(StatusCode::NO_CONTENT);
    leave(house).await;
    sign_out_in_every_way(house, &owner).await;
    let events = lines(&house.host(), "/audit/export").await;
    events.iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

async fn leave(house: &House) {
    house.user("bob", "member").await;
    let bob = house.sign_in("bob").await;
    bob.act("/me/sessions/end-others").await.expect(StatusCode::NO_CONTENT);
    let proof = Some(json!({ "password": PASSWORD }));
    bob.send(http::Method::DELETE, "/me", &[], proof).await.expect(StatusCode::NO_CONTENT);
}

async fn sign_out_in_every_way(house: &House, owner: &Client) {
    let body = json!({ "login": "owner", "password": PASSWORD });
    let tokens = house.nobody().post("/sessions", body).await.expect(StatusCode::CREATED);
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    house.nobody().post("/sessions/end", refresh).await.expect(StatusCode::NO_CONTENT);
    house.owner().await;
    let sessions = owner.get("/sessions").await.expect(StatusCode::OK);
    let session = format!("/sessions/{}", sessions["items"][0]["id"].as_str().unwrap());
    owner.send(http::Method::DELETE, &session, &[], None).await.expect(StatusCode::NO_CONTENT);
    let own = json!({ "current_password": PASSWORD, "new_password": "another good password" });
    owner.post("/me/password", own).await.expect(StatusCode::NO_CONTENT);
}

/// Secrets that come in or go out with requests are nowhere in the audit.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_into_the_audit() {
    let house = House::new(TestDatabase::sqlite()).await;
    let owner = house.owner().await;
    let phone = device(&owner, "phone").await;
    let shown = owner.act(&format!("{phone}/reveal")).await.expect(StatusCode::OK);
    let link = owner.act(&format!("{phone}/link")).await.body;
    let token = owner.post("/api-tokens", json!({ "name": "t", "scopes": ["device_list"] })).await.body;
    house.user("ada", "member").await;

    let all: Vec<String> = lines(&owner, "/audit/export").await.iter().map(ToString::to_string).collect();

    let all = all.join("\n");
    let conf = shown["conf"].as_str().unwrap();
    let keys = conf.lines().filter(|line| line.contains("PrivateKey") || line.contains("PresharedKey"));
    let mut secrets: Vec<&str> = keys.map(|line| line.split_once(" = ").unwrap().1).collect();
    secrets.push(PASSWORD);
    secrets.extend([&link["token"], &token["token"]].iter().filter_map(|secret| secret.as_str()));
    assert!(secrets.len() >= 4, "{} secrets", secrets.len());
    for secret in secrets {
        assert!(!all.contains(secret), "a secret of {} characters", secret.len());
    }
}

/// The lines of an export, each read as JSON.
pub(crate) async fn lines(client: &Client, path: &str) -> Vec<serde_json::Value> {
    let request = Request::get(format!("/api/v1{path}")).body(Body::empty()).unwrap();
    let text = client.text(request).await;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
