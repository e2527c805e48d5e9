//! `/livez`, `/readyz` and `/health`: what load balancers, orchestrators and people ask.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde::Serialize;

use crate::runtime::readiness::{Readiness, Report, Status};

/// How much a probe tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Only where the service is: for listeners that strangers reach.
    Status,
    /// Every condition and note.
    Full,
}

#[derive(Debug, Clone)]
struct Probes {
    readiness: Readiness,
    detail: Detail,
    version: &'static str,
}

/// Where they are.
pub const PATHS: [&str; 3] = ["/livez", "/readyz", "/health"];

/// The routes of the probes. None needs a sign-in.
pub fn routes<S>(readiness: Readiness, detail: Detail, version: &'static str) -> Router<S> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/health", get(health))
        .with_state(Probes { readiness, detail, version })
}

#[derive(Serialize)]
struct Brief<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
}

/// Whether the process works at all. Failing, it should be restarted.
async fn livez(State(probes): State<Probes>) -> Response {
    match probes.readiness.alive() {
        Ok(()) => answer(true, Brief { status: "alive", reason: None }),
        Err(reason) => {
            let reason = (probes.detail == Detail::Full).then_some(reason);
            answer(false, Brief { status: "stuck", reason })
        }
    }
}

/// Whether requests should come here.
async fn readyz(State(probes): State<Probes>) -> Response {
    let report = probes.readiness.report();
    match probes.detail {
        Detail::Full => answer(report.is_ready(), report),
        Detail::Status => answer(report.is_ready(), Brief { status: word(report.status), reason: None }),
    }
}

/// A summary for people. A note makes it `degraded`, which is no failure.
async fn health(State(probes): State<Probes>) -> Response {
    let report = probes.readiness.report();
    let ready = report.is_ready();
    let status = match report.status {
        Status::Ready if report.notes.is_empty() => "ok",
        Status::Ready => "degraded",
        Status::Starting | Status::Failing | Status::Draining => word(report.status),
    };
    let report = (probes.detail == Detail::Full).then_some(report);
    answer(ready, Health { status, version: probes.version, report })
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Starting => "starting",
        Status::Ready => "ready",
        Status::Failing => "failing",
        Status::Draining => "draining",
    }
}

fn answer(well: bool, body: impl Serialize) -> Response {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
