//! Mail: puts letters into the queue in the act's own transaction, and sends what the queue holds.
//!
//! Invariant: no letter, name or address is logged; the sealed job is the only place where a letter waits.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::access::Action;
use crate::domain::contact::Email;
use crate::domain::id::JobId;
use crate::domain::job::{Attempted, JobKind, NewJob, TakenJob};
use crate::domain::language::Language;
use crate::domain::mail::{Letter, MailServer, Template};
use crate::domain::name::DisplayName;
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::notify::smtp::{self, Account, SENT_WITHIN, SendError};
use crate::secrets::seal::{Place, Sealed};
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, jobs, settings, users};

/// The use cases of mail.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a>(pub(in crate::app) &'a App);

/// A mail server's password.
#[derive(Clone)]
pub struct MailPassword(Zeroizing<String>);

/// To whom a letter goes.
#[derive(Debug, Clone)]
pub(in crate::app) struct Reader {
    /// The address.
    pub(in crate::app) to: Email,
    /// How to speak to the person.
    pub(in crate::app) name: Option<DisplayName>,
    /// The language that the person chose.
    pub(in crate::app) language: Option<Language>,
}

/// The key of the sealed password.
const PASSWORD: &str = "sealed.smtp_password";
const PASSWORD_PLACE: Place<'static> = Place { table: "settings", column: "value", row: PASSWORD };

/// Longest wait for the test of a mail server: somebody waits for it, and is told within the time that a request has.
pub const TRIED_WITHIN: Duration = Duration::from_secs(20);

impl Mail<'_> {
    /// Sends a test letter at once and gives the server's words; to the asker where nobody else is named.
    pub async fn test(&self, ctx: &Ctx, to: Option<Email>) -> Result<String> {
        ctx.require(Action::SettingsMailTest)?;
        let app = self.0;
        let (settings, _) = app.current_settings().await?;
        let server = settings.smtp.as_ref().ok_or_else(off)?;
        let asker = ctx.actor.user();
        let event = app.event(ctx, Action::SettingsMailTest.as_str(), ("settings", "service".to_owned()));
        let asker = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                audit::insert(tx, &event).await?;
                match asker {
                    Some(id) => Ok::<_, AppError>(users::find(tx, id).await?),
                    None => Ok(None),
                }
            })
            .await?;
        let language = asker.as_ref().and_then(|user| user.language).unwrap_or(settings.language);
        let own = asker.and_then(|user| user.email.map(|email| (email, user.display_name)));
        let (to, name) = match (to, own) {
            (Some(to), _) => (to, None),
            (None, Some((email, name))) => (email, Some(name)),
            (None, None) => {
                return Err(AppError::invalid(
                    "/to",
                    "say where the letter goes; your account has no address",
                ));
            }
        };
        let letter = Letter { to, name, language, template: Template::Test, void_at: None };
        let id = app.core.clock.new_id().to_string();
        let password = app.mail_password(server).await?;
        let account = Account { server, password, allowed: &settings.outgoing_allowed };
        let sent = smtp::send(account, &letter, &id, app.now(), TRIED_WITHIN).await;
        sent.map_err(|error| failed(&error))
    }
}

impl App {
    /// Mail.
    pub const fn mail(&self) -> Mail<'_> {
        Mail(self)
    }

    /// Puts a letter to a user into the queue; false where the user has no address, or mail is off.
    pub(in crate::app) async fn mail_user(
        &self,
        tx: &mut Tx,
        user: &User,
        template: Template,
    ) -> Result<bool> {
        let Some(to) = user.email.clone() else { return Ok(false) };
        let reader = Reader { to, name: Some(user.display_name.clone()), language: user.language };
        self.mail_reader(tx, reader, template).await
    }

    /// Puts a letter into the queue; false where mail is off.
    pub(in crate::app) async fn mail_reader(
        &self,
        tx: &mut Tx,
        reader: Reader,
        template: Template,
    ) -> Result<bool> {
        let settings = settings::service(tx).await?.value;
        if settings.smtp.is_none() {
            return Ok(false);
        }
        let now = self.now();
        let letter = Letter {
            to: reader.to,
            name: reader.name,
            language: reader.language.unwrap_or(settings.language),
            void_at: template.good_for().map(|span| now + span),
            template,
        };
        let job = self.new_job(JobKind::Mail, &letter, now)?;
        jobs::enqueue(tx, &job, now).await?;
        Ok(true)
    }

    /// A job with its payload sealed.
    pub(in crate::app) fn new_job<T: serde::Serialize>(
        &self,
        kind: JobKind,
        payload: &T,
        run_at: Timestamp,
    ) -> Result<NewJob> {
        let id = JobId::new(self.core.clock.new_id());
        let plain =
            serde_json::to_vec(payload).map(Zeroizing::new).map_err(AppError::broken("writing a job"))?;
        let row = id.to_string();
        let sealed =
            self.core.keyring.seal(payload_place(&row), &plain).map_err(AppError::broken("sealing a job"))?;
        Ok(NewJob { id, kind, payload: sealed.into_bytes(), run_at })
    }

    /// What a job works on.
    pub(in crate::app) fn open_job<T: serde::de::DeserializeOwned>(&self, job: &TakenJob) -> Result<T> {
        let sealed = Sealed::parse(job.payload.clone()).map_err(AppError::broken("reading a job"))?;
        let row = job.id.to_string();
        let plain = self
            .core
            .keyring
            .open(payload_place(&row), &sealed)
            .map_err(AppError::broken("opening a job"))?;
        serde_json::from_slice(&plain).map_err(AppError::broken("reading a job"))
    }

    /// Sends the letter of a job.
    pub(in crate::app) async fn send_mail(&self, job: &TakenJob) -> Result<Attempted> {
        let letter: Letter = self.open_job(job)?;
        let now = self.now();
        if letter.void_at.is_some_and(|at| at <= now) {
            return Ok(Attempted::Failed("the letter was of no more use before it could be sent".to_owned()));
        }
        let (settings, _) = self.current_settings().await?;
        let Some(server) = &settings.smtp else {
            return Ok(Attempted::Failed("mail was turned off".to_owned()));
        };
        let password = self.mail_password(server).await?;
        let account = Account { server, password, allowed: &settings.outgoing_allowed };
        Ok(match smtp::send(account, &letter, &job.id.to_string(), now, SENT_WITHIN).await {
            Ok(_) => Attempted::Done,
            Err(error) if error.is_temporary() => Attempted::Again(error.brief()),
            Err(error) => Attempted::Failed(error.brief()),
        })
    }

    async fn mail_password(&self, server: &MailServer) -> Result<Option<Zeroizing<String>>> {
        if server.username.is_none() {
            return Ok(None);
        }
        let found = self
            .core
            .store
            .read(async |on: &mut Conn| Ok::<_, AppError>(settings::find::<String>(on, PASSWORD).await?))
            .await?;
        let Some(found) = found else { return Ok(None) };
        let bytes = STANDARD.decode(found.value).map_err(AppError::broken("reading the mail password"))?;
        let sealed = Sealed::parse(bytes).map_err(AppError::broken("reading the mail password"))?;
        let plain = self
            .core
            .keyring
            .open(PASSWORD_PLACE, &sealed)
            .map_err(AppError::broken("opening the mail password"))?;
        let text =
            String::from_utf8(plain.to_vec()).map_err(AppError::broken("reading the mail password"))?;
        Ok(Some(Zeroizing::new(text)))
    }

    /// Keeps the password that belongs to the new settings of mail, and no other.
    pub(in crate::app) async fn keep_mail_password(
        &self,
        tx: &mut Tx,
        before: &Settings,
        after: &Settings,
        password: Option<&MailPassword>,
    ) -> Result<()> {
        let username = after.smtp.as_ref().and_then(|server| server.username.as_ref());
        match (username, password) {
            (None, Some(_)) => Err(AppError::invalid("/smtp/password", "a password needs a username")),
            (None, None) => Ok(settings::forget(tx, PASSWORD).await?),
            (Some(_), Some(password)) => {
                let sealed = self
                    .core
                    .keyring
                    .seal(PASSWORD_PLACE, password.0.as_bytes())
                    .map_err(AppError::broken("sealing the mail password"))?;
                Ok(settings::put(tx, PASSWORD, &STANDARD.encode(sealed.as_bytes()), self.now()).await?)
            }
            (Some(_), None) => match (&before.smtp, &after.smtp) {
                (Some(before), Some(after)) if after.may_keep_password_of(before) => Ok(()),
                (Some(_) | None, _) => Err(AppError::invalid(
                    "/smtp/password",
                    "give the password again: it is kept only for the same server, name and certificate",
                )),
            },
        }
    }
}

impl MailPassword {
    /// Takes the text over.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for MailPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailPassword(***)")
    }
}

/// What the settings of mail must be like, whatever they were before.
pub(in crate::app) fn check(settings: &Settings) -> Result<()> {
    use crate::domain::mail::MailServerFault;
    let Some(server) = &settings.smtp else { return Ok(()) };
    server.check(settings.panel_url.as_ref(), &settings.outgoing_allowed).map_err(|fault| match fault {
        MailServerFault::PlainAfar => AppError::invalid("/smtp/security", fault),
        MailServerFault::NoPanelUrl => AppError::invalid("/panel_url", fault),
        MailServerFault::Target(_) => AppError::invalid("/smtp/host", fault),
    })?;
    match &server.ca_certificate {
        Some(pem) => {
            smtp::check_certificate(pem).map_err(|error| AppError::invalid("/smtp/ca_certificate", error))
        }
        None => Ok(()),
    }
}

fn payload_place(row: &str) -> Place<'_> {
    Place { table: "jobs", column: "payload", row }
}

fn off() -> AppError {
    AppError::conflict("mail_off", "no mail server is set; set `smtp` in the settings first")
}

/// Who may change the settings may read what the server said.
fn failed(error: &SendError) -> AppError {
    AppError::conflict("mail_failed", crate::telemetry::chain::chain(error).to_string())
}
