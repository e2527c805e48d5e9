//! Fresh proofs: what a session does only when its user has just shown to be there.

use std::time::Duration;

use caspervpn::domain::access::NEEDS_FRESH_PROOF;
use caspervpn::domain::mfa::FRESH_FOR;
use http::{Method, StatusCode};
use serde_json::json;

use crate::api_house::{Client, PASSWORD};
use crate::databases::{TestDatabase, on_both};
use crate::mfa::enrolment::ask_everything;
use crate::mfa::world::World;

/// Longer than a proof is fresh; the access token is renewed.
async fn grown_stale(world: &World, login: &str) -> Client {
    let body = json!({ "login": login, "password": PASSWORD });
    let tokens = world.house.nobody().post("/sessions", body).await.expect(StatusCode::CREATED);
    stale(world, tokens["refresh_token"].as_str().unwrap()).await
}

async fn stale(world: &World, refresh_token: &str) -> Client {
    world.clock.advance(FRESH_FOR + Duration::from_secs(1));
    let refresh = json!({ "refresh_token": refresh_token });
    let tokens = world.house.nobody().post("/sessions/refresh", refresh).await.expect(StatusCode::OK);
    world.house.bearer(tokens["access_token"].as_str().unwrap())
}

fn token() -> serde_json::Value {
    json!({ "name": "script", "scopes": ["device_list"] })
}

async fn prove(client: &Client, proof: &str) -> StatusCode {
    client.post("/me/step-up", json!({ "proof": proof })).await.status
}

on_both! {
    async fn dangerous_acts_need_a_fresh_proof_and_all_others_do_not(database) {
        let world = World::over(database).await;
        let owner = grown_stale(&world, "owner").await;

        for (name, answer) in ask_everything(&owner).await {
            let is_asked = answer.status == 403 && answer.body["code"] == "step_up_required";
            // The examples of these two give a role, which counts among the dangerous.
            let gives_a_role = ["user_create", "user_update"].contains(&name.as_str());
            let needs = NEEDS_FRESH_PROOF.iter().any(|action| action.as_str() == name);
            assert_eq!(is_asked, needs || gives_a_role, "{name}: {} {}", answer.status, answer.body);
        }
    }

    async fn the_password_is_proof_enough_where_there_is_no_second_factor(database) {
        let world = World::over(database).await;
        let mia = grown_stale(&world, "mia").await;
        let other = world.house.sign_in("mia").await;

        assert_eq!(mia.post("/api-tokens", token()).await.problem(403), "step_up_required");
        assert_eq!(prove(&mia, "wrong horse battery").await, 422);
        assert_eq!(mia.post("/api-tokens", token()).await.problem(403), "step_up_required");
        assert_eq!(prove(&mia, PASSWORD).await, 204);

        mia.post("/api-tokens", token()).await.expect(StatusCode::CREATED);
        other.get("/me").await.expect(StatusCode::OK);
        assert_eq!(world.audited("me_step_up", "done").await, 1);
        assert_eq!(world.audited("me_step_up", "refused").await, 1);
    }

    async fn an_account_with_a_second_factor_proves_that_and_each_code_once(database) {
        let world = World::over(database).await;
        let enrolled = world.enrol("mia").await;
        let tokens = world.sign_in("mia", &world.code(&enrolled.secret)).await.expect(StatusCode::CREATED);
        let mia = stale(&world, tokens["refresh_token"].as_str().unwrap()).await;
        let code = world.code(&enrolled.secret);

        assert_eq!(prove(&mia, PASSWORD).await, 422, "the password alone is no longer enough");
        assert_eq!(prove(&mia, &code).await, 204);
        mia.post("/api-tokens", token()).await.expect(StatusCode::CREATED);
        assert_eq!(prove(&mia, &code).await, 422);
        assert_eq!(world.sign_in("mia", &code).await.problem(401), "unauthenticated");
        assert_eq!(prove(&mia, &enrolled.recovery_codes[0]).await, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_of_one_session_and_for_a_quarter_of_an_hour() {
    let world = World::over(TestDatabase::sqlite()).await;
    let other = grown_stale(&world, "mia").await;
    let mia = world.house.sign_in("mia").await;

    mia.post("/api-tokens", token()).await.expect(StatusCode::CREATED);
    assert_eq!(other.post("/api-tokens", token()).await.problem(403), "step_up_required");
    prove(&other, PASSWORD).await;
    world.clock.advance(Duration::from_secs(599));
    mia.post("/api-tokens", token()).await.expect(StatusCode::CREATED);
    other.post("/api-tokens", token()).await.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_programs_nor_the_host_have_anything_to_prove_again() {
    let world = World::over(TestDatabase::sqlite()).await;
    let owner = world.house.owner().await;
    let all = json!({ "name": "deploy", "scopes": ["all"] });
    let made = owner.post("/api-tokens", all).await.expect(StatusCode::CREATED);
    let script = world.house.bearer(made["token"].as_str().unwrap());
    world.clock.advance(Duration::from_secs(86_400));

    for client in [script, world.house.host()] {
        let tag = client.get("/settings").await.tag().to_owned();
        client.patch("/settings", &tag, json!({ "show_endpoints": true })).await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_is_no_way_to_guess_the_second_factor() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.enrol("mia").await;
    let mut refused = 0;

    for n in 0..20 {
        let status = prove(&mia.client, &world.code_off(&mia.secret, 7 + n)).await;
        assert!(status == 422 || status == 429, "{status}");
        refused += u32::from(status == 429);
    }

    assert_eq!(refused, 16, "four tries, and then there are waits");
    assert_eq!(world.sign_in("mia", &world.code(&mia.secret)).await.status, 429, "one limit for both ways");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_session_enrols_nothing_and_gives_nothing_up() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = grown_stale(&world, "mia").await;

    assert_eq!(mia.act("/me/mfa/totp").await.problem(403), "step_up_required");
    assert_eq!(mia.act("/me/passkeys/begin").await.problem(403), "step_up_required");
    let delete = mia.send(Method::DELETE, "/me/mfa/totp", &[], None).await;
    assert_eq!(delete.problem(403), "step_up_required");
}
