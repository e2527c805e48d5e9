//! From the setup link to a stock WireGuard client that reaches the internet: the built binary, its API, wg-quick.

mod diagnosis;
pub(crate) mod world;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::namespaces::needs_root;
use crate::service::{Service, eventually};
use world::{INTERNET, NODE_UPLINK, World, device_name, owner, path, reveal};

/// How soon a change has to be in force.
const SOON: Duration = Duration::from_secs(2);

/// A client's first packet waits for a handshake, and a lost first try is repeated after 5 s (WireGuard, §6.1).
const HANDSHAKE: Duration = Duration::from_secs(20);

/// How soon a new network carries packets: the client's handshake and a ping, on a machine that is busy.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

fn reaches(world: &World, client: usize, address: &str) {
    eventually(&format!("client {client} to reach {address}"), HANDSHAKE, || world.pings(client, address));
}

fn used_bytes(service: &Service, device: &serde_json::Value) -> u64 {
    let live = service.get(&format!("{}/live", path(device)));
    live["rx_bytes"].as_u64().unwrap() + live["tx_bytes"].as_u64().unwrap()
}

#[test]
fn a_stock_client_reaches_the_internet_with_the_configuration_of_the_api() {
    needs_root();
    let mut world = World::create();
    let service = world.serve_and_set_up();

    let device = world.connect(0, &service);

    // The handshake of the first second is enough: nothing of the node may come later than the client.
    eventually("the first answer", FIRST_ANSWER, || world.pings(0, INTERNET[0]));
    for (address, uplink) in INTERNET.iter().zip(NODE_UPLINK) {
        reaches(&world, 0, address);
        assert_eq!(
            world.seen_as(0, address).as_deref(),
            Some(uplink),
            "the node's address, not the client's"
        );
    }
    let resolvers = world.stock(0, &["cat", "/etc/resolv.conf"]).stdout;
    let resolvers = String::from_utf8(resolvers).unwrap();
    let named: Vec<_> = resolvers.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
    assert_eq!(named, INTERNET, "{resolvers}");
    let found = world.stock(0, &["getent", "ahostsv4", "somewhere.example"]).stdout;
    let found = String::from_utf8(found).unwrap();
    assert!(found.starts_with(INTERNET[0]), "the name server of the configuration answers: {found}");
    eventually("the device to be online", Duration::from_secs(20), || {
        service.get(&format!("{}/live", path(&device)))["online"] == true
    });
}

#[test]
fn a_configuration_with_a_key_of_the_server_works_untouched_and_is_shown_once() {
    needs_root();
    let mut world = World::create();
    let service = world.serve_and_set_up();
    let body = json!({ "name": device_name(0), "user_id": owner(&service) });
    let device = service.post("/api/v1/devices", Some(body));

    let revealed = reveal(&service, &device);
    world.wg_quick(0, &revealed, revealed["conf"].as_str().unwrap());

    for address in INTERNET {
        reaches(&world, 0, address);
    }
    let again = reveal(&service, &device);
    assert_eq!(again["client_key"], true);
    assert!(again["conf"].as_str().unwrap().contains("PrivateKey = \n"), "the key is gone from the server");
    assert!(again["qr_png"].is_null() && again["qr_svg"].is_null());
    assert_eq!(service.get(&path(&device))["has_private_key"], false);
}

#[test]
fn two_devices_reach_each_other_only_once_the_network_allows_it() {
    needs_root();
    let mut world = World::create();
    let service = world.serve_and_set_up();
    world.connect(0, &service);
    let second = world.connect(1, &service);
    for client in [0, 1] {
        reaches(&world, client, INTERNET[0]);
    }
    let addresses = ["ipv4", "ipv6"].map(|family| second[family].as_str().unwrap().to_owned());
    let network = service.get("/api/v1/networks")["items"][0]["id"].as_str().unwrap().to_owned();
    let network = format!("/api/v1/networks/{network}");
    assert!(addresses.iter().all(|address| !world.pings(0, address)));

    service.change("PATCH", &network, Some(json!({ "isolated": false })));

    for address in &addresses {
        reaches(&world, 0, address);
    }

    service.change("PATCH", &network, Some(json!({ "isolated": true })));

    eventually("the separation", SOON, || addresses.iter().all(|address| !world.pings(0, address)));
}

#[test]
fn a_disabled_device_is_silent_within_two_seconds_and_a_deleted_one_leaves_no_rule() {
    needs_root();
    let mut world = World::create();
    let service = world.serve_and_set_up();
    let device = world.connect(0, &service);
    let addresses = ["ipv4", "ipv6"].map(|family| device[family].as_str().unwrap().to_owned());
    reaches(&world, 0, INTERNET[0]);
    let known = world.rules();
    assert!(addresses.iter().all(|address| known.contains(address)), "{known}");

    service.post(&format!("{}/disable", path(&device)), None);
    let disabled = Instant::now();

    eventually("silence", SOON, || !world.pings(0, INTERNET[0]) && !world.pings(0, INTERNET[1]));
    std::thread::sleep(SOON.saturating_sub(disabled.elapsed()));
    assert!(INTERNET.iter().all(|address| !world.pings(0, address)));

    service.post(&format!("{}/enable", path(&device)), None);
    reaches(&world, 0, INTERNET[0]);

    service.change("DELETE", &path(&device), None);

    eventually("the rules to be gone", SOON, || {
        let rules = world.rules();
        addresses.iter().all(|address| !rules.contains(address))
    });
    assert!(!world.pings(0, INTERNET[0]));
}

#[test]
fn a_restart_changes_nothing_for_a_client_and_usage_goes_on_counting() {
    needs_root();
    let mut world = World::create();
    let service = world.serve_and_set_up();
    let device = world.connect(0, &service);
    reaches(&world, 0, INTERNET[0]);
    eventually("usage", Duration::from_secs(20), || used_bytes(&service, &device) > 0);
    let (rules, interfaces) = (world.rules(), world.interfaces());

    let log = service.stop();

    assert_eq!(world.interfaces(), "", "{log}");
    assert_eq!(world.rules(), "", "{log}");

    let service = world.launch().serve();

    let before = used_bytes(&service, &device);
    assert!(before > 0, "usage outlives a restart");
    reaches(&world, 0, INTERNET[0]);
    reaches(&world, 0, INTERNET[1]);
    assert_eq!((world.rules(), world.interfaces()), (rules, interfaces));
    eventually("usage to grow", Duration::from_secs(20), || used_bytes(&service, &device) > before);
}

#[test]
fn nothing_stale_outlives_a_kill_and_a_restart() {
    needs_root();
    let mut world = World::create();
    let service = world.serve_and_set_up();
    let stays = world.connect(0, &service);
    let goes = world.connect(1, &service);
    let addresses = ["ipv4", "ipv6"].map(|family| goes[family].as_str().unwrap().to_owned());
    for client in [0, 1] {
        reaches(&world, client, INTERNET[0]);
    }
    let interfaces = world.interfaces();

    service.kill();
    // With no server running, the verb does the same itself.
    world.launch().ask(&["device", "delete", goes["id"].as_str().unwrap()]);
    let service = world.launch().serve();

    reaches(&world, 0, INTERNET[0]);
    let rules = world.rules();
    assert!(addresses.iter().all(|address| !rules.contains(address)), "{rules}");
    assert_eq!(rules.matches("table inet").count(), 1, "{rules}");
    assert_eq!(world.interfaces(), interfaces);
    assert!(!world.pings(1, INTERNET[0]));
    assert_eq!(service.get(&path(&stays))["state"], "active");
}
