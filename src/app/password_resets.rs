//! Forgotten passwords: a single-use link that sets a new one, made by an operator or mailed to whoever asks.
//!
//! Invariant: asking tells nothing about who has an account. A link sets a password and nothing else: nobody is signed in
//! by it, and whoever has a second factor needs it as before.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::links::OneTimeLink;
use crate::app::login_limit::Account;
use crate::app::passwords::names;
use crate::app::sessions::is_able;
use crate::app::users::{Users, live, require_rank};
use crate::domain::access::Action;
use crate::domain::id::{LinkId, RequestId, UserId};
use crate::domain::job::{Attempted, JobKind, TakenJob};
use crate::domain::mail::Template;
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::password::Password;
use crate::secrets::token::ResetToken;
use crate::store::backend::{Conn, Tx};
use crate::store::links::{self, Link};
use crate::store::{audit, jobs, sessions, settings, users};

/// The use cases of forgotten passwords.
#[derive(Debug, Clone, Copy)]
pub struct PasswordResets<'a>(pub(in crate::app) &'a App);

/// The kind of a link that sets a password.
pub(in crate::app) const KIND: &str = "password_reset";

/// Minutes that a link is good: time to find the letter, and not to forget it in a mailbox.
const MINUTES: u32 = 30;
const GOOD_FOR: Duration = Duration::from_secs(60 * MINUTES as u64);

/// One letter to an account within this time, however often somebody asks. Anybody may ask for anybody, so it is long
/// enough that a stranger fills no mailbox, and shorter than a link is good.
const NOT_AGAIN_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Accounts that one question may reach: a family shares an address, a company does not.
const ACCOUNTS: u32 = 5;

/// Questions that may wait for an answer. A second's work answers most of them, and whoever asks more than that is no
/// person: the limits by address do not see callers apart who come through a proxy on this host.
const MOST_WAITING: u32 = 200;

/// The one answer while so many wait, whoever is asked for.
const TOO_MANY_WAIT: AppError = AppError::Busy {
    why: "too many have asked for a new password at once; try again in a moment",
    retry_after: Duration::from_secs(5),
};

/// What somebody asked.
#[derive(Serialize, Deserialize)]
struct Asked {
    name: String,
    address: Option<std::net::IpAddr>,
    request: Option<RequestId>,
}

impl Users<'_> {
    /// Makes a link that sets a new password. The ones before are dead.
    pub async fn reset_link(&self, ctx: &Ctx, id: UserId) -> Result<OneTimeLink> {
        ctx.require(Action::UserResetLinkCreate)?;
        let app = self.0;
        let now = app.now();
        let token = ResetToken::generate().map_err(AppError::broken("making a link"))?;
        let digest = *token.digest().as_bytes();
        let event = app.event(ctx, Action::UserResetLinkCreate.as_str(), ("user", id.to_string()));
        let ctx = ctx.clone();
        let (maker, link_id) = (app.clone(), LinkId::new(app.core.clock.new_id()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let user = live(tx, id).await?;
                require_rank(ctx.actor, Action::UserResetLinkCreate, user.role)?;
                if !is_able(&user, maker.now()) {
                    return Err(AppError::conflict(
                        "user_disabled",
                        "the account is disabled or over, and a new password would not help; enable it first",
                    ));
                }
                links::revoke(tx, KIND, Some(&user.id.to_string())).await?;
                keep_link(tx, link_id, &user, &digest, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        Ok(OneTimeLink { token: token.reveal(), expires_at: now + GOOD_FOR })
    }
}

impl PasswordResets<'_> {
    /// Notes that somebody has forgotten a password. Who that is, and whether there is such an account, is found out
    /// later: the answer is the same, after the same work.
    pub async fn request(&self, ctx: &Ctx, name: &str) -> Result<()> {
        let app = self.0;
        let now = app.now();
        app.admit(ctx, app.core.login_limit.check(ctx.address, Account::Forgotten(name), now)).await?;
        // Looked at by a read, before the one writer is asked: a few at once may still pass the bound together.
        let count = async |on: &mut Conn| jobs::count_pending(on, JobKind::PasswordReset, MOST_WAITING).await;
        if app.core.store.read(count).await? >= MOST_WAITING {
            return Err(TOO_MANY_WAIT);
        }
        let asked = Asked { name: name.to_owned(), address: ctx.address, request: ctx.request };
        let job = app.new_job(JobKind::PasswordReset, &asked, now)?;
        app.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(jobs::enqueue(tx, &job, now).await?))
            .await
    }

    /// Spends a link: sets the password and ends every session of the account.
    pub async fn redeem(&self, ctx: &Ctx, token: &str, password: &Password) -> Result<()> {
        let app = self.0;
        let now = app.now();
        let digest = *ResetToken::parse(token).map_err(|_| spent())?.digest().as_bytes();
        let known = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(links::find(on, KIND, &digest, now).await?))
            .await?;
        // Anybody may ask: a guess costs a read, and neither the hashing nor the one writer.
        let known = known.ok_or_else(spent)?;
        let of = known.target.as_deref().and_then(|id| id.parse().ok()).ok_or_else(spent)?;
        let user = app.core.store.read(async move |on: &mut Conn| users::find(on, of).await).await?;
        let user = user.ok_or_else(spent)?;
        let own = names(&user.login, Some(&user.display_name));
        let hash = app.hash_new("/password", password, &own).await?;
        let event = app.event(ctx, "password_reset_redeem", ("user", String::new()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let link = links::spend(tx, KIND, &digest, now).await?.ok_or_else(spent)?;
                let id: UserId = link.target.as_deref().and_then(|id| id.parse().ok()).ok_or_else(spent)?;
                let user = users::find(tx, id).await?.filter(|user| is_able(user, now)).ok_or_else(spent)?;
                // The account got another password, role or standing since: the link was for what it was then.
                if link.user_epoch != Some(user.epoch) {
                    return Err(spent());
                }
                users::set_password(tx, id, &hash, now).await?;
                sessions::revoke_of_user(tx, id, None, now).await?;
                let mut event = event.clone();
                event.target = Some(id.to_string());
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.user_changed();
        Ok(())
    }
}

impl App {
    /// Forgotten passwords.
    pub const fn password_resets(&self) -> PasswordResets<'_> {
        PasswordResets(self)
    }

    /// Finds out who has forgotten a password, and mails a link to the account's address.
    pub(in crate::app) async fn answer_reset(&self, job: &TakenJob) -> Result<Attempted> {
        let asked: Asked = self.open_job(job)?;
        let ctx = Ctx { address: asked.address, request: asked.request, ..Ctx::system() };
        let (mailer, job) = (self.clone(), job.clone());
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                let now = mailer.now();
                let settings = settings::service(tx).await?.value;
                for user in users::named(tx, asked.name.trim(), ACCOUNTS).await? {
                    if user.has_password && user.email.is_some() && is_able(&user, now) {
                        mailer.mail_link(tx, &ctx, &settings, &user).await?;
                    }
                }
                // With the links, so that an attempt which is repeated makes no second ones. Nothing of it is kept: anybody
                // may ask, without end.
                if jobs::remove(tx, &job).await? {
                    Ok(Attempted::Settled)
                } else {
                    Err(AppError::conflict("job_taken", "another worker has taken the job"))
                }
            })
            .await
    }

    async fn mail_link(&self, tx: &mut Tx, ctx: &Ctx, settings: &Settings, user: &User) -> Result<()> {
        let now = self.now();
        let (Some(url), true) = (&settings.panel_url, settings.smtp.is_some()) else {
            warn!(user.id = %user.id, "user {} asked for a new password, and no mail server is set", user.id);
            return Ok(());
        };
        let lately = now.before(NOT_AGAIN_WITHIN);
        if links::made_since(tx, KIND, (&user.id.to_string(), user.epoch), lately, now).await? {
            return Ok(());
        }
        let token = ResetToken::generate().map_err(AppError::broken("making a link"))?;
        let id = LinkId::new(self.core.clock.new_id());
        keep_link(tx, id, user, token.digest().as_bytes(), now).await?;
        let link = format!("{url}/reset#{}", *token.reveal());
        self.mail_user(tx, user, Template::PasswordReset { link, minutes: MINUTES }).await?;
        let event = self.event(ctx, "password_reset_mail", ("user", user.id.to_string()));
        Ok(audit::insert(tx, &event).await?)
    }
}

/// Makes a link to an account. The ones before stay: whoever asks for a letter must not kill an operator's link. When one
/// of them is used, the others die with the epoch.
async fn keep_link(tx: &mut Tx, id: LinkId, user: &User, digest: &[u8], now: Timestamp) -> Result<()> {
    let link = Link {
        id,
        kind: KIND.to_owned(),
        target: Some(user.id.to_string()),
        user_epoch: Some(user.epoch),
        expires_at: now + GOOD_FOR,
        used_at: None,
        created_at: now,
    };
    Ok(links::insert(tx, &link, digest).await?)
}

fn spent() -> AppError {
    AppError::conflict("link_spent", "this link was used, is too old, or was never made; ask for a new one")
}
