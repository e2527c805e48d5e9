//! What devices, and the networks they are in, survive: ranks, limits, purges, deletions and failures half way.

use std::path::Path;

use caspervpn::app::error::AppError;
use caspervpn::store::backend::Tx;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Client, House, first};
use crate::databases::{TestDatabase, on_both};

on_both! {
    async fn a_network_is_made_after_another_was_deleted(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let office = first(&owner, "/networks").await;
        let node = first(&owner, "/nodes").await;
        drop_it(&owner, &format!("/networks/{office}")).await;

        let made = owner.post("/networks", lab()).await;

        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let places = format!("/nodes/{node}/networks");
        let place = owner.get(&places).await.body["items"][0].clone();
        assert_eq!((&place["interface"], &place["listen_port"]), (&json!("cvpn1"), &json!(51821)));
        let own = format!("{places}/{}", place["id"].as_str().unwrap());
        let moved = owner.patch(&own, "\"1\"", json!({ "listen_port": 51820 })).await;
        assert_eq!(moved.expect(StatusCode::OK)["listen_port"], 51820);
        owner.delete(&own, "\"2\"").await.expect(StatusCode::NO_CONTENT);
        let again = json!({ "network_id": made.body["id"], "listen_port": 51820 });
        owner.post(&places, again).await.expect(StatusCode::CREATED);

        owner.act(&format!("/networks/{office}/restore")).await.expect(StatusCode::OK);
        let ports: Vec<_> = owner.get(&places).await.body["items"].as_array().unwrap().clone();
        let ports: Vec<_> = ports.iter().map(|place| place["listen_port"].clone()).collect();
        assert_eq!(ports, [json!(51822), json!(51820)]);
    }

    async fn a_device_is_purged_a_month_after_its_deletion(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let (old, new) = (device(&owner, "old").await, device(&owner, "new").await);
        drop_it(&owner, &old).await;
        drop_it(&owner, &new).await;
        sql(&house, "UPDATE devices SET deleted_at = deleted_at - 2592060000 WHERE name = 'old'").await;

        house.app.purge_step().await.unwrap();

        assert_eq!(owner.act(&format!("{old}/restore")).await.problem(404), "not_found");
        owner.act(&format!("{new}/restore")).await.expect(StatusCode::OK);
        let made = owner.post("/devices", json!({ "name": "next" })).await.expect(StatusCode::CREATED);
        assert_eq!(made["ipv4"], "10.86.0.2");
    }

    async fn making_and_deleting_in_a_loop_does_not_use_up_the_pool(database) {
        let house = House::new(database).await;
        let id = house.user("ada", "member").await;
        let (owner, member) = (house.owner().await, house.sign_in("ada").await);
        owner.patch(&format!("/users/{id}"), "\"1\"", json!({ "device_limit": 2 })).await.expect(StatusCode::OK);

        let mut made = Vec::new();
        for n in 0..6 {
            made.push(device(&member, &format!("d{n}")).await);
            drop_it(&member, made.last().unwrap()).await;
        }

        let kept = owner.get(&format!("/devices?user_id={id}&deleted=true")).await.expect(StatusCode::OK);
        assert_eq!(kept["items"].as_array().unwrap().len(), 2);
        member.act(&format!("{}/restore", made[5])).await.expect(StatusCode::OK);
        assert_eq!(member.act(&format!("{}/restore", made[0])).await.problem(404), "not_found");
    }

    async fn devices_of_higher_ranks_are_out_of_reach(database) {
        let house = House::new(database).await;
        house.user("op", "operator").await;
        house.user("help", "support").await;
        let admin_id = house.user("boss", "admin").await;
        let member_id = house.user("ada", "member").await;
        let (owner, admin) = (house.owner().await, house.sign_in("boss").await);
        let (operator, support) = (house.sign_in("op").await, house.sign_in("help").await);
        let of_owner = device(&owner, "desk").await;
        let of_admin = device(&admin, "desk").await;
        let of_member = device(&house.sign_in("ada").await, "desk").await;

        for path in [&of_owner, &of_admin] {
            for (who, acts) in [
                (&operator, &["reveal", "link", "enable", "disable"][..]),
                (&support, &["enable", "disable"][..]),
            ] {
                for act in acts {
                    let refused = who.act(&format!("{path}/{act}")).await;
                    assert_eq!(refused.problem(403), "forbidden", "{act}");
                }
                assert_eq!(who.patch(path, "\"1\"", json!({ "name": "x" })).await.problem(403), "forbidden");
                assert_eq!(who.delete(path, "\"1\"").await.problem(403), "forbidden");
                who.get(path).await.expect(StatusCode::OK);
            }
        }
        let foreign = json!({ "name": "x", "user_id": admin_id });
        assert_eq!(operator.post("/devices", foreign).await.problem(403), "forbidden");
        assert_eq!(admin.act(&format!("{of_owner}/reveal")).await.problem(403), "forbidden");
        drop_it(&owner, &of_admin).await;
        assert_eq!(operator.act(&format!("{of_admin}/restore")).await.problem(403), "forbidden");

        admin.act(&format!("{of_admin}/restore")).await.expect(StatusCode::OK);
        support.act(&format!("{of_member}/disable")).await.expect(StatusCode::OK);
        support.act(&format!("{of_member}/enable")).await.expect(StatusCode::OK);
        operator.act(&format!("{of_member}/link")).await.expect(StatusCode::CREATED);
        let lent = json!({ "name": "lent", "user_id": member_id, "duration_s": 60 });
        operator.post("/devices", lent).await.expect(StatusCode::CREATED);
        let own = device(&operator, "own").await;
        operator.act(&format!("{own}/reveal")).await.expect(StatusCode::OK);
    }

    async fn a_member_starts_again_what_the_member_stopped_and_nothing_that_an_operator_did(database) {
        let house = House::new(database).await;
        house.user("help", "support").await;
        house.user("ada", "member").await;
        let (support, member) = (house.sign_in("help").await, house.sign_in("ada").await);
        let path = device(&member, "desk").await;
        let act = async |who: &Client, act: &str| who.act(&format!("{path}/{act}")).await;

        let own = act(&member, "disable").await.expect(StatusCode::OK);
        assert_eq!((&own["state"], &own["disabled_by"]), (&json!("disabled"), &json!("owner")));
        let again = act(&member, "enable").await.expect(StatusCode::OK);
        assert_eq!((&again["state"], &again["disabled_by"]), (&json!("active"), &json!(null)));

        act(&member, "disable").await.expect(StatusCode::OK);
        let theirs = act(&support, "disable").await.expect(StatusCode::OK);
        assert_eq!(theirs["disabled_by"], "operator", "what both stopped is the operator's");
        act(&member, "disable").await.expect(StatusCode::OK);
        let refused = act(&member, "enable").await;
        assert_eq!(refused.problem(403), "forbidden");
        assert!(refused.body["detail"].as_str().unwrap().contains("an operator stopped this device"), "{}", refused.body);
        act(&support, "enable").await.expect(StatusCode::OK);
        let by_host = house.host().act(&format!("{path}/disable")).await.expect(StatusCode::OK);
        assert_eq!(by_host["disabled_by"], "operator");
        assert_eq!(act(&member, "enable").await.problem(403), "forbidden");
    }

    async fn support_helps_a_device_along_but_sets_no_limits(database) {
        let house = House::new(database).await;
        house.user("help", "support").await;
        house.user("ada", "member").await;
        let (support, member) = (house.sign_in("help").await, house.sign_in("ada").await);
        let path = device(&member, "desk").await;

        for body in [json!({ "duration_s": 60 }), json!({ "data_limit_bytes": null }), json!({ "expires_at": null })] {
            assert_eq!(support.patch(&path, "\"1\"", body.clone()).await.problem(403), "forbidden", "{body}");
            assert_eq!(member.patch(&path, "\"1\"", body.clone()).await.problem(403), "forbidden", "{body}");
        }
        support.patch(&path, "\"1\"", json!({ "note": "called" })).await.expect(StatusCode::OK);
    }

    async fn a_configuration_too_long_for_a_code_is_revealed_without_one(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let network = format!("/networks/{}", first(&owner, "/networks").await);
        let route = |n: u32| format!("2001:db88:1111:2222:3333:4444:5555:{:x}/128", 0xa000 + n);
        let routes: Vec<String> = (0..64).map(route).collect();
        let tag = owner.get(&network).await.tag().to_owned();
        owner.patch(&network, &tag, json!({ "routes": routes })).await.expect(StatusCode::OK);
        let (one, other) = (device(&owner, "phone").await, device(&owner, "laptop").await);

        let revealed = owner.act(&format!("{one}/reveal")).await.expect(StatusCode::OK);
        let link = owner.act(&format!("{other}/link")).await.expect(StatusCode::CREATED);
        let redeemed = house.nobody().post("/links/redeem", json!({ "token": link["token"] })).await;

        for config in [revealed, redeemed.expect(StatusCode::OK)] {
            assert!(config["conf"].as_str().unwrap().contains("PrivateKey = "));
            assert_eq!((&config["qr_png"], &config["qr_svg"]), (&Value::Null, &Value::Null));
            assert_eq!(config["client_key"], false);
        }
    }

    async fn a_key_is_not_wiped_by_a_reveal_that_fails(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let path = device(&owner, "phone").await;
        let link = owner.act(&format!("{path}/link")).await.expect(StatusCode::CREATED);
        let token = json!({ "token": link["token"] });
        // A sealed key that belongs to nothing does not open.
        sql(&house, "UPDATE devices SET note = 'x', preshared_key = private_key").await;

        owner.act(&format!("{path}/reveal")).await.problem(500);
        house.nobody().post("/links/redeem", token.clone()).await.problem(500);
        sql(&house, "UPDATE devices SET preshared_key = NULL").await;

        assert_eq!(owner.get(&path).await.body["has_private_key"], true);
        let redeemed = house.nobody().post("/links/redeem", token).await.expect(StatusCode::OK);
        assert_eq!(redeemed["client_key"], false);
    }

    async fn another_place_or_endpoint_makes_configurations_outdated(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let network = first(&owner, "/networks").await;
        let places = format!("/nodes/{}/networks", first(&owner, "/nodes").await);
        let path = device(&owner, "phone").await;
        let reveal = async || owner.act(&format!("{path}/reveal")).await.expect(StatusCode::OK);
        let outdated = async || owner.get(&path).await.expect(StatusCode::OK)["outdated"].clone();

        reveal().await;
        assert_eq!(outdated().await, false);
        let place = owner.get(&places).await.body["items"][0]["id"].as_str().unwrap().to_owned();
        owner.delete(&format!("{places}/{place}"), "\"1\"").await.expect(StatusCode::NO_CONTENT);
        assert_eq!(outdated().await, true, "the place is gone");
        owner.post(&places, json!({ "network_id": network })).await.expect(StatusCode::CREATED);
        reveal().await;
        assert_eq!(outdated().await, false);
        let other = owner.post("/nodes", json!({ "name": "fra-1", "location": "" })).await;
        let other = format!("/nodes/{}/networks", other.body["id"].as_str().unwrap());
        owner.post(&other, json!({ "network_id": network })).await.expect(StatusCode::CREATED);
        assert_eq!(outdated().await, true, "there is another place");

        reveal().await;
        drop_it(&owner, other.trim_end_matches("/networks")).await;
        assert_eq!(outdated().await, true, "the node of the other place is gone");

        reveal().await;
        drop_it(&owner, &format!("/networks/{network}")).await;
        let tag = owner.get("/settings").await.tag().to_owned();
        owner.patch("/settings", &tag, json!({ "endpoint_host": "new.example.org" })).await.expect(StatusCode::OK);
        owner.act(&format!("/networks/{network}/restore")).await.expect(StatusCode::OK);
        assert_eq!(outdated().await, true, "the endpoint changed while the network was deleted");
    }

    async fn a_guessed_link_costs_no_write(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let path = device(&owner, "phone").await;
        let link = owner.act(&format!("{path}/link")).await.expect(StatusCode::CREATED);
        let token = json!({ "token": link["token"] });
        house.nobody().post("/links/redeem", token.clone()).await.expect(StatusCode::OK);
        let before = writes(&house);

        let refused = house.nobody().post("/links/redeem", token).await;

        assert_eq!(refused.problem(409), "link_spent");
        assert_eq!(writes(&house), before);
    }
}

fn lab() -> Value {
    json!({ "name": "lab", "ipv4": "10.99.0.0/24", "dns": ["10.99.0.1"] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_handed_out_or_purged_is_in_no_file_any_more() {
    let database = TestDatabase::sqlite();
    let directory = database.directory.as_ref().unwrap().path().join("data");
    let house = House::new(database).await;
    let owner = house.owner().await;
    let revealed = [device(&owner, "a").await, device(&owner, "b").await];
    let purged = [device(&owner, "c").await, device(&owner, "d").await];
    let sealed = sealed_keys(&directory.join("caspervpn.db"));

    for path in revealed {
        owner.act(&format!("{path}/reveal")).await.expect(StatusCode::OK);
    }
    for path in purged {
        drop_it(&owner, &path).await;
    }
    sql(&house, "UPDATE devices SET deleted_at = deleted_at - 2592060000 WHERE deleted_at IS NOT NULL").await;
    house.app.purge_step().await.unwrap();
    // What is written last lies in the log until it is folded into the file.
    house.app.store().close().await;

    assert_eq!(sealed.len(), 4);
    for file in std::fs::read_dir(directory).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        // A part of a key is enough to be found.
        let left = sealed.iter().flat_map(|key| key[key.len() - 48..].chunks(12));
        let left = left.filter(|piece| bytes.windows(12).any(|found| found == *piece)).count();
        assert_eq!(left, 0, "pieces of sealed keys are left in {}", file.display());
    }
}

/// The sealed private keys of all devices.
fn sealed_keys(database: &Path) -> Vec<Vec<u8>> {
    let reader = rusqlite::Connection::open(database).unwrap();
    let mut rows = reader.prepare("SELECT private_key FROM devices").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Makes a device of one's own, and gives its path.
pub(crate) async fn device(client: &Client, name: &str) -> String {
    let made = client.post("/devices", json!({ "name": name })).await.expect(StatusCode::CREATED);
    format!("/devices/{}", made["id"].as_str().unwrap())
}

/// Deletes something as it is now.
pub(crate) async fn drop_it(client: &Client, path: &str) {
    let tag = client.get(path).await.tag().to_owned();
    client.delete(path, &tag).await.expect(StatusCode::NO_CONTENT);
}

/// Does to the rows what no use case does.
pub(crate) async fn sql(house: &House, statement: &'static str) {
    let done = house
        .app
        .store()
        .write(async move |tx: &mut Tx| Ok::<_, AppError>(tx.execute(statement, &[]).await?));
    assert_ne!(done.await.unwrap(), 0);
}

/// How many calls have written, or tried to.
fn writes(house: &House) -> u64 {
    let figures = house.app.store().figures();
    figures.committed_writes + figures.failed_writes
}
