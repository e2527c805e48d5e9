//! Makes devices: room for the user, a key pair, an address in each pool, in one transaction.

use std::sync::Arc;

use uuid::Uuid;

use crate::app::ctx::{Ctx, Scope};
use crate::app::device_room::{RECLAIM, is_exhausted, make_room};
use crate::app::device_rows::{DeviceItem, DeviceRow, find_row, item, live, refuse_rank};
use crate::app::devices::{Devices, facts, refuse_limits};
use crate::app::error::{AppError, Result};
use crate::app::networks::{all_live, live as live_network};
use crate::app::users::live as live_user;
use crate::app::{App, Created, idempotency};
use crate::domain::access::Action;
use crate::domain::device::{NewDevice, Surroundings};
use crate::domain::id::{DeviceId, NetworkId, UserId};
use crate::domain::key::{PresharedKey, PublicKey};
use crate::domain::name::{DeviceName, Note};
use crate::domain::network::Network;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::keypair::{KeyPair, generate_preshared_key};
use crate::secrets::seal::Place;
use crate::store::addresses::Choices;
use crate::store::backend::Tx;
use crate::store::{audit, devices};

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

impl Devices<'_> {
    /// Makes a device with an address in each pool of its network.
    pub async fn create(&self, ctx: &Ctx, request: CreateDevice) -> Result<Created<DeviceItem>> {
        let scope = ctx.scope(Action::DeviceCreate)?;
        let user = owner(ctx, scope, request.user)?;
        let limits = request.expires_at.is_some()
            || request.duration_s.is_some()
            || request.data_limit_bytes.is_some();
        refuse_limits(ctx.actor, Action::DeviceCreate, limits)?;
        let app = self.0;
        let now = app.now();
        let id = DeviceId::new(app.core.clock.new_id());
        let wanted = request.network;
        let new = app.new_device(id, user, request)?;
        let event = app.event(ctx, Action::DeviceCreate.as_str(), ("device", id.to_string()));
        let reclaim =
            app.event(&Ctx { request: ctx.request, ..Ctx::system() }, RECLAIM, ("device", String::new()));
        let (ctx, actor) = (ctx.clone(), ctx.actor);
        let (made, freed) = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::DeviceCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    live(tx, id, scope).await?;
                    return Ok::<_, AppError>((Created::Replayed(find_row(tx, id).await?), None));
                }
                let owner = live_user(tx, user).await.map_err(|_| no_user())?;
                refuse_rank(ctx.actor, Action::DeviceCreate, &owner)?;
                let network = choose_network(tx, wanted).await?;
                let (mut row, mut freed) = (insert(tx, new.clone(), &owner, &network, now).await, None);
                if row.as_ref().is_err_and(is_exhausted) {
                    freed = make_room(tx, network.id, &reclaim).await?;
                    if freed.is_some() {
                        row = insert(tx, new.clone(), &owner, &network, now).await;
                    }
                }
                let row = row?;
                let mut event = event.clone();
                event.after = Some(facts(&row.device));
                audit::insert(tx, &event).await?;
                idempotency::keep(tx, &ctx, Action::DeviceCreate, &id.to_string(), now).await?;
                Ok((Created::New(row), freed))
            })
            .await?;
        if let Some(freed) = freed {
            app.core.devices.forget(&freed);
        }
        app.publish();
        Ok(match made {
            Created::New(row) => Created::New(item(actor, Arc::new(row), now)),
            Created::Replayed(row) => Created::Replayed(item(actor, Arc::new(row), now)),
        })
    }
}

impl App {
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
            network: request.network.unwrap_or(NetworkId::new(Uuid::nil())),
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
    owner: &User,
    network: &Network,
    now: Timestamp,
) -> Result<DeviceRow> {
    new.network = network.id;
    refuse_over_limit(tx, owner).await?;
    let device = devices::insert(tx, &new, &network.pools, Choices::default(), now).await?;
    if owner.data_limit_bytes.is_some() {
        // The state follows from what the user's other devices have moved.
        return find_row(tx, device.id).await;
    }
    Ok(DeviceRow {
        device,
        owner_login: owner.login.clone(),
        around: Surroundings {
            user_deleted: false,
            user_disabled: owner.disabled,
            user_expires_at: owner.expires_at,
            user_data_limit_bytes: None,
            device_used_bytes: 0,
            user_used_bytes: 0,
        },
        last_handshake: None,
        network_config_revision: network.config_revision,
    })
}

pub(in crate::app) async fn refuse_over_limit(tx: &mut Tx, owner: &User) -> Result<()> {
    if owner.deleted_at.is_some() {
        return Err(no_user());
    }
    let Some(limit) = owner.device_limit else { return Ok(()) };
    if devices::count_of_user(tx, owner.id).await? < u64::from(limit) {
        return Ok(());
    }
    Err(AppError::conflict(
        "device_limit",
        format!("this user may have {limit} devices and has them; delete one, or ask an operator for more"),
    ))
}

fn no_user() -> AppError {
    AppError::invalid("/user_id", "there is no such user")
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
