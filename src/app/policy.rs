//! The settings that every request is judged by, held in memory.
//!
//! Invariant: no request waits for the database because of them. They are read again after each change here, and every
//! ten seconds for changes elsewhere; while the database is away the last ones hold.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::networks::all_live;
use crate::domain::gate::Gate;
use crate::domain::settings::Settings;
use crate::store::backend::Conn;
use crate::store::settings;
use crate::telemetry::chain::chain;

/// The longest a change made elsewhere, by another replica or to a network's pools, goes unseen.
const HOLDS_FOR: Duration = Duration::from_secs(10);

/// What was read last.
#[derive(Debug, Default)]
pub(in crate::app) struct Policy(RwLock<Held>);

#[derive(Debug, Clone, Default)]
struct Held {
    gate: Arc<Gate>,
    read_at: Option<Instant>,
}

impl Policy {
    fn held(&self) -> Held {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Claims the next reading, so that of many requests one does it.
    fn claim(&self, now: Instant) -> bool {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_due = held.read_at.is_none_or(|at| now.saturating_duration_since(at) >= HOLDS_FOR);
        if is_due {
            held.read_at = Some(now);
        }
        is_due
    }

    fn replace(&self, gate: Gate) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).gate = Arc::new(gate);
    }
}

impl App {
    /// Which addresses may reach the panel and the API.
    pub async fn gate(&self) -> Arc<Gate> {
        let policy = &self.core.policy;
        if policy.claim(self.core.clock.instant())
            && let Err(error) = self.reload_policy().await
        {
            warn!(error = %chain(&error), "cannot read who may reach the API; the last rule holds");
        }
        policy.held().gate
    }

    /// Reads the rules again.
    pub(in crate::app) async fn reload_policy(&self) -> Result<()> {
        let (settings, gate) = self
            .core
            .store
            .read(async |on: &mut Conn| {
                let settings = settings::service(on).await?.value;
                let gate = gate(on, &settings).await?;
                Ok::<_, AppError>((settings, gate))
            })
            .await?;
        self.core.login_limit.set_unlimited(settings.login_unlimited_from.into());
        self.core.policy.replace(gate);
        Ok(())
    }
}

/// The rule that these settings make, with the networks as they are.
pub(in crate::app) async fn gate(on: &mut Conn, settings: &Settings) -> Result<Gate> {
    let pools = if settings.api_only_from_vpn {
        let networks = all_live(on).await?;
        let pools = networks.iter().flat_map(|network| [network.pools.ipv4(), network.pools.ipv6()]);
        Some(pools.flatten().map(|pool| pool.net()).collect())
    } else {
        None
    };
    Ok(Gate::new(settings.api_allowed_from.clone(), pools))
}
