//! What an API token lets a program do, from where and for how long, on both databases, on a clock of the test's.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::app::error::AppError;
use caspervpn::runtime::clock::TestClock;
use caspervpn::store::backend::Conn;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api_devices::{drop_it, sql};
use crate::api_house::{Client, House, PASSWORD};
use crate::api_http::slow;
use crate::databases::{TestDatabase, on_both};
use crate::store_fixtures::NOW;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// A well-formed token that nobody was given.
const NOBODYS: &str = "cvpn_000000000000000000000000000000000000000000347kaft";

/// A house on a clock of the test's, with the admin `ada`.
struct World {
    house: House,
    clock: Arc<TestClock>,
    ada: String,
}

/// A token that was made.
struct Made {
    client: Client,
    text: String,
    path: String,
}

impl World {
    async fn over(database: TestDatabase) -> Self {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as _).await;
        let ada = house.user("ada", "admin").await;
        Self { house, clock, ada }
    }

    /// A token of ada's.
    async fn token(&self, request: Value) -> Made {
        self.token_of("ada", request).await
    }

    async fn token_of(&self, login: &str, request: Value) -> Made {
        let made = self.house.sign_in(login).await.post("/api-tokens", request).await;
        let made = made.expect(StatusCode::CREATED);
        let text = made["token"].as_str().unwrap().to_owned();
        let path = format!("/api-tokens/{}", made["id"].as_str().unwrap());
        Made { client: self.house.bearer(&text), text, path }
    }

    async fn change_ada(&self, change: Value) {
        let (host, path) = (self.house.host(), format!("/users/{}", self.ada));
        let tag = host.get(&path).await.tag().to_owned();
        host.patch(&path, &tag, change).await.expect(StatusCode::OK);
    }

    fn later(&self, span: Duration) -> String {
        (NOW + span).to_string()
    }

    fn reads(&self) -> u64 {
        self.house.app.store().figures().reads
    }

    async fn last_use_in_database(&self) -> Option<i64> {
        let read = async |on: &mut Conn| {
            Ok::<_, AppError>(on.one("SELECT COALESCE(MAX(last_used_at), 0) FROM api_tokens", &[]).await?)
        };
        let found: i64 = self.house.app.store().read(read).await.unwrap();
        (found != 0).then_some(found)
    }
}

fn all() -> Value {
    json!({ "name": "all", "scopes": ["all"] })
}

#[track_caller]
fn assert_forbidden(answer: &crate::api_house::Answer, part: &str) {
    assert_eq!(answer.problem(403), "forbidden");
    assert!(answer.body["detail"].as_str().unwrap().contains(part), "{}", answer.body);
}

on_both! {
    async fn a_token_does_what_both_its_scopes_and_its_users_role_allow(database) {
        let world = World::over(database).await;
        let some = world.token(json!({ "name": "some", "scopes": ["user_list", "user_get", "me_get"] })).await.client;
        let whole = world.token(all()).await.client;

        assert_eq!(some.get("/users").await.expect(StatusCode::OK)["items"].as_array().unwrap().len(), 2);
        assert_eq!(some.get("/me").await.expect(StatusCode::OK)["login"], "ada");
        assert_forbidden(&some.get("/networks").await, "not among the API token's scopes");
        assert_forbidden(&some.post("/users", json!({ "login": "bob", "role": "member" })).await, "scopes");
        whole.get("/audit").await.expect(StatusCode::OK);
        world.change_ada(json!({ "role": "member" })).await;

        let own = some.get("/users").await.expect(StatusCode::OK);
        assert_eq!((own["items"].as_array().unwrap().len(), &own["items"][0]["login"]), (1, &json!("ada")));
        assert_forbidden(&whole.get("/audit").await, "your role");
        whole.post("/devices", json!({ "name": "phone" })).await.expect(StatusCode::CREATED);
    }

    async fn scopes_that_leave_the_own_account_out_leave_it_out(database) {
        let world = World::over(database).await;
        let token = world.token(json!({ "name": "devices", "scopes": ["device_list"] })).await.client;

        token.get("/devices").await.expect(StatusCode::OK);
        assert_forbidden(&token.get("/me").await, "scopes");
    }

    async fn a_token_learns_whose_a_device_is_only_where_it_may_read_users(database) {
        let world = World::over(database).await;
        let member = world.house.user("mia", "member").await;
        let made = world.house.host().post("/devices", json!({ "name": "laptop", "user_id": member })).await;
        let path = format!("/devices/{}", made.expect(StatusCode::CREATED)["id"].as_str().unwrap());
        for (scopes, login) in [
            (json!(["device_list", "device_get", "device_update"]), json!(null)),
            (json!(["device_list", "device_get", "device_update", "user_get"]), json!("mia")),
            (json!(["device_list", "device_get", "device_update", "user_list"]), json!("mia")),
        ] {
            let token = world.token(json!({ "name": scopes.to_string(), "scopes": scopes })).await.client;

            let listed = token.get("/devices").await.expect(StatusCode::OK);
            let alone = token.get(&path).await;
            let changed = token.patch(&path, alone.tag(), json!({ "note": "seen" })).await.expect(StatusCode::OK);

            for device in [&listed["items"][0], &alone.body, &changed] {
                assert_eq!((&device["user_login"], &device["user_id"]), (&login, &json!(member)), "{scopes}");
            }
        }
        let own = world.token_of("mia", json!({ "name": "own", "scopes": ["device_list"] })).await.client;
        assert_eq!(own.get("/devices").await.body["items"][0]["user_login"], json!(null), "not even the own login");
        let page = world.house.sign_in("mia").await;
        assert_eq!(page.get("/devices").await.body["items"][0]["user_login"], "mia");
    }

    async fn a_token_is_shown_once_and_only_its_hash_is_kept(database) {
        let world = World::over(database).await;
        let ada = world.house.sign_in("ada").await;
        let key = [("idempotency-key", "k")];
        let create = async || ada.send(Method::POST, "/api-tokens", &key, Some(all())).await;

        let first = create().await;
        let again = create().await;
        let (path, first) = (first.headers["location"].to_str().unwrap().to_owned(), first.expect(StatusCode::CREATED));
        let text = first["token"].as_str().unwrap();

        assert_eq!((again.headers["idempotency-replayed"].to_str().unwrap(), &again.body["id"]), ("true", &first["id"]));
        let path = path.strip_prefix("/api/v1").unwrap();
        let answers = [again.expect(StatusCode::CREATED), ada.get(path).await.expect(StatusCode::OK),
            ada.get("/api-tokens").await.expect(StatusCode::OK), ada.get("/audit").await.expect(StatusCode::OK)];
        for answer in &answers {
            assert!(!answer.to_string().contains(text) && answer.get("token").is_none(), "{answer}");
        }
        assert_eq!((&answers[1]["scopes"], &answers[1]["allowed_from"]), (&json!(["all"]), &Value::Null));
        assert_eq!(answers[2]["items"].as_array().unwrap().len(), 1);
        world.house.bearer(text).get("/me").await.expect(StatusCode::OK);
    }

    async fn a_token_ends_with_its_time_and_is_listed_for_a_month_more(database) {
        let world = World::over(database).await;
        let request = json!({ "name": "brief", "scopes": ["all"], "expires_at": world.later(HOUR) });
        let token = world.token(request).await;

        world.clock.advance(HOUR - Duration::from_millis(1));
        token.client.get("/me").await.expect(StatusCode::OK);
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(token.client.get("/me").await.problem(401), "unauthenticated");
        world.clock.advance(30 * DAY);
        world.house.app.purge_step().await.unwrap();
        let ada = world.house.sign_in("ada").await;
        ada.get(&token.path).await.expect(StatusCode::OK);
        world.clock.advance(Duration::from_millis(1));
        world.house.app.purge_step().await.unwrap();

        assert_eq!(ada.get(&token.path).await.problem(404), "not_found");
    }

    async fn a_token_is_good_only_at_the_addresses_that_it_names(database) {
        let world = World::over(database).await;
        let ranges = json!(["198.51.100.0/24", "2001:db8:7::/48"]);
        let token = world.token(json!({ "name": "office", "scopes": ["all"], "allowed_from": ranges })).await.client;
        let anywhere = world.token(all()).await.client;

        for good in ["198.51.100.1", "::ffff:198.51.100.255", "2001:db8:7:ffff::1"] {
            token.from(Some(good)).get("/me").await.expect(StatusCode::OK);
        }
        for bad in [Some("198.51.101.1"), Some("192.0.2.7"), Some("2001:db8:8::1"), Some("::ffff:192.0.2.7"), None] {
            assert_eq!(token.from(bad).get("/me").await.problem(401), "unauthenticated", "{bad:?}");
            anywhere.from(bad).get("/me").await.expect(StatusCode::OK);
        }
    }

    async fn a_deleted_token_is_no_good_from_that_moment_on(database) {
        let world = World::over(database).await;
        let (token, other) = (world.token(all()).await, world.token(all()).await);
        token.client.get("/me").await.expect(StatusCode::OK);
        let patient = slow(&token.client, Method::POST, "/devices", r#"{"name":"phone"}"#).await;

        let owner = world.house.owner().await;
        owner.send(Method::DELETE, &token.path, &[], None).await.expect(StatusCode::NO_CONTENT);

        assert_eq!(token.client.get("/me").await.problem(401), "unauthenticated");
        assert_eq!(patient.arrive().await.problem(401), "unauthenticated");
        other.client.get("/me").await.expect(StatusCode::OK);
        let told = owner.get("/audit?action=api_token_delete").await.expect(StatusCode::OK)["items"].clone();
        assert_eq!((told.as_array().unwrap().len(), &told[0]["before"]["name"]), (1, &json!("all")));
    }

    async fn a_token_lives_and_dies_with_its_user_but_not_with_the_password(database) {
        let world = World::over(database).await;
        let token = world.token(all()).await.client;
        let (host, path) = (world.house.host(), format!("/users/{}", world.ada));
        let refused = async || assert_eq!(token.get("/me").await.problem(401), "unauthenticated");
        token.get("/me").await.expect(StatusCode::OK);

        host.post(&format!("{path}/password"), json!({ "password": "another long one" })).await.expect(StatusCode::NO_CONTENT);
        token.get("/me").await.expect(StatusCode::OK);
        host.act(&format!("{path}/disable")).await.expect(StatusCode::OK);
        refused().await;
        host.act(&format!("{path}/enable")).await.expect(StatusCode::OK);
        token.get("/me").await.expect(StatusCode::OK);
        world.change_ada(json!({ "expires_at": world.later(HOUR) })).await;
        token.get("/me").await.expect(StatusCode::OK);
        world.clock.advance(HOUR);
        refused().await;
        world.change_ada(json!({ "expires_at": null })).await;
        token.get("/me").await.expect(StatusCode::OK);
        drop_it(&host, &path).await;
        refused().await;
        host.act(&format!("{path}/restore")).await.expect(StatusCode::OK);
        refused().await;
    }

    async fn a_token_acts_on_no_token_password_factor_session_or_role(database) {
        let world = World::over(database).await;
        let token = world.token_of("owner", all()).await;
        let (client, ada) = (&token.client, format!("/users/{}", world.ada));
        let tag = client.get(&ada).await.tag().to_owned();
        let password = json!({ "password": PASSWORD });
        let change = json!({ "current_password": PASSWORD, "new_password": "another long one" });

        for refused in [
            client.get("/api-tokens").await,
            client.get(&token.path).await,
            client.post("/api-tokens", all()).await,
            client.send(Method::DELETE, &token.path, &[], None).await,
            client.get("/sessions").await,
            client.send(Method::DELETE, &format!("/sessions/{}", world.ada), &[], None).await,
            client.post("/me/password", change).await,
            client.post(&format!("{ada}/password"), password).await,
            client.get("/me/mfa").await,
            client.act("/me/passkeys/begin").await,
            client.act(&format!("{ada}/disable-mfa")).await,
            client.act("/setup/link").await,
        ] {
            assert_forbidden(&refused, "no API token may act on tokens, passwords, second factors or sessions");
        }
        let eve = json!({ "login": "eve", "role": "owner", "password": PASSWORD });
        assert_forbidden(&client.post("/users", eve).await, "no API token may set a password");
        assert_forbidden(&client.patch(&ada, &tag, json!({ "role": "owner" })).await, "no API token may change a role");
        client.post("/users", json!({ "login": "bob", "role": "member" })).await.expect(StatusCode::CREATED);
        client.patch(&ada, &tag, json!({ "display_name": "Ada L." })).await.expect(StatusCode::OK);
    }

    async fn anothers_token_is_not_there_for_those_who_do_not_rank_above(database) {
        let world = World::over(database).await;
        world.house.user("op", "operator").await;
        let op = world.house.sign_in("op").await;
        let (of_ada, of_op) = (world.token(all()).await, world.token_of("op", all()).await);

        for path in [&of_ada.path, &format!("/api-tokens?user_id={}", world.ada)] {
            assert_eq!(op.get(path).await.problem(404), "not_found", "{path}");
        }
        let delete = async |by: &Client, path: &str| by.send(Method::DELETE, path, &[], None).await;
        assert_eq!(delete(&op, &of_ada.path).await.problem(404), "not_found");
        let mut request = all();
        request["user_id"] = json!(world.ada);
        assert_forbidden(&op.post("/api-tokens", request.clone()).await, "by the user for whom it speaks");
        assert_forbidden(&world.house.owner().await.post("/api-tokens", request).await, "by the user");
        let listed = op.get("/api-tokens").await.expect(StatusCode::OK);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let owner = world.house.owner().await;
        assert_eq!(owner.get("/api-tokens").await.expect(StatusCode::OK)["items"].as_array().unwrap().len(), 2);
        owner.get(&of_ada.path).await.expect(StatusCode::OK);
        delete(&op, &of_op.path).await.expect(StatusCode::NO_CONTENT);
        of_ada.client.get("/me").await.expect(StatusCode::OK);
    }

    async fn a_malformed_token_and_a_known_one_cost_no_query(database) {
        let world = World::over(database).await;
        let token = world.token(all()).await;
        token.client.get("/openapi.json").await.expect(StatusCode::OK);
        token.client.get("/api-tokens").await.problem(403);
        let mut wrong = token.text.clone();
        let last = if wrong.pop() == Some('0') { '1' } else { '0' };
        wrong.push(last);
        let before = world.reads();

        for bad in [&wrong[..], "cvpn_", "cvpn_x", &token.text[..53], &format!("{}0", token.text)] {
            assert_eq!(world.house.bearer(bad).get("/api-tokens").await.problem(401), "unauthenticated", "{bad}");
        }
        for _ in 0..3 {
            token.client.get("/api-tokens").await.problem(403);
        }

        assert_eq!(world.reads(), before);
        assert_eq!(world.house.bearer(NOBODYS).get("/me").await.problem(401), "unauthenticated");
        assert!(world.reads() > before, "a well-formed token that is not known is looked up");
    }

    async fn the_last_use_is_known_to_the_minute_and_written_down_by_a_job(database) {
        let world = World::over(database).await;
        let token = world.token(all()).await;
        let ada = world.house.sign_in("ada").await;
        let last_use = async || ada.get(&token.path).await.expect(StatusCode::OK)["last_used_at"].clone();
        let minute = NOW.as_millis() / 60_000 * 60_000;
        assert_eq!(last_use().await, Value::Null);

        token.client.get("/me").await.expect(StatusCode::OK);
        token.client.get("/me").await.expect(StatusCode::OK);
        let shown = last_use().await;
        assert_eq!(world.last_use_in_database().await, None);
        world.house.app.token_use_step().await.unwrap();
        assert_eq!(world.last_use_in_database().await, Some(minute));
        assert_eq!(last_use().await, shown);
        world.clock.advance(Duration::from_secs(120));
        token.client.get("/me").await.expect(StatusCode::OK);
        world.house.app.token_use_step().await.unwrap();

        assert_eq!(world.last_use_in_database().await, Some(minute + 120_000));
    }

    async fn the_audit_names_the_token_that_acted(database) {
        let world = World::over(database).await;
        let token = world.token(all()).await;
        token.client.post("/devices", json!({ "name": "phone" })).await.expect(StatusCode::CREATED);
        let ada = world.house.sign_in("ada").await;

        let told = ada.get("/audit").await.expect(StatusCode::OK)["items"].clone();

        let of = |action: &str| told.as_array().unwrap().iter().find(|it| it["action"] == action).unwrap().clone();
        let (made, act) = (of("api_token_create"), of("device_create"));
        assert_eq!((&made["actor_kind"], &made["api_token_id"]), (&json!("user"), &Value::Null));
        assert_eq!((&act["actor_kind"], &act["actor_id"]), (&json!("api_token"), &json!(world.ada)));
        assert_eq!(act["api_token_id"], made["target_id"]);
        assert!(token.path.ends_with(act["api_token_id"].as_str().unwrap()));
    }

    async fn a_user_has_so_many_tokens(database) {
        let world = World::over(database).await;
        let ada = world.house.sign_in("ada").await;
        let mut last = String::new();
        for _ in 0..100 {
            last = ada.post("/api-tokens", all()).await.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned();
        }

        assert_eq!(ada.post("/api-tokens", all()).await.problem(409), "api_token_limit");
        world.token_of("owner", all()).await;
        ada.send(Method::DELETE, &format!("/api-tokens/{last}"), &[], None).await.expect(StatusCode::NO_CONTENT);
        ada.post("/api-tokens", all()).await.expect(StatusCode::CREATED);
    }

    async fn a_request_that_makes_no_sense_is_refused_by_its_field(database) {
        let world = World::over(database).await;
        let ada = world.house.sign_in("ada").await;
        let with = |field: &str, value: Value| {
            let mut request = all();
            request[field] = value;
            request
        };
        for (request, pointer) in [
            (with("scopes", json!([])), "/scopes"),
            (with("scopes", json!(["all", "device_list"])), "/scopes"),
            (with("scopes", json!(["device_list", "api_token_create"])), "/scopes/1"),
            (with("scopes", json!(["device_lst"])), "/scopes/0"),
            (with("allowed_from", json!([])), "/allowed_from"),
            (with("allowed_from", json!(["::ffff:192.0.2.0/120"])), "/allowed_from"),
            (with("expires_at", json!(NOW.to_string())), "/expires_at"),
        ] {
            let refused = ada.post("/api-tokens", request).await;
            assert_eq!((refused.problem(422), &refused.body["errors"][0]["pointer"]), ("invalid", &json!(pointer)));
        }
        let host = world.house.host();
        let nobodys = [all(), with("user_id", json!("01983f6e-7b3a-7c00-8000-000000000000"))];
        for request in nobodys {
            assert_eq!(host.post("/api-tokens", request).await.body["errors"][0]["pointer"], "/user_id");
        }
        host.post("/api-tokens", with("user_id", json!(world.ada))).await.expect(StatusCode::CREATED);
    }

    async fn tokens_are_listed_page_by_page_and_found_by_name(database) {
        let world = World::over(database).await;
        let ada = world.house.sign_in("ada").await;
        for name in ["Backup one", "metrics", "backup two"] {
            world.clock.advance(Duration::from_secs(1));
            ada.post("/api-tokens", json!({ "name": name, "scopes": ["all"] })).await.expect(StatusCode::CREATED);
        }
        let names = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
        };

        let first = ada.get("/api-tokens?limit=2").await.expect(StatusCode::OK);
        let next = first["next"].as_str().unwrap();
        let second = ada.get(&format!("/api-tokens?limit=2&after={next}")).await.expect(StatusCode::OK);
        let found = ada.get("/api-tokens?q=backup&sort=name").await.expect(StatusCode::OK);

        assert_eq!((names(&first), names(&second)), (vec!["backup two".into(), "metrics".into()], vec!["Backup one".into()]));
        assert_eq!((names(&found), &second["next"]), (vec!["Backup one".into(), "backup two".into()], &Value::Null));
    }

    async fn a_purged_user_leaves_no_token_behind(database) {
        let world = World::over(database).await;
        world.token(all()).await;
        sql(&world.house, "UPDATE users SET deleted_at = 1 WHERE login = 'ada'").await;
        sql(&world.house, "UPDATE sessions SET expires_at = 1").await;

        world.house.app.purge_step().await.unwrap();

        let count = async |on: &mut Conn| Ok::<_, AppError>(on.one("SELECT COUNT(*) FROM api_tokens", &[]).await?);
        let left: i64 = world.house.app.store().read(count).await.unwrap();
        assert_eq!(left, 0);
    }
}
