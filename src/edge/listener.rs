//! Sockets that listen: made here, or held open by systemd.
//!
//! Invariant: a unix socket is never open to more than its mode says, not for a moment, and a socket that another
//! process serves is never taken away from it.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::config::address::Address;
use crate::edge::holder::tcp_holder;
use crate::edge::peer::Peer;

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: SocketKind,
    address: Address,
}

#[derive(Debug)]
enum SocketKind {
    Tcp(TcpListener),
    Unix { socket: UnixListener, _path: Option<OwnedPath> },
}

/// One accepted connection.
pub type Stream = Either<TcpStream, UnixStream>;

/// The same between two threads, when neither waits for it.
#[derive(Debug)]
pub(super) struct Detached(Either<StdTcpStream, StdUnixStream>);

impl Detached {
    /// Takes it from this thread.
    pub(super) fn from(stream: Stream) -> io::Result<Self> {
        Ok(Self(match stream {
            Either::Left(stream) => Either::Left(stream.into_std()?),
            Either::Right(stream) => Either::Right(stream.into_std()?),
        }))
    }

    /// Gives it to the thread of the caller.
    pub(super) fn attach(self) -> io::Result<Stream> {
        Ok(match self.0 {
            Either::Left(stream) => Either::Left(TcpStream::from_std(stream)?),
            Either::Right(stream) => Either::Right(UnixStream::from_std(stream)?),
        })
    }
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The system refused.
    #[error("listen on {address}")]
    Open {
        /// Where.
        address: Address,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Somebody else listens there.
    #[error("listen on {at}: {holder} has it")]
    Taken {
        /// Where.
        at: SocketAddr,
        /// Who.
        holder: String,
    },
    /// The same for UDP.
    #[error("listen on {at}/udp: {holder} has it")]
    TakenUdp {
        /// Where.
        at: SocketAddr,
        /// Who.
        holder: String,
    },
    /// The port is not for everybody.
    #[error("listen on {at}: ports below 1024 need root or CAP_NET_BIND_SERVICE")]
    Privileged {
        /// Where.
        at: SocketAddr,
    },
    /// Another process serves the socket.
    #[error("listen on unix:{}: another process serves it", path.display())]
    Served {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has the name.
    #[error("listen on unix:{}: there is a file that is not a socket; move it away", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// systemd passed no such socket.
    #[error(
        "listen on systemd:{name}: systemd passed {}; set FileDescriptorName={name} in the .socket unit",
        .given.join(", ")
    )]
    NotPassed {
        /// The name asked for.
        name: String,
        /// The names that were passed.
        given: Vec<String>,
    },
}

/// The sockets that systemd passed to this process, by name.
pub struct PassedSockets {
    sockets: ListenFd,
    names: Vec<String>,
}

impl PassedSockets {
    /// Takes the sockets over, named by `LISTEN_FDNAMES` in the order of `names`. Call it once, before any thread is
    /// started: it removes the variables that announce them.
    pub fn take(names: Vec<String>) -> Self {
        Self { sockets: ListenFd::from_env(), names }
    }

    /// No sockets.
    pub fn none() -> Self {
        Self { sockets: ListenFd::empty(), names: Vec::new() }
    }

    fn listener(&mut self, name: &str) -> Result<SocketKind, ListenError> {
        let open = |cause| ListenError::Open { address: Address::Systemd(name.to_owned()), cause };
        let index = self.names.iter().position(|given| given == name);
        let Some(index) = index.filter(|index| *index < self.sockets.len()) else {
            let given = match self.names.as_slice() {
                [] => vec!["no socket".to_owned()],
                names => names.to_vec(),
            };
            return Err(ListenError::NotPassed { name: name.to_owned(), given });
        };
        // The crate tells the families apart only by trying.
        if let Ok(Some(socket)) = self.sockets.take_unix_listener(index) {
            socket.set_nonblocking(true).map_err(open)?;
            return UnixListener::from_std(socket)
                .map(|socket| SocketKind::Unix { socket, _path: None })
                .map_err(open);
        }
        let socket = self.sockets.take_tcp_listener(index).map_err(open)?;
        let taken = || open(io::Error::other("it is in use by another listener already"));
        let socket = socket.ok_or_else(taken)?;
        socket.set_nonblocking(true).map_err(open)?;
        TcpListener::from_std(socket).map(SocketKind::Tcp).map_err(open)
    }
}

impl Listener {
    /// Opens a listener. `mode` is the permissions of a unix socket that is made here.
    ///
    /// # Errors
    /// When the address is taken, not allowed, or was not passed by systemd.
    pub fn open(address: &Address, mode: u32, passed: &mut PassedSockets) -> Result<Self, ListenError> {
        let open = |cause| ListenError::Open { address: address.clone(), cause };
        let socket = match address {
            Address::Tcp(at) => match tcp(*at) {
                Ok(socket) => SocketKind::Tcp(socket),
                Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
                    let holder =
                        tcp_holder(*at).unwrap_or_else(|| "somebody this user may not see".to_owned());
                    return Err(ListenError::Taken { at: *at, holder });
                }
                Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(ListenError::Privileged { at: *at });
                }
                Err(cause) => return Err(open(cause)),
            },
            Address::Unix(path) => unix(path, mode, open)?,
            Address::Systemd(name) => passed.listener(name)?,
        };
        Ok(Self { socket, address: address.clone() })
    }

    /// Where it listens, as it was asked for.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The IP address and port, of a listener that has them.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            SocketKind::Tcp(socket) => socket.local_addr().ok(),
            SocketKind::Unix { .. } => None,
        }
    }

    /// Where clients find it: the port, or the path, of a socket that systemd holds open.
    pub fn reached_at(&self) -> Address {
        let found = match (&self.socket, &self.address) {
            (SocketKind::Tcp(_), _) => self.local_addr().map(Address::Tcp),
            (SocketKind::Unix { socket, .. }, Address::Systemd(_)) => {
                let at = socket.local_addr().ok();
                at.and_then(|at| at.as_pathname().map(|path| Address::Unix(path.to_owned())))
            }
            // One that was made here was bound under another name.
            (SocketKind::Unix { .. }, Address::Tcp(_) | Address::Unix(_)) => None,
        };
        found.unwrap_or_else(|| self.address.clone())
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// What `accept(2)` says. Errors of one connection are among them.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.socket {
            SocketKind::Tcp(socket) => {
                let (stream, at) = socket.accept().await?;
                // An answer's last packet must not wait for the acknowledgement of the one before.
                stream.set_nodelay(true)?;
                SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
                let at = SocketAddr::new(at.ip().to_canonical(), at.port());
                Ok((Either::Left(stream), Peer::Tcp(at)))
            }
            SocketKind::Unix { socket, .. } => {
                let (stream, _) = socket.accept().await?;
                let who = stream.peer_cred()?;
                Ok((Either::Right(stream), Peer::Unix { uid: who.uid(), gid: who.gid(), pid: who.pid() }))
            }
        }
    }
}

fn tcp(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        // `[::]` means both families whatever the host's net.ipv6.bindv6only says.
        socket.set_only_v6(!at.ip().is_unspecified())?;
    }
    // Connections of an earlier process that are still closing must not keep this one from starting.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Binds under another name, sets the mode, and only then gives the socket its own name.
fn unix(path: &Path, mode: u32, open: impl Fn(io::Error) -> ListenError) -> Result<SocketKind, ListenError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket { path: path.to_owned() });
        }
        Ok(_) if StdUnixStream::connect(path).is_ok() => {
            return Err(ListenError::Served { path: path.to_owned() });
        }
        Ok(_) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(open(cause)),
    }
    let hidden = path.with_file_name(format!(".{}", std::process::id()));
    let made = bind_hidden(&hidden, mode).and_then(|socket| {
        fs::rename(&hidden, path)?;
        let inode = fs::symlink_metadata(path)?.ino();
        let path = Some(OwnedPath { path: path.to_owned(), inode });
        Ok(SocketKind::Unix { socket, _path: path })
    });
    made.map_err(|cause| {
        // The first error is the one to tell; the hidden name may not even exist.
        let _ = fs::remove_file(&hidden);
        open(cause)
    })
}

fn bind_hidden(hidden: &Path, mode: u32) -> io::Result<UnixListener> {
    // A process of the same id may have died before it could rename.
    let _ = fs::remove_file(hidden);
    let socket = StdUnixListener::bind(hidden)?;
    fs::set_permissions(hidden, Permissions::from_mode(mode))?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

/// Removes the socket's name at the end, unless another process has taken it over.
#[derive(Debug)]
struct OwnedPath {
    path: PathBuf,
    inode: u64,
}

impl Drop for OwnedPath {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // Left behind, it is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connections that may wait to be accepted; the kernel's `net.core.somaxconn` may hold it lower.
const BACKLOG: i32 = 1024;

/// After this much silence the kernel asks whether the peer is still there.
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(60);
