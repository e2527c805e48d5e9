//! Networks: address pools and what clients are told about them.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::jobs::restorable_since;
use crate::app::{App, Created, Revision, expect_revision, idempotency, node_networks, noun};
use crate::domain::access::Action;
use crate::domain::id::NetworkId;
use crate::domain::name::NetworkName;
use crate::domain::network::{ClientSettings, Mtu, Network, NewNetwork, Pools};
use crate::domain::page::{Page, PageRequest};
use crate::domain::pool::{Pool, Pressure};
use crate::store::backend::{Conn, Tx};
pub use crate::store::networks::NetworkSort;
use crate::store::{audit, networks, sequences};

/// The use cases of networks.
#[derive(Debug, Clone, Copy)]
pub struct Networks<'a>(pub(in crate::app) &'a App);

/// A network with how full its pools are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkItem {
    /// The facts.
    pub network: Network,
    /// The IPv4 pool.
    pub ipv4: Option<PoolState>,
    /// The IPv6 pool.
    pub ipv6: Option<PoolState>,
}

/// How full a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// The range.
    pub net: IpNet,
    /// The node's own address.
    pub node_address: IpAddr,
    /// Devices that fit.
    pub capacity: u64,
    /// Addresses taken; a deleted device keeps its own until a purge.
    pub used: u64,
    /// Whether it is nearly or wholly used up.
    pub pressure: Pressure,
}

/// A network to be made.
#[derive(Debug, Clone)]
pub struct CreateNetwork {
    /// What it is called.
    pub name: NetworkName,
    /// The IPv4 pool.
    pub ipv4: Option<Pool>,
    /// The IPv6 pool.
    pub ipv6: Option<Pool>,
    /// Name servers for clients.
    pub dns: Vec<IpAddr>,
    /// Bytes a tunnel packet may have.
    pub mtu: Option<Mtu>,
    /// Seconds between keepalives; zero sends none.
    pub keepalive_s: Option<u16>,
    /// What clients send into the tunnel; everything where it is left out.
    pub routes: Option<Vec<IpNet>>,
    /// Whether devices are kept from reaching each other; they are where it is left out.
    pub isolated: Option<bool>,
}

/// Changes of a network. Pools stay: devices hold addresses of them.
#[derive(Debug, Clone, Default)]
pub struct UpdateNetwork {
    /// What it is called.
    pub name: Option<NetworkName>,
    /// Name servers for clients.
    pub dns: Option<Vec<IpAddr>>,
    /// Bytes a tunnel packet may have.
    pub mtu: Option<Mtu>,
    /// Seconds between keepalives; zero sends none.
    pub keepalive_s: Option<u16>,
    /// What clients send into the tunnel.
    pub routes: Option<Vec<IpNet>>,
    /// Whether devices are kept from reaching each other.
    pub isolated: Option<bool>,
}

/// Seconds between keepalives where nobody says: what most NATs outlast (WireGuard's own advice).
const KEEPALIVE_S: u16 = 25;

impl Networks<'_> {
    /// A page of networks: of the deleted ones, which can be restored until a purge, or of the others.
    pub async fn list(
        &self,
        ctx: &Ctx,
        deleted: bool,
        page: PageRequest<NetworkSort>,
    ) -> Result<Page<NetworkItem>> {
        ctx.scope(Action::NetworkList)?;
        if deleted {
            // Everybody may name the networks that there are; those that are gone concern whoever can bring them back.
            ctx.require(Action::NetworkRestore)?;
        }
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let Page { items, next } = networks::list(on, deleted, &page).await?;
                let mut full = Vec::with_capacity(items.len());
                for network in items {
                    full.push(item(on, network).await?);
                }
                Ok::<_, AppError>(Page { items: full, next })
            })
            .await
    }

    /// One network; a deleted one for whoever is given the list of them.
    pub async fn get(&self, ctx: &Ctx, id: NetworkId) -> Result<NetworkItem> {
        ctx.scope(Action::NetworkGet)?;
        let sees_deleted =
            ctx.scope(Action::NetworkList).is_ok() && ctx.require(Action::NetworkRestore).is_ok();
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let found = networks::find(on, id).await?;
                let found = found.filter(|network| sees_deleted || network.deleted_at.is_none());
                item(on, found.ok_or(AppError::not_found("network"))?).await
            })
            .await
    }

    /// Makes a network and puts the appliance's own node into it.
    pub async fn create(&self, ctx: &Ctx, request: CreateNetwork) -> Result<Created<NetworkItem>> {
        ctx.require(Action::NetworkCreate)?;
        let app = self.0;
        let now = app.now();
        let new = app.new_network(request)?;
        let event = app.event(ctx, Action::NetworkCreate.as_str(), ("network", new.id.to_string()));
        let place = node_networks::NewPlace::prepare(app, ctx)?;
        let ctx = ctx.clone();
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::NetworkCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    let network = live(tx, id).await?;
                    return Ok::<_, AppError>(Created::Replayed(item(tx, network).await?));
                }
                let network = insert(tx, &new, now).await?;
                node_networks::place_local(tx, &place, &network, None, now).await?;
                audit::insert(tx, &event.made(facts(&network))).await?;
                idempotency::keep(tx, &ctx, Action::NetworkCreate, &network.id.to_string(), now).await?;
                Ok(Created::New(item(tx, network).await?))
            })
            .await?;
        app.publish();
        Ok(made)
    }

    /// Changes a network. Devices whose owners hold the older configuration are marked.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: NetworkId,
        revision: Revision,
        request: UpdateNetwork,
    ) -> Result<NetworkItem> {
        ctx.require(Action::NetworkUpdate)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::NetworkUpdate.as_str(), ("network", id.to_string()));
        let updated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = live(tx, id).await?;
                expect_revision("network", before.revision, revision)?;
                let after = changed(&before, &request)?;
                let after = networks::update(tx, &after, before.revision, now).await?;
                sequences::next(tx, sequences::LAYOUT).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                item(tx, after).await
            })
            .await
            .map_err(noun("network"))?;
        app.network_changed();
        Ok(updated)
    }

    /// Deletes a network; its devices stop. It can be undone until a purge.
    pub async fn delete(&self, ctx: &Ctx, id: NetworkId, revision: Revision) -> Result<()> {
        ctx.require(Action::NetworkDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::NetworkDelete.as_str(), ("network", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = networks::delete(tx, id, revision, now).await?;
                sequences::next(tx, sequences::LAYOUT).await?;
                audit::insert(tx, &event.removed(facts(&before))).await?;
                Ok::<_, AppError>(())
            })
            .await
            .map_err(noun("network"))?;
        app.network_changed();
        Ok(())
    }

    /// Undoes a delete, unless another network has taken the range since. The endpoint may have changed meanwhile,
    /// so configurations given before are outdated.
    pub async fn restore(&self, ctx: &Ctx, id: NetworkId) -> Result<NetworkItem> {
        ctx.require(Action::NetworkRestore)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::NetworkRestore.as_str(), ("network", id.to_string()));
        let restored = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let network = networks::undelete(tx, id, restorable_since(now), now).await?;
                refuse_overlap(tx, &network.pools, Some(id)).await?;
                sequences::next(tx, sequences::LAYOUT).await?;
                audit::insert(tx, &event.made(facts(&network))).await?;
                item(tx, network).await
            })
            .await
            .map_err(noun("network"))?;
        app.network_changed();
        Ok(restored)
    }
}

impl App {
    /// After a network changed: every device row shows some of it.
    fn network_changed(&self) {
        self.core.devices.forget_all();
        self.publish();
    }

    /// Checks a request against the rules and the host's own ranges.
    pub(in crate::app) fn new_network(&self, request: CreateNetwork) -> Result<NewNetwork> {
        let pools = Pools::new(request.ipv4, request.ipv6).map_err(|e| AppError::invalid("/ipv4", e))?;
        let client = ClientSettings {
            dns: request.dns,
            mtu: request.mtu.unwrap_or(Mtu::DEFAULT),
            keepalive_s: request.keepalive_s.unwrap_or(KEEPALIVE_S),
            routes: request.routes.unwrap_or_else(ClientSettings::default_routes),
        };
        check(&client)?;
        if let Some((pool, host)) = pools.overlap(&(self.core.host_ranges)()) {
            return Err(AppError::invalid(
                pointer(&pool),
                format!("{pool} overlaps {host}, which this server itself uses; take another range"),
            ));
        }
        Ok(NewNetwork {
            id: NetworkId::new(self.core.clock.new_id()),
            name: request.name,
            pools,
            client,
            isolated: request.isolated.unwrap_or(true),
        })
    }
}

/// Inserts a network that shares no address with another.
pub(in crate::app) async fn insert(
    tx: &mut Tx,
    new: &NewNetwork,
    now: crate::domain::time::Timestamp,
) -> Result<Network> {
    refuse_overlap(tx, &new.pools, None).await?;
    let network = networks::insert(tx, new, now).await?;
    sequences::next(tx, sequences::LAYOUT).await?;
    Ok(network)
}

async fn refuse_overlap(tx: &mut Tx, pools: &Pools, except: Option<NetworkId>) -> Result<()> {
    for other in all_live(tx).await? {
        let ranges: Vec<IpNet> = other.pools.iter().map(|pool| pool.net()).collect();
        if Some(other.id) == except {
            continue;
        }
        if let Some((pool, taken)) = pools.overlap(&ranges) {
            let detail = format!("{pool} overlaps {taken} of the network {}; take another range", other.name);
            return Err(AppError::invalid(pointer(&pool), detail));
        }
    }
    Ok(())
}

const fn pointer(pool: &IpNet) -> &'static str {
    match pool {
        IpNet::V4(_) => "/ipv4",
        IpNet::V6(_) => "/ipv6",
    }
}

fn check(client: &ClientSettings) -> Result<()> {
    use crate::domain::network::NetworkError;
    client.check().map_err(|error| {
        let pointer = if error == NetworkError::Dns { "/dns" } else { "/routes" };
        AppError::invalid(pointer, error)
    })
}

fn changed(before: &Network, request: &UpdateNetwork) -> Result<Network> {
    let mut after = before.clone();
    if let Some(name) = &request.name {
        after.name = name.clone();
    }
    if let Some(dns) = &request.dns {
        after.client.dns.clone_from(dns);
    }
    if let Some(mtu) = request.mtu {
        after.client.mtu = mtu;
    }
    if let Some(keepalive_s) = request.keepalive_s {
        after.client.keepalive_s = keepalive_s;
    }
    if let Some(routes) = &request.routes {
        after.client.routes.clone_from(routes);
    }
    if let Some(isolated) = request.isolated {
        after.isolated = isolated;
    }
    check(&after.client)?;
    if after.client != before.client {
        after.config_revision += 1;
    }
    Ok(after)
}

/// The network, unless deleted.
pub(in crate::app) async fn live(on: &mut Conn, id: NetworkId) -> Result<Network> {
    let found = networks::find(on, id).await?.filter(|network| network.deleted_at.is_none());
    found.ok_or(AppError::not_found("network"))
}

/// Every network that is not deleted.
pub(in crate::app) async fn all_live(on: &mut Conn) -> Result<Vec<Network>> {
    let all = networks::all(on).await?;
    Ok(all.into_iter().filter(|network| network.deleted_at.is_none()).collect())
}

/// The network with how full its pools are.
pub(in crate::app) async fn item(on: &mut Conn, network: Network) -> Result<NetworkItem> {
    let used = networks::taken(on, network.id).await?;
    let state = |pool: Pool, used: u64| PoolState {
        net: pool.net(),
        node_address: pool.node_address(),
        capacity: pool.capacity(),
        used,
        pressure: pool.pressure(used),
    };
    Ok(NetworkItem {
        ipv4: network.pools.ipv4().map(|pool| state(pool, used.ipv4)),
        ipv6: network.pools.ipv6().map(|pool| state(pool, used.ipv6)),
        network,
    })
}

/// What the audit keeps of a network.
pub(in crate::app) fn facts(network: &Network) -> Value {
    json!({
        "name": network.name, "ipv4": network.pools.ipv4(), "ipv6": network.pools.ipv6(),
        "dns": network.client.dns, "mtu": network.client.mtu, "keepalive_s": network.client.keepalive_s,
        "routes": network.client.routes, "isolated": network.isolated,
    })
}
