//! `caspervpn support-bundle`: what a helper needs to see, as a .tar file.
//!
//! Invariant: no secret, name, key or address gets in. Texts that people or other machines wrote stay out whole; what
//! is kept is numbers, states and our own words.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::ask;
use crate::cli::client::Client;
use crate::cli::config;
use crate::cli::device_config::NewFile;
use crate::cli::doctor;
use crate::cli::failure::Failure;
use crate::cli::healthcheck;
use crate::cli::output::Form;
use crate::cli::tar::Tar;
use crate::config::Settings;
use crate::runtime::clock::{Clock, SystemClock};

/// Where the bundle goes.
#[derive(Debug, clap::Args)]
pub(super) struct BundleArgs {
    /// The new .tar file.
    #[arg(long, value_name = "FILE", default_value = "caspervpn-support.tar")]
    file: PathBuf,
}

/// Settings whose values are numbers and words of ours; the others may hold paths, hosts or addresses.
const SHOWN: &[&str] =
    &["server.roles", "tunnel.", "log.format", "limits.", "database.readers", "database.pool_size"];

/// Audit events that are looked at.
const RECENT: usize = 200;

/// Gathers and writes it.
pub(super) async fn run(args: &BundleArgs, settings: &Settings, form: Form) -> Result<(), Failure> {
    let file = NewFile::create(&args.file)?;
    let now = SystemClock::new().now();
    let findings = doctor::examine(settings).await;
    let mut parts: Vec<(&str, String)> = vec![
        ("versions.json", pretty(&versions())),
        ("settings.json", pretty(&Value::Array(shown_settings(settings)))),
        ("doctor.json", pretty(&Value::Array(findings.iter().map(doctor::Finding::redacted).collect()))),
    ];
    if let Ok((ready, report)) = healthcheck::readiness(settings).await {
        parts.push(("ready.json", pretty(&readiness(ready, &report))));
    }
    if let Ok(metrics) = healthcheck::get(settings, "/metrics").await {
        parts.push(("metrics.txt", String::from_utf8_lossy(metrics.body()).into_owned()));
    }
    if let Some(api) = ask::running(settings).await {
        let client = Client::new(api);
        parts.push(("state.json", pretty(&state(&client).await)));
        parts.push(("recent.json", pretty(&recent(&client).await)));
        client.close().await;
    }
    let mut tar = Tar::default();
    let modified_s = u64::try_from(now.as_seconds()).unwrap_or(0);
    for (name, text) in &parts {
        tar.add(&format!("caspervpn-support/{name}"), text.as_bytes(), modified_s);
    }
    file.keep_bytes(&tar.finish())?;
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    let answer = json!({ "file": args.file.display().to_string(), "parts": names });
    let said =
        format!("wrote {}: {}; look through it before you send it", args.file.display(), names.join(", "));
    form.done(&answer, &said)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn versions() -> Value {
    let proc = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let os = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    json!({
        "caspervpn": env!("CARGO_PKG_VERSION"),
        "kernel": proc("/proc/sys/kernel/osrelease"),
        "os": os.map(|name| name.trim_matches('"')),
        "cores": std::thread::available_parallelism().map(std::num::NonZero::get).unwrap_or(0),
        "memory_total": proc("/proc/meminfo").and_then(|text| text.lines().next().map(str::to_owned)),
    })
}

/// Every setting with where its value comes from, the value itself only where it is a number or a word of ours.
fn shown_settings(settings: &Settings) -> Vec<Value> {
    let keep = |key: &str| SHOWN.iter().any(|shown| key.starts_with(shown));
    let rows = config::rows(settings).into_iter().filter_map(|row| {
        let key = row.get("key")?.as_str()?.to_owned();
        let is_default = row.get("source")?.as_str()? == "default";
        let value = if keep(&key) { row.get("value")?.clone() } else { json!("(left out)") };
        Some(json!({ "key": key, "value": value, "is_default": is_default }))
    });
    rows.collect()
}

/// States without reasons, which may name things.
fn readiness(ready: bool, report: &Value) -> Value {
    let names = |key: &str, field: &str| -> Vec<Value> {
        let items = report.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        items.iter().map(|it| json!({ "name": it.get(field), "ok": it.get("ok") })).collect()
    };
    json!({
        "ready": ready,
        "status": report.get("status"),
        "conditions": names("conditions", "name"),
        "notes": names("notes", "name"),
    })
}

/// How many of what there are, and how full the pools.
async fn state(client: &Client) -> Value {
    let system = client.get("/api/v1/system").await.map(|answer| answer.body).unwrap_or(Value::Null);
    let networks =
        client.get("/api/v1/networks?limit=200").await.map(|answer| answer.body).unwrap_or(Value::Null);
    let items = networks.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let pool = |network: &Value, family: &str| {
        let figure = |key: &str| network.pointer(&format!("/{family}/{key}")).cloned();
        json!({ "capacity": figure("capacity"), "used": figure("used"), "pressure": figure("pressure") })
    };
    let pools: Vec<Value> = items
        .iter()
        .map(|it| json!({ "ipv4": pool(it, "ipv4"), "ipv6": pool(it, "ipv6"), "mtu": it.get("mtu"), "isolated": it.get("isolated") }))
        .collect();
    let problems = system.pointer("/node/problems").and_then(Value::as_array).map_or(0, Vec::len);
    json!({
        "database": system.get("database"),
        "devices": system.get("devices"),
        "backend": system.pointer("/node/backend"),
        "node_problems": problems,
        "networks": pools,
    })
}

/// What was done lately: when, what and how it ended, not by whom to what.
async fn recent(client: &Client) -> Value {
    let found = client.get(&format!("/api/v1/audit?limit={RECENT}")).await.map(|answer| answer.body);
    let items = found.unwrap_or(Value::Null).get_mut("items").map(Value::take).unwrap_or(Value::Null);
    let keep =
        |it: &Value| json!({ "at": it.get("at"), "action": it.get("action"), "outcome": it.get("outcome") });
    Value::Array(items.as_array().map_or(&[][..], Vec::as_slice).iter().map(keep).collect())
}
