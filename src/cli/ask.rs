//! The way from a verb to the API: the running server's local socket, or the same routes in this process.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Form;
use crate::config::Settings;
use crate::config::address::Address;
use crate::config::fault::Source;
use crate::config::log::{Level, Log};
use crate::config::setting::{Raw, Setting};
use crate::daemon::local_api::LocalApi;
use crate::daemon::routes::host_api;
use crate::daemon::services::{Services, StartError};
use crate::runtime::clock::{Clock, SystemClock};
use crate::telemetry::logging;

/// What a verb works with.
pub(super) struct Asked {
    /// The API.
    pub(super) client: Client,
    /// How to answer.
    pub(super) form: Form,
    /// The time, for defaults such as "until today".
    pub(super) clock: Arc<dyn Clock>,
}

impl Asked {
    /// Finds the server, or opens its data directory when it is stopped.
    pub(super) async fn open(settings: &Settings, form: Form) -> Result<Self, Failure> {
        let api = match running(settings).await {
            Some(socket) => socket,
            None => in_process(settings).await.map_err(Failure::start)?,
        };
        Ok(Self { client: Client::new(api), form, clock: Arc::new(SystemClock::new()) })
    }

    /// Gives free what was opened.
    pub(super) async fn close(self) {
        self.client.close().await;
    }

    /// The flags of a verb as the API's JSON.
    pub(super) fn body(&self, args: &impl Serialize) -> Result<Value, Failure> {
        serde_json::to_value(args)
            .map_err(|cause| Failure::Verb(format!("cannot write the request: {cause}")))
    }
}

/// The running server's socket. One that is there but closed to this user counts: the call says why it fails.
pub(super) async fn running(settings: &Settings) -> Option<LocalApi> {
    let Some(Address::Unix(path)) = &settings.listen.local else { return None };
    let there = || Some(LocalApi::Socket(path.clone()));
    let Err(cause) = UnixStream::connect(path).await else { return there() };
    // No file, no directory, or a file that a killed server left behind.
    let nobody = matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory
    );
    if nobody { None } else { there() }
}

/// The same routes in this process, which holds the data directory until the API is closed.
pub(super) async fn in_process(settings: &Settings) -> Result<LocalApi, StartError> {
    let services = Services::open(settings).await?;
    let routes = host_api(&services.app, &services.tasks, &settings.limits);
    Ok(LocalApi::InProcess { services: Box::new(services), routes })
}

/// Lets trouble inside this process be heard. A verb is no service: only warnings, unless somebody asked for more.
pub(super) fn start_log(settings: &Settings) {
    let log = match (settings.source("log.level"), Level::read(&Raw::Text("warn".to_owned()))) {
        (Source::Default, Ok(level)) => Log { level, ..settings.log.clone() },
        _ => settings.log.clone(),
    };
    // A verb does its work without a log, too.
    drop(logging::start(&log, false));
}
