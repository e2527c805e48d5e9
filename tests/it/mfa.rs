//! Second factors: what a sign-in asks, what an answer is worth and how often, and what nobody does without one.

mod enrolment;
mod step_up;
pub(crate) mod world;

use std::process::Command;
use std::time::Duration;

use caspervpn::domain::mfa::{CHALLENGE_FOR, CHALLENGE_TRIES};
use caspervpn::store::backend::Conn;
use http::StatusCode;
use serde_json::json;

use crate::api_house::PASSWORD;
use crate::databases::{TestDatabase, on_both};
use crate::mfa::world::World;

on_both! {
    async fn a_sign_in_asks_for_the_code_and_each_code_works_once(database) {
        let world = World::over(database).await;
        let mia = world.enrol("mia").await;
        let code = world.code(&mia.secret);

        let body = json!({ "login": "mia", "password": PASSWORD });
        let asked = world.house.nobody().post("/sessions", body).await.expect(StatusCode::ACCEPTED);
        let first = world.answer(asked["challenge"].as_str().unwrap(), &code).await;

        assert_eq!(asked["methods"], json!(["totp", "recovery_code"]));
        assert!(asked.get("access_token").is_none() && asked["passkey_options"].is_null());
        assert_eq!(world.client(first).get("/me").await.expect(StatusCode::OK)["has_mfa"], true);
        assert_eq!(world.sign_in("mia", &code).await.problem(401), "unauthenticated");
        world.next_step();
        assert_eq!(world.sign_in("mia", &world.code(&mia.secret)).await.status, 201);
        assert_eq!(world.audited("session_second_factor", "refused").await, 1);
        assert_eq!(world.audited("session_challenge", "done").await, 3);
    }

    async fn of_two_parallel_answers_with_one_code_one_gets_in(database) {
        let world = World::over(database).await;
        let mia = world.enrol("mia").await;
        let same = world.challenge("mia").await;
        let other = world.challenge("mia").await;
        let code = world.code(&mia.secret);

        let (first, second, third) =
            tokio::join!(world.answer(&same, &code), world.answer(&same, &code), world.answer(&other, &code));

        let mut statuses = [first.status, second.status, third.status].map(|status| status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401, 401]);
    }

    async fn of_two_parallel_uses_of_one_recovery_code_one_gets_in(database) {
        let world = World::over(database).await;
        let mia = world.enrol("mia").await;
        let (one, two) = (world.challenge("mia").await, world.challenge("mia").await);
        let code = &mia.recovery_codes[0];

        let (first, second) = tokio::join!(world.answer(&one, code), world.answer(&two, code));

        let mut statuses = [first.status, second.status].map(|status| status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401]);
        let left = mia.client.get("/me/mfa").await.expect(StatusCode::OK);
        assert_eq!(left["recovery_codes_left"], 9);
    }

    async fn a_challenge_is_answered_once_in_time_by_whom_it_was_asked(database) {
        let world = World::over(database).await;
        let (mia, ada) = (world.enrol("mia").await, world.enrol("ada").await);

        let of_mia = world.challenge("mia").await;
        assert_eq!(world.answer(&of_mia, &world.code(&ada.secret)).await.problem(401), "unauthenticated");
        assert_eq!(world.answer(&of_mia, &ada.recovery_codes[0]).await.problem(401), "unauthenticated");
        assert_eq!(world.answer(&of_mia, &world.code(&mia.secret)).await.status, 201);
        assert_eq!(world.answer(&of_mia, &mia.recovery_codes[0]).await.problem(401), "unauthenticated");

        let late = world.challenge("mia").await;
        world.clock.advance(CHALLENGE_FOR);
        assert_eq!(world.answer(&late, &world.code(&mia.secret)).await.problem(401), "unauthenticated");
    }

    async fn nobody_gets_in_whose_account_changed_between_the_factors(database) {
        let world = World::over(database).await;
        let mia = world.enrol("mia").await;
        let host = world.house.host();
        let path = format!("/users/{}", world.mia);

        let asked = world.challenge("mia").await;
        host.act(&format!("{path}/disable")).await.expect(StatusCode::OK);
        assert_eq!(world.answer(&asked, &world.code(&mia.secret)).await.problem(401), "unauthenticated");
        host.act(&format!("{path}/enable")).await.expect(StatusCode::OK);
        assert_eq!(world.answer(&asked, &mia.recovery_codes[0]).await.problem(401), "unauthenticated");

        let asked = world.challenge("mia").await;
        let new = json!({ "password": PASSWORD });
        host.post(&format!("{path}/password"), new).await.expect(StatusCode::NO_CONTENT);
        world.next_step();
        assert_eq!(world.answer(&asked, &world.code(&mia.secret)).await.problem(401), "unauthenticated");

        world.next_step();
        assert_eq!(world.sign_in("mia", &world.code(&mia.secret)).await.status, 201, "the code was the right one");
    }

    async fn secrets_and_codes_are_not_in_the_database_as_they_are(database) {
        let world = World::over(database).await;
        let mia = world.enrol("mia").await;

        let read = async |on: &mut Conn| on.one("SELECT secret FROM totp_secrets", &[]).await;
        let sealed: Vec<u8> = world.house.app.store().read(read).await.unwrap();

        assert!(sealed.len() > mia.secret.len());
        assert!(!sealed.windows(mia.secret.len()).any(|part| part == mia.secret), "it is sealed");
        assert_eq!(world.count("SELECT COUNT(*) FROM recovery_codes").await, 10);
        let read = async |on: &mut Conn| on.query("SELECT code_hash FROM recovery_codes", &[]).await;
        let hashes: Vec<Vec<u8>> = world.house.app.store().read(read).await.unwrap();
        assert!(hashes.iter().all(|hash| hash.len() == 32));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_whose_clock_is_a_step_off_gets_in_and_one_that_is_two_does_not() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.enrol("mia").await;
    world.clock.advance(Duration::from_secs(300));

    for (steps, status) in [(-2, 401), (2, 401), (-1, 201), (0, 201), (1, 201)] {
        let answer = world.sign_in("mia", &world.code_off(&mia.secret, steps)).await;
        assert_eq!(answer.status.as_u16(), status, "{steps} steps off");
    }
    let back = world.sign_in("mia", &world.code(&mia.secret)).await;
    assert_eq!(
        back.problem(401),
        "unauthenticated",
        "a later code was used, so an earlier one is not good any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_not_guessed_by_trying_whatever_the_challenge() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.enrol("mia").await;
    let wrong = world.code_off(&mia.secret, 7);
    let mut waits = Vec::new();
    let mut challenge = world.challenge("mia").await;

    for n in 0..10 {
        if n % 4 == 3 {
            challenge = world.challenge("mia").await;
        }
        let mut answer = world.answer(&challenge, &wrong).await;
        if answer.status == 429 {
            let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            waits.push(wait);
            world.clock.advance(Duration::from_secs(wait));
            challenge = world.challenge("mia").await;
            answer = world.answer(&challenge, &wrong).await;
        }
        assert_eq!(answer.problem(401), "unauthenticated");
    }

    assert_eq!(waits, [1, 2, 4, 8, 16, 32], "a right password between the tries clears nothing");
    assert_eq!(world.audited("session_second_factor", "refused").await, 10);
    world.clock.advance(Duration::from_secs(64));
    assert_eq!(
        world.sign_in("mia", &world.code(&mia.secret)).await.status,
        201,
        "nobody is shut out for ever"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_takes_a_handful_of_answers() {
    let world = World::over(TestDatabase::sqlite()).await;
    let mia = world.enrol("mia").await;
    let challenge = world.challenge("mia").await;

    for _ in 0..CHALLENGE_TRIES {
        assert_eq!(world.answer(&challenge, "0000-0000-0000-0000").await.problem(401), "unauthenticated");
        world.clock.advance(Duration::from_secs(10));
    }

    assert_eq!(world.answer(&challenge, &world.code(&mia.secret)).await.problem(401), "unauthenticated");
    assert_eq!(world.sign_in("mia", &world.code(&mia.secret)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_the_password_fills_no_table_with_challenges_and_old_ones_are_removed() {
    let world = World::over(TestDatabase::sqlite()).await;
    world.enrol("mia").await;

    for _ in 0..25 {
        world.challenge("mia").await;
    }

    assert_eq!(world.count("SELECT COUNT(*) FROM challenges").await, 20);
    world.clock.advance(CHALLENGE_FOR + Duration::from_secs(1));
    world.house.app.purge_step().await.unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM challenges").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn oathtool_shows_the_codes_that_are_asked_for() {
    let world = World::over(TestDatabase::sqlite()).await;
    let client = world.house.sign_in("mia").await;
    let made = client.act("/me/mfa/totp").await.expect(StatusCode::CREATED);
    let secret = made["secret"].as_str().unwrap();
    let shown = |at: &str| {
        let output =
            Command::new("oathtool").args(["--totp", "--base32", "--now", at, secret]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };

    // 2027-01-15 08:00 UTC, when the clock of these tests stands still.
    let code = shown("2027-01-15 08:00:00 UTC");
    client.post("/me/mfa/totp/confirm", json!({ "code": code })).await.expect(StatusCode::OK);
    world.next_step();

    assert_eq!(world.sign_in("mia", &shown("2027-01-15 08:00:30 UTC")).await.status, 201);
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with("otpauth://totp/CasperVPN:mia?") && url.contains(secret), "{url}");
    assert!(
        made["qr_svg"].as_str().unwrap().starts_with("<svg") && made["qr_png"].as_str().unwrap().len() > 100
    );
}
