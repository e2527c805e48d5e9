//! Calls to web servers of others: the one HTTP client of the service.
//!
//! Invariant: no connection is made but to an address that `domain::outgoing` let pass, resolved once for the call it is
//! used in; no redirect is followed, no proxy of the environment is asked, no cookie is kept.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{Request, Response};
use rustls::ClientConfig;

use crate::domain::outgoing::{AllowedNets, Target, TargetError};
use crate::tls::trust::{self, TrustError};

/// Calls web servers.
#[derive(Clone)]
pub struct Client {
    tls: ClientConfig,
    limits: Limits,
}

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// From the name's resolution to the last byte of the answer.
    pub total: Duration,
    /// Longest answer, in bytes after its headers.
    pub response_bytes: usize,
}

impl Default for Limits {
    /// Enough for a slow provider at the other end of the world, and far below what a caller of ours waits.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(10), response_bytes: 1024 * 1024 }
    }
}

/// A call that came to nothing. The text tells who configured the call what to do; it carries no path of the URL,
/// because some hold a secret there.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The URL is not called.
    #[error("the URL {0}")]
    Target(#[source] TargetError),
    /// The name has no address.
    #[error("the name {host} was not resolved")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// No whole answer in time.
    #[error("{host} did not answer within {} seconds", total.as_secs())]
    TooSlow {
        /// Who was asked.
        host: String,
        /// How long it may take.
        total: Duration,
    },
    /// More than is read.
    #[error("{host} answered with more than {max_bytes} bytes")]
    TooLarge {
        /// Who was asked.
        host: String,
        /// The limit.
        max_bytes: usize,
    },
    /// No connection, no trust, or no HTTP.
    #[error("the call of {host} failed")]
    Failed {
        /// Who was asked.
        host: String,
        /// Why, without the URL.
        #[source]
        cause: reqwest::Error,
    },
}

impl Client {
    /// A client that trusts public authorities, and those of `extra_pem`.
    ///
    /// # Errors
    /// [`TrustError`] where the extra certificates cannot be read.
    pub fn new(extra_pem: Option<&[u8]>, limits: Limits) -> Result<Self, TrustError> {
        let mut tls = trust::client(extra_pem)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls, limits })
    }

    /// Makes a call. Every status is an answer, a redirect too.
    ///
    /// # Errors
    /// [`OutgoingError`]: a target that is not called, and a call without a whole answer.
    pub async fn send<B: Into<reqwest::Body>>(
        &self,
        allowed: &AllowedNets,
        request: Request<B>,
    ) -> Result<Response<Vec<u8>>, OutgoingError> {
        let target = Target::http(&request.uri().to_string()).map_err(OutgoingError::Target)?;
        let call = self.call(allowed, &target, request);
        tokio::time::timeout(self.limits.total, call)
            .await
            .unwrap_or_else(|_| Err(OutgoingError::TooSlow { host: target.host(), total: self.limits.total }))
    }

    async fn call<B: Into<reqwest::Body>>(
        &self,
        allowed: &AllowedNets,
        target: &Target,
        request: Request<B>,
    ) -> Result<Response<Vec<u8>>, OutgoingError> {
        let addresses = resolve(target, target.is_encrypted(), allowed).await?;
        let failed =
            |cause: reqwest::Error| OutgoingError::Failed { host: target.host(), cause: cause.without_url() };
        let client = self.pinned(target, &addresses).map_err(failed)?;
        let (parts, body) = request.into_parts();
        let sent = client.request(parts.method, target.url().clone()).headers(parts.headers).body(body);
        let mut answer = sent.send().await.map_err(failed)?;
        let mut response = Response::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let max_bytes = self.limits.response_bytes;
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if response.body().len() + part.len() > max_bytes {
                return Err(OutgoingError::TooLarge { host: target.host(), max_bytes });
            }
            response.body_mut().extend_from_slice(&part);
        }
        Ok(response)
    }

    /// A client for one call: it knows the target's judged addresses and resolves no name by itself.
    fn pinned(&self, target: &Target, addresses: &[SocketAddr]) -> reqwest::Result<reqwest::Client> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .connect_timeout(self.limits.connect)
            .user_agent(concat!("caspervpn/", env!("CARGO_PKG_VERSION")))
            .resolve_to_addrs(&target.host(), addresses)
            .build()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The addresses of a target, each of which may be called. For clients of other protocols too: connect to these and to
/// nothing else. `is_encrypted` tells of encryption that the URL does not, as StartTLS.
///
/// # Errors
/// [`OutgoingError::Resolve`] and [`OutgoingError::Target`].
pub async fn resolve(
    target: &Target,
    is_encrypted: bool,
    allowed: &AllowedNets,
) -> Result<Vec<SocketAddr>, OutgoingError> {
    let addresses = match target.address() {
        Some(address) => vec![SocketAddr::new(address, target.port())],
        None => tokio::net::lookup_host((target.host(), target.port()))
            .await
            .map_err(|cause| OutgoingError::Resolve { host: target.host(), cause })?
            .collect(),
    };
    let bare: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    target.judge_as(is_encrypted, &bare, allowed).map_err(OutgoingError::Target)?;
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::{Client, Limits, OutgoingError};
    use crate::domain::outgoing::{AllowedNets, TargetError};
    use http::{Request, StatusCode, header};
    use std::error::Error as _;
    use std::net::SocketAddr;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_server_on_this_machine_is_called_only_where_that_is_allowed() {
        let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let url = format!("http://{}/path?query=1", server.address);

        let refused = client().send(&AllowedNets::default(), get(&url)).await;
        assert!(
            matches!(refused, Err(OutgoingError::Target(TargetError::Refused { kind: "this machine", .. }))),
            "{refused:?}"
        );
        let by_name = format!("http://localhost:{}/", server.address.port());
        let refused = client().send(&AllowedNets::default(), get(&by_name)).await;
        assert!(matches!(refused, Err(OutgoingError::Target(TargetError::Refused { .. }))), "{refused:?}");

        let (answer, request) =
            tokio::join!(async { client().send(&loopback(), get(&url)).await }, server.one());
        assert_eq!(answer.unwrap().body(), b"hello");
        assert!(request.starts_with("GET /path?query=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("user-agent: caspervpn/"), "{request}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_an_order() {
        let server =
            Server::start("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
                .await;
        let url = format!("http://{}/", server.address);

        let (answer, _) = tokio::join!(async { client().send(&loopback(), get(&url)).await }, server.one());

        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert_eq!(answer.headers()[header::LOCATION], "http://127.0.0.1:1/");
    }

    #[tokio::test]
    async fn an_answer_past_the_limit_is_dropped() {
        let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world").await;
        let url = format!("http://{}/", server.address);
        let small = Client::new(None, Limits { response_bytes: 10, ..Limits::default() }).unwrap();

        let (answer, _) = tokio::join!(async { small.send(&loopback(), get(&url)).await }, server.one());

        assert!(matches!(answer, Err(OutgoingError::TooLarge { max_bytes: 10, .. })), "{answer:?}");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let hasty =
            Client::new(None, Limits { total: Duration::from_millis(200), ..Limits::default() }).unwrap();

        let answer = hasty.send(&loopback(), get(&url)).await;

        assert!(matches!(answer, Err(OutgoingError::TooSlow { .. })), "{answer:?}");
    }

    #[tokio::test]
    async fn an_error_holds_no_path_because_some_are_secrets() {
        let url = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}/hooks/T0PSECRET", listener.local_addr().unwrap())
        };

        let error = client().send(&loopback(), get(&url)).await.unwrap_err();

        let mut text = format!("{error:?} {error}");
        let mut cause = error.source();
        while let Some(next) = cause {
            text.push_str(&format!(" {next} {next:?}"));
            cause = next.source();
        }
        assert!(!text.contains("T0PSECRET"), "{text}");
    }

    fn client() -> Client {
        Client::new(None, Limits::default()).unwrap()
    }

    fn get(url: &str) -> Request<Vec<u8>> {
        Request::get(url).body(Vec::new()).unwrap()
    }

    fn loopback() -> AllowedNets {
        AllowedNets::try_from(vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]).unwrap()
    }

    /// Answers one call with a fixed text.
    struct Server {
        listener: TcpListener,
        address: SocketAddr,
        answer: &'static str,
    }

    impl Server {
        async fn start(answer: &'static str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            Self { listener, address, answer }
        }

        async fn one(&self) -> String {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let size = stream.read(&mut request).await.unwrap();
            stream.write_all(self.answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..size]).into_owned()
        }
    }
}
