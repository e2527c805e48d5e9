//! The service itself: whether it runs, how it is, and the endpoint that clients are told.

use std::net::IpAddr;

use serde_json::Value;

use crate::cli::ask;
use crate::cli::client::Client;
use crate::cli::doctor::Finding;
use crate::cli::healthcheck;
use crate::cli::settings::SETTINGS;
use crate::config::Settings;
use crate::daemon::services;
use crate::domain::name::Host;
use crate::domain::node::Port;
use crate::store::inspect::{Inspection, inspect};

/// What was found out.
#[derive(Debug)]
pub(super) struct Service {
    /// Whether a server runs on this data directory.
    pub(super) runs: bool,
    /// Whether it is known that the node here is in no network yet.
    pub(super) lacks_networks: bool,
    /// The UDP ports that WireGuard is to have here.
    pub(super) udp_ports: Vec<u16>,
    /// What there is to tell.
    pub(super) findings: Vec<Finding>,
}

/// Looks at it.
pub(super) async fn look(settings: &Settings) -> Service {
    let runs = ask::running(settings).await.is_some();
    let mut findings = if runs {
        health(settings).await
    } else {
        let fix = "systemctl start caspervpn, or caspervpn serve";
        vec![Finding::warn("service", "the server is not running on this data directory", fix)]
    };
    let mut places = None;
    if let Some(client) = open(settings, runs).await {
        findings.extend(endpoint(&client).await);
        places = listen_ports(&client).await;
        client.close().await;
    }
    let lacks_networks = places.as_ref().is_some_and(Vec::is_empty);
    let mut udp_ports = places.unwrap_or_default();
    if udp_ports.is_empty() {
        udp_ports.push(Port::WIREGUARD.number());
    }
    Service { runs, lacks_networks, udp_ports, findings }
}

async fn health(settings: &Settings) -> Vec<Finding> {
    const FIX: &str = "see its log: journalctl -u caspervpn";
    let report = match healthcheck::readiness(settings).await {
        Ok((_, report)) => report,
        Err(why) => {
            return vec![Finding::fail(
                "service",
                format!("the server runs but does not answer: {why}"),
                FIX,
            )];
        }
    };
    let list = |key: &str| report.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |it: &Value, key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let failing = list("conditions").into_iter().filter(|it| it.get("ok") == Some(&Value::Bool(false)));
    let mut findings: Vec<Finding> = failing
        .map(|it| {
            Finding::fail(
                "service",
                format!("{} is not well: {}", text(&it, "name"), text(&it, "reason")),
                FIX,
            )
        })
        .collect();
    findings.extend(list("notes").iter().map(|it| Finding::warn("service", text(it, "text"), "as it says")));
    if findings.is_empty() {
        findings.push(Finding::ok("service", "the server runs and is ready"));
    }
    findings
}

/// The API, where asking it changes nothing: a stopped server's database must not be migrated by a look.
async fn open(settings: &Settings, runs: bool) -> Option<Client> {
    if runs {
        return ask::running(settings).await.map(Client::new);
    }
    let found = inspect(&services::database(settings).await.ok()?).await;
    let is_current = matches!(&found, Ok(Some(Inspection { schema, known, damage })) if schema == known && damage.is_empty());
    if !is_current || services::check_master_key(settings).await.is_err() {
        return None;
    }
    ask::in_process(settings).await.ok().map(Client::new)
}

async fn endpoint(client: &Client) -> Option<Finding> {
    const FIX: &str = "caspervpn settings update --endpoint-host HOST";
    let setup = client.get("/api/v1/setup").await.ok()?.body;
    if setup.get("needed") == Some(&Value::Bool(true)) {
        return Some(Finding::warn("setup", "the service is not set up yet", "caspervpn setup-link"));
    }
    let settings = client.get(SETTINGS).await.ok()?.body;
    let Some(host) = settings.get("endpoint_host").and_then(Value::as_str) else {
        return Some(Finding::warn(
            "endpoint",
            "no public endpoint is set, so no configuration is handed out",
            FIX,
        ));
    };
    if host.parse::<Host>().is_ok_and(|host| host.is_this_machine()) {
        let what = format!("the public endpoint is {host}, which only clients on this machine reach");
        return Some(Finding::warn("endpoint", what, FIX));
    }
    if host.parse::<IpAddr>().is_ok() {
        return Some(Finding::ok("endpoint", "the public endpoint is an address"));
    }
    Some(match tokio::net::lookup_host((host, 0)).await.map(Iterator::count) {
        Ok(count) if count > 0 => Finding::ok("endpoint", format!("{host} resolves to {count} addresses")),
        Ok(_) => Finding::fail("endpoint", format!("{host} resolves to no address"), FIX),
        Err(cause) => {
            let fix = format!("make an A or AAAA record for it, or {FIX}");
            Finding::fail("endpoint", format!("{host} does not resolve: {cause}"), fix)
        }
    })
}

async fn listen_ports(client: &Client) -> Option<Vec<u16>> {
    let items = async |path: &str| {
        let body = client.get(path).await.ok()?.body;
        body.get("items").and_then(Value::as_array).cloned()
    };
    let nodes = items("/api/v1/nodes?limit=200").await?;
    let local = nodes.iter().find(|node| node.get("local") == Some(&Value::Bool(true)))?;
    let id = local.get("id")?.as_str()?;
    let places = items(&format!("/api/v1/nodes/{id}/networks")).await?;
    let port = |place: &Value| u16::try_from(place.get("listen_port")?.as_u64()?).ok();
    Some(places.iter().filter_map(port).collect())
}
