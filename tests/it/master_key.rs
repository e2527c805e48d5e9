//! Rotation of the master key: all that was sealed is sealed anew while the service goes on, whatever stops it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use caspervpn::app::error::AppError;
use caspervpn::secrets::master_key::{KeyPlace, MasterKey, MasterKeys, load_or_create};
use caspervpn::secrets::seal::Keyring;
use caspervpn::store::backend::{Conn, Tx};
use caspervpn::store::sealed::COLUMNS;
use caspervpn::store::value::Row;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Client, House, PASSWORD, setup_request};
use crate::certificates;
use crate::databases::{TestDatabase, on_both};
use crate::mfa::world::{Enrolled, World};
use crate::service::{Launch, PATIENCE, eventually};

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// What somebody has who was there before the rotation.
struct Before {
    mia: Enrolled,
    device: String,
    spent_refresh: Value,
    successor: Value,
}

/// Makes at least one of everything that a master key seals.
async fn seal_one_of_each(world: &World) -> Before {
    let host = world.house.host();
    let smtp = json!({ "host": "127.0.0.1", "port": 9, "security": "plain", "from": "vpn@example.org",
        "username": "vpn", "password": "mail password" });
    let allowed = json!(["127.0.0.0/8"]);
    let change = json!({ "panel_url": "https://vpn.example.org", "outgoing_allowed": allowed, "smtp": smtp });
    world.set(change).await;
    certificates::order_one_of_two(&world.house).await;
    let oidc = json!({ "issuer": "https://id.example.org", "client_id": "vpn" });
    let provider = json!({ "name": "main", "oidc": oidc, "secret": "client secret" });
    host.post("/identity-providers", provider).await.expect(StatusCode::CREATED);
    let webhook = json!({ "url": "https://hooks.example.org/", "kinds": [] });
    host.post("/webhooks", webhook).await.expect(StatusCode::CREATED);
    host.post("/password-resets", json!({ "login": "ada" })).await.expect(StatusCode::ACCEPTED);
    let mia = world.enrol("mia").await;
    let made = mia.client.post("/devices", json!({ "name": "phone" })).await.expect(StatusCode::CREATED);
    let body = json!({ "login": "ada", "password": PASSWORD });
    let tokens = world.house.nobody().post("/sessions", body).await.expect(StatusCode::CREATED);
    let spent_refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let next =
        world.house.nobody().post("/sessions/refresh", spent_refresh.clone()).await.expect(StatusCode::OK);
    let device = format!("/devices/{}", made["id"].as_str().unwrap());
    Before { mia, device, spent_refresh, successor: next["refresh_token"].clone() }
}

/// The columns, whatever they are, in which a value sealed with this key stands.
async fn columns_sealed_with(house: &House, key: &str) -> BTreeSet<(String, String)> {
    let mut start = vec![1];
    start.extend((0..16).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()));
    let texts = [STANDARD.encode(&start), URL_SAFE_NO_PAD.encode(&start)];
    let mut found = BTreeSet::new();
    for (table, column, kind) in all_columns(house).await {
        let sql = format!("SELECT {column} AS it FROM {table} WHERE {column} IS NOT NULL");
        let (start, texts) = (start.clone(), texts.clone());
        let is_there = read(house, &sql, move |row: &mut Row| {
            if kind.eq_ignore_ascii_case("text") {
                let text: String = row.take("it").unwrap();
                texts.iter().any(|start| text.contains(start))
            } else {
                let bytes: Vec<u8> = row.take("it").unwrap();
                bytes.windows(start.len()).any(|window| window == start)
            }
        });
        if is_there.await.contains(&true) {
            found.insert((table, column));
        }
    }
    found
}

/// Every column of text or bytes.
async fn all_columns(house: &House) -> Vec<(String, String, String)> {
    let sqlite = "SELECT m.name AS tab, p.name AS col, p.type AS kind FROM sqlite_master AS m, \
        pragma_table_info(m.name) AS p WHERE m.type = 'table' AND p.type IN ('TEXT', 'BLOB')";
    let postgres = "SELECT table_name::text AS tab, column_name::text AS col, data_type::text AS kind \
        FROM information_schema.columns WHERE table_schema = 'public' AND data_type IN ('text', 'bytea')";
    let is_sqlite = house.is_on_sqlite();
    let take =
        |row: &mut Row| (row.take("tab").unwrap(), row.take("col").unwrap(), row.take("kind").unwrap());
    let columns = read(house, if is_sqlite { sqlite } else { postgres }, take).await;
    assert!(columns.len() > 80, "{}", columns.len());
    columns
}

async fn read<T: Send + 'static>(
    house: &House,
    sql: &str,
    take: impl Fn(&mut Row) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let sql = sql.to_owned();
    let rows = house.app.store().read(async move |on: &mut Conn| {
        let mut rows: Vec<Row> = on.query(&sql, &[]).await?;
        Ok::<_, AppError>(rows.iter_mut().map(&take).collect())
    });
    rows.await.unwrap()
}

async fn keys(house: &House) -> Value {
    house.host().get("/master-key").await.expect(StatusCode::OK)
}

fn id(key: &MasterKey) -> String {
    Keyring::new(key, &[]).current_id().to_string()
}

fn own(path: &Path, current: MasterKey, previous: Vec<MasterKey>) -> MasterKeys {
    MasterKeys { current, previous, place: KeyPlace::Own(path.to_owned()) }
}

fn elsewhere(current: MasterKey, previous: Vec<MasterKey>) -> MasterKeys {
    MasterKeys { current, previous, place: KeyPlace::Elsewhere("a vault".to_owned()) }
}

/// A sentence of a client: whoever was there before still is, and what they had still opens.
async fn assert_nothing_was_lost(world: &World, before: &Before) {
    let again = world.house.nobody().post("/sessions/refresh", before.spent_refresh.clone()).await;
    assert_eq!(
        again.expect(StatusCode::OK)["refresh_token"],
        before.successor,
        "a replay gets the same successor"
    );
    let mia: Client = world.client(world.sign_in("mia", &world.code(&before.mia.secret)).await);
    let config = mia.act(&format!("{}/reveal", before.device)).await.expect(StatusCode::OK);
    let text = config["conf"].as_str().unwrap();
    assert!(text.contains("PrivateKey = ") && text.contains("PresharedKey = "), "{text}");
    world.house.work().await;
    assert_eq!(world.house.app.count_jobs().await.unwrap().1, 0, "the job that was waiting could be read");
}

on_both! {
    async fn all_that_the_old_key_sealed_is_sealed_anew_and_opens(database) {
        let world = World::over(database).await;
        let before = seal_one_of_each(&world).await;
        let (old, new) = (world.house.master_key(), MasterKey::generate().unwrap());
        let (old_id, new_id) = (id(&old), id(&new));
        let mut listed: BTreeSet<_> = COLUMNS.iter().map(|it| (it.table.to_owned(), it.column.to_owned())).collect();
        listed.insert(("settings".to_owned(), "value".to_owned()));
        assert_eq!(columns_sealed_with(&world.house, &old_id).await, listed, "the list is not what is there");

        let house = world.house.rekeyed(elsewhere(new, vec![old])).await;
        let world = World { house, ..world };
        let outstanding = keys(&world.house).await;
        world.house.app.reseal_step().await.unwrap();

        assert!(outstanding["outstanding"].as_u64().unwrap() >= 12, "{outstanding}");
        let expected = json!({ "id": new_id, "place": "a vault", "previous": [old_id], "outstanding": 0 });
        assert_eq!(keys(&world.house).await, expected);
        assert_eq!(columns_sealed_with(&world.house, &old_id).await, BTreeSet::new());
        assert_eq!(columns_sealed_with(&world.house, &new_id).await, listed);
        assert_nothing_was_lost(&world, &before).await;
    }

    async fn a_damaged_value_keeps_its_key_and_nothing_else(database) {
        let world = World::over(database).await;
        seal_one_of_each(&world).await;
        let (old, new) = (world.house.master_key(), MasterKey::generate().unwrap());
        let old_id = id(&old);
        // Two sealed values that changed places do not open.
        damage(&world.house).await;

        let house = world.house.rekeyed(elsewhere(new, vec![old])).await;
        for _ in 0..3 {
            house.app.reseal_step().await.unwrap();
            world.clock.advance(QUARTER);
        }

        let left = keys(&house).await;
        assert_eq!((&left["outstanding"], &left["previous"]), (&json!(1), &json!([old_id])));
        let where_it_is = BTreeSet::from([("totp_secrets".to_owned(), "secret".to_owned())]);
        assert_eq!(columns_sealed_with(&house, &old_id).await, where_it_is);
    }
}

async fn damage(house: &House) {
    const SQL: &str = "UPDATE totp_secrets SET secret = (SELECT private_key FROM devices LIMIT 1)";
    let done = house.app.store().write(async |tx: &mut Tx| Ok::<_, AppError>(tx.execute(SQL, &[]).await?));
    assert_eq!(done.await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_own_key_is_changed_by_the_host_and_its_file_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let world = World::over(TestDatabase::sqlite()).await;
    std::fs::write(&path, &*world.house.master_key().to_text()).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let first = world.house.master_key();
    let house = world.house.rekeyed(own(&path, first, Vec::new())).await;
    let world = World { house, ..world };
    let before = seal_one_of_each(&world).await;
    let old = keys(&world.house).await["id"].clone();
    let owner = world.house.owner().await;
    assert_eq!(owner.act("/master-key/rotate").await.problem(403), "forbidden", "the host's alone");

    let rotated = world.house.host().act("/master-key/rotate").await.expect(StatusCode::OK);

    let on_disk = |path: &Path| id(&caspervpn::secrets::master_key::load(path).unwrap());
    assert_eq!((&rotated["id"], &rotated["previous"]), (&json!(on_disk(&path)), &json!([old])));
    assert_ne!(rotated["id"], old);
    assert_eq!(world.audited("master_key_rotate", "done").await, 1);
    assert_eq!(world.house.host().act("/master-key/rotate").await.problem(409), "rotation_under_way");
    world.house.app.reseal_step().await.unwrap();
    assert_nothing_was_lost(&world, &before).await;
    world.clock.advance(QUARTER - Duration::from_secs(60));
    world.house.app.reseal_step().await.unwrap();
    assert_eq!(keys(&world.house).await["previous"], json!([old]), "a sign-in may still be under way");
    world.clock.advance(Duration::from_secs(60));
    world.house.app.reseal_step().await.unwrap();

    let now = keys(&world.house).await;
    assert_eq!((&now["previous"], &now["outstanding"]), (&json!([]), &json!(0)));
    let old = old.as_str().unwrap();
    assert_eq!(columns_sealed_with(&world.house, old).await, BTreeSet::new());
    assert_eq!(on_disk(&directory.path().join(format!("master.key.retired-{old}"))), old);
    assert!(!directory.path().join("master.key.previous").exists());
    world.house.host().act("/master-key/rotate").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_look_after_or_that_cannot_be_written_is_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::over(TestDatabase::sqlite()).await;
    let rotate = async |house: &House| house.host().act("/master-key/rotate").await;
    let refused = rotate(&world.house).await;
    assert!(refused.body["detail"].as_str().unwrap().contains("keys.previous"), "{}", refused.body);
    assert_eq!(refused.problem(409), "master_key_elsewhere");
    // A folder where the old key should go stands for every file that cannot be made.
    let path = directory.path().join("master.key");
    let key = load_or_create(&path).unwrap();
    std::fs::create_dir(directory.path().join("master.key.previous")).unwrap();
    let first = world.house.master_key();
    let house = world.house.rekeyed(own(&path, first, Vec::new())).await;
    let before = keys(&house).await;

    let refused = rotate(&house).await;

    assert!(refused.body["detail"].as_str().unwrap().contains(path.to_str().unwrap()), "{}", refused.body);
    assert_eq!(refused.problem(409), "master_key_not_written");

    assert_eq!(
        (keys(&house).await, id(&caspervpn::secrets::master_key::load(&path).unwrap())),
        (before, id(&key))
    );
}

#[test]
fn a_kill_at_any_moment_of_a_rotation_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let first = Launch::quiet(&directory.path().join("first"));
    let service = first.serve();
    service.post("/api/v1/setup", Some(setup_request()));
    let owner = service.get("/api/v1/users")["items"][0]["id"].clone();
    for n in 0..DEVICES {
        let device = json!({ "name": format!("device-{n}"), "user_id": owner });
        service.post("/api/v1/devices", Some(device));
    }
    service.stop();
    let old = first.ask(&["master-key", "show"])["id"].clone();
    let mut rotated = 0;

    for kill in 0..KILLS {
        let data = directory.path().join(format!("copy-{kill}"));
        let copied = Command::new("cp").arg("-a").args([&first.data, &data]).status().unwrap();
        assert!(copied.success());
        let launch = Launch::quiet(&data);
        let service = launch.serve();
        let mut verb = launch.command(&["master-key", "rotate"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(kill * 13));
        service.kill();
        verb.wait().unwrap();

        let service = launch.serve();
        let keys = || launch.ask(&["master-key", "show"]);
        eventually("everything is sealed with the current key", PATIENCE, || keys()["outstanding"] == 0);
        let new = keys();
        if new["id"] == old {
            assert_eq!(new["previous"], json!([]), "nothing had begun");
        } else {
            assert_eq!(new["previous"], json!([old]));
            rotated += 1;
        }
        let devices = service.get("/api/v1/devices?limit=3");
        for device in devices["items"].as_array().unwrap() {
            let reveal = format!("/api/v1/devices/{}/reveal", device["id"].as_str().unwrap());
            let revealed = service.post(&reveal, None);
            assert!(revealed["conf"].as_str().unwrap().contains("PrivateKey = "));
        }
        service.kill();
    }
    assert!(rotated > 0, "every kill came before the rotation");
}

/// Enough that sealing them anew takes several transactions.
const DEVICES: usize = 450;
const KILLS: u64 = 16;
