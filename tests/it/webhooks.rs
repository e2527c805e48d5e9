//! Webhooks as a receiver gets them: signed, retried, never through a redirect, and only where calls may go.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use caspervpn::runtime::clock::TestClock;
use caspervpn::store::backend::{Conn, Tx};
use caspervpn::store::error::StoreError;
use caspervpn::store::webhooks;
use http::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::api_devices::sql;
use crate::api_house::{Client, House};
use crate::databases::{TestDatabase, on_both};
use crate::mail::set;
use crate::mail_server::MailServer;
use crate::store_fixtures::NOW;

/// A receiver: a web server of Python's. It ends with the test.
struct Receiver {
    directory: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Receiver {
    fn start() -> Self {
        Self::at(tempfile::tempdir().unwrap(), 0)
    }

    fn at(directory: tempfile::TempDir, port: u16) -> Self {
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/webhook/receiver.py"))
            .arg(directory.path())
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { directory, port: line.trim().parse().expect("the receiver says its port"), child }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    fn say(&self, status: u16) {
        self.write(&status.to_string());
    }

    /// From now on it takes requests and does not answer.
    fn hang(&self) {
        self.write("hang");
    }

    /// At once: the receiver never reads half of it.
    fn write(&self, text: &str) {
        let (part, whole) = (self.directory.path().join("say.part"), self.directory.path().join("say"));
        std::fs::write(&part, text).unwrap();
        std::fs::rename(part, whole).unwrap();
    }

    /// Waits until it has so many requests.
    async fn has(&self, wanted: usize) {
        let waited = tokio::time::timeout(Duration::from_secs(8), async {
            while self.requests().len() < wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        waited.await.expect("the receiver is called");
    }

    fn requests(&self) -> Vec<Value> {
        let at = |n: usize| self.directory.path().join(format!("{n}.json"));
        let written = (1..).map(at).take_while(|at| at.exists());
        written.map(|at| serde_json::from_slice(&std::fs::read(at).unwrap()).unwrap()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A house on a clock of the test's that may call this machine.
async fn house(database: TestDatabase) -> (House, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(NOW));
    let house = House::at(database, Arc::clone(&clock) as _).await;
    set(&house.host(), json!({ "outgoing_allowed": ["127.0.0.0/8"] })).await.expect(StatusCode::OK);
    (house, clock)
}

async fn hook(who: &Client, url: &str, kinds: Value) -> Value {
    who.post("/webhooks", json!({ "url": url, "kinds": kinds })).await.expect(StatusCode::CREATED)
}

async fn log(house: &House) -> Vec<Value> {
    let page = house.host().get("/webhook-deliveries?sort=created_at").await.expect(StatusCode::OK);
    page["items"].as_array().unwrap().clone()
}

/// A stop waits for no receiver's own ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_receiver_that_never_answers() {
    let receiver = Receiver::start();
    let (house, _) = house(TestDatabase::sqlite()).await;
    hook(&house.host(), &receiver.url(), json!(["user.created"])).await;
    receiver.hang();
    house.user("ada", "member").await;

    let stop = CancellationToken::new();
    let began = async {
        receiver.has(1).await;
        stop.cancel();
        tokio::time::Instant::now()
    };
    let (stopped_at, ()) = tokio::join!(began, house.work_until(&stop));

    assert!(stopped_at.elapsed() < Duration::from_secs(8), "{:?}", stopped_at.elapsed());
    assert_eq!(house.app.count_jobs().await.unwrap(), (1, 0), "it is done again later");
}

async fn count(house: &House, statement: &str) -> i64 {
    let statement = statement.to_owned();
    let found =
        house.app.store().read::<_, StoreError, _>(async move |on: &mut Conn| on.one(&statement, &[]).await);
    found.await.unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// What OPERATIONS.md tells receivers to do, as it stands there.
fn is_ours(secret: &str, request: &Value, seconds_later: i64) -> bool {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md")).unwrap();
    let code = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let now = NOW.as_seconds() + seconds_later;
    let ask = format!(
        "{code}\nimport sys\nsys.exit(0 if is_ours(sys.argv[1], sys.argv[2], sys.argv[3].encode(), {now}) else 3)"
    );
    let signature = text(&request["headers"]["caspervpn-signature"]);
    let ended = Command::new("python3")
        .args(["-c", &ask, secret, signature, text(&request["body"])])
        .output()
        .unwrap();
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    ended.status.code() == Some(0)
}

on_both! {
    async fn what_happened_is_told_once_signed_and_without_secrets(database) {
        let receiver = Receiver::start();
        let (house, _) = house(database).await;
        let made = hook(&house.host(), &receiver.url(), json!(["user.created", "device.created"])).await;
        let secret = text(&made["secret"]);

        let ada = house.user("ada", "member").await;
        house.host().act(&format!("/users/{ada}/disable")).await.expect(StatusCode::OK);
        house.work().await;
        house.work().await;

        let requests = receiver.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let (request, body): (_, Value) = (&requests[0], serde_json::from_str(text(&requests[0]["body"])).unwrap());
        assert_eq!((&body["kind"], &body["data"]["target"]["id"]), (&json!("user.created"), &json!(ada)));
        assert_eq!((&body["data"]["action"], &body["at"]), (&json!("user_create"), &json!(NOW.to_string())));
        assert_eq!((&request["path"], &request["headers"]["caspervpn-event"]), (&json!("/hook"), &json!("user.created")));
        assert!(is_ours(secret, request, 10));
        assert!(!is_ours(secret, request, 1000), "too old");
        assert!(!is_ours("cvh_another", request, 10));
        let mut forged = request.clone();
        forged["body"] = json!(text(&request["body"]).replace("user.created", "user.deleted"));
        assert!(!is_ours(secret, &forged, 10));
        let log = log(&house).await;
        assert_eq!((log.len(), &log[0]["delivered"], &log[0]["status"], &log[0]["attempts"]), (1, &json!(true), &json!(204), &json!(1)));
        assert_eq!(log[0]["id"], request["headers"]["caspervpn-delivery"]);
        assert!(!house.host().get("/webhooks").await.body.to_string().contains(secret));
    }

    async fn a_receiver_that_fails_is_tried_again_and_one_that_was_down_gets_its_events_later(database) {
        let receiver = Receiver::start();
        let (house, clock) = house(database).await;
        hook(&house.host(), &receiver.url(), json!(["user.created"])).await;
        receiver.say(500);
        house.user("ada", "member").await;
        house.work().await;
        let first = log(&house).await;
        assert_eq!((&first[0]["delivered"], &first[0]["status"]), (&json!(false), &json!(500)));
        let of = async |delivered: bool| {
            let path = format!("/webhook-deliveries?delivered={delivered}");
            house.host().get(&path).await.expect(StatusCode::OK)["items"].as_array().unwrap().len()
        };
        assert_eq!((of(false).await, of(true).await), (1, 0));

        // Down, on the same port, and back.
        let (directory, port) = (tempfile::tempdir().unwrap(), receiver.port);
        drop(receiver);
        clock.advance(Duration::from_secs(31));
        house.work().await;
        let second = log(&house).await;
        assert_eq!((&second[0]["attempts"], &second[0]["status"]), (&json!(2), &Value::Null));
        assert!(text(&second[0]["error"]).contains("127.0.0.1"), "{}", second[0]);
        let receiver = Receiver::at(directory, port);
        clock.advance(Duration::from_secs(61));
        house.work().await;

        let third = log(&house).await;
        assert_eq!((third.len(), &third[0]["delivered"], &third[0]["attempts"], &third[0]["error"]), (1, &json!(true), &json!(3), &Value::Null));
        assert_eq!(receiver.requests().len(), 1);
        let hooks = house.host().get("/webhooks").await.expect(StatusCode::OK);
        assert_eq!(hooks["items"][0]["failing_since"], Value::Null);
    }

    async fn a_receiver_silent_for_days_is_paused_and_the_audit_says_so(database) {
        let receiver = Receiver::start();
        let (house, clock) = house(database).await;
        let made = hook(&house.host(), &receiver.url(), json!([])).await;
        let path = format!("/webhooks/{}", text(&made["id"]));
        receiver.say(503);
        house.user("ada", "member").await;
        house.work().await;
        for hours in 1..96 {
            clock.advance(Duration::from_secs(3600));
            if hours % 12 == 0 {
                house.user(&format!("user{hours}"), "member").await;
            }
            house.work().await;
        }
        assert_eq!(house.host().get(&path).await.body["active"], true);

        // Waits are random: of two hours in a row, one has a call.
        for _ in 0..2 {
            clock.advance(Duration::from_secs(3600));
            house.work().await;
        }

        let paused = house.host().get(&path).await.expect(StatusCode::OK);
        assert_eq!(paused["active"], false);
        let audit = house.host().get("/audit?action=webhook_pause").await.expect(StatusCode::OK);
        assert_eq!((&audit["items"][0]["target_id"], &audit["items"][0]["actor_kind"]), (&made["id"], &json!("system")));
        let told = receiver.requests().len();
        house.user("cat", "member").await;
        clock.advance(Duration::from_secs(86_400));
        house.work().await;
        assert_eq!(receiver.requests().len(), told, "nothing more is sent");
        let tag = house.host().get(&path).await.tag().to_owned();
        receiver.say(200);
        let on = house.host().patch(&path, &tag, json!({ "active": true })).await.expect(StatusCode::OK);
        assert_eq!((&on["active"], &on["failing_since"]), (&json!(true), &Value::Null));
        let again = log(&house).await.into_iter().find(|it| it["delivered"] == false).unwrap();
        house.host().act(&format!("/webhook-deliveries/{}/redeliver", text(&again["id"]))).await.expect(StatusCode::ACCEPTED);
        house.work().await;
        assert_eq!(receiver.requests().len(), told + 1);
    }

    async fn tests_and_failures_now_and_then_pause_no_webhook(database) {
        let receiver = Receiver::start();
        let (house, clock) = house(database).await;
        let made = hook(&house.host(), &receiver.url(), json!(["user.created"])).await;
        let path = format!("/webhooks/{}", text(&made["id"]));
        receiver.say(503);

        for nth in 0..12 {
            house.host().act(&format!("{path}/test")).await.expect(StatusCode::OK);
            clock.advance(Duration::from_secs(12 * 3600));
            assert_eq!(house.host().get(&path).await.body["failing_since"], Value::Null, "test {nth}");
        }
        for nth in 0..12 {
            house.user(&format!("user{nth}"), "member").await;
            house.work().await;
            receiver.say(410);
            clock.advance(Duration::from_secs(2 * 86_400));
            house.work().await;
            receiver.say(503);
        }

        let made = house.host().get(&path).await.expect(StatusCode::OK);
        assert_eq!(made["active"], true, "{made}");
    }

    async fn a_redirect_is_not_followed_and_this_machine_is_not_called_unless_it_may_be(database) {
        let receiver = Receiver::start();
        let (house, _) = house(database).await;
        let made = hook(&house.host(), &receiver.url(), json!([])).await;
        let test = format!("/webhooks/{}/test", text(&made["id"]));

        receiver.say(302);
        let tried = house.host().act(&test).await.expect(StatusCode::OK);
        assert_eq!((&tried["delivered"], &tried["status"], &tried["kind"]), (&json!(false), &json!(302), &json!("webhook.test")));
        assert!(text(&tried["error"]).contains("redirects are not followed"), "{tried}");
        assert_eq!(receiver.requests().len(), 1);
        set(&house.host(), json!({ "outgoing_allowed": [] })).await.expect(StatusCode::OK);
        let tried = house.host().act(&test).await.expect(StatusCode::OK);
        assert!(text(&tried["error"]).contains("outgoing_allowed") && tried["status"].is_null(), "{tried}");
        assert_eq!(receiver.requests().len(), 1);
    }

    async fn a_receiver_that_does_not_answer_holds_up_no_letter(database) {
        let (receiver, server) = (Receiver::start(), MailServer::start("plain"));
        let (house, _) = house(database).await;
        hook(&house.host(), &receiver.url(), json!(["user.created"])).await;
        set(&house.host(), server.settings()).await.expect(StatusCode::OK);
        receiver.hang();
        for nth in 0..12 {
            house.user(&format!("user{nth}"), "member").await;
        }
        house.app.hand_out_step().await.unwrap();
        house.host().post("/invites", json!({ "role": "member", "email": "ada@example.org" })).await.expect(StatusCode::CREATED);

        let meanwhile = async {
            receiver.has(8).await;
            while server.count() == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let tried = log(&house).await.iter().filter(|it| it["attempts"] != 0).count();
            receiver.say(204);
            tried
        };
        let (tried, ()) = tokio::join!(meanwhile, house.work());

        assert_eq!(tried, 0, "the letter went out before any call ended");
        assert_eq!((receiver.requests().len(), server.count()), (12, 1), "and each call's place was taken by the next");
    }

    async fn a_stop_begins_no_call_and_leaves_the_rest_in_the_queue(database) {
        let receiver = Receiver::start();
        let (house, _) = house(database).await;
        hook(&house.host(), &receiver.url(), json!(["user.created"])).await;
        receiver.hang();
        for nth in 0..12 {
            house.user(&format!("user{nth}"), "member").await;
        }

        let stop = CancellationToken::new();
        let meanwhile = async {
            receiver.has(8).await;
            stop.cancel();
            receiver.say(204);
        };
        tokio::join!(meanwhile, house.work_until(&stop));

        assert_eq!(receiver.requests().len(), 8, "what was under way has ended, and nothing was begun");
        assert_eq!(house.app.count_jobs().await.unwrap(), (4, 0));
        house.work().await;
        assert_eq!((receiver.requests().len(), house.app.count_jobs().await.unwrap()), (12, (0, 0)));
    }

    async fn a_deleted_webhooks_log_is_gone_at_once_and_its_rows_go_little_by_little(database) {
        let (house, _) = house(database).await;
        let made = hook(&house.host(), "https://example.org/hook", json!(["user.created"])).await;
        let kept = hook(&house.host(), "https://example.org/other", json!(["user.created"])).await;
        house.user("ada", "member").await;
        house.user("bob", "member").await;
        house.app.hand_out_step().await.unwrap();
        let delivery = log(&house).await.into_iter().find(|it| it["webhook_id"] == made["id"]).unwrap();
        let rows = async || {
            let of = async |table: &str| count(&house, &format!("SELECT COUNT(*) FROM {table}")).await;
            (of("webhook_deliveries").await, of("webhooks").await)
        };

        let path = format!("/webhooks/{}", text(&made["id"]));
        house.host().delete(&path, "\"1\"").await.expect(StatusCode::NO_CONTENT);

        let listed = house.host().get("/webhooks").await.expect(StatusCode::OK)["items"].clone();
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &kept["id"]));
        let shown = log(&house).await;
        assert!(shown.len() == 2 && shown.iter().all(|it| it["webhook_id"] == kept["id"]), "{shown:?}");
        let again = format!("/webhook-deliveries/{}/redeliver", text(&delivery["id"]));
        assert_eq!(house.host().act(&again).await.problem(404), "not_found");
        assert_eq!(house.host().get(&path).await.problem(404), "not_found");
        assert_eq!(house.host().delete(&path, "\"1\"").await.problem(404), "not_found");
        assert_eq!(rows().await, (4, 2), "the delete does not wait for a log, however long");
        assert_eq!(count(&house, "SELECT COUNT(*) FROM webhooks WHERE LENGTH(secret) = 0 AND url = ''").await, 1);
        let purge_one = async |tx: &mut Tx| webhooks::purge_deleted(tx, 1).await;
        house.app.store().write::<_, StoreError, _>(purge_one).await.unwrap();
        assert_eq!(rows().await, (3, 2), "as much at once as others can wait for");
        house.app.purge_step().await.unwrap();
        assert_eq!(rows().await, (2, 1));
    }

    async fn an_event_of_a_newer_program_is_left_to_it_and_stops_no_other(database) {
        let (house, _) = house(database).await;
        hook(&house.host(), "https://example.org/hook", json!([])).await;
        let strange = "INSERT INTO webhook_events (id, kind, body) VALUES ('0', 'moon.landed', '{}')";
        sql(&house, strange).await;
        house.user("ada", "member").await;

        house.app.hand_out_step().await.unwrap();
        house.app.purge_step().await.unwrap();

        assert!(log(&house).await.iter().any(|it| it["kind"] == "user.created"));
        assert_eq!(count(&house, "SELECT COUNT(*) FROM webhook_events").await, 1, "the newer program will tell it");
    }

    async fn webhooks_are_the_owners_and_admins_alone(database) {
        let (house, _) = house(database).await;
        let made = hook(&house.host(), "https://example.org/hook", json!([])).await;
        let path = format!("/webhooks/{}", text(&made["id"]));
        for role in ["operator", "support", "auditor", "member"] {
            house.user(role, role).await;
            let who = house.sign_in(role).await;
            assert_eq!(who.get(&path).await.problem(403), "forbidden", "{role}");
            assert_eq!(who.get("/webhook-deliveries").await.problem(403), "forbidden", "{role}");
        }
        house.owner().await.get(&path).await.expect(StatusCode::OK);
        let refused = house.host().post("/webhooks", json!({ "url": "ftp://example.org/" })).await;
        assert_eq!(refused.problem(422), "invalid");
        house.host().delete(&path, "\"1\"").await.expect(StatusCode::NO_CONTENT);
        house.user("zoe", "member").await;
        house.work().await;
        assert_eq!(log(&house).await.len(), 0);
    }
}
