//! Opens what every form of the program works with: the store, the master key, the use cases.
//!
//! Invariant: opened in this order, closed in the reverse; nothing here listens.

use std::io;
use std::num::NonZero;
use std::sync::Arc;

use ipnet::IpNet;
use tracing::warn;

use crate::app::login_limit::LoginRates;
use crate::app::open::{OpenError, Parts, is_sealed};
use crate::app::{App, Facts, HostRanges};
use crate::config::Settings;
use crate::config::database::DatabaseUrl;
use crate::config::keys::{CREDENTIAL, FILE, MasterKeyPlace};
use crate::config::server::Role;
use crate::daemon::exit::Exit;
use crate::domain::node::{InterfaceName, Port};
use crate::domain::secret_reference::SecretReference;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::tasks::Tasks;
use crate::secrets::master_key::{self, KeyPlace, LoadError, MalformedKey, MasterKey, MasterKeys, rotation};
use crate::secrets::password::PasswordWork;
use crate::secrets::reference::Sources;
use crate::secrets::secret_store::{FetchError, Places, fetch};
use crate::secrets::token::TokenDigest;
use crate::store::backend::Store;
use crate::store::error::{OpenError as StoreOpenError, StoreError};
use crate::store::open::{Database, StoreSettings};
use crate::telemetry::chain::chain;
use crate::vpn::netlink::rt::Rtnetlink;

/// The open service, without listeners.
#[derive(Debug, Clone)]
pub struct Services {
    /// Supervises all work.
    pub tasks: Tasks,
    /// The use cases.
    pub app: App,
}

/// Why the service cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("cannot open the database")]
    Store(#[source] StoreOpenError),
    /// The database, at its first question.
    #[error("cannot read the database")]
    FirstRead(#[source] StoreError),
    /// The master key.
    #[error("cannot load the master key")]
    Key(#[source] LoadError),
    /// The place of a secret.
    #[error("cannot read the secret that `{key}` names")]
    Secret {
        /// The setting.
        key: &'static str,
        /// Why.
        #[source]
        cause: Box<FetchError>,
    },
    /// A referenced key that is none.
    #[error("what `{key}` names is not a master key")]
    Malformed {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        cause: MalformedKey,
    },
    /// A token that could be guessed.
    #[error(
        "what `metrics.token` names has fewer than {SHORTEST_TOKEN} characters; make one with `openssl rand -hex 32`"
    )]
    ShortToken,
    /// The use cases.
    #[error("cannot start on this database")]
    App(#[source] OpenError),
    /// A supervised thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// The number the process ends with.
    pub fn exit(&self) -> Exit {
        let temporary = match self {
            Self::Store(cause) => cause.is_temporary(),
            Self::FirstRead(cause) => cause.is_temporary(),
            Self::App(cause) => cause.is_temporary(),
            Self::Thread(_) => true,
            Self::Secret { cause, .. } => cause.is_temporary(),
            Self::Key(_) | Self::Malformed { .. } | Self::ShortToken => false,
        };
        if temporary { Exit::Unavailable } else { Exit::Refused }
    }
}

impl Services {
    /// Opens the service on this runtime.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock::new());
        let tasks = Tasks::current(clock.clone());
        let store = open_store(settings, &tasks).await?;
        let sealed = is_sealed(&store).await.map_err(StartError::FirstRead)?;
        let master_keys = load_master_keys(settings, sealed).await?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let parts = Parts {
            store: store.clone(),
            clock,
            master_keys,
            passwords: PasswordWork::new(tasks.clone(), cores, HASH_QUEUE),
            login_rates: LoginRates {
                per_address: settings.limits.login_per_address_per_minute,
                per_account: settings.limits.login_per_account_per_minute,
            },
            host_ranges: host_ranges(),
            facts: Facts {
                database: match settings.database.url {
                    DatabaseUrl::Sqlite { .. } => "sqlite",
                    DatabaseUrl::Postgres(_) => "postgres",
                },
                local_node: settings.server.has(Role::Agent),
                first_listen_port: Port::WIREGUARD.number(),
                dns_hook: settings.tls.dns_hook.clone(),
                event_streams: settings.limits.event_streams as usize,
            },
        };
        // Entered after the database's own threads, so that a drain closes the database before it waits for them.
        drop(tasks.spawn_once("database", move |stop| async move {
            stop.cancelled().await;
            store.close().await;
        }));
        match App::open(parts).await {
            Ok(app) => Ok(Self { tasks, app }),
            Err(cause) => {
                tasks.drain(CLOSE_WITHIN).await;
                Err(StartError::App(cause))
            }
        }
    }

    /// Ends all work and closes the database.
    pub async fn close(&self) {
        self.tasks.drain(CLOSE_WITHIN).await;
    }
}

/// Passwords that may wait to be checked: at a quarter of a second each, nobody waits for more.
const HASH_QUEUE: usize = 32;

/// How long the work of a verb may take to end.
const CLOSE_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The database of the settings, with its password fetched.
pub async fn database(settings: &Settings) -> Result<Database, StartError> {
    Ok(match &settings.database.url {
        DatabaseUrl::Sqlite { directory } => Database::Sqlite { directory: directory.clone() },
        DatabaseUrl::Postgres(url) => Database::Postgres {
            url: with_password(settings, url.expose()).await?,
            direct_url: match &settings.database.direct_url {
                Some(url) => Some(with_password(settings, url.expose()).await?),
                None => None,
            },
        },
    })
}

async fn open_store(settings: &Settings, tasks: &Tasks) -> Result<Store, StartError> {
    let database = database(settings).await?;
    let wanted = StoreSettings {
        readers: settings.database.readers as usize,
        pool_size: settings.database.pool_size as usize,
        ..StoreSettings::new(database)
    };
    Store::open(&wanted, tasks).await.map_err(StartError::Store)
}

/// The URL with the password of its reference, percent-encoded as RFC 3986 §3.2.1 wants it.
async fn with_password(settings: &Settings, url: &str) -> Result<String, StartError> {
    let Some(reference) = &settings.database.password else { return Ok(url.to_owned()) };
    let password = read_secret(settings, "database.password", reference).await?;
    let mut encoded = String::new();
    for byte in password.trim_end_matches('\n').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{joint}password={encoded}"))
}

/// The token that the figures take from strangers, where there is one.
pub async fn metrics_token(settings: &Settings) -> Result<Option<TokenDigest>, StartError> {
    let Some(reference) = &settings.metrics.token else { return Ok(None) };
    let token = read_secret(settings, "metrics.token", reference).await?;
    let token = token.trim().as_bytes();
    if token.len() < SHORTEST_TOKEN {
        return Err(StartError::ShortToken);
    }
    Ok(Some(TokenDigest::of_secret(token)))
}

/// Sixteen random characters of 64 are 96 bits.
const SHORTEST_TOKEN: usize = 16;

/// Finds the master keys. A new one is made only for a database that nothing was sealed in yet.
async fn load_master_keys(settings: &Settings, sealed: bool) -> Result<MasterKeys, StartError> {
    let (current, place) = match &settings.keys.master {
        MasterKeyPlace::At(reference) => {
            let key = load_key_at(settings, "keys.master", reference).await?;
            (key, KeyPlace::Elsewhere(format!("`keys.master`, {reference}")))
        }
        MasterKeyPlace::Auto => load_default_key(settings, sealed)?,
    };
    let mut previous = Vec::new();
    for reference in &settings.keys.previous {
        previous.push(load_key_at(settings, "keys.previous", reference).await?);
    }
    if let KeyPlace::Own(path) = &place {
        previous.extend(rotation::load_previous(path).map_err(StartError::Key)?);
    }
    Ok(MasterKeys { current, previous, place })
}

async fn load_key_at(
    settings: &Settings,
    key: &'static str,
    reference: &SecretReference,
) -> Result<MasterKey, StartError> {
    match reference {
        SecretReference::File(path) => master_key::load(path.as_path()).map_err(StartError::Key),
        SecretReference::Env(_)
        | SecretReference::Credential(_)
        | SecretReference::Vault(..)
        | SecretReference::AwsSm(..) => {
            let text = read_secret(settings, key, reference).await?;
            MasterKey::parse(text.trim()).map_err(|cause| StartError::Malformed { key, cause })
        }
    }
}

/// Whether the master keys are there and readable. None is made.
pub async fn check_master_key(settings: &Settings) -> Result<(), StartError> {
    load_master_keys(settings, true).await.map(drop)
}

fn load_default_key(settings: &Settings, sealed: bool) -> Result<(MasterKey, KeyPlace), StartError> {
    let credential = settings.environment.credentials_directory().map(|dir| dir.join(CREDENTIAL));
    if let Some(path) = credential.filter(|path| path.exists()) {
        let key = master_key::load_credential(&path).map_err(StartError::Key)?;
        return Ok((key, KeyPlace::Elsewhere(format!("the systemd credential {CREDENTIAL}"))));
    }
    let path = settings.server.data_dir.join(FILE);
    let key = if sealed { master_key::load(&path) } else { master_key::load_or_create(&path) };
    Ok((key.map_err(StartError::Key)?, KeyPlace::Own(path)))
}

async fn read_secret(
    settings: &Settings,
    key: &'static str,
    reference: &SecretReference,
) -> Result<zeroize::Zeroizing<String>, StartError> {
    let environment = &settings.environment;
    let local = Sources {
        env: &|name| environment.find(name).map(str::to_owned),
        credentials_directory: environment.credentials_directory(),
    };
    let now = SystemClock::new().now();
    let places = Places { local, vault: &settings.vault, aws: &settings.aws, now };
    fetch(reference, places).await.map_err(|cause| StartError::Secret { key, cause: Box::new(cause) })
}

/// The ranges of the host's own addresses and routes. A host that cannot be asked hides none.
fn host_ranges() -> HostRanges {
    Arc::new(|| match read_host_ranges() {
        Ok(ranges) => ranges,
        Err(error) => {
            warn!(error = %chain(&error), "cannot read the host's routes: a network may overlap one of them");
            Vec::new()
        }
    })
}

fn read_host_ranges() -> Result<Vec<IpNet>, crate::vpn::netlink::NetlinkError> {
    let networks = Rtnetlink::open()?.list_host_networks(&[])?;
    let is_own =
        |link: &Option<String>| link.as_deref().is_some_and(|name| name.starts_with(InterfaceName::PREFIX));
    Ok(networks.into_iter().filter(|it| !is_own(&it.link)).map(|it| it.network).collect())
}
