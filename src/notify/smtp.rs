//! Hands letters to a mail server.
//!
//! Invariant: TLS, once wanted, is never left out because a server does not offer it, and its certificate is checked against
//! the server's name; no connection is made but to an address that `domain::outgoing` let pass.

use std::error::Error;
use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{Address, Message};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use zeroize::Zeroizing;

use crate::domain::contact::Email;
use crate::domain::mail::{Letter, MailSecurity, MailServer};
use crate::domain::outgoing::{AllowedNets, TargetError};
use crate::domain::time::Timestamp;
use crate::notify::letter;
use crate::telemetry::chain::chain;
use crate::tls::outgoing::{OutgoingError, resolve};

/// A mail server with the password for it.
pub struct Account<'a> {
    /// The server.
    pub server: &'a MailServer,
    /// The password, where it wants one.
    pub password: Option<Zeroizing<String>>,
    /// Networks of one's own that may be called.
    pub allowed: &'a AllowedNets,
}

/// Longest wait for a connection to one of the server's addresses, as with all other calls: the next one has its turn while
/// somebody still waits for a test.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// Longest wait for a goodbye.
const PARTED_WITHIN: Duration = Duration::from_secs(2);

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
    let sent = tokio::time::timeout(within, hand_over(account, &message)).await;
    let (response, mut connection) = sent.map_err(|_| SendError::Slow { within })??;
    // The letter is the server's by now: one that is slow to part must not make it be sent again.
    drop(tokio::time::timeout(PARTED_WITHIN, connection.abort()).await);
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

async fn hand_over(
    account: Account<'_>,
    message: &Message,
) -> Result<(Response, AsyncSmtpConnection), SendError> {
    let mut connection = connect(account.server, account.allowed).await?;
    if let (Some(username), Some(password)) = (&account.server.username, account.password) {
        let credentials = Credentials::new(username.clone(), password.to_string());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(SendError::of)?;
    }
    let sent = connection.send(message.envelope(), &message.formatted()).await;
    sent.map(|response| (response, connection)).map_err(SendError::of)
}

/// Connects to the first of the server's judged addresses that takes a connection. What is said on it is the server's word:
/// no other address is asked after a refusal.
async fn connect(server: &MailServer, allowed: &AllowedNets) -> Result<AsyncSmtpConnection, SendError> {
    let target = server.target().map_err(SendError::Target)?;
    let addresses = resolve(&target, server.security.is_encrypted(), allowed).await.map_err(not_called)?;
    let hello = ClientId::Domain(server.from.domain().to_owned());
    let wrapped = if server.security == MailSecurity::Tls { Some(tls(server)?) } else { None };
    let connecting = AsyncSmtpConnection::connect_tokio1(
        addresses.as_slice(),
        Some(CONNECTED_WITHIN),
        &hello,
        wrapped,
        None,
    );
    let mut connection = connecting.await.map_err(SendError::of)?;
    if server.security == MailSecurity::Starttls {
        connection.starttls(tls(server)?, &hello).await.map_err(SendError::of)?;
    }
    Ok(connection)
}

fn not_called(error: OutgoingError) -> SendError {
    match error {
        OutgoingError::Target(why) => SendError::Target(why),
        error @ (OutgoingError::Resolve { .. }
        | OutgoingError::TooSlow { .. }
        | OutgoingError::TooLarge { .. }
        | OutgoingError::Failed { .. }) => SendError::Unreachable { why: chain(&error).to_string() },
    }
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
    /// The server is not called.
    #[error("the mail server {0}")]
    Target(TargetError),
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
        let why = bounded(&chain(&error).to_string());
        match error.status() {
            Some(code) if error.is_permanent() && !is_about_us(&code.to_string()) => {
                Self::Refused { code: code.to_string(), words: why }
            }
            Some(code) => Self::PutOff { code: code.to_string(), words: why },
            None => Self::Unreachable { why },
        }
    }

    /// Whether a later attempt may go better. A refusal of the letter for good does not change by itself; a server that is
    /// not called may be allowed within the hours in which a letter is tried again.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Target(_) | Self::Slow { .. } | Self::PutOff { .. } | Self::Unreachable { .. } => true,
            Self::Certificate | Self::Unsendable(_) | Self::Refused { .. } => false,
        }
    }

    /// What may be logged and kept: a server's words can quote the reader's address, its code cannot.
    pub fn brief(&self) -> String {
        match self {
            Self::Certificate => "the certificate in the settings is not one".to_owned(),
            Self::Unsendable(_) => "the letter cannot be written as mail".to_owned(),
            Self::Target(why) => format!("the mail server {why}"),
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
    use crate::domain::outgoing::AllowedNets;
    use crate::domain::time::Timestamp;
    use std::io::ErrorKind;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up_when_the_callers_time_is_over() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (server, allowed) = (server(&silent, MailSecurity::Plain), loopback());

        let sending = sent_to(&server, &allowed, Duration::from_millis(30));
        let sent = tokio::time::timeout(Duration::from_secs(10), sending).await.expect("it ends in time");

        let Err(error @ SendError::Slow { .. }) = sent else { panic!("{sent:?}") };
        assert!(error.is_temporary());
    }

    #[tokio::test]
    async fn a_server_on_this_machine_is_not_connected_to_unless_that_is_allowed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (host, security) in [
            ("127.0.0.1", MailSecurity::Plain),
            ("127.0.0.1", MailSecurity::Starttls),
            ("localhost", MailSecurity::Tls),
        ] {
            let server = MailServer { host: host.parse().unwrap(), ..server(&listener, security) };

            let sent = sent_to(&server, &AllowedNets::default(), Duration::from_secs(10)).await;

            let Err(error @ SendError::Target(_)) = sent else { panic!("{host}: {sent:?}") };
            assert!(error.to_string().contains("outgoing_allowed"), "{error}");
            assert!(error.brief().contains("outgoing_allowed"), "a job's error says what to do: {error}");
            assert!(error.is_temporary(), "the letter waits for whoever allows it");
        }
        let listener = listener.into_std().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody connected");
    }

    #[tokio::test]
    async fn a_letter_that_was_taken_is_sent_although_the_server_says_no_goodbye() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server(&listener, MailSecurity::Plain);
        let allowed = loopback();

        let sending = sent_to(&server, &allowed, Duration::from_secs(30));
        let (sent, said) = tokio::join!(sending, take_one(&listener));

        assert_eq!(sent.unwrap(), "250 taken");
        assert_eq!(said[0], "EHLO example.org", "by the name of the sender's domain, whatever the address");
        assert_eq!(said.last().unwrap(), "QUIT");
    }

    async fn sent_to(
        server: &MailServer,
        allowed: &AllowedNets,
        within: Duration,
    ) -> Result<String, SendError> {
        let letter = Letter {
            to: "ada@example.org".parse().unwrap(),
            name: None,
            language: Language::default(),
            template: Template::Test,
            void_at: None,
        };
        let account = Account { server, password: None, allowed };
        send(account, &letter, "id", Timestamp::from_millis(0), within).await
    }

    fn server(listener: &TcpListener, security: MailSecurity) -> MailServer {
        MailServer {
            host: "127.0.0.1".parse().unwrap(),
            port: listener.local_addr().unwrap().port(),
            security,
            username: None,
            ca_certificate: None,
            from: "vpn@example.org".parse().unwrap(),
        }
    }

    fn loopback() -> AllowedNets {
        AllowedNets::try_from(vec!["127.0.0.0/8".parse().unwrap()]).unwrap()
    }

    /// Takes one letter and leaves the goodbye without an answer; gives the commands.
    async fn take_one(listener: &TcpListener) -> Vec<String> {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let (mut said, mut is_letter) = (Vec::new(), false);
        write.write_all(b"220 hello\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            let answer = match (is_letter, line.as_str()) {
                (true, ".") => "250 taken\r\n",
                (true, _) => continue,
                (false, "DATA") => "354 go on\r\n",
                (false, "QUIT") => "",
                (false, _) => "250 8BITMIME\r\n",
            };
            is_letter = line == "DATA" || (is_letter && line != ".");
            if line != "." {
                said.push(line);
            }
            write.write_all(answer.as_bytes()).await.unwrap();
        }
        said
    }
}
