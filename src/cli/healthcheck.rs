//! `caspervpn healthcheck`: the real `/readyz` of the running server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::cli::failure::Failure;
use crate::cli::output::Form;
use crate::config::Settings;
use crate::config::address::Address;
use crate::telemetry::chain::chain;

/// A server that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Asks and answers: success is ready, everything else is not.
pub(super) async fn run(settings: &Settings, form: Form) -> Result<(), Failure> {
    let (ready, answer, said) = match readiness(settings).await {
        Ok((ready, report)) => {
            let said = if ready { "ready".to_owned() } else { format!("not ready: {}", reasons(&report)) };
            (ready, report, said)
        }
        Err(why) => (false, json!({ "status": "unreachable", "reason": why }), format!("not ready: {why}")),
    };
    form.done(&answer, &said)?;
    if ready { Ok(()) } else { Err(Failure::Answered) }
}

/// Whether the server is ready, with its report.
pub(super) async fn readiness(settings: &Settings) -> Result<(bool, Value), String> {
    let response = get(settings, "/readyz").await?;
    let report = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    Ok((response.status() == StatusCode::OK, report))
}

/// Reads a page of the running server, over the local socket if it is on, else where the API listens.
pub(super) async fn get(settings: &Settings, path: &str) -> Result<Response<Bytes>, String> {
    let open =
        |wanted: &str| settings.listeners().find(|(key, _)| *key == wanted).map(|(_, address)| address);
    let local = open("listen.local").filter(|address| matches!(address, Address::Unix(_)));
    let Some(address) = local.or_else(|| open("listen.api")).or_else(|| open("listen.agent")) else {
        return Err(
            "listen.local, listen.api and listen.agent are all off, so nobody can be asked".to_owned()
        );
    };
    let answer = timeout(PATIENCE, ask(address, path)).await;
    match answer {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(cause)) => Err(format!("{address}: {}", chain(&*cause))),
        Err(_) => Err(format!("{address}: no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn ask(address: &Address, path: &str) -> Result<Response<Bytes>, Trouble> {
    match address {
        Address::Unix(socket) => talk(UnixStream::connect(socket).await?, path).await,
        Address::Tcp(at) => talk(TcpStream::connect(reachable(*at)).await?, path).await,
        Address::Systemd(_) => {
            Err("where systemd listens is not known here; set listen.local to a path".into())
        }
    }
}

async fn talk<S>(stream: S, path: &str) -> Result<Response<Bytes>, Trouble>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(header::HOST, "localhost").body(Full::new(Bytes::new()))?;
    let exchange = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        // Dropping the sender here ends the connection, and with it the future beside this one.
        Ok(Response::from_parts(head, body))
    };
    join(exchange, connection).await.0
}

/// Where to reach a server that listens on every address.
fn reachable(at: SocketAddr) -> SocketAddr {
    let host = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(host, at.port())
}

fn reasons(report: &Value) -> String {
    let conditions = report.get("conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let failing = conditions.iter().filter(|it| it.get("ok").and_then(Value::as_bool) == Some(false));
    let told: Vec<String> = failing
        .map(|it| {
            let name = it.get("name").and_then(Value::as_str).unwrap_or("something");
            let reason = it.get("reason").and_then(Value::as_str).unwrap_or("is not well");
            format!("{name}: {reason}")
        })
        .collect();
    match (told.is_empty(), report.get("status").and_then(Value::as_str)) {
        (false, _) => told.join("; "),
        (true, Some(status)) => status.to_owned(),
        (true, None) => "the server says so".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::reasons;
    use serde_json::json;

    #[test]
    fn every_failing_condition_is_told_with_its_reason() {
        let report = json!({ "status": "failing", "conditions": [
            { "name": "store", "ok": true },
            { "name": "disk", "ok": false, "reason": "only 3 MiB free" },
        ] });

        assert_eq!(reasons(&report), "disk: only 3 MiB free");
        assert_eq!(reasons(&json!({ "status": "draining" })), "draining");
    }
}
