//! Makes a repeated create the same create: the key is kept in the transaction that made the thing.

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::time::Timestamp;
use crate::store::backend::Tx;
use crate::store::idempotency;

/// The thing that an earlier request with the same key made, if there was one.
pub(in crate::app) async fn seen(tx: &mut Tx, ctx: &Ctx, action: Action) -> Result<Option<String>> {
    let Some(key) = &ctx.idempotency else { return Ok(None) };
    let Some(seen) = idempotency::find(tx, &key.key_hash, &actor(ctx), action.as_str()).await? else {
        return Ok(None);
    };
    if seen.request_hash == key.request_hash {
        return Ok(Some(seen.target));
    }
    Err(AppError::conflict(
        "idempotency_key_reused",
        "this Idempotency-Key was used for another request; take a new key for each new thing",
    ))
}

/// Remembers what this request made.
pub(in crate::app) async fn keep(
    tx: &mut Tx,
    ctx: &Ctx,
    action: Action,
    target: &str,
    now: Timestamp,
) -> Result<()> {
    let Some(key) = &ctx.idempotency else { return Ok(()) };
    idempotency::insert(tx, &key.key_hash, &actor(ctx), action.as_str(), &key.request_hash, target, now).await?;
    Ok(())
}

fn actor(ctx: &Ctx) -> String {
    match ctx.actor.user() {
        Some(user) => user.to_string(),
        None => ctx.actor.kind().to_owned(),
    }
}
