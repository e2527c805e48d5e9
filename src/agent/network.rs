//! The host's side of interfaces: links, addresses and the firewall; in the kernel, or in memory for the demo.
//!
//! Invariant: touches only links that begin with `cvpn` and the one table of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tracing::debug;

use crate::domain::desired::ObservedFirewall;
use crate::domain::firewall::Firewall;
use crate::domain::network::Mtu;
use crate::domain::node::InterfaceName;
use crate::runtime::tasks::{TaskError, Tasks};
use crate::vpn::firewall::NodeFirewall;
use crate::vpn::host::{self, HostError};
use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::rt::{Link, Rtnetlink};

/// The links of ours and the firewall.
pub(super) enum Network {
    /// This host's own.
    Kernel(KernelNetwork),
    /// Nothing but what was asked for.
    Memory(Mutex<NetworkState>),
}

/// What is there.
#[derive(Debug, Clone, Default)]
pub(super) struct NetworkState {
    /// Links with our prefix.
    pub(super) links: BTreeMap<InterfaceName, LinkState>,
    /// The firewall of ours.
    pub(super) firewall: ObservedFirewall,
}

/// One link.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkState {
    /// The largest packet in bytes.
    pub(super) mtu: Option<Mtu>,
    /// Whether it is set up.
    pub(super) up: bool,
    /// Its addresses but IPv6 link-local ones, which the kernel gives to every link by itself.
    pub(super) addresses: BTreeSet<IpNet>,
    /// Whether it is a tunnel of the kernel's WireGuard.
    pub(super) is_wireguard: bool,
}

/// Why the host's network could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused.
    #[error("{}", advice(.0))]
    Netlink(#[source] NetlinkError),
    /// There is no link of that name.
    #[error("there is no link {0}; it is made again by itself")]
    NoLink(InterfaceName),
    /// A kernel setting.
    #[error("forwarding of packets is off")]
    Setting(#[source] HostError),
    /// The work itself broke off.
    #[error("the work was cut short")]
    Task(#[source] TaskError),
}

/// What a person does about a refusal.
fn advice(refused: &NetlinkError) -> &'static str {
    if refused.is_denied() {
        "the process needs CAP_NET_ADMIN: run as root, use the packaged systemd unit, or start the container with \
         `--cap-add NET_ADMIN`"
    } else if refused.is_unsupported() || refused.is_missing() {
        "the kernel lacks something: `caspervpn doctor` names the module to load"
    } else {
        "the kernel did not do it; it is tried again by itself"
    }
}

impl Network {
    /// Links and firewall as they are now.
    pub(super) async fn observe(&self) -> Result<NetworkState, NetworkError> {
        match self {
            Self::Kernel(kernel) => kernel.call("agent.observe", Sockets::observe).await,
            Self::Memory(state) => Ok(lock(state).clone()),
        }
    }

    /// Remembers an interface that a tunnel has made. The kernel knows by itself.
    pub(super) fn created(&self, name: &InterfaceName, mtu: Mtu) {
        if let Self::Memory(state) = self {
            let link = LinkState { mtu: Some(mtu), ..LinkState::default() };
            lock(state).links.insert(name.clone(), link);
        }
    }

    /// Takes a link away. One that is not there is fine.
    pub(super) async fn remove_link(&self, name: &InterfaceName) -> Result<(), NetworkError> {
        match self {
            Self::Kernel(kernel) => {
                let name = name.clone();
                kernel.call("agent.remove_link", move |sockets| sockets.remove_link(&name)).await
            }
            Self::Memory(state) => {
                lock(state).links.remove(name);
                Ok(())
            }
        }
    }

    /// Sets the largest packet of a link.
    pub(super) async fn set_mtu(&self, name: &InterfaceName, mtu: Mtu) -> Result<(), NetworkError> {
        match self {
            Self::Kernel(kernel) => {
                let act = move |rt: &mut Rtnetlink, link: u32| rt.set_link_mtu(link, u32::from(mtu.bytes()));
                kernel.on_link("agent.set_mtu", name, act).await
            }
            Self::Memory(state) => remembered(state, name, |link| link.mtu = Some(mtu)),
        }
    }

    /// Gives a link addresses.
    pub(super) async fn add_addresses(
        &self,
        name: &InterfaceName,
        addresses: &BTreeSet<IpNet>,
    ) -> Result<(), NetworkError> {
        let addresses = addresses.clone();
        match self {
            Self::Kernel(kernel) => {
                let act = move |rt: &mut Rtnetlink, link: u32| {
                    addresses.iter().try_for_each(|address| rt.add_address(link, *address))
                };
                kernel.on_link("agent.add_addresses", name, act).await
            }
            Self::Memory(state) => remembered(state, name, |link| link.addresses.extend(addresses)),
        }
    }

    /// Takes addresses from a link.
    pub(super) async fn remove_addresses(
        &self,
        name: &InterfaceName,
        addresses: &BTreeSet<IpNet>,
    ) -> Result<(), NetworkError> {
        let addresses = addresses.clone();
        match self {
            Self::Kernel(kernel) => {
                let act = move |rt: &mut Rtnetlink, link: u32| {
                    addresses.iter().try_for_each(|address| gone(rt.delete_address(link, *address)))
                };
                kernel.on_link("agent.remove_addresses", name, act).await
            }
            Self::Memory(state) => {
                remembered(state, name, |link| link.addresses.retain(|there| !addresses.contains(there)))
            }
        }
    }

    /// Brings a link up.
    pub(super) async fn set_up(&self, name: &InterfaceName) -> Result<(), NetworkError> {
        match self {
            Self::Kernel(kernel) => kernel.on_link("agent.set_up", name, set_up).await,
            Self::Memory(state) => remembered(state, name, |link| link.up = true),
        }
    }

    /// Replaces the firewall in one transaction.
    pub(super) async fn set_firewall(&self, firewall: Firewall) -> Result<(), NetworkError> {
        match self {
            Self::Kernel(kernel) => {
                kernel.call("agent.set_firewall", move |sockets| sockets.set_firewall(firewall)).await
            }
            Self::Memory(state) => {
                lock(state).firewall = ObservedFirewall::Intact(firewall);
                Ok(())
            }
        }
    }

    /// Removes the firewall.
    pub(super) async fn remove_firewall(&self) -> Result<(), NetworkError> {
        match self {
            Self::Kernel(kernel) => {
                kernel.call("agent.remove_firewall", |sockets| sockets.firewall.remove()).await
            }
            Self::Memory(state) => {
                lock(state).firewall = ObservedFirewall::Absent;
                Ok(())
            }
        }
    }

    /// Makes the host pass packets on, and gives the settings that were changed.
    pub(super) async fn enable_forwarding(&self) -> Result<Vec<String>, NetworkError> {
        match self {
            Self::Kernel(kernel) => kernel.enable_forwarding().await,
            Self::Memory(_) => Ok(Vec::new()),
        }
    }

    /// Chains of others that drop forwarded packets, as `nft list chain` takes them.
    pub(super) async fn list_foreign_drops(&self) -> Result<Vec<String>, NetworkError> {
        match self {
            Self::Kernel(kernel) => {
                let found = kernel
                    .call("agent.foreign_firewall", |sockets| sockets.firewall.list_foreign_forward_drops())
                    .await?;
                Ok(found.iter().map(ToString::to_string).collect())
            }
            Self::Memory(_) => Ok(Vec::new()),
        }
    }

    /// The host's addresses, without those of our links and those that nobody else reaches.
    pub(super) async fn list_own_addresses(&self) -> Result<BTreeSet<IpAddr>, NetworkError> {
        match self {
            Self::Kernel(kernel) => kernel.call("agent.own_addresses", Sockets::list_own_addresses).await,
            Self::Memory(_) => Ok(BTreeSet::new()),
        }
    }
}

/// The kernel's network, in the namespace in which it was opened.
pub(super) struct KernelNetwork {
    tasks: Tasks,
    sockets: Arc<Mutex<Sockets>>,
}

/// One conversation each. They are used by one at a time, so that no listing meets a change of our own.
struct Sockets {
    rt: Rtnetlink,
    firewall: NodeFirewall,
    /// The firewall as it was last read, and the state of the kernel's rules at that time.
    seen: Option<Seen>,
}

struct Seen {
    generation: u32,
    firewall: ObservedFirewall,
}

impl KernelNetwork {
    /// Opens the sockets in the network namespace of the calling thread.
    pub(super) fn open(tasks: Tasks) -> Result<Self, NetlinkError> {
        let sockets = Sockets { rt: Rtnetlink::open()?, firewall: NodeFirewall::open()?, seen: None };
        Ok(Self { tasks, sockets: Arc::new(Mutex::new(sockets)) })
    }

    /// Runs `work` off the runtime's threads: a firewall of thousands of devices takes tens of milliseconds.
    async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut Sockets) -> Result<T, NetlinkError> + Send + 'static,
    ) -> Result<T, NetworkError> {
        let sockets = Arc::clone(&self.sockets);
        let done = self.tasks.spawn_blocking(name, move || work(&mut lock(&sockets))).await;
        done.map_err(NetworkError::Task)?.map_err(NetworkError::Netlink)
    }

    async fn on_link(
        &self,
        task: &'static str,
        name: &InterfaceName,
        act: impl FnOnce(&mut Rtnetlink, u32) -> Result<(), NetlinkError> + Send + 'static,
    ) -> Result<(), NetworkError> {
        let wanted = name.clone();
        let found = self
            .call(task, move |sockets| match sockets.rt.find_link(wanted.as_str())? {
                Some(link) => act(&mut sockets.rt, link.index).map(Some),
                None => Ok(None),
            })
            .await?;
        found.ok_or_else(|| NetworkError::NoLink(name.clone()))
    }

    async fn enable_forwarding(&self) -> Result<Vec<String>, NetworkError> {
        let done = self.tasks.spawn_blocking("agent.enable_forwarding", host::enable_forwarding).await;
        done.map_err(NetworkError::Task)?.map_err(NetworkError::Setting)
    }
}

/// Brings a link up, with short queues before it where the kernel has them: one device's download does not hold up the
/// packets of the others.
fn set_up(rt: &mut Rtnetlink, index: u32) -> Result<(), NetlinkError> {
    if let Err(cause) = rt.set_fair_queue(index) {
        debug!(link.index = index, error = %cause, "the tunnel's packets wait as the kernel has it: {cause}");
    }
    rt.set_link_up(index)
}

impl Sockets {
    fn observe(&mut self) -> Result<NetworkState, NetlinkError> {
        let mut by_index: BTreeMap<u32, (InterfaceName, LinkState)> =
            self.rt.list_links()?.iter().filter_map(|link| Some((link.index, own(link)?))).collect();
        for address in self.rt.list_addresses()? {
            if let Some((_, link)) = by_index.get_mut(&address.link)
                && !is_link_local(address.network)
            {
                link.addresses.insert(address.network);
            }
        }
        let links = by_index.into_values().collect();
        Ok(NetworkState { links, firewall: self.observe_firewall()? })
    }

    fn list_own_addresses(&mut self) -> Result<BTreeSet<IpAddr>, NetlinkError> {
        let ours = |link: &Link| link.name.starts_with(InterfaceName::PREFIX).then_some(link.index);
        let ours: BTreeSet<u32> = self.rt.list_links()?.iter().filter_map(ours).collect();
        let addresses = self.rt.list_addresses()?.into_iter().filter(|it| !ours.contains(&it.link));
        let reachable = addresses.map(|it| it.network.addr()).filter(|it| {
            let is_link_local = match it {
                IpAddr::V4(address) => address.is_link_local(),
                IpAddr::V6(address) => address.is_unicast_link_local(),
            };
            !it.is_loopback() && !is_link_local
        });
        Ok(reachable.take(MOST_ADDRESSES).collect())
    }

    /// Reads the firewall only when anybody has changed any rule since: ten thousand devices take a while to read.
    fn observe_firewall(&mut self) -> Result<ObservedFirewall, NetlinkError> {
        // Asked before reading, so that a change meanwhile makes this reading out of date.
        let generation = self.firewall.generation()?;
        let seen = match self.seen.take() {
            Some(seen) if seen.generation == generation => seen,
            Some(_) | None => Seen { generation, firewall: self.firewall.observe()? },
        };
        Ok(self.seen.insert(seen).firewall.clone())
    }

    /// Sends only what differs from what was just seen: one device among ten thousand takes no longer than among ten.
    fn set_firewall(&mut self, wanted: Firewall) -> Result<(), NetlinkError> {
        let before = self.seen.take();
        match before.as_ref().map(|seen| &seen.firewall) {
            Some(ObservedFirewall::Intact(loaded)) => self.firewall.update(loaded, &wanted)?,
            Some(ObservedFirewall::Absent | ObservedFirewall::Altered) | None => {
                self.firewall.apply(&wanted)?
            }
        }
        // One step further, the step is ours: what was seen has become what is wanted, and need not be read.
        let expected = before.map(|seen| seen.generation.wrapping_add(1));
        let generation = self.firewall.generation()?;
        self.seen = (expected == Some(generation)).then(|| {
            let firewall = ObservedFirewall::Intact(wanted);
            Seen { generation, firewall }
        });
        Ok(())
    }

    fn remove_link(&mut self, name: &InterfaceName) -> Result<(), NetlinkError> {
        match self.rt.find_link(name.as_str())? {
            Some(link) => gone(self.rt.delete_link(link.index)),
            None => Ok(()),
        }
    }
}

fn own(link: &Link) -> Option<(InterfaceName, LinkState)> {
    let name: InterfaceName = link.name.parse().ok()?;
    let state = LinkState {
        mtu: u16::try_from(link.mtu).ok().and_then(|mtu| Mtu::try_from(mtu).ok()),
        up: link.up,
        addresses: BTreeSet::new(),
        is_wireguard: link.kind.as_deref() == Some("wireguard"),
    };
    name.as_str().starts_with(InterfaceName::PREFIX).then_some((name, state))
}

/// A host of many containers has addresses that nobody wants to see.
const MOST_ADDRESSES: usize = 64;

/// What is already gone needs no taking away.
fn gone(done: Result<(), NetlinkError>) -> Result<(), NetlinkError> {
    match done {
        Err(refused) if refused.is_missing() => Ok(()),
        other => other,
    }
}

fn is_link_local(address: IpNet) -> bool {
    match address {
        IpNet::V4(_) => false,
        IpNet::V6(v6) => v6.addr().is_unicast_link_local(),
    }
}

fn remembered(
    state: &Mutex<NetworkState>,
    name: &InterfaceName,
    act: impl FnOnce(&mut LinkState),
) -> Result<(), NetworkError> {
    let mut state = lock(state);
    let link = state.links.get_mut(name).ok_or_else(|| NetworkError::NoLink(name.clone()))?;
    act(link);
    Ok(())
}

/// A panic while the lock is held leaves sockets and state usable: what was half done is seen and healed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
