//! The state of the service as an operator wants to see it at a glance.

use std::time::Duration;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::device::DeviceState;
use crate::domain::node::NodeHealth;
use crate::domain::time::Timestamp;
use crate::store::backend::Conn;
use crate::store::{nodes, states};

/// The use cases of the service itself.
#[derive(Debug, Clone, Copy)]
pub struct System<'a>(pub(in crate::app) &'a App);

/// What runs here and how it is.
#[derive(Debug, Clone)]
pub struct SystemState {
    /// The program's version.
    pub version: &'static str,
    /// What it was compiled for.
    pub target: &'static str,
    /// The licence it is under, by its SPDX identifier.
    pub license: &'static str,
    /// When this process began.
    pub started_at: Timestamp,
    /// How long ago that is.
    pub uptime: Duration,
    /// `sqlite` or `postgres`.
    pub database: &'static str,
    /// What the appliance's own node says of itself; `None` where no node runs here.
    pub node: Option<NodeHealth>,
    /// Devices in each state.
    pub devices: Vec<(DeviceState, u64)>,
}

impl System<'_> {
    /// The state now.
    pub async fn get(&self, ctx: &Ctx) -> Result<SystemState> {
        ctx.require(Action::SystemGet)?;
        let local = self.0.core.facts.local_node;
        let now = self.0.now();
        let (node, devices) = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let node = if local { nodes::find_local(on).await? } else { None };
                Ok::<_, AppError>((node, states::count(on, now).await?))
            })
            .await?;
        Ok(SystemState {
            version: env!("CARGO_PKG_VERSION"),
            target: env!("CASPERVPN_TARGET"),
            license: env!("CARGO_PKG_LICENSE"),
            started_at: self.0.core.opened_at,
            uptime: now.since(self.0.core.opened_at),
            database: self.0.core.facts.database,
            node: node.map(|node| node.health),
            devices: devices.into_iter().collect(),
        })
    }
}
