//! WireGuard in the kernel, spoken to over netlink.
//!
//! Invariant: touches only the link of its own name, and never falls back to anything else.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::domain::desired::{ObservedInterface, ObservedPeer};
use crate::domain::key::PublicKey;
use crate::domain::network::Mtu;
use crate::domain::node::{InterfaceName, Port};
use crate::domain::time::Timestamp;
use crate::domain::usage::Traffic;
use crate::runtime::tasks::Tasks;
use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::rt::{LinkKind, Rtnetlink};
use crate::vpn::netlink::wireguard::{self, PeerSettings, PeerUpdate, TunnelUpdate, Wireguard};
use crate::vpn::tunnel::lives::Lives;
use crate::vpn::tunnel::{InterfaceChange, PeerStatistics, Tunnel, TunnelError};

/// A WireGuard interface of the kernel.
pub struct KernelTunnel {
    interface: InterfaceName,
    tasks: Tasks,
    kernel: Arc<Mutex<Kernel>>,
}

/// The sockets, and the life of each peer's counters.
struct Kernel {
    interface: InterfaceName,
    links: Rtnetlink,
    /// Opened with the first link: making one is what loads the kernel's module.
    wireguard: Option<Wireguard>,
    lives: Lives,
}

impl KernelTunnel {
    /// A tunnel for the interface of that name, which `apply` creates, in the network namespace of the calling
    /// thread.
    pub fn open(interface: InterfaceName, tasks: Tasks) -> Result<Self, TunnelError> {
        let links =
            Rtnetlink::open().map_err(|cause| TunnelError::Kernel { interface: interface.clone(), cause })?;
        let kernel = Kernel { interface: interface.clone(), links, wireguard: None, lives: Lives::default() };
        Ok(Self { interface, tasks, kernel: Arc::new(Mutex::new(kernel)) })
    }

    /// Runs `work` off the runtime's threads: thousands of peers take tens of milliseconds.
    fn call<'a, T: Send + 'static>(
        &'a self,
        work: impl FnOnce(&mut Kernel) -> Result<T, NetlinkError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, TunnelError>> {
        let kernel = Arc::clone(&self.kernel);
        let task = self.tasks.spawn_blocking("vpn.kernel_tunnel", move || {
            work(&mut kernel.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Box::pin(async move {
            let done =
                task.await.map_err(|cause| TunnelError::Task { interface: self.interface.clone(), cause })?;
            done.map_err(|cause| refusal(&self.interface, cause))
        })
    }
}

impl Tunnel for KernelTunnel {
    fn interface(&self) -> &InterfaceName {
        &self.interface
    }

    fn has_link(&self) -> bool {
        true
    }

    fn observe(&self) -> BoxFuture<'_, Result<Option<ObservedInterface>, TunnelError>> {
        self.call(Kernel::observe)
    }

    fn apply<'a>(
        &'a self,
        changes: &'a [InterfaceChange],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), TunnelError>> {
        let (changes, port) = (changes.to_vec(), new_port(changes));
        let applied =
            self.call(move |kernel| changes.iter().try_for_each(|change| kernel.perform(change, now)));
        Box::pin(async move { applied.await.map_err(|refused| naming_port(refused, port)) })
    }

    fn statistics(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<PeerStatistics>, TunnelError>> {
        self.call(move |kernel| kernel.statistics(now))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let closing = self.call(Kernel::remove);
        Box::pin(async move {
            if let Err(cause) = closing.await {
                tracing::warn!(
                    interface.name = %self.interface, error = %cause,
                    "interface {} could not be taken down", self.interface
                );
            }
        })
    }
}

impl Kernel {
    fn observe(&mut self) -> Result<Option<ObservedInterface>, NetlinkError> {
        let Some(link) = self.links.find_link(self.interface.as_str())? else { return Ok(None) };
        let found = match self.read() {
            Ok(found) => found,
            // The name belongs to a link of another kind.
            Err(refused) if refused.is_missing() || refused.is_unsupported() => return Ok(None),
            Err(other) => return Err(other),
        };
        let mtu = u16::try_from(link.mtu).ok().and_then(|mtu| Mtu::try_from(mtu).ok());
        Ok(Some(ObservedInterface { mtu, ..observed(found) }))
    }

    /// Reads all there is. A peer that somebody else took out has no life any more: it is back with zeroed counters.
    fn read(&mut self) -> Result<wireguard::Tunnel, NetlinkError> {
        let interface = self.interface.clone();
        let found = self.wireguard()?.tunnel(interface.as_str())?;
        let there: BTreeSet<PublicKey> = found.peers.iter().map(|peer| peer.public_key).collect();
        self.lives.keep(&there);
        Ok(found)
    }

    fn wireguard(&mut self) -> Result<&mut Wireguard, NetlinkError> {
        let opened = match self.wireguard.take() {
            Some(open) => open,
            None => Wireguard::open()?,
        };
        Ok(self.wireguard.insert(opened))
    }

    fn perform(&mut self, change: &InterfaceChange, now: Timestamp) -> Result<(), NetlinkError> {
        if let InterfaceChange::Create(mtu) = change {
            return self.create(*mtu);
        }
        let interface = self.interface.clone();
        self.wireguard()?.update(interface.as_str(), &update(change))?;
        match change {
            InterfaceChange::RemovePeers(keys) => self.lives.end(keys),
            InterfaceChange::SetPeers(peers) => self.lives.begin(peers.keys(), now),
            InterfaceChange::Create(_) | InterfaceChange::SetWireguard(_) => {}
        }
        Ok(())
    }

    fn create(&mut self, mtu: Mtu) -> Result<(), NetlinkError> {
        self.remove()?;
        self.links.create_link(self.interface.as_str(), LinkKind::WireGuard)?;
        match self.links.find_link(self.interface.as_str())? {
            Some(link) => self.links.set_link_mtu(link.index, u32::from(mtu.bytes())),
            // Taken away by somebody in this moment: the next look shows it absent.
            None => Ok(()),
        }
    }

    /// Removes the link where it is WireGuard; a link of another kind is somebody else's.
    fn remove(&mut self) -> Result<(), NetlinkError> {
        self.lives.clear();
        match self.links.find_link(self.interface.as_str())? {
            Some(link) if link.kind.as_deref() == Some("wireguard") => self.links.delete_link(link.index),
            Some(_) | None => Ok(()),
        }
    }

    fn statistics(&mut self, now: Timestamp) -> Result<Vec<PeerStatistics>, NetlinkError> {
        match self.read() {
            Ok(found) => {
                let lives = &mut self.lives;
                Ok(found.peers.iter().filter_map(|peer| statistics(peer, lives, now)).collect())
            }
            // There is no link of that name, or one of another kind: neither has counters, and the pass tells of both.
            Err(refused) if refused.is_missing() || refused.is_unsupported() => Ok(Vec::new()),
            Err(other) => Err(other),
        }
    }
}

/// What the kernel is told for a change other than making the link.
fn update(change: &InterfaceChange) -> TunnelUpdate {
    match change {
        InterfaceChange::Create(_) => TunnelUpdate::default(),
        InterfaceChange::SetWireguard(settings) => TunnelUpdate {
            private_key: Some(settings.private_key.clone()),
            listen_port: Some(settings.listen_port.number()),
            ..TunnelUpdate::default()
        },
        InterfaceChange::RemovePeers(keys) => TunnelUpdate {
            peers: keys.iter().copied().map(PeerUpdate::Remove).collect(),
            ..TunnelUpdate::default()
        },
        InterfaceChange::SetPeers(peers) => {
            let set = |(key, peer): (&PublicKey, &ObservedPeer)| {
                PeerUpdate::Set(PeerSettings {
                    public_key: *key,
                    preshared_key: peer.preshared_key.clone(),
                    endpoint: None,
                    keepalive_s: None,
                    allowed_ips: peer.allowed_ips.iter().copied().collect(),
                })
            };
            TunnelUpdate { peers: peers.iter().map(set).collect(), ..TunnelUpdate::default() }
        }
    }
}

fn observed(found: wireguard::Tunnel) -> ObservedInterface {
    let peer = |peer: wireguard::Peer| {
        // The kernel says "no secret" with zeros.
        let preshared_key = peer.preshared_key.filter(|key| *key.expose() != [0; 32]);
        (peer.public_key, ObservedPeer { preshared_key, allowed_ips: peer.allowed_ips.into_iter().collect() })
    };
    ObservedInterface {
        public_key: found.public_key,
        listen_port: Port::try_from(found.listen_port).ok(),
        peers: found.peers.into_iter().map(peer).collect(),
        ..ObservedInterface::default()
    }
}

/// The counters of a peer that this process has added. Whoever added another knows when its counters began.
fn statistics(peer: &wireguard::Peer, lives: &mut Lives, now: Timestamp) -> Option<PeerStatistics> {
    let traffic = Traffic { rx_bytes: peer.rx_bytes, tx_bytes: peer.tx_bytes };
    let reading = lives.read(&peer.public_key, traffic, now)?;
    let since = |span: std::time::Duration| i64::try_from(span.as_millis()).map(Timestamp::from_millis).ok();
    Some(PeerStatistics {
        public_key: peer.public_key,
        reading,
        last_handshake: peer.last_handshake.and_then(since),
        endpoint: peer.endpoint,
    })
}

/// The port that the changes would listen on.
fn new_port(changes: &[InterfaceChange]) -> Option<Port> {
    changes.iter().find_map(|change| match change {
        InterfaceChange::SetWireguard(settings) => Some(settings.listen_port),
        InterfaceChange::Create(_) | InterfaceChange::RemovePeers(_) | InterfaceChange::SetPeers(_) => None,
    })
}

/// A refusal that names the port, where somebody else has it: the kernel tells only that.
fn naming_port(refused: TunnelError, port: Option<Port>) -> TunnelError {
    match (refused, port) {
        (TunnelError::Kernel { cause, .. }, Some(port)) if cause.is_port_busy() => {
            TunnelError::PortBusy { port, cause: io::ErrorKind::AddrInUse.into() }
        }
        (other, _) => other,
    }
}

/// Why the kernel would not, and what to do.
pub(super) fn refusal(interface: &InterfaceName, cause: NetlinkError) -> TunnelError {
    let interface = interface.clone();
    match cause.errno() {
        Some(libc::EOPNOTSUPP | libc::ENOENT) => TunnelError::KernelMissing { cause },
        Some(libc::EPERM | libc::EACCES) => TunnelError::KernelForbidden { interface, cause },
        Some(libc::EEXIST) => TunnelError::LinkExists { interface, cause },
        Some(_) | None => TunnelError::Kernel { interface, cause },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{naming_port, new_port, observed, refusal, statistics, update};
    use crate::domain::desired::{ObservedPeer, WireguardSettings};
    use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
    use crate::domain::node::{InterfaceName, Port};
    use crate::domain::time::Timestamp;
    use crate::vpn::netlink::NetlinkError;
    use crate::vpn::netlink::wireguard::{self, PeerUpdate};
    use crate::vpn::tunnel::lives::Lives;
    use crate::vpn::tunnel::{InterfaceChange, TunnelError};

    fn peer(key: u8, psk: [u8; 32]) -> wireguard::Peer {
        wireguard::Peer {
            public_key: PublicKey::new([key; 32]),
            preshared_key: Some(PresharedKey::new(psk)),
            endpoint: None,
            keepalive_s: 0,
            last_handshake: Some(Duration::new(1_700_000_000, 5_000_000)),
            rx_bytes: 10,
            tx_bytes: 20,
            allowed_ips: vec!["10.0.0.2/32".parse().unwrap()],
        }
    }

    #[test]
    fn what_is_set_is_what_would_be_observed() {
        let wanted: BTreeMap<PublicKey, ObservedPeer> = [(1, None), (2, Some(PresharedKey::new([5; 32])))]
            .map(|(key, preshared_key)| {
                let allowed_ips = [format!("10.0.0.{key}/32").parse().unwrap()].into();
                (PublicKey::new([key; 32]), ObservedPeer { preshared_key, allowed_ips })
            })
            .into();

        let told = update(&InterfaceChange::SetPeers(wanted.clone()));

        let peers = told.peers.into_iter().map(|told| match told {
            PeerUpdate::Set(set) => wireguard::Peer {
                preshared_key: Some(set.preshared_key.unwrap_or(PresharedKey::new([0; 32]))),
                allowed_ips: set.allowed_ips,
                ..peer(set.public_key.as_bytes()[0], [0; 32])
            },
            PeerUpdate::Remove(_) => panic!("nothing is removed"),
        });
        let found =
            wireguard::Tunnel { public_key: None, listen_port: 0, firewall_mark: 0, peers: peers.collect() };
        assert!(!told.replace_peers, "other peers stay");
        assert_eq!(observed(found).peers, wanted);
    }

    #[test]
    fn key_and_port_are_told_and_nothing_else() {
        let settings =
            WireguardSettings { private_key: PrivateKey::new([7; 32]), listen_port: Port::WIREGUARD };

        let told = update(&InterfaceChange::SetWireguard(settings));

        assert_eq!(told.private_key, Some(PrivateKey::new([7; 32])));
        assert_eq!((told.listen_port, told.replace_peers, told.peers.len()), (Some(51_820), false, 0));
    }

    #[test]
    fn a_port_that_is_taken_is_named_with_the_way_to_find_who_has_it() {
        let settings =
            WireguardSettings { private_key: PrivateKey::new([7; 32]), listen_port: Port::WIREGUARD };
        let changes = [InterfaceChange::SetWireguard(settings)];
        let refused = |errno| {
            let cause =
                NetlinkError::Refused { operation: "configure".into(), errno, message: String::new() };
            naming_port(refusal(&InterfaceName::numbered(0), cause), new_port(&changes)).to_string()
        };

        assert!(refused(libc::EADDRINUSE).contains("`ss -lunp sport = :51820`"));
        assert_eq!(refused(libc::EINVAL), "configure interface cvpn0 in the kernel");
    }

    #[test]
    fn counters_are_read_for_peers_whose_beginning_is_known() {
        let (mut lives, now) = (Lives::default(), Timestamp::from_millis(99));
        lives.begin([&PublicKey::new([1; 32])], Timestamp::from_millis(77));

        let known = statistics(&peer(1, [0; 32]), &mut lives, now).unwrap();

        assert_eq!(known.reading.epoch, 77);
        assert_eq!((known.reading.traffic.rx_bytes, known.reading.traffic.tx_bytes), (10, 20));
        assert_eq!(known.last_handshake, Some(Timestamp::from_millis(1_700_000_000_005)));
        assert_eq!(statistics(&peer(2, [0; 32]), &mut lives, now), None);
    }

    #[test]
    fn a_kernel_without_wireguard_is_refused_with_the_way_out() {
        let refused =
            |errno| NetlinkError::Refused { operation: "create".into(), errno, message: String::new() };
        let said = |errno| refusal(&InterfaceName::numbered(0), refused(errno));

        assert!(matches!(said(libc::EOPNOTSUPP), TunnelError::KernelMissing { .. }));
        assert!(said(libc::EOPNOTSUPP).to_string().contains("modprobe wireguard"));
        assert!(said(libc::EPERM).to_string().contains("CAP_NET_ADMIN"));
        assert!(said(libc::EEXIST).to_string().contains("cvpn0"));
    }
}
