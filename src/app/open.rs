//! Opens the use cases over a store: checks the master key, finds or makes the signing key and the local node.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::app::audit_seal::Sealing;
use crate::app::diagnosis::Looks;
use crate::app::login_limit::{LoginLimit, LoginRates};
use crate::app::master_key::Keeping;
use crate::app::policy::Policy;
use crate::app::token_uses::TokenUses;
use crate::app::{
    App, CACHED_DEVICES, CACHED_FOR, CACHED_PROVIDERS, CACHED_SESSIONS, CACHED_TOKENS, CACHED_WHEREABOUTS,
    Core, Facts, HostRanges, PROVIDERS_KEPT_FOR, WHEREABOUTS_KEPT_FOR,
};
use crate::cache::memory::Memory;
use crate::domain::id::NodeId;
use crate::domain::node::NewNode;
use crate::runtime::clock::Clock;
use crate::secrets::audit_key::AuditKey;
use crate::secrets::canary::{CANARY_PLACE, CanaryError, canary, check_canary};
use crate::secrets::jwt::{ACCESS_TTL, AccessTokens, SigningKey, SigningKeys};
use crate::secrets::master_key::MasterKeys;
use crate::secrets::password::PasswordWork;
use crate::secrets::seal::{Keyring, Place, Sealed};
use crate::store::backend::{Conn, Store, Tx};
use crate::store::error::StoreError;
use crate::store::{nodes, settings};
use crate::tls::outgoing::{Client, Limits};

/// What the use cases are opened with.
pub struct Parts {
    /// The open database.
    pub store: Store,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Seal every secret in the database.
    pub master_keys: MasterKeys,
    /// Hashes passwords, a few at a time.
    pub passwords: PasswordWork,
    /// How often somebody may try to sign in.
    pub login_rates: LoginRates,
    /// Reads the ranges that the host itself uses.
    pub host_ranges: HostRanges,
    /// What is not in the database.
    pub facts: Facts,
}

/// Why the use cases cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database holds secrets of another key.
    #[error(
        "the master key is not the one this database was sealed with; put the right key back (or name it in `keys.previous`, \
         where this one is to follow it), or restore both from one backup"
    )]
    WrongKey {
        /// What the check said.
        #[source]
        cause: CanaryError,
    },
    /// A stored secret cannot be read.
    #[error("the stored {name} cannot be read; restore a backup")]
    Stored {
        /// Which one.
        name: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A secret cannot be made.
    #[error("cannot make the {name}")]
    Make {
        /// Which one.
        name: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database failed.
    #[error("cannot read the first rows of the database")]
    Store {
        /// Why.
        #[from]
        cause: StoreError,
    },
}

impl OpenError {
    /// Whether a later start may succeed without anybody's doing.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store { cause } => cause.is_temporary(),
            Self::WrongKey { .. } | Self::Stored { .. } | Self::Make { .. } => false,
        }
    }
}

const CANARY: &str = "sealed.canary";
const SIGNING_KEY: &str = "sealed.signing_key";
const AUDIT_KEY: &str = "sealed.audit_key";

/// Who signs the access tokens.
const ISSUER: &str = "caspervpn";

impl App {
    /// Opens the use cases.
    pub async fn open(parts: Parts) -> Result<Self, OpenError> {
        let MasterKeys { current, previous, place } = &parts.master_keys;
        let keyring = Keyring::new(current, previous);
        let keeping = Keeping::new(place.clone(), parts.clock.now());
        prove_key(&parts, &keyring).await?;
        let signing = signing_key(&parts, &keyring).await?;
        let key = audit_key(&parts, &keyring).await?;
        let sealing = Sealing { key, holder: parts.clock.new_id() };
        let tokens = AccessTokens::new(SigningKeys { current: signing, previous: None }, ISSUER);
        if parts.facts.local_node {
            ensure_local_node(&parts).await?;
        }
        let login_limit = LoginLimit::new(parts.login_rates)
            .map_err(|e| OpenError::Make { name: "login limit", cause: e.into() })?;
        let outgoing = Client::new(None, Limits::default())
            .map_err(|e| OpenError::Make { name: "way out to others", cause: e.into() })?;
        let core = Core {
            opened_at: parts.clock.now(),
            store: parts.store,
            clock: parts.clock,
            keyring,
            keeping,
            sealing,
            passwords: parts.passwords,
            tokens,
            login_limit,
            policy: Policy::default(),
            host_ranges: parts.host_ranges,
            changes: watch::Sender::new(0),
            devices: Memory::new(CACHED_DEVICES, CACHED_FOR),
            authorities: Memory::new(CACHED_SESSIONS, CACHED_FOR),
            verified: Memory::new(CACHED_SESSIONS, ACCESS_TTL),
            cookies: Memory::new(CACHED_SESSIONS, CACHED_FOR),
            token_ids: Memory::new(CACHED_TOKENS, ACCESS_TTL),
            bearers: Memory::new(CACHED_TOKENS, CACHED_FOR),
            token_uses: TokenUses::default(),
            providers: Memory::new(CACHED_PROVIDERS, PROVIDERS_KEPT_FOR),
            whereabouts: Memory::new(CACHED_WHEREABOUTS, WHEREABOUTS_KEPT_FOR),
            looks: Looks::default(),
            overview: crate::app::overview::Kept::default(),
            hub: crate::app::events::Hub::default(),
            outgoing,
            facts: parts.facts,
            pages: OnceLock::new(),
            served: OnceLock::new(),
        };
        let app = Self { core: Arc::new(core) };
        app.reload_policy()
            .await
            .map_err(|cause| OpenError::Stored { name: "settings", cause: cause.into() })?;
        Ok(app)
    }
}

/// Whether anything was sealed in this database yet, so that a lost master key is not taken for a first start.
pub async fn is_sealed(store: &Store) -> Result<bool, StoreError> {
    let found = store.read(async |on: &mut Conn| settings::find::<String>(on, CANARY).await).await?;
    Ok(found.is_some())
}

async fn prove_key(parts: &Parts, keyring: &Keyring) -> Result<(), OpenError> {
    let make = |cause: Box<dyn std::error::Error + Send + Sync>| OpenError::Make { name: "canary", cause };
    let fresh = canary(keyring).map_err(|e| make(e.into()))?;
    let stored = find_or_put(parts, CANARY, fresh).await?;
    check_canary(keyring, &stored).map_err(|cause| OpenError::WrongKey { cause })
}

/// What a sealed value of the settings is bound to.
pub(in crate::app) fn setting_place(key: &str) -> Place<'_> {
    if key == CANARY { CANARY_PLACE } else { Place { table: "settings", column: "value", row: key } }
}

async fn signing_key(parts: &Parts, keyring: &Keyring) -> Result<SigningKey, OpenError> {
    const NAME: &str = "signing key";
    let fresh = SigningKey::generate().map_err(|e| OpenError::Make { name: NAME, cause: e.into() })?;
    stored_key(parts, keyring, (SIGNING_KEY, NAME), fresh.expose_secret()).await.map(SigningKey::from_secret)
}

async fn audit_key(parts: &Parts, keyring: &Keyring) -> Result<AuditKey, OpenError> {
    const NAME: &str = "audit key";
    let fresh = AuditKey::generate().map_err(|e| OpenError::Make { name: NAME, cause: e.into() })?;
    stored_key(parts, keyring, (AUDIT_KEY, NAME), fresh.expose_secret()).await.map(AuditKey::from_secret)
}

/// The key that the database holds sealed in a row of the settings, or else the fresh one, which then is that.
async fn stored_key(
    parts: &Parts,
    keyring: &Keyring,
    (row, name): (&'static str, &'static str),
    fresh: &[u8; 32],
) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    let stored = |cause: Box<dyn std::error::Error + Send + Sync>| OpenError::Stored { name, cause };
    let place = setting_place(row);
    let sealed = keyring.seal(place, fresh).map_err(|e| OpenError::Make { name, cause: e.into() })?;
    let sealed = find_or_put(parts, row, sealed).await?;
    let bytes = keyring.open(place, &sealed).map_err(|e| stored(e.into()))?;
    let secret: [u8; 32] = bytes.as_slice().try_into().map_err(|_| stored("wrong length".into()))?;
    Ok(Zeroizing::new(secret))
}

/// The sealed value of a name: the stored one, or else the fresh one, which then is the stored one.
async fn find_or_put(parts: &Parts, name: &'static str, fresh: Sealed) -> Result<Sealed, OpenError> {
    let now = parts.clock.now();
    let text = STANDARD.encode(fresh.as_bytes());
    let text: String = parts
        .store
        .write(async move |tx: &mut Tx| {
            if let Some(found) = settings::find(tx, name).await? {
                return Ok::<_, StoreError>(found.value);
            }
            settings::set(tx, name, &text, 0, now).await?;
            Ok(text.clone())
        })
        .await?;
    let broken = |cause: Box<dyn std::error::Error + Send + Sync>| OpenError::Stored { name, cause };
    let bytes = STANDARD.decode(text).map_err(|e| broken(e.into()))?;
    Sealed::parse(bytes).map_err(|e| broken(e.into()))
}

async fn ensure_local_node(parts: &Parts) -> Result<(), OpenError> {
    let now = parts.clock.now();
    let there = parts.store.read(async |on: &mut Conn| nodes::find_local(on).await).await?;
    if there.is_some() {
        return Ok(());
    }
    let broken =
        |cause: Box<dyn std::error::Error + Send + Sync>| OpenError::Make { name: "local node", cause };
    let new = NewNode {
        id: NodeId::new(parts.clock.new_id()),
        name: "local".parse().map_err(|e: crate::domain::name::NameError| broken(e.into()))?,
        location: "".parse().map_err(|e: crate::domain::name::NameError| broken(e.into()))?,
        capacity: None,
        local: true,
    };
    parts.store.write(async move |tx: &mut Tx| nodes::insert(tx, &new, now).await.map(|_| ())).await?;
    Ok(())
}
