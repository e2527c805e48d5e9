//! Devices: WireGuard peers of users.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::ctx::{Ctx, Scope};
use crate::app::device_create::refuse_over_limit;
use crate::app::device_room::keep_few_deleted;
use crate::app::device_rows::{
    DeviceItem, DeviceRow, find_deleted_row, find_row, item, live, require_rank, rows, touch,
};
use crate::app::error::{AppError, Result};
use crate::app::jobs::restorable_since;
use crate::app::{App, Patch, Revision, expect_revision, noun};
use crate::domain::access::{Action, Actor};
use crate::domain::device::{Device, DisabledBy, is_online};
use crate::domain::id::DeviceId;
use crate::domain::name::{DeviceName, Note};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, devices, usage};

pub use crate::store::devices::{DeviceFilter, DeviceSort};
pub use crate::store::usage::DailyUsage;

/// The use cases of devices.
#[derive(Debug, Clone, Copy)]
pub struct Devices<'a>(pub(in crate::app) &'a App);

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

/// Days that one answer about usage may span: as many as are kept where nobody says otherwise.
pub const MAX_USAGE_DAYS: i64 = 400;

/// Refuses days that no answer about usage spans.
pub(in crate::app) fn check_days(from: i64, to: i64) -> Result<()> {
    if (0..MAX_USAGE_DAYS).contains(&(to - from)) {
        return Ok(());
    }
    Err(AppError::invalid("/from", "give at most 400 days, the first one not after the last"))
}

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
        let now = self.0.now();
        let filter = DeviceFilter { user: owner.or(filter.user), now, ..filter };
        let page = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let Page { items, next } = devices::list(on, &filter, &page).await?;
                Ok::<_, AppError>(Page { items: rows(on, items).await?, next })
            })
            .await?;
        let actor = ctx.actor;
        Ok(page.map(|row| item(actor, Arc::new(row), now)))
    }

    /// One device; a deleted one for whoever is given it in the list of them.
    pub async fn get(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceGet)?;
        let row = match (self.row(scope, id).await, ctx.scope(Action::DeviceList)) {
            (Err(AppError::NotFound { .. }), Ok(listed)) => self.deleted_row(listed, id).await?,
            (found, _) => found?,
        };
        Ok(item(ctx.actor, row, self.0.now()))
    }

    /// Changes a device. Only those who manage accounts set limits.
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
        refuse_limits(ctx.actor, Action::DeviceUpdate, limits)?;
        self.change(ctx, Action::DeviceUpdate, scope, id, move |device| {
            expect_revision("device", device.revision, revision)?;
            apply(device, &request);
            Ok(())
        })
        .await
    }

    /// Lets a device connect again. An owner undoes so only what an owner did.
    pub async fn enable(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceEnable)?;
        self.change(ctx, Action::DeviceEnable, scope, id, move |device| {
            if scope != Scope::All && device.disabled_by_whom() == Some(DisabledBy::Operator) {
                return Err(AppError::Forbidden {
                    action: Action::DeviceEnable,
                    why: "an operator stopped this device, and only an operator can let it connect again; ask one",
                });
            }
            device.enable();
            Ok(())
        })
        .await
    }

    /// Stops a device; its traffic ends within two seconds.
    pub async fn disable(&self, ctx: &Ctx, id: DeviceId) -> Result<DeviceItem> {
        let scope = ctx.scope(Action::DeviceDisable)?;
        let by = ctx.actor.user();
        self.change(ctx, Action::DeviceDisable, scope, id, move |device| {
            device.disable(by);
            Ok(())
        })
        .await
    }

    /// Deletes a device. Its key and addresses stay its own until a purge, so that it can be undone. A user's oldest
    /// deleted devices are purged at once where there are too many of them.
    pub async fn delete(&self, ctx: &Ctx, id: DeviceId, revision: Revision) -> Result<()> {
        let scope = ctx.scope(Action::DeviceDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::DeviceDelete.as_str(), ("device", id.to_string()));
        let actor = ctx.actor;
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let device = touch(tx, actor, Action::DeviceDelete, scope, id).await?;
                expect_revision("device", device.revision, revision)?;
                devices::delete(tx, id, revision, now).await?;
                keep_few_deleted(tx, device.user).await?;
                audit::insert(tx, &event.removed(facts(&device))).await?;
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
        let actor = ctx.actor;
        let row = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let found = devices::find(tx, id).await?.filter(|device| {
                    device.deleted_at.is_some_and(|at| at >= restorable_since(now))
                        && scope.owner().is_none_or(|owner| owner == device.user)
                });
                let found = found.ok_or(AppError::not_found("deleted device"))?;
                let owner = require_rank(tx, actor, Action::DeviceRestore, found.user).await?;
                refuse_over_limit(tx, &owner).await?;
                let device = devices::undelete(tx, id, now).await?;
                audit::insert(tx, &event.made(facts(&device))).await?;
                find_row(tx, id).await
            })
            .await
            .map_err(noun("device"))?;
        app.device_changed(id);
        Ok(item(actor, Arc::new(row), now))
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
        check_days(from, to)?;
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

    async fn deleted_row(&self, scope: Scope, id: DeviceId) -> Result<Arc<DeviceRow>> {
        let found =
            self.0.core.store.read(async move |on: &mut Conn| find_deleted_row(on, id, scope).await).await?;
        Ok(Arc::new(found))
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
        let actor = ctx.actor;
        let row = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = touch(tx, actor, action, scope, id).await?;
                let mut after = before.clone();
                edit(&mut after)?;
                let after = devices::update(tx, &after, before.revision, now).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                find_row(tx, id).await
            })
            .await
            .map_err(noun("device"))?;
        app.device_changed(id);
        Ok(item(actor, Arc::new(row), now))
    }
}

impl App {
    /// After a device changed: nobody may be shown the old row, and its nodes must hear of it.
    pub(in crate::app) fn device_changed(&self, id: DeviceId) {
        self.core.devices.forget(&id);
        self.publish();
    }
}

/// Refuses a request that says something of expiry or limits, from those who do not set them.
pub(in crate::app) const fn refuse_limits(actor: Actor, action: Action, limits: bool) -> Result<()> {
    if !limits || actor.sets_limits() {
        return Ok(());
    }
    Err(AppError::Forbidden {
        action,
        why: "your role does not set a device's expiry and limits; ask an operator, admin or owner",
    })
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

/// What the audit keeps of a device.
pub(in crate::app) fn facts(device: &Device) -> Value {
    json!({
        "user_id": device.user, "network_id": device.network, "name": device.name,
        "public_key": device.public_key, "ipv4": device.ipv4, "ipv6": device.ipv6,
        "disabled": device.disabled, "expires_at": device.expires_at, "duration_s": device.duration_s,
        "data_limit_bytes": device.data_limit_bytes, "note": device.note,
    })
}
