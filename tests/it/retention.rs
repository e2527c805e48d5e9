//! What is removed when its time is over, and what that makes free again.

use caspervpn::app::error::AppError;
use caspervpn::store::backend::Conn;
use http::StatusCode;
use serde_json::json;

use crate::api_devices::{device, drop_it, sql};
use crate::api_house::{House, first};
use crate::databases::on_both;

on_both! {
    async fn outbox_and_daily_usage_are_kept_for_as_long_as_the_settings_say(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        device(&owner, "phone").await;
        let tag = owner.get("/settings").await.tag().to_owned();
        let policy = json!({ "usage_retention_days": 60 });
        owner.patch("/settings", &tag, policy).await.expect(StatusCode::OK);
        sql(&house, "INSERT INTO outbox (sequence, kind, subject, created_at) VALUES (1, 'user', 'x', 1)").await;
        for age in ["59", "61"] {
            let add = "INSERT INTO usage_daily (device_id, day, rx_bytes, tx_bytes) \
                SELECT id, created_at / 86400000 - AGE, 1, 1 FROM devices";
            sql(&house, Box::leak(add.replace("AGE", age).into_boxed_str())).await;
        }

        house.app.purge_step().await.unwrap();

        assert_eq!(count(&house, "SELECT COUNT(*) FROM outbox").await, 0);
        assert_eq!(count(&house, "SELECT COUNT(*) FROM usage_daily").await, 1);
    }

    async fn keys_links_and_sessions_are_removed_some_time_after_their_end(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let phone = device(&owner, "phone").await;
        for path in ["link", "reveal"] {
            owner.act(&format!("{phone}/{path}")).await;
        }
        let key = [("idempotency-key", "k")];
        let made = owner.send(http::Method::POST, "/devices", &key, Some(json!({ "name": "once" }))).await;
        made.expect(StatusCode::CREATED);
        house.app.purge_step().await.unwrap();
        let tables = ["idempotency_keys", "links", "sessions"].map(|table| format!("SELECT COUNT(*) FROM {table}"));
        let count_all = async || {
            let mut counts = Vec::new();
            for table in &tables {
                counts.push(count(&house, Box::leak(table.clone().into_boxed_str())).await);
            }
            counts
        };
        let before = count_all().await;
        sql(&house, "UPDATE idempotency_keys SET created_at = created_at - 90000000").await;
        sql(&house, "UPDATE links SET expires_at = expires_at - 777600000").await;
        sql(&house, "UPDATE sessions SET expires_at = expires_at - 3283200000").await;

        house.app.purge_step().await.unwrap();

        assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
        assert_eq!(count_all().await, [0, 0, 0]);
    }

    async fn a_user_and_a_network_are_gone_for_good_a_month_after_their_deletion(database) {
        let house = House::new(database).await;
        let ada = house.user("ada", "member").await;
        let owner = house.owner().await;
        device(&house.sign_in("ada").await, "phone").await;
        device(&owner, "desk").await;
        let (user, network) = (format!("/users/{ada}"), format!("/networks/{}", first(&owner, "/networks").await));
        drop_it(&owner, &user).await;
        drop_it(&owner, &network).await;
        house.app.purge_step().await.unwrap();
        owner.act(&format!("{user}/restore")).await.expect(StatusCode::OK);
        owner.act(&format!("{network}/restore")).await.expect(StatusCode::OK);
        drop_it(&owner, &user).await;
        drop_it(&owner, &network).await;
        for table in ["users", "networks"] {
            let age = format!("UPDATE {table} SET deleted_at = deleted_at - 2678400000 \
                WHERE deleted_at IS NOT NULL");
            sql(&house, Box::leak(age.into_boxed_str())).await;
        }
        sql(&house, "UPDATE sessions SET expires_at = 1 WHERE revoked_at IS NOT NULL").await;
        // Already before the purge, which may take several steps.
        assert_eq!(owner.act(&format!("{user}/restore")).await.problem(404), "not_found");
        assert_eq!(owner.act(&format!("{network}/restore")).await.problem(404), "not_found");

        house.app.purge_step().await.unwrap();

        assert_eq!(owner.act(&format!("{user}/restore")).await.problem(404), "not_found");
        assert_eq!(owner.act(&format!("{network}/restore")).await.problem(404), "not_found");
        assert_eq!(count(&house, "SELECT COUNT(*) FROM devices").await, 0);
        let again = json!({ "name": "office", "ipv4": "10.86.0.0/16", "dns": ["9.9.9.9"] });
        owner.post("/networks", again).await.expect(StatusCode::CREATED);
        let places = owner.get(&format!("/nodes/{}/networks", first(&owner, "/nodes").await)).await;
        let place = &places.body["items"][0];
        assert_eq!((&place["interface"], &place["listen_port"]), (&json!("cvpn0"), &json!(51820)));
    }

    async fn a_full_pool_takes_the_address_of_the_longest_deleted_device_rather_than_refuse(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let small = json!({ "name": "small", "ipv4": "10.99.0.0/29", "ipv6": "fd99::/64", "dns": ["9.9.9.9"] });
        let small = owner.post("/networks", small).await.expect(StatusCode::CREATED)["id"].clone();
        let make = async |name: &str| owner.post("/devices", json!({ "name": name, "network_id": small })).await;
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(make(&format!("d{n}")).await.expect(StatusCode::CREATED));
        }
        let path = |n: usize| format!("/devices/{}", made[n]["id"].as_str().unwrap());
        assert_eq!(make("more").await.problem(409), "pool_exhausted");
        drop_it(&owner, &path(3)).await;
        drop_it(&owner, &path(1)).await;
        sql(&house, "UPDATE devices SET deleted_at = deleted_at - 60000 WHERE name = 'd3'").await;

        let more = make("more").await.expect(StatusCode::CREATED);

        assert_eq!((&more["ipv4"], &more["ipv6"]), (&made[3]["ipv4"], &made[3]["ipv6"]));
        assert_eq!(owner.act(&format!("{}/restore", path(3))).await.problem(404), "not_found");
        owner.act(&format!("{}/restore", path(1))).await.expect(StatusCode::OK);
        assert_eq!(make("yet more").await.problem(409), "pool_exhausted");
        let told = owner.get("/audit?action=device_reclaim").await.expect(StatusCode::OK)["items"].clone();
        assert_eq!((told.as_array().unwrap().len(), &told[0]["target_id"]), (1, &made[3]["id"]));
        assert_eq!((&told[0]["actor_kind"], &told[0]["before"]["name"]), (&json!("system"), &json!("d3")));
    }

    async fn a_deleted_users_devices_give_way_in_a_full_pool(database) {
        let house = House::new(database).await;
        let ada = house.user("ada", "member").await;
        let owner = house.owner().await;
        let small = json!({ "name": "small", "ipv4": "10.99.0.0/30", "dns": ["9.9.9.9"] });
        let small = owner.post("/networks", small).await.expect(StatusCode::CREATED)["id"].clone();
        let of_ada = json!({ "name": "phone", "network_id": small, "user_id": ada });
        let of_ada = owner.post("/devices", of_ada).await.expect(StatusCode::CREATED)["id"].clone();
        drop_it(&owner, &format!("/users/{ada}")).await;
        let path = format!("/devices/{}", of_ada.as_str().unwrap());
        owner.get(&path).await.expect(StatusCode::OK);

        let made = owner.post("/devices", json!({ "name": "desk", "network_id": small })).await;

        assert_eq!(made.expect(StatusCode::CREATED)["ipv4"], "10.99.0.2");
        assert_eq!(owner.get(&path).await.problem(404), "not_found");
    }
}

async fn count(house: &House, statement: &'static str) -> i64 {
    let found =
        house.app.store().read(async move |on: &mut Conn| Ok::<_, AppError>(on.one(statement, &[]).await?));
    found.await.unwrap()
}
