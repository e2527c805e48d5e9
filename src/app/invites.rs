//! Invites: single-use links by which somebody makes their own account, of a role and with limits set beforehand.
//!
//! Invariant: an invite gives no more than its maker may give when it is used: a maker who was demoted or disabled
//! meanwhile invites nobody.

use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::mail::Reader;
use crate::app::passwords::names;
use crate::app::sessions::is_able;
use crate::app::users::{self, CreateUser, require_rank};
use crate::app::{App, Created, idempotency};
use crate::domain::access::{Action, Role};
use crate::domain::contact::Email;
use crate::domain::id::InviteId;
use crate::domain::invite::{Invite, InviteState};
use crate::domain::language::Language;
use crate::domain::mail::Template;
use crate::domain::name::{DisplayName, Login};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User};
use crate::secrets::password::Password;
use crate::secrets::token::InviteToken;
use crate::store::backend::{Conn, Tx};
use crate::store::invites;
pub use crate::store::invites::InviteSort;
use crate::store::{audit, settings, users as user_rows};

/// The use cases of invites.
#[derive(Debug, Clone, Copy)]
pub struct Invites<'a>(pub(in crate::app) &'a App);

/// An invite with the state that follows from the facts.
#[derive(Debug, Clone)]
pub struct InviteItem {
    /// The facts.
    pub invite: Invite,
    /// The state.
    pub state: InviteState,
    /// The token, in the answer to its making and nowhere else.
    pub token: Option<Zeroizing<String>>,
    /// Whether a letter with it is on its way.
    pub mailed: bool,
}

/// An invite to be made.
#[derive(Debug, Clone)]
pub struct CreateInvite {
    /// What the account will be allowed to do.
    pub role: Role,
    /// Where to send it, and the address the account will have.
    pub email: Option<Email>,
    /// The language of its letter and of the account.
    pub language: Option<Language>,
    /// Devices the account may have.
    pub device_limit: Option<u32>,
    /// Bytes that all devices of the account together may move.
    pub data_limit_bytes: Option<u64>,
    /// When the account will stop.
    pub account_expires_at: Option<Timestamp>,
    /// When the invite is no longer good.
    pub expires_at: Option<Timestamp>,
}

/// An invite to be used.
#[derive(Debug, Clone)]
pub struct RedeemInvite {
    /// What the user will sign in with.
    pub login: Login,
    /// How the user is shown; the login where it is left out.
    pub display_name: Option<DisplayName>,
    /// The user's password.
    pub password: Password,
}

/// How long an invite is good where nobody says: over a weekend and a day off.
const GOOD_FOR: Duration = Duration::from_secs(7 * 86_400);

/// The longest: what is not used within a month is better made anew.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Invites<'_> {
    /// A page of invites.
    pub async fn list(&self, ctx: &Ctx, page: PageRequest<InviteSort>) -> Result<Page<InviteItem>> {
        ctx.require(Action::InviteList)?;
        let now = self.0.now();
        let page = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(invites::list(on, &page).await?))
            .await?;
        Ok(page.map(|invite| item(invite, now)))
    }

    /// One invite.
    pub async fn get(&self, ctx: &Ctx, id: InviteId) -> Result<InviteItem> {
        ctx.require(Action::InviteGet)?;
        let found = self.0.core.store.read(async move |on: &mut Conn| there(on, id).await).await?;
        Ok(item(found, self.0.now()))
    }

    /// Makes an invite, and mails it where it has an address and mail is on.
    pub async fn create(&self, ctx: &Ctx, request: CreateInvite) -> Result<Created<InviteItem>> {
        ctx.require(Action::InviteCreate)?;
        require_rank(ctx.actor, Action::InviteCreate, request.role)?;
        let app = self.0;
        let now = app.now();
        let token = InviteToken::generate().map_err(AppError::broken("making an invite"))?;
        let digest = *token.digest().as_bytes();
        let invite = new_invite(app, ctx, request)?;
        let event = app.event(ctx, Action::InviteCreate.as_str(), ("invite", invite.id.to_string()));
        let (ctx, mailer, text) = (ctx.clone(), app.clone(), token.reveal());
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::InviteCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    return Ok::<_, AppError>(Created::Replayed(item(there(tx, id).await?, now)));
                }
                invites::insert(tx, &invite, &digest).await?;
                let mailed = mailer.mail_invite(tx, &invite, &text).await?;
                audit::insert(tx, &event.made(facts(&invite))).await?;
                idempotency::keep(tx, &ctx, Action::InviteCreate, &invite.id.to_string(), now).await?;
                Ok(Created::New(InviteItem { mailed, ..item(invite.clone(), now) }))
            })
            .await?;
        Ok(match made {
            Created::New(made) => Created::New(InviteItem { token: Some(token.reveal()), ..made }),
            Created::Replayed(made) => Created::Replayed(made),
        })
    }

    /// Takes an invite back. An account that it made stays.
    pub async fn delete(&self, ctx: &Ctx, id: InviteId) -> Result<()> {
        ctx.require(Action::InviteDelete)?;
        let app = self.0;
        let event = app.event(ctx, Action::InviteDelete.as_str(), ("invite", id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let invite = there(tx, id).await?;
                require_rank(ctx.actor, Action::InviteDelete, invite.role)?;
                invites::delete(tx, id).await?;
                audit::insert(tx, &event.removed(facts(&invite))).await?;
                Ok::<_, AppError>(())
            })
            .await
    }

    /// Uses an invite: makes the account. Nobody is signed in by it.
    pub async fn redeem(&self, ctx: &Ctx, token: &str, request: RedeemInvite) -> Result<User> {
        let app = self.0;
        let now = app.now();
        let digest = *InviteToken::parse(token).map_err(|_| spent())?.digest().as_bytes();
        let known = app
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(invites::find_open(on, &digest, now).await?))
            .await?;
        // Anybody may ask: a guess costs a read, and neither the hashing nor the one writer.
        let known = known.ok_or_else(spent)?;
        let own = names(&request.login, request.display_name.as_ref());
        let hash = app.hash_new("/password", &request.password, &own).await?;
        let new = users::new_user(app, account(&known, request), Some(hash))?;
        let event = app.event(ctx, "invite_redeem", ("user", new.id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let invite = invites::spend(tx, &digest, new.id, now).await?.ok_or_else(spent)?;
                require_maker(tx, &invite, now).await?;
                let user = user_rows::insert(tx, &NewUser { role: invite.role, ..new.clone() }, now).await?;
                let mut after = users::facts(&user);
                after["invite_id"] = json!(invite.id);
                audit::insert(tx, &event.made(after)).await?;
                Ok::<_, AppError>(user)
            })
            .await
    }
}

impl App {
    /// Invites.
    pub const fn invites(&self) -> Invites<'_> {
        Invites(self)
    }

    async fn mail_invite(&self, tx: &mut Tx, invite: &Invite, token: &str) -> Result<bool> {
        let url = settings::service(tx).await?.value.panel_url;
        let (Some(to), Some(url)) = (invite.email.clone(), url) else { return Ok(false) };
        let left = invite.expires_at.since(invite.created_at).as_secs().div_ceil(86_400);
        let template = Template::Invite {
            link: format!("{url}/invite#{token}"),
            days: u32::try_from(left).unwrap_or(u32::MAX),
        };
        self.mail_reader(tx, Reader { to, name: None, language: invite.language }, template).await
    }
}

fn new_invite(app: &App, ctx: &Ctx, request: CreateInvite) -> Result<Invite> {
    let now = app.now();
    let expires_at = request.expires_at.unwrap_or(now + GOOD_FOR);
    if expires_at <= now || expires_at > now + LONGEST {
        return Err(AppError::invalid("/expires_at", "is not within the next 30 days"));
    }
    if request.account_expires_at.is_some_and(|end| end <= now) {
        return Err(AppError::invalid("/account_expires_at", "is over already"));
    }
    Ok(Invite {
        id: InviteId::new(app.core.clock.new_id()),
        role: request.role,
        email: request.email,
        language: request.language,
        device_limit: request.device_limit,
        data_limit_bytes: request.data_limit_bytes,
        account_expires_at: request.account_expires_at,
        expires_at,
        used_at: None,
        user: None,
        created_by: ctx.actor.user(),
        created_at: now,
    })
}

fn account(invite: &Invite, request: RedeemInvite) -> CreateUser {
    CreateUser {
        login: request.login,
        display_name: request.display_name,
        email: invite.email.clone(),
        language: invite.language,
        role: invite.role,
        password: None,
        password_hash: None,
        expires_at: invite.account_expires_at,
        data_limit_bytes: invite.data_limit_bytes,
        device_limit: invite.device_limit,
    }
}

/// Refuses an invite whose maker could not make it now.
async fn require_maker(tx: &mut Tx, invite: &Invite, now: Timestamp) -> Result<()> {
    let Some(maker) = invite.created_by else { return Ok(()) };
    let maker = user_rows::find(tx, maker).await?.filter(|maker| is_able(maker, now));
    if maker.is_some_and(|maker| maker.role.manages(invite.role)) { Ok(()) } else { Err(spent()) }
}

async fn there(on: &mut Conn, id: InviteId) -> Result<Invite> {
    invites::find(on, id).await?.ok_or(AppError::not_found("invite"))
}

fn item(invite: Invite, now: Timestamp) -> InviteItem {
    let state = invite.state(now);
    InviteItem { invite, state, token: None, mailed: false }
}

/// What the audit keeps of an invite.
fn facts(invite: &Invite) -> Value {
    json!({
        "role": invite.role, "email": invite.email, "device_limit": invite.device_limit,
        "data_limit_bytes": invite.data_limit_bytes, "account_expires_at": invite.account_expires_at,
        "expires_at": invite.expires_at,
    })
}

fn spent() -> AppError {
    AppError::conflict(
        "link_spent",
        "this invite was used, taken back, is too old, or was never made; ask for a new one",
    )
}
