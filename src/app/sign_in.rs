//! Signing in by an identity provider: sent there, back with a code, then a session.
//!
//! The browser holds one cookie on the way. First it is the sealed attempt, which holds state, nonce and verifier, so that
//! nothing is written for somebody who only begins; then it is a one-time code that is traded for a session. Neither
//! stands in a URL, where logs and histories would keep it.
//!
//! Invariant: an attempt comes back once, to the provider it was begun with, in the browser it was begun in.

mod account;
mod directory;
mod passage;

pub(in crate::app) use account::identity_facts;
pub use passage::{Arrived, Begun, Cookie, Cookies, Refusal, Returned};

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::{debug, info, warn};
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::identity_providers::Asked;
use crate::app::sessions::{SignIn as SignedIn, is_able};
use crate::app::sign_in::passage::Stop;
use crate::directory::oidc::{Attempt, OidcError, Proven};
use crate::domain::access::{Action, Actor, Means};
use crate::domain::id::{IdentityProviderId, LinkId, SessionId, UserId};
use crate::domain::identity_provider::{Connection, IdentityProvider};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::random;
use crate::secrets::seal::{Place, Sealed};
use crate::secrets::token::{OneTimeToken, TokenDigest};
use crate::store::backend::{Conn, Tx};
use crate::store::error::{Constraint, ErrorKind};
use crate::store::links::{self, Link};
use crate::store::{identity_providers, users};
use crate::telemetry::chain::chain;
use crate::telemetry::names;

/// The use cases of signing in by an identity provider.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a>(pub(in crate::app) &'a App);

/// What the cookie holds while the browser is at the provider.
#[derive(Serialize, Deserialize)]
struct Sent {
    state: Zeroizing<String>,
    nonce: Zeroizing<String>,
    verifier: Zeroizing<String>,
    until: Timestamp,
    link: Option<Linking>,
}

/// An attempt that came back to its browser, with the state as the database knows it.
struct Own {
    sent: Sent,
    state: TokenDigest,
    is_secure: bool,
}

/// For whom a link is made, and the session that asked for it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Linking {
    user: UserId,
    session: SessionId,
}

/// How long somebody may take to sign in at a provider.
const AWAY_FOR: Duration = Duration::from_secs(600);
/// How long the code of the last step is good. The page trades it at once.
const TRADE_FOR: Duration = Duration::from_secs(120);
/// The kinds of one-time links that states and codes are kept as.
const STATE: &str = "sign_in_state";
const CODE: &str = "sign_in";
/// When somebody proved to be there whose provider does not say when: at no time that could be fresh.
const NOT_LATELY: Timestamp = Timestamp::from_millis(0);
/// The act in the audit.
const CALLBACK: &str = "sign_in_callback";

impl SignIn<'_> {
    /// The providers that people are sent to.
    pub async fn providers(&self) -> Result<Vec<IdentityProvider>> {
        let mut found = self.enabled().await?;
        found.retain(|it| matches!(it.connection, Connection::Oidc(_)));
        Ok(found)
    }

    async fn enabled(&self) -> Result<Vec<IdentityProvider>> {
        self.0
            .core
            .store
            .read(async |on: &mut Conn| Ok::<_, AppError>(identity_providers::enabled(on).await?))
            .await
    }

    /// Begins to sign in.
    pub async fn begin(&self, ctx: &Ctx, id: IdentityProviderId) -> Result<Begun> {
        let now = self.0.now();
        // There is no login yet, so only the address is counted.
        self.0.admit(ctx, self.0.core.login_limit.check_address(ctx.address, now)).await?;
        self.send(id, None).await
    }

    /// Begins to link one's own account to somebody at a provider. Being signed in is the proof of the account.
    pub async fn begin_link(&self, ctx: &Ctx, id: IdentityProviderId) -> Result<Begun> {
        let user = ctx.user(Action::MeIdentityCreate)?;
        let Actor::User { by: Means::Session(session, _), .. } = ctx.actor else {
            return Err(AppError::Forbidden { action: Action::MeIdentityCreate, why: "sign in for that" });
        };
        self.send(id, Some(Linking { user, session })).await
    }

    /// Takes the browser back from the provider. A refused attempt is audited. What is no attempt of this browser leaves no
    /// trace but a number: any page can make a browser come here with whatever it likes.
    pub async fn arrive(
        &self,
        ctx: &Ctx,
        id: IdentityProviderId,
        cookies: &Cookies,
        returned: &Returned,
    ) -> Result<Arrived> {
        let app = self.0;
        let now = app.now();
        let limit = &app.core.login_limit;
        let Some(own) = self.own(id, cookies, returned).await? else {
            metrics::counter!(names::SIGN_IN_STRAYS.name).increment(1);
            debug!(provider.id = %id, "a browser came back from provider {id} without an attempt of its own");
            return Ok(Arrived::Stray);
        };
        if let Err(wait) = limit.check_address(ctx.address, now) {
            app.note_refusal(ctx, wait).await?;
            return Ok(Arrived::Refused(Refusal::TooMany));
        }
        match self.judge(ctx, id, own, returned).await {
            Ok(arrived) => {
                limit.refund_address(ctx.address, now);
                Ok(arrived)
            }
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Refused(why)) => {
                let found = limit.fail_address(ctx.address, now);
                let event = app.event(ctx, CALLBACK, ("identity_provider", id.to_string()));
                let event = event.made(json!({ "reason": why.as_str() }));
                app.refused_with(ctx, event, found, None).await?;
                Ok(Arrived::Refused(why))
            }
        }
    }

    /// Trades the code in the cookie for a session or the question for a second factor, once.
    pub async fn finish(&self, ctx: &Ctx, cookies: &Cookies, user_agent: &str) -> Result<SignedIn> {
        const SPENT: AppError = AppError::Unauthenticated {
            why: "nobody has come back from an identity provider in this browser within the last minutes; sign in again",
        };
        let app = self.0;
        let now = app.now();
        let is_secure = self.is_secure().await?.ok_or(SPENT)?;
        let code = cookies.of(is_secure).and_then(|code| OneTimeToken::parse(code).ok()).ok_or(SPENT)?;
        let digest = *code.digest().as_bytes();
        let known = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(links::find(on, CODE, &digest, now).await?))
            .await?;
        // A guess costs a read; the one writer hears only of codes that are there.
        if known.is_none() {
            return Err(SPENT);
        }
        let proven = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let Some(link) = links::spend(tx, CODE, &digest, now).await? else { return Ok(None) };
                let target = link.target.as_deref().and_then(read_target);
                let Some((id, epoch, proved_at)) = target else { return Ok::<_, AppError>(None) };
                let user = users::find(tx, id).await?;
                let user = user.filter(|user| user.epoch == epoch && is_able(user, now));
                Ok(user.map(|user| (user, proved_at)))
            })
            .await?;
        let (user, proved_at) = proven.ok_or(SPENT)?;
        app.sessions().begin(ctx, (&user, proved_at), user_agent).await?.ok_or(SPENT)
    }

    /// Seals an attempt and says where the browser goes with it.
    async fn send(&self, id: IdentityProviderId, link: Option<Linking>) -> Result<Begun> {
        let app = self.0;
        let asked = app.asked(id).await?.filter(|asked| asked.provider.enabled);
        let asked = asked.ok_or(AppError::not_found("identity provider"))?;
        let is_secure = self.is_secure().await?.ok_or_else(|| {
            AppError::conflict(
                "no_panel_url",
                "where browsers find this service is not set, so nobody could be sent back; set panel_url in the settings",
            )
        })?;
        let sent = Sent {
            state: OneTimeToken::generate().map_err(AppError::broken("making a state"))?.reveal(),
            nonce: secret()?,
            verifier: secret()?,
            until: app.now() + AWAY_FOR,
            link,
        };
        let Connection::Oidc(oidc) = &asked.provider.connection else {
            return Err(AppError::not_found("identity provider"));
        };
        let metadata = app.metadata(id, &asked, oidc).await.map_err(|error| unreachable(id, &error))?;
        let url = app.asker(&asked, oidc).page(&metadata, sent.attempt());
        let url = url.map_err(|error| unreachable(id, &error))?;
        let text = serde_json::to_vec(&sent).map_err(AppError::broken("writing an attempt"))?;
        let sealed = app.seal(attempt_place(&id.to_string()), &Zeroizing::new(text))?;
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed));
        Ok(Begun { url, cookie: Cookie { value, is_secure, good_for: AWAY_FOR } })
    }

    /// The attempt that was begun in this browser with this provider, where it is the one that came back.
    async fn own(
        &self,
        id: IdentityProviderId,
        cookies: &Cookies,
        returned: &Returned,
    ) -> Result<Option<Own>> {
        let Some(is_secure) = self.is_secure().await? else { return Ok(None) };
        let Some(sent) = cookies.of(is_secure).and_then(|value| self.open(id, value)) else {
            return Ok(None);
        };
        let read = |text: &str| OneTimeToken::parse(text).map(|token| token.digest()).ok();
        let (Some(state), Some(expected)) = (returned.state.as_deref().and_then(read), read(&sent.state))
        else {
            return Ok(None);
        };
        Ok((state == expected).then_some(Own { sent, state, is_secure }))
    }

    async fn judge(
        &self,
        ctx: &Ctx,
        id: IdentityProviderId,
        own: Own,
        returned: &Returned,
    ) -> Result<Arrived, Stop> {
        let app = self.0;
        self.spend_state(&own).await?;
        let Own { sent, is_secure, .. } = own;
        let asked = app.asked(id).await?.filter(|asked| asked.provider.enabled).ok_or(Refusal::Provider)?;
        let proven = self.person(id, &asked, &sent, returned).await?;
        match sent.link {
            Some(Linking { user, session }) => {
                self.link(ctx, &asked.provider, &proven.person, user, session).await?;
                Ok(Arrived::Linked)
            }
            None => {
                let code = OneTimeToken::generate().map_err(AppError::broken("making a one-time code"))?;
                self.enter(ctx, &asked.provider, proven, *code.digest().as_bytes()).await?;
                let cookie = Cookie { value: code.reveal(), is_secure, good_for: TRADE_FOR };
                Ok(Arrived::SignedIn(cookie))
            }
        }
    }

    /// Accepts an attempt in its time, once: the same one coming again finds its state spent.
    async fn spend_state(&self, own: &Own) -> Result<(), Stop> {
        let app = self.0;
        let now = app.now();
        let (until, digest) = (own.sent.until, *own.state.as_bytes());
        if until <= now {
            return Err(Refusal::Attempt.into());
        }
        let spent = Link {
            id: LinkId::new(app.core.clock.new_id()),
            kind: STATE.to_owned(),
            target: None,
            user_epoch: None,
            expires_at: until,
            used_at: None,
            created_at: now,
        };
        let inserted =
            app.core.store.write(async move |tx: &mut Tx| links::insert(tx, &spent, &digest).await).await;
        match inserted {
            Err(error) if error.kind() == ErrorKind::Conflict(Constraint::LinkToken) => {
                Err(Refusal::Attempt.into())
            }
            other => Ok(other.map_err(AppError::from)?),
        }
    }

    async fn person(
        &self,
        id: IdentityProviderId,
        asked: &Asked,
        sent: &Sent,
        returned: &Returned,
    ) -> Result<Proven, Stop> {
        let app = self.0;
        let Connection::Oidc(oidc) = &asked.provider.connection else { return Err(Refusal::Provider.into()) };
        let refuse = |error: OidcError| {
            let why = match &error {
                OidcError::Call(_) | OidcError::Answer(_) => Refusal::Unreachable,
                OidcError::Code(_) | OidcError::Token(_) | OidcError::Unfit(_) => Refusal::Proof,
            };
            warn!(provider.id = %id, error = %chain(&error), "sign-in by provider {id} was refused");
            Stop::from(why)
        };
        let metadata = app.metadata(id, asked, oidc).await.map_err(refuse)?;
        let asker = app.asker(asked, oidc);
        if !asker.is_sender(&metadata, returned.iss.as_deref()) {
            return Err(Refusal::Proof.into());
        }
        if returned.error.is_some() {
            return Err(Refusal::Denied.into());
        }
        let code = returned.code.as_deref().ok_or(Refusal::Attempt)?;
        asker.finish(&metadata, sent.attempt(), code, app.now()).await.map_err(refuse)
    }

    fn open(&self, id: IdentityProviderId, value: &str) -> Option<Sent> {
        let sealed = Sealed::parse(URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
        let text = self.0.core.keyring.open(attempt_place(&id.to_string()), &sealed).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether pages are served over TLS; none where nobody has said where they are.
    async fn is_secure(&self) -> Result<Option<bool>> {
        let (settings, _) = self.0.current_settings().await?;
        Ok(settings.panel_url.map(|url| url.as_str().starts_with("https://")))
    }
}

impl Sent {
    fn attempt(&self) -> Attempt<'_> {
        Attempt { state: &self.state, nonce: &self.nonce, verifier: &self.verifier }
    }
}

/// Where an attempt is sealed for. Another provider's callback cannot open it.
const fn attempt_place(provider: &str) -> Place<'_> {
    Place { table: "sign_in", column: "attempt", row: provider }
}

/// 32 random bytes as text: a nonce, or a PKCE verifier of 43 characters (RFC 7636 §4.1).
fn secret() -> Result<Zeroizing<String>> {
    let bytes = random::bytes::<32>().map_err(AppError::broken("making a nonce"))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// What a code opens: the account as it was when it was proven, and when its person last proved it.
fn read_target(text: &str) -> Option<(UserId, i64, Timestamp)> {
    let mut words = text.split(' ');
    let (user, epoch, at) = (words.next()?, words.next()?, words.next()?);
    Some((user.parse().ok()?, epoch.parse().ok()?, Timestamp::from_millis(at.parse().ok()?)))
}

/// The text that [`read_target`] reads.
fn target(user: &User, proved_at: Timestamp) -> String {
    format!("{} {} {}", user.id, user.epoch, proved_at.as_millis())
}

fn unreachable(id: IdentityProviderId, error: &OidcError) -> AppError {
    warn!(provider.id = %id, error = %chain(error), "provider {id} cannot be asked");
    AppError::Busy {
        why: "the identity provider does not answer as it should; try again, or sign in with a password",
        retry_after: Duration::from_secs(30),
    }
}

fn note_sign_up(provider: IdentityProviderId, user: UserId) {
    info!(provider.id = %provider, user.id = %user, "provider {provider} made the account {user}");
}
