//! Looks whether this service is what answers at a name's addresses, as an authority will.
//!
//! Invariant: seen from here only. Behind a translated address (NAT) a way that is good from outside may be closed from inside, so
//! nothing is refused by what is found here.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

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

/// What was found of the way to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It leads here.
    Good,
    /// There is no address that may be called.
    Unseen,
    /// What is wrong with it: a sentence for the operator.
    Troubled(String),
}

/// Looks at the way over HTTP to a host, a name or an address, at port 80: whether the sign is seen at every address.
pub async fn http_way(host: &str, sign: &Sign, allowed: &AllowedNets) -> Way {
    let addresses = addresses(host, HTTP, allowed).await;
    let seen = if addresses.is_empty() { Way::Unseen } else { Way::Good };
    for address in addresses {
        let found = timeout(PATIENCE, follow(host, address, sign, allowed)).await;
        let what = match found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(None) => continue,
            Ok(Some(what)) => what,
            Err(cause) => refusal(&cause),
        };
        return Way::Troubled(format!(
            "{host} leads to {}, and seen from here port 80 there {what}; let it lead to listen.http of this service (behind NAT this \
             may be seen so from inside only)",
            address.ip()
        ));
    }
    seen
}

/// The same for handshakes, at port 443: only whether anybody takes connections there.
pub async fn https_way(host: &str, allowed: &AllowedNets) -> Way {
    let addresses = addresses(host, HTTPS, allowed).await;
    let seen = if addresses.is_empty() { Way::Unseen } else { Way::Good };
    for address in addresses {
        let found = timeout(PATIENCE, TcpStream::connect(address)).await;
        if let Err(cause) = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            return Way::Troubled(format!(
                "{host} leads to {}, and seen from here port 443 there {}; let it lead to listen.https of this service (behind NAT \
                 this may be seen so from inside only)",
                address.ip(),
                refusal(&cause)
            ));
        }
    }
    seen
}

/// Those that may be called: what is sent is public, so it need not be encrypted.
async fn addresses(host: &str, port: u16, allowed: &AllowedNets) -> Vec<SocketAddr> {
    let Ok(target) = Target::http(&format!("http://{}:{port}/", bracketed(host))) else { return Vec::new() };
    let found = timeout(PATIENCE, outgoing::resolve(&target, true, allowed)).await;
    let mut found = found.map(Result::unwrap_or_default).unwrap_or_default();
    found.truncate(MOST_ADDRESSES);
    found
}

/// As a URL has it.
fn bracketed(host: &str) -> String {
    let is_bare = host.contains(':') && !host.starts_with('[');
    if is_bare { format!("[{host}]") } else { host.to_owned() }
}

/// What answers instead of us, there or wherever it sends who asks, as authorities go on to there (RFC 8555 §8.3).
async fn follow(
    host: &str,
    at: SocketAddr,
    sign: &Sign,
    allowed: &AllowedNets,
) -> io::Result<Option<String>> {
    let first = format!("http://{}:{}/.well-known/acme-challenge/{}", bracketed(host), at.port(), sign.token);
    let Ok(mut url) = Url::parse(&first) else { return Ok(None) };
    let mut at = at;
    for _ in 0..=MOST_REDIRECTS {
        url = match look(&url, at, sign).await? {
            Seen::Sign => return Ok(None),
            Seen::Other(what) => return Ok(Some(what)),
            Seen::Elsewhere(next) => next,
        };
        // What is behind HTTPS or may not be called is not seen from here, and nothing speaks against it.
        let (Some(host), Some(port), "http") = (url.host_str(), url.port_or_known_default(), url.scheme())
        else {
            return Ok(None);
        };
        let Some(next) = addresses(host, port, allowed).await.first().copied() else { return Ok(None) };
        at = next;
    }
    Ok(Some(format!("sends whoever asks on more than {MOST_REDIRECTS} times")))
}

/// What is at an address.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Sign,
    /// Something else: how a sentence of it goes on.
    Other(String),
    /// A word that it is there.
    Elsewhere(Url),
}

async fn look(url: &Url, at: SocketAddr, sign: &Sign) -> io::Result<Seen> {
    let stream = TokioIo::new(TcpStream::connect(at).await?);
    let (sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
    // What was asked ends with the answer, and the connection with that: whether the other side would keep it is no matter.
    let (seen, _) = tokio::join!(ask(sender, url, sign), connection);
    seen.or_else(|cause| {
        let spoken = cause.source().and_then(|source| source.downcast_ref::<io::Error>());
        match spoken {
            Some(cause) => Err(io::Error::new(cause.kind(), cause.to_string())),
            None => Ok(Seen::Other("something answers that is no web server".to_owned())),
        }
    })
}

async fn ask(mut sender: SendRequest<Empty<Bytes>>, url: &Url, sign: &Sign) -> Result<Seen, hyper::Error> {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = url[url::Position::BeforePath..].parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.extend(host.parse().map(|host| (HOST, host)));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("caspervpn/", env!("CARGO_PKG_VERSION"))));
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    if let (true, Some(next)) = (SENT_ON.contains(&status), location.and_then(|text| url.join(text).ok())) {
        return Ok(Seen::Elsewhere(next));
    }
    let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
    // A body that breaks off or never ends is not ours either.
    let is_ours = body.is_ok_and(|body| body.to_bytes().trim_ascii_end() == sign.body.as_bytes());
    if status == StatusCode::OK && is_ours {
        return Ok(Seen::Sign);
    }
    Ok(Seen::Other(format!("another server answers (with {})", status.as_u16())))
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
const LONGEST_ANSWER: usize = 8192;

/// The words that it is elsewhere (RFC 9110 §15.4), and how often they are followed: as often as Let's Encrypt does.
const SENT_ON: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];
const MOST_REDIRECTS: usize = 10;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::{Sign, follow};
    use crate::domain::outgoing::AllowedNets;

    /// A server that gives each of these answers once, one after the other, and closes no connection by itself.
    async fn server(answers: Vec<String>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 2048];
                let read = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]);
                assert!(request.starts_with("GET /.well-known/acme-challenge/abc HTTP/1.1\r\n"), "{request}");
                assert!(request.contains("\r\nhost: 127.0.0.1"), "{request}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                open.push(stream);
            }
            std::future::pending::<()>().await;
        });
        address
    }

    async fn trouble(at: SocketAddr) -> Option<String> {
        let sign = Sign { token: "abc".to_owned(), body: "abc.preflight".to_owned() };
        let local: AllowedNets = vec!["127.0.0.0/8".parse().unwrap()].try_into().unwrap();
        follow("127.0.0.1", at, &sign, &local).await.unwrap()
    }

    async fn said(answer: &str) -> Option<String> {
        trouble(server(vec![answer.to_owned()]).await).await
    }

    fn sent_on(to: &str) -> String {
        format!("HTTP/1.1 301 Moved Permanently\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
    }

    #[tokio::test]
    async fn the_sign_is_seen_however_the_answer_is_framed() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nabc.preflight",
            "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 14\r\n\r\nabc.preflight\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabc.\r\n9\r\npreflight\r\n0\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nabc.preflight",
        ] {
            assert_eq!(said(answer).await, None, "{answer}");
        }
    }

    #[tokio::test]
    async fn what_is_not_the_sign_is_told_of() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "another server answers (with 200)"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\nnot: abc.preflight",
                "another server answers (with 200)",
            ),
            (
                "HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\n\r\nabc.preflight",
                "another server answers (with 404)",
            ),
            ("HTTP/1.1 301 Moved\r\ncontent-length: 0\r\n\r\n", "another server answers (with 301)"),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "something answers that is no web server"),
        ] {
            assert_eq!(said(answer).await.as_deref(), Some(expected), "{answer}");
        }
    }

    #[tokio::test]
    async fn who_is_sent_on_goes_on_as_an_authority_does() {
        let ours =
            server(vec!["HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nabc.preflight".to_owned()]).await;
        let other = server(vec!["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()]).await;
        let path = "/.well-known/acme-challenge/abc";

        assert_eq!(said(&sent_on(&format!("http://{ours}{path}"))).await, None);
        assert_eq!(said(&sent_on("https://vpn.example.org/")).await, None, "HTTPS is not looked behind");
        let found = said(&sent_on(&format!("http://{other}{path}"))).await;
        assert_eq!(found.as_deref(), Some("another server answers (with 404)"));
        let circle = server(vec![sent_on(path); 20]).await;
        assert_eq!(trouble(circle).await.as_deref(), Some("sends whoever asks on more than 10 times"));
    }
}
