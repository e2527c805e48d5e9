//! Proofs of a second factor: judged first, then used up in the transaction of the act that they allow.
//!
//! Invariant: nothing is proved by what was judged alone; `spend` says whether it was the first to show it.

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::directory::passkey::{PasskeyError, RelyingParty, Shown, Used, named_by};
use crate::domain::id::{PasskeyId, UserId};
use crate::domain::mfa::{Challenge, ChallengeKind, Method};
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::recovery_code::RecoveryCode;
use crate::secrets::seal::{Place, Sealed};
use crate::secrets::totp::TotpSecret;
use crate::store::backend::{Conn, Tx};
use crate::store::{mfa, passkeys, settings};

/// A proof that is right, and not used up yet.
#[derive(Clone)]
pub(in crate::app) enum Proven {
    /// The code of a step.
    Totp(i64),
    /// The recovery code of this hash.
    RecoveryCode([u8; 32]),
    /// A passkey.
    Passkey(PasskeyId, Used),
}

impl Proven {
    /// By which method.
    pub(in crate::app) const fn method(&self) -> Method {
        match self {
            Self::Totp(_) => Method::Totp,
            Self::RecoveryCode(_) => Method::RecoveryCode,
            Self::Passkey(..) => Method::Passkey,
        }
    }
}

/// Uses a proof up; false when it was used before.
pub(in crate::app) async fn spend(
    tx: &mut Tx,
    user: UserId,
    proven: &Proven,
    now: Timestamp,
) -> Result<bool> {
    Ok(match proven {
        Proven::Totp(step) => mfa::spend_step(tx, user, *step).await?,
        Proven::RecoveryCode(hash) => mfa::spend_code(tx, user, hash, now).await?,
        Proven::Passkey(id, used) => {
            passkeys::spend(tx, *id, i64::from(used.counter), &used.credential, now).await?
        }
    })
}

/// Whether the policy asks for a second factor that this user has not.
pub(in crate::app) async fn lacks_mfa(on: &mut Conn, user: &User) -> Result<bool> {
    Ok(!user.has_mfa && settings::service(on).await?.value.mfa_required_roles.contains(&user.role))
}

/// Why there are no passkeys; nothing where there are.
pub(in crate::app) fn passkeys_off(settings: &Settings) -> Option<String> {
    match &settings.panel_url {
        None => Some(
            "passkeys are bound to a domain, and this service does not know its own: an owner or admin sets \
             panel_url, such as https://vpn.example.org"
                .to_owned(),
        ),
        Some(url) if url.domain().is_none() => Some(format!(
            "passkeys are bound to a domain, and {url} is an address: give the service a name and set panel_url to it"
        )),
        Some(_) => None,
    }
}

/// Where the secret of an authenticator app is sealed for.
pub(in crate::app) const fn totp_place(user: &str) -> Place<'_> {
    Place { table: "totp_secrets", column: "secret", row: user }
}

impl App {
    /// This service as passkeys know it.
    pub(in crate::app) async fn relying_party(&self) -> Result<RelyingParty> {
        let (settings, _) = self.current_settings().await?;
        if let Some(why) = passkeys_off(&settings) {
            return Err(AppError::conflict("passkeys_off", why));
        }
        let url = settings.panel_url.ok_or(AppError::not_found("domain"))?;
        RelyingParty::at(&url).map_err(AppError::broken("preparing for passkeys"))
    }

    /// What a code of an app, or a recovery code, proves of a user: nothing where it is wrong.
    pub(in crate::app) async fn judge_code(&self, user: UserId, code: &str) -> Result<Option<Proven>> {
        let digits: String = code.chars().filter(|c| *c != ' ').collect();
        if digits.len() == TOTP_DIGITS && digits.bytes().all(|b| b.is_ascii_digit()) {
            let read = async move |on: &mut Conn| Ok::<_, AppError>(mfa::find_totp(on, user).await?);
            let Some(totp) = self.core.store.read(read).await? else { return Ok(None) };
            let secret = self.open_totp(user, totp.secret)?;
            // Which steps were used is asked when the proof is, by one statement.
            return Ok(secret.step_of(&digits, self.now()).map(Proven::Totp));
        }
        Ok(RecoveryCode::parse(code).map(|code| Proven::RecoveryCode(code.digest(user))))
    }

    /// What a passkey's answer to a question proves, and of whom: nothing where it is wrong.
    pub(in crate::app) async fn judge_passkey(
        &self,
        ctx: &Ctx,
        asked: &Challenge,
        shown: Shown,
    ) -> Result<Option<(UserId, Proven)>> {
        let party = self.relying_party().await?;
        let (id, owner) = named_by(&shown).ok_or_else(malformed)?;
        let read = async move |on: &mut Conn| Ok::<_, AppError>(passkeys::find_by_credential(on, &id).await?);
        let Some(known) = self.core.store.read(read).await? else { return Ok(None) };
        let expected = asked.user.or(owner);
        let (Some(state), true) = (&asked.state, expected == Some(known.user)) else { return Ok(None) };
        let judged = match asked.kind {
            ChallengeKind::Passkey => party.finish_sign_in(shown, state, &known.credential),
            ChallengeKind::SignIn | ChallengeKind::StepUp => {
                party.finish_proof(shown, state, &known.credential)
            }
            ChallengeKind::Register => return Ok(None),
        };
        match judged {
            Ok(used) => Ok(Some((known.user, Proven::Passkey(known.id, used)))),
            Err(PasskeyError::Copied) => {
                self.refused(ctx, "passkey_counted_back", ("passkey", known.id.to_string())).await?;
                Ok(None)
            }
            Err(error) if error.is_wrong_answer() => Ok(None),
            Err(error) => Err(AppError::broken("judging a passkey")(error)),
        }
    }

    /// Opens the secret of an authenticator app.
    pub(in crate::app) fn open_totp(&self, user: UserId, sealed: Vec<u8>) -> Result<TotpSecret> {
        let sealed = Sealed::parse(sealed).map_err(AppError::broken("reading a sealed TOTP secret"))?;
        let row = user.to_string();
        let opened = self.core.keyring.open(totp_place(&row), &sealed);
        let bytes = opened.map_err(AppError::broken("opening a sealed TOTP secret"))?;
        TotpSecret::from_bytes(&bytes).map_err(AppError::broken("reading a TOTP secret"))
    }
}

/// What came is nothing that a browser makes.
pub(in crate::app) fn malformed() -> AppError {
    AppError::invalid("/credential", "is not what navigator.credentials gives in a browser, as JSON")
}

/// Digits of an app's code; a recovery code is longer.
const TOTP_DIGITS: usize = 6;
