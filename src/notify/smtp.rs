//! Hands letters to a mail server.
//!
//! Invariant: TLS, once wanted, is never left out because a server does not offer it, and its certificate is checked.

use std::error::Error;
use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use zeroize::Zeroizing;

use crate::domain::contact::Email;
use crate::domain::mail::{Letter, MailSecurity, MailServer};
use crate::domain::time::Timestamp;
use crate::notify::letter;

/// A mail server with the password for it.
pub struct Account<'a> {
    /// The server.
    pub server: &'a MailServer,
    /// The password, where it wants one.
    pub password: Option<Zeroizing<String>>,
}

/// Longest wait for one answer of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Longest wait for a whole conversation: a dozen answers, and a server that greets late to keep senders of junk away.
pub const SENT_WITHIN: Duration = Duration::from_secs(60);

/// Sends a letter in this time; gives the server's own words. `id` makes a letter that is sent twice one letter to its reader.
///
/// # Errors
/// [`SendError`], which says whether a later attempt may go better.
pub async fn send(
    account: Account<'_>,
    letter: &Letter,
    id: &str,
    now: Timestamp,
    within: Duration,
) -> Result<String, SendError> {
    let message = message(account.server, letter, id, now)?;
    let transport = transport(account)?;
    let sent = tokio::time::timeout(within, transport.send(message)).await;
    let response = sent.map_err(|_| SendError::Slow { within })?.map_err(SendError::of)?;
    Ok(words(&response))
}

/// The PEM text holds certificates.
///
/// # Errors
/// [`SendError::Certificate`].
pub fn check_certificate(pem: &str) -> Result<(), SendError> {
    let builder = TlsParameters::builder("localhost".to_owned()).certificate_store(CertificateStore::None);
    let trusting = builder.add_root_certificate(certificate(pem)?).build();
    trusting.map(drop).map_err(|_| SendError::Certificate)
}

fn certificate(pem: &str) -> Result<Certificate, SendError> {
    Certificate::from_pem(pem.as_bytes()).map_err(|_| SendError::Certificate)
}

fn transport(account: Account<'_>) -> Result<AsyncSmtpTransport<Tokio1Executor>, SendError> {
    let Account { server, password } = account;
    let host = server.host.as_str();
    let tls = match server.security {
        MailSecurity::Starttls => Tls::Required(tls(server)?),
        MailSecurity::Tls => Tls::Wrapper(tls(server)?),
        MailSecurity::Plain => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(server.port)
        .timeout(Some(ANSWER_WITHIN))
        .hello_name(ClientId::Domain(server.from.domain().to_owned()))
        .tls(tls);
    if let (Some(username), Some(password)) = (&server.username, password) {
        builder = builder.credentials(Credentials::new(username.clone(), password.to_string()));
    }
    Ok(builder.build())
}

fn tls(server: &MailServer) -> Result<TlsParameters, SendError> {
    let mut builder = TlsParameters::builder(server.host.as_str().to_owned())
        .certificate_store(CertificateStore::WebpkiRoots);
    if let Some(pem) = &server.ca_certificate {
        builder = builder.add_root_certificate(certificate(pem)?);
    }
    builder.build().map_err(SendError::of)
}

fn message(server: &MailServer, letter: &Letter, id: &str, now: Timestamp) -> Result<Message, SendError> {
    let written = letter::write(letter);
    let message = Message::builder()
        .from(mailbox(&server.from)?)
        .to(mailbox(&letter.to)?)
        .subject(written.subject)
        .raw_header(header(HeaderName::new_from_ascii_str("Date"), date(now)?))
        .message_id(Some(format!("<{id}@{}>", server.from.domain())))
        // RFC 3834 §5: nobody's absence notice answers this.
        .raw_header(header(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(written.text, written.html));
    message.map_err(|cause| SendError::Unsendable(cause.into()))
}

/// A header whose value is this program's own.
fn header(name: HeaderName, value: String) -> HeaderValue {
    HeaderValue::new(name, value)
}

/// When it was written, by our clock and not the library's.
fn date(now: Timestamp) -> Result<String, SendError> {
    let at =
        OffsetDateTime::from_unix_timestamp(now.as_seconds()).map_err(|e| SendError::Unsendable(e.into()))?;
    at.format(&Rfc2822).map_err(|e| SendError::Unsendable(e.into()))
}

/// An address alone, without a name: names are typed by people.
fn mailbox(email: &Email) -> Result<Mailbox, SendError> {
    let address: Address =
        email.as_str().parse().map_err(|e: AddressError| SendError::Unsendable(e.into()))?;
    Ok(Mailbox::new(None, address))
}

fn words(response: &Response) -> String {
    let lines: Vec<_> = response.message().collect();
    bounded(&format!("{} {}", response.code(), lines.join(" ")))
}

/// What a server says is shown to an operator: one line of it, not a book.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// A letter that was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The certificates in the settings are none.
    #[error("the certificate of the mail server's authority is not one in PEM")]
    Certificate,
    /// The letter cannot be written as mail.
    #[error("the letter cannot be written as mail")]
    Unsendable(#[source] Box<dyn Error + Send + Sync>),
    /// The server took too long.
    #[error("the mail server did not take the letter within {} s", within.as_secs())]
    Slow {
        /// What it had.
        within: Duration,
    },
    /// The server says no, for good.
    #[error("the mail server refused the letter: {words}")]
    Refused {
        /// Its code.
        code: String,
        /// Its words.
        words: String,
    },
    /// The server says no, for now.
    #[error("the mail server put the letter off: {words}")]
    PutOff {
        /// Its code.
        code: String,
        /// Its words.
        words: String,
    },
    /// The server cannot be reached, or not in the way the settings want.
    #[error("the mail server cannot be spoken to: {why}")]
    Unreachable {
        /// Why.
        why: String,
    },
}

/// Whether a refusal is of the sign-in and not of the letter (RFC 4954 §6): an operator mends that within the hours in which
/// a letter is tried again.
fn is_about_us(code: &str) -> bool {
    ["530", "534", "535", "538"].contains(&code)
}

impl SendError {
    fn of(error: lettre::transport::smtp::Error) -> Self {
        let why = bounded(&crate::telemetry::chain::chain(&error).to_string());
        match error.status() {
            Some(code) if error.is_permanent() && !is_about_us(&code.to_string()) => {
                Self::Refused { code: code.to_string(), words: why }
            }
            Some(code) => Self::PutOff { code: code.to_string(), words: why },
            None => Self::Unreachable { why },
        }
    }

    /// Whether a later attempt may go better. A refusal of the letter for good does not change by itself.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Slow { .. } | Self::PutOff { .. } | Self::Unreachable { .. } => true,
            Self::Certificate | Self::Unsendable(_) | Self::Refused { .. } => false,
        }
    }

    /// What may be logged and kept: a server's words can quote the reader's address, its code cannot.
    pub fn brief(&self) -> String {
        match self {
            Self::Certificate => "the certificate in the settings is not one".to_owned(),
            Self::Unsendable(_) => "the letter cannot be written as mail".to_owned(),
            Self::Slow { .. } => "the mail server did not answer in time".to_owned(),
            Self::Refused { code, .. } => format!("the mail server refused the letter ({code})"),
            Self::PutOff { code, .. } => format!("the mail server put the letter off ({code})"),
            Self::Unreachable { .. } => "the mail server cannot be spoken to".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, SendError, send};
    use crate::domain::language::Language;
    use crate::domain::mail::{Letter, MailSecurity, MailServer, Template};
    use crate::domain::time::Timestamp;
    use std::net::TcpListener;
    use std::time::Duration;

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up_when_the_callers_time_is_over() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = MailServer {
            host: "127.0.0.1".parse().unwrap(),
            port: silent.local_addr().unwrap().port(),
            security: MailSecurity::Plain,
            username: None,
            ca_certificate: None,
            from: "vpn@example.org".parse().unwrap(),
        };
        let letter = Letter {
            to: "ada@example.org".parse().unwrap(),
            name: None,
            language: Language::default(),
            template: Template::Test,
            void_at: None,
        };
        let account = Account { server: &server, password: None };
        let within = Duration::from_millis(30);

        let sending = send(account, &letter, "id", Timestamp::from_millis(0), within);
        let sent = tokio::time::timeout(Duration::from_secs(10), sending).await.expect("it ends in time");

        let Err(error @ SendError::Slow { .. }) = sent else { panic!("{sent:?}") };
        assert!(error.is_temporary());
    }
}
