//! Makes a repeated create the same create: the key is kept in the transaction that made the thing.

use std::time::Duration;

use crate::app::ctx::{Ctx, Idempotency};
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::time::Timestamp;
use crate::store::backend::Tx;
use crate::store::idempotency::{self, Replay};

/// How long a key answers with the same thing.
pub(in crate::app) const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The status of an answer to a create. What was made is read anew for a replay, so that no secret is kept here.
const CREATED: u16 = 201;

/// The thing that an earlier request with the same key made, if there was one.
pub(in crate::app) async fn seen(
    tx: &mut Tx,
    ctx: &Ctx,
    action: Action,
    now: Timestamp,
) -> Result<Option<String>> {
    let Some(key) = &ctx.idempotency else { return Ok(None) };
    let Some(seen) = idempotency::find(tx, &actor(ctx), &key.key_hash, now.before(KEPT)).await? else {
        return Ok(None);
    };
    if seen.request_hash == request_hash(key, action) {
        return String::from_utf8(seen.body)
            .map(Some)
            .map_err(AppError::broken("reading the idempotency key"));
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
    let replay = Replay {
        request_hash: request_hash(key, action),
        status: CREATED,
        body: target.as_bytes().to_vec(),
        created_at: now,
    };
    idempotency::insert(tx, &actor(ctx), &key.key_hash, &replay, now.before(KEPT)).await?;
    Ok(())
}

/// The same body sent to make another kind of thing is another request.
fn request_hash(key: &Idempotency, action: Action) -> Vec<u8> {
    let mut hash = key.request_hash.to_vec();
    hash.extend_from_slice(action.as_str().as_bytes());
    hash
}

fn actor(ctx: &Ctx) -> String {
    match ctx.actor.user() {
        Some(user) => user.to_string(),
        None => ctx.actor.kind().to_owned(),
    }
}
