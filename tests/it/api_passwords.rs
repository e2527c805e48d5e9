//! Which passwords may be set, and which hashes from elsewhere let their users in.

use std::sync::Arc;

use caspervpn::domain::id::UserId;
use caspervpn::runtime::clock::SystemClock;
use caspervpn::store::backend::Conn;
use caspervpn::store::users;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{House, PASSWORD};
use crate::databases::{TestDatabase, on_both};

/// "secret": PHP 8.2.36's password_hash() twice, and argon2-cffi 25.1.0's.
const HASHES: [&str; 3] = [
    "$2y$10$HXcWdpFvdT/EAb0a0qXm6eReGKOjVmQ6FTtd9cW3bFzYPb.pTDSdi",
    "$argon2id$v=19$m=65536,t=4,p=1$cGlaOG4xcDU1QkZiVGtuMg$YoYCC5jQDyFuTYDFIg9CTTGXcC9RsMhRv42djOZWYA0",
    "$argon2i$v=19$m=65536,t=3,p=4$wOEzttgevJ/Gg4zJYs/nRQ$+fjEy8ZpytkX57ueSKRq9ZE1HTEGolVCE1YB2jRinT8",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_guessers_try_first_is_refused_wherever_one_is_set() {
    let house = House::new(TestDatabase::sqlite()).await;
    let (host, owner) = (house.host(), house.owner().await);
    let ada = house.user("ada", "member").await;

    for weak in ["qwerty123456", "password1948", "aaaaaaaaaaaa", "ada-lovelace-1", "caspervpn2026"] {
        let create = json!({ "login": "ada.lovelace", "role": "member", "password": weak });
        let refused = host.post("/users", create).await;
        assert_eq!(refused.problem(422), "invalid");
        assert_eq!(refused.body["errors"][0]["pointer"], "/password", "{weak}");
        let detail = refused.body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("take several unrelated words") && !detail.contains(weak), "{detail}");
    }
    let set = host.post(&format!("/users/{ada}/password"), json!({ "password": "letmein12345" })).await;
    assert_eq!(set.body["errors"][0]["pointer"], "/password");
    let change = json!({ "current_password": PASSWORD, "new_password": "Password Password" });
    assert_eq!(owner.post("/me/password", change).await.body["errors"][0]["pointer"], "/new_password");
    let mut setup = crate::api_house::setup_request();
    setup["owner"]["password"] = json!("iloveyou1234");
    let empty = House::over(TestDatabase::sqlite()).await;
    let refused = empty.host().post("/setup", setup).await;
    assert_eq!(refused.body["errors"][0]["pointer"], "/owner/password");
}

on_both! {
    async fn a_hash_from_elsewhere_lets_its_user_in_and_becomes_one_of_our_own(database) {
        let house = House::new(database).await;

        for (n, hash) in HASHES.into_iter().enumerate() {
            let login = format!("user{n}");
            let create = json!({ "login": login, "role": "member", "password_hash": hash });
            let made = house.host().post("/users", create).await.expect(StatusCode::CREATED);
            let id: UserId = made["id"].as_str().unwrap().parse().unwrap();
            let sign_in = async |password: &str| {
                house.nobody().post("/sessions", json!({ "login": login, "password": password })).await
            };

            assert_eq!(sign_in("Secret").await.problem(401), "unauthenticated");
            assert_eq!(stored(&house, id).await, hash);
            sign_in("secret").await.expect(StatusCode::CREATED);
            let rehashed = stored(&house, id).await;
            assert!(rehashed.starts_with("$2b$12$"), "{rehashed}");
            sign_in("secret").await.expect(StatusCode::CREATED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_cannot_be_verified_or_is_not_for_the_caller_to_set_makes_no_user() {
    let house = House::new(TestDatabase::sqlite()).await;
    let create = |extra: Value| {
        let mut body = json!({ "login": "ada", "role": "member" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let huge = HASHES[1].replace("m=65536", "m=4194304");

    for bad in ["secret", "$2y$04$HXcWdpFvdT/EAb0a0qXm6eReGKOjVmQ6FTtd9cW3bFzYPb.pTDSdi", &huge] {
        let refused = house.host().post("/users", create(json!({ "password_hash": bad }))).await;
        assert_eq!(refused.problem(422), "invalid");
        assert_eq!(refused.body["errors"][0]["pointer"], "/password_hash");
    }
    let both = create(json!({ "password": PASSWORD, "password_hash": HASHES[0] }));
    assert_eq!(house.host().post("/users", both).await.body["errors"][0]["pointer"], "/password_hash");
    let owner = house.owner().await;
    let token = owner.post("/api-tokens", json!({ "name": "import", "scopes": ["all"] })).await;
    let program = house.bearer(token.expect(StatusCode::CREATED)["token"].as_str().unwrap());
    let refused = program.post("/users", create(json!({ "password_hash": HASHES[0] }))).await;
    assert_eq!(refused.problem(403), "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_past_the_queue_are_sent_away_with_a_time_to_come_back() {
    let house = House::hashing(TestDatabase::sqlite(), Arc::new(SystemClock::new()), 1, 1).await;
    let tries = (0..6).map(|n| {
        let nobody = house.nobody();
        async move { nobody.post("/sessions", json!({ "login": format!("user{n}"), "password": "x" })).await }
    });

    let answers = futures_util::future::join_all(tries).await;

    let (busy, judged): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
    assert_eq!((busy.len(), judged.len()), (4, 2));
    for answer in busy {
        assert_eq!(answer.problem(503), "busy");
        assert_eq!(answer.headers["retry-after"], "2");
    }
    judged.iter().for_each(|answer| assert_eq!(answer.problem(401), "unauthenticated"));
}

async fn stored(house: &House, id: UserId) -> String {
    let read = async move |on: &mut Conn| users::get_credentials(on, id).await;
    house.app.store().read(read).await.unwrap().password_hash.unwrap()
}
