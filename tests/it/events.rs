//! Live events: who is told of what, and when a stream ends.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use caspervpn::runtime::clock::{Clock, TestClock};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::api_house::{Client, House, first, setup_request};
use crate::databases::{TestDatabase, on_both};
use crate::overview::{NOW, report};
use crate::service::Launch;

/// A stream as a browser reads it.
pub(crate) struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    pub(crate) async fn open(client: &Client, topics: &str) -> Self {
        Self::open_with(client, topics, &[]).await
    }

    pub(crate) async fn open_with(client: &Client, topics: &str, headers: &[(&str, &str)]) -> Self {
        let (parts, body) = client.stream(&format!("/events{topics}"), headers).await;
        assert_eq!(parts.status, StatusCode::OK);
        assert_eq!(parts.headers["content-type"], "text/event-stream");
        assert_eq!(parts.headers["cache-control"], "no-store");
        Self { body, text: String::new() }
    }

    /// The next event with its data; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = field("event: ").zip(field("data: "));
                self.text = rest.to_owned();
                if let Some((event, data)) = found {
                    return Some((event, serde_json::from_str(&data).unwrap()));
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await.unwrap();
            let bytes = frame?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

on_both! {
    async fn a_listener_is_told_of_figures_at_once_and_of_acts_and_moves_as_they_come(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let owner = house.owner().await;
        let node = first(&owner, "/nodes").await;
        let mut stream = Stream::open(&owner, "").await;
        let (event, figures) = stream.next().await.unwrap();
        assert_eq!((event.as_str(), &figures["devices"]["total"]), ("overview", &json!(0)));
        assert!(house.app.events().is_watched());

        let made = owner.post("/devices", json!({ "name": "laptop" })).await.expect(StatusCode::CREATED);
        let id = made["id"].as_str().unwrap();
        house.app.events_step().await.unwrap();
        let changed = stream.next().await.unwrap();
        report(&house.app, &node, clock.now(), &[(id, 1_000, 0)]).await;
        clock.advance(Duration::from_secs(2));
        house.app.events_step().await.unwrap();
        let came = stream.next().await.unwrap();
        let counted = stream.next().await.unwrap();
        clock.advance(Duration::from_secs(2));
        report(&house.app, &node, clock.now(), &[(id, 9_000, 4_000)]).await;
        house.app.events_step().await.unwrap();
        let moved = stream.next().await.unwrap();
        let busy = stream.next().await.unwrap();
        clock.advance(Duration::from_secs(6));
        house.app.events_step().await.unwrap();
        let rested = stream.next().await.unwrap();

        assert_eq!(changed, ("changed".to_owned(), json!({ "kind": "device", "id": id })));
        assert_eq!((came.0.as_str(), &came.1[0]["online"], &came.1[0]["rx_bytes"]), ("device", &json!(true), &json!(1000)));
        assert_eq!((counted.0.as_str(), &counted.1["devices"]["online"]), ("overview", &json!(1)));
        assert_eq!((&moved.1[0]["rx_bytes_per_s"], &moved.1[0]["tx_bytes_per_s"]), (&json!(2000), &json!(1000)));
        assert_eq!(busy.1["traffic"]["rx_bytes_per_s"], 2000);
        assert_eq!((&rested.1[0]["rx_bytes_per_s"], &rested.1[0]["online"]), (&json!(0), &json!(true)));
    }

    async fn a_member_hears_of_the_own_things_alone(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let node = first(&house.host(), "/nodes").await;
        let (ada, eve) = (house.user("ada", "member").await, house.user("eve", "member").await);
        let mut ids = Vec::new();
        for user in [&eve, &ada] {
            let made = house.host().post("/devices", json!({ "name": "laptop", "user_id": user })).await;
            ids.push(made.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned());
        }
        let mut stream = Stream::open(&house.sign_in("ada").await, "").await;

        for (id, name) in [(&ids[0], "hers"), (&ids[1], "mine")] {
            let path = format!("/devices/{id}");
            let tag = house.host().get(&path).await.tag().to_owned();
            house.host().patch(&path, &tag, json!({ "name": name })).await.expect(StatusCode::OK);
        }
        report(&house.app, &node, clock.now(), &[(&ids[0], 1, 1), (&ids[1], 2, 2)]).await;
        clock.advance(Duration::from_secs(2));
        house.app.events_step().await.unwrap();
        let (device, changed) = (stream.next().await.unwrap(), stream.next().await.unwrap());
        house.host().act(&format!("/users/{ada}/disable")).await.expect(StatusCode::OK);
        house.app.events_step().await.unwrap();

        assert_eq!((device.0.as_str(), device.1.as_array().unwrap().len(), &device.1[0]["id"]), ("device", 1, &json!(ids[1])));
        assert_eq!(changed, ("changed".to_owned(), json!({ "kind": "device", "id": ids[1] })));
        assert_eq!(stream.next().await, None, "a disabled account hears of nothing more");
    }

    async fn a_stream_ends_with_its_session_and_with_a_change_of_role(database) {
        let house = House::new(database).await;
        let olga = house.user("olga", "operator").await;
        let (leaves, stays) = (house.sign_in("olga").await, house.sign_in("olga").await);
        let mut ended = Stream::open(&leaves, "?topics=changed").await;
        let mut going_on = Stream::open(&stays, "?topics=changed").await;

        let session = leaves.get("/me").await.body["session_id"].as_str().unwrap().to_owned();
        stays.delete(&format!("/sessions/{session}"), "\"1\"").await.expect(StatusCode::NO_CONTENT);
        house.app.events_step().await.unwrap();

        assert_eq!(ended.next().await, None);
        assert_eq!(going_on.next().await.unwrap().1["kind"], "session");
        let path = format!("/users/{olga}");
        let tag = house.host().get(&path).await.tag().to_owned();
        house.host().patch(&path, &tag, json!({ "role": "support" })).await.expect(StatusCode::OK);
        house.app.events_step().await.unwrap();
        assert_eq!(going_on.next().await, None);
        assert_eq!(house.owner().await.get("/events?topics=overviews").await.problem(422), "invalid");
    }

    async fn a_stream_ends_when_its_address_may_not_come_in_any_more(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let mut shut_out = Stream::open(&owner, "?topics=changed").await;
        let mut let_in = Stream::open(&owner.from(Some("198.51.100.7")), "?topics=changed").await;

        let tag = house.host().get("/settings").await.tag().to_owned();
        let office = json!({ "api_allowed_from": ["198.51.100.0/24"] });
        house.host().patch("/settings", &tag, office).await.expect(StatusCode::OK);
        house.app.events_step().await.unwrap();

        assert_eq!(shut_out.next().await, None);
        assert_eq!(let_in.next().await.unwrap().1["kind"], "settings");
    }

    async fn an_overview_is_sent_again_only_where_something_shown_has_changed(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let node = first(&house.host(), "/nodes").await;
        let owner = house.owner().await;
        report(&house.app, &node, clock.now(), &[]).await;
        let mut stream = Stream::open(&owner, "?topics=overview").await;
        stream.next().await.unwrap();

        for _ in 0..3 {
            clock.advance(Duration::from_secs(2));
            // The node is alive, which is noted with a time that no overview shows.
            report(&house.app, &node, clock.now(), &[]).await;
            house.app.events_step().await.unwrap();
        }
        house.user("mia", "member").await;
        clock.advance(Duration::from_secs(2));
        house.app.events_step().await.unwrap();

        assert_eq!(stream.next().await.unwrap().1["users"]["total"], 2, "the first that is new");
    }

    async fn streams_are_counted_and_who_does_not_read_is_let_go(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let owner = house.owner().await;
        let mut open = Vec::new();
        for _ in 0..8 {
            open.push(Stream::open(&owner, "?topics=changed").await);
        }
        assert_eq!(owner.get("/events").await.problem(503), "busy");
        drop(open.split_off(1));
        let _again = Stream::open(&owner, "?topics=changed").await;

        for n in 0..70 {
            owner.post("/devices", json!({ "name": format!("device {n}") })).await.expect(StatusCode::CREATED);
            clock.advance(Duration::from_millis(100));
            house.app.events_step().await.unwrap();
        }
        for _ in 0..6 {
            open.push(Stream::open(&owner, "?topics=changed").await);
        }
        assert_eq!(owner.get("/events").await.problem(503), "busy", "what is unread takes up a place");
        let mut heard = 0;
        while open[0].next().await.is_some() {
            heard += 1;
        }

        assert!((60..70).contains(&heard), "{heard} of 70 were kept, then the stream ended");
    }
}

#[test]
fn a_stop_ends_streams_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let service = Launch::quiet(&directory.path().join("data")).serve();
    service.post("/api/v1/setup", Some(setup_request()));
    let mut reader = std::process::Command::new("curl")
        .args(["--silent", "--no-buffer", "--max-time", "60", "--unix-socket"])
        .arg(directory.path().join("data/caspervpn.sock"))
        .arg("http://localhost/api/v1/events")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(reader.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "retry: 3000");

    let log = service.stop();

    assert!(reader.wait().unwrap().success(), "the stream came to a proper end");
    assert!(!log.contains("without waiting"), "{log}");
    assert!(lines.any(|line| line.unwrap() == "event: overview"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_without_signing_in() {
    let house = House::new(TestDatabase::sqlite()).await;

    assert_eq!(house.nobody().get("/events").await.problem(401), "unauthenticated");
    assert!(!house.app.events().is_watched());
}
