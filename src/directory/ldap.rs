//! Sign-in by an LDAP directory: a search for the person by the service's own account, then a bind as the person.
//!
//! Invariant: nobody binds with an empty password, which servers take for anonymous and answer with success (RFC 4513 §5.1.2);
//! what was typed is escaped before it is part of a filter; exactly one entry is the person; referrals are not followed.

use std::sync::Arc;
use std::time::Duration;

use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, StdStream};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::domain::external_identity::{Person, SUBJECT_MAX_BYTES};
use crate::domain::ldap::Ldap;
use crate::domain::name::Login;
use crate::domain::outgoing::{AllowedNets, Target};
use crate::tls::outgoing::{OutgoingError, resolve};
use crate::tls::trust::{self, TrustError};

/// Asks one directory.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Which, and what of it.
    pub directory: &'a Ldap,
    /// The password of the service's own account there.
    pub secret: Option<&'a str>,
    /// Networks of one's own that may be called.
    pub allowed: &'a AllowedNets,
    /// A private authority that has signed the directory's certificate.
    pub ca_pem: Option<&'a [u8]>,
}

/// Why a directory said nothing about a person.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The directory is not called.
    #[error("the directory was not reached")]
    Target(#[source] OutgoingError),
    /// No connection to any of its addresses.
    #[error("no connection to the directory")]
    Connect(#[source] std::io::Error),
    /// No whole answer in time.
    #[error("the directory did not answer within {} seconds", PATIENCE.as_secs())]
    TooSlow,
    /// Its authority cannot be read.
    #[error("the directory's certificate authority cannot be trusted")]
    Trust(#[source] TrustError),
    /// The conversation broke off, TLS included.
    #[error("the directory's answer is not usable")]
    Protocol(#[source] LdapError),
    /// The service's own account is not let in.
    #[error("the directory refuses the bind DN: result code {0}")]
    Refused(u32),
    /// The directory cannot answer now, or not this.
    #[error("the directory answers with result code {0}")]
    Code(u32),
    /// The entry lacks what tells it from all others for good.
    #[error("the entry has no {0}, which the subject attribute must be")]
    Subject(String),
}

/// For a whole conversation: somebody waits for it in front of a form.
const PATIENCE: Duration = Duration::from_secs(5);

/// Result codes of RFC 4511 §A.1: nothing went wrong, and the password is not the right one.
const SUCCESS: u32 = 0;
const INVALID_CREDENTIALS: u32 = 49;
/// A search that found more than was asked for.
const SIZE_LIMIT: u32 = 4;
/// A bind that the directory refuses for this person: no rights, unwilling, a broken rule.
const REFUSALS: [u32; 4] = [INVALID_CREDENTIALS, 50, 53, 19];

impl Asker<'_> {
    /// Who somebody with this login and password is; none where the directory knows no such person or password.
    ///
    /// # Errors
    /// [`DirectoryError`], when the directory could not be asked.
    pub async fn prove(&self, login: &Login, password: &str) -> Result<Option<Person>, DirectoryError> {
        if password.is_empty() || password.contains('\0') {
            return Ok(None);
        }
        let talk = async |ldap: &mut ldap3::Ldap| {
            self.bind_service(ldap).await?;
            let Some((entry, person)) = self.find(ldap, login).await? else { return Ok(None) };
            let bound = ldap.simple_bind(&entry, password).await.map_err(DirectoryError::Protocol)?;
            match bound.rc {
                SUCCESS => Ok(Some(person)),
                rc if REFUSALS.contains(&rc) => Ok(None),
                rc => Err(DirectoryError::Code(rc)),
            }
        };
        self.connected(talk).await
    }

    /// Tries whether the service's own account may search.
    ///
    /// # Errors
    /// As [`Asker::prove`].
    pub async fn test(&self) -> Result<(), DirectoryError> {
        let nobody: Login = "nobody-by-this-name".parse().map_err(|_| DirectoryError::TooSlow)?;
        let talk = async |ldap: &mut ldap3::Ldap| {
            self.bind_service(ldap).await?;
            self.find(ldap, &nobody).await.map(drop)
        };
        self.connected(talk).await
    }

    /// Talks over a connection to one of the judged addresses, for as long as anybody waits.
    async fn connected<T>(
        &self,
        talk: impl AsyncFnOnce(&mut ldap3::Ldap) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        let whole = async {
            let (connection, mut ldap) = self.connect().await?;
            // The connection works for as long as the conversation is polled beside it; nothing outlives the two.
            let drive = std::pin::pin!(connection.drive());
            let said = std::pin::pin!(async {
                let said = talk(&mut ldap).await;
                drop(ldap.unbind().await);
                said
            });
            match futures_util::future::select(said, drive).await {
                futures_util::future::Either::Left((said, _)) => said,
                // The connection ended, so whatever was asked for comes to its end now.
                futures_util::future::Either::Right((_, said)) => said.await,
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.unwrap_or(Err(DirectoryError::TooSlow))
    }

    async fn connect(&self) -> Result<(LdapConnAsync, ldap3::Ldap), DirectoryError> {
        let directory = self.directory;
        let refused = |why| DirectoryError::Target(OutgoingError::Target(why));
        let target = Target::ldap(directory.url.as_str()).map_err(refused)?;
        let is_encrypted = target.is_encrypted() || directory.start_tls;
        let addresses = resolve(&target, is_encrypted, self.allowed).await.map_err(DirectoryError::Target)?;
        let stream = TcpStream::connect(addresses.as_slice()).await.and_then(TcpStream::into_std);
        let stream = stream.map_err(DirectoryError::Connect)?;
        let tls = trust::client(self.ca_pem).map_err(DirectoryError::Trust)?;
        let settings = LdapConnSettings::new()
            .set_starttls(directory.start_tls)
            .set_config(Arc::new(tls))
            .set_std_stream(StdStream::Tcp(stream));
        let url = format!("{}://{}:{}", target.url().scheme(), bracketed(&target.host()), target.port());
        LdapConnAsync::with_settings(settings, &url).await.map_err(DirectoryError::Protocol)
    }

    async fn bind_service(&self, ldap: &mut ldap3::Ldap) -> Result<(), DirectoryError> {
        let (Some(dn), Some(secret)) = (&self.directory.bind_dn, self.secret) else { return Ok(()) };
        let bound = ldap.simple_bind(dn.as_str(), secret).await.map_err(DirectoryError::Protocol)?;
        if bound.rc == SUCCESS { Ok(()) } else { Err(DirectoryError::Refused(bound.rc)) }
    }

    /// The DN of the one entry of a login, and who it is.
    async fn find(
        &self,
        ldap: &mut ldap3::Ldap,
        login: &Login,
    ) -> Result<Option<(Zeroizing<String>, Person)>, DirectoryError> {
        let it = self.directory;
        let filter = it.filter.of(&ldap3::ldap_escape(login.as_str()));
        let mut wanted =
            vec![it.login_attribute.as_str(), it.subject_attribute.as_str(), "displayName", "cn"];
        wanted.extend(it.group_attribute.as_ref().map(|name| name.as_str()));
        // Two are enough to know that there is more than one.
        ldap.with_search_options(SearchOptions::new().sizelimit(2));
        let found = ldap.search(it.base.as_str(), Scope::Subtree, &filter, wanted).await;
        let found = found.map_err(DirectoryError::Protocol)?;
        if ![SUCCESS, SIZE_LIMIT].contains(&found.1.rc) {
            return Err(DirectoryError::Code(found.1.rc));
        }
        let mut entries = found.0.into_iter().filter(|it| !it.is_ref() && !it.is_intermediate());
        let (Some(one), None) = (entries.next(), entries.next()) else { return Ok(None) };
        let entry = SearchEntry::construct(one);
        let person = self.person(&entry)?;
        Ok(Some((Zeroizing::new(entry.dn), person)))
    }

    fn person(&self, entry: &SearchEntry) -> Result<Person, DirectoryError> {
        let values = |name: &str| {
            let mut found = entry.attrs.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            found.next().map(|(_, values)| values.as_slice()).unwrap_or_default()
        };
        let first = |name: &str| values(name).first().cloned();
        let it = self.directory;
        let name = it.subject_attribute.as_str();
        let binary = entry.bin_attrs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let binary = binary.and_then(|(_, values)| values.first());
        let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let subject = first(name).or_else(|| binary.map(hex));
        let subject = subject.filter(|it| !it.is_empty() && it.len() <= SUBJECT_MAX_BYTES);
        Ok(Person {
            subject: subject.ok_or_else(|| DirectoryError::Subject(name.to_owned()))?,
            verified_email: None,
            username: first(it.login_attribute.as_str()),
            display_name: first("displayName").or_else(|| first("cn")),
            groups: it.group_attribute.as_ref().map_or_else(Vec::new, |name| values(name.as_str()).to_vec()),
        })
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
