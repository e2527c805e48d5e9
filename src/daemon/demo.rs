//! `caspervpn demo`: the whole service on a data directory of its own that is gone at the end, with made-up users and
//! three clients whose handshakes and packets are real. No root, no interface, no packet outside of this host.

mod clients;
mod scratch;
mod seed;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::agent::host::Mode;
use crate::app::App;
use crate::config::Settings;
use crate::config::environment::Environment;
use crate::config::fault::ConfigError;
use crate::config::load::Args;
use crate::daemon::demo::scratch::Scratch;
use crate::daemon::exit::Exit;
use crate::daemon::serve::{ServeError, Start, serve};
use crate::edge::listener::PassedSockets;
use crate::secrets::random::{self, RandomError};
use crate::telemetry::logging::{self, LoggingError};
use crate::vpn::tunnel::TunnelError;
use crate::vpn::tunnel::memory::MemoryTransport;

/// What to tell the person who looks at the demonstration.
#[derive(Debug)]
pub struct Shown {
    /// Where the panel and the API are.
    pub url: String,
    /// The owner's login.
    pub login: &'static str,
    /// The owner's password, made for this run.
    pub password: Zeroizing<String>,
    /// The directory that goes away at the end; its socket takes verbs.
    pub data_dir: String,
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The directory for it.
    #[error("cannot make a temporary directory; set TMPDIR to one that can be written")]
    Scratch(#[source] io::Error),
    /// A port for it.
    #[error("cannot find a free port on this host")]
    Port(#[source] io::Error),
    /// Its settings.
    #[error("{0}")]
    Settings(ConfigError),
    /// Its log.
    #[error("cannot start the log")]
    Log(#[source] LoggingError),
    /// Its password.
    #[error("cannot make a password")]
    Password(#[source] RandomError),
    /// The service.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Its users, networks and devices.
    #[error("cannot fill the demonstration: {what}")]
    Seed {
        /// What could not be made.
        what: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its clients.
    #[error("cannot start a client of the demonstration")]
    Client(#[source] TunnelError),
}

impl DemoError {
    /// The number the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Serve(cause) => cause.exit(),
            Self::Settings(_) => Exit::Refused,
            Self::Scratch(_) | Self::Port(_) => Exit::Unavailable,
            Self::Log(_) | Self::Password(_) | Self::Seed { .. } | Self::Client(_) => Exit::Failure,
        }
    }
}

/// Runs the demonstration until a signal ends it. `announce` is called once everything moves.
///
/// # Errors
/// What kept it from starting. Its directory is gone in any case.
pub async fn demo(
    listen: Option<SocketAddr>,
    environment: &Environment,
    announce: impl FnOnce(&Shown),
) -> Result<Exit, DemoError> {
    let scratch = Scratch::make(environment).map_err(DemoError::Scratch)?;
    let listen = match listen {
        Some(at) => at,
        None => free_tcp().map_err(DemoError::Port)?,
    };
    let udp_port = free_udp().map_err(DemoError::Port)?;
    let secret = random::bytes::<15>().map_err(DemoError::Password)?;
    let shown = Shown {
        url: format!("http://{listen}"),
        login: seed::OWNER,
        password: Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret)),
        data_dir: scratch.path().display().to_string(),
    };
    let start = start(&scratch, listen)?;
    let (tell, told) = oneshot::channel();
    let service = serve(start, PassedSockets::none(), move |started| drop(tell.send(started.app.clone())));
    let show = async {
        // The other half is dropped only with the service, whose own end then tells why.
        let Ok(app) = told.await else { return std::future::pending().await };
        play(&app, &shown, udp_port, announce).await
    };
    tokio::select! {
        ended = service => Ok(ended?),
        failed = show => failed.map(|()| Exit::Failure),
    }
}

/// Fills the service and lets its clients talk, for as long as it is polled.
async fn play(
    app: &App,
    shown: &Shown,
    udp_port: u16,
    announce: impl FnOnce(&Shown),
) -> Result<(), DemoError> {
    let devices = seed::fill(app, &shown.password, udp_port).await?;
    clients::talk(&devices, udp_port, || announce(shown)).await
}

fn start(scratch: &Scratch, listen: SocketAddr) -> Result<Start, DemoError> {
    let dir = scratch.path().display();
    // Neither the machine's own file nor its environment may reach a demonstration.
    let args = Args::new(Environment::default())
        .with_config(Some("/dev/null".into()))
        .with_flag("--data-dir", "server.data_dir", dir.to_string())
        .with_flag("--listen", "listen.api", listen.to_string())
        .with_set("listen.agent=off")
        .with_set("listen.https=off")
        .with_set("listen.http=off")
        .with_set("log.level=warn");
    let settings = Settings::load(&args).map_err(DemoError::Settings)?;
    let level = logging::start(&settings.log, false).map_err(DemoError::Log)?;
    Ok(Start {
        settings,
        args,
        level,
        node: Some(Mode::Detached(MemoryTransport::default())),
        offer_link: false,
        output: || Box::new(io::sink()),
    })
}

/// A port that is free now. Somebody may take it before the service does, which then says so.
fn free_tcp() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn free_udp() -> io::Result<u16> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr().map(|at| at.port())
}
