//! What the API does with each noun, on both databases: the real router, use cases and store.

use std::time::Duration;

use caspervpn::domain::page::{Cursor, SortKey};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api_house::{House, PASSWORD, first, setup_request};
use crate::databases::on_both;

const KEY: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

on_both! {
    async fn a_user_lives_from_create_to_restore(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;

        let made = owner.post("/users", json!({ "login": "Ada", "role": "member", "expires_at": null })).await;
        let path = made.headers["location"].to_str().unwrap().strip_prefix("/api/v1").unwrap().to_owned();
        assert_eq!((made.status, made.tag()), (StatusCode::CREATED, "\"1\""));
        assert_eq!(made.body["login"], "ada");

        let changed = owner.patch(&path, "\"1\"", json!({ "display_name": "Ada L.", "device_limit": 3 })).await;
        assert_eq!((changed.tag(), &changed.body["device_limit"]), ("\"2\"", &json!(3)));
        assert_eq!(owner.patch(&path, "\"1\"", json!({ "device_limit": null })).await.problem(412), "stale");
        let emptied = owner.patch(&path, "\"2\"", json!({ "device_limit": null })).await;
        assert_eq!(emptied.body["device_limit"], Value::Null);
        assert_eq!(emptied.body["display_name"], "Ada L.");

        assert_eq!(owner.act(&format!("{path}/disable")).await.expect(StatusCode::OK)["state"], "disabled");
        let enabled = owner.act(&format!("{path}/enable")).await;
        let tag = enabled.tag().to_owned();
        owner.delete(&path, &tag).await.expect(StatusCode::NO_CONTENT);
        assert!(owner.get(&path).await.expect(StatusCode::OK)["deleted_at"].is_string(), "whoever lists it reads it");
        owner.act(&format!("{path}/restore")).await.expect(StatusCode::OK);
        owner.get(&path).await.expect(StatusCode::OK);
    }

    async fn a_network_lives_from_create_to_restore(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;

        let body = json!({ "name": "lab", "ipv4": "10.99.0.0/24", "dns": ["10.99.0.1"] });
        let made = owner.post("/networks", body).await;
        let id = made.body["id"].as_str().unwrap().to_owned();
        let path = format!("/networks/{id}");
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        assert_eq!(made.body["ipv4"]["capacity"], 253);

        let tag = made.tag().to_owned();
        let changed = owner.patch(&path, &tag, json!({ "mtu": 1280, "isolated": false })).await;
        assert_eq!((&changed.body["mtu"], &changed.body["isolated"]), (&json!(1280), &json!(false)));
        let wrong = owner.patch(&path, changed.tag(), json!({ "mtu": 1279 })).await;
        assert_eq!(wrong.problem(422), "invalid");
        assert_eq!(wrong.body["errors"][0]["pointer"], "/mtu");

        let overlap = json!({ "name": "other", "ipv4": "10.99.0.128/25", "dns": ["10.99.0.1"] });
        let refused = owner.post("/networks", overlap).await;
        assert!(refused.status.is_client_error());
        assert_eq!(refused.body["errors"][0]["pointer"], "/ipv4", "{}", refused.body);
        let of_host = json!({ "name": "home", "ipv4": "192.168.1.0/24", "dns": ["10.99.0.1"] });
        assert_eq!(owner.post("/networks", of_host).await.body["errors"][0]["pointer"], "/ipv4");

        owner.delete(&path, changed.tag()).await.expect(StatusCode::NO_CONTENT);
        owner.act(&format!("{path}/restore")).await.expect(StatusCode::OK);
    }

    async fn a_node_and_its_place_in_a_network_live_from_create_to_delete(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let network = first(&owner, "/networks").await;

        let node =
            owner.post("/nodes", json!({ "name": "fra-1", "location": "Frankfurt", "capacity": 10 })).await;
        let path = node.headers["location"].to_str().unwrap().strip_prefix("/api/v1").unwrap().to_owned();
        assert_eq!(node.body["state"], "pending");
        let changed = owner.patch(&path, node.tag(), json!({ "capacity": null, "draining": true })).await;
        assert_eq!((&changed.body["capacity"], &changed.body["draining"]), (&Value::Null, &json!(true)));

        let places = format!("{path}/networks");
        let place =
            owner.post(&places, json!({ "network_id": network, "endpoint_host": "fra.example.org" })).await;
        assert_eq!(place.status, StatusCode::CREATED, "{}", place.body);
        assert_eq!(place.body["endpoint"]["host"], "fra.example.org");
        assert_eq!(owner.post(&places, json!({ "network_id": network })).await.problem(409), "taken");
        let own = format!("{places}/{}", place.body["id"].as_str().unwrap());
        let moved = owner.patch(&own, place.tag(), json!({ "listen_port": 4500, "endpoint_host": null })).await;
        assert_eq!((&moved.body["listen_port"], &moved.body["endpoint_host"]), (&json!(4500), &Value::Null));
        let listed = owner.get(&places).await.expect(StatusCode::OK);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        owner.delete(&own, moved.tag()).await.expect(StatusCode::NO_CONTENT);
        owner.delete(&path, changed.tag()).await.expect(StatusCode::NO_CONTENT);
    }

    async fn a_device_lives_from_create_to_restore(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;

        let made = owner.post("/devices", json!({ "name": "laptop", "public_key": KEY })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let path = format!("/devices/{}", made.body["id"].as_str().unwrap());
        assert_eq!((&made.body["state"], &made.body["ipv4"]), (&json!("active"), &json!("10.86.0.2")));

        let again = owner.post("/devices", json!({ "name": "phone", "public_key": KEY })).await;
        assert_eq!(again.problem(409), "taken");
        assert_eq!(again.body["errors"][0]["pointer"], "/public_key");

        let tag = made.tag().to_owned();
        let changed = owner.patch(&path, &tag, json!({ "note": "lent", "duration_s": 60 })).await;
        assert_eq!((&changed.body["state"], &changed.body["note"]), (&json!("on_hold"), &json!("lent")));
        assert_eq!(owner.act(&format!("{path}/disable")).await.body["reason"], "device_disabled");
        let enabled = owner.act(&format!("{path}/enable")).await;
        let live = owner.get(&format!("{path}/live")).await.expect(StatusCode::OK);
        assert_eq!(live["online"], false);
        let usage = owner.get(&format!("{path}/usage?from=2026-01-01&to=2026-12-31")).await;
        assert_eq!(usage.expect(StatusCode::OK)["days"], json!([]));
        let backwards = owner.get(&format!("{path}/usage?from=2026-02-01&to=2026-01-01")).await;
        assert_eq!(backwards.body["errors"][0]["parameter"], "to");
        owner.delete(&path, enabled.tag()).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(owner.get("/devices?deleted=true").await.body["items"].as_array().unwrap().len(), 1);
        owner.act(&format!("{path}/restore")).await.expect(StatusCode::OK);
    }

    async fn a_secret_is_shown_once_and_a_link_is_spent_once(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let made = owner.post("/devices", json!({ "name": "phone" })).await.expect(StatusCode::CREATED);
        let path = format!("/devices/{}", made["id"].as_str().unwrap());
        assert_eq!(made["has_private_key"], true);

        let link = owner.act(&format!("{path}/link")).await.expect(StatusCode::CREATED);
        let config = house.nobody().post("/links/redeem", json!({ "token": link["token"] })).await;
        let config = config.expect(StatusCode::OK);
        assert!(config["conf"].as_str().unwrap().contains("PrivateKey = "));
        assert!(config["qr_png"].is_string() && config["qr_svg"].is_string());

        let again = house.nobody().post("/links/redeem", json!({ "token": link["token"] })).await;
        assert!(again.status.is_client_error());
        let later = owner.act(&format!("{path}/reveal")).await.expect(StatusCode::OK);
        assert_eq!((&later["client_key"], &later["qr_png"]), (&json!(true), &Value::Null));
        let key = config["conf"].as_str().unwrap().lines().find(|line| line.starts_with("PrivateKey")).unwrap();
        assert!(!later["conf"].as_str().unwrap().contains(key));
    }

    async fn a_repeated_create_answers_with_the_same_thing(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let create = async |body: Value| {
            owner.send(Method::POST, "/devices", &[("idempotency-key", "k-1")], Some(body)).await
        };

        let first = create(json!({ "name": "laptop" })).await;
        let again = create(json!({ "name": "laptop" })).await;
        let other = create(json!({ "name": "phone" })).await;

        assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
        assert_eq!(first.body["id"], again.body["id"]);
        assert_eq!(first.headers["location"], again.headers["location"]);
        assert!(!first.headers.contains_key("idempotency-replayed"));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(other.problem(422), "idempotency_key_reused");
        assert_eq!(owner.get("/devices").await.body["items"].as_array().unwrap().len(), 1);
    }

    async fn pages_hold_every_row_once_in_both_orders(database) {
        let house = House::new(database).await;
        let host = house.host();
        for n in 0..7 {
            host.post("/nodes", json!({ "name": format!("n{n}"), "location": "" }))
                .await
                .expect(StatusCode::CREATED);
        }

        for (sort, reverse) in [("name", false), ("-name", true), ("created_at", false), ("-created_at", true)] {
            let mut found = Vec::new();
            let mut pages = 0;
            let mut after = String::new();
            loop {
                let page =
                    host.get(&format!("/nodes?q=n&limit=3&sort={sort}{after}")).await.expect(StatusCode::OK);
                pages += 1;
                found.extend(
                    page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()),
                );
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }

            let mut wanted: Vec<String> = (0..7).map(|n| format!("n{n}")).collect();
            if reverse {
                wanted.reverse();
            }
            assert_eq!((found, pages), (wanted, 3), "{sort}");
        }
    }

    async fn a_cursor_that_no_page_gave_is_refused(database) {
        let owner = House::new(database).await.owner().await;
        let cursor = Cursor { key: SortKey::Text("a\0b".to_owned()), id: Uuid::from_u128(1) };

        let refused = owner.get(&format!("/users?sort=login&after={cursor}")).await;

        assert_eq!(refused.problem(422), "invalid");
    }

    async fn a_member_sees_and_does_only_what_is_the_members(database) {
        let house = House::new(database).await;
        house.user("ada", "member").await;
        let (owner, member) = (house.owner().await, house.sign_in("ada").await);
        let of_owner = owner.post("/devices", json!({ "name": "desk" })).await.expect(StatusCode::CREATED);
        let of_owner = format!("/devices/{}", of_owner["id"].as_str().unwrap());
        member.post("/devices", json!({ "name": "mine" })).await.expect(StatusCode::CREATED);

        assert_eq!(member.get(&of_owner).await.problem(404), "not_found");
        assert_eq!(member.act(&format!("{of_owner}/reveal")).await.problem(404), "not_found");
        assert_eq!(member.patch(&of_owner, "\"1\"", json!({ "name": "x" })).await.problem(404), "not_found");
        assert_eq!(member.get("/devices").await.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(member.get("/users").await.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(member.get("/nodes").await.problem(403), "forbidden");
        assert_eq!(member.get("/audit").await.problem(403), "forbidden");
        assert_eq!(member.get("/me").await.expect(StatusCode::OK)["login"], "ada");
    }

    async fn a_session_is_renewed_and_ended(database) {
        let house = House::new(database).await;
        let signed = house.nobody().post("/sessions", json!({ "login": "owner", "password": PASSWORD })).await;
        let signed = signed.expect(StatusCode::CREATED);

        let next =
            house.nobody().post("/sessions/refresh", json!({ "refresh_token": signed["refresh_token"] })).await;
        let next = next.expect(StatusCode::OK);
        let client = house.bearer(next["access_token"].as_str().unwrap());
        assert_eq!(client.get("/sessions").await.body["items"].as_array().unwrap().len(), 1);
        let end = house.nobody().post("/sessions/end", json!({ "refresh_token": next["refresh_token"] })).await;
        end.expect(StatusCode::NO_CONTENT);

        let refused = client.get("/me").await;
        assert_eq!(refused.problem(401), "unauthenticated");
        assert_eq!(refused.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
        let wrong = house.nobody().post("/sessions", json!({ "login": "owner", "password": "wrong" })).await;
        assert_eq!(wrong.problem(401), "unauthenticated");
    }

    async fn the_first_run_happens_once_and_only_with_the_link(database) {
        let house = House::over(database).await;
        let nobody = house.nobody();
        assert_eq!(nobody.get("/setup").await.expect(StatusCode::OK)["needed"], true);
        assert_eq!(nobody.act("/setup/link").await.problem(401), "unauthenticated");
        let refused = nobody.post("/setup", setup_request()).await;
        assert_eq!(refused.problem(401), "unauthenticated");
        assert_eq!(refused.headers["www-authenticate"], "Setup");

        let link = house.host().act("/setup/link").await.expect(StatusCode::CREATED);
        let proof = format!("Setup {}", link["token"].as_str().unwrap());
        let run = async |request: Value| {
            nobody.send(Method::POST, "/setup", &[("authorization", &proof)], Some(request)).await
        };
        let mut bad = setup_request();
        bad["network"]["ipv4"] = json!("192.168.3.0/24");
        assert_eq!(run(bad).await.body["errors"][0]["pointer"], "/network/ipv4");
        let mut request = setup_request();
        request["device"] = json!({ "name": "laptop", "public_key": KEY });
        let done = run(request).await.expect(StatusCode::CREATED);

        assert_eq!(done["config"]["client_key"], true);
        assert!(done["config"]["conf"].as_str().unwrap().contains("vpn.example.org:51820"));
        assert_eq!(nobody.get("/setup").await.body["needed"], false);
        assert!(run(setup_request()).await.status.is_client_error());
        assert_eq!(house.host().post("/setup", setup_request()).await.problem(409), "already_set_up");
    }

    async fn policy_system_and_audit_are_there_for_the_owner(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;

        let settings = owner.get("/settings").await;
        let changed = owner.patch("/settings", settings.tag(), json!({ "show_endpoints": true })).await;
        assert_eq!(changed.expect(StatusCode::OK)["endpoint_host"], "vpn.example.org");
        let system = owner.get("/system").await.expect(StatusCode::OK);
        assert_eq!(system["database"], "sqlite");
        let audit = owner.get("/audit?action=settings_update").await.expect(StatusCode::OK);
        assert_eq!(audit["items"].as_array().unwrap().len(), 1);
        assert_eq!(audit["items"][0]["source"], "192.0.2.7");
        let wrong = json!({ "current_password": "wrong", "new_password": "another long one" });
        assert!(owner.post("/me/password", wrong).await.status.is_client_error());
        let right = json!({ "current_password": PASSWORD, "new_password": "another long one" });
        owner.post("/me/password", right).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(owner.get("/me").await.problem(401), "unauthenticated");
    }

    async fn there_is_always_an_owner_who_can_sign_in(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let me = owner.get("/me").await;
        let path = format!("/users/{}", me.body["id"].as_str().unwrap());
        let tag = format!("\"{}\"", me.body["revision"]);
        owner.post("/users", json!({ "login": "other", "role": "owner" })).await.expect(StatusCode::CREATED);

        let ends = json!({ "expires_at": "2031-01-01T00:00:00Z" });
        assert_eq!(owner.patch(&path, &tag, ends).await.problem(409), "last_owner");
        let demoted = owner.patch(&path, &tag, json!({ "role": "admin" })).await;
        assert_eq!(demoted.problem(409), "last_owner");
        assert_eq!(owner.act(&format!("{path}/disable")).await.problem(409), "last_owner");
    }

    async fn an_act_goes_on_when_its_client_hangs_up(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let create = json!({ "login": "ada", "role": "member", "password": PASSWORD });

        // Hashing the password alone takes longer than this client waits.
        let hung_up = tokio::time::timeout(Duration::from_millis(20), owner.post("/users", create)).await;
        assert!(hung_up.is_err());

        for _ in 0..500 {
            if owner.get("/users?q=ada").await.body["items"].as_array().unwrap().len() == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the user was never made");
    }
}
