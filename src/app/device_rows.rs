//! Devices as use cases read them: with the facts around them that their state follows from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::ctx::Scope;
use crate::app::error::{AppError, Result};
use crate::domain::access::{Action, Actor, Reach};
use crate::domain::device::{Device, DeviceReason, DeviceState, Surroundings};
use crate::domain::id::{DeviceId, UserId};
use crate::domain::name::Login;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::store::backend::Conn;
use crate::store::peers::PeerFacts;
use crate::store::{devices, peers, users};

/// A device with the facts around it that its state follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device.
    pub device: Device,
    /// What its owner signs in with.
    pub owner_login: Login,
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
    /// What its owner signs in with; none where the actor may not read that user.
    pub owner_login: Option<Login>,
}

/// The device, unless deleted or outside the scope.
pub(in crate::app) async fn live(on: &mut Conn, id: DeviceId, scope: Scope) -> Result<Device> {
    let found = devices::find(on, id).await?.filter(|device| {
        device.deleted_at.is_none() && scope.owner().is_none_or(|owner| owner == device.user)
    });
    found.ok_or(AppError::not_found("device"))
}

/// The device for an act on it, unless deleted, outside the scope, or of an account the actor does not manage.
pub(in crate::app) async fn touch(
    on: &mut Conn,
    actor: Actor,
    action: Action,
    scope: Scope,
    id: DeviceId,
) -> Result<Device> {
    let device = live(on, id, scope).await?;
    require_rank(on, actor, action, device.user).await?;
    Ok(device)
}

/// Refuses an act on a device of a user whose account the actor does not manage.
pub(in crate::app) async fn require_rank(
    on: &mut Conn,
    actor: Actor,
    action: Action,
    owner: UserId,
) -> Result<User> {
    let found = users::find(on, owner).await?.ok_or(AppError::not_found("user"))?;
    refuse_rank(actor, action, &found)?;
    Ok(found)
}

/// The same, of a user who is at hand.
pub(in crate::app) fn refuse_rank(actor: Actor, action: Action, owner: &User) -> Result<()> {
    if actor.may_touch_device_of(owner.id, owner.role) {
        return Ok(());
    }
    Err(AppError::Forbidden {
        action,
        why: "your role may not act on devices of an account of that role; ask an owner or admin",
    })
}

/// The row of a device that is not deleted.
pub(in crate::app) async fn find_row(on: &mut Conn, id: DeviceId) -> Result<DeviceRow> {
    let found = peers::find(on, id).await?.filter(|found| found.device.deleted_at.is_none());
    found.map(row_of).ok_or(AppError::not_found("device"))
}

/// The row of a deleted device in the scope.
pub(in crate::app) async fn find_deleted_row(on: &mut Conn, id: DeviceId, scope: Scope) -> Result<DeviceRow> {
    let found = peers::find(on, id).await?.filter(|PeerFacts { device, .. }| {
        device.deleted_at.is_some() && scope.owner().is_none_or(|owner| owner == device.user)
    });
    found.map(row_of).ok_or(AppError::not_found("device"))
}

/// The rows of a page, in its order.
pub(in crate::app) async fn rows(on: &mut Conn, page: Vec<Device>) -> Result<Vec<DeviceRow>> {
    let ids: Vec<DeviceId> = page.iter().map(|device| device.id).collect();
    let mut found: BTreeMap<DeviceId, PeerFacts> =
        peers::of_devices(on, &ids).await?.into_iter().map(|facts| (facts.device.id, facts)).collect();
    Ok(ids.into_iter().filter_map(|id| found.remove(&id)).map(row_of).collect())
}

fn row_of(facts: PeerFacts) -> DeviceRow {
    DeviceRow {
        device: facts.device,
        owner_login: facts.owner_login,
        around: facts.around,
        last_handshake: facts.last_handshake_at,
        network_config_revision: facts.network_config_revision,
    }
}

/// A row with what follows from it, as far as this actor may see it.
pub(in crate::app) fn item(actor: Actor, row: Arc<DeviceRow>, now: Timestamp) -> DeviceItem {
    let (state, reason) = row.device.state(&row.around, now);
    let outdated = row.device.is_outdated(row.network_config_revision);
    let owner_login = may_read(actor, row.device.user).then(|| row.owner_login.clone());
    DeviceItem { row, state, reason, outdated, owner_login }
}

/// Whether the actor may read this user in a list or alone. A token reads nothing that its scopes do not name.
fn may_read(actor: Actor, user: UserId) -> bool {
    [Action::UserList, Action::UserGet].into_iter().any(|action| match actor.reach(action) {
        Reach::All => true,
        Reach::Own => actor.user() == Some(user),
        Reach::None => false,
    })
}
