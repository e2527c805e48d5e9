//! Where and how PostgreSQL is reached.
//!
//! Invariant: a connection string is parsed once and never printed.

use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::{OpenError, StoreError};
use crate::store::postgres::connection::store_error;

/// Longest time a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Quiet time before the kernel asks whether the server still lives; its default is two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Longest time sent bytes may stay unacknowledged before a connection counts as dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Reads a connection string and fills in what it leaves open.
pub(super) fn config(url: &str) -> Result<Config, OpenError> {
    let mut config = Config::from_str(url).map_err(|_| OpenError::Url)?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("caspervpn");
    }
    config.keepalives_idle(KEEPALIVE_IDLE);
    config.tcp_user_timeout(UNACKNOWLEDGED);
    Ok(config)
}

/// TLS for servers whose certificate a public authority signed; `sslmode` in the URL says whether it is used.
pub(super) fn tls() -> MakeRustlsConnect {
    MakeRustlsConnect::with_webpki_roots()
}

/// Connects, does the work, and disconnects. The connection is driven by the same future, so nothing is spawned.
pub(in crate::store) async fn with_client<T>(
    url: &str,
    work: impl AsyncFnOnce(&mut tokio_postgres::Client) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let unreachable = |error: &tokio_postgres::Error| OpenError::Unreachable { source: store_error(error) };
    let (mut client, connection) = config(url)?.connect(tls()).await.map_err(|error| unreachable(&error))?;
    tokio::select! {
        outcome = work(&mut client) => outcome,
        ended = connection => match ended {
            Err(error) => Err(unreachable(&error)),
            Ok(()) => Err(OpenError::Unreachable { source: StoreError::new(crate::store::error::ErrorKind::Unavailable) }),
        },
    }
}
