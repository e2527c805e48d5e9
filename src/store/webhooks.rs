//! Webhooks, what is still to be told, and the log of what was.
//!
//! Invariant: what is to be told is written in the transaction of the act it tells of, and only while there is somebody to
//! tell; who is told is found out later.

use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::webhook::{Delivery, EventKind, Failing, Telling, Webhook};
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::list::{Select, Sort};
use crate::store::value::{Bind, Column, FromRow, Kind, Row, Unfit, Value, params};

/// Deliveries of webhooks that are there.
const OF_LIVE: &str = "webhook_id IN (SELECT id FROM webhooks WHERE deleted_at IS NULL)";

/// Lists of webhooks and deliveries go by when they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookSort {
    /// When they were made.
    CreatedAt,
}

impl Sort for WebhookSort {
    fn column(self) -> (&'static str, Kind) {
        ("created_at", Kind::Int)
    }
}

/// Makes a webhook with its sealed secret.
///
/// # Errors
/// The store's.
pub async fn insert(tx: &mut Tx, webhook: &Webhook, secret: &[u8]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO webhooks (id, url, secret, kinds, active, failures, revision, created_at, updated_at, \
        search) VALUES (?1, ?2, ?3, ?4, ?5, 0, 1, ?6, ?6, '')";
    let it = webhook;
    let params = params![it.id, it.url.as_str(), secret, words(&it.kinds), it.active, it.created_at];
    tx.execute(SQL, params).await.map(drop)
}

/// A webhook.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    conn.find("SELECT * FROM webhooks WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// A webhook's sealed secret.
///
/// # Errors
/// `NotFound`.
pub async fn secret(conn: &mut Conn, id: WebhookId) -> Result<Vec<u8>, StoreError> {
    conn.one("SELECT secret FROM webhooks WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// How many there are.
///
/// # Errors
/// The store's.
pub async fn count(conn: &mut Conn) -> Result<u64, StoreError> {
    conn.one("SELECT COUNT(*) FROM webhooks WHERE deleted_at IS NULL", &[]).await
}

/// A page of webhooks.
///
/// # Errors
/// `BadCursor`.
pub async fn list(conn: &mut Conn, page: &PageRequest<WebhookSort>) -> Result<Page<Webhook>, StoreError> {
    let mut select = Select::from("webhooks");
    select.and_plain("deleted_at IS NULL");
    select.page(conn, page).await
}

/// Writes a webhook's fields if the row still has the expected revision.
///
/// # Errors
/// `Stale`.
pub async fn update(
    tx: &mut Tx,
    webhook: &Webhook,
    expected: i64,
    now: Timestamp,
) -> Result<Webhook, StoreError> {
    const SQL: &str = "UPDATE webhooks SET url = ?3, kinds = ?4, active = ?5, updated_at = ?6, \
        revision = revision + 1 WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";
    let it = webhook;
    let params = params![it.id, expected, it.url.as_str(), words(&it.kinds), it.active, now];
    tx.find(SQL, params).await?.ok_or_else(|| StoreError::new(ErrorKind::Stale))
}

/// Deletes a webhook: neither it nor its log is there any more for whoever asks. Its log may be long, so the rows go
/// later, by [`purge_deleted`]; what is secret goes now.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, id: WebhookId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE webhooks SET deleted_at = ?2, active = FALSE, url = '', secret = ?3 \
        WHERE id = ?1 AND deleted_at IS NULL";
    let nothing: &[u8] = &[];
    tx.execute(SQL, params![id, now, nothing]).await.map(drop)
}

/// Removes what deleted webhooks left, at most `limit` deliveries and then the webhooks without any; says how many.
///
/// # Errors
/// The store's.
pub async fn purge_deleted(tx: &mut Tx, limit: u32) -> Result<u64, StoreError> {
    const LOG: &str = "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries \
        WHERE webhook_id IN (SELECT id FROM webhooks WHERE deleted_at IS NOT NULL) LIMIT ?1)";
    const WEBHOOKS: &str = "DELETE FROM webhooks WHERE deleted_at IS NOT NULL \
        AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook_id = webhooks.id)";
    let deliveries = tx.execute(LOG, params![limit]).await?;
    if deliveries >= u64::from(limit) {
        return Ok(deliveries);
    }
    Ok(deliveries + tx.execute(WEBHOOKS, &[]).await?)
}

/// Notes which calls have failed in a row. No change that a person made: the revision stays.
///
/// # Errors
/// The store's.
pub async fn note_failing(tx: &mut Tx, id: WebhookId, failing: Option<Failing>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE webhooks SET failing_since = ?2, failures = ?3, failed_at = ?4 WHERE id = ?1";
    let (since, last_at) = (failing.map(|it| it.since), failing.map(|it| it.last_at));
    tx.execute(SQL, params![id, since, failing.map_or(0, |it| it.calls), last_at]).await.map(drop)
}

/// Notes what is to be told, while there is a webhook that tells anything.
///
/// # Errors
/// The store's.
pub async fn note(tx: &mut Tx, telling: &Telling) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO webhook_events (id, kind, body) SELECT ?1, ?2, ?3 \
        WHERE EXISTS (SELECT 1 FROM webhooks WHERE active = TRUE)";
    tx.execute(SQL, params![telling.id.as_str(), telling.kind, telling.body.as_str()]).await.map(drop)
}

/// Whether anything is still to be told, as far as this program knows of it.
///
/// # Errors
/// The store's.
pub async fn any_noted(conn: &mut Conn) -> Result<bool, StoreError> {
    let sql = format!("SELECT id FROM webhook_events WHERE kind IN ({}) LIMIT 1", known_kinds());
    let found: Option<String> = conn.find(&sql, &[]).await?;
    Ok(found.is_some())
}

/// How much is still to be told that only a newer program knows how to tell.
///
/// # Errors
/// The store's.
pub async fn count_strange(conn: &mut Conn) -> Result<u64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM webhook_events WHERE kind NOT IN ({})", known_kinds());
    conn.one(&sql, &[]).await
}

/// An event of a kind that only a newer program knows waits for that program, which may run beside this one.
fn known_kinds() -> String {
    let names: Vec<_> = EventKind::ALL.iter().map(|kind| format!("'{kind}'")).collect();
    names.join(", ")
}

/// Takes what is to be told, the oldest first.
///
/// # Errors
/// The store's.
pub async fn take_noted(tx: &mut Tx, limit: u32) -> Result<Vec<Telling>, StoreError> {
    let sql = format!(
        "DELETE FROM webhook_events WHERE id IN (SELECT id FROM webhook_events WHERE kind IN ({known}) \
         ORDER BY id LIMIT ?1{skip}) RETURNING id, kind, body",
        known = known_kinds(),
        skip = tx.skip_locked(),
    );
    tx.query(&sql, params![limit]).await
}

/// The webhooks that tell anything.
///
/// # Errors
/// The store's.
pub async fn active(conn: &mut Conn) -> Result<Vec<Webhook>, StoreError> {
    conn.query("SELECT * FROM webhooks WHERE active = TRUE ORDER BY id", &[]).await
}

/// The webhooks whose last call failed, at most a page of them.
///
/// # Errors
/// The store's.
pub async fn failing(conn: &mut Conn) -> Result<Vec<Webhook>, StoreError> {
    const SQL: &str =
        "SELECT * FROM webhooks WHERE failing_since IS NOT NULL AND deleted_at IS NULL ORDER BY id LIMIT 200";
    conn.query(SQL, &[]).await
}

/// Makes a delivery.
///
/// # Errors
/// The store's.
pub async fn insert_delivery(tx: &mut Tx, delivery: &Delivery) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO webhook_deliveries (id, webhook_id, event_id, kind, body, delivered, attempts, \
        created_at, search) VALUES (?1, ?2, ?3, ?4, ?5, FALSE, 0, ?6, '')";
    let it = delivery;
    let params = params![it.id, it.webhook, it.event.as_str(), it.kind, it.body.as_str(), it.created_at];
    tx.execute(SQL, params).await.map(drop)
}

/// A delivery.
///
/// # Errors
/// The store's.
pub async fn find_delivery(conn: &mut Conn, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    conn.find(&format!("SELECT * FROM webhook_deliveries WHERE id = ?1 AND {OF_LIVE}"), params![id]).await
}

/// A page of deliveries, of one webhook and of those that did or did not arrive where that is given.
///
/// # Errors
/// `BadCursor`.
pub async fn deliveries(
    conn: &mut Conn,
    webhook: Option<WebhookId>,
    delivered: Option<bool>,
    page: &PageRequest<WebhookSort>,
) -> Result<Page<Delivery>, StoreError> {
    let mut select = Select::from("webhook_deliveries");
    select.and_plain(OF_LIVE);
    select.and_if("webhook_id = {}", webhook);
    select.and_if("delivered = {}", delivered);
    select.page(conn, page).await
}

/// Writes down how an attempt ended.
///
/// # Errors
/// The store's.
pub async fn note_attempt(tx: &mut Tx, delivery: &Delivery) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE webhook_deliveries SET delivered = ?2, attempts = attempts + 1, status = ?3, took_ms = ?4, \
        error = ?5, attempted_at = ?6 WHERE id = ?1";
    let it = delivery;
    let params = params![it.id, it.delivered, it.status, it.took_ms, it.error.as_deref(), it.attempted_at];
    tx.execute(SQL, params).await.map(drop)
}

/// Removes deliveries made before a time, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM webhook_deliveries WHERE id IN \
        (SELECT id FROM webhook_deliveries WHERE created_at < ?1 ORDER BY created_at, id LIMIT ?2)";
    tx.execute(SQL, params![before, limit]).await
}

fn words(kinds: &[EventKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" ")
}

impl Bind for EventKind {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.as_str().bind()
    }
}

impl Column for EventKind {
    fn column(value: Value) -> Result<Self, Unfit> {
        String::column(value)?.parse().map_err(|_| Unfit::new("a kind of event"))
    }
}

impl FromRow for Webhook {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let words: String = row.take("kinds")?;
        let kinds: Vec<_> = words.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        // Kinds that only a newer program knows are nothing that this one could tell of, and none is not every one.
        let knows_any = words.is_empty() || !kinds.is_empty();
        Ok(Self {
            id: row.take("id")?,
            url: row.take("url")?,
            kinds,
            active: row.take::<bool>("active")? && knows_any,
            failing: failing_of(row)?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
        })
    }
}

fn failing_of(row: &mut Row) -> Result<Option<Failing>, StoreError> {
    let calls = row.take("failures")?;
    let (since, last_at): (Option<Timestamp>, Option<Timestamp>) =
        (row.take("failing_since")?, row.take("failed_at")?);
    Ok(since.zip(last_at).map(|(since, last_at)| Failing { since, calls, last_at }))
}

impl FromRow for Telling {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.take("id")?, kind: row.take("kind")?, body: row.take("body")? })
    }
}

impl FromRow for Delivery {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            webhook: row.take("webhook_id")?,
            event: row.take("event_id")?,
            kind: row.take("kind")?,
            body: row.take("body")?,
            delivered: row.take("delivered")?,
            attempts: row.take("attempts")?,
            status: row.take("status")?,
            took_ms: row.take("took_ms")?,
            error: row.take("error")?,
            created_at: row.take("created_at")?,
            attempted_at: row.take("attempted_at")?,
        })
    }
}
