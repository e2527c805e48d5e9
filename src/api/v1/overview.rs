//! The overview over HTTP.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::certificates::CertificateItem;
use crate::app::ctx::Ctx;
use crate::app::networks::{NetworkItem, PoolState};
use crate::app::nodes::NodeItem;
use crate::app::overview::{DeviceCounts, Ending, OverviewState, Problem, ProblemKind, UserCounts};
use crate::domain::certificate::{CertificateName, CertificateState};
use crate::domain::id::{DeviceId, NetworkId, NodeId, UserId};
use crate::domain::name::{NetworkName, NodeName};
use crate::domain::node::NodeState;
use crate::domain::pool::Pressure;
use crate::domain::time::Timestamp;
use crate::domain::usage::Rate;

/// The routes of the overview.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get))
}

/// How everything does, at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverviewView {
    /// Devices that are not deleted.
    devices: DeviceCountsView,
    /// Users that are not deleted.
    users: UserCountsView,
    /// What passes through all nodes together, as of their last reports.
    traffic: RateView,
    /// The nodes, by name, at most 200.
    nodes: Vec<NodeSummaryView>,
    /// Every network.
    networks: Vec<NetworkSummaryView>,
    /// Users whose time ends within a week, the next first, at most 10.
    expiring_users: Vec<ExpiringUserView>,
    /// Devices whose own time ends within a week, the next first, at most 10.
    expiring_devices: Vec<ExpiringDeviceView>,
    /// Every certificate.
    certificates: Vec<CertificateSummaryView>,
    /// What somebody should do something about, as far as the caller may know of it.
    problems: Vec<ProblemSummaryView>,
}

/// Devices counted by state.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceCountsView {
    /// All of them.
    #[schema(minimum = 0, example = 12)]
    total: u64,
    /// Those that shook hands within three minutes, whatever their state.
    #[schema(minimum = 0, example = 5)]
    online: u64,
    /// Those that may connect.
    #[schema(minimum = 0, example = 8)]
    active: u64,
    /// Those whose time begins with their first handshake.
    #[schema(minimum = 0, example = 1)]
    on_hold: u64,
    /// Those whose traffic is used up.
    #[schema(minimum = 0, example = 1)]
    limited: u64,
    /// Those whose time is over.
    #[schema(minimum = 0, example = 1)]
    expired: u64,
    /// Those that were stopped.
    #[schema(minimum = 0, example = 1)]
    disabled: u64,
}

/// Users counted by state.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserCountsView {
    /// All of them.
    #[schema(minimum = 0, example = 4)]
    total: u64,
    /// Those that can be used.
    #[schema(minimum = 0, example = 2)]
    active: u64,
    /// Those whose time is over.
    #[schema(minimum = 0, example = 1)]
    expired: u64,
    /// Those that an operator stopped.
    #[schema(minimum = 0, example = 1)]
    disabled: u64,
}

/// How fast bytes move.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateView {
    /// Bytes received from devices each second.
    #[schema(minimum = 0, example = 1_048_576)]
    rx_bytes_per_s: u64,
    /// Bytes sent to devices each second.
    #[schema(minimum = 0, example = 8_388_608)]
    tx_bytes_per_s: u64,
}

/// A node at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeSummaryView {
    /// Names the node.
    id: NodeId,
    /// What it is called.
    name: NodeName,
    /// Whether it reports, and takes new devices.
    state: NodeState,
    /// Devices whose last handshake was there, within three minutes.
    #[schema(minimum = 0, example = 5)]
    online_devices: u64,
    /// Devices it should carry at most.
    #[schema(minimum = 1, example = 500)]
    capacity: Option<u32>,
    /// Bytes received from devices each second, between its last two reports.
    #[schema(minimum = 0, example = 1_048_576)]
    rx_bytes_per_s: u64,
    /// Bytes sent to devices each second, between its last two reports.
    #[schema(minimum = 0, example = 8_388_608)]
    tx_bytes_per_s: u64,
    /// What is wrong with it, as it said in its last report.
    #[schema(example = json!([]))]
    problems: Vec<String>,
}

/// A network at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkSummaryView {
    /// Names the network.
    id: NetworkId,
    /// What it is called.
    name: NetworkName,
    /// How full its IPv4 pool is; null where it has none.
    ipv4: Option<PoolUseView>,
    /// Whether it has an IPv6 pool.
    has_ipv6: bool,
}

/// How full a pool is.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolUseView {
    /// Addresses taken; a deleted device keeps its own until a purge.
    #[schema(minimum = 0, example = 12)]
    used: u64,
    /// Devices that fit.
    #[schema(minimum = 1, example = 65533)]
    capacity: u64,
    /// Whether it is nearly or wholly used up.
    pressure: Pressure,
}

/// A user whose time ends soon.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpiringUserView {
    /// Names the user.
    id: UserId,
    /// What the user signs in with.
    #[schema(max_length = 64, example = "ada")]
    name: String,
    /// When the account and its devices stop.
    expires_at: Timestamp,
}

/// A device whose time ends soon.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpiringDeviceView {
    /// Names the device.
    id: DeviceId,
    /// What it is called.
    #[schema(max_length = 64, example = "laptop")]
    name: String,
    /// When it stops.
    expires_at: Timestamp,
}

/// A certificate at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct CertificateSummaryView {
    /// What it is for.
    name: CertificateName,
    /// How it stands.
    state: CertificateState,
    /// When it ends to count; null while it is not there.
    not_after: Option<Timestamp>,
}

/// Something that somebody should do something about.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemSummaryView {
    /// What is wrong.
    kind: ProblemKind,
    /// The kind of thing it is wrong with: `node`, `network`, `certificate`, `webhook`, `job`.
    #[schema(max_length = 32, example = "node")]
    target_kind: &'static str,
    /// The thing's id, or its name where it has no id.
    #[schema(max_length = 300, example = "01983f6e-7b3a-7c00-8000-000000000000")]
    target_id: String,
    /// A sentence about it.
    #[schema(
        max_length = 4000,
        example = "the node fra-1 has stopped reporting; see whether its service runs"
    )]
    detail: String,
}

impl From<&OverviewState> for OverviewView {
    fn from(state: &OverviewState) -> Self {
        Self {
            devices: state.devices.into(),
            users: state.users.into(),
            traffic: state.traffic.into(),
            nodes: state.nodes.iter().map(Into::into).collect(),
            networks: state.networks.iter().map(Into::into).collect(),
            expiring_users: state.expiring_users.iter().map(Into::into).collect(),
            expiring_devices: state.expiring_devices.iter().map(Into::into).collect(),
            certificates: state.certificates.iter().map(Into::into).collect(),
            problems: state.problems.iter().map(Into::into).collect(),
        }
    }
}

impl From<DeviceCounts> for DeviceCountsView {
    fn from(counts: DeviceCounts) -> Self {
        let DeviceCounts { total, online, active, on_hold, limited, expired, disabled } = counts;
        Self { total, online, active, on_hold, limited, expired, disabled }
    }
}

impl From<UserCounts> for UserCountsView {
    fn from(counts: UserCounts) -> Self {
        let UserCounts { total, active, expired, disabled } = counts;
        Self { total, active, expired, disabled }
    }
}

impl From<Rate> for RateView {
    fn from(rate: Rate) -> Self {
        Self { rx_bytes_per_s: rate.rx_bytes_per_s, tx_bytes_per_s: rate.tx_bytes_per_s }
    }
}

impl From<&NodeItem> for NodeSummaryView {
    fn from(it: &NodeItem) -> Self {
        Self {
            id: it.node.id,
            name: it.node.name.clone(),
            state: it.state,
            online_devices: it.online_devices,
            capacity: it.node.capacity,
            rx_bytes_per_s: it.node.rate.rx_bytes_per_s,
            tx_bytes_per_s: it.node.rate.tx_bytes_per_s,
            problems: it.node.health.problems.clone(),
        }
    }
}

impl From<&NetworkItem> for NetworkSummaryView {
    fn from(it: &NetworkItem) -> Self {
        let network = &it.network;
        let (ipv4, has_ipv6) = (it.ipv4.map(Into::into), it.ipv6.is_some());
        Self { id: network.id, name: network.name.clone(), ipv4, has_ipv6 }
    }
}

impl From<PoolState> for PoolUseView {
    fn from(pool: PoolState) -> Self {
        Self { used: pool.used, capacity: pool.capacity, pressure: pool.pressure }
    }
}

impl From<&Ending<UserId>> for ExpiringUserView {
    fn from(it: &Ending<UserId>) -> Self {
        Self { id: it.id, name: it.name.clone(), expires_at: it.expires_at }
    }
}

impl From<&Ending<DeviceId>> for ExpiringDeviceView {
    fn from(it: &Ending<DeviceId>) -> Self {
        Self { id: it.id, name: it.name.clone(), expires_at: it.expires_at }
    }
}

impl From<&CertificateItem> for CertificateSummaryView {
    fn from(it: &CertificateItem) -> Self {
        let not_after = it.found.as_ref().map(|found| found.life.not_after);
        Self { name: it.name.clone(), state: it.state, not_after }
    }
}

impl From<&Problem> for ProblemSummaryView {
    fn from(it: &Problem) -> Self {
        let (target_kind, target_id) = (it.kind.target_kind(), it.target.clone());
        Self { kind: it.kind, target_kind, target_id, detail: it.detail.clone() }
    }
}

/// See at a glance how everything does.
///
/// It is computed anew every two seconds at most.
#[utoipa::path(get, path = "/overview", operation_id = "overview_get", tag = "system",
    responses((status = 200, description = "The overview.", body = OverviewView)))]
async fn get(State(app): State<App>, ctx: Ctx) -> Answer<Json<OverviewView>> {
    Ok(Json(OverviewView::from(&app.overview().get(&ctx).await?)))
}
