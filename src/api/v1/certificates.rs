//! Certificates over HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::path::Name;
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::certificates::CertificateItem;
use crate::app::ctx::Ctx;
use crate::domain::certificate::{CertificateName, CertificateSource, CertificateState};
use crate::domain::certificate_log::{LogLine, StepKind, StepOutcome};
use crate::domain::time::Timestamp;

/// The routes of certificates.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(log))
        .routes(routes!(renew))
}

/// A certificate that is served, or is to be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "vpn.example.org", "source": "acme", "state": "valid", "issuer": "R12",
    "not_before": "2026-01-31T12:00:00Z", "not_after": "2026-05-01T12:00:00Z",
    "fingerprint": "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08",
    "next_try_at": "2026-04-01T12:00:00Z", "failures": 0, "last_error": null, "last_error_at": null,
}))]
pub struct CertificateView {
    /// What it is for: a DNS name, one with a star, or an IP address.
    name: CertificateName,
    /// Who sees to it: `acme`, this service, which orders it; `file`, somebody else, who keeps it in a file; `self-signed`,
    /// nobody. Those in files are of the process that answers.
    source: CertificateSource,
    /// How it stands: `valid`; `expiring`, with less than a twentieth of its life left; `expired`; `pending`, not there yet;
    /// `failing`, not there, and the last attempt failed.
    state: CertificateState,
    /// Who issued it; null while it is not there.
    #[schema(max_length = 300, example = "R12")]
    issuer: Option<String>,
    /// When it begins to count.
    not_before: Option<Timestamp>,
    /// When it ends to count.
    not_after: Option<Timestamp>,
    /// SHA-256 of the certificate, as browsers show it.
    #[schema(max_length = 95)]
    fingerprint: Option<String>,
    /// When the next attempt, or the renewal, is due; null where it is not ordered here.
    next_try_at: Option<Timestamp>,
    /// Attempts since the last one that brought a certificate.
    #[schema(minimum = 0, example = 0)]
    failures: u32,
    /// Why the last attempt brought none, with the authority's own words; null where it did.
    #[schema(max_length = 4000, example = "caa: CAA record for vpn.example.org prevents issuance")]
    last_error: Option<String>,
    /// When that was.
    last_error_at: Option<Timestamp>,
}

/// All certificates.
#[derive(Debug, Serialize, ToSchema)]
pub struct CertificateList {
    /// Those that are ordered, by name, then others that the process serves.
    items: Vec<CertificateView>,
}

impl From<CertificateItem> for CertificateView {
    fn from(item: CertificateItem) -> Self {
        let (life, found) = (item.found.as_ref().map(|found| found.life), item.found);
        let (issuer, fingerprint) = found.map(|found| (found.issuer, found.fingerprint)).unzip();
        let order = item.order;
        Self {
            name: item.name,
            source: item.source,
            state: item.state,
            issuer,
            not_before: life.map(|life| life.not_before),
            not_after: life.map(|life| life.not_after),
            fingerprint,
            next_try_at: order.as_ref().map(|order| order.next_try_at),
            failures: order.as_ref().map_or(0, |order| order.failures),
            last_error_at: order.as_ref().and_then(|order| order.last_error_at),
            last_error: order.and_then(|order| order.last_error),
        }
    }
}

/// A step on the way to a certificate, in the words of RFC 8555.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "position": 9, "at": "2026-01-31T12:00:04Z", "kind": "challenge_prepared", "outcome": "done",
    "about": "http://vpn.example.org/.well-known/acme-challenge/", "detail": null, "then_at": null,
}))]
pub struct CertificateLogLineView {
    /// Its place among the lines of the name: each is greater than the one before.
    #[schema(minimum = 1, example = 9)]
    position: i64,
    /// When it was made.
    at: Timestamp,
    /// What was done.
    kind: StepKind,
    /// How it went: `done`; `doubtful`, where it may look otherwise from where the authority is; `failed`.
    outcome: StepOutcome,
    /// What it was about: a name, an address, the authority's host.
    #[schema(max_length = 600, example = "vpn.example.org")]
    about: String,
    /// What there is to say, in technical words; with a refusal the authority's own.
    #[schema(max_length = 2001)]
    detail: Option<String>,
    /// The time that it speaks of: with `certificate_received` the certificate's end, with `certificate_activated` its renewal,
    /// with `attempt_failed` and `attempt_interrupted` the next attempt.
    then_at: Option<Timestamp>,
}

/// What was done to get a certificate.
#[derive(Debug, Serialize, ToSchema)]
pub struct CertificateLog {
    /// The last hundred steps, newest last.
    #[schema(max_items = 100)]
    items: Vec<CertificateLogLineView>,
}

impl From<LogLine> for CertificateLogLineView {
    fn from(line: LogLine) -> Self {
        let LogLine { position, at, step } = line;
        Self {
            position,
            at,
            kind: step.kind,
            outcome: step.outcome,
            about: step.about,
            detail: step.detail,
            then_at: step.then_at,
        }
    }
}

/// List certificates.
#[utoipa::path(get, path = "/certificates", operation_id = "certificate_list", tag = "system",
    responses((status = 200, description = "All certificates.", body = CertificateList)))]
async fn list(State(app): State<App>, ctx: Ctx) -> Answer<Json<CertificateList>> {
    let items = app.certificates().list(&ctx).await?;
    Ok(Json(CertificateList { items: items.into_iter().map(Into::into).collect() }))
}

/// Read a certificate.
#[utoipa::path(get, path = "/certificates/{name}", operation_id = "certificate_get", tag = "system",
    params(Name<CertificateName>), responses((status = 200, description = "The certificate.", body = CertificateView)))]
async fn get(
    State(app): State<App>,
    ctx: Ctx,
    Name(name): Name<CertificateName>,
) -> Answer<Json<CertificateView>> {
    Ok(Json(app.certificates().get(&ctx, &name).await?.into()))
}

/// Read what was done to get a certificate, step by step.
///
/// A line comes with each step of an order, whichever replica works on it. The event `changed` of the kind `certificate_log` tells when
/// one has come. A certificate that is not ordered here has none.
#[utoipa::path(get, path = "/certificates/{name}/log", operation_id = "certificate_log", tag = "system",
    params(Name<CertificateName>), responses((status = 200, description = "The steps.", body = CertificateLog)))]
async fn log(
    State(app): State<App>,
    ctx: Ctx,
    Name(name): Name<CertificateName>,
) -> Answer<Json<CertificateLog>> {
    let lines = app.certificates().log(&ctx, &name).await?;
    Ok(Json(CertificateLog { items: lines.into_iter().map(Into::into).collect() }))
}

/// Order a certificate now, whatever it waits for.
///
/// The order is begun within seconds; read the certificate again to see what came of it. Authorities count orders, so
/// this is for when something was mended.
#[utoipa::path(post, path = "/certificates/{name}/renew", operation_id = "certificate_renew", tag = "system",
    params(Name<CertificateName>),
    responses((status = 202, description = "It will be ordered.", body = CertificateView)))]
async fn renew(State(app): State<App>, ctx: Ctx, Name(name): Name<CertificateName>) -> Answer<Response> {
    let item = app.certificates().renew(&ctx, &name).await?;
    Ok((StatusCode::ACCEPTED, Json(CertificateView::from(item))).into_response())
}
