//! Rows that the store's tests need around what they test.

use std::sync::atomic::{AtomicU64, Ordering};

use caspervpn::domain::access::Role;
use caspervpn::domain::device::{Device, NewDevice};
use caspervpn::domain::id::{DeviceId, NetworkId, NodeId, UserId};
use caspervpn::domain::key::PublicKey;
use caspervpn::domain::network::{ClientSettings, Mtu, Network, NewNetwork, Pools};
use caspervpn::domain::node::{NewNode, Node};
use caspervpn::domain::page::{Limit, Order, PageRequest};
use caspervpn::domain::pool::Pool;
use caspervpn::domain::time::Timestamp;
use caspervpn::domain::user::{NewUser, User};
use caspervpn::store::addresses::Choices;
use caspervpn::store::backend::{Store, Tx};
use caspervpn::store::error::StoreError;
use caspervpn::store::{devices, networks, nodes, users};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A new id; later ones sort after.
pub(crate) fn id() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 8)
}

/// A moment after `NOW`.
pub(crate) fn later(ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + ms)
}

pub(crate) fn new_user(login: &str) -> NewUser {
    NewUser {
        id: UserId::new(id()),
        login: login.parse().unwrap(),
        display_name: format!("User {login}").parse().unwrap(),
        email: None,
        language: None,
        role: Role::Member,
        password_hash: None,
        expires_at: None,
        data_limit_bytes: None,
        device_limit: Some(5),
    }
}

pub(crate) fn new_network(name: &str, ipv4: &str, ipv6: &str) -> NewNetwork {
    let pool = |text: &str| (!text.is_empty()).then(|| Pool::parse(text.parse().unwrap()).unwrap());
    NewNetwork {
        id: NetworkId::new(id()),
        name: name.parse().unwrap(),
        pools: Pools::new(pool(ipv4), pool(ipv6)).unwrap(),
        client: ClientSettings {
            dns: vec!["10.86.0.1".parse().unwrap(), "fd86::1".parse().unwrap()],
            mtu: Mtu::DEFAULT,
            keepalive_s: 25,
            routes: ClientSettings::default_routes(),
        },
        isolated: true,
    }
}

pub(crate) fn new_device(user: UserId, network: NetworkId, name: &str) -> NewDevice {
    let device = id();
    let mut key = [0; 32];
    key[..16].copy_from_slice(device.as_bytes());
    NewDevice {
        id: DeviceId::new(device),
        user,
        network,
        name: name.parse().unwrap(),
        public_key: PublicKey::new(key),
        preshared_key: Some(vec![1, 2, 3]),
        private_key: Some(vec![4, 5, 6]),
        expires_at: None,
        duration_s: None,
        data_limit_bytes: None,
        note: "".parse().unwrap(),
    }
}

pub(crate) fn new_node(name: &str) -> NewNode {
    NewNode {
        id: NodeId::new(id()),
        name: name.parse().unwrap(),
        location: "Berlin".parse().unwrap(),
        capacity: None,
        local: true,
    }
}

/// One user and one network with both pools.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) user: User,
    pub(crate) network: Network,
}

impl Scene {
    pub(crate) async fn new(store: Store) -> Self {
        Self::with_pools(store, "10.86.0.0/16", "fd86::/64").await
    }

    pub(crate) async fn with_pools(store: Store, ipv4: &str, ipv6: &str) -> Self {
        let (user, network) = (new_user("ada"), new_network("home", ipv4, ipv6));
        let (user, network) = store
            .write(async move |tx: &mut Tx| {
                let user = users::insert(tx, &user, NOW).await?;
                Ok::<_, StoreError>((user, networks::insert(tx, &network, NOW).await?))
            })
            .await
            .unwrap();
        Self { store, user, network }
    }

    pub(crate) fn new_device(&self, name: &str) -> NewDevice {
        new_device(self.user.id, self.network.id, name)
    }

    /// Makes a device with the lowest free addresses.
    pub(crate) async fn device(&self, name: &str) -> Result<Device, StoreError> {
        self.insert(self.new_device(name), Choices::default()).await
    }

    pub(crate) async fn insert(&self, new: NewDevice, choices: Choices) -> Result<Device, StoreError> {
        let pools = self.network.pools;
        self.store.write(async move |tx: &mut Tx| devices::insert(tx, &new, &pools, choices, NOW).await).await
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        let node = new_node(name);
        self.store.write(async move |tx: &mut Tx| nodes::insert(tx, &node, NOW).await).await.unwrap()
    }
}

/// The first page of two rows.
pub(crate) fn page<S>(sort: S, order: Order, rows: u32) -> PageRequest<S> {
    PageRequest { limit: Limit::try_from(rows).unwrap(), sort, order, after: None, search: None }
}
