//! Who has which factors: enrolling, giving up, being made to have one, and losing all.

use caspervpn::domain::access;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Answer, Client, PASSWORD, example, setup_request};
use crate::databases::{TestDatabase, on_both};
use crate::mfa::world::{World, base32, texts, totp_now};
use crate::service::{Launch, Service};

const ID: &str = "01983f6e-7b3a-7c00-8000-000000000000";

/// Asks for every operation that is not public, with the document's own examples, and says what each answered.
pub(super) async fn ask_everything(client: &Client) -> Vec<(String, Answer)> {
    let document = client.get("/openapi.json").await.expect(StatusCode::OK);
    let mut answers = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            if access::PUBLIC.contains(&name) {
                continue;
            }
            let body = example(&document, operation);
            let path = path
                .replace("{id}", ID)
                .replace("{node_network_id}", ID)
                .replace("{name}", "vpn.example.org");
            let query: Vec<String> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|it| it["in"] == "query" && it["required"] == true)
                .map(|it| format!("{}=2027-01-01", it["name"].as_str().unwrap()))
                .collect();
            let path = format!("{path}?{}", query.join("&"));
            let (path, method) = (path.strip_prefix("/api/v1").unwrap(), method.to_uppercase());
            let answer = client.send(method.parse().unwrap(), path, &[("if-match", "\"1\"")], body).await;
            answers.push((name.to_owned(), answer));
        }
    }
    assert!(answers.len() > 60, "only {} operations were asked for", answers.len());
    answers
}

on_both! {
    async fn a_role_that_must_have_a_factor_does_nothing_before_it_is_enrolled(database) {
        let world = World::over(database).await;
        world.require_of(json!(["owner", "member"])).await;
        let body = json!({ "login": "owner", "password": PASSWORD });
        let tokens = world.house.nobody().post("/sessions", body).await.expect(StatusCode::CREATED);
        let owner = world.house.bearer(tokens["access_token"].as_str().unwrap());
        let allowed = [
            "me_get", "me_mfa_get", "me_step_up", "me_totp_create", "me_totp_confirm", "me_passkey_begin",
            "me_passkey_create", "session_cookie",
        ];

        assert_eq!(tokens["mfa_enrolment_required"], true);
        for (name, answer) in ask_everything(&owner).await {
            if allowed.contains(&name.as_str()) {
                assert_ne!(answer.status, 403, "{name}: {}", answer.body);
            } else {
                assert_eq!(answer.problem(403), "mfa_enrolment_required", "{name}");
            }
        }
        assert_eq!(owner.get("/me/mfa").await.expect(StatusCode::OK)["required"], true);
        let owner = world.enrol_by(owner).await;
        owner.client.get("/users").await.expect(StatusCode::OK);
        assert_eq!(
            owner.client.send(http::Method::DELETE, "/me/mfa/totp", &[], None).await.problem(409),
            "mfa_required",
        );
    }

    async fn a_policy_reaches_sessions_that_are_there_and_no_api_token(database) {
        let world = World::over(database).await;
        let mia = world.house.sign_in("mia").await;
        let token = json!({ "name": "script", "scopes": ["device_list"] });
        let token = mia.post("/api-tokens", token).await.expect(StatusCode::CREATED);
        let script = world.house.bearer(token["token"].as_str().unwrap());
        mia.get("/devices").await.expect(StatusCode::OK);

        world.require_of(json!(["member"])).await;

        assert_eq!(mia.get("/devices").await.problem(403), "mfa_enrolment_required");
        script.get("/devices").await.expect(StatusCode::OK);
        world.require_of(json!([])).await;
        mia.get("/devices").await.expect(StatusCode::OK);
    }

    async fn a_change_of_factors_ends_the_other_sessions(database) {
        let world = World::over(database).await;
        let other = world.house.sign_in("mia").await;

        let mia = world.enrol("mia").await;

        assert_eq!(other.get("/me").await.problem(401), "unauthenticated");
        let other = world.client(world.sign_in("mia", &world.code(&mia.secret)).await);
        mia.client.send(http::Method::DELETE, "/me/mfa/totp", &[], None).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(other.get("/me").await.problem(401), "unauthenticated");
        mia.client.get("/me").await.expect(StatusCode::OK);
        for action in ["me_totp_create", "me_totp_confirm", "me_totp_delete"] {
            assert_eq!(world.audited(action, "done").await, 1, "{action}");
        }
        world.house.sign_in("mia").await;
    }

    async fn who_manages_a_user_takes_the_factors_away_and_nobody_else(database) {
        let world = World::over(database).await;
        let mia = world.enrol("mia").await;
        let ada = world.enrol("ada").await;
        let challenge = world.challenge("mia").await;
        let path = |user: &str| format!("/users/{user}/disable-mfa");
        world.house.user("olga", "operator").await;
        let olga = world.house.sign_in("olga").await;

        assert_eq!(mia.client.act(&path(&world.ada)).await.problem(403), "forbidden");
        assert_eq!(olga.act(&path(&world.ada)).await.problem(403), "forbidden", "an admin is above an operator");
        assert_eq!(ada.client.get("/me/mfa").await.expect(StatusCode::OK)["enrolled"], true);
        olga.act(&path(&world.mia)).await.expect(StatusCode::NO_CONTENT);

        assert_eq!(mia.client.get("/me").await.problem(401), "unauthenticated", "the sessions have ended");
        assert_eq!(world.answer(&challenge, &world.code(&mia.secret)).await.problem(401), "unauthenticated");
        let mia = world.house.sign_in("mia").await;
        assert_eq!(mia.get("/me").await.expect(StatusCode::OK)["has_mfa"], false);
        assert_eq!(world.count("SELECT COUNT(*) FROM recovery_codes").await, 10, "those of ada");
        assert_eq!(world.audited("user_disable_mfa", "done").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_are_good_once_each_until_others_are_made() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.enrol("mia").await;
    assert_eq!(mia.recovery_codes.len(), 10);

    let typed = mia.recovery_codes[0].to_uppercase().replace('-', " ");
    assert_eq!(world.sign_in("mia", &typed).await.status, 201, "however it is typed");
    assert_eq!(world.sign_in("mia", &mia.recovery_codes[0]).await.problem(401), "unauthenticated");
    let made = mia.client.act("/me/mfa/recovery-codes").await.expect(StatusCode::CREATED);

    assert_eq!(world.sign_in("mia", &mia.recovery_codes[1]).await.problem(401), "unauthenticated");
    assert_eq!(world.sign_in("mia", &texts(&made["recovery_codes"])[9]).await.status, 201);
    let state = mia.client.get("/me/mfa").await.expect(StatusCode::OK);
    assert_eq!(state["recovery_codes_left"], 9);
    assert!(!state.to_string().contains(&mia.recovery_codes[2]), "they are shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_counts_when_a_code_of_it_was_shown_and_not_before() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.house.sign_in("mia").await;
    let confirm = async |code: &str| mia.post("/me/mfa/totp/confirm", json!({ "code": code })).await;

    assert_eq!(confirm("123456").await.problem(409), "totp_not_offered");
    assert_eq!(mia.act("/me/mfa/recovery-codes").await.problem(409), "no_second_factor");
    let first = mia.act("/me/mfa/totp").await.expect(StatusCode::CREATED);
    let second = mia.act("/me/mfa/totp").await.expect(StatusCode::CREATED);
    let secret = |made: &Value| crate::mfa::world::base32(made["secret"].as_str().unwrap());
    assert_eq!(confirm(&world.code(&secret(&first))).await.problem(422), "invalid", "another took its place");
    world.house.sign_in("mia").await;
    let code = world.code(&secret(&second));
    confirm(&code).await.expect(StatusCode::OK);

    assert_eq!(confirm(&code).await.problem(409), "totp_not_offered");
    assert_eq!(mia.act("/me/mfa/totp").await.problem(409), "totp_enrolled");
    assert_eq!(world.sign_in("mia", &code).await.problem(401), "unauthenticated", "it was used to enrol");
}

#[tokio::test(flavor = "multi_thread")]
async fn passkeys_are_off_without_a_domain_and_say_why() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.house.sign_in("mia").await;

    let unset = mia.act("/me/passkeys/begin").await;
    world.set(json!({ "panel_url": "https://192.0.2.1:8443" })).await;
    let address = mia.act("/me/passkeys/begin").await;
    let nobody = world.house.nobody().act("/sessions/passkey/begin").await;

    assert_eq!(unset.problem(409), "passkeys_off");
    assert!(unset.body["detail"].as_str().unwrap().contains("panel_url"), "{}", unset.body);
    assert_eq!((address.problem(409), nobody.problem(409)), ("passkeys_off", "passkeys_off"));
    assert!(
        address.body["detail"].as_str().unwrap().contains("192.0.2.1:8443 is an address"),
        "{}",
        address.body
    );
    let state = mia.get("/me/mfa").await.expect(StatusCode::OK);
    assert!(state["passkeys_off"].is_string());
    world.set(json!({ "panel_url": "https://vpn.example.org" })).await;
    let asked = mia.act("/me/passkeys/begin").await.expect(StatusCode::CREATED);
    assert_eq!(asked["options"]["publicKey"]["rp"]["id"], "vpn.example.org");
    assert!(mia.get("/me/mfa").await.expect(StatusCode::OK)["passkeys_off"].is_null());
}

#[test]
fn the_host_takes_factors_away_with_the_server_running_and_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::quiet(&directory.path().join("data"));
    let enrol = |service: &Service| {
        let body = json!({ "login": "owner", "password": PASSWORD });
        let tokens = service.post("/api/v1/sessions", Some(body));
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let post = |path: &str, body: Option<Value>| {
            service.call("POST", path, &[("Authorization", &bearer)], body).ok()
        };
        let secret = base32(post("/api/v1/me/mfa/totp", None)["secret"].as_str().unwrap());
        post("/api/v1/me/mfa/totp/confirm", Some(json!({ "code": totp_now(&secret) })));
        service
            .call("POST", "/api/v1/sessions", &[], Some(json!({ "login": "owner", "password": PASSWORD })))
            .status
    };
    let service = launch.serve();
    service.post("/api/v1/setup", Some(setup_request()));

    assert_eq!(enrol(&service), 202);
    assert_eq!(launch.ask(&["user", "show", "owner"])["has_mfa"], true);
    launch.ask(&["user", "disable-mfa", "owner"]);
    assert_eq!(enrol(&service), 202, "the owner could sign in by the password, and enrolled again");
    service.stop();
    launch.ask(&["user", "disable-mfa", "owner"]);
    launch.ask(&["settings", "update", "--mfa-required-roles", "owner,admin"]);

    let shown = launch.ask(&["user", "show", "owner"]);
    assert_eq!(shown["has_mfa"], false);
    assert_eq!(launch.ask(&["settings", "show"])["mfa_required_roles"], json!(["owner", "admin"]));
    assert_eq!(enrol(&launch.serve()), 202, "a session without a factor enrols one");
    let events = launch.ask(&["audit", "list", "--action", "user_disable_mfa"]);
    let kinds: Vec<_> =
        events["items"].as_array().unwrap().iter().map(|it| it["actor_kind"].clone()).collect();
    assert_eq!(kinds, ["host", "host"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_to_sign_in_by_passkey_makes_no_row_and_cannot_change_the_question() {
    let world = World::over(TestDatabase::sqlite()).await;
    world.set(json!({ "panel_url": "https://vpn.example.org" })).await;
    let nobody = world.house.nobody();
    let mut challenge = String::new();
    for _ in 0..20 {
        let asked = nobody.act("/sessions/passkey/begin").await.expect(StatusCode::CREATED);
        challenge = asked["challenge"].as_str().unwrap().to_owned();
    }
    let answer = async |challenge: &str| {
        let credential = json!({ "id": "AAAA" });
        nobody.post("/sessions/passkey", json!({ "challenge": challenge, "credential": credential })).await
    };

    assert_eq!(world.count("SELECT COUNT(*) FROM challenges").await, 0);
    assert_eq!(answer(&challenge).await.problem(422), "invalid", "the question is good, the answer is none");
    for at in [10, 60, challenge.len() - 2] {
        let mut changed = challenge.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(answer(&changed).await.problem(401), "unauthenticated", "changed at {at}");
    }
    world.clock.advance(std::time::Duration::from_secs(300));
    assert_eq!(answer(&challenge).await.problem(401), "unauthenticated", "it is over");
}
