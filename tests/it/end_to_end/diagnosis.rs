//! Why a stock client cannot connect: each cause is told from the others by what the node hears.

use std::time::Duration;

use caspervpn::domain::key::PrivateKey;
use serde_json::{Value, json};

use super::world::{INTERNET, NODE, World, path};
use crate::namespaces::needs_root;
use crate::service::{Launch, Service, eventually};

/// A client begins a handshake every 5 s (WireGuard, §6.1); the node looks every 2 s and tells of what is new at once.
const FOUND: Duration = Duration::from_secs(30);

/// The kernel's WireGuard does not tell what it hears.
fn launch(world: &World) -> Launch {
    world.launch().with("tunnel.backend=userspace")
}

fn check(service: &Service, device: &Value, name: &str) -> Value {
    let answer = service.get(&format!("{}/diagnosis", path(device)));
    let checks = answer["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap().clone()
}

/// Has a client try again and again until the handshake's check of its device finds this.
fn eventually_found(world: &World, client: usize, service: &Service, device: &Value, code: &str) -> Value {
    let mut last = Value::Null;
    eventually(&format!("{code} to be found"), FOUND, || {
        world.pings(client, INTERNET[0]);
        last = check(service, device, "handshake");
        last["code"] == code
    });
    last
}

#[test]
fn nothing_is_in_the_way_of_a_good_client_and_a_silent_name_server_is_named() {
    needs_root();
    let mut world = World::create();
    let service = world.set_up(&launch(&world));
    let device = world.connect(0, &service);

    let handshake = eventually_found(&world, 0, &service, &device, "handshake_recent");

    assert_eq!(handshake["outcome"], "ok");
    assert_eq!(handshake["fix"], Value::Null);
    let endpoint = check(&service, &device, "endpoint");
    assert_eq!((&endpoint["code"], &endpoint["values"]["addresses"]), (&json!("endpoint_own"), &json!(NODE)));
    let dns = check(&service, &device, "dns");
    assert_eq!((&dns["code"], &dns["outcome"]), (&json!("dns_silent"), &json!("warn")), "{dns}");
    assert_eq!(dns["values"]["silent"], INTERNET[1], "the other one answers");
    let network = &service.get("/api/v1/networks")["items"][0]["id"];
    let network = format!("/api/v1/networks/{}", network.as_str().unwrap());
    service.change("PATCH", &network, Some(json!({ "dns": [INTERNET[0]], "keepalive_s": 0 })));
    assert_eq!(check(&service, &device, "dns")["code"], "dns_answers");
    world.node.shell(
        "nft add table inet before; nft add chain inet before input '{ type filter hook input priority -300; }'
         nft add rule inet before input udp sport 53 drop",
    );
    let at_once = at_once(&service, &format!("{}/diagnosis", path(&device)));
    assert_eq!(at_once.each_ref().map(|(status, _)| *status), [200, 429], "one look at a device at a time");
    assert!(at_once[0].1.contains("no answer in 2 s"), "{}", at_once[0].1);
    let nat = check(&service, &device, "nat");
    assert_eq!((&nat["code"], &nat["outcome"]), (&json!("nat_closes_in_silence"), &json!("warn")));
    assert!(nat["values"].get("address").is_none(), "the settings hide it: {nat}");
    service.change("PATCH", "/api/v1/settings", Some(json!({ "show_endpoints": true })));
    let nat = check(&service, &device, "nat");
    assert!(nat["values"]["address"].as_str().unwrap().starts_with("192.0.2.2:"), "{nat}");
}

#[test]
fn a_firewall_before_the_server_is_told_by_its_silence_and_its_end_by_the_handshake() {
    needs_root();
    let mut world = World::create();
    let service = world.set_up(&launch(&world));
    world.node.shell(
        "nft add table inet before; nft add chain inet before input '{ type filter hook input priority -300; }'
         nft add rule inet before input udp dport 51820 drop",
    );
    let device = world.connect(0, &service);

    let dropped = eventually_found(&world, 0, &service, &device, "handshake_nothing_comes");

    assert_eq!(dropped["outcome"], "fail");
    assert!(dropped["fix"].as_str().unwrap().contains("UDP port 51820"), "{dropped}");

    world.node.shell("nft delete table inet before");

    eventually_found(&world, 0, &service, &device, "handshake_recent");
}

#[test]
fn a_client_of_another_server_and_one_of_unknown_keys_are_told_apart() {
    needs_root();
    let mut world = World::create();
    let service = world.set_up(&launch(&world));
    let other = PrivateKey::new([77; 32]);
    let server =
        service.get(&format!("/api/v1/nodes/{}/networks", node(&service)))["items"][0]["public_key"].clone();

    let astray = world.connect_altered(0, &service, |conf, _| {
        let altered = conf.replacen(server.as_str().unwrap(), &other.public_key().to_string(), 1);
        assert_ne!(altered, conf, "the configuration names the server's key");
        altered
    });
    let found = eventually_found(&world, 0, &service, &astray, "handshake_for_another_server");

    assert_eq!(found["outcome"], "fail");
    assert!(found["detail"].as_str().unwrap().contains("Whose it is cannot be told"), "{found}");
    assert_eq!(found["values"]["port"], "51820");

    let unknown =
        world.connect_altered(1, &service, |conf, own| conf.replacen(own, other.expose_base64().as_str(), 1));
    let found = eventually_found(&world, 1, &service, &unknown, "handshake_unanswered");

    assert_eq!(found["outcome"], "fail");
    assert!(found["detail"].as_str().unwrap().contains("A handshake that nobody here answers"), "{found}");
}

/// What two requests at the same time are answered, the lower status first.
fn at_once(service: &Service, path: &str) -> [(u16, String); 2] {
    let ask = || {
        let answer = service.call("GET", path, &[], None);
        (answer.status, answer.body)
    };
    let mut answers = std::thread::scope(|scope| {
        let other = scope.spawn(ask);
        [ask(), other.join().unwrap()]
    });
    answers.sort();
    answers
}

fn node(service: &Service) -> String {
    service.get("/api/v1/nodes")["items"][0]["id"].as_str().unwrap().to_owned()
}
