//! Looks whether this service is what answers at a name's addresses, as an authority will.
//!
//! Invariant: seen from here only. Behind a translated address (NAT) a way that is good from outside may be closed from inside, so
//! nothing is refused by what is found here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::domain::outgoing::{AllowedNets, Target};
use crate::tls::outgoing;

/// A text that is shown for the looking.
#[derive(Debug, Clone)]
pub struct Sign {
    /// The last segment of the path `/.well-known/acme-challenge/TOKEN`.
    pub token: String,
    /// The body.
    pub body: String,
}

/// What is wrong with the way over HTTP to a host, a name or an address, at port 80: a sentence for the operator. Nothing where
/// the sign was seen at every address, or where none of them may be called.
pub async fn http_trouble(host: &str, sign: &Sign, allowed: &AllowedNets) -> Option<String> {
    for address in addresses(host, HTTP, allowed).await {
        let found = timeout(PATIENCE, look(host, address, sign)).await;
        let what = match found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(None) => continue,
            Ok(Some(what)) => what,
            Err(cause) => refusal(&cause),
        };
        return Some(format!(
            "{host} leads to {}, and seen from here port 80 there {what}; let it lead to listen.http of this service (behind NAT this \
             may be seen so from inside only)",
            address.ip()
        ));
    }
    None
}

/// The same for handshakes, at port 443: only whether anybody takes connections there.
pub async fn https_trouble(host: &str, allowed: &AllowedNets) -> Option<String> {
    for address in addresses(host, HTTPS, allowed).await {
        let found = timeout(PATIENCE, TcpStream::connect(address)).await;
        if let Err(cause) = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            return Some(format!(
                "{host} leads to {}, and seen from here port 443 there {}; let it lead to listen.https of this service (behind NAT \
                 this may be seen so from inside only)",
                address.ip(),
                refusal(&cause)
            ));
        }
    }
    None
}

/// Those that may be called: what is sent is public, so it need not be encrypted.
async fn addresses(host: &str, port: u16, allowed: &AllowedNets) -> Vec<SocketAddr> {
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let Ok(target) = Target::http(&format!("http://{bracketed}:{port}/")) else { return Vec::new() };
    let found = timeout(PATIENCE, outgoing::resolve(&target, true, allowed)).await;
    let mut found = found.map(Result::unwrap_or_default).unwrap_or_default();
    found.truncate(MOST_ADDRESSES);
    found
}

/// What answers instead of us.
async fn look(host: &str, at: SocketAddr, sign: &Sign) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(at).await?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = format!(
        "GET /.well-known/acme-challenge/{} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: caspervpn/{}\r\nConnection: close\r\n\r\n",
        sign.token,
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    Ok(match status {
        Some("200") if answer.ends_with(&sign.body) => None,
        Some(status) if status.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(format!("another server answers (with {status})"))
        }
        _ => Some("something answers that is no web server".to_owned()),
    })
}

fn refusal(cause: &io::Error) -> String {
    if cause.kind() == io::ErrorKind::ConnectionRefused {
        return "takes no connections".to_owned();
    }
    if cause.kind() == io::ErrorKind::TimedOut {
        return "does not answer".to_owned();
    }
    format!("cannot be reached ({cause})")
}

/// Where authorities look for http-01: RFC 8555 §8.3.
const HTTP: u16 = 80;

/// Where authorities look for tls-alpn-01: RFC 8737 §3.
const HTTPS: u16 = 443;

/// Authorities look at one or two.
const MOST_ADDRESSES: usize = 4;

const PATIENCE: Duration = Duration::from_secs(5);

/// Far longer than our own answer.
const LONGEST_ANSWER: u64 = 8192;
