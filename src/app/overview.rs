//! The overview: how everything does, in one answer.
//!
//! Invariant: whoever asks, it is computed at most once in two seconds, and costs the same however many ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Mutex;

use crate::app::App;
use crate::app::certificates::CertificateItem;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::networks::{NetworkItem, all_live, item};
use crate::app::nodes::{NodeItem, counted as node_item};
use crate::domain::access::{Action, Actor, Reach};
use crate::domain::certificate::CertificateState;
use crate::domain::device::{DeviceState, ONLINE_FOR};
use crate::domain::id::{DeviceId, NodeId, UserId};
use crate::domain::node::{Node, NodeState};
use crate::domain::pool::Pressure;
use crate::domain::time::Timestamp;
use crate::domain::usage::Rate;
use crate::domain::webhook::Webhook;
use crate::store::backend::Conn;
pub use crate::store::overview::{Ending, UserCounts};
use crate::store::overview::{
    LostLetters, count_online, count_users, ending_devices, ending_users, lost_letters,
};
use crate::store::{nodes, states, webhooks};

/// The use cases of the overview.
#[derive(Debug, Clone, Copy)]
pub struct Overview<'a>(pub(in crate::app) &'a App);

/// How everything does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewState {
    /// Devices that are not deleted.
    pub devices: DeviceCounts,
    /// Users that are not deleted.
    pub users: UserCounts,
    /// What passes through all nodes now.
    pub traffic: Rate,
    /// Every node, by name.
    pub nodes: Vec<NodeItem>,
    /// Every network, oldest first, with how full its pools are.
    pub networks: Vec<NetworkItem>,
    /// Users whose time ends within a week, the next first.
    pub expiring_users: Vec<Ending<UserId>>,
    /// Devices whose time ends within a week, the next first.
    pub expiring_devices: Vec<Ending<DeviceId>>,
    /// Every certificate.
    pub certificates: Vec<CertificateItem>,
    /// What somebody should do something about.
    pub problems: Vec<Problem>,
}

/// Devices counted by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceCounts {
    /// All of them.
    pub total: u64,
    /// Those that shook hands within three minutes.
    pub online: u64,
    /// Those that may connect.
    pub active: u64,
    /// Those whose time begins with their first handshake.
    pub on_hold: u64,
    /// Those whose traffic is used up.
    pub limited: u64,
    /// Those whose time is over.
    pub expired: u64,
    /// Those that were stopped.
    pub disabled: u64,
}

/// Something that somebody should do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// The thing it is wrong with.
    pub target: String,
    /// What is known of it, for people.
    pub detail: String,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A node has fallen silent.
    NodeOffline,
    /// A node reports that something is wrong with it.
    NodeUnwell,
    /// A network's pool is nearly or wholly used up.
    PoolFull,
    /// A certificate is out of its time, soon will be, or cannot be had.
    CertificateFailing,
    /// A webhook's receiver does not take what it is told.
    WebhookFailing,
    /// Letters were given up.
    LettersLost,
}

impl ProblemKind {
    /// The kind of thing it is wrong with.
    pub const fn target_kind(self) -> &'static str {
        match self {
            Self::NodeOffline | Self::NodeUnwell => "node",
            Self::PoolFull => "network",
            Self::CertificateFailing => "certificate",
            Self::WebhookFailing => "webhook",
            Self::LettersLost => "job",
        }
    }

    /// What somebody must be allowed to, to be told of it.
    const fn needs(self) -> Action {
        match self {
            Self::NodeOffline | Self::NodeUnwell => Action::NodeGet,
            Self::PoolFull => Action::NetworkGet,
            Self::CertificateFailing => Action::CertificateGet,
            Self::WebhookFailing => Action::WebhookGet,
            Self::LettersLost => Action::JobGet,
        }
    }
}

/// The overview that was computed last.
pub(in crate::app) type Kept = Mutex<Option<(Instant, Arc<OverviewState>)>>;

/// How long an overview is shown as it is: a little less than the time between two live ones.
const KEPT_FOR: Duration = Duration::from_millis(1800);

/// How far ahead it looks for what ends, and how much of that it tells.
const AHEAD: Duration = Duration::from_secs(7 * 86_400);
const ENDING_AT_MOST: u32 = 10;

/// Nodes it tells of: as many as a list's longest page.
const NODES_AT_MOST: u32 = 200;

impl Overview<'_> {
    /// How everything does, without what this actor may not see.
    pub async fn get(&self, ctx: &Ctx) -> Result<OverviewState> {
        ctx.require(Action::OverviewGet)?;
        Ok(self.latest().await?.seen_by(&ctx.actor))
    }

    /// The overview, computed anew where the last one is no longer shown.
    pub(in crate::app) async fn latest(&self) -> Result<Arc<OverviewState>> {
        let app = self.0;
        let mut kept = app.core.overview.lock().await;
        let now = app.core.clock.instant();
        if let Some((at, state)) = kept.as_ref()
            && now.saturating_duration_since(*at) < KEPT_FOR
        {
            return Ok(Arc::clone(state));
        }
        let state = Arc::new(self.compute().await?);
        *kept = Some((now, Arc::clone(&state)));
        Ok(state)
    }

    async fn compute(&self) -> Result<OverviewState> {
        let app = self.0;
        let now = app.now();
        let certificates = app.certificate_items().await?;
        let read = app
            .core
            .store
            .read(async move |on: &mut Conn| {
                let mut full = Vec::new();
                for network in all_live(on).await? {
                    full.push(item(on, network).await?);
                }
                let week = (now, now + AHEAD);
                Ok::<_, AppError>(Read {
                    states: states::count(on, now).await?.into_iter().collect(),
                    online: count_online(on, now.before(ONLINE_FOR)).await?,
                    users: count_users(on, now).await?,
                    nodes: nodes::all(on, NODES_AT_MOST).await?,
                    networks: full,
                    expiring_users: ending_users(on, week, ENDING_AT_MOST).await?,
                    expiring_devices: ending_devices(on, week, ENDING_AT_MOST).await?,
                    webhooks: webhooks::failing(on).await?,
                    letters: lost_letters(on).await?,
                })
            })
            .await?;
        Ok(summed_up(read, certificates, now))
    }
}

/// What the database says.
struct Read {
    states: Vec<(DeviceState, u64)>,
    online: Vec<(Option<NodeId>, u64)>,
    users: UserCounts,
    nodes: Vec<Node>,
    networks: Vec<NetworkItem>,
    expiring_users: Vec<Ending<UserId>>,
    expiring_devices: Vec<Ending<DeviceId>>,
    webhooks: Vec<Webhook>,
    letters: Option<LostLetters>,
}

impl OverviewState {
    /// The same without things that the actor may not list, and without problems of things that it may not see. Every role
    /// that has an overview lists them all; an API token has scopes besides. Counts are everybody's who has an overview.
    pub(in crate::app) fn seen_by(&self, actor: &Actor) -> Self {
        let sees = |action| actor.reach(action) == Reach::All;
        let mut seen = self.clone();
        seen.problems.retain(|problem| sees(problem.kind.needs()));
        if !sees(Action::NodeList) {
            seen.nodes.clear();
        }
        if !sees(Action::NetworkList) {
            seen.networks.clear();
        }
        if !sees(Action::UserList) {
            seen.expiring_users.clear();
        }
        if !sees(Action::DeviceList) {
            seen.expiring_devices.clear();
        }
        if !sees(Action::CertificateList) {
            seen.certificates.clear();
        }
        seen
    }
}

fn summed_up(read: Read, certificates: Vec<CertificateItem>, now: Timestamp) -> OverviewState {
    let nodes: Vec<_> = read.nodes.into_iter().map(node_item(&read.online, now)).collect();
    let reporting = nodes.iter().filter(|it| matches!(it.state, NodeState::Online | NodeState::Draining));
    let traffic = reporting.fold(Rate::default(), |sum, it| sum + it.node.rate);
    let mut problems: Vec<_> = nodes.iter().flat_map(of_node).collect();
    problems.extend(read.networks.iter().filter_map(of_network));
    problems.extend(certificates.iter().filter_map(of_certificate));
    problems.extend(read.webhooks.iter().map(of_webhook));
    problems.extend(read.letters.as_ref().map(of_letters));
    OverviewState {
        devices: counted(&read.states, read.online.iter().map(|(_, devices)| devices).sum()),
        users: read.users,
        traffic,
        nodes,
        networks: read.networks,
        expiring_users: read.expiring_users,
        expiring_devices: read.expiring_devices,
        certificates,
        problems,
    }
}

fn counted(states: &[(DeviceState, u64)], online: u64) -> DeviceCounts {
    let mut counts = DeviceCounts { online, ..DeviceCounts::default() };
    for (state, devices) in states {
        counts.total += devices;
        match state {
            DeviceState::Active => counts.active = *devices,
            DeviceState::OnHold => counts.on_hold = *devices,
            DeviceState::Limited => counts.limited = *devices,
            DeviceState::Expired => counts.expired = *devices,
            DeviceState::Disabled => counts.disabled = *devices,
        }
    }
    counts
}

fn of_node(it: &NodeItem) -> Vec<Problem> {
    let problem = |kind, detail: String| Problem { kind, target: it.node.id.to_string(), detail };
    match it.state {
        NodeState::Pending => Vec::new(),
        // What it said before it fell silent may long be mended.
        NodeState::Offline => vec![problem(
            ProblemKind::NodeOffline,
            format!("the node {} has stopped reporting; see whether its service runs", it.node.name),
        )],
        NodeState::Online | NodeState::Draining => {
            let said = it.node.health.problems.iter();
            said.map(|said| problem(ProblemKind::NodeUnwell, format!("{}: {said}", it.node.name))).collect()
        }
    }
}

fn of_network(it: &NetworkItem) -> Option<Problem> {
    let full = [it.ipv4, it.ipv6].into_iter().flatten().find(|pool| pool.pressure != Pressure::Normal)?;
    let detail = format!("{} of the {} addresses of {} are taken", full.used, full.capacity, it.network.name);
    Some(Problem { kind: ProblemKind::PoolFull, target: it.network.id.to_string(), detail })
}

fn of_certificate(it: &CertificateItem) -> Option<Problem> {
    let how = match it.state {
        CertificateState::Valid | CertificateState::Pending => return None,
        CertificateState::Expiring => "ends soon",
        CertificateState::Expired => "is out of its time",
        CertificateState::Failing => "cannot be had",
    };
    let why = it.order.as_ref().and_then(|order| order.last_error.as_deref());
    let detail = match why {
        Some(why) => format!("the certificate of {} {how}: {why}", it.name),
        None => format!("the certificate of {} {how}", it.name),
    };
    Some(Problem { kind: ProblemKind::CertificateFailing, target: it.name.to_string(), detail })
}

fn of_webhook(it: &Webhook) -> Problem {
    let calls = it.failing.map_or(0, |failing| failing.calls);
    let detail = if it.active {
        format!("{} has not taken the last {calls} calls", it.url.host())
    } else {
        format!("{} took no call for days, so it is told nothing any more", it.url.host())
    };
    Problem { kind: ProblemKind::WebhookFailing, target: it.id.to_string(), detail }
}

fn of_letters(it: &LostLetters) -> Problem {
    let detail = format!("{} letters could not be sent and were given up", it.count);
    Problem { kind: ProblemKind::LettersLost, target: it.last.to_string(), detail }
}
