//! What follows from a wrong password, or a wrong second factor: it is counted, written to the audit, and what it shows is told.
//!
//! Invariant: an account that does not exist leaves as many traces, for as much work, as one that does.

use serde_json::json;
use tracing::warn;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::login_limit::{Account, Finding, RetryAfter};
use crate::app::sessions::too_many;
use crate::domain::access::Actor;
use crate::domain::audit::{AuditEvent, Outcome};
use crate::domain::id::UserId;
use crate::domain::mail::Template;
use crate::store::backend::Tx;
use crate::store::{audit, users};
use crate::telemetry::names;

/// A wrong proof of who somebody is.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) struct Wrong<'a> {
    /// The operation it was given to.
    pub(in crate::app) action: &'static str,
    /// What it was aimed at, where that is known.
    pub(in crate::app) tried: Option<Account<'a>>,
    /// The password, where it came with a login.
    pub(in crate::app) password: Option<&'a str>,
    /// The account, where there is one.
    pub(in crate::app) user: Option<UserId>,
}

/// Something about sign-ins that an operator, or the user whose account it is, should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// What was found.
    pub finding: Finding,
    /// Whose account, where one account is meant and it exists.
    pub user: Option<UserId>,
}

/// The operation's name in the audit.
const ACTION: &str = "login_alert";

/// Attempts that are refused before they are looked at. No alert: an office that signs in together comes to it too.
const LIMITED: &str = "session_limited";

impl App {
    /// Takes note of a wrong password or second factor.
    pub(in crate::app) async fn wrong_password(&self, ctx: &Ctx, wrong: Wrong<'_>) -> Result<()> {
        let now = self.now();
        let limit = &self.core.login_limit;
        let mut found = match wrong.tried {
            Some(tried) => limit.record_failure(ctx.address, tried, now),
            None => limit.fail_address(ctx.address, now),
        };
        if let (Some(tried), Some(user)) = (wrong.tried, wrong.user) {
            limit.note_user(tried, user, now);
        }
        if let (Some(Account::Login(login)), Some(password)) = (wrong.tried, wrong.password) {
            found.extend(limit.note_password(ctx.address, login, password, now));
        }
        let target = wrong.user.map(|user| user.to_string()).unwrap_or_default();
        let refused = self.event(ctx, wrong.action, ("user", target));
        let about = wrong.user.map(|user| (user, letter(ctx, wrong.tried)));
        self.refused_with(ctx, refused, found, about).await
    }

    /// Lets an attempt go on, or refuses it.
    pub(in crate::app) async fn admit(&self, ctx: &Ctx, checked: Result<(), RetryAfter>) -> Result<()> {
        let Err(wait) = checked else { return Ok(()) };
        self.note_refusal(ctx, wait).await?;
        Err(too_many(wait))
    }

    /// Writes down that attempts are being refused: once for each lock. A row for each attempt would let a guesser fill the
    /// disk; the metric counts them all.
    pub(in crate::app) async fn note_refusal(&self, ctx: &Ctx, wait: RetryAfter) -> Result<()> {
        let Some(refusal) = wait.told() else { return Ok(()) };
        let target = refusal.user.map(|user| user.to_string()).unwrap_or_default();
        let event = self.event(ctx, LIMITED, ("user", target)).made(json!({ "layer": refusal.layer }));
        let event = AuditEvent { outcome: Outcome::Refused, ..event };
        let write = async move |tx: &mut Tx| Ok::<_, AppError>(audit::insert(tx, &event).await?);
        self.core.store.write(write).await
    }

    /// Writes down what was refused, with what it has shown. Where it locked somebody's account, that user is told by the
    /// letter.
    pub(in crate::app) async fn refused_with(
        &self,
        ctx: &Ctx,
        mut refused: AuditEvent,
        found: Vec<Finding>,
        about: Option<(UserId, Template)>,
    ) -> Result<()> {
        refused.outcome = Outcome::Refused;
        let user = about.as_ref().map(|(user, _)| *user);
        let told = about.filter(|_| found.contains(&Finding::AccountLocked));
        let notices: Vec<_> = found.into_iter().map(|finding| notice(finding, user)).collect();
        let mut events = vec![refused];
        events.extend(notices.iter().map(|notice| self.alert(ctx, notice)));
        let app = self.clone();
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                for event in &events {
                    audit::insert(tx, event).await?;
                }
                if let Some((id, letter)) = &told
                    && let Some(user) = users::find(tx, *id).await?
                {
                    app.mail_user(tx, &user, letter.clone()).await?;
                }
                Ok::<_, AppError>(())
            })
            .await?;
        notices.iter().for_each(|notice| self.tell(notice));
        Ok(())
    }

    fn alert(&self, ctx: &Ctx, notice: &Notice) -> AuditEvent {
        let target = match notice.user {
            Some(user) => ("user", user.to_string()),
            None => ("login", notice.finding.as_str().to_owned()),
        };
        let by_service = Ctx { actor: Actor::System, ..ctx.clone() };
        self.event(&by_service, ACTION, target).made(json!({ "finding": notice.finding.as_str() }))
    }

    /// Tells the operator; the audit has it already.
    fn tell(&self, notice: &Notice) {
        let finding = notice.finding.as_str();
        metrics::counter!(names::LOGIN_FINDINGS.name, "kind" => finding).increment(1);
        match notice.user {
            Some(user) => warn!(user.id = %user, "sign-in: {finding}; the audit has the address"),
            None => warn!("sign-in: {finding}; the audit has the address"),
        }
    }
}

/// What a user is told whose account is locked: a second factor comes after a right password.
fn letter(ctx: &Ctx, tried: Option<Account<'_>>) -> Template {
    let address = ctx.address.map(|address| address.to_string());
    match tried {
        Some(Account::SecondFactor(_)) => Template::SecondFactorLocked { address },
        Some(Account::Login(_) | Account::Own(_) | Account::Forgotten(_)) | None => {
            Template::SignInLocked { address }
        }
    }
}

/// Only a locked account is about its user; what a guesser does elsewhere is not.
fn notice(finding: Finding, user: Option<UserId>) -> Notice {
    match finding {
        Finding::AccountLocked => Notice { finding, user },
        Finding::ManyAccounts | Finding::OnePassword | Finding::ManyFailures => {
            Notice { finding, user: None }
        }
    }
}
