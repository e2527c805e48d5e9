//! Mail as a real server receives it: over TLS, with a password, and as MIME that another program can read.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::runtime::clock::TestClock;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{self, Client, House};
use crate::databases::TestDatabase;
use crate::mail_server::{MailServer, PASSWORD, USER};
use crate::mfa::world::World;
use crate::store_fixtures::NOW;

/// A house whose mail goes to this server.
pub(crate) async fn house_with(server: &MailServer) -> House {
    let house = House::new(TestDatabase::sqlite()).await;
    set(&house.host(), server.settings()).await.expect(StatusCode::OK);
    house
}

pub(crate) async fn set(who: &Client, change: Value) -> crate::api_house::Answer {
    let tag = who.get("/settings").await.tag().to_owned();
    who.patch("/settings", &tag, change).await
}

async fn test_letter(house: &House) -> crate::api_house::Answer {
    house.host().post("/settings/mail/test", json!({ "to": "ada@example.org" })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_test_letter_is_sent_at_once_and_the_servers_words_are_told() {
    for security in ["starttls", "tls"] {
        let server = MailServer::start(security);
        let house = house_with(&server).await;

        let told = test_letter(&house).await.expect(StatusCode::OK);

        assert_eq!(told["answer"], "250 2.0.0 queued as LETTER1", "{security}");
        let letter = server.letter(1);
        assert_eq!((&letter["tls"], &letter["user"]), (&json!(true), &json!(USER)));
        assert_eq!((&letter["mail_from"], &letter["rcpt_tos"]), (&json!(USER), &json!(["ada@example.org"])));
        assert_eq!((&letter["kind"], &letter["defects"]), (&json!("multipart/alternative"), &json!([])));
        assert_eq!(letter["headers"]["auto-submitted"], "auto-generated");
        assert_eq!(letter["headers"]["subject"], "Test letter");
        let mut names: Vec<_> =
            letter["header_names"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        names.sort_unstable();
        let expected =
            ["auto-submitted", "content-type", "date", "from", "message-id", "mime-version", "subject", "to"];
        assert_eq!(names, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_letter_is_read_in_the_language_that_was_chosen() {
    let server = MailServer::start("plain");
    let house = house_with(&server).await;
    let body = json!({ "login": "ada", "role": "admin", "password": crate::api_house::PASSWORD,
        "email": "Ada@Example.org", "display_name": "Ада <b>Лавлейс</b>" });
    house.host().post("/users", body).await.expect(StatusCode::CREATED);
    let ada = house.sign_in("ada").await;

    for (language, greeting, subject) in [
        ("en", "Hello Ада", "Test letter"),
        ("de", "Guten Tag Ада", "Testnachricht"),
        ("es", "Hola, Ада", "Mensaje de prueba"),
        ("fa", "\u{2068}Ада", "نامهٔ آزمایشی"),
        ("ru", "Здравствуйте, Ада", "Проверочное письмо"),
        ("zh", "Ада <b>Лавлейс</b>，您好：", "测试邮件"),
    ] {
        let tag = ada.get("/me").await.tag().to_owned();
        ada.patch("/me", &tag, json!({ "language": language })).await.expect(StatusCode::OK);
        ada.post("/settings/mail/test", json!({})).await.expect(StatusCode::OK);

        let letter = server.letter(server.count());
        assert_eq!(letter["headers"]["subject"], subject);
        assert_eq!(letter["headers"]["to"], "ada@example.org", "an address alone, in lower case");
        assert!(letter["text"].as_str().unwrap().starts_with(greeting), "{}", letter["text"]);
        let html = letter["html"].as_str().unwrap();
        assert!(html.contains("&lt;b&gt;Лавлейс&lt;/b&gt;") && !html.contains("<b>"), "{html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_password_goes_to_nobody_but_the_server_it_is_for() {
    let server = MailServer::start("starttls");
    let house = house_with(&server).await;
    let host = house.host();

    // Shown nowhere.
    let settings = host.get("/settings").await.expect(StatusCode::OK).to_string();
    let audit = host.get("/audit").await.expect(StatusCode::OK).to_string();
    assert!(settings.contains(USER) && !settings.contains(PASSWORD) && !audit.contains(PASSWORD));

    // Kept for the same server, wanted again for another.
    let mut same = server.settings();
    same["smtp"].as_object_mut().unwrap().remove("password");
    same["smtp"]["from"] = json!("other@example.org");
    set(&host, same.clone()).await.expect(StatusCode::OK);
    test_letter(&house).await.expect(StatusCode::OK);
    same["smtp"]["host"] = json!("eve.example.org");
    let refused = set(&host, same.clone()).await;
    assert_eq!(
        (refused.problem(422), &refused.body["errors"][0]["pointer"]),
        ("invalid", &json!("/smtp/password"))
    );

    // And not sent in the clear to one that offers no TLS, nor to one whose certificate nobody vouches for.
    let stripped = MailServer::start("stripped");
    set(&host, stripped.settings()).await.expect(StatusCode::OK);
    assert_eq!(test_letter(&house).await.problem(409), "mail_failed");
    let mut unknown = server.settings();
    unknown["smtp"]["ca_certificate"] = Value::Null;
    set(&host, unknown).await.expect(StatusCode::OK);
    let refused = test_letter(&house).await;
    assert_eq!(refused.problem(409), "mail_failed");
    assert!(refused.body["detail"].as_str().unwrap().contains("certificate"), "{}", refused.body);
    assert_eq!((stripped.count(), server.count()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_server_of_ones_own_shows_a_certificate_for_the_name_that_was_set() {
    for security in ["starttls", "tls"] {
        let server = MailServer::certified(security, "DNS:localhost");
        let house = house_with(&server).await;

        let by_address = test_letter(&house).await;
        assert_eq!(by_address.problem(409), "mail_failed");
        assert!(by_address.body["detail"].as_str().unwrap().contains("certificate"), "{}", by_address.body);
        assert_eq!(server.count(), 0, "{security}");

        let mut by_name = server.settings();
        by_name["smtp"]["host"] = json!("localhost");
        set(&house.host(), by_name).await.expect(StatusCode::OK);
        test_letter(&house).await.expect(StatusCode::OK);
        assert_eq!((server.count(), &server.letter(1)["tls"]), (1, &json!(true)), "{security}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_in_a_network_of_ones_own_is_set_only_where_that_network_is_allowed() {
    let house = House::new(TestDatabase::sqlite()).await;
    let host = house.host();
    let change = |server: &str, security: &str, allowed: &[&str]| {
        let smtp = json!({ "host": server, "security": security, "from": "vpn@example.org" });
        json!({ "panel_url": "https://vpn.example.org", "outgoing_allowed": allowed, "smtp": smtp })
    };

    for (server, security, network) in [
        ("192.168.1.5", "tls", "192.168.1.0/24"),
        ("127.0.0.1", "starttls", "127.0.0.0/8"),
        ("localhost", "plain", "127.0.0.0/8"),
        ("::1", "plain", "::1/128"),
    ] {
        let refused = set(&host, change(server, security, &[])).await;
        assert_eq!(
            (refused.problem(422), &refused.body["errors"][0]["pointer"]),
            ("invalid", &json!("/smtp/host")),
            "{server}"
        );
        assert!(refused.body.to_string().contains("outgoing_allowed"), "{}", refused.body);

        set(&host, change(server, security, &[network])).await.expect(StatusCode::OK);
        let taken_away = set(&host, json!({ "outgoing_allowed": [] })).await;
        assert_eq!(taken_away.problem(422), "invalid", "mail would stop unseen: {server}");
        set(&host, json!({ "outgoing_allowed": [], "smtp": null })).await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_wrong_password_is_told_in_the_servers_words() {
    let server = MailServer::start("starttls");
    let house = house_with(&server).await;
    let mut wrong = server.settings();
    wrong["smtp"]["password"] = json!("not it at all");
    set(&house.host(), wrong).await.expect(StatusCode::OK);

    let refused = test_letter(&house).await;

    assert_eq!(refused.problem(409), "mail_failed");
    assert!(refused.body["detail"].as_str().unwrap().contains("535"), "{}", refused.body);
    assert_eq!(server.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_letter_that_was_put_off_is_sent_later_and_one_that_was_refused_is_not() {
    let server = MailServer::start("plain");
    let clock = Arc::new(TestClock::at(NOW));
    let house = House::at(TestDatabase::sqlite(), Arc::clone(&clock) as _).await;
    set(&house.host(), server.settings()).await.expect(StatusCode::OK);
    let invite = json!({ "role": "member", "email": "ada@example.org" });

    server.say(Some("451 4.7.1 come back later"));
    house.host().post("/invites", invite.clone()).await.expect(StatusCode::CREATED);
    house.work().await;
    assert_eq!((server.count(), house.app.count_jobs().await.unwrap()), (0, (1, 0)));
    server.say(None);
    house.work().await;
    assert_eq!(server.count(), 0, "it waits its time");
    clock.advance(Duration::from_secs(31));
    house.work().await;
    house.work().await;
    assert_eq!((server.count(), house.app.count_jobs().await.unwrap()), (1, (0, 0)));
    let at = server.letter(1)["date"].as_str().unwrap().to_owned();
    assert!(
        at.starts_with(&(NOW + Duration::from_secs(31)).to_string()[..19]),
        "{at} is the service's own time"
    );

    server.say(Some("550 5.1.1 nobody of that name"));
    house.host().post("/invites", invite).await.expect(StatusCode::CREATED);
    house.work().await;

    assert_eq!((server.count(), house.app.count_jobs().await.unwrap()), (1, (0, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_a_server_that_is_away_gets_its_letters_when_it_is_back_unless_they_lost_their_use() {
    let clock = Arc::new(TestClock::at(NOW));
    let house = House::at(TestDatabase::sqlite(), Arc::clone(&clock) as _).await;
    let host = house.host();
    let gone = MailServer::start("plain").settings();
    set(&host, gone).await.expect(StatusCode::OK);
    let ada = json!({ "login": "ada", "role": "member", "password": PASSWORD, "email": "ada@example.org" });
    host.post("/users", ada).await.expect(StatusCode::CREATED);
    host.post("/invites", json!({ "role": "member", "email": "bob@example.org" }))
        .await
        .expect(StatusCode::CREATED);
    house.nobody().post("/password-resets", json!({ "login": "ada" })).await.expect(StatusCode::ACCEPTED);
    house.work().await;
    house.work().await;
    assert_eq!(house.app.count_jobs().await.unwrap(), (2, 0), "both letters wait");

    let back = MailServer::start("plain");
    set(&host, back.settings()).await.expect(StatusCode::OK);
    clock.advance(Duration::from_secs(3600));
    house.work().await;

    assert_eq!(back.letter(1)["rcpt_tos"], json!(["bob@example.org"]));
    assert_eq!(back.count(), 1, "a link of half an hour is not sent after an hour");
    assert_eq!(house.app.count_jobs().await.unwrap(), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_mail_that_cannot_work_are_refused_with_their_place() {
    let house = House::new(TestDatabase::sqlite()).await;
    let host = house.host();
    let server = json!({ "host": "mail.example.org", "from": "vpn@example.org" });
    let with = |field: &str, value: Value| {
        let mut server = server.clone();
        server[field] = value;
        json!({ "panel_url": "https://vpn.example.org", "smtp": server })
    };

    for (change, place) in [
        (json!({ "smtp": server }), "/panel_url"),
        (with("security", json!("plain")), "/smtp/security"),
        (with("password", json!("x")), "/smtp/password"),
        (with("username", json!("x")), "/smtp/password"),
        (with("from", json!("vpn@example.org\r\nBcc: eve@example.org")), "/smtp/from"),
        (
            with("ca_certificate", json!("-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----")),
            "/smtp/ca_certificate",
        ),
        (json!({ "panel_url": "http://vpn.example.org" }), "/panel_url"),
    ] {
        let refused = set(&host, change.clone()).await;
        assert_eq!(
            (refused.problem(422), &refused.body["errors"][0]["pointer"]),
            ("invalid", &json!(place)),
            "{change}"
        );
    }
    assert_eq!(test_letter(&house).await.problem(409), "mail_off");
    set(&host, with("port", json!(2525))).await.expect(StatusCode::OK);
    let gone = set(&host, json!({ "panel_url": null })).await;
    assert_eq!((gone.problem(422), &gone.body["errors"][0]["pointer"]), ("invalid", &json!("/panel_url")));
    set(&host, json!({ "panel_url": null, "smtp": null })).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_users_are_written_to_when_a_factor_changes_or_somebody_guesses_at_their_account() {
    let server = MailServer::start("plain");
    let world = World::over(TestDatabase::sqlite()).await;
    world.set(server.settings()).await;
    let host = world.house.host();
    let path = format!("/users/{}", world.mia);
    let tag = host.get(&path).await.tag().to_owned();
    host.patch(&path, &tag, json!({ "email": "mia@example.org" })).await.expect(StatusCode::OK);
    let written = async || {
        world.house.work().await;
        (1..=server.count()).map(|nth| server.letter(nth)["headers"]["subject"].clone()).collect::<Vec<_>>()
    };
    let wait = |answer: &crate::api_house::Answer| {
        let seconds = answer.headers.get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
        world.clock.advance(Duration::from_secs(seconds.unwrap_or(0)));
    };

    for nth in 0..30 {
        let from = world.house.nobody().from(Some(&format!("198.51.100.{nth}")));
        wait(&from.post("/sessions", json!({ "login": "mia", "password": "a wrong guess" })).await);
    }
    assert_eq!(written().await, ["Sign-in to your account is locked"], "once, not at every attempt");
    world.clock.advance(Duration::from_secs(7200));
    world.enrol("mia").await;
    for nth in 0..30 {
        let from = world.house.nobody().from(Some(&format!("203.0.113.{nth}")));
        let asked = from.post("/sessions", json!({ "login": "mia", "password": api_house::PASSWORD })).await;
        let challenge = asked.expect(StatusCode::ACCEPTED)["challenge"].clone();
        wait(
            &from.post("/sessions/second-factor", json!({ "challenge": challenge, "code": "000000" })).await,
        );
    }
    host.act(&format!("{path}/disable-mfa")).await.expect(StatusCode::NO_CONTENT);
    let letters = written().await;

    let of = |subject: &str| letters.iter().filter(|it| *it == subject).count();
    assert_eq!(of("A second factor was added"), 1, "{letters:?}");
    assert_eq!(of("Somebody knows your password"), 1, "{letters:?}");
    assert_eq!(of("A second factor was removed"), 1, "{letters:?}");
    assert_eq!(letters.len(), 4, "{letters:?}");
}
