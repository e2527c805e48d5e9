//! The first run: one link, spent once, makes the owner, the endpoint, the network and the first device.
//!
//! Invariant: without the link, or the host itself, nobody sets up anything; and nobody at all once there is an owner.

use std::time::Duration;

use crate::app::ctx::Ctx;
use crate::app::device_create::{self, CreateDevice, DeviceKey};
use crate::app::device_rows::{self, DeviceItem, DeviceRow};
use crate::app::error::{AppError, Result};
use crate::app::export::{self, Revealed, Source};
use crate::app::links::OneTimeLink;
use crate::app::networks::{self, CreateNetwork};
use crate::app::node_networks::{self, NewPlace};
use crate::app::passwords::names;
use crate::app::users::{self, CreateUser};
use crate::app::{App, ctx::Scope};
use crate::domain::access::{Action, Actor, Role};
use crate::domain::acme::DirectoryUrl;
use crate::domain::device::NewDevice;
use crate::domain::id::{DeviceId, LinkId, NetworkId};
use crate::domain::key::PublicKey;
use crate::domain::name::{DeviceName, Host};
use crate::domain::network::{Network, NewNetwork};
use crate::domain::node::Port;
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User};
use crate::secrets::token::SetupToken;
use crate::store::backend::{Conn, Tx};
use crate::store::links::{self, Link};
use crate::store::{audit, settings as stored, users as user_rows};

/// The use cases of the first run.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a>(pub(in crate::app) &'a App);

/// What the first run makes.
#[derive(Debug, Clone)]
pub struct SetupRequest {
    /// The owner.
    pub owner: CreateUser,
    /// Where clients reach the node inside this appliance.
    pub endpoint_host: Host,
    /// The UDP port; the node listens on it as well.
    pub endpoint_port: Option<Port>,
    /// The first network.
    pub network: CreateNetwork,
    /// The owner's first device, with the key its client made.
    pub device: Option<FirstDevice>,
}

/// The owner's first device.
#[derive(Debug, Clone)]
pub struct FirstDevice {
    /// What it is called.
    pub name: DeviceName,
    /// The key its client made.
    pub public_key: PublicKey,
}

/// What the first run made.
#[derive(Debug, Clone)]
pub struct SetupDone {
    /// The owner.
    pub user: User,
    /// The network.
    pub network: NetworkId,
    /// The first device.
    pub device: Option<DeviceItem>,
    /// Its configuration, with a place for the key that only its client knows.
    pub config: Option<Revealed>,
    /// The authority that certificates are ordered from, where the host's administrator has set one.
    pub authority: Option<DirectoryUrl>,
}

/// How long a setup link is good.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// The kind of a setup link.
const KIND: &str = "setup";

/// What one transaction of the first run writes.
struct Plan {
    user: NewUser,
    settings: Settings,
    port: Option<Port>,
    network: NewNetwork,
    place: NewPlace,
    device: Option<NewDevice>,
}

/// What it has written.
struct Made {
    user: User,
    network: Network,
    device: Option<(DeviceRow, Source)>,
}

impl Setup<'_> {
    /// Whether there is no owner yet.
    pub async fn is_needed(&self) -> Result<bool> {
        let owners = self
            .0
            .core
            .store
            .read(async |on: &mut Conn| user_rows::count_able(on, Role::Owner).await)
            .await?;
        Ok(owners == 0)
    }

    /// Makes a new setup link; the one before is dead.
    pub async fn link_create(&self, ctx: &Ctx) -> Result<OneTimeLink> {
        ctx.require(Action::SetupLinkCreate)?;
        let app = self.0;
        let now = app.now();
        let token = SetupToken::generate().map_err(AppError::broken("making a setup link"))?;
        let digest = *token.digest().as_bytes();
        let expires_at = now + GOOD_FOR;
        let link = Link {
            id: LinkId::new(app.core.clock.new_id()),
            kind: KIND.to_owned(),
            target: None,
            user_epoch: None,
            expires_at,
            used_at: None,
            created_at: now,
        };
        let event = app.event(ctx, Action::SetupLinkCreate.as_str(), ("setup", String::new()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                refuse_with_owner(tx).await?;
                links::revoke(tx, KIND, None).await?;
                links::insert(tx, &link, &digest).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        Ok(OneTimeLink { token: token.reveal(), expires_at })
    }

    /// Sets the service up for the holder of the link.
    pub async fn run(&self, ctx: &Ctx, token: &str, request: SetupRequest) -> Result<SetupDone> {
        const BAD: AppError = AppError::Unauthenticated {
            why: "the setup link was used, is too old, or another one was made since; `caspervpn setup-link` prints a new one",
        };
        let token = SetupToken::parse(token).map_err(|_| BAD)?;
        let digest = *token.digest().as_bytes();
        let now = self.0.now();
        let link = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(links::find(on, KIND, &digest, now).await?))
            .await?;
        // Checked before the costly work, and again where it counts.
        if link.is_none() {
            return Err(BAD);
        }
        self.perform(ctx, Some(digest), request).await
    }

    /// Sets the service up for the host's administrator.
    pub async fn run_unattended(&self, ctx: &Ctx, request: SetupRequest) -> Result<SetupDone> {
        ctx.require(Action::SetupLinkCreate)?;
        self.perform(ctx, None, request).await
    }

    async fn perform(&self, ctx: &Ctx, digest: Option<[u8; 32]>, request: SetupRequest) -> Result<SetupDone> {
        let app = self.0;
        let now = app.now();
        let plan = app.plan(ctx, request).await?;
        let authority = app.current_settings().await?.0.acme.map(|acme| acme.directory);
        let event = app.event(ctx, "setup_run", ("user", plan.user.id.to_string()));
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                refuse_with_owner(tx).await?;
                if let Some(digest) = digest {
                    let spent = links::spend(tx, KIND, &digest, now).await?;
                    spent.ok_or(AppError::Unauthenticated { why: "the setup link was just used" })?;
                }
                let made = write(tx, &plan, now).await?;
                let mut event = event.clone();
                event.actor = Some(made.user.id);
                event.after = Some(users::facts(&made.user));
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(made)
            })
            .await
            .map_err(in_setup)?;
        app.user_changed();
        let (device, config) = match made.device {
            None => (None, None),
            Some((row, source)) => {
                // Whoever sets the service up is the owner whose device this is.
                let item = device_rows::item(Actor::System, row.into(), now);
                (Some(item), Some(app.render(&source)?))
            }
        };
        Ok(SetupDone { user: made.user, network: made.network.id, device, config, authority })
    }
}

impl App {
    async fn plan(&self, ctx: &Ctx, request: SetupRequest) -> Result<Plan> {
        let Some(password) = &request.owner.password else {
            return Err(AppError::invalid("/owner/password", "the owner needs a password"));
        };
        let network = self.new_network(request.network).map_err(|error| within("/network", error))?;
        let own = names(&request.owner.login, request.owner.display_name.as_ref());
        let hash = self.hash_new("/owner/password", password, &own).await?;
        let user = users::new_user(self, CreateUser { role: Role::Owner, ..request.owner }, Some(hash))?;
        let device = match request.device {
            None => None,
            Some(first) => {
                let create = CreateDevice {
                    user: None,
                    network: Some(network.id),
                    name: first.name,
                    key: DeviceKey::Client(first.public_key),
                    preshared_key: true,
                    expires_at: None,
                    duration_s: None,
                    data_limit_bytes: None,
                    note: "".parse().map_err(AppError::broken("an empty note"))?,
                };
                Some(self.new_device(DeviceId::new(self.core.clock.new_id()), user.id, create)?)
            }
        };
        let (settings, _) = self.current_settings().await?;
        Ok(Plan {
            user,
            settings: Settings { endpoint_host: Some(request.endpoint_host), ..settings },
            port: request.endpoint_port,
            network,
            place: NewPlace::prepare(self, ctx)?,
            device,
        })
    }
}

async fn write(tx: &mut Tx, plan: &Plan, now: Timestamp) -> Result<Made> {
    let user = user_rows::insert(tx, &plan.user, now).await?;
    let revision = stored::service(tx).await?.revision;
    stored::set_service(tx, &plan.settings, revision, now).await?;
    let network = networks::insert(tx, &plan.network, now).await?;
    node_networks::place_local(tx, &plan.place, &network, plan.port, now).await?;
    let device = match &plan.device {
        None => None,
        Some(new) => {
            let row = device_create::insert(tx, new.clone(), &user, &network, now).await?;
            let source = export::take(tx, Scope::All, row.device.id).await?;
            Some((row, source))
        }
    };
    Ok(Made { user, network, device })
}

async fn refuse_with_owner(tx: &mut Tx) -> Result<()> {
    if user_rows::count_able(tx, Role::Owner).await? == 0 {
        return Ok(());
    }
    Err(AppError::conflict("already_set_up", "the service has an owner already; sign in instead"))
}

/// Places of faults as the setup's own request has them.
fn in_setup(error: AppError) -> AppError {
    match error {
        AppError::Conflict { code, detail, pointer: Some("/login") } => {
            AppError::Conflict { code, detail, pointer: Some("/owner/login") }
        }
        AppError::Conflict { code, detail, pointer: Some("/public_key") } => {
            AppError::Conflict { code, detail, pointer: Some("/device/public_key") }
        }
        AppError::Conflict { code, detail, pointer: Some("/name") } => {
            AppError::Conflict { code, detail, pointer: Some("/network/name") }
        }
        AppError::Invalid { .. } => within("/network", error),
        AppError::NotFound { .. }
        | AppError::Forbidden { .. }
        | AppError::Unproven { .. }
        | AppError::Unauthenticated { .. }
        | AppError::Conflict { .. }
        | AppError::Stale { .. }
        | AppError::TooMany { .. }
        | AppError::Busy { .. }
        | AppError::Internal { .. } => error,
    }
}

/// Moves the faults of a part to their place in the whole.
fn within(prefix: &str, error: AppError) -> AppError {
    match error {
        AppError::Invalid { mut faults } => {
            for fault in &mut faults {
                fault.pointer = format!("{prefix}{}", fault.pointer);
            }
            AppError::Invalid { faults }
        }
        AppError::NotFound { .. }
        | AppError::Forbidden { .. }
        | AppError::Unproven { .. }
        | AppError::Unauthenticated { .. }
        | AppError::Conflict { .. }
        | AppError::Stale { .. }
        | AppError::TooMany { .. }
        | AppError::Busy { .. }
        | AppError::Internal { .. } => error,
    }
}
