//! Invites: whoever holds one makes one account, and no more than its maker may give.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::runtime::clock::TestClock;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api_house::{Answer, Client, House, PASSWORD};
use crate::databases::on_both;
use crate::mail::house_with;
use crate::mail_server::{MailServer, token};
use crate::store_fixtures::NOW;

async fn invite(who: &Client, body: Value) -> Value {
    who.post("/invites", body).await.expect(StatusCode::CREATED)
}

async fn redeem(house: &House, token: &str, login: &str) -> Answer {
    let body = json!({ "token": token, "login": login, "password": PASSWORD });
    house.nobody().post("/invites/redeem", body).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

on_both! {
    async fn an_invite_makes_one_account_with_what_was_set_beforehand(database) {
        let house = House::new(database).await;
        house.user("olga", "operator").await;
        let olga = house.sign_in("olga").await;
        let made = invite(&olga, json!({
            "role": "member", "email": "ada@example.org", "language": "ru", "device_limit": 2, "data_limit_bytes": 1000,
            "account_expires_at": "2999-01-01T00:00:00Z",
        })).await;

        let redeemed = redeem(&house, text(&made["token"]), "ada").await.expect(StatusCode::CREATED);

        let ada = house.sign_in("ada").await.get("/me").await.expect(StatusCode::OK);
        assert_eq!(ada["id"], redeemed["user_id"]);
        for (field, value) in [
            ("role", json!("member")), ("email", json!("ada@example.org")), ("language", json!("ru")),
            ("device_limit", json!(2)), ("data_limit_bytes", json!(1000)), ("expires_at", json!("2999-01-01T00:00:00Z")),
        ] {
            assert_eq!(ada[field], value, "{field}");
        }
        assert_eq!(redeem(&house, text(&made["token"]), "bob").await.problem(409), "link_spent");
        let now = olga.get(&format!("/invites/{}", text(&made["id"]))).await.expect(StatusCode::OK);
        assert_eq!((&now["state"], &now["user_id"], &now["token"]), (&json!("used"), &redeemed["user_id"], &Value::Null));
    }

    async fn a_login_that_is_taken_does_not_cost_the_invite(database) {
        let house = House::new(database).await;
        let made = invite(&house.host(), json!({ "role": "member" })).await;

        let taken = redeem(&house, text(&made["token"]), "owner").await;

        assert_eq!((taken.problem(409), &taken.body["errors"][0]["pointer"]), ("taken", &json!("/login")));
        redeem(&house, text(&made["token"]), "ada").await.expect(StatusCode::CREATED);
    }

    async fn two_who_use_one_invite_at_once_get_one_account(database) {
        let house = House::new(database).await;
        let made = invite(&house.host(), json!({ "role": "member" })).await;
        let token = text(&made["token"]);

        let (a, b, c) = tokio::join!(redeem(&house, token, "ann"), redeem(&house, token, "bob"), redeem(&house, token, "cat"));

        let mut statuses = [a.status.as_u16(), b.status.as_u16(), c.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409]);
    }

    async fn nobody_invites_above_their_rank_and_a_program_invites_nobody(database) {
        let house = House::new(database).await;
        for role in ["admin", "operator", "support", "auditor", "member"] {
            house.user(role, role).await;
        }
        for (who, may) in [("owner", "owner"), ("admin", "operator"), ("operator", "member")] {
            invite(&house.sign_in(who).await, json!({ "role": may })).await;
        }
        for (who, may_not) in
            [("admin", "admin"), ("operator", "operator"), ("support", "member"), ("auditor", "member"), ("member", "member")]
        {
            let refused = house.sign_in(who).await.post("/invites", json!({ "role": may_not })).await;
            assert_eq!(refused.problem(403), "forbidden", "{who}");
        }
        let token = house.owner().await.post("/api-tokens", json!({ "name": "all", "scopes": ["all"] })).await;
        let token = house.bearer(text(&token.expect(StatusCode::CREATED)["token"]));
        assert_eq!(token.post("/invites", json!({ "role": "member" })).await.problem(403), "forbidden");
    }

    async fn an_invite_is_worth_no_more_than_its_maker_is_when_it_is_used(database) {
        let house = House::new(database).await;
        let host = house.host();
        let anna = house.user("anna", "admin").await;
        let made = invite(&house.sign_in("anna").await, json!({ "role": "operator" })).await;
        let path = format!("/users/{anna}");
        let tag = host.get(&path).await.tag().to_owned();
        host.patch(&path, &tag, json!({ "role": "operator" })).await.expect(StatusCode::OK);

        assert_eq!(redeem(&house, text(&made["token"]), "eve").await.problem(409), "link_spent");

        let tag = host.get(&path).await.tag().to_owned();
        host.patch(&path, &tag, json!({ "role": "admin" })).await.expect(StatusCode::OK);
        redeem(&house, text(&made["token"]), "eve").await.expect(StatusCode::CREATED);
    }

    async fn an_invite_ends_when_it_is_taken_back_or_its_time_is_over(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as _).await;
        let host = house.host();
        let (back, late) = (invite(&host, json!({ "role": "admin" })).await, invite(&host, json!({ "role": "member" })).await);
        house.user("olga", "operator").await;
        let olga = house.sign_in("olga").await;
        let path = format!("/invites/{}", text(&back["id"]));

        let above = olga.send(Method::DELETE, &path, &[], None).await;
        assert_eq!(above.problem(403), "forbidden", "an operator does not take an admin's invite back");
        assert_eq!(host.send(Method::DELETE, &path, &[], None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(host.get(&path).await.problem(404), "not_found");
        assert_eq!(redeem(&house, text(&back["token"]), "eve").await.problem(409), "link_spent");
        clock.advance(Duration::from_secs(7 * 86_400));
        assert_eq!(redeem(&house, text(&late["token"]), "eve").await.problem(409), "link_spent");
        let listed = host.get("/invites").await.expect(StatusCode::OK);
        assert_eq!(listed["items"].as_array().unwrap().iter().map(|it| text(&it["state"])).collect::<Vec<_>>(), ["expired"]);
        clock.advance(Duration::from_secs(31 * 86_400));
        house.app.purge_step().await.unwrap();
        assert_eq!(host.get("/invites").await.expect(StatusCode::OK)["items"], json!([]));

        for (field, value) in [("expires_at", NOW), ("expires_at", NOW + Duration::from_secs(80 * 86_400)), ("account_expires_at", NOW)] {
            let refused = host.post("/invites", json!({ "role": "member", field: value })).await;
            assert_eq!((refused.problem(422), &refused.body["errors"][0]["pointer"]), ("invalid", &json!(format!("/{field}"))));
        }
    }

    async fn a_repeated_request_makes_one_invite_and_shows_its_token_once(database) {
        let house = House::new(database).await;
        let host = house.host();
        let send = async || {
            let body = json!({ "role": "member" });
            host.send(Method::POST, "/invites", &[("idempotency-key", "once")], Some(body)).await.expect(StatusCode::CREATED)
        };

        let (first, second) = (send().await, send().await);

        assert_eq!(first["id"], second["id"]);
        assert!(first["token"].is_string() && second["token"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_an_invite_is_mailed_in_its_language_and_its_link_makes_the_account() {
    let server = MailServer::start("starttls");
    let house = house_with(&server).await;

    let made =
        invite(&house.host(), json!({ "role": "member", "email": "ada@example.org", "language": "zh" }))
            .await;
    house.work().await;

    assert_eq!(made["mailed"], true);
    let letter = server.letter(1);
    assert_eq!(letter["headers"]["subject"], "VPN 邀请");
    assert!(letter["text"].as_str().unwrap().contains("7 天内有效"));
    let token = token(&letter, "invite");
    assert_eq!(text(&made["token"]), token);
    redeem(&house, &token, "ada").await.expect(StatusCode::CREATED);
}
