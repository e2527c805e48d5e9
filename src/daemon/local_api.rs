//! The API for the host's administrator: over the local socket of the server that runs, or, with none running, to
//! the same routes in this process while it holds the data directory.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::future::join;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tower::ServiceExt;

use crate::daemon::services::Services;
use crate::edge::Routes;
use crate::edge::peer::Peer;

/// A way to the API.
pub enum LocalApi {
    /// The server runs and listens here.
    Socket(PathBuf),
    /// No server runs; this process has the data directory to itself.
    InProcess {
        /// What the routes work with. It holds the lock for as long as it lives.
        services: Box<Services>,
        /// The routes.
        routes: Routes,
    },
}

/// The API cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalApiError {
    /// Nobody listens, or not for this user.
    #[error("cannot connect to {}; run this as root or as the service's user", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The connection broke.
    #[error("the service went away during the request; see its log")]
    Talk {
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What came could not be handed on.
    #[error("cannot write what the service answered")]
    Take {
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Longest answer a verb takes: a page of 200 rows is far below it.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

impl LocalApi {
    /// Sends one request and waits for the whole answer.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, LocalApiError> {
        match self {
            Self::Socket(path) => over_socket(path, request).await,
            Self::InProcess { routes, .. } => in_process(routes.clone(), request).await,
        }
    }

    /// Sends one request and hands each part of a good answer's body on as it comes. Any other answer is given whole.
    pub async fn pour(
        &self,
        request: Request<Bytes>,
        mut taker: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Response<Bytes>, LocalApiError> {
        match self {
            Self::Socket(path) => {
                let (mut sender, connection) = connect(path).await?;
                let exchange = async move {
                    let response = sender.send_request(request.map(Full::new)).await.map_err(talk)?;
                    taken(response, &mut taker).await
                };
                join(exchange, connection).await.0
            }
            Self::InProcess { routes, .. } => {
                let response = routes.clone().oneshot(as_root(request)?).await.map_err(talk)?;
                taken(response, &mut taker).await
            }
        }
    }

    /// Ends what was opened for it.
    pub async fn close(self) {
        match self {
            Self::Socket(_) => {}
            Self::InProcess { services, routes } => {
                drop(routes);
                services.close().await;
            }
        }
    }
}

type Connection = http1::Connection<TokioIo<UnixStream>, Full<Bytes>>;

async fn connect(path: &PathBuf) -> Result<(http1::SendRequest<Full<Bytes>>, Connection), LocalApiError> {
    let stream = UnixStream::connect(path)
        .await
        .map_err(|cause| LocalApiError::Connect { path: path.clone(), cause })?;
    http1::handshake(TokioIo::new(stream)).await.map_err(talk)
}

async fn over_socket(path: &PathBuf, request: Request<Bytes>) -> Result<Response<Bytes>, LocalApiError> {
    let (mut sender, connection) = connect(path).await?;
    let exchange = async move {
        let response = sender.send_request(request.map(Full::new)).await.map_err(talk)?;
        let (head, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, MAX_ANSWER_BYTES);
        let bytes = body.collect().await.map_err(|cause| LocalApiError::Talk { cause })?.to_bytes();
        // Dropping the sender here ends the connection, and with it the future beside this one.
        Ok(Response::from_parts(head, bytes))
    };
    let (answer, _) = join(exchange, connection).await;
    answer
}

async fn in_process(routes: Routes, request: Request<Bytes>) -> Result<Response<Bytes>, LocalApiError> {
    let response = routes.oneshot(as_root(request)?).await.map_err(talk)?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map_err(talk)?.to_bytes();
    Ok(Response::from_parts(head, bytes))
}

/// A request of this process's own user, whom the routes take for the machine's administrator.
fn as_root(mut request: Request<Bytes>) -> Result<Request<Full<Bytes>>, LocalApiError> {
    let me = procfs::process::Process::myself().and_then(|me| me.uid()).map_err(talk)?;
    request.extensions_mut().insert(Peer::Unix { uid: me, gid: 0, pid: None });
    Ok(request.map(Full::new))
}

async fn taken<B>(
    response: Response<B>,
    taker: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Response<Bytes>, LocalApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, mut body) = response.into_parts();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(talk)?.into_data() else { continue };
        if head.status.is_success() {
            taker(&bytes).map_err(|cause| LocalApiError::Take { cause })?;
        } else if whole.len() + bytes.len() <= MAX_ANSWER_BYTES {
            whole.extend_from_slice(&bytes);
        }
    }
    Ok(Response::from_parts(head, whole.into()))
}

fn talk<E: Into<Box<dyn std::error::Error + Send + Sync>>>(cause: E) -> LocalApiError {
    LocalApiError::Talk { cause: cause.into() }
}
