//! Devices: WireGuard peers of users.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::ctx::{Ctx, Scope};
use crate::app::error::{AppError, Result};
use crate::app::networks::{all_live, live as live_network};
use crate::app::users::live as live_user;
use crate::app::{App, Created, Patch, Revision, expect_revision, idempotency, noun};
use crate::domain::access::{Action, Role};
use crate::domain::device::Surroundings;
use crate::domain::device::{Device, DeviceReason, DeviceState, NewDevice, is_online};
use crate::domain::id::{DeviceId, NetworkId, UserId};
use crate::domain::key::{PresharedKey, PublicKey};
use crate::domain::name::{DeviceName, Note};
use crate::domain::network::Network;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::secrets::keypair::{KeyPair, generate_preshared_key};
use crate::secrets::seal::Place;
use crate::store::addresses::Choices;
use crate::store::backend::{Conn, Tx};
use crate::store::devices::{DeviceFilter, DeviceSort};
use crate::store::peers::PeerFacts;
use crate::store::usage::DailyUsage;
use crate::store::{audit, devices, networks, peers, usage};

/// The use cases of devices.
#[derive(Debug, Clone, Copy)]
pub struct Devices<'a>(pub(in crate::app) &'a App);

/// A device with the facts around it that its state follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device.
    pub device: Device,
    /// What surrounds it.
    pub around: Surroundings,
    /// When it last shook hands on any node.
    pub last_handshake: Option<Timestamp>,
    /// The configuration that its network now gives.
    pub network_config_revision: i64,
}

/// A device with what follows from the facts.
#[derive(Debug, Clone)]
pub struct DeviceItem {
    /// The facts.
    pub row: Arc<DeviceRow>,
    /// Whether it may use the tunnel.
    pub state: DeviceState,
    /// Why it may not.
    pub reason: Option<DeviceReason>,
    /// Whether its owner still has a configuration that the network no longer gives.
    pub outdated: bool,
}

/// A device to be made.
#[derive(Debug, Clone)]
pub struct CreateDevice {
    /// Whose it is; the actor's own where it is left out.
    pub user: Option<UserId>,
    /// The network; the only one where it is left out.
    pub network: Option<NetworkId>,
    /// What it is called.
    pub name: DeviceName,
    /// Who makes the key pair.
    pub key: DeviceKey,
    /// Whether to make a preshared key.
    pub preshared_key: bool,
    /// When it stops.
    pub expires_at: Option<Timestamp>,
    /// Seconds it may be used from the first handshake on.
    pub duration_s: Option<u32>,
    /// Bytes it may move.
    pub data_limit_bytes: Option<u64>,
    /// An operator's remark.
    pub note: Note,
}

/// Who makes a device's key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKey {
    /// The client, which keeps the private half to itself.
    Client(PublicKey),
    /// The server, which keeps the private half sealed until it is revealed once.
    Server,
}

/// Changes of a device.
#[derive(Debug, Clone, Default)]
pub struct UpdateDevice {
    /// What it is called.
    pub name: Option<DeviceName>,
    /// An operator's remark.
    pub note: Option<Note>,
    /// When it stops.
    pub expires_at: Patch<Timestamp>,
    /// Seconds it may be used from the first handshake on.
    pub duration_s: Patch<u32>,
    /// Bytes it may move.
    pub data_limit_bytes: Patch<u64>,
}

/// What moves while a device is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLive {
    /// Whether it shook hands within three minutes.
    pub online: bool,
    /// When it last shook hands.
    pub last_handshake_at: Option<Timestamp>,
    /// Bytes received from it.
    pub rx_bytes: u64,
    /// Bytes sent to it.
    pub tx_bytes: u64,
}

/// Days that one answer about usage may span.
pub const MAX_USAGE_DAYS: i64 = 366;

impl Devices<'_> {
    /// A page of the devices this actor may see.
    pub async fn list(
        &self,
        ctx: &Ctx,
        filter: DeviceFilter,
        page: PageRequest<DeviceSort>,
    ) -> Result<Page<DeviceItem>> {
        let owner = ctx.scope(Action::DeviceList)?.owner();
        if owner.is_some() && filter.user.is_some() && filter.user != owner {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let filter = DeviceFilter { user: owner.or(filter.user), ..filter };
        let now = self.0.now();
        let page = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let Page { items, next } = devices::list(on, &filter, &page).await?;
                Ok::<_, AppError>(Page { items: rows(on, items).await?, next })
            })
            .await?;
        Ok(page.map(|row| item(Arc::new(row), now)))
    }

    /// One device.
    pub async fn get(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceGet)?;
        Ok(item(self.row(scope, id).await?, self.0.now()))
    }

    /// Makes a device with an address in each pool of its network.
    pub async fn create(&self, ctx: &Ctx, request: CreateDevice) -> Result<Created<DeviceItem>> {
        let scope = ctx.scope(Action::DeviceCreate)?;
        let user = owner(ctx, scope, request.user)?;
        refuse_limits_of_ones_own(ctx, &request)?;
        let app = self.0;
        let now = app.now();
        let id = DeviceId::new(app.core.clock.new_id());
        let wanted = request.network;
        let new = app.new_device(id, user, request)?;
        let event = app.event(ctx, Action::DeviceCreate.as_str(), ("device", id.to_string()));
        let ctx = ctx.clone();
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::DeviceCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    live(tx, id, scope).await?;
                    return Ok::<_, AppError>(Created::Replayed(find_row(tx, id).await?));
                }
                let network = choose_network(tx, wanted).await?;
                let row = insert(tx, new.clone(), &network, now).await?;
                let mut event = event.clone();
                event.after = Some(facts(&row.device));
                audit::insert(tx, &event).await?;
                idempotency::keep(tx, &ctx, Action::DeviceCreate, &id.to_string(), now).await?;
                Ok(Created::New(row))
            })
            .await?;
        app.publish();
        Ok(match made {
            Created::New(row) => Created::New(item(Arc::new(row), now)),
            Created::Replayed(row) => Created::Replayed(item(Arc::new(row), now)),
        })
    }

    /// Changes a device. Only those who manage the service set limits.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: DeviceId,
        revision: Revision,
        request: UpdateDevice,
    ) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceUpdate)?;
        let limits = request.expires_at.is_some()
            || request.duration_s.is_some()
            || request.data_limit_bytes.is_some();
        if limits && matches!(scope, Scope::Own(_)) {
            return Err(AppError::Forbidden {
                action: Action::DeviceUpdate,
                why: "only an operator sets a device's expiry and limits",
            });
        }
        self.change(ctx, Action::DeviceUpdate, scope, id, move |device| {
            expect_revision("device", device.revision, revision)?;
            apply(device, &request);
            Ok(())
        })
        .await
    }

    /// Lets a device connect again.
    pub async fn enable(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceEnable)?;
        self.change(ctx, Action::DeviceEnable, scope, id, |device| {
            device.disabled = false;
            Ok(())
        })
        .await
    }

    /// Stops a device; its traffic ends within two seconds.
    pub async fn disable(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceDisable)?;
        self.change(ctx, Action::DeviceDisable, scope, id, |device| {
            device.disabled = true;
            Ok(())
        })
        .await
    }

    /// Deletes a device. Its key and addresses stay its own until a purge, so that it can be undone.
    pub async fn delete(&self, ctx: &Ctx, id: DeviceId, revision: Revision) -> Result<()> {
        let scope = ctx.scope(Action::DeviceDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::DeviceDelete.as_str(), ("device", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let device = live(tx, id, scope).await?;
                expect_revision("device", device.revision, revision)?;
                devices::delete(tx, id, revision, now).await?;
                let mut event = event.clone();
                event.before = Some(facts(&device));
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await
            .map_err(noun("device"))?;
        app.device_changed(id);
        Ok(())
    }

    /// Undoes a delete.
    pub async fn restore(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceRestore)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::DeviceRestore.as_str(), ("device", id.to_string()));
        let row = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let found = devices::find(tx, id).await?.filter(|device| {
                    device.deleted_at.is_some() && scope.owner().is_none_or(|owner| owner == device.user)
                });
                let found = found.ok_or(AppError::not_found("deleted device"))?;
                refuse_over_limit(tx, found.user).await?;
                let device = devices::undelete(tx, id, now).await?;
                let mut event = event.clone();
                event.after = Some(facts(&device));
                audit::insert(tx, &event).await?;
                find_row(tx, id).await
            })
            .await
            .map_err(noun("device"))?;
        app.device_changed(id);
        Ok(item(Arc::new(row), now))
    }

    /// What moves while the device is connected.
    pub async fn live(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceLive> {
        let scope = ctx.scope(Action::DeviceLive)?;
        let used = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                live(on, id, scope).await?;
                Ok::<_, AppError>(usage::find(on, id).await?)
            })
            .await?;
        let last_handshake_at = used.and_then(|used| used.last_handshake_at);
        let traffic = used.map(|used| used.traffic).unwrap_or_default();
        Ok(DeviceLive {
            online: is_online(last_handshake_at, self.0.now()),
            last_handshake_at,
            rx_bytes: traffic.rx_bytes,
            tx_bytes: traffic.tx_bytes,
        })
    }

    /// A device's usage by day, both days included.
    pub async fn usage(&self, ctx: &Ctx, id: DeviceId, from: i64, to: i64) -> Result<Vec<DailyUsage>> {
        let scope = ctx.scope(Action::DeviceUsage)?;
        if to < from || to - from >= MAX_USAGE_DAYS {
            return Err(AppError::invalid(
                "/from",
                "give at most 366 days, the first one not after the last",
            ));
        }
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                live(on, id, scope).await?;
                Ok::<_, AppError>(usage::daily(on, id, from, to).await?)
            })
            .await
    }

    /// The row of a device that the scope reaches, from memory where it is known.
    pub(in crate::app) async fn row(&self, scope: Scope, id: DeviceId) -> Result<Arc<DeviceRow>> {
        let known = &self.0.core.devices;
        let row = match known.find(&id) {
            Some(row) => row,
            None => {
                let since = known.moment();
                let found = self.0.core.store.read(async move |on: &mut Conn| find_row(on, id).await).await?;
                let row = Arc::new(found);
                known.keep(since, id, Arc::clone(&row));
                row
            }
        };
        match scope.owner() {
            Some(owner) if row.device.user != owner => Err(AppError::not_found("device")),
            Some(_) | None => Ok(row),
        }
    }

    async fn change(
        &self,
        ctx: &Ctx,
        action: Action,
        scope: Scope,
        id: DeviceId,
        edit: impl Fn(&mut Device) -> Result<()> + Send + 'static,
    ) -> Result<DeviceItem> {
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, action.as_str(), ("device", id.to_string()));
        let row = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = live(tx, id, scope).await?;
                let mut after = before.clone();
                edit(&mut after)?;
                let after = devices::update(tx, &after, before.revision, now).await?;
                let mut event = event.clone();
                event.before = Some(facts(&before));
                event.after = Some(facts(&after));
                audit::insert(tx, &event).await?;
                find_row(tx, id).await
            })
            .await
            .map_err(noun("device"))?;
        app.device_changed(id);
        Ok(item(Arc::new(row), now))
    }
}

impl App {
    /// After a device changed: nobody may be shown the old row, and its nodes must hear of it.
    pub(in crate::app) fn device_changed(&self, id: DeviceId) {
        self.core.devices.forget(&id);
        self.publish();
    }

    /// Turns a request into a row, with sealed keys.
    pub(in crate::app) fn new_device(
        &self,
        id: DeviceId,
        user: UserId,
        request: CreateDevice,
    ) -> Result<NewDevice> {
        let row = id.to_string();
        let (public_key, private_key) = match request.key {
            DeviceKey::Client(key) => (key, None),
            DeviceKey::Server => {
                let pair = KeyPair::generate().map_err(AppError::broken("making the device's key pair"))?;
                (pair.public, Some(self.seal(private_key_place(&row), pair.private.expose())?))
            }
        };
        let preshared_key = match request.preshared_key {
            false => None,
            true => {
                let key: PresharedKey =
                    generate_preshared_key().map_err(AppError::broken("making the preshared key"))?;
                Some(self.seal(preshared_key_place(&row), key.expose())?)
            }
        };
        Ok(NewDevice {
            id,
            user,
            // The network is chosen in the transaction, where it cannot vanish meanwhile.
            network: request.network.unwrap_or(NetworkId::new(uuid::Uuid::nil())),
            name: request.name,
            public_key,
            preshared_key,
            private_key,
            expires_at: request.expires_at,
            duration_s: request.duration_s,
            data_limit_bytes: request.data_limit_bytes,
            note: request.note,
        })
    }

    pub(in crate::app) fn seal(&self, place: Place<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
        let sealed = self.core.keyring.seal(place, bytes).map_err(AppError::broken("sealing a key"))?;
        Ok(sealed.into_bytes())
    }
}

/// Where a device's private key is sealed for.
pub(in crate::app) const fn private_key_place(row: &str) -> Place<'_> {
    Place { table: "devices", column: "private_key", row }
}

/// Where a device's preshared key is sealed for.
pub(in crate::app) const fn preshared_key_place(row: &str) -> Place<'_> {
    Place { table: "devices", column: "preshared_key", row }
}

/// Inserts a device into a network, in the order: room for the user, then an address, then the row.
pub(in crate::app) async fn insert(
    tx: &mut Tx,
    mut new: NewDevice,
    network: &Network,
    now: Timestamp,
) -> Result<DeviceRow> {
    let id = new.id;
    new.network = network.id;
    refuse_over_limit(tx, new.user).await?;
    devices::insert(tx, &new, &network.pools, Choices::default(), now).await?;
    find_row(tx, id).await
}

async fn refuse_over_limit(tx: &mut Tx, user: UserId) -> Result<()> {
    let owner =
        live_user(tx, user).await.map_err(|_| AppError::invalid("/user_id", "there is no such user"))?;
    let Some(limit) = owner.device_limit else { return Ok(()) };
    if devices::count_of_user(tx, user).await? < u64::from(limit) {
        return Ok(());
    }
    Err(AppError::conflict(
        "device_limit",
        format!("this user may have {limit} devices and has them; delete one, or ask an operator for more"),
    ))
}

async fn choose_network(tx: &mut Tx, wanted: Option<NetworkId>) -> Result<Network> {
    if let Some(id) = wanted {
        let found = live_network(tx, id).await;
        return found.map_err(|_| AppError::invalid("/network_id", "there is no such network"));
    }
    let mut all = all_live(tx).await?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(AppError::invalid("/network_id", "there are several networks: say which one"))
        }
        (None, _) => Err(AppError::conflict("no_network", "there is no network yet; make one first")),
    }
}

fn owner(ctx: &Ctx, scope: Scope, wanted: Option<UserId>) -> Result<UserId> {
    match (scope, wanted.or(ctx.actor.user())) {
        (Scope::Own(own), Some(wanted)) if own != wanted => Err(AppError::Forbidden {
            action: Action::DeviceCreate,
            why: "your role makes devices only for your own account; leave user_id out",
        }),
        (_, Some(user)) => Ok(user),
        (_, None) => Err(AppError::invalid("/user_id", "say whose device it is")),
    }
}

fn refuse_limits_of_ones_own(ctx: &Ctx, request: &CreateDevice) -> Result<()> {
    use crate::domain::access::Actor;
    let limits =
        request.expires_at.is_some() || request.duration_s.is_some() || request.data_limit_bytes.is_some();
    match ctx.actor {
        Actor::User { role: Role::Member, .. } if limits => Err(AppError::Forbidden {
            action: Action::DeviceCreate,
            why: "only an operator sets a device's expiry and limits",
        }),
        Actor::User { .. } | Actor::Host | Actor::System | Actor::Anonymous => Ok(()),
    }
}

fn apply(device: &mut Device, request: &UpdateDevice) {
    if let Some(name) = &request.name {
        device.name = name.clone();
    }
    if let Some(note) = &request.note {
        device.note = note.clone();
    }
    if let Some(at) = request.expires_at {
        device.expires_at = at;
    }
    if let Some(seconds) = request.duration_s {
        device.duration_s = seconds;
    }
    if let Some(limit) = request.data_limit_bytes {
        device.data_limit_bytes = limit;
    }
}

/// The device, unless deleted or outside the scope.
pub(in crate::app) async fn live(on: &mut Conn, id: DeviceId, scope: Scope) -> Result<Device> {
    let found = devices::find(on, id).await?.filter(|device| {
        device.deleted_at.is_none() && scope.owner().is_none_or(|owner| owner == device.user)
    });
    found.ok_or(AppError::not_found("device"))
}

/// The row of a device that is not deleted.
async fn find_row(on: &mut Conn, id: DeviceId) -> Result<DeviceRow> {
    let found = peers::find(on, id).await?.filter(|found| found.device.deleted_at.is_none());
    let found = found.ok_or(AppError::not_found("device"))?;
    let network = networks::find(on, found.device.network).await?.ok_or(AppError::not_found("network"))?;
    Ok(row_of(found, network.config_revision))
}

/// The rows of a page, in its order.
async fn rows(on: &mut Conn, page: Vec<Device>) -> Result<Vec<DeviceRow>> {
    let ids: Vec<DeviceId> = page.iter().map(|device| device.id).collect();
    let mut found: BTreeMap<DeviceId, PeerFacts> =
        peers::of_devices(on, &ids).await?.into_iter().map(|facts| (facts.device.id, facts)).collect();
    let revisions: BTreeMap<NetworkId, i64> =
        networks::all(on).await?.into_iter().map(|network| (network.id, network.config_revision)).collect();
    let row = |id: DeviceId| {
        let facts = found.remove(&id)?;
        let revision = revisions.get(&facts.device.network).copied().unwrap_or_default();
        Some(row_of(facts, revision))
    };
    Ok(ids.into_iter().filter_map(row).collect())
}

fn row_of(facts: PeerFacts, network_config_revision: i64) -> DeviceRow {
    DeviceRow {
        device: facts.device,
        around: facts.around,
        last_handshake: facts.last_handshake_at,
        network_config_revision,
    }
}

/// A row with what follows from it.
pub(in crate::app) fn item(row: Arc<DeviceRow>, now: Timestamp) -> DeviceItem {
    let (state, reason) = row.device.state(&row.around, now);
    let outdated = row.device.is_outdated(row.network_config_revision);
    DeviceItem { row, state, reason, outdated }
}

/// What the audit keeps of a device.
pub(in crate::app) fn facts(device: &Device) -> Value {
    json!({
        "user_id": device.user, "network_id": device.network, "name": device.name,
        "public_key": device.public_key, "ipv4": device.ipv4, "ipv6": device.ipv6,
        "disabled": device.disabled, "expires_at": device.expires_at, "duration_s": device.duration_s,
        "data_limit_bytes": device.data_limit_bytes, "note": device.note,
    })
}
