//! Work the service does by itself, each a step that may be repeated.

use std::time::Duration;

use tracing::info;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::idempotency::KEPT;
use crate::domain::settings::{RetentionDays, Settings};
use crate::domain::time::Timestamp;
use crate::store::backend::Tx;
use crate::store::error::StoreError;
use crate::store::{
    acme, api_tokens, challenges, devices, idempotency, invites, jobs, links, networks, outbox, sessions,
    usage, users, webhooks,
};
use crate::telemetry::names;

/// How long an ended session, or a link, can be told from one that never was.
const ENDED_KEPT: Duration = days(7);

/// How long an expired API token is listed, so that whoever wonders why a program stopped finds the reason.
const EXPIRED_TOKENS_KEPT: Duration = days(30);

/// How long an invite that is over is listed, so that its maker sees what became of it.
const INVITES_KEPT: Duration = days(30);

/// How long an ended job can be looked at, without what it worked on, and a delivery of a webhook with it.
const ENDED_JOBS_KEPT: Duration = days(7);

/// How long a delete can be undone: a month of absence, after which names, keys, addresses and ports are free again.
const DELETED_KEPT: Duration = days(30);

/// How long invalidations are kept. Whoever was away for longer takes a snapshot.
const OUTBOX_KEPT: Duration = Duration::from_secs(3600);

/// Rows that one transaction removes: few enough that others wait for milliseconds.
const ROWS_AT_ONCE: u32 = 500;

/// Devices that one transaction removes: each takes several statements.
const DEVICES_AT_ONCE: u32 = 200;

/// Transactions for one kind in one step: what is left waits for the next step, which comes within minutes.
const BATCHES: u32 = 50;

/// What is removed when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Old {
    IdempotencyKeys,
    Challenges,
    Links,
    Sessions,
    ApiTokens,
    Invites,
    Jobs,
    WebhookDeliveries,
    DeletedWebhooks,
    Outbox,
    DailyUsage,
    Devices,
    Networks,
    Users,
    AcmeProofs,
}

impl Old {
    const ALL: [Self; 15] = [
        Self::IdempotencyKeys,
        Self::Challenges,
        Self::Links,
        Self::Sessions,
        Self::ApiTokens,
        Self::Invites,
        Self::Jobs,
        Self::WebhookDeliveries,
        Self::DeletedWebhooks,
        Self::Outbox,
        Self::DailyUsage,
        Self::Devices,
        // Behind the devices, which stand in the way.
        Self::Networks,
        Self::Users,
        Self::AcmeProofs,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Challenges => "challenges",
            Self::Links => "links",
            Self::Sessions => "sessions",
            Self::ApiTokens => "api_tokens",
            Self::Invites => "invites",
            Self::Jobs => "jobs",
            Self::WebhookDeliveries => "webhook_deliveries",
            Self::DeletedWebhooks => "deleted_webhooks",
            Self::Outbox => "outbox",
            Self::DailyUsage => "usage_daily",
            Self::Devices => "devices",
            Self::Networks => "networks",
            Self::Users => "users",
            Self::AcmeProofs => "acme_proofs",
        }
    }

    const fn kept(self, settings: &Settings) -> Duration {
        match self {
            Self::IdempotencyKeys => KEPT,
            Self::Challenges | Self::DeletedWebhooks | Self::AcmeProofs => Duration::ZERO,
            Self::Links | Self::Sessions => ENDED_KEPT,
            Self::ApiTokens => EXPIRED_TOKENS_KEPT,
            Self::Invites => INVITES_KEPT,
            Self::Jobs | Self::WebhookDeliveries => ENDED_JOBS_KEPT,
            Self::Outbox => OUTBOX_KEPT,
            Self::DailyUsage => retention(settings.usage_retention_days),
            Self::Devices | Self::Networks | Self::Users => DELETED_KEPT,
        }
    }

    const fn at_once(self) -> u32 {
        match self {
            Self::Devices => DEVICES_AT_ONCE,
            Self::IdempotencyKeys
            | Self::Challenges
            | Self::Links
            | Self::Sessions
            | Self::ApiTokens
            | Self::Invites
            | Self::Jobs
            | Self::WebhookDeliveries
            | Self::DeletedWebhooks
            | Self::Outbox
            | Self::DailyUsage
            | Self::Networks
            | Self::Users
            | Self::AcmeProofs => ROWS_AT_ONCE,
        }
    }

    async fn purge(self, tx: &mut Tx, before: Timestamp) -> Result<u64, StoreError> {
        let limit = self.at_once();
        match self {
            Self::IdempotencyKeys => idempotency::purge(tx, before, limit).await,
            Self::Challenges => challenges::purge(tx, before, limit).await,
            Self::Links => links::purge(tx, before, limit).await,
            Self::Sessions => sessions::purge(tx, before, limit).await,
            Self::ApiTokens => api_tokens::purge(tx, before, limit).await,
            Self::Invites => invites::purge(tx, before, limit).await,
            Self::Jobs => jobs::purge(tx, before, limit).await,
            Self::WebhookDeliveries => webhooks::purge(tx, before, limit).await,
            Self::DeletedWebhooks => webhooks::purge_deleted(tx, limit).await,
            Self::Outbox => outbox::purge(tx, before, limit).await,
            Self::DailyUsage => usage::purge_daily(tx, before, limit).await,
            Self::Devices => devices::purge(tx, before, limit).await,
            Self::Networks => networks::purge(tx, before, limit).await,
            Self::Users => users::purge(tx, before, limit).await,
            Self::AcmeProofs => acme::purge(tx, before, limit).await,
        }
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

const fn retention(kept: RetentionDays) -> Duration {
    Duration::from_secs(kept.days() as u64 * 86_400)
}

/// What was deleted earlier cannot be restored any more: it may be half gone.
pub(in crate::app) fn restorable_since(now: Timestamp) -> Timestamp {
    now.before(DELETED_KEPT)
}

fn note_purged(kind: &'static str, purged: u64) {
    metrics::counter!(names::PURGED_ROWS.name, "kind" => kind).increment(purged);
    info!(purge.kind = kind, purge.rows = purged, "removed {purged} rows of {kind} whose time was over");
}

impl App {
    /// Removes what is older than it is kept. A kind that fails does not keep the others; the first failure is told.
    pub async fn purge_step(&self) -> Result<()> {
        let (settings, _) = self.current_settings().await?;
        let mut failure = None;
        for old in Old::ALL {
            match self.purge(old, self.now().before(old.kept(&settings))).await {
                Ok(0) => {}
                Ok(purged) => note_purged(old.as_str(), purged),
                Err(cause) => failure = failure.or(Some(cause)),
            }
        }
        // Not removed, and looked at as seldom: a program that runs without its newer one has no reason to say so each second.
        failure = failure.or(self.warn_of_strange_events().await.err());
        // Sources first: whole segments are then removed without them.
        let before = self.now().before(retention(settings.audit_source_days));
        match self.erase_audit_sources(before).await {
            Ok(0) => {}
            Ok(erased) => {
                info!(audit.segments = erased, "erased where the events of {erased} audit segments came from")
            }
            Err(cause) => failure = failure.or(Some(cause)),
        }
        match self.prune_audit(self.now().before(retention(settings.audit_retention_days))).await {
            Ok(0) => {}
            Ok(pruned) => note_purged("audit_events", pruned),
            Err(cause) => failure = failure.or(Some(cause)),
        }
        failure.map_or(Ok(()), Err)
    }

    async fn purge(&self, old: Old, before: Timestamp) -> Result<u64> {
        let mut sum = 0;
        for _ in 0..BATCHES {
            let purged = self
                .core
                .store
                .write(async move |tx: &mut Tx| Ok::<_, AppError>(old.purge(tx, before).await?))
                .await?;
            sum += purged;
            if purged > 0 && matches!(old, Old::Devices | Old::Networks | Old::Users) {
                self.core.devices.forget_all();
            }
            if purged < u64::from(old.at_once()) {
                break;
            }
        }
        Ok(sum)
    }
}
