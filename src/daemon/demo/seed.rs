//! Fills a demonstration: users, nodes, a network, devices in every state, and a month of usage.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::device_create::{CreateDevice, DeviceKey};
use crate::app::error::AppError;
use crate::app::networks::CreateNetwork;
use crate::app::nodes::CreateNode;
use crate::app::setup::SetupRequest;
use crate::app::users::CreateUser;
use crate::daemon::demo::DemoError;
use crate::daemon::demo::clients::DemoDevice;
use crate::domain::access::Role;
use crate::domain::id::{DeviceId, NodeId, UserId};
use crate::domain::message::DeviceReport;
use crate::domain::node::Port;
use crate::domain::pool::Pool;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Reading, Traffic};
use crate::runtime::clock::{Clock, SystemClock};
use crate::secrets::keypair::KeyPair;
use crate::secrets::password::Password;
use crate::store::backend::Tx;
use crate::store::error::StoreError;
use crate::store::usage;

/// The owner's login.
pub(super) const OWNER: &str = "ada";

/// Ranges that few hosts use; the first that does not overlap one of this host's is taken.
const POOLS: &[&str] = &["10.213.86.0/24", "172.30.213.0/24", "192.168.213.0/24", "10.86.213.0/24"];

const POOL_V6: &str = "fd6a:5ca5:9e70::/64";

/// Login, name, role.
const PEOPLE: &[(&str, &str, Role)] = &[
    ("grace", "Grace Hopper", Role::Admin),
    ("margaret", "Margaret Hamilton", Role::Operator),
    ("barbara", "Barbara Liskov", Role::Auditor),
    ("dennis", "Dennis Ritchie", Role::Member),
    ("radia", "Radia Perlman", Role::Member),
    ("vint", "Vint Cerf", Role::Member),
];

/// Name, place, devices it should carry.
const NODES: &[(&str, &str, u32)] = &[("fra-1", "Frankfurt", 500), ("sgp-1", "Singapore", 250)];

/// Owner, name, mebibytes a day, what is special. The first three have clients that run.
const DEVICES: &[(&str, &str, u64, Special)] = &[
    ("ada", "laptop", 900, Special::Nothing),
    ("dennis", "workstation", 300, Special::Nothing),
    ("radia", "phone", 80, Special::Nothing),
    ("grace", "tablet", 150, Special::Nothing),
    ("radia", "router at home", 1_700, Special::Nothing),
    ("vint", "phone", 40, Special::Nothing),
    ("vint", "old laptop", 20, Special::Disabled),
    ("dennis", "guest phone", 5, Special::Expired),
    ("margaret", "test bench", 60, Special::Limited),
    ("radia", "new camera", 0, Special::OnHold),
];

/// Devices whose clients run here.
const RUNNING: usize = 3;

/// Days of usage before today.
const DAYS: u64 = 30;

const DAY: Duration = Duration::from_secs(86_400);

/// What is special about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    Nothing,
    Disabled,
    Expired,
    Limited,
    OnHold,
}

/// Makes everything; answers the devices whose clients are to run.
pub(super) async fn fill(
    app: &App,
    password: &Zeroizing<String>,
    udp_port: u16,
) -> Result<Vec<DemoDevice>, DemoError> {
    let ctx = Ctx::host(None);
    let now = SystemClock::new().now();
    let owner = set_up(app, &ctx, password, udp_port).await?;
    let mut users = vec![(OWNER, owner)];
    for (login, name, role) in PEOPLE {
        let user = CreateUser { role: *role, ..person(login, name)? };
        let made = app.users().create(&ctx, user).await.map_err(failed("a user"))?;
        users.push((*login, made.into_inner().user.id));
    }
    let mut usage_node = None;
    for (name, location, capacity) in NODES {
        let node = CreateNode {
            name: name.parse().map_err(failed("a node's name"))?,
            location: location.parse().map_err(failed("a node's place"))?,
            capacity: Some(*capacity),
        };
        let made = app.nodes().create(&ctx, node).await.map_err(failed("a node"))?;
        usage_node.get_or_insert(made.into_inner().node.id);
    }
    let mut running = Vec::new();
    let mut rates = Vec::new();
    for (at, (login, name, mib_a_day, special)) in DEVICES.iter().enumerate() {
        let pair = KeyPair::generate().map_err(failed("a key"))?;
        let user = users.iter().find(|(known, _)| known == login).map(|(_, id)| *id);
        let device = device(user, name, &pair, *special, now)?;
        let made = app.devices().create(&ctx, device).await.map_err(failed("a device"))?.into_inner();
        let id = made.row.device.id;
        rates.push((id, mib_a_day << 20));
        if *special == Special::Disabled {
            app.devices().disable(&ctx, id).await.map_err(failed("a disabled device"))?;
        }
        if at < RUNNING {
            running.push(configured(app, &ctx, id, &pair).await?);
        }
    }
    if let Some(node) = usage_node {
        write_month(app, node, &rates, now).await.map_err(failed("a month of usage"))?;
    }
    Ok(running)
}

async fn set_up(
    app: &App,
    ctx: &Ctx,
    password: &Zeroizing<String>,
    udp_port: u16,
) -> Result<UserId, DemoError> {
    let mut refused = None;
    for pool in POOLS {
        let mut owner = person(OWNER, "Ada Lovelace")?;
        owner.password = Some(Password::parse(password.as_str()).map_err(failed("the password"))?);
        let request = SetupRequest {
            owner,
            endpoint_host: "127.0.0.1".parse().map_err(failed("the endpoint"))?,
            endpoint_port: Some(Port::try_from(udp_port).map_err(failed("the port"))?),
            network: network(pool)?,
            device: None,
        };
        match app.setup().run_unattended(ctx, request).await {
            Ok(done) => return Ok(done.user.id),
            // Another range may not overlap.
            Err(cause @ (AppError::Invalid { .. } | AppError::Conflict { .. })) => refused = Some(cause),
            Err(cause) => return Err(failed("the first run")(cause)),
        }
    }
    Err(failed("a network that overlaps none of this host's")(
        refused.unwrap_or(AppError::NotFound { noun: "range" }),
    ))
}

fn network(ipv4: &str) -> Result<CreateNetwork, DemoError> {
    Ok(CreateNetwork {
        name: "everybody".parse().map_err(failed("a network's name"))?,
        ipv4: Some(pool(ipv4)?),
        ipv6: Some(pool(POOL_V6)?),
        dns: vec![IpAddr::from([9, 9, 9, 9])],
        mtu: None,
        keepalive_s: None,
        routes: None,
        isolated: None,
    })
}

fn pool(text: &str) -> Result<Pool, DemoError> {
    Pool::parse(text.parse().map_err(failed("a range"))?).map_err(failed("a pool"))
}

fn person(login: &str, name: &str) -> Result<CreateUser, DemoError> {
    Ok(CreateUser {
        login: login.parse().map_err(failed("a login"))?,
        display_name: Some(name.parse().map_err(failed("a name"))?),
        email: None,
        language: None,
        role: Role::Member,
        password: None,
        password_hash: None,
        expires_at: None,
        data_limit_bytes: None,
        device_limit: None,
    })
}

fn device(
    user: Option<UserId>,
    name: &str,
    pair: &KeyPair,
    special: Special,
    now: Timestamp,
) -> Result<CreateDevice, DemoError> {
    Ok(CreateDevice {
        user,
        network: None,
        name: name.parse().map_err(failed("a device's name"))?,
        key: DeviceKey::Client(pair.public),
        preshared_key: true,
        expires_at: (special == Special::Expired).then(|| now.before(DAY)),
        duration_s: (special == Special::OnHold).then_some(30 * 86_400),
        // A month of its usage is more than this.
        data_limit_bytes: (special == Special::Limited).then_some(1 << 30),
        note: "".parse().map_err(failed("a note"))?,
    })
}

/// What a client needs, read from the configuration that every other client gets.
async fn configured(app: &App, ctx: &Ctx, id: DeviceId, pair: &KeyPair) -> Result<DemoDevice, DemoError> {
    let revealed = app.devices().reveal(ctx, id).await.map_err(failed("a configuration"))?;
    let item = app.devices().get(ctx, id).await.map_err(failed("a device"))?;
    let network = app.networks().get(ctx, item.row.device.network).await.map_err(failed("a network"))?;
    let pool = network.ipv4.ok_or(AppError::NotFound { noun: "pool" }).map_err(failed("a pool"))?;
    let entry = |key: &str| {
        let line =
            revealed.conf.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
        line.map(str::trim)
    };
    let node_key = entry("PublicKey").unwrap_or_default().parse().map_err(failed("the node's key"))?;
    let preshared_key =
        entry("PresharedKey").map(str::parse).transpose().map_err(failed("a preshared key"))?;
    let addresses: BTreeSet<IpAddr> =
        [item.row.device.ipv4, item.row.device.ipv6].into_iter().flatten().collect();
    Ok(DemoDevice {
        private_key: pair.private.clone(),
        addresses,
        node_key,
        preshared_key,
        node_address: pool.node_address,
    })
}

/// Writes the days before today as a node would have reported them, so that sums, limits and days agree.
async fn write_month(
    app: &App,
    node: NodeId,
    rates: &[(DeviceId, u64)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let first = now.before(DAY * u32::try_from(DAYS).unwrap_or(1));
    let mut totals = vec![Traffic::default(); rates.len()];
    for day in 0..DAYS {
        let at = first + Duration::from_secs(day * DAY.as_secs());
        let mut reports = Vec::new();
        for ((device, bytes), total) in rates.iter().zip(&mut totals).filter(|((_, bytes), _)| *bytes > 0) {
            // Weeks have a shape: five busy days, two quiet ones, none like another.
            let busy = if day % 7 < 5 { 100 } else { 35 };
            let part = bytes / 100 * busy / 100 * (70 + day * 37 % 60);
            total.rx_bytes += part / 8;
            total.tx_bytes += part - part / 8;
            let reading = Reading { epoch: first.as_millis(), traffic: *total };
            reports.push(DeviceReport { device: *device, reading, last_handshake: None, endpoint: None });
        }
        app.store()
            .write(async move |tx: &mut Tx| usage::record(tx, node, &reports, at).await.map(drop))
            .await?;
    }
    Ok(())
}

fn failed<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl FnOnce(E) -> DemoError {
    move |cause| DemoError::Seed { what, cause: Box::new(cause) }
}
