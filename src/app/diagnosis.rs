//! Why a device cannot connect, as far as the service knows.

use crate::app::ctx::{Ctx, Scope};
use crate::app::device_rows::live;
use crate::app::devices::Devices;
use crate::app::error::{AppError, Result};
use crate::app::node_networks::endpoint;
use crate::domain::access::Action;
use crate::domain::diagnosis::{Check, Known, diagnose};
use crate::domain::id::DeviceId;
use crate::store::backend::Conn;
use crate::store::{networks, node_networks, nodes, peers, settings};

impl Devices<'_> {
    /// What is in the way of a device, one check after the other. What is wrong with servers is told to those who may read
    /// nodes; others are told that something is.
    pub async fn diagnose(&self, ctx: &Ctx, id: DeviceId) -> Result<Vec<Check>> {
        let scope = ctx.scope(Action::DeviceDiagnosis)?;
        let is_operator = scope == Scope::All && ctx.require(Action::NodeGet).is_ok();
        let app = self.0;
        let now = app.now();
        app.core
            .store
            .read(async move |on: &mut Conn| {
                live(on, id, scope).await?;
                let facts = peers::find(on, id).await?.ok_or(AppError::not_found("device"))?;
                let network = networks::get(on, facts.device.network).await?;
                let places = node_networks::of_network(on, network.id).await?;
                let place = places.iter().find(|it| Some(it.node) == facts.last_node).or(places.first());
                let node = match place {
                    Some(place) => nodes::find(on, place.node).await?,
                    None => None,
                };
                let settings = settings::service(on).await?.value;
                let known = Known {
                    state: facts.device.state(&facts.around, now),
                    endpoint: place.and_then(|place| endpoint(place, &settings)),
                    node,
                    network,
                    last_handshake_at: facts.last_handshake_at,
                    traffic: facts.traffic,
                    is_operator,
                    device: facts.device,
                };
                Ok::<_, AppError>(diagnose(&known, now))
            })
            .await
    }
}
