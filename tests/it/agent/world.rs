//! A node between a client and the internet, each in a network namespace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use caspervpn::agent::host::{Mode, NodeHost};
use caspervpn::agent::node::{Agent, OnStop};
use caspervpn::domain::desired::{Desired, Interface, InterfaceSettings, Peer};
use caspervpn::domain::id::{DeviceId, NodeNetworkId};
use caspervpn::domain::key::PrivateKey;
use caspervpn::domain::network::Mtu;
use caspervpn::domain::node::{InterfaceName, Port};
use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use caspervpn::vpn::netns;
use caspervpn::vpn::tunnel::probe::Backend;
use uuid::Uuid;

use crate::agent::controller::Controller;
use crate::namespaces::Namespace;
use crate::wireguard_go::WireguardGo;

pub(super) const INTERNET: &str = "198.51.100.2";
pub(super) const INTERNET_V6: &str = "2001:db8:5::2";

static CLIENTS: AtomicU32 = AtomicU32::new(0);

pub(super) struct World {
    clients: Vec<WireguardGo>,
    pub(super) node: Namespace,
    _internet: Namespace,
    client: Namespace,
}

impl World {
    /// The internet knows no way back to the pools, so without NAT nothing answers.
    pub(super) fn create() -> Self {
        let [node, internet, client] = ["node", "net", "cli"].map(Namespace::create);
        node.shell(&format!(
            "ip link add wire type veth peer name wire netns {}
             ip address add 192.0.2.1/24 dev wire; ip link set wire up
             ip link add up0 type veth peer name eth0 netns {}
             ip address add 198.51.100.1/24 dev up0; ip address add 2001:db8:5::1/64 dev up0 nodad
             ip link set up0 up",
            client.name(),
            internet.name(),
        ));
        internet.shell(&format!(
            "ip link set eth0 up; ip address add {INTERNET}/24 dev eth0
             ip address add {INTERNET_V6}/64 dev eth0 nodad"
        ));
        client.shell("ip link set wire up; ip address add 192.0.2.2/24 dev wire");
        Self { clients: Vec::new(), node, _internet: internet, client }
    }

    /// Runs `scenario` on a runtime whose threads are all in the node's namespace.
    pub(super) fn in_node<F: Future<Output = ()> + Send>(&self, scenario: F) {
        self.node.run(|| {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(scenario);
        });
    }

    /// Starts a stock client for device `host`, whose packets to the internet all go into the tunnel.
    pub(super) fn start_client(&mut self, host: u8) {
        let name = format!("w{}x{}", std::process::id(), CLIENTS.fetch_add(1, Ordering::Relaxed));
        self.clients.push(WireguardGo::start(self.client.name(), &name));
        let config = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "[Interface]\nPrivateKey = {}\n[Peer]\nPublicKey = {}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = 192.0.2.1:51820\n",
            device_key(host).expose_base64().as_str(),
            server_key().public_key(),
        );
        std::fs::write(config.path(), text).unwrap();
        let config = config.path().display();
        self.client.shell(&format!(
            "wg setconf {name} {config}
             ip address add 10.77.0.{host}/32 dev {name}; ip address add fd77::{host}/128 dev {name} nodad
             ip link set {name} mtu 1420 up; ip route add 198.51.100.0/24 dev {name}
             ip route add 10.77.0.0/24 dev {name}; ip -6 route add 2001:db8:5::/64 dev {name}"
        ));
    }

    /// Whether `address` answers one of the client's echo requests within some `seconds`.
    pub(super) fn reaches(&self, address: &str, seconds: u64) -> bool {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let once = format!("ping -c 1 -W 1 {address} >/dev/null && echo yes || true");
        loop {
            if self.client.shell(&once).contains("yes") {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
        }
    }

    /// The firewall of the node as `nft` shows it; empty when there is none.
    pub(super) fn rules(&self) -> String {
        self.node.shell("nft list ruleset")
    }

    pub(super) fn links(&self) -> String {
        self.node.shell("ip -brief address show | grep ^cvpn || true")
    }
}

/// An agent at work in the calling runtime.
pub(super) struct Node {
    pub(super) tasks: Tasks,
    pub(super) controller: Arc<Controller>,
}

impl Node {
    pub(super) fn start(desired: Desired) -> Self {
        let clock = Arc::new(SystemClock::new());
        let tasks = Tasks::current(clock.clone());
        let controller = Controller::new(desired);
        let host = NodeHost::open(Mode::Full(Backend::Userspace), &tasks).unwrap();
        let agent = Arc::new(Agent::new(controller.clone(), host, clock, OnStop::Remove));
        tasks.spawn("agent", move |stop| {
            let agent = Arc::clone(&agent);
            async move { agent.run(stop).await }
        });
        Self { tasks, controller }
    }

    /// Starts, and waits until the first state is wholly in force.
    pub(super) async fn start_and_settle(desired: Desired) -> Self {
        let sequence = desired.sequence;
        let node = Self::start(desired);
        node.controller.report("the first state", |report| report.applied_sequence >= sequence).await;
        node
    }

    pub(super) async fn stop(self) {
        assert!(self.tasks.drain(Duration::from_secs(10)).await.is_clean());
    }
}

pub(super) async fn eventually(what: &str, within: Duration, ready: impl Fn() -> bool) {
    let deadline = Instant::now() + within;
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One network, one interface, and these devices.
pub(super) fn desired(devices: &[u8]) -> Desired {
    let settings = InterfaceSettings {
        node_network: NodeNetworkId::new(Uuid::nil()),
        private_key: server_key(),
        listen_port: Port::WIREGUARD,
        mtu: Mtu::DEFAULT,
        pools: ["10.77.0.0/24", "fd77::/64"].map(|net| net.parse().unwrap()).into(),
        addresses: ["10.77.0.1/24", "fd77::1/64"].map(|net| net.parse().unwrap()).into(),
        isolated: true,
    };
    let peers = devices.iter().map(|host| (device_key(*host).public_key(), peer(*host))).collect();
    Desired { sequence: 1, interfaces: [(interface(), Interface { settings, peers })].into() }
}

pub(super) fn peer(host: u8) -> Peer {
    let addresses = [format!("10.77.0.{host}"), format!("fd77::{host}")];
    Peer {
        device: device(host),
        preshared_key: None,
        addresses: addresses.map(|address| address.parse().unwrap()).into(),
        until: None,
    }
}

pub(super) fn device(host: u8) -> DeviceId {
    DeviceId::new(Uuid::from_u128(host.into()))
}

pub(super) fn device_key(host: u8) -> PrivateKey {
    PrivateKey::new([host; 32])
}

pub(super) fn interface() -> InterfaceName {
    InterfaceName::numbered(0)
}

fn server_key() -> PrivateKey {
    PrivateKey::new([200; 32])
}

/// Moves the calling thread, and the runtimes it makes, into a namespace.
pub(super) fn enter(namespace: &str) {
    netns::enter(namespace).unwrap();
}
