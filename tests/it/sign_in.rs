//! Signing in by an identity provider, against one that lies as it is told, on a clock of the test's.

pub(crate) mod browser;
pub(crate) mod issuer;
pub(crate) mod real;

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::api_house::{Client, House};
use crate::databases::{TestDatabase, on_both};
use crate::sign_in::browser::{World, add, settle};
use crate::sign_in::issuer::{Issuer, Lie};
use crate::store_fixtures::NOW;

fn ada() -> serde_json::Value {
    json!({
        "sub": "248289761001", "email": "Ada@Example.org", "email_verified": true, "name": "Ada Lovelace",
        "preferred_username": "ada", "groups": ["everybody", "staff"],
    })
}

on_both! {
    async fn somebody_new_gets_an_account_with_the_role_of_the_groups_and_keeps_it(database) {
        let world = World::over(database).await;

        let first = world.account_of(ada()).await;
        let again = world.account_of(ada()).await;

        assert_eq!((&first["login"], &first["display_name"]), (&json!("ada@example.org"), &json!("Ada Lovelace")));
        assert_eq!((&first["role"], &first["device_limit"]), (&json!("support"), &json!(3)));
        assert_eq!((&again["id"], &again["revision"]), (&first["id"], &first["revision"]));
        let other = world.account_of(json!({ "sub": "2", "preferred_username": "bob" })).await;
        assert_eq!((&other["login"], &other["role"]), (&json!("bob"), &json!("member")));
        assert!(world.reasons().await.is_empty());
    }

    async fn a_managed_account_follows_its_groups_and_a_local_one_never_does(database) {
        let world = World::over(database).await;
        let in_groups = |groups: serde_json::Value| {
            let mut person = ada();
            person["groups"] = groups;
            person
        };
        world.account_of(ada()).await;

        assert_eq!(world.account_of(in_groups(json!(["chiefs", "staff"]))).await["role"], "owner");
        assert_eq!(world.account_of(in_groups(json!([]))).await["role"], "member");
        world.house.user("carol", "auditor").await;
        let carol = world.house.sign_in("carol").await;
        let mut browser = world.browser();
        let page = browser.begin_link(&carol, &world.provider).await;
        let person = json!({ "sub": "3", "email": "carol@example.org", "email_verified": true, "groups": ["chiefs"] });
        let query = world.issuer.sign_in(&page, person.clone(), Lie::Nothing);
        assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#linked");

        let linked = world.account_of(person).await;
        assert_eq!((&linked["login"], &linked["role"]), (&json!("carol"), &json!("auditor")));
        let links = carol.get("/me/identities").await.expect(StatusCode::OK);
        assert_eq!((&links["items"][0]["subject"], &links["items"][0]["is_managed"]), (&json!("3"), &json!(false)));
    }

    async fn an_account_is_linked_by_its_owner_and_never_by_its_name(database) {
        let world = World::over(database).await;
        world.house.user("ada@example.org", "admin").await;

        assert_eq!(world.sign_in(ada()).await.0, "/sign-in#error=account_exists");
        let local = world.house.sign_in("ada@example.org").await;
        assert_eq!(local.get("/me/identities").await.expect(StatusCode::OK)["items"], json!([]));
        let mut unverified = ada();
        unverified["email_verified"] = json!(false);
        let mut browser = world.browser();
        let page = browser.begin_link(&local, &world.provider).await;
        let query = world.issuer.sign_in(&page, unverified, Lie::Nothing);
        assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#error=email_unverified");
        let page = browser.begin_link(&local, &world.provider).await;
        let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
        assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#linked");

        let into = world.account_of(ada()).await;
        assert_eq!((&into["login"], &into["role"]), (&json!("ada@example.org"), &json!("admin")));
        world.house.user("mallory", "member").await;
        let mallory = world.house.sign_in("mallory").await;
        let page = browser.begin_link(&mallory, &world.provider).await;
        let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
        assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#error=identity_taken");
        assert_eq!(world.reasons().await, ["identity_taken", "email_unverified", "account_exists"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_proves_nothing_lets_nobody_in() {
    let world = World::over(TestDatabase::sqlite()).await;
    let lies = [
        Lie::NoSignature,
        Lie::SharedSecret,
        Lie::OtherKey,
        Lie::OtherIssuer,
        Lie::OtherAudience,
        Lie::TwoAudiences,
        Lie::OtherNonce,
        Lie::NoNonce,
        Lie::Expired,
        Lie::FromTheFuture,
        Lie::OtherAccessToken,
        Lie::OtherUser,
        Lie::EmptySubject,
    ];

    for (n, lie) in lies.into_iter().enumerate() {
        let mut browser = world.browser_at(n);
        let page = browser.begin(&world.provider).await;
        let query = world.issuer.sign_in(&page, ada(), lie);
        let place = browser.come_back(&world.provider, &query).await;

        assert_eq!(place, "/sign-in#error=proof_invalid", "{lie:?}");
        assert_eq!(browser.finish().await.problem(401), "unauthenticated", "{lie:?}");
    }
    assert_eq!(world.reasons().await, vec!["proof_invalid"; lies.len()]);
    let users = world.house.host().get("/users").await.expect(StatusCode::OK);
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "only the owner: {users}");
    let mut browser = world.browser();
    let page = browser.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::NoIdToken);
    assert!(browser.come_back(&world.provider, &query).await.starts_with("/sign-in#error=pro"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_comes_back_once_in_its_own_browser_to_its_own_provider() {
    let world = World::over(TestDatabase::sqlite()).await;
    let second = add(&world.house, "second", &world.issuer.url, json!({})).await;
    const INVALID: &str = "/sign-in#error=attempt_invalid";

    let mut browser = world.browser();
    let page = browser.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
    assert_eq!(world.browser().come_back(&world.provider, &query).await, INVALID, "another browser");
    let mut elsewhere = world.browser();
    elsewhere.cookie = browser.cookie.clone();
    assert_eq!(elsewhere.come_back(&second, &query).await, INVALID, "another provider");
    let mut other = world.browser();
    other.begin(&world.provider).await;
    assert_eq!(other.come_back(&world.provider, &query).await, INVALID, "another attempt's state");
    let kept = browser.cookie.clone();
    assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#done");
    let mut replayed = world.browser();
    replayed.cookie = kept;
    assert_eq!(replayed.come_back(&world.provider, &query).await, INVALID, "a second time");
    let code = browser.cookie.clone();
    browser.finish().await.expect(StatusCode::CREATED);
    replayed.cookie = code;
    assert_eq!(replayed.finish().await.problem(401), "unauthenticated", "the code a second time");

    let mut late = world.browser();
    let page = late.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(late.come_back(&world.provider, &query).await, INVALID, "ten minutes later");
    assert_eq!(
        world.reasons().await,
        ["attempt_invalid"; 2],
        "the second time and the late one are attempts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_another_provider_is_not_even_shown_to_this_one() {
    let issuer = Issuer::start_with(NOW, true).await;
    let world = World::with(TestDatabase::sqlite(), issuer).await;
    let sent_back = async |change: fn(String) -> String| {
        let mut browser = world.browser();
        let page = browser.begin(&world.provider).await;
        let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
        browser.come_back(&world.provider, &change(query)).await
    };

    let without = |query: String| query.split("&iss=").next().unwrap().to_owned();
    assert_eq!(sent_back(without).await, "/sign-in#error=proof_invalid");
    let others = |query: String| {
        format!("{}&iss=https%3A%2F%2Fevil.example.org", query.split("&iss=").next().unwrap())
    };
    assert_eq!(sent_back(others).await, "/sign-in#error=proof_invalid");
    assert_eq!(sent_back(|query| query).await, "/sign-in#done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_browser_carries_is_out_of_reach_of_scripts_and_of_other_hosts() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mut browser = world.browser();

    let page = browser.begin(&world.provider).await;
    let begun = browser.set_cookies.clone();
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
    let place = browser.come_back(&world.provider, &query).await;
    let come_back = browser.set_cookies.clone();

    for cookie in [&begun[0], &come_back[0]] {
        assert!(cookie.starts_with("__Host-casper_sign_in=") && cookie.contains("; Path=/;"), "{cookie}");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.ends_with("Secure"),
            "{cookie}"
        );
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    // Neither address holds what would let somebody else in.
    let secret = come_back[0].split(['=', ';']).nth(1).unwrap();
    assert!(!place.contains(secret) && !page.contains(secret));

    let house = House::new(TestDatabase::sqlite()).await;
    settle(&house, "http://localhost:8080").await;
    let issuer = Issuer::start(NOW).await;
    let provider = add(&house, "main", &issuer.url, json!({})).await;
    let begun = house.nobody().act(&format!("/sign-in/providers/{provider}/begin")).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("casper_sign_in=") && !cookie.contains("Secure"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_the_provider_is_found_at_once() {
    let world = World::over(TestDatabase::sqlite()).await;
    world.account_of(ada()).await;

    world.issuer.turn_key();

    assert_eq!(world.sign_in(ada()).await.0, "/sign-in#done");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_come_in_is_told_why() {
    let world = World::over(TestDatabase::sqlite()).await;
    world.change(json!({ "allow_sign_up": false })).await;
    assert_eq!(world.sign_in(ada()).await.0, "/sign-in#error=account_unknown");
    world.change(json!({ "allow_sign_up": true })).await;
    assert_eq!(world.sign_in(json!({ "sub": "9" })).await.0, "/sign-in#error=login_unusable");
    let mut browser = world.browser();
    let page = browser.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing).replace("code=", "error=access_denied&was=");
    assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#error=denied");

    let account = world.account_of(ada()).await;
    let id = account["id"].as_str().unwrap();
    world.house.host().act(&format!("/users/{id}/disable")).await.expect(StatusCode::OK);
    assert_eq!(world.sign_in(ada()).await.0, "/sign-in#error=account_disabled");
    world.change(json!({ "enabled": false })).await;
    let begun = world.house.nobody().act(&format!("/sign-in/providers/{}/begin", world.provider)).await;
    assert_eq!(begun.problem(404), "not_found");
    let listed = world.house.nobody().get("/sign-in/providers").await.expect(StatusCode::OK);
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_as_fresh_a_proof_as_the_provider_has_signed_that_it_is() {
    let world = World::over(TestDatabase::sqlite()).await;
    let now = NOW.as_seconds();
    let signed_in = async |name: &str, auth_time: serde_json::Value| {
        let person = json!({ "sub": name, "preferred_username": name, "auth_time": auth_time });
        let tokens = world.sign_in(person).await.1.expect(StatusCode::CREATED);
        world.house.bearer(tokens["access_token"].as_str().unwrap())
    };
    let makes_token = async |who: &Client| {
        let answer = who.post("/api-tokens", json!({ "name": "script", "scopes": ["device_list"] })).await;
        (answer.status.as_u16(), answer.body["code"].as_str().map(str::to_owned))
    };
    let refused = (403, Some("step_up_required".to_owned()));

    let asked_now = signed_in("now", json!(now)).await;
    let asked_lately = signed_in("lately", json!(now - 600)).await;
    let asked_long_ago = signed_in("silent", json!(now - 901)).await;
    let not_said = signed_in("not-said", serde_json::Value::Null).await;
    let ahead = signed_in("ahead", json!(now + 4000)).await;

    assert_eq!(makes_token(&asked_long_ago).await, refused, "the provider let them pass without asking");
    assert_eq!(makes_token(&not_said).await, refused, "nobody knows when they were asked");
    for who in [&asked_now, &asked_lately, &ahead] {
        assert_eq!(makes_token(who).await, (201, None));
    }
    world.clock.advance(Duration::from_secs(301));
    assert_eq!(
        makes_token(&asked_lately).await,
        refused,
        "fifteen minutes after being asked, not after coming here"
    );
    assert_eq!(makes_token(&asked_now).await, (201, None));
    asked_long_ago.get("/me").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_disabled_between_the_way_back_and_the_trade_gets_no_session() {
    let world = World::over(TestDatabase::sqlite()).await;
    let account = world.account_of(ada()).await;
    let mut browser = world.browser();
    let page = browser.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
    browser.come_back(&world.provider, &query).await;

    let id = account["id"].as_str().unwrap();
    world.house.host().act(&format!("/users/{id}/disable")).await.expect(StatusCode::OK);
    world.house.host().act(&format!("/users/{id}/enable")).await.expect(StatusCode::OK);

    assert_eq!(browser.finish().await.problem(401), "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_sends_a_browser_here_harms_neither_its_sign_in_nor_the_audit() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mut browser = world.browser();
    let page = browser.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing);
    let cookie = browser.cookie.clone();
    let foreign = format!("state=cvo_{}&code=guess", "a".repeat(43));

    for n in 0..100 {
        let query = ["", "error=access_denied", "state=guess&code=guess", &foreign][n % 4];
        let place = browser.come_back(&world.provider, query).await;
        assert_eq!(place, "/sign-in#error=attempt_invalid");
        assert!(browser.set_cookies.is_empty(), "the attempt's cookie stays: {:?}", browser.set_cookies);
        // As a picture on a foreign page asks for it: without the cookie.
        let mut bare = world.browser();
        assert_eq!(bare.come_back(&world.provider, &query.replace("guess", &n.to_string())).await, place);
    }

    assert!(world.reasons().await.is_empty(), "nothing of it stands in the audit");
    assert_eq!(world.links().await, 0, "nor anywhere else");
    browser.cookie = cookie;
    assert_eq!(browser.come_back(&world.provider, &query).await, "/sign-in#done");
    browser.finish().await.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_failing_attempts_of_their_own_has_to_wait() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mut browser = world.browser();
    let page = browser.begin(&world.provider).await;
    let query = world.issuer.sign_in(&page, ada(), Lie::Nothing).replace("code=", "error=access_denied&was=");
    let kept = browser.cookie.clone();
    let mut places = Vec::new();

    for _ in 0..61 {
        browser.cookie = kept.clone();
        places.push(browser.come_back(&world.provider, &query).await);
    }

    assert_eq!(
        (places[0].as_str(), places[1].as_str()),
        ("/sign-in#error=denied", "/sign-in#error=attempt_invalid")
    );
    assert_eq!(places[60], "/sign-in#error=too_many_attempts");
    assert_eq!(world.reasons().await.last().unwrap(), "denied");
    let begun = world.house.nobody().act(&format!("/sign-in/providers/{}/begin", world.provider)).await;
    assert_eq!(begun.problem(429), "too_many_attempts");
}
