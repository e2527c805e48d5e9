//! The one place that touches the machine: performs changes, and tells what is there.
//!
//! Invariant: decides nothing. What has to change is computed elsewhere from what is observed here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::warn;

use crate::agent::change::ChangeKey;
use crate::agent::network::{KernelNetwork, LinkState, Network, NetworkError, NetworkState};
use crate::domain::desired::{Change, Observed, ObservedInterface};
use crate::domain::handshake::Handshakes;
use crate::domain::node::{InterfaceName, Port};
use crate::domain::time::Timestamp;
use crate::runtime::tasks::Tasks;
use crate::telemetry::chain::chain;
use crate::vpn::netlink::NetlinkError;
use crate::vpn::tunnel::kernel::KernelTunnel;
use crate::vpn::tunnel::memory::MemoryTransport;
use crate::vpn::tunnel::probe::{Backend, Choice, probe};
use crate::vpn::tunnel::tun::TunTransport;
use crate::vpn::tunnel::userspace::UserspaceTunnel;
use crate::vpn::tunnel::{InterfaceChange, PeerStatistics, Tunnel, TunnelError};

/// How much of the machine the node may touch.
#[derive(Debug, Clone)]
pub enum Mode {
    /// Tunnels, links, addresses and firewall.
    Full(Backend),
    /// Tunnels that end in memory and no host network: for a demonstration without root.
    Detached(MemoryTransport),
    /// Nothing, for this reason, which says what to do about it.
    Off(String),
}

/// A machine that can be brought to a desired state.
pub struct NodeHost {
    mode: Mode,
    tasks: Tasks,
    network: Network,
    tunnels: Mutex<Tunnels>,
}

type Tunnels = BTreeMap<InterfaceName, Arc<dyn Tunnel>>;

/// A change that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not {key}")]
pub struct ChangeError {
    key: ChangeKey,
    #[source]
    cause: PerformError,
}

#[derive(Debug, thiserror::Error)]
enum PerformError {
    #[error(transparent)]
    Tunnel(TunnelError),
    #[error(transparent)]
    Network(NetworkError),
    #[error("the node has no tunnel of that name; it is made again by itself")]
    NoTunnel,
}

/// What is there could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The host's links, addresses or firewall.
    #[error("could not read the host's links, addresses and firewall")]
    Network(#[source] NetworkError),
    /// A tunnel.
    #[error("could not read the tunnel {interface}")]
    Tunnel {
        /// Which one.
        interface: InterfaceName,
        /// What it said.
        #[source]
        cause: TunnelError,
    },
}

impl Mode {
    /// What is possible here for this choice of tunnel: everything, or nothing and why. Blocks for a few milliseconds,
    /// and looks at the network namespace of the calling thread.
    pub fn detect(choice: Choice) -> Self {
        match probe(choice) {
            Ok(backend) => Self::Full(backend),
            Err(cause) => Self::Off(format!("there is no tunnel: {}", chain(&cause))),
        }
    }
}

impl NodeHost {
    /// Opens the machine, in the network namespace of the calling thread.
    pub fn open(mode: Mode, tasks: &Tasks) -> Result<Self, NetlinkError> {
        let network = match &mode {
            Mode::Full(_) => Network::Kernel(KernelNetwork::open(tasks.clone())?),
            Mode::Detached(_) | Mode::Off(_) => Network::Memory(std::sync::Mutex::default()),
        };
        Ok(Self { mode, tasks: tasks.clone(), network, tunnels: Mutex::default() })
    }

    /// What carries the tunnels, in one word.
    pub const fn backend(&self) -> &'static str {
        match &self.mode {
            Mode::Full(backend) => backend.as_str(),
            Mode::Detached(_) => "memory",
            Mode::Off(_) => "off",
        }
    }

    /// Why nothing is done at all.
    pub fn off_reason(&self) -> Option<&str> {
        match &self.mode {
            Mode::Off(reason) => Some(reason),
            Mode::Full(_) | Mode::Detached(_) => None,
        }
    }

    /// The tunnels of ours and the firewall as they are now.
    pub async fn observe(&self) -> Result<Observed, ObserveError> {
        let state = self.network.observe().await.map_err(ObserveError::Network)?;
        let tunnels = self.tunnels.lock().await;
        self.sweep(&state, &tunnels).await.map_err(ObserveError::Network)?;
        let mut interfaces = BTreeMap::new();
        for (name, tunnel) in tunnels.iter() {
            let found = tunnel.observe().await;
            let found = found.map_err(|cause| ObserveError::Tunnel { interface: name.clone(), cause })?;
            // Without a link there is nothing to route to, whatever the tunnel believes.
            if let Some((found, link)) = found.zip(state.links.get(name)) {
                interfaces.insert(name.clone(), joined(found, link));
            }
        }
        Ok(Observed { interfaces, firewall: state.firewall })
    }

    /// Takes away kernel tunnels that an earlier process left behind; they cannot be taken over, because nobody knows
    /// any more how much of their counters has been reported. A TUN device cannot be left behind, as it ends with its
    /// process: one that is there and not ours belongs to somebody alive, and is let be.
    async fn sweep(&self, state: &NetworkState, tunnels: &Tunnels) -> Result<(), NetworkError> {
        for (name, link) in &state.links {
            if link.is_wireguard && !tunnels.contains_key(name) {
                warn!(interface.name = %name, "removed interface {name}, which an earlier process left behind");
                self.network.remove_link(name).await?;
            }
        }
        Ok(())
    }

    /// Makes one change.
    pub async fn perform(&self, change: &Change, now: Timestamp) -> Result<(), ChangeError> {
        let performed = match change {
            Change::RemoveInterface(name) => self.remove_interface(name).await,
            Change::CreateInterface(name, mtu) => {
                let created = self.create_interface(name, InterfaceChange::Create(*mtu), now).await;
                created.inspect(|()| self.network.created(name, *mtu))
            }
            Change::SetWireguard(name, settings) => {
                self.tunnel(name, InterfaceChange::SetWireguard(settings.clone()), now).await
            }
            Change::RemovePeers(name, keys) => {
                self.tunnel(name, InterfaceChange::RemovePeers(keys.clone()), now).await
            }
            Change::SetPeers(name, peers) => {
                self.tunnel(name, InterfaceChange::SetPeers(peers.clone()), now).await
            }
            Change::SetMtu(name, mtu) => network(self.network.set_mtu(name, *mtu).await),
            Change::AddAddresses(name, some) => network(self.network.add_addresses(name, some).await),
            Change::RemoveAddresses(name, some) => network(self.network.remove_addresses(name, some).await),
            Change::SetUp(name) => self.set_up(name).await,
            Change::SetFirewall(firewall) => network(self.network.set_firewall(firewall.clone()).await),
        };
        performed.map_err(|cause| ChangeError { key: ChangeKey::of(change), cause })
    }

    async fn create_interface(
        &self,
        name: &InterfaceName,
        create: InterfaceChange,
        now: Timestamp,
    ) -> Result<(), PerformError> {
        let mut tunnels = self.tunnels.lock().await;
        let tunnel = match tunnels.get(name) {
            Some(tunnel) => Arc::clone(tunnel),
            None => {
                let tunnel = self.new_tunnel(name)?;
                tunnels.insert(name.clone(), Arc::clone(&tunnel));
                tunnel
            }
        };
        tunnel.apply(&[create], now).await.map_err(PerformError::Tunnel)
    }

    fn new_tunnel(&self, name: &InterfaceName) -> Result<Arc<dyn Tunnel>, PerformError> {
        let name = name.clone();
        Ok(match &self.mode {
            Mode::Full(Backend::Kernel) => {
                let tunnel = KernelTunnel::open(name, self.tasks.clone()).map_err(PerformError::Tunnel)?;
                Arc::new(tunnel)
            }
            Mode::Full(Backend::Userspace) => Arc::new(UserspaceTunnel::new(name, TunTransport)),
            Mode::Detached(memory) => Arc::new(UserspaceTunnel::new(name, memory.clone())),
            Mode::Off(_) => return Err(PerformError::NoTunnel),
        })
    }

    async fn remove_interface(&self, name: &InterfaceName) -> Result<(), PerformError> {
        if let Some(tunnel) = self.tunnels.lock().await.remove(name) {
            tunnel.close().await;
        }
        network(self.network.remove_link(name).await)
    }

    async fn tunnel(
        &self,
        name: &InterfaceName,
        change: InterfaceChange,
        now: Timestamp,
    ) -> Result<(), PerformError> {
        let tunnels = self.tunnels.lock().await;
        let tunnel = tunnels.get(name).ok_or(PerformError::NoTunnel)?;
        tunnel.apply(&[change], now).await.map_err(PerformError::Tunnel)
    }

    /// A tunnel of the kernel takes its port when it comes up, so that a port which somebody has shows here.
    async fn set_up(&self, name: &InterfaceName) -> Result<(), PerformError> {
        let done = self.network.set_up(name).await;
        if let Err(NetworkError::Netlink(refused)) = &done
            && refused.is_port_busy()
            && let Some(port) = self.listen_port(name).await
        {
            let cause = std::io::ErrorKind::AddrInUse.into();
            return Err(PerformError::Tunnel(TunnelError::PortBusy { port, cause }));
        }
        network(done)
    }

    async fn listen_port(&self, name: &InterfaceName) -> Option<Port> {
        let tunnel = self.tunnels.lock().await.get(name).cloned()?;
        tunnel.observe().await.ok()??.listen_port
    }

    /// Counters of every peer, by interface. A tunnel that cannot be read is left out: the counters are cumulative,
    /// and the next reading has them all.
    pub async fn statistics(&self, now: Timestamp) -> Vec<(InterfaceName, Vec<PeerStatistics>)> {
        let mut all = Vec::new();
        for (name, tunnel) in self.tunnels.lock().await.iter() {
            match tunnel.statistics(now).await {
                Ok(peers) => all.push((name.clone(), peers)),
                Err(cause) => {
                    let error = chain(&cause);
                    warn!(interface.name = %name, error = %error, "counters of {name} could not be read: {error}");
                }
            }
        }
        all
    }

    /// What each interface hears of handshakes, where its carrier tells.
    pub async fn handshakes(&self, now: Timestamp) -> BTreeMap<InterfaceName, Handshakes> {
        let mut all = BTreeMap::new();
        for (name, tunnel) in self.tunnels.lock().await.iter() {
            all.extend(tunnel.handshakes(now).await.map(|heard| (name.clone(), heard)));
        }
        all
    }

    /// What else on this host keeps packets from passing, each with what to do. Forwarding that is off is turned on
    /// where that is allowed.
    pub async fn examine(&self) -> Examined {
        let mut found = Examined::default();
        match self.network.enable_forwarding().await {
            Ok(changed) => {
                for setting in changed {
                    warn!(setting, "turned forwarding on: {setting}");
                }
            }
            Err(cause) => found.forwarding.push(chain(&cause).to_string()),
        }
        match self.network.list_foreign_drops().await {
            Ok(chains) => found.firewall.extend(chains.iter().map(|chain| foreign_drop(chain))),
            Err(cause) => found
                .firewall
                .push(format!("could not look for firewalls that drop forwarded packets: {}", chain(&cause))),
        }
        match self.network.list_own_addresses().await {
            Ok(addresses) => found.addresses = addresses,
            Err(cause) => {
                warn!(error = %chain(&cause), "the host's addresses could not be read: {}", chain(&cause))
            }
        }
        found
    }

    /// Takes everything down: tunnels, links and firewall.
    pub async fn close(&self) {
        let tunnels = std::mem::take(&mut *self.tunnels.lock().await);
        for tunnel in tunnels.values() {
            tunnel.close().await;
        }
        if let Err(cause) = self.close_network().await {
            let error = chain(&cause);
            warn!(error = %error, "the host's network could not be cleared: {error}");
        }
    }

    /// Leaves what can outlive this process: tunnels in the kernel carry on until the next process makes them anew.
    /// A tunnel in this process cannot, so it goes with its rules.
    pub async fn leave(&self) {
        match &self.mode {
            Mode::Full(Backend::Kernel) => {}
            Mode::Full(Backend::Userspace) | Mode::Detached(_) | Mode::Off(_) => self.close().await,
        }
    }

    async fn close_network(&self) -> Result<(), NetworkError> {
        let state = self.network.observe().await?;
        for (name, _) in state.links.iter().filter(|(_, link)| link.is_wireguard) {
            self.network.remove_link(name).await?;
        }
        self.network.remove_firewall().await
    }
}

/// What else on the host is in the way of packets, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// Why nothing is forwarded.
    pub forwarding: Vec<String>,
    /// Firewalls of other programs that drop what is forwarded.
    pub firewall: Vec<String>,
    /// The host's own addresses that others could reach; nothing in the way.
    pub addresses: BTreeSet<IpAddr>,
}

fn joined(found: ObservedInterface, link: &LinkState) -> ObservedInterface {
    ObservedInterface { up: link.up, addresses: link.addresses.clone(), mtu: link.mtu, ..found }
}

fn network(done: Result<(), NetworkError>) -> Result<(), PerformError> {
    done.map_err(PerformError::Network)
}

/// What to tell of a chain of another program that drops forwarded packets.
pub fn foreign_drop(place: &str) -> String {
    format!(
        "a firewall of another program drops forwarded packets, so clients connect but have no traffic: chain \
         \"{place}\" (see `nft list chain {place}`). Let packets of the interfaces cvpn* pass there: with ufw `ufw \
         route allow in on cvpn0` and `ufw route allow out on cvpn0`, with Docker `iptables -I DOCKER-USER -i cvpn+ \
         -j ACCEPT` and `iptables -I DOCKER-USER -o cvpn+ -j ACCEPT`, with firewalld `firewall-cmd --permanent \
         --zone=trusted --add-interface=cvpn0`"
    )
}
