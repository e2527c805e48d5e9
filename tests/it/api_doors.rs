//! Who gets in at all: callers by their address, and guessers by what they tried.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::api::caller::Origin;
use caspervpn::runtime::clock::{Clock, TestClock};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::api_house::{Client, House, PASSWORD};
use crate::databases::{TestDatabase, on_both};
use crate::store_fixtures::NOW;

async fn change(client: &Client, body: Value) -> crate::api_house::Answer {
    let tag = client.get("/settings").await.tag().to_owned();
    client.patch("/settings", &tag, body).await
}

async fn guess(client: &Client, login: &str, password: &str) -> u16 {
    client.post("/sessions", json!({ "login": login, "password": password })).await.status.as_u16()
}

on_both! {
    async fn callers_are_judged_by_address_before_anything_else_and_never_on_the_local_socket(database) {
        let house = House::new(database).await;
        let (host, owner) = (house.host(), house.owner().await);
        let office = json!({ "api_allowed_from": ["198.51.100.0/24", "2001:db8::/32"] });

        assert_eq!(change(&owner, office.clone()).await.problem(409), "would_shut_you_out");
        let mut forced = office.clone();
        forced["force"] = json!(true);
        change(&owner, forced).await.expect(StatusCode::OK);

        for path in ["/me", "/setup", "/openapi.json", "/nothing"] {
            assert_eq!(owner.get(path).await.problem(403), "address_not_allowed", "{path}");
        }
        assert_eq!(guess(&house.nobody(), "owner", PASSWORD).await, 403);
        assert_eq!(owner.from(Some("127.0.0.1")).get("/me").await.problem(403), "address_not_allowed");
        for allowed in ["198.51.100.7", "::ffff:198.51.100.7", "2001:db8:1::1"] {
            owner.from(Some(allowed)).get("/me").await.expect(StatusCode::OK);
        }
        let opened = json!({ "api_allowed_from": [], "api_only_from_vpn": false });
        change(&host, opened).await.expect(StatusCode::OK);
        owner.get("/me").await.expect(StatusCode::OK);
    }

    async fn from_inside_the_vpn_alone_means_the_pools_of_the_networks(database) {
        let house = House::new(database).await;
        let (host, owner) = (house.host(), house.owner().await);

        let only = json!({ "api_only_from_vpn": true });
        assert_eq!(change(&owner, only.clone()).await.problem(409), "would_shut_you_out");
        change(&owner.from(Some("10.86.0.9")), only).await.expect(StatusCode::OK);

        owner.from(Some("fd86:cafe::9")).get("/me").await.expect(StatusCode::OK);
        assert_eq!(owner.get("/me").await.problem(403), "address_not_allowed");
        change(&host, json!({ "api_allowed_from": ["192.0.2.7/32"] })).await.expect(StatusCode::OK);
        owner.get("/me").await.expect(StatusCode::OK);
    }

    async fn guessing_is_found_told_once_and_lifted_by_an_operator(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as Arc<dyn Clock>).await;
        let ada = house.user("ada", "member").await;
        let (host, guesser) = (house.host(), house.nobody());

        for n in 0..16 {
            guess(&guesser, &format!("user{n}"), &format!("guess number {n}")).await;
            clock.advance(Duration::from_secs(30));
        }
        guess(&guesser, "user0", "one more").await;
        assert_eq!(guess(&guesser, "ada", PASSWORD).await, 429);
        let listed = host.get("/ratelimits").await.expect(StatusCode::OK);
        assert_eq!(listed["addresses"][0]["address"], "192.0.2.7");
        assert!(listed["addresses"][0]["until"].is_string());
        let alerts = host.get("/audit?action=login_alert").await.expect(StatusCode::OK);
        assert_eq!(alerts["items"].as_array().unwrap().len(), 1);
        assert_eq!(alerts["items"][0]["after"], json!({ "finding": "many_accounts" }));
        assert_eq!(alerts["items"][0]["source"], "192.0.2.7");

        host.post("/ratelimits/unban", json!({ "address": "192.0.2.7" })).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(guess(&guesser, "ada", "wrong").await, 401);
        let listed = host.get("/ratelimits").await.expect(StatusCode::OK);
        let accounts = listed["accounts"].as_array().unwrap();
        let own = accounts.iter().find(|it| it["user_id"] == ada.as_str()).unwrap();
        assert_eq!((&own["login"], &own["failures"]), (&json!("ada"), &json!(1)));
        assert!(accounts.iter().any(|it| it["user_id"].is_null()) && !listed.to_string().contains("user3"));
        host.post("/ratelimits/unban", json!({ "login": "ada" })).await.expect(StatusCode::NO_CONTENT);
        let unknown = host.post("/ratelimits/unban", json!({ "login": "nobody.here" })).await;
        assert_eq!(unknown.problem(404), "not_found");
        for bad in [json!({}), json!({ "login": "ada", "address": "192.0.2.7" })] {
            assert_eq!(host.post("/ratelimits/unban", bad).await.problem(422), "invalid");
        }
    }

    async fn refused_attempts_leave_one_event_for_each_lock_of_an_account_and_of_an_address(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as Arc<dyn Clock>).await;
        let ada = house.user("ada", "member").await;
        let told = async || {
            let page = house.host().get("/audit?action=session_limited&sort=at").await.expect(StatusCode::OK);
            page["items"].as_array().unwrap().clone()
        };
        let refused = async |from: &str, login: &str| guess(&house.nobody().from(Some(from)), login, "wrong").await == 429;

        // One account, from everywhere.
        let mut refusals = 0;
        for n in 0..40 {
            refusals += u32::from(refused(&format!("203.0.113.{n}"), "ada").await);
        }
        let of_account = told().await;
        assert!(refusals >= 30, "{refusals}");
        assert_eq!(of_account.len(), 1, "{of_account:?}");
        assert_eq!((&of_account[0]["target_id"], &of_account[0]["outcome"]), (&json!(ada), &json!("refused")));
        assert_eq!(of_account[0]["after"], json!({ "layer": "account" }));

        // One address, at accounts that there are not.
        for n in 0..40 {
            refused("198.51.100.7", &format!("nobody{n}")).await;
        }
        let of_address: Vec<_> = told().await.into_iter().filter(|it| it["after"]["layer"] != "account").collect();
        assert_eq!(of_address.len(), 1, "{of_address:?}");
        assert_eq!((&of_address[0]["source"], &of_address[0]["target_id"]), (&json!("198.51.100.7"), &json!("")));

        // Locked anew later, it is told anew.
        clock.advance(Duration::from_secs(3600));
        for _ in 0..40 {
            refused("198.51.100.7", "nobody").await;
        }
        assert!(told().await.iter().any(|it| it["at"] == clock.now().to_string()), "{:?}", told().await);
    }

    async fn one_password_over_many_accounts_from_many_addresses_raises_one_alarm(database) {
        let house = House::new(database).await;

        for n in 0..12 {
            let guesser = house.nobody().from(Some(&format!("203.0.113.{n}")));
            guess(&guesser, &format!("user{n}"), "Summer in 2026!").await;
        }

        let alerts = house.host().get("/audit?action=login_alert").await.expect(StatusCode::OK);
        let found: Vec<_> = alerts["items"].as_array().unwrap().iter().map(|it| &it["after"]["finding"]).collect();
        assert_eq!(found, ["one_password"]);
        let listed = house.host().get("/ratelimits").await.expect(StatusCode::OK);
        assert!(listed["alarm_until"].is_string() && !listed.to_string().contains("Summer"));
    }

    async fn a_locked_account_is_told_of_and_unlimited_ranges_are_not_limited(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as Arc<dyn Clock>).await;
        let ada = house.user("ada", "member").await;
        let host = house.host();

        for n in 0..13 {
            let guesser = house.nobody().from(Some(&format!("203.0.113.{n}")));
            assert_eq!(guess(&guesser, "ada", &format!("guess {n}")).await, 401);
            clock.advance(Duration::from_secs(if n < 12 { 61 } else { 0 }));
        }

        assert_eq!(guess(&house.nobody(), "ada", PASSWORD).await, 429);
        let alerts = host.get("/audit?action=login_alert").await.expect(StatusCode::OK);
        assert_eq!(alerts["items"].as_array().unwrap().len(), 1);
        assert_eq!(alerts["items"][0]["target_id"], ada.as_str());
        assert_eq!(alerts["items"][0]["after"], json!({ "finding": "account_locked" }));
        change(&host, json!({ "login_unlimited_from": ["192.0.2.0/24"] })).await.expect(StatusCode::OK);
        assert_eq!(guess(&house.nobody(), "ada", PASSWORD).await, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_stands_behind_the_same_door() {
    let house = House::new(TestDatabase::sqlite()).await;
    change(&house.host(), json!({ "api_allowed_from": ["198.51.100.0/24"] })).await.expect(StatusCode::OK);
    let find = |extensions: &http::Extensions| extensions.get::<Origin>().copied().unwrap_or_default();
    let panel = caspervpn::api::doors::before(caspervpn::panel::router(), house.app.clone(), find);
    let status = async |address: &str| {
        let origin = Origin { address: Some(address.parse().unwrap()), is_host: false };
        let request = Request::get("/setup").extension(origin).body(axum::body::Body::empty()).unwrap();
        panel.clone().oneshot(request).await.unwrap().status()
    };

    assert_eq!(status("192.0.2.7").await, StatusCode::FORBIDDEN);
    assert_ne!(status("198.51.100.7").await, StatusCode::FORBIDDEN);
}
