//! Deleted devices keep their addresses, so that a delete can be undone: how many, and who gives way when a pool is full.

use crate::app::devices::facts;
use crate::app::error::{AppError, Result};
use crate::domain::audit::AuditEvent;
use crate::domain::id::{DeviceId, NetworkId, UserId};
use crate::store::backend::Tx;
use crate::store::{audit, devices, users};

/// Deleted devices that are kept for a user without a device limit: more than anybody deletes by mistake.
const KEPT_DELETED: u64 = 1000;

/// Deleted devices that one delete may purge, so that it stays short after a limit was lowered.
const PURGED_AT_ONCE: u64 = 100;

/// What the audit calls it.
pub(in crate::app) const RECLAIM: &str = "device_reclaim";

/// Purges a user's oldest deleted devices past as many as the user may have: with those that live it is twice the limit
/// at most. Done where a device is deleted, as only that adds one.
pub(in crate::app) async fn keep_few_deleted(tx: &mut Tx, user: UserId) -> Result<()> {
    let limit = users::find(tx, user).await?.and_then(|owner| owner.device_limit);
    // The one just deleted is always kept, so that this can be undone.
    let kept = limit.map_or(KEPT_DELETED, |limit| u64::from(limit.max(1)));
    let excess = devices::count_deleted_of_user(tx, user).await?.saturating_sub(kept).min(PURGED_AT_ONCE);
    if let (1.., Ok(excess)) = (excess, u32::try_from(excess)) {
        devices::purge_of_user(tx, user, excess).await?;
    }
    Ok(())
}

/// Purges the longest deleted device of a network whose pool is used up: who needs an address now goes before who might
/// want a delete undone. The event is the service's own, for whoever looks for that device. `None` where every address
/// is of a device that lives.
pub(in crate::app) async fn make_room(
    tx: &mut Tx,
    network: NetworkId,
    event: &AuditEvent,
) -> Result<Option<DeviceId>> {
    let Some(device) = devices::reclaim(tx, network).await? else { return Ok(None) };
    let mut event = event.removed(facts(&device));
    event.target = Some(device.id.to_string());
    audit::insert(tx, &event).await?;
    Ok(Some(device.id))
}

/// Whether a pool of the network has no address left.
pub(in crate::app) fn is_exhausted(error: &AppError) -> bool {
    matches!(error, AppError::Conflict { code: "pool_exhausted", .. })
}
