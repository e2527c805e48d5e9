//! The settings that every request is judged by, held in memory.
//!
//! Invariant: no request waits for the database because of them. They are read again after each change here, and by the
//! clock for changes elsewhere; while the database is away the last ones hold.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::networks::all_live;
use crate::domain::gate::Gate;
use crate::domain::settings::Settings;
use crate::store::backend::Conn;
use crate::store::settings;

/// What was read last.
#[derive(Debug, Default)]
pub(in crate::app) struct Policy(RwLock<Arc<Gate>>);

impl Policy {
    fn replace(&self, gate: Gate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(gate);
    }
}

impl App {
    /// Which addresses may reach the panel and the API.
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.core.policy.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether no limit by address holds there: the setting `login_unlimited_from`.
    pub fn is_unlimited(&self, address: IpAddr) -> bool {
        self.core.login_limit.is_unlimited(Some(address))
    }

    /// Reads the rules again: what another replica has changed, or what a change of a network's pools means.
    pub async fn reload_policy(&self) -> Result<()> {
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
