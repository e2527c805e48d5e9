//! Lists as a panel asks for them: by state, by who is there, in every order; jobs; and what keeps a device from connecting.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::runtime::clock::{Clock, TestClock};
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Client, House, first};
use crate::databases::on_both;
use crate::overview::{NOW, report};

/// The names of a list, page after page of two.
async fn names(client: &Client, path: &str, field: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("{path}limit=2{after}")).await.expect(StatusCode::OK);
        let items = page["items"].as_array().unwrap().clone();
        found.extend(items.iter().map(|item| item[field].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

on_both! {
    async fn devices_are_found_by_state_and_presence_and_sorted_by_use(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let ada = house.user("ada", "member").await;
        let ended = (NOW + Duration::from_secs(60)).to_string();
        let later = (NOW + Duration::from_secs(9_000_000)).to_string();
        let mut ids = Vec::new();
        for (name, more) in [
            ("active", json!({})),
            ("held", json!({ "duration_s": 60 })),
            ("spent", json!({ "data_limit_bytes": 10 })),
            ("over", json!({ "expires_at": ended })),
            ("stopped", json!({ "expires_at": later })),
        ] {
            let mut body = json!({ "name": name, "user_id": ada });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            ids.push(host.post("/devices", body).await.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned());
        }
        host.act(&format!("/devices/{}/disable", ids[4])).await.expect(StatusCode::OK);
        report(&house.app, &node, clock.now(), &[(&ids[2], 5, 6), (&ids[3], 1, 1)]).await;
        clock.advance(Duration::from_secs(120));
        report(&house.app, &node, clock.now(), &[(&ids[0], 2, 2)]).await;
        clock.advance(Duration::from_secs(100));

        for (state, expected) in [
            ("active", vec!["active"]), ("on_hold", vec!["held"]), ("limited", vec!["spent"]),
            ("expired", vec!["over"]), ("disabled", vec!["stopped"]),
        ] {
            assert_eq!(names(&host, &format!("/devices?state={state}&"), "name").await, expected, "{state}");
        }
        assert_eq!(names(&host, "/devices?online=true&sort=name&", "name").await, ["active"]);
        assert_eq!(names(&host, "/devices?online=false&sort=name&", "name").await, ["held", "over", "spent", "stopped"]);
        assert_eq!(names(&host, "/devices?sort=-used_bytes&", "name").await[..3], ["spent", "active", "over"]);
        assert_eq!(names(&host, "/devices?sort=-last_handshake_at&", "name").await[0], "active");
        let by_end = names(&host, "/devices?sort=expires_at&", "name").await;
        assert_eq!((by_end.len(), &by_end[..2]), (5, &["over".to_owned(), "stopped".to_owned()][..]));
        let member = house.sign_in("ada").await;
        assert_eq!(names(&member, "/devices?state=active&", "name").await, ["active"]);
        host.act(&format!("/users/{ada}/disable")).await.expect(StatusCode::OK);
        assert_eq!(names(&host, "/devices?state=disabled&", "name").await.len(), 5, "with their owner");
    }

    async fn lists_tell_whose_a_device_is_how_busy_a_node_is_and_which_networks_were_deleted(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let ada = house.user("ada", "member").await;
        let made = host.post("/devices", json!({ "name": "laptop", "user_id": ada })).await.expect(StatusCode::CREATED);
        let lab = json!({ "name": "lab", "ipv4": "10.99.0.0/24", "dns": ["10.99.0.1"] });
        let lab = host.post("/networks", lab).await;
        let path = format!("/networks/{}", lab.body["id"].as_str().unwrap());
        host.delete(&path, lab.tag()).await.expect(StatusCode::NO_CONTENT);
        report(&house.app, &node, clock.now(), &[(made["id"].as_str().unwrap(), 1, 1)]).await;

        assert_eq!(made["user_login"], "ada");
        assert_eq!(names(&host, "/devices?", "user_login").await, ["ada"]);
        assert_eq!(names(&host, "/networks?deleted=true&", "name").await, ["lab"]);
        assert!(!names(&host, "/networks?", "name").await.contains(&"lab".to_owned()));
        assert_eq!(house.sign_in("ada").await.get("/networks?deleted=true").await.problem(403), "forbidden");
        let path = format!("/users/{ada}");
        let tag = host.get(&path).await.tag().to_owned();
        host.patch(&path, &tag, json!({ "login": "countess" })).await.expect(StatusCode::OK);
        let device = format!("/devices/{}", made["id"].as_str().unwrap());
        assert_eq!(host.get(&device).await.expect(StatusCode::OK)["user_login"], "countess");
        let busy = async || host.get(&format!("/nodes/{node}")).await.expect(StatusCode::OK)["online_devices"].clone();
        assert_eq!(busy().await, 1);
        assert_eq!(host.get("/nodes").await.expect(StatusCode::OK)["items"][0]["online_devices"], 1);
        clock.advance(Duration::from_secs(181));
        assert_eq!(busy().await, 0);
    }

    async fn the_audit_is_found_by_outcome(database) {
        let house = House::new(database).await;
        let wrong = json!({ "login": "owner", "password": "not the one at all" });
        house.nobody().post("/sessions", wrong).await.problem(401);
        let of = async |outcome: &str| {
            let page = house.host().get(&format!("/audit?outcome={outcome}&limit=200")).await.expect(StatusCode::OK);
            let items = page["items"].as_array().unwrap().clone();
            assert!(!items.is_empty() && items.iter().all(|it| it["outcome"] == outcome), "{items:?}");
            items.len()
        };

        let (done, refused) = (of("done").await, of("refused").await);

        let all = house.host().get("/audit?limit=200").await.expect(StatusCode::OK)["items"].as_array().unwrap().len();
        assert_eq!(all, done + refused);
        assert_eq!(house.host().get("/audit?outcome=other").await.problem(422), "invalid");
    }

    async fn users_are_found_by_state_and_tell_what_they_have(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let (ada, eve) = (house.user("ada", "member").await, house.user("eve", "member").await);
        let mut ids = Vec::new();
        for name in ["one", "two"] {
            let made = host.post("/devices", json!({ "name": name, "user_id": ada })).await;
            ids.push(made.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned());
        }
        report(&house.app, &node, clock.now(), &[(&ids[0], 5, 6), (&ids[1], 1, 1)]).await;
        let path = format!("/users/{eve}");
        let tag = host.get(&path).await.tag().to_owned();
        let soon = (NOW + Duration::from_secs(60)).to_string();
        host.patch(&path, &tag, json!({ "expires_at": soon })).await.expect(StatusCode::OK);
        clock.advance(Duration::from_secs(61));
        let gone = format!("/devices/{}", ids[1]);
        let tag = host.get(&gone).await.tag().to_owned();
        host.delete(&gone, &tag).await.expect(StatusCode::NO_CONTENT);

        let rows = host.get("/users?sort=-used_bytes").await.expect(StatusCode::OK);

        assert_eq!(rows["items"][0]["login"], "ada");
        assert_eq!((&rows["items"][0]["device_count"], &rows["items"][0]["used_bytes"]), (&json!(1), &json!(13)));
        let one = host.get(&format!("/users/{ada}")).await.expect(StatusCode::OK);
        assert_eq!((&one["device_count"], &one["used_bytes"]), (&json!(1), &json!(13)));
        assert_eq!(names(&host, "/users?state=active&sort=login&", "login").await, ["ada", "owner"]);
        assert_eq!(names(&host, "/users?state=expired&", "login").await, ["eve"]);
        assert_eq!(names(&host, "/users?sort=expires_at&", "login").await[0], "eve");
        for login in ["ada", "eve"] {
            let id = host.get(&format!("/users?q={login}")).await.body["items"][0]["id"].as_str().unwrap().to_owned();
            let stopped = host.act(&format!("/users/{id}/disable")).await.expect(StatusCode::OK);
            assert_eq!(stopped["state"], "disabled", "{login}, expired or not");
        }
        assert_eq!(names(&host, "/users?state=disabled&sort=login&", "login").await, ["ada", "eve"]);
        assert_eq!(names(&host, "/users?state=expired&", "login").await, Vec::<String>::new());
        assert_eq!(names(&host, "/users?state=active&", "login").await, ["owner"]);
    }

    async fn what_is_deleted_is_read_by_whom_the_list_gives_it_and_by_nobody_else(database) {
        let house = House::new(database).await;
        let host = house.host();
        let (owner, ada) = (house.owner().await, house.user("ada", "member").await);
        for (login, role) in [("eve", "member"), ("help", "support")] {
            house.user(login, role).await;
        }
        let (member, other, support) = (house.sign_in("ada").await, house.sign_in("eve").await, house.sign_in("help").await);
        let range = json!({ "name": "old", "ipv4": "10.99.0.0/24", "dns": ["10.99.0.1"] });
        let made = [
            ("devices", host.post("/devices", json!({ "name": "old", "user_id": ada })).await.expect(StatusCode::CREATED)),
            ("networks", host.post("/networks", range).await.expect(StatusCode::CREATED)),
            ("users", host.post("/users", json!({ "login": "old", "role": "member" })).await.expect(StatusCode::CREATED)),
        ];

        for (noun, made) in &made {
            let path = format!("/{noun}/{}", made["id"].as_str().unwrap());
            let tag = host.get(&path).await.tag().to_owned();
            host.delete(&path, &tag).await.expect(StatusCode::NO_CONTENT);
            let gone = owner.get(&path).await.expect(StatusCode::OK);
            assert!(gone["deleted_at"].is_string(), "{noun}");
            assert_eq!(owner.get(&format!("/{noun}?deleted=true")).await.body["items"][0], gone);
            assert_eq!(other.get(&path).await.problem(404), "not_found", "{noun} of somebody else");
            for (who, sees) in [(&support, *noun != "networks"), (&member, *noun == "devices")] {
                let expected = if sees { StatusCode::OK } else { StatusCode::NOT_FOUND };
                assert_eq!(who.get(&path).await.status, expected, "{noun}");
            }
            let tag = format!("\"{}\"", gone["revision"]);
            assert_eq!(owner.patch(&path, &tag, json!({})).await.status, StatusCode::NOT_FOUND, "it is read alone");
            owner.act(&format!("{path}/restore")).await.expect(StatusCode::OK);
            assert_eq!(owner.get(&path).await.body["deleted_at"], json!(null));
        }
    }

    async fn a_job_that_was_given_up_is_listed_and_tried_again(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        house.user("olga", "operator").await;
        let hook = json!({ "url": "https://hook.example.org/x", "kinds": ["user.created"] });
        let made = owner.post("/webhooks", hook).await.expect(StatusCode::CREATED);
        house.user("ada", "member").await;
        house.app.hand_out_step().await.unwrap();
        let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
        let tag = owner.get(&path).await.tag().to_owned();
        owner.patch(&path, &tag, json!({ "active": false })).await.expect(StatusCode::OK);
        house.work().await;

        let failed = owner.get("/jobs?state=failed").await.expect(StatusCode::OK);
        let job = &failed["items"][0];
        let id = job["id"].as_str().unwrap();
        assert_eq!((&job["kind"], &job["last_error"]), (&json!("webhook"), &json!("its webhook is paused")));
        assert!(job.get("payload").is_none() && job["next_at"] == Value::Null);
        let olga = house.sign_in("olga").await;
        assert_eq!(olga.get(&format!("/jobs/{id}")).await.expect(StatusCode::OK)["state"], "failed");
        assert_eq!(olga.act(&format!("/jobs/{id}/retry")).await.problem(403), "forbidden");
        let again = owner.act(&format!("/jobs/{id}/retry")).await.expect(StatusCode::OK);
        assert_eq!((&again["state"], &again["attempts"]), (&json!("pending"), &json!(1)));
        assert_eq!(owner.act(&format!("/jobs/{id}/retry")).await.problem(409), "not_failed");
        house.work().await;
        let twice = owner.get(&format!("/jobs/{id}")).await.expect(StatusCode::OK);
        assert_eq!((&twice["state"], &twice["attempts"]), (&json!("failed"), &json!(2)));
        assert_eq!(owner.get("/jobs?state=pending").await.expect(StatusCode::OK)["items"], json!([]));
    }

    async fn a_diagnosis_names_what_is_in_the_way(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let network = format!("/networks/{}", first(&host, "/networks").await);
        let tag = host.get(&network).await.tag().to_owned();
        // Nobody outside is asked.
        host.patch(&network, &tag, json!({ "dns": ["127.0.0.1"] })).await.expect(StatusCode::OK);
        let ada = house.user("ada", "member").await;
        let made = host.post("/devices", json!({ "name": "laptop", "user_id": ada })).await;
        let id = made.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned();
        let member = house.sign_in("ada").await;
        let found = async |client: &Client, name: &str| {
            let answer = client.get(&format!("/devices/{id}/diagnosis")).await.expect(StatusCode::OK);
            let checks = answer["checks"].as_array().unwrap().clone();
            checks.into_iter().find(|check| check["name"] == name).unwrap()
        };

        assert_eq!(found(&host, "node").await["outcome"], "fail");
        assert_eq!(found(&host, "dns").await["code"], "dns_untried", "no tunnel runs here");
        assert_eq!(found(&host, "handshake").await["outcome"], "fail");
        report(&house.app, &node, clock.now(), &[(&id, 5_000, 300)]).await;
        assert_eq!(found(&host, "node").await["outcome"], "ok");
        assert_eq!(found(&host, "handshake").await["outcome"], "ok");
        assert_eq!(found(&host, "state").await["code"], "device_active");
        let (told, hidden) = (found(&host, "forwarding").await, found(&member, "forwarding").await);
        assert_eq!((&told["outcome"], &told["detail"]), (&json!("fail"), &json!("no forwarding")));
        assert_eq!((&hidden["outcome"], &hidden["detail"]), (&json!("fail"), &json!("The server does not forward packets.")));
        host.act(&format!("/users/{ada}/disable")).await.expect(StatusCode::OK);
        assert_eq!(found(&host, "state").await["fix"], "Enable the account.");
        assert_eq!(found(&host, "state").await["code"], "account_disabled");
    }
}
