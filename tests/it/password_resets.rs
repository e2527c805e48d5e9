//! Forgotten passwords: what a link does, what it does not, and what asking tells.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::runtime::clock::TestClock;
use caspervpn::store::backend::Conn;
use caspervpn::store::error::StoreError;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Answer, Client, House, PASSWORD};
use crate::databases::{TestDatabase, on_both};
use crate::mail::{self, house_with};
use crate::mail_server::{MailServer, token};
use crate::store_fixtures::NOW;

const NEW: &str = "a wholly new password";

async fn redeem(who: &Client, token: &str, password: &str) -> Answer {
    who.post("/password-resets/redeem", json!({ "token": token, "password": password })).await
}

async fn sign_in(house: &House, login: &str, password: &str) -> Answer {
    house.nobody().post("/sessions", json!({ "login": login, "password": password })).await
}

async fn link(who: &Client, user: &str) -> String {
    let made = who.act(&format!("/users/{user}/reset-link")).await.expect(StatusCode::CREATED);
    made["token"].as_str().unwrap().to_owned()
}

async fn change(house: &House, user: &str, change: Value) {
    let (host, path) = (house.host(), format!("/users/{user}"));
    let tag = host.get(&path).await.tag().to_owned();
    host.patch(&path, &tag, change).await.expect(StatusCode::OK);
}

/// Jobs in the database, ended ones too.
async fn rows(house: &House) -> i64 {
    let count = async |on: &mut Conn| on.one("SELECT COUNT(*) FROM jobs", &[]).await;
    house.app.store().read::<_, StoreError, _>(count).await.unwrap()
}

on_both! {
    async fn an_operators_link_sets_a_password_once_and_ends_the_sessions_and_signs_nobody_in(database) {
        let house = House::new(database).await;
        house.user("olga", "operator").await;
        let ada = house.user("ada", "member").await;
        let olga = house.sign_in("olga").await;
        let signed_in = house.sign_in("ada").await;
        let token = link(&olga, &ada).await;

        let done = redeem(&house.nobody(), &token, NEW).await;

        assert_eq!((done.status, done.body), (StatusCode::NO_CONTENT, Value::Null));
        assert_eq!(signed_in.get("/me").await.problem(401), "unauthenticated");
        assert_eq!(sign_in(&house, "ada", PASSWORD).await.problem(401), "unauthenticated");
        sign_in(&house, "ada", NEW).await.expect(StatusCode::CREATED);
        assert_eq!(redeem(&house.nobody(), &token, "and another password").await.problem(409), "link_spent");
        let audit = house.host().get("/audit?action=password_reset_redeem").await.expect(StatusCode::OK);
        assert_eq!((&audit["items"][0]["target_id"], &audit["items"][0]["actor_kind"]), (&json!(ada), &json!("anonymous")));
        assert!(!house.host().get("/audit").await.body.to_string().contains(&token));
    }

    async fn a_link_is_made_only_for_who_one_manages_and_never_by_a_program(database) {
        let house = House::new(database).await;
        let owner = house.host().get("/users?q=owner").await.expect(StatusCode::OK)["items"][0]["id"].as_str().unwrap().to_owned();
        house.user("olga", "operator").await;
        let admin = house.user("anna", "admin").await;
        let member = house.user("mia", "member").await;
        let path = |id: &str| format!("/users/{id}/reset-link");
        let (olga, mia) = (house.sign_in("olga").await, house.sign_in("mia").await);

        assert_eq!(olga.act(&path(&admin)).await.problem(403), "forbidden");
        assert_eq!(house.sign_in("anna").await.act(&path(&owner)).await.problem(403), "forbidden");
        assert_eq!(mia.act(&path(&member)).await.problem(403), "forbidden");
        let token = house.owner().await.post("/api-tokens", json!({ "name": "all", "scopes": ["all"] })).await;
        let token = house.bearer(token.expect(StatusCode::CREATED)["token"].as_str().unwrap());
        assert_eq!(token.act(&path(&member)).await.problem(403), "forbidden");
        let change = json!({ "email": "eve@example.org" });
        assert_eq!(token.patch(&format!("/users/{member}"), "\"1\"", change).await.problem(403), "forbidden");
        house.host().act(&path(&owner)).await.expect(StatusCode::CREATED);
    }

    async fn a_link_dies_with_what_the_account_was_when_it_was_made(database) {
        let house = House::new(database).await;
        let host = house.host();
        let ada = house.user("ada", "member").await;
        let nobody = house.nobody();

        let first = link(&host, &ada).await;
        let second = link(&host, &ada).await;
        assert_eq!(redeem(&nobody, &first, NEW).await.problem(409), "link_spent");
        change(&house, &ada, json!({ "role": "admin" })).await;
        assert_eq!(redeem(&nobody, &second, NEW).await.problem(409), "link_spent");
        let third = link(&host, &ada).await;
        host.post(&format!("/users/{ada}/password"), json!({ "password": "set in another way" })).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(redeem(&nobody, &third, NEW).await.problem(409), "link_spent");
        let fourth = link(&host, &ada).await;
        change(&house, &ada, json!({ "email": "ada@example.org" })).await;
        assert_eq!(redeem(&nobody, &fourth, NEW).await.problem(409), "link_spent");
        let fifth = link(&host, &ada).await;
        host.act(&format!("/users/{ada}/disable")).await.expect(StatusCode::OK);
        assert_eq!(redeem(&nobody, &fifth, NEW).await.problem(409), "link_spent");
        assert_eq!(host.act(&format!("/users/{ada}/reset-link")).await.problem(409), "user_disabled");
    }

    async fn a_link_is_good_for_half_an_hour(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as _).await;
        let ada = house.user("ada", "member").await;
        let token = link(&house.host(), &ada).await;

        clock.advance(Duration::from_secs(30 * 60));

        assert_eq!(redeem(&house.nobody(), &token, NEW).await.problem(409), "link_spent");
    }

    async fn asking_tells_nothing_and_is_limited(database) {
        let house = House::new(database).await;
        house.user("ada", "member").await;
        let nobody = house.nobody();
        let ask = async |login: &str| nobody.post("/password-resets", json!({ "login": login })).await;

        let (known, unknown, nonsense) = (ask("ada").await, ask("bob").await, ask("\u{1f984} no login at all").await);

        for answer in [&known, &unknown, &nonsense] {
            assert_eq!((answer.status, &answer.body), (StatusCode::ACCEPTED, &Value::Null));
        }
        assert_eq!(known.headers.len(), unknown.headers.len());
        house.work().await;
        assert_eq!(house.app.count_jobs().await.unwrap(), (0, 0), "nothing is left to do, and nothing was given up");
        let mut limited = 0;
        for _ in 0..80 {
            limited += u32::from(ask("ada").await.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(limited > 0, "nobody is mailed without end");
        sign_in(&house, "ada", PASSWORD).await;
    }

    async fn so_many_questions_wait_and_then_everybody_is_sent_away_alike_for_a_moment(database) {
        let house = House::new(database).await;
        house.user("ada", "member").await;
        // As all come who come through a proxy on this host.
        let nobody = house.nobody().from(None);
        let ask = async |login: &str| nobody.post("/password-resets", json!({ "login": login })).await;
        for n in 0..200 {
            ask(&format!("nobody{n}")).await.expect(StatusCode::ACCEPTED);
        }

        let (known, unknown) = (ask("ada").await, ask("bob").await);

        for answer in [&known, &unknown] {
            assert_eq!((answer.problem(503), &answer.headers["retry-after"]), ("busy", &"5".parse().unwrap()));
            assert_eq!(answer.body["detail"], known.body["detail"]);
        }
        assert_eq!(rows(&house).await, 200, "what is sent away leaves nothing");
        while house.app.count_jobs().await.unwrap().0 > 0 {
            house.work().await;
        }
        assert_eq!(rows(&house).await, 0, "an answered question leaves nothing either");
        ask("ada").await.expect(StatusCode::ACCEPTED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_whoever_forgot_a_password_is_mailed_a_link_that_sets_a_new_one() {
    let server = MailServer::start("starttls");
    let house = house_with(&server).await;
    let ada = house.user("ada", "member").await;
    house.user("bob", "member").await;
    change(&house, &ada, json!({ "email": "ada@example.org", "language": "de" })).await;
    let ask = async |login: &str| {
        let body = json!({ "login": login });
        house.nobody().post("/password-resets", body).await.expect(StatusCode::ACCEPTED);
        // The question is a job, and the letter is another one.
        house.work().await;
        house.work().await;
    };

    ask("bob").await;
    ask("eve@example.org").await;
    assert_eq!(server.count(), 0, "no address, no letter");
    ask("ADA@example.org").await;
    ask("ada").await;
    assert_eq!(server.count(), 1, "a second letter at once would only be a nuisance");

    let letter = server.letter(1);
    assert_eq!(letter["headers"]["subject"], "Neues Passwort setzen");
    assert_eq!(letter["rcpt_tos"], json!(["ada@example.org"]));
    let token = token(&letter, "reset");
    redeem(&house.nobody(), &token, NEW).await.expect(StatusCode::NO_CONTENT);
    sign_in(&house, "ada", NEW).await.expect(StatusCode::CREATED);
    assert_eq!(redeem(&house.nobody(), &token, NEW).await.problem(409), "link_spent");
}

/// A house on a clock of the test's whose mail goes to this server, and its member `ada`, who has an address.
async fn house_of_ada(server: &MailServer) -> (House, Arc<TestClock>, String) {
    let clock = Arc::new(TestClock::at(NOW));
    let house = House::at(TestDatabase::sqlite(), Arc::clone(&clock) as _).await;
    mail::set(&house.host(), server.settings()).await.expect(StatusCode::OK);
    let ada = house.user("ada", "member").await;
    change(&house, &ada, json!({ "email": "ada@example.org" })).await;
    (house, clock, ada)
}

/// Asks for a letter to `ada`, and sees that all is done that comes of it.
async fn ask_for_ada(house: &House) {
    house.nobody().post("/password-resets", json!({ "login": "ada" })).await.expect(StatusCode::ACCEPTED);
    house.work().await;
    house.work().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_stranger_who_asks_for_a_letter_kills_no_operators_link() {
    let server = MailServer::start("plain");
    let (house, clock, ada) = house_of_ada(&server).await;
    let by_hand = link(&house.host(), &ada).await;
    clock.advance(Duration::from_secs(16 * 60));

    ask_for_ada(&house).await;

    let mailed = token(&server.letter(1), "reset");
    redeem(&house.nobody(), &by_hand, NEW).await.expect(StatusCode::NO_CONTENT);
    let late = redeem(&house.nobody(), &mailed, "and another password").await;
    assert_eq!(late.problem(409), "link_spent", "the password that a link sets kills every other link");
    sign_in(&house, "ada", NEW).await.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_an_operators_new_link_kills_the_ones_before_mailed_ones_too() {
    let server = MailServer::start("plain");
    let (house, _, ada) = house_of_ada(&server).await;
    ask_for_ada(&house).await;
    let mailed = token(&server.letter(1), "reset");

    let by_hand = link(&house.host(), &ada).await;

    assert_eq!(redeem(&house.nobody(), &mailed, NEW).await.problem(409), "link_spent");
    redeem(&house.nobody(), &by_hand, NEW).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_one_letter_goes_out_in_a_quarter_of_an_hour_and_the_newest_link_works() {
    let server = MailServer::start("plain");
    let (house, clock, ada) = house_of_ada(&server).await;

    for _ in 0..3 {
        ask_for_ada(&house).await;
        clock.advance(Duration::from_secs(4 * 60));
    }
    assert_eq!(server.count(), 1, "whoever asks again and again fills nobody's mailbox");
    change(&house, &ada, json!({ "email": "lovelace@example.org" })).await;
    ask_for_ada(&house).await;
    assert_eq!(server.count(), 2, "a link that died with the old address keeps nobody waiting");
    clock.advance(Duration::from_secs(15 * 60));
    ask_for_ada(&house).await;

    let (second, newest) = (token(&server.letter(2), "reset"), token(&server.letter(3), "reset"));
    redeem(&house.nobody(), &newest, NEW).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(redeem(&house.nobody(), &second, "and another password").await.problem(409), "link_spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_of_ones_own_wants_the_password() {
    let house = House::new(TestDatabase::sqlite()).await;
    house.user("ada", "member").await;
    let ada = house.sign_in("ada").await;
    let tag = ada.get("/me").await.tag().to_owned();
    let set = async |body: Value| ada.patch("/me", &tag, body).await;

    for body in [
        json!({ "email": "eve@example.org" }),
        json!({ "email": "eve@example.org", "current_password": "not the right one" }),
    ] {
        let refused = set(body).await;
        assert_eq!(
            (refused.problem(422), &refused.body["errors"][0]["pointer"]),
            ("invalid", &json!("/current_password"))
        );
    }
    assert_eq!(ada.patch("/me", "\"77\"", json!({ "language": "ru" })).await.problem(412), "stale");
    let done =
        set(json!({ "email": "ada@example.org", "current_password": PASSWORD, "display_name": "Ada" })).await;

    let done = done.expect(StatusCode::OK);
    assert_eq!((&done["email"], &done["display_name"]), (&json!("ada@example.org"), &json!("Ada")));
}
