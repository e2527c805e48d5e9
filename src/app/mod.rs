//! Use cases, one file per noun, each authorising next to the act.
//!
//! Invariant: nobody reaches the store for a user but through here, and nothing here knows HTTP.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::watch;

use crate::app::device_rows::DeviceRow;
use crate::app::devices::Devices;
use crate::app::error::{AppError, Result};
use crate::app::login_limit::LoginLimit;
use crate::app::token_uses::TokenUses;
use crate::cache::memory::Memory;
use crate::directory::oidc::Metadata;
use crate::domain::audit::AuditEvent;
use crate::domain::diagnosis::Whereabouts;
use crate::domain::id::{ApiTokenId, AuditEventId, DeviceId, IdentityProviderId, SessionId};
use crate::domain::time::Timestamp;
use crate::runtime::clock::{Clock, random};
use crate::secrets::jwt::{AccessClaims, AccessTokens};
use crate::secrets::password::PasswordWork;
use crate::secrets::seal::Keyring;
use crate::store::backend::Store;
use crate::tls::outgoing::Client;

pub mod acme;
pub mod api_tokens;
pub mod audit;
mod audit_retention;
mod audit_seal;
pub mod audit_verify;
pub mod certificates;
pub mod ctx;
mod deliveries;
pub mod desired;
pub mod device_create;
mod device_room;
pub mod device_rows;
pub mod devices;
mod diagnosis;
pub mod error;
pub mod events;
pub mod export;
pub mod guessing;
mod idempotency;
pub mod identities;
pub mod identity_providers;
pub mod invites;
pub mod jobs;
pub mod links;
pub mod login_limit;
pub mod mail;
pub mod master_key;
pub mod me;
pub mod mfa;
pub mod networks;
pub mod node_networks;
pub mod nodes;
pub mod open;
pub mod overview;
pub mod passkeys;
pub mod password_resets;
mod passwords;
mod policy;
pub mod qr;
pub mod queue;
pub mod ratelimits;
pub mod second_factor;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod step_up;
pub mod system;
mod token_uses;
pub mod traffic;
pub mod usage;
pub mod users;
pub mod webhooks;
pub mod work;

/// The use cases of the service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    core: Arc<Core>,
}

/// What the use cases work with.
pub(in crate::app) struct Core {
    /// The truth.
    store: Store,
    /// Time and ids.
    clock: Arc<dyn Clock>,
    /// Seals secrets before they reach the store.
    keyring: Keyring,
    /// What else there is to know of the master key.
    keeping: master_key::Keeping,
    /// Seals the audit.
    sealing: audit_seal::Sealing,
    /// Hashes passwords, a few at a time.
    passwords: PasswordWork,
    /// When the use cases were opened.
    opened_at: Timestamp,
    /// Signs and reads access tokens.
    tokens: AccessTokens,
    /// Slows down guessing.
    login_limit: LoginLimit,
    /// What every request is judged by.
    policy: policy::Policy,
    /// Ranges the host itself uses, which no network may overlap.
    host_ranges: HostRanges,
    /// Moves on after each commit that changes what nodes must do.
    changes: watch::Sender<u64>,
    /// Devices that were read lately.
    devices: Memory<DeviceId, Arc<DeviceRow>>,
    /// Sessions that were used lately, with the account behind each.
    authorities: Memory<SessionId, Arc<sessions::Authority>>,
    /// Access tokens that were verified lately, by their hash. A change of signing keys must empty it.
    verified: Memory<[u8; 32], AccessClaims>,
    /// Which session a browser's cookie stands for, by its hash.
    cookies: Memory<[u8; 32], SessionId>,
    /// Which API token has which hash. A token keeps its hash for life.
    token_ids: Memory<[u8; 32], ApiTokenId>,
    /// API tokens that were used lately, with the account behind each.
    bearers: Memory<ApiTokenId, Arc<api_tokens::Bearer>>,
    /// Uses of API tokens that are not written down yet.
    token_uses: TokenUses,
    /// What identity providers said of themselves lately.
    providers: Memory<IdentityProviderId, Arc<Metadata>>,
    /// Where devices were heard from lately, by the node inside this process.
    whereabouts: Memory<DeviceId, Whereabouts>,
    /// Devices that are being looked at for what keeps them from connecting.
    looks: diagnosis::Looks,
    /// How everything did a moment ago.
    overview: overview::Kept,
    /// Who is told of what happens, as it happens.
    hub: events::Hub,
    /// The way out to web servers of others.
    outgoing: Client,
    /// What is not in the database.
    facts: Facts,
    /// Where the pages are served, once they are.
    pages: OnceLock<Vec<String>>,
    /// Which certificates this process serves that it did not order, once it serves any.
    served: OnceLock<certificates::Served>,
}

/// Reads the ranges that the host's own addresses and routes take.
pub type HostRanges = Arc<dyn Fn() -> Vec<IpNet> + Send + Sync>;

/// What the use cases must know of the process they run in.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `sqlite` or `postgres`.
    pub database: &'static str,
    /// Whether a node runs inside this process.
    pub local_node: bool,
    /// The first UDP port for tunnels.
    pub first_listen_port: u16,
    /// The operator's program that changes DNS records.
    pub dns_hook: Option<PathBuf>,
    /// Streams of events that may be open at once.
    pub event_streams: usize,
}

/// Rows kept in memory for a while, so that a busy client costs no query each time.
const CACHED_DEVICES: u64 = 10_000;
const CACHED_SESSIONS: u64 = 10_000;
const CACHED_TOKENS: u64 = 10_000;
const CACHED_PROVIDERS: u64 = 100;
const CACHED_WHEREABOUTS: u64 = 50_000;
/// How long a provider's pages and keys are taken for the same. A key that is not among them is looked for at once.
const PROVIDERS_KEPT_FOR: Duration = Duration::from_secs(600);
/// How long it is known where a device was that is silent since.
const WHEREABOUTS_KEPT_FOR: Duration = Duration::from_secs(3_600);
/// The longest a replica may go on with a row that another one has changed.
const CACHED_FOR: Duration = Duration::from_secs(30);

/// What a create made, or had made when the same request came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created<T> {
    /// It was made now.
    New(T),
    /// A request with the same key had made it.
    Replayed(T),
}

impl<T> Created<T> {
    /// The thing itself.
    pub fn into_inner(self) -> T {
        match self {
            Self::New(it) | Self::Replayed(it) => it,
        }
    }
}

/// A change of a field that may be empty: absent, emptied, or set.
pub type Patch<T> = Option<Option<T>>;

impl App {
    /// Devices.
    pub const fn devices(&self) -> Devices<'_> {
        Devices(self)
    }

    /// Users.
    pub const fn users(&self) -> users::Users<'_> {
        users::Users(self)
    }

    /// Networks.
    pub const fn networks(&self) -> networks::Networks<'_> {
        networks::Networks(self)
    }

    /// Nodes.
    pub const fn nodes(&self) -> nodes::Nodes<'_> {
        nodes::Nodes(self)
    }

    /// Sessions.
    pub const fn sessions(&self) -> sessions::Sessions<'_> {
        sessions::Sessions(self)
    }

    /// API tokens.
    pub const fn api_tokens(&self) -> api_tokens::ApiTokens<'_> {
        api_tokens::ApiTokens(self)
    }

    /// Identity providers.
    pub const fn identity_providers(&self) -> identity_providers::IdentityProviders<'_> {
        identity_providers::IdentityProviders(self)
    }

    /// Signing in by an identity provider.
    pub const fn sign_in(&self) -> sign_in::SignIn<'_> {
        sign_in::SignIn(self)
    }

    /// One's own links to identity providers.
    pub const fn identities(&self) -> identities::Identities<'_> {
        identities::Identities(self)
    }

    /// One's own account.
    pub const fn me(&self) -> me::Me<'_> {
        me::Me(self)
    }

    /// Second factors.
    pub const fn mfa(&self) -> mfa::MfaAct<'_> {
        mfa::MfaAct(self)
    }

    /// Passkeys.
    pub const fn passkeys(&self) -> passkeys::Passkeys<'_> {
        passkeys::Passkeys(self)
    }

    /// Fresh proofs.
    pub const fn step_up(&self) -> step_up::StepUp<'_> {
        step_up::StepUp(self)
    }

    /// The audit.
    pub const fn audit(&self) -> audit::Audit<'_> {
        audit::Audit(self)
    }

    /// The limits of sign-in.
    pub const fn ratelimits(&self) -> ratelimits::RateLimits<'_> {
        ratelimits::RateLimits(self)
    }

    /// Policy.
    pub const fn settings(&self) -> settings::SettingsAct<'_> {
        settings::SettingsAct(self)
    }

    /// The first run.
    pub const fn setup(&self) -> setup::Setup<'_> {
        setup::Setup(self)
    }

    /// Certificates.
    pub const fn certificates(&self) -> certificates::Certificates<'_> {
        certificates::Certificates(self)
    }

    /// One-time links.
    pub const fn links(&self) -> links::Links<'_> {
        links::Links(self)
    }

    /// The state of the service.
    pub const fn system(&self) -> system::System<'_> {
        system::System(self)
    }

    /// How everything does, at a glance.
    pub const fn overview(&self) -> overview::Overview<'_> {
        overview::Overview(self)
    }

    /// Jobs.
    pub const fn queue(&self) -> queue::Queue<'_> {
        queue::Queue(self)
    }

    /// Live events.
    pub const fn events(&self) -> events::Events<'_> {
        events::Events(self)
    }

    /// What devices have moved, in sums.
    pub const fn traffic(&self) -> traffic::Traffic<'_> {
        traffic::Traffic(self)
    }

    /// What nodes must do.
    pub const fn desired(&self) -> desired::DesiredState<'_> {
        desired::DesiredState(self)
    }

    /// What devices have moved.
    pub const fn usage(&self) -> usage::UsageIntake<'_> {
        usage::UsageIntake(self)
    }

    /// Moves on after each commit that changes what nodes must do.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.core.changes.subscribe()
    }

    /// The database, for probes and figures.
    pub fn store(&self) -> &Store {
        &self.core.store
    }

    /// Notes where this process serves the pages, the likeliest way in first. Only the first call counts.
    pub fn serves_pages_at(&self, addresses: Vec<String>) {
        self.core.pages.get_or_init(|| addresses);
    }

    /// Where this process serves the pages; nowhere while it has no listener.
    pub fn pages(&self) -> &[String] {
        self.core.pages.get().map_or(&[], Vec::as_slice)
    }

    fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// Tells the nodes' links that there is something new.
    fn publish(&self) {
        self.core.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// An audit event of this request, to be written in the act's own transaction.
    fn event(&self, ctx: &ctx::Ctx, action: &str, target: (&str, String)) -> AuditEvent {
        let id = AuditEventId::new(self.core.clock.new_id());
        let mut event = AuditEvent::done(id, self.now(), &ctx.actor, action, target);
        event.request = ctx.request;
        event.source = ctx.address.map(|address: IpAddr| address.to_string());
        event.source_salt = ctx.address.map(|_| random(self.core.clock.as_ref()));
        event
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("facts", &self.core.facts).finish_non_exhaustive()
    }
}

/// A revision that a caller has read, as it stands in an ETag.
pub type Revision = i64;

/// Maps a store's "not there" and "changed" to the noun's own.
fn noun(noun: &'static str) -> impl Fn(AppError) -> AppError {
    move |error| match error {
        AppError::NotFound { noun: "row" } => AppError::NotFound { noun },
        AppError::Stale { noun: "row" } => AppError::Stale { noun },
        other @ (AppError::NotFound { .. }
        | AppError::Stale { .. }
        | AppError::Forbidden { .. }
        | AppError::Unproven { .. }
        | AppError::Unauthenticated { .. }
        | AppError::Invalid { .. }
        | AppError::Conflict { .. }
        | AppError::TooMany { .. }
        | AppError::Busy { .. }
        | AppError::Internal { .. }) => other,
    }
}

/// Checks a revision before anything else is said about the row.
fn expect_revision(noun: &'static str, found: Revision, expected: Revision) -> Result<()> {
    if found == expected { Ok(()) } else { Err(AppError::Stale { noun }) }
}
