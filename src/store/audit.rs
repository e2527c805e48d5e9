//! Audit events, written in the transaction of the act they tell of.
//!
//! Invariant: events are added here and nowhere changed. How they are sealed, erased and removed is `audit_segments`.

use crate::domain::audit::{AuditEvent, Outcome};
use crate::domain::id::UserId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::webhook::Telling;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::fields::Json;
use crate::store::list::{Select, Sort};
use crate::store::value::{Bind, Column, FromRow, Kind, Row, Unfit, Value, params};
use crate::store::webhooks;

/// Events are listed in the order in which they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditSort {
    /// When it happened.
    #[default]
    At,
}

impl Sort for AuditSort {
    fn column(self) -> (&'static str, Kind) {
        ("at", Kind::Int)
    }
}

/// Which events a list holds.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only what this user did.
    pub actor: Option<UserId>,
    /// Only this action.
    pub action: Option<String>,
    /// Only what was done to this kind of thing.
    pub target_kind: Option<String>,
    /// Only what was done to this thing.
    pub target: Option<String>,
    /// Only what ended so.
    pub outcome: Option<Outcome>,
    /// Only from this time on.
    pub from: Option<Timestamp>,
    /// Only before this time.
    pub to: Option<Timestamp>,
}

const INSERT: &str = "INSERT INTO audit_events (id, at, actor_kind, actor_id, action, target_kind, target_id, outcome, \
    request_id, source, before_state, after_state, api_token_id, source_salt) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

/// Writes an event, and notes what webhooks are to tell of it.
///
/// # Errors
/// The store's.
pub async fn insert(tx: &mut Tx, event: &AuditEvent) -> Result<(), StoreError> {
    let params = params![
        event.id,
        event.at,
        event.actor_kind.as_str(),
        event.actor,
        event.action.as_str(),
        event.target_kind.as_str(),
        event.target.as_deref(),
        event.outcome,
        event.request,
        event.source.as_deref(),
        event.before.as_ref().map(Json),
        event.after.as_ref().map(Json),
        event.api_token,
        event.source_salt.as_ref().map(<[u8; 16]>::as_slice),
    ];
    tx.execute(INSERT, params).await?;
    match Telling::of(event) {
        Some(telling) => webhooks::note(tx, &telling).await,
        None => Ok(()),
    }
}

/// A page of events.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    filter: &AuditFilter,
    page: &PageRequest<AuditSort>,
) -> Result<Page<AuditEvent>, StoreError> {
    let mut select = Select::from("audit_events");
    select.and_if("actor_id = {}", filter.actor);
    select.and_if("action = {}", filter.action.as_deref());
    select.and_if("target_kind = {}", filter.target_kind.as_deref());
    select.and_if("target_id = {}", filter.target.as_deref());
    select.and_if("outcome = {}", filter.outcome);
    select.and_if("at >= {}", filter.from);
    select.and_if("at < {}", filter.to);
    // Events have no searchable column: words in a request for them are passed over.
    let page = PageRequest { search: None, ..page.clone() };
    select.page(conn, &page).await
}

impl Bind for Outcome {
    const KIND: Kind = Kind::Text;

    fn bind(self) -> Value {
        self.as_str().bind()
    }
}

impl Column for Outcome {
    fn column(value: Value) -> Result<Self, Unfit> {
        let name = String::column(value)?;
        [Self::Done, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
            .ok_or(Unfit::new("an outcome"))
    }
}

impl FromRow for AuditEvent {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            at: row.take("at")?,
            actor_kind: row.take("actor_kind")?,
            actor: row.take("actor_id")?,
            api_token: row.take("api_token_id")?,
            action: row.take("action")?,
            target_kind: row.take("target_kind")?,
            target: row.take("target_id")?,
            outcome: row.take("outcome")?,
            request: row.take("request_id")?,
            source: row.take("source")?,
            // Read with the sealed row alone.
            source_salt: None,
            before: row.take::<Option<Json<_>>>("before_state")?.map(|json| json.0),
            after: row.take::<Option<Json<_>>>("after_state")?.map(|json| json.0),
        })
    }
}
