//! Why a device cannot connect, as far as the service knows, and what it finds by asking name servers.
//!
//! Invariant: nobody but the name of the public endpoint is looked up, nobody but the network's name servers is asked, and for
//! one device that happens once at a time and within some seconds. So nobody can look around through this.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::app::App;
use crate::app::ctx::{Ctx, Scope};
use crate::app::device_rows::live;
use crate::app::devices::Devices;
use crate::app::error::{AppError, Result};
use crate::app::node_networks::endpoint;
use crate::domain::access::Action;
use crate::domain::diagnosis::{Check, Known, NameServer, Resolved, diagnose};
use crate::domain::id::DeviceId;
use crate::domain::name::Host;
use crate::store::backend::Conn;
use crate::store::{networks, node_networks, nodes, peers, settings};
use crate::tls::name_server::try_name_server;

impl Devices<'_> {
    /// What is in the way of a device, one check after the other. What is wrong with servers is told to those who may read
    /// nodes; others are told that something is.
    ///
    /// # Errors
    /// `NotFound`; `TooMany` while the device is being looked at already.
    pub async fn diagnose(&self, ctx: &Ctx, id: DeviceId) -> Result<Vec<Check>> {
        let scope = ctx.scope(Action::DeviceDiagnosis)?;
        let is_operator = scope == Scope::All && ctx.require(Action::NodeGet).is_ok();
        let app = self.0;
        let mut known = app.what_is_known(id, scope, is_operator).await?;
        let mut turn = Turn::take(app, id)?;
        let host = known.endpoint.as_ref().map(|endpoint| endpoint.host.clone());
        // From another machine, or while there is no tunnel, the same servers may well be seen otherwise.
        let is_here = app.core.facts.local_node
            && known.reporting(app.now()).is_some_and(|node| node.local && node.health.backend != "off");
        let servers = if is_here { known.network.client.dns.clone() } else { Vec::new() };
        let (resolved, name_servers) = tokio::join!(resolve(host, &mut turn), ask_all(&servers));
        known.resolved = resolved;
        known.name_servers = is_here.then_some(name_servers);
        Ok(diagnose(&known, app.now()))
    }
}

impl App {
    async fn what_is_known(&self, id: DeviceId, scope: Scope, is_operator: bool) -> Result<Known> {
        let now = self.now();
        let whereabouts = self.core.whereabouts.find(&id);
        self.core
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
                let heard = place.zip(node.as_ref()).map(|(place, node)| {
                    (place.listen_port, node.health.handshakes.get(&place.interface).copied())
                });
                Ok::<_, AppError>(Known {
                    state: facts.device.state(&facts.around, now),
                    port: heard,
                    endpoint: place.and_then(|place| endpoint(place, &settings)),
                    resolved: Resolved::Untried,
                    name_servers: None,
                    node,
                    network,
                    last_handshake_at: facts.last_handshake_at,
                    whereabouts,
                    shows_address: settings.show_endpoints,
                    traffic: facts.traffic,
                    is_operator,
                    device: facts.device,
                })
            })
            .await
    }
}

/// Which devices are being looked at.
#[derive(Debug, Default)]
pub(in crate::app) struct Looks(Mutex<HashMap<DeviceId, Look>>);

#[derive(Debug, Clone, Copy)]
enum Look {
    UnderWay,
    /// It is over, but the thread that asks the resolver for it may not be: nobody can call that back.
    Resolving {
        until: Instant,
    },
}

impl Looks {
    /// Whether another look at a device may begin.
    fn begin(&self, device: DeviceId, now: Instant) -> bool {
        let mut looks = self.looks();
        looks.retain(|_, look| match look {
            Look::UnderWay => true,
            Look::Resolving { until } => now < *until,
        });
        let may = looks.len() < MOST_AT_ONCE && !looks.contains_key(&device);
        if may {
            looks.insert(device, Look::UnderWay);
        }
        may
    }

    fn end(&self, device: DeviceId, resolving: Option<Instant>) {
        match resolving {
            Some(until) => self.looks().insert(device, Look::Resolving { until }),
            None => self.looks().remove(&device),
        };
    }

    /// A panic of another holder leaves entries, not broken data.
    fn looks(&self) -> MutexGuard<'_, HashMap<DeviceId, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to look at a device, until it is dropped.
struct Turn<'a> {
    app: &'a App,
    device: DeviceId,
    resolving: Option<Instant>,
}

impl<'a> Turn<'a> {
    fn take(app: &'a App, device: DeviceId) -> Result<Self> {
        if app.core.looks.begin(device, app.core.clock.instant()) {
            Ok(Self { app, device, resolving: None })
        } else {
            Err(AppError::TooMany { retry_after: PATIENCE })
        }
    }

    /// Keeps the turn for as long as the resolver may go on.
    fn keep(&mut self) {
        self.resolving = Some(self.app.core.clock.instant() + RESOLVING);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.app.core.looks.end(self.device, self.resolving);
    }
}

/// Where a host leads, by the resolver of the system.
async fn resolve(host: Option<Host>, turn: &mut Turn<'_>) -> Resolved {
    let Some(host) = host.filter(|host| !host.is_this_machine()) else { return Resolved::Untried };
    match timeout(PATIENCE, lookup_host((host.as_str(), 0))).await {
        Ok(Ok(found)) => {
            let found: BTreeSet<IpAddr> =
                found.map(|it| it.ip().to_canonical()).take(MOST_ADDRESSES).collect();
            if found.is_empty() {
                Resolved::Nowhere("it has no address".to_owned())
            } else {
                Resolved::To(found)
            }
        }
        Ok(Err(cause)) => Resolved::Nowhere(cause.to_string()),
        Err(_) => {
            turn.keep();
            Resolved::Nowhere(format!("no answer in {} s", PATIENCE.as_secs()))
        }
    }
}

/// Asks all of them at once.
async fn ask_all(servers: &[IpAddr]) -> BTreeMap<IpAddr, NameServer> {
    let asked = servers.iter().map(|server| async move {
        let answer = try_name_server(*server).await;
        (*server, answer.map_or_else(NameServer::Fails, |()| NameServer::Answers))
    });
    join_all(asked).await.into_iter().collect()
}

/// Nobody waits longer for a page.
const PATIENCE: Duration = Duration::from_secs(3);

/// More than one name of a service has.
const MOST_ADDRESSES: usize = 16;

/// How long a resolver that hangs is waited for: three servers, each asked twice for five seconds (resolv.conf(5)).
const RESOLVING: Duration = Duration::from_secs(30);

/// Each may take a thread of those that hash passwords, too, of which there are hundreds.
const MOST_AT_ONCE: usize = 32;

#[cfg(test)]
mod tests {
    use super::{Looks, MOST_AT_ONCE, RESOLVING};
    use crate::domain::id::DeviceId;
    use std::time::Instant;
    use uuid::Uuid;

    fn device(number: usize) -> DeviceId {
        DeviceId::new(Uuid::from_u128(number as u128))
    }

    #[test]
    fn a_device_is_looked_at_once_at_a_time_also_while_the_resolver_goes_on() {
        let (looks, now) = (Looks::default(), Instant::now());

        assert!(looks.begin(device(1), now));
        assert!(!looks.begin(device(1), now));
        looks.end(device(1), None);
        assert!(looks.begin(device(1), now));
        looks.end(device(1), Some(now + RESOLVING));

        assert!(!looks.begin(device(1), now + RESOLVING / 2));
        assert!(looks.begin(device(1), now + RESOLVING));
    }

    #[test]
    fn many_devices_are_not_looked_at_all_at_once() {
        let (looks, now) = (Looks::default(), Instant::now());

        let begun = (0..2 * MOST_AT_ONCE).filter(|number| looks.begin(device(*number), now)).count();
        looks.end(device(0), None);

        assert_eq!(begun, MOST_AT_ONCE);
        assert!(looks.begin(device(99), now));
    }
}
