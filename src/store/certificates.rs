//! Certificates that the service orders.
//!
//! Invariant: only who holds a row writes how its order goes. Holds go by the database's clock, and a worker that lost one
//! has no say any more, so there is one order for a name however many look after it.

use std::time::Duration;

use crate::domain::certificate::{Certificate, CertificateName, Issued};
use crate::domain::renewal::{ChosenWindow, Lifetime};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::value::{FromRow, Row, params};

/// A certificate with its chain and its sealed key, to be served.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedPair {
    /// What it is for.
    pub name: CertificateName,
    /// PEM.
    pub chain: String,
    /// Sealed.
    pub private_key: Vec<u8>,
}

/// An order under way.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptOrder {
    /// Where it is.
    pub url: String,
    /// The key of the certificate to come, sealed.
    pub key: Vec<u8>,
}

/// A certificate as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPair {
    /// What it says.
    pub issued: Issued,
    /// PEM.
    pub chain: String,
    /// Sealed.
    pub private_key: Vec<u8>,
}

/// Every column but the sealed ones and the chain.
const FACTS: &str = "name, not_before, not_after, issuer, fingerprint, obtained_at, window_start, window_end, \
    window_chosen, ask_again_at, attempts, failures, attempted_at, next_try_at, last_error, last_error_at, revision";

/// Nobody holds it: `?1` is the database's clock.
const FREE: &str = "(held_until IS NULL OR held_until <= ?1)";

/// An attempt is due at `?2`, or the authority is to be asked. One that failed at a time that lies ahead of `?3` was dated
/// by a clock that has been set back.
const DUE: &str = "(next_try_at <= ?2 OR ask_again_at <= ?2 OR (failures > 0 AND attempted_at > ?3))";

/// Clocks of several machines differ by less: `domain::renewal::is_due` decides.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3600);

/// Every one, by name.
///
/// # Errors
/// The store's.
pub async fn list(conn: &mut Conn) -> Result<Vec<Certificate>, StoreError> {
    conn.query(&format!("SELECT {FACTS} FROM certificates ORDER BY name"), &[]).await
}

/// One.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, name: &CertificateName) -> Result<Option<Certificate>, StoreError> {
    conn.find(&format!("SELECT {FACTS} FROM certificates WHERE name = ?1"), params![name]).await
}

/// What tells whether another certificate than before is in force anywhere: each name with its fingerprint.
///
/// # Errors
/// The store's.
pub async fn marks(conn: &mut Conn) -> Result<Vec<(CertificateName, String)>, StoreError> {
    const SQL: &str =
        "SELECT name, fingerprint FROM certificates WHERE fingerprint IS NOT NULL ORDER BY name";
    let mut rows: Vec<Row> = conn.query(SQL, &[]).await?;
    rows.iter_mut().map(|row| Ok((row.take("name")?, row.take("fingerprint")?))).collect()
}

/// Those in force, by name.
///
/// # Errors
/// The store's.
pub async fn pairs(conn: &mut Conn) -> Result<Vec<IssuedPair>, StoreError> {
    const SQL: &str =
        "SELECT name, chain, private_key FROM certificates WHERE fingerprint IS NOT NULL ORDER BY name";
    conn.query(SQL, &[]).await
}

/// The chain in force.
///
/// # Errors
/// The store's.
pub async fn chain(conn: &mut Conn, name: &CertificateName) -> Result<Option<String>, StoreError> {
    conn.find("SELECT chain FROM certificates WHERE name = ?1 AND chain IS NOT NULL", params![name]).await
}

/// The order under way.
///
/// # Errors
/// The store's.
pub async fn order(conn: &mut Conn, name: &CertificateName) -> Result<Option<KeptOrder>, StoreError> {
    const SQL: &str = "SELECT order_url, order_key FROM certificates WHERE name = ?1 \
        AND order_url IS NOT NULL AND order_key IS NOT NULL";
    conn.find(SQL, params![name]).await
}

/// Sees to these names from now on and to no others. Those that are new are due at once.
///
/// # Errors
/// The store's.
pub async fn follow(tx: &mut Tx, names: &[CertificateName], now: Timestamp) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO certificates (name, attempts, failures, next_try_at, revision, created_at) \
        VALUES (?1, 0, 0, ?2, 1, ?2) ON CONFLICT (name) DO NOTHING";
    for Certificate { name, .. } in list(tx).await? {
        if !names.contains(&name) {
            tx.execute("DELETE FROM certificates WHERE name = ?1", params![&name]).await?;
        }
    }
    for name in names {
        tx.execute(INSERT, params![name, now]).await?;
    }
    Ok(())
}

/// Begins anew with whatever is not as wanted: orders under way are given up, and who works on one has no say any more.
///
/// # Errors
/// The store's.
pub async fn begin_anew(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    const ORDERS: &str = "UPDATE certificates SET order_url = NULL, order_key = NULL, held_by = NULL, \
        held_until = NULL, ask_again_at = ?1";
    const FAILED: &str = "UPDATE certificates SET failures = 0, attempted_at = NULL, next_try_at = ?1, \
        revision = revision + 1 WHERE failures > 0";
    tx.execute(ORDERS, params![now]).await?;
    tx.execute(FAILED, params![now]).await.map(drop)
}

/// Lets a name be tried at once, whatever it waits for.
///
/// # Errors
/// `NotFound`.
pub async fn ask(tx: &mut Tx, name: &CertificateName, now: Timestamp) -> Result<Certificate, StoreError> {
    let sql = format!(
        "UPDATE certificates SET next_try_at = ?2, failures = 0, revision = revision + 1 WHERE name = ?1 RETURNING {FACTS}"
    );
    tx.find(&sql, params![name, now]).await?.ok_or_else(|| StoreError::new(ErrorKind::NotFound))
}

/// Whether there is something to do. Costs a read.
///
/// # Errors
/// The store's.
pub async fn any_due(conn: &mut Conn, now: Timestamp) -> Result<bool, StoreError> {
    let clock = conn.database_now_ms().await?;
    let sql = format!("SELECT name FROM certificates WHERE {FREE} AND {DUE} LIMIT 1");
    let found: Option<Row> = conn.find(&sql, params![clock, now, now + CLOCKS_DIFFER]).await?;
    Ok(found.is_some())
}

/// Takes what is due for a worker, what waits longest first. Nobody else takes it for as long as it is held.
///
/// # Errors
/// The store's.
pub async fn take(
    tx: &mut Tx,
    worker: &str,
    limit: u32,
    now: Timestamp,
    held_for: Duration,
) -> Result<Vec<Certificate>, StoreError> {
    let clock = tx.database_now_ms().await?;
    let sql = format!(
        "UPDATE certificates SET held_by = ?4, held_until = ?5 WHERE name IN (SELECT name FROM certificates \
         WHERE {FREE} AND {DUE} ORDER BY next_try_at, name LIMIT ?6{skip}) RETURNING {FACTS}",
        skip = tx.skip_locked(),
    );
    let until = held_until(clock, held_for);
    tx.query(&sql, params![clock, now, now + CLOCKS_DIFFER, worker, until, limit]).await
}

/// Keeps a row for longer; false when it is another's by now.
///
/// # Errors
/// The store's.
pub async fn hold(
    tx: &mut Tx,
    name: &CertificateName,
    worker: &str,
    held_for: Duration,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE certificates SET held_until = ?3 WHERE name = ?1 AND held_by = ?2";
    let until = held_until(tx.database_now_ms().await?, held_for);
    Ok(tx.execute(SQL, params![name, worker, until]).await? > 0)
}

fn held_until(clock_ms: i64, held_for: Duration) -> i64 {
    clock_ms.saturating_add(i64::try_from(held_for.as_millis()).unwrap_or(i64::MAX))
}

/// Lets others have the row; false when it is another's by now.
///
/// # Errors
/// The store's.
pub async fn release(tx: &mut Tx, name: &CertificateName, worker: &str) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE certificates SET held_by = NULL, held_until = NULL WHERE name = ?1 AND held_by = ?2";
    Ok(tx.execute(SQL, params![name, worker]).await? > 0)
}

/// Counts an attempt before it is made: whoever dies in it leaves the wait behind. False when it is another's by now.
///
/// # Errors
/// The store's.
pub async fn begin_attempt(
    tx: &mut Tx,
    name: &CertificateName,
    worker: &str,
    now: Timestamp,
    next_try_at: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE certificates SET attempts = attempts + 1, failures = failures + 1, attempted_at = ?3, \
        next_try_at = ?4, revision = revision + 1 WHERE name = ?1 AND held_by = ?2";
    Ok(tx.execute(SQL, params![name, worker, now, next_try_at]).await? > 0)
}

/// Keeps an order, or forgets it; false when the row is another's by now.
///
/// # Errors
/// The store's.
pub async fn keep_order(
    tx: &mut Tx,
    name: &CertificateName,
    worker: &str,
    order: Option<&KeptOrder>,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE certificates SET order_url = ?3, order_key = ?4 WHERE name = ?1 AND held_by = ?2";
    let (url, key) = (order.map(|order| order.url.as_str()), order.map(|order| order.key.as_slice()));
    Ok(tx.execute(SQL, params![name, worker, url, key]).await? > 0)
}

/// Puts a certificate into force and ends its order; false when the row is another's by now.
///
/// # Errors
/// The store's.
pub async fn issue(
    tx: &mut Tx,
    name: &CertificateName,
    worker: &str,
    new: &NewPair,
    next_try_at: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE certificates SET chain = ?3, private_key = ?4, not_before = ?5, not_after = ?6, \
        issuer = ?7, fingerprint = ?8, obtained_at = ?9, window_start = NULL, window_end = NULL, \
        window_chosen = NULL, ask_again_at = ?9, order_url = NULL, order_key = NULL, failures = 0, \
        next_try_at = ?10, last_error = NULL, last_error_at = NULL, held_by = NULL, held_until = NULL, \
        revision = revision + 1 WHERE name = ?1 AND held_by = ?2";
    let it = &new.issued;
    let (chain, key) = (new.chain.as_str(), new.private_key.as_slice());
    let (from, until) = (it.life.not_before, it.life.not_after);
    let (issuer, fingerprint) = (it.issuer.as_str(), it.fingerprint.as_str());
    let params =
        params![name, worker, chain, key, from, until, issuer, fingerprint, it.obtained_at, next_try_at];
    Ok(tx.execute(SQL, params).await? > 0)
}

/// Notes why an attempt brought none, and lets others have the row; false when it is another's by now.
///
/// # Errors
/// The store's.
pub async fn fail(
    tx: &mut Tx,
    name: &CertificateName,
    worker: &str,
    why: &str,
    now: Timestamp,
    next_try_at: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE certificates SET last_error = ?3, last_error_at = ?4, next_try_at = ?5, \
        held_by = NULL, held_until = NULL, revision = revision + 1 WHERE name = ?1 AND held_by = ?2";
    Ok(tx.execute(SQL, params![name, worker, why, now, next_try_at]).await? > 0)
}

/// Notes when the authority wants a certificate renewed, and lets others have the row; false when it is another's by now, or
/// somebody changed it meanwhile.
///
/// # Errors
/// The store's.
pub async fn keep_window(
    tx: &mut Tx,
    (name, revision): (&CertificateName, i64),
    worker: &str,
    window: Option<ChosenWindow>,
    (next_try_at, ask_again_at): (Timestamp, Option<Timestamp>),
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE certificates SET window_start = ?3, window_end = ?4, window_chosen = ?5, \
        next_try_at = ?6, ask_again_at = ?7, held_by = NULL, held_until = NULL, revision = revision + 1 \
        WHERE name = ?1 AND held_by = ?2 AND revision = ?8";
    let (start, end) = (window.map(|it| it.start), window.map(|it| it.end));
    let chosen = window.map(|it| it.chosen);
    let params = params![name, worker, start, end, chosen, next_try_at, ask_again_at, revision];
    Ok(tx.execute(SQL, params).await? > 0)
}

impl FromRow for Certificate {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let start: Option<Timestamp> = row.take("window_start")?;
        let window = match (start, row.take("window_end")?, row.take("window_chosen")?) {
            (Some(start), Some(end), Some(chosen)) => Some(ChosenWindow { start, end, chosen }),
            _ => None,
        };
        Ok(Self {
            name: row.take("name")?,
            issued: issued(row)?,
            window,
            ask_again_at: row.take("ask_again_at")?,
            attempts: row.take("attempts")?,
            failures: row.take("failures")?,
            attempted_at: row.take("attempted_at")?,
            next_try_at: row.take("next_try_at")?,
            last_error: row.take("last_error")?,
            last_error_at: row.take("last_error_at")?,
            revision: row.take("revision")?,
        })
    }
}

fn issued(row: &mut Row) -> Result<Option<Issued>, StoreError> {
    let fingerprint: Option<String> = row.take("fingerprint")?;
    let Some(fingerprint) = fingerprint else { return Ok(None) };
    Ok(Some(Issued {
        life: Lifetime { not_before: row.take("not_before")?, not_after: row.take("not_after")? },
        issuer: row.take("issuer")?,
        fingerprint,
        obtained_at: row.take("obtained_at")?,
    }))
}

impl FromRow for IssuedPair {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { name: row.take("name")?, chain: row.take("chain")?, private_key: row.take("private_key")? })
    }
}

impl FromRow for KeptOrder {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { url: row.take("order_url")?, key: row.take("order_key")? })
    }
}
