//! What a panel shows at a glance: the overview, and sums of traffic by day.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::app::App;
use caspervpn::domain::id::{DeviceId, NodeId};
use caspervpn::domain::message::{DeviceReport, Report};
use caspervpn::domain::node::NodeHealth;
use caspervpn::domain::time::Timestamp;
use caspervpn::domain::usage::{Reading, Traffic};
use caspervpn::runtime::clock::{Clock, TestClock};
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{House, first};
use crate::databases::on_both;

/// 14 November 2023.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A node's word that devices have moved so many bytes since it began, and are there.
pub(crate) async fn report(app: &App, node: &str, now: Timestamp, devices: &[(&str, u64, u64)]) {
    let devices = devices.iter().map(|(device, rx_bytes, tx_bytes)| DeviceReport {
        device: device.parse::<DeviceId>().unwrap(),
        reading: Reading { epoch: 1, traffic: Traffic { rx_bytes: *rx_bytes, tx_bytes: *tx_bytes } },
        last_handshake: Some(now),
        endpoint: None,
    });
    let problems = vec!["no forwarding".to_owned()];
    let health = NodeHealth {
        backend: "kernel".to_owned(),
        problems: problems.clone(),
        forwarding: problems,
        ..NodeHealth::default()
    };
    let report = Report { applied_sequence: 1, devices: devices.collect(), health };
    app.usage().report(node.parse::<NodeId>().unwrap(), report).await.unwrap();
}

on_both! {
    async fn the_overview_counts_states_rates_pools_and_what_ends_soon(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let owner = first(&host, "/users").await;
        let mut devices = Vec::new();
        for name in ["laptop", "phone", "tablet"] {
            let made = host.post("/devices", json!({ "name": name, "user_id": owner })).await;
            devices.push(made.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned());
        }
        host.act(&format!("/devices/{}/disable", devices[1])).await.expect(StatusCode::OK);
        let soon = (NOW + Duration::from_secs(86_400)).to_string();
        let path = format!("/devices/{}", devices[2]);
        let tag = host.get(&path).await.tag().to_owned();
        host.patch(&path, &tag, json!({ "expires_at": soon })).await.expect(StatusCode::OK);
        report(&house.app, &node, clock.now(), &[(&devices[0], 0, 0)]).await;
        clock.advance(Duration::from_secs(10));
        report(&house.app, &node, clock.now(), &[(&devices[0], 20_000, 50_000)]).await;

        let seen = host.get("/overview").await.expect(StatusCode::OK);

        assert_eq!(seen["devices"], json!({
            "total": 3, "online": 1, "active": 2, "on_hold": 0, "limited": 0, "expired": 0, "disabled": 1,
        }));
        assert_eq!(seen["users"], json!({ "total": 1, "active": 1, "expired": 0, "disabled": 0 }));
        assert_eq!(seen["traffic"], json!({ "rx_bytes_per_s": 2000, "tx_bytes_per_s": 5000 }));
        assert_eq!(seen["nodes"][0]["online_devices"], 1);
        assert_eq!(seen["nodes"][0]["problems"], json!(["no forwarding"]));
        assert_eq!(seen["networks"][0]["ipv4"]["used"], 3);
        assert_eq!(seen["networks"][0]["has_ipv6"], true);
        assert_eq!(seen["expiring_users"], json!([]));
        assert_eq!(seen["expiring_devices"], json!([{ "id": devices[2], "name": "tablet", "expires_at": soon }]));
        assert_eq!((&seen["problems"][0]["kind"], &seen["problems"][0]["target_id"]), (&json!("node_unwell"), &json!(node)));
    }

    async fn a_node_that_falls_silent_is_a_problem_and_carries_nothing(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let owner = first(&host, "/users").await;
        let device = host.post("/devices", json!({ "name": "laptop", "user_id": owner })).await;
        let device = device.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned();
        report(&house.app, &node, clock.now(), &[]).await;
        clock.advance(Duration::from_secs(10));
        report(&house.app, &node, clock.now(), &[(&device, 20_000, 50_000)]).await;
        let moving = host.get("/overview").await.expect(StatusCode::OK);

        clock.advance(Duration::from_secs(46));
        let silent = host.get("/overview").await.expect(StatusCode::OK);

        assert_eq!(moving["traffic"]["tx_bytes_per_s"], 5000);
        assert_eq!(silent["traffic"], json!({ "rx_bytes_per_s": 0, "tx_bytes_per_s": 0 }));
        assert_eq!(silent["problems"][0]["kind"], "node_offline");
    }

    async fn only_who_may_see_webhooks_is_told_of_a_failing_one(database) {
        let house = House::new(database).await;
        house.user("olga", "operator").await;
        house.user("mia", "member").await;
        let hook = json!({ "url": "http://127.0.0.1:9/hook" });
        let made = house.host().post("/webhooks", hook).await.expect(StatusCode::CREATED);
        house.host().post("/networks", json!({ "name": "lab", "ipv4": "10.99.0.0/24", "dns": ["10.99.0.1"] })).await;
        house.work().await;

        let kinds = |seen: Value| seen["problems"].as_array().unwrap().iter().map(|it| it["target_id"].clone()).collect::<Vec<_>>();
        let owner = kinds(house.owner().await.get("/overview").await.expect(StatusCode::OK));
        let operator = kinds(house.sign_in("olga").await.get("/overview").await.expect(StatusCode::OK));

        assert!(owner.contains(&made["id"]), "{owner:?}");
        assert!(!operator.contains(&made["id"]), "{operator:?}");
        assert_eq!(house.sign_in("mia").await.get("/overview").await.problem(403), "forbidden");
    }

    async fn a_token_is_shown_the_counts_and_of_the_lists_what_its_scopes_name(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let owner = house.owner().await;
        let soon = (NOW + Duration::from_secs(86_400)).to_string();
        owner.post("/devices", json!({ "name": "laptop", "expires_at": soon })).await.expect(StatusCode::CREATED);
        let mia = json!({ "login": "mia", "role": "member", "expires_at": soon });
        owner.post("/users", mia).await.expect(StatusCode::CREATED);
        let seen_with = async |scopes: &[&str]| {
            let made = owner.post("/api-tokens", json!({ "name": "dashboard", "scopes": scopes })).await;
            let made = made.expect(StatusCode::CREATED);
            house.bearer(made["token"].as_str().unwrap()).get("/overview").await.expect(StatusCode::OK)
        };
        let filled = |seen: &Value| {
            ["nodes", "networks", "expiring_users", "expiring_devices"].map(|list| !seen[list].as_array().unwrap().is_empty())
        };

        let counts = seen_with(&["overview_get"]).await;
        let devices = seen_with(&["overview_get", "device_list", "network_list"]).await;
        let rest = seen_with(&["overview_get", "node_list", "user_list"]).await;

        assert_eq!((&counts["devices"]["total"], filled(&counts)), (&json!(1), [false; 4]));
        assert_eq!(filled(&devices), [false, true, false, true]);
        assert_eq!(filled(&rest), [true, false, true, false]);
        assert_eq!(filled(&owner.get("/overview").await.expect(StatusCode::OK)), [true; 4]);
    }

    async fn traffic_is_summed_by_day_for_all_for_a_network_and_for_one_s_own(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, clock.clone()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let office = first(&host, "/networks").await;
        let lab = json!({ "name": "lab", "ipv4": "10.99.0.0/24", "dns": ["10.99.0.1"] });
        let lab = host.post("/networks", lab).await.expect(StatusCode::CREATED)["id"].clone();
        let (ada, eve) = (house.user("ada", "member").await, house.user("eve", "member").await);
        let mut ids = Vec::new();
        for (name, user, network) in [("a", &ada, json!(office)), ("b", &ada, lab.clone()), ("c", &eve, json!(office))] {
            let body = json!({ "name": name, "user_id": user, "network_id": network });
            ids.push(host.post("/devices", body).await.expect(StatusCode::CREATED)["id"].as_str().unwrap().to_owned());
        }
        report(&house.app, &node, clock.now(), &[(&ids[0], 1, 10), (&ids[1], 2, 20), (&ids[2], 4, 40)]).await;
        clock.advance(Duration::from_secs(86_400));
        report(&house.app, &node, clock.now(), &[(&ids[0], 9, 10)]).await;
        let days = async |client: &crate::api_house::Client, more: &str| {
            let answer = client.get(&format!("{more}from=2023-11-01&to=2023-11-30")).await;
            answer.expect(StatusCode::OK)["days"].clone()
        };
        let day = |date: &str, rx: u64, tx: u64| json!({ "date": date, "rx_bytes": rx, "tx_bytes": tx });

        let member = house.sign_in("ada").await;
        let all = days(&host, "/usage?").await;
        let of_lab = days(&host, &format!("/usage?network_id={}&", lab.as_str().unwrap())).await;
        let of_eve = days(&host, &format!("/usage?user_id={eve}&")).await;
        let own = days(&member, "/usage?").await;
        let own_lab = days(&member, &format!("/usage?network_id={}&", lab.as_str().unwrap())).await;
        let same = days(&member, &format!("/users/{ada}/usage?")).await;

        assert_eq!(all, json!([day("2023-11-14", 7, 70), day("2023-11-15", 8, 0)]));
        assert_eq!(of_lab, json!([day("2023-11-14", 2, 20)]));
        assert_eq!(of_eve, json!([day("2023-11-14", 4, 40)]));
        assert_eq!(own, json!([day("2023-11-14", 3, 30), day("2023-11-15", 8, 0)]));
        assert_eq!(own_lab, of_lab);
        assert_eq!(same, own);
        let other = format!("/users/{eve}/usage?from=2023-11-01&to=2023-11-30");
        assert_eq!(member.get(&other).await.problem(404), "not_found");
        assert_eq!(host.get("/usage?from=2023-01-01&to=2024-02-05").await.problem(422), "invalid");
    }
}
