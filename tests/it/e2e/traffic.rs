//! What a stock client moves, as somebody sees it who has the panel open all the while.

use std::time::Duration;

use serde_json::{Value, json};

use super::talk::Talk;
use super::{needs_browser, pictures, words};
use crate::end_to_end::world::{INTERNET, PASSWORD, World, device_name, owner, reveal};
use crate::namespaces::needs_root;
use crate::service::{Service, eventually};

/// Echo requests, each answered.
const PACKETS: u64 = 500;

/// Of each: 20 bytes of the IPv4 header, 8 of the request's, and the rest.
const PACKET: u64 = 1400;

/// At most, what the tunnel adds to each: it is padded to a multiple of 16, with 16 bytes before and 16 behind (WireGuard,
/// §5.4.6).
const SEAL: u64 = 40;

/// Handshakes, keepalives, and the first pings.
const BESIDE: u64 = 10_000;

/// Bytes in three seconds that are no traffic of anybody's.
const STRAY: u64 = 200;

#[test]
fn e2e_what_a_client_moves_is_shown_by_pages_that_were_open_before() {
    needs_root();
    needs_browser();
    let mut world = World::create();
    let service = world.serve_and_set_up();
    let device =
        service.post("/api/v1/devices", Some(json!({ "name": device_name(0), "user_id": owner(&service) })));
    let pictures = pictures();
    let id = device["id"].as_str().unwrap();
    let given = ["http://localhost:8080", "ada", PASSWORD, pictures.to_str().unwrap(), id];
    let inside = ["ip", "netns", "exec", world.node.name(), "timeout"];
    let mut watcher = Talk::begin(&inside, &words("traffic.mjs", &given));
    watcher.until("watching");

    let revealed = reveal(&service, &device);
    world.wg_quick(0, &revealed, revealed["conf"].as_str().unwrap());
    eventually("the tunnel", Duration::from_secs(20), || world.pings(0, INTERNET[0]));
    let (count, size) = (PACKETS.to_string(), (PACKET - 28).to_string());
    let flood = world.stock(0, &["ping", "-q", "-c", &count, "-i", "0.002", "-s", &size, INTERNET[0]]);
    assert!(flood.status.success(), "{}", String::from_utf8_lossy(&flood.stdout));
    let moved = settled(&service, id);
    watcher.answer(&moved.to_string());
    let found = watcher.end();

    let (up, down) = (moved["rx_bytes"].as_u64().unwrap(), moved["tx_bytes"].as_u64().unwrap());
    for (way, bytes) in [("up", up), ("down", down)] {
        let expected = PACKETS * PACKET..PACKETS * (PACKET + SEAL) + BESIDE;
        assert!(expected.contains(&bytes), "{way}: {bytes} is not in {expected:?}");
        assert!(is_about(&found["now"][way], bytes), "{way} of {bytes}: {found}");
        assert!(is_about(&found["days"][way], bytes), "{way} of {bytes}: {found}");
    }
    assert!(is_about(&found["used"], up + down), "{} in all: {found}", up + down);
    assert!(is_about(&found["row"], up + down), "the row in the list: {found}");
    assert_eq!(found["before"], json!({ "online": 0, "seen": "Never connected", "first_use": "Not yet" }));
    assert_eq!((&found["online"], &found["of"]), (&json!(1), &json!("of 1 device")));
    assert!(found["seen"].as_str().unwrap().starts_with("Online, last handshake"), "{found}");
    assert_ne!(found["first_use"], "Not yet");
    let fastest = found["fastest"].as_f64().unwrap();
    assert!(fastest > 1000.0 && fastest <= down as f64, "{fastest} bytes in a second: {found}");
    assert_eq!(found["loaded"], json!({ "overview": 1, "device": 1, "list": 1 }), "no page was loaded again");
    assert_eq!(found["complaints"], json!([]));
}

/// What the service has counted, once no more comes than now and then a keepalive.
fn settled(service: &Service, id: &str) -> Value {
    let live = format!("/api/v1/devices/{id}/live");
    let mut last = (0, 0);
    eventually("the counters to stand still", Duration::from_secs(30), || {
        let shown = service.get(&live);
        let next = (shown["rx_bytes"].as_u64().unwrap(), shown["tx_bytes"].as_u64().unwrap());
        let is_still = next.0.min(next.1) >= PACKETS * PACKET && next.0 + next.1 <= last.0 + last.1 + STRAY;
        last = next;
        std::thread::sleep(Duration::from_secs(3));
        is_still
    });
    json!({ "rx_bytes": last.0, "tx_bytes": last.1 })
}

/// Whether what is written with three digits is this number.
fn is_about(written: &Value, bytes: u64) -> bool {
    let shown = written.as_f64().unwrap_or(-1.0);
    (shown - bytes as f64).abs() <= bytes as f64 * 0.005
}
