//! Second factors of accounts: an authenticator app, recovery codes, and taking all away from one who has lost them.
//!
//! Invariants: a change of factors ends the user's other sessions; recovery codes go with the last factor; nobody whose
//! role must have a factor gives up the last one.

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::me::require_session;
use crate::app::qr::Qr;
use crate::app::second_factor::{passkeys_off, totp_place};
use crate::app::step_up::session;
use crate::app::users::{live, require_rank};
use crate::domain::access::Action;
use crate::domain::id::{SessionId, UserId};
use crate::domain::mail::Template;
use crate::domain::mfa::{Factors, RECOVERY_CODES};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::recovery_code::RecoveryCode;
use crate::secrets::totp::TotpSecret;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, challenges, mfa, sessions, settings};

/// The use cases of second factors.
#[derive(Debug, Clone, Copy)]
pub struct MfaAct<'a>(pub(in crate::app) &'a App);

/// What an account has, and what is asked of it.
#[derive(Debug, Clone)]
pub struct MfaState {
    /// What there is.
    pub factors: Factors,
    /// Whether the role must have a second factor.
    pub is_required: bool,
    /// Why there are no passkeys; nothing where there are.
    pub passkeys_off: Option<String>,
}

/// The secret of an authenticator app, in every form that an app takes. It is shown in this answer alone.
pub struct NewTotp {
    /// To be typed.
    pub secret: Zeroizing<String>,
    /// To be opened on the telephone itself.
    pub url: Zeroizing<String>,
    /// To be scanned.
    pub svg: Zeroizing<String>,
    /// To be scanned.
    pub png: Zeroizing<Vec<u8>>,
}

/// Recovery codes as they are shown, once.
pub type Codes = Vec<Zeroizing<String>>;

impl MfaAct<'_> {
    /// What one has.
    pub async fn get(&self, ctx: &Ctx) -> Result<MfaState> {
        let id = ctx.user(Action::MeMfaGet)?;
        let read = async move |on: &mut Conn| {
            let user = live(on, id).await?;
            let settings = settings::service(on).await?.value;
            let factors = mfa::factors(on, id).await?;
            let is_required = settings.mfa_required_roles.contains(&user.role);
            Ok::<_, AppError>(MfaState { factors, is_required, passkeys_off: passkeys_off(&settings) })
        };
        self.0.core.store.read(read).await
    }

    /// Makes the secret of an authenticator app. It counts when a code of it was shown.
    pub async fn create_totp(&self, ctx: &Ctx) -> Result<NewTotp> {
        let id = ctx.user(Action::MeTotpCreate)?;
        let app = self.0;
        let now = app.now();
        let secret = TotpSecret::generate().map_err(AppError::broken("making a TOTP secret"))?;
        let sealed = app.seal(totp_place(&id.to_string()), secret.expose_secret())?;
        let event = app.event(ctx, Action::MeTotpCreate.as_str(), ("user", id.to_string()));
        let user = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let user = live(tx, id).await?;
                if !mfa::offer_totp(tx, id, &sealed, now).await? {
                    return Err(AppError::conflict(
                        "totp_enrolled",
                        "an authenticator app is enrolled; delete it first to enrol another",
                    ));
                }
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(user)
            })
            .await?;
        drawn(&secret, &user)
    }

    /// Enrols the app whose code is shown. Gives recovery codes where this is the first factor.
    pub async fn confirm_totp(&self, ctx: &Ctx, code: &str) -> Result<Option<Codes>> {
        const ACTION: Action = Action::MeTotpConfirm;
        let id = ctx.user(ACTION)?;
        let app = self.0;
        let read = async move |on: &mut Conn| Ok::<_, AppError>(mfa::find_totp(on, id).await?);
        let found = app.core.store.read(read).await?.filter(|totp| totp.confirmed_at.is_none());
        let offered = found.ok_or_else(nothing_offered)?;
        let secret = app.open_totp(id, offered.secret.clone())?;
        let step = secret.step_of(code.trim(), app.now()).ok_or_else(|| {
            AppError::invalid(
                "/code",
                "is not the app's code of now; check that the telephone's clock is right",
            )
        })?;
        let sealed = offered.secret;
        app.change_factors(ctx, ACTION, async move |tx: &mut Tx, now| {
            if mfa::confirm_totp(tx, id, &sealed, step, now).await? { Ok(()) } else { Err(nothing_offered()) }
        })
        .await
    }

    /// Gives up the authenticator app, or the one that was offered.
    pub async fn delete_totp(&self, ctx: &Ctx) -> Result<()> {
        const ACTION: Action = Action::MeTotpDelete;
        let id = ctx.user(ACTION)?;
        let delete = async move |tx: &mut Tx, _| {
            let is_gone = mfa::delete_totp(tx, id).await?;
            if is_gone { Ok(()) } else { Err(AppError::not_found("authenticator app")) }
        };
        self.0.change_factors(ctx, ACTION, delete).await.map(drop)
    }

    /// Makes new recovery codes. Those of before are no longer good.
    pub async fn create_recovery_codes(&self, ctx: &Ctx) -> Result<Codes> {
        const ACTION: Action = Action::MeRecoveryCodesCreate;
        let id = ctx.user(ACTION)?;
        let app = self.0;
        let now = app.now();
        let (codes, hashes) = new_codes(id)?;
        let event = app.event(ctx, ACTION.as_str(), ("user", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                if !live(tx, id).await?.has_mfa {
                    return Err(AppError::conflict(
                        "no_second_factor",
                        "recovery codes stand in for a second factor, and there is none: enrol one first",
                    ));
                }
                mfa::replace_codes(tx, id, &hashes, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        Ok(codes)
    }

    /// Takes a user's second factors away and ends the user's sessions.
    pub async fn disable(&self, ctx: &Ctx, id: UserId) -> Result<()> {
        const ACTION: Action = Action::UserDisableMfa;
        ctx.require(ACTION)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, ACTION.as_str(), ("user", id.to_string()));
        let (ctx, mailing) = (ctx.clone(), app.clone());
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let user = live(tx, id).await?;
                require_rank(ctx.actor, ACTION, user.role)?;
                mfa::clear(tx, id, now).await?;
                mailing
                    .mail_user(tx, &user, Template::SecondFactorChanged { enabled: false, at: now })
                    .await?;
                sessions::revoke_of_user(tx, id, None, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.user_changed();
        Ok(())
    }
}

impl App {
    /// Changes one's own factors by `edit`, and whatever follows from it. Gives recovery codes where the first factor
    /// came.
    pub(in crate::app) async fn change_factors(
        &self,
        ctx: &Ctx,
        action: Action,
        edit: impl AsyncFn(&mut Tx, Timestamp) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Option<Codes>> {
        let (id, session) = (ctx.user(action)?, session(ctx)?);
        let now = self.now();
        let (codes, hashes) = new_codes(id)?;
        let event = self.event(ctx, action.as_str(), ("user", id.to_string()));
        let actor = ctx.actor;
        let enabled = matches!(action, Action::MeTotpConfirm | Action::MePasskeyCreate);
        let app = self.clone();
        let is_first = self
            .core
            .store
            .write(async move |tx: &mut Tx| {
                require_session(tx, &actor, now).await?;
                let before = live(tx, id).await?;
                edit(tx, now).await?;
                let after = mfa::settle(tx, id, now).await?;
                let is_first = follow(tx, &before, &after, &hashes, session, now).await?;
                app.mail_user(tx, &after, Template::SecondFactorChanged { enabled, at: now }).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(is_first)
            })
            .await?;
        self.user_changed();
        Ok(is_first.then_some(codes))
    }
}

/// What follows from a change of factors; true where there was none before.
async fn follow(
    tx: &mut Tx,
    before: &User,
    after: &User,
    hashes: &[[u8; 32]],
    session: SessionId,
    now: Timestamp,
) -> Result<bool> {
    let is_first = after.has_mfa && !before.has_mfa;
    if is_first {
        mfa::replace_codes(tx, after.id, hashes, now).await?;
    }
    if before.has_mfa && !after.has_mfa {
        let required = settings::service(tx).await?.value.mfa_required_roles;
        if required.contains(&after.role) {
            return Err(AppError::conflict(
                "mfa_required",
                "your role must have a second factor, and this is the last one: enrol another first",
            ));
        }
        mfa::delete_codes(tx, after.id).await?;
    }
    challenges::delete_of_user(tx, after.id).await?;
    sessions::revoke_of_user(tx, after.id, Some(session), now).await?;
    Ok(is_first)
}

/// Codes to show, and what the database keeps of them.
fn new_codes(user: UserId) -> Result<(Codes, Vec<[u8; 32]>)> {
    let (mut codes, mut hashes) = (Codes::new(), Vec::new());
    for _ in 0..RECOVERY_CODES {
        let code = RecoveryCode::generate().map_err(AppError::broken("making a recovery code"))?;
        codes.push(code.reveal());
        hashes.push(code.digest(user));
    }
    Ok((codes, hashes))
}

fn drawn(secret: &TotpSecret, user: &User) -> Result<NewTotp> {
    let url = secret.to_url(ISSUER, user.login.as_str());
    let url = url.map_err(AppError::broken("writing the address of a TOTP secret"))?;
    let qr = Qr::new(&url).map_err(AppError::broken("drawing a QR code"))?;
    let png = qr.to_png().map_err(AppError::broken("drawing a QR code"))?;
    Ok(NewTotp { secret: secret.to_base32(), svg: qr.to_svg(), png, url })
}

fn nothing_offered() -> AppError {
    AppError::conflict(
        "totp_not_offered",
        "no authenticator app waits to be confirmed: make its secret first, or it was confirmed already",
    )
}

/// What apps show above the code.
const ISSUER: &str = "CasperVPN";
