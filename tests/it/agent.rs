//! The node's loop in network namespaces: a stock client reaches the internet through it, and whatever happens to
//! the host, the state that the controller wants comes back.

mod controller;
mod world;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use caspervpn::domain::desired::Peer;
use caspervpn::domain::time::Timestamp;
use caspervpn::runtime::clock::{Clock, SystemClock};

use crate::namespaces::needs_root;
use world::{
    INTERNET, INTERNET_V6, Node, World, desired, device, device_key, enter, eventually, interface, peer,
};

/// The longest that a disabled device may go on.
const CUT_OFF: Duration = Duration::from_secs(2);

/// One round of healing, and some for a busy machine.
const HEALED: Duration = Duration::from_secs(8);

#[test]
fn a_stock_client_reaches_the_internet_through_nat_and_its_bytes_are_reported() {
    needs_root();
    let mut world = World::create();
    world.start_client(2);
    world.in_node(async {
        let node = Node::start_and_settle(desired(&[2])).await;

        let reached = world.reaches(INTERNET, 10) && world.reaches(INTERNET_V6, 10);
        let report = node.controller.report("the device", |report| !report.devices.is_empty()).await;

        assert!(reached);
        let [told] = report.devices.as_slice() else { panic!("one device") };
        assert_eq!(told.device, device(2));
        assert!(told.reading.traffic.rx_bytes > 0 && told.reading.traffic.tx_bytes > 0);
        assert!(told.last_handshake.is_some());
        assert_eq!(report.health.backend, "userspace");
        assert_eq!(report.health.problems, [""; 0]);
        node.stop().await;
    });
}

#[test]
fn what_others_take_away_comes_back() {
    needs_root();
    let mut world = World::create();
    world.start_client(2);
    world.in_node(async {
        let node = Node::start_and_settle(desired(&[2])).await;
        let (rules, links) = (world.rules(), world.links());
        assert!(world.reaches(INTERNET, 10));

        for harm in [
            "nft delete table inet caspervpn",
            "nft flush set inet caspervpn cvpn_devices4; ip link set cvpn0 mtu 1300
             ip address delete 10.77.0.1/24 dev cvpn0; ip address add 10.99.0.1/24 dev cvpn0",
            "ip link set cvpn0 down",
            "ip link delete cvpn0",
        ] {
            world.node.shell(harm);
            let is_whole = || world.rules() == rules && sorted(&world.links()) == sorted(&links);
            let mtu = || world.node.shell("cat /sys/class/net/cvpn0/mtu || ip link show cvpn0");
            eventually(harm, HEALED, || is_whole() && mtu().contains("1420")).await;
        }

        assert!(world.reaches(INTERNET, 20), "the interface that was made anew carries traffic");
        node.stop().await;
    });
}

#[test]
fn a_disabled_device_is_cut_off_at_once_and_may_come_back() {
    needs_root();
    let mut world = World::create();
    world.start_client(2);
    world.in_node(async {
        let node = Node::start_and_settle(desired(&[2, 3])).await;
        assert!(world.reaches(INTERNET, 10));

        node.controller.publish(|delta| delta.removed.extend([device(2)]));
        let began = Instant::now();
        eventually("the device's rule to go", CUT_OFF, || !world.rules().contains("10.77.0.2")).await;
        assert!(began.elapsed() < CUT_OFF);
        let is_cut_off = !world.reaches(INTERNET, 0) && !world.reaches("10.77.0.1", 0);
        let told =
            node.controller.report("its last bytes", |it| it.devices.iter().any(|d| d.device == device(2)));
        let told = told.await;
        node.controller.publish(|delta| {
            delta.set.entry(interface()).or_default().insert(device_key(2).public_key(), peer(2));
        });

        assert!(is_cut_off);
        assert!(world.reaches(INTERNET, 20));
        let later = node.controller.report("its new life", |report| {
            let epoch = told.devices[0].reading.epoch;
            report.devices.iter().any(|it| it.device == device(2) && it.reading.epoch > epoch)
        });
        later.await;
        node.stop().await;
    });
}

#[test]
fn a_device_whose_time_is_over_is_cut_off_without_the_controller() {
    needs_root();
    let mut world = World::create();
    world.start_client(2);
    world.in_node(async {
        let node = Node::start_and_settle(desired(&[2])).await;
        assert!(world.reaches(INTERNET, 10));

        let until = SystemClock::new().now() + Duration::from_millis(1_500);
        node.controller.publish(|delta| {
            let leaving = Peer { until: Some(until), ..peer(2) };
            delta.set.entry(interface()).or_default().insert(device_key(2).public_key(), leaving);
        });
        let stays = world.reaches(INTERNET, 0);
        sleep_until(until).await;
        eventually("its rule to go", Duration::from_millis(500), || !world.rules().contains("10.77.0.2"))
            .await;

        assert!(stays && !world.reaches(INTERNET, 0) && !world.reaches("10.77.0.1", 0));
        node.stop().await;
    });
}

#[test]
fn a_removed_network_and_a_stop_leave_nothing() {
    needs_root();
    let world = World::create();
    world.in_node(async {
        let node = Node::start_and_settle(desired(&[2])).await;
        assert!(world.rules().contains("caspervpn") && world.links().contains("cvpn0"));

        node.controller.replace(|desired| desired.interfaces.clear());
        eventually("the interface to go", HEALED, || world.links().is_empty()).await;
        world.node.shell("nft add chain inet caspervpn extra");
        eventually("what others added to go", HEALED, || !world.rules().contains("extra")).await;
        node.controller.replace(|now| now.interfaces = desired(&[2]).interfaces);
        eventually("the interface to come back", HEALED, || world.links().contains("cvpn0")).await;
        node.stop().await;

        assert_eq!((world.links().as_str(), world.rules().as_str()), ("", ""));
    });
}

#[test]
fn a_killed_node_leaves_nothing_stale_behind_once_it_runs_again() {
    needs_root();
    let mut world = World::create();
    world.start_client(3);
    let mut killed = node_process(&world);
    world.in_node(async {
        eventually("the first process", Duration::from_secs(20), || world.rules().contains("10.77.0.2"))
            .await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        eventually("the TUN to end with its process", HEALED, || world.links().is_empty()).await;
        assert!(world.rules().contains("10.77.0.2"), "the firewall outlives its process");

        let node = Node::start_and_settle(desired(&[3])).await;
        let rules = world.rules();
        let reached = world.reaches(INTERNET, 20);
        node.stop().await;

        assert!(reached);
        assert!(!rules.contains("10.77.0.2") && rules.contains("10.77.0.3"), "{rules}");
        assert_eq!((world.links().as_str(), world.rules().as_str()), ("", ""));
    });
}

#[test]
fn another_firewall_that_drops_and_a_busy_port_are_told_with_the_way_out() {
    needs_root();
    let world = World::create();
    world.node.shell("nft add table ip filter; nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'");
    world.in_node(async {
        let busy = std::net::UdpSocket::bind("0.0.0.0:51820").unwrap();
        let node = Node::start(desired(&[2]));

        let told = |word: &'static str| {
            node.controller.report(word, move |it| it.health.problems.iter().any(|said| said.contains(word)))
        };
        told("ip filter FORWARD").await;
        told("51820").await;
        drop(busy);
        world.node.shell("nft delete table ip filter");

        node.controller
            .report("health", |it| it.health.problems.is_empty() && it.applied_sequence == 1)
            .await;
        node.stop().await;
    });
}

#[test]
fn a_refused_report_is_told_again_as_a_whole() {
    needs_root();
    let mut world = World::create();
    world.start_client(2);
    world.in_node(async {
        let node = Node::start_and_settle(desired(&[2])).await;
        *node.controller.refusals.lock().unwrap() = 2;

        assert!(world.reaches(INTERNET, 10));
        let report = node.controller.report("the device", |report| !report.devices.is_empty()).await;

        assert_eq!(*node.controller.refusals.lock().unwrap(), 0);
        assert!(report.devices[0].last_handshake.is_some());
        node.stop().await;
    });
}

#[test]
#[ignore = "not a test: the process that another test kills"]
fn node_process_body() {
    let Ok(namespace) = std::env::var("CASPERVPN_TEST_NAMESPACE") else { return };
    enter(&namespace);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let _node = Node::start(desired(&[2]));
        std::future::pending::<()>().await;
    });
}

fn node_process(world: &World) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "agent::node_process_body", "--ignored"])
        .env("CASPERVPN_TEST_NAMESPACE", world.node.name())
        .spawn()
        .unwrap()
}

async fn sleep_until(at: Timestamp) {
    tokio::time::sleep(at.since(SystemClock::new().now())).await;
}

/// The words of a listing whose order does not matter.
fn sorted(listing: &str) -> Vec<&str> {
    let mut words: Vec<&str> = listing.split_whitespace().collect();
    words.retain(|word| !word.starts_with("fe80"));
    words.sort_unstable();
    words
}
