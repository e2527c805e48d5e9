//! Asks servers that keep secrets: HashiCorp Vault and AWS Secrets Manager.
//!
//! Invariant: no secret and nothing that a server said is in an error; only what kind of trouble it is, and where.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use ipnet::IpNet;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::aws::Aws;
use crate::config::vault::Vault;
use crate::domain::outgoing::{AllowedNets, Target, TargetError};
use crate::domain::secret_reference::SecretReference;
use crate::domain::time::Timestamp;
use crate::secrets::reference::{ResolveError, Sources, resolve};
use crate::secrets::{aws_sm, vault};
use crate::tls::outgoing::{Client, Limits, OutgoingError};
use crate::tls::trust::TrustError;

/// Where any secret is looked up.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    /// On this machine.
    pub local: Sources<'a>,
    /// In Vault.
    pub vault: &'a Vault,
    /// In AWS.
    pub aws: &'a Aws,
    /// The time, which a request to AWS is signed with.
    pub now: Timestamp,
}

/// Fetches the secret a reference names, wherever that is.
///
/// # Errors
/// [`FetchError`], which names the reference and never the value.
pub async fn fetch(reference: &SecretReference, places: Places<'_>) -> Result<Zeroizing<String>, FetchError> {
    let fetched = match reference {
        SecretReference::Vault(path, field) => vault::fetch(path, field, places).await,
        SecretReference::AwsSm(name, field) => aws_sm::fetch(name, field.as_ref(), places).await,
        SecretReference::Env(_) | SecretReference::File(_) | SecretReference::Credential(_) => {
            return Ok(resolve(reference, places.local)?);
        }
    };
    match fetched {
        Ok(secret) if !secret.is_empty() => Ok(secret),
        Ok(_) => Err(ResolveError::Empty { reference: reference.clone() }.into()),
        Err(cause) => Err(FetchError::Store { reference: reference.clone(), cause }),
    }
}

/// Why a secret could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// One of this machine.
    #[error(transparent)]
    Local(#[from] ResolveError),
    /// One of a server.
    #[error("cannot fetch {reference}")]
    Store {
        /// The reference.
        reference: SecretReference,
        /// Why.
        #[source]
        cause: StoreError,
    },
}

impl FetchError {
    /// Whether it may work later, without anybody's doing here.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Store { cause, .. } => match cause {
                StoreError::Call(cause) => match cause {
                    OutgoingError::Resolve { .. }
                    | OutgoingError::TooSlow { .. }
                    | OutgoingError::Failed { .. } => true,
                    OutgoingError::Target(_) | OutgoingError::TooLarge { .. } => false,
                },
                StoreError::Away { .. } => true,
                StoreError::Unset { .. }
                | StoreError::Local(_)
                | StoreError::Ca { .. }
                | StoreError::Trust(_)
                | StoreError::Refused { .. }
                | StoreError::NotThere { .. }
                | StoreError::NoField { .. }
                | StoreError::Strange { .. }
                | StoreError::Sign => false,
            },
        }
    }
}

/// Why a server gave no secret.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A setting is missing.
    #[error("the setting {key} is not there, and asking takes it")]
    Unset {
        /// The setting.
        key: &'static str,
    },
    /// What it takes to sign in could not be read.
    #[error("cannot sign in")]
    Local(#[source] ResolveError),
    /// The authority's file.
    #[error("read the certificates in {}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The authority itself.
    #[error("trust the authority of vault.ca_file")]
    Trust(#[source] TrustError),
    /// No answer.
    #[error(transparent)]
    Call(OutgoingError),
    /// The server is there and cannot serve now.
    #[error("{host} answered {status}: it is sealed, busy or out of order")]
    Away {
        /// Who.
        host: String,
        /// What it said.
        status: StatusCode,
    },
    /// The server said no.
    #[error("{host} answered {status} to {what}; check what it was asked with and what it allows")]
    Refused {
        /// Who.
        host: String,
        /// What it said.
        status: StatusCode,
        /// To what.
        what: &'static str,
    },
    /// No such secret.
    #[error("{host} has no such secret, or its newest version was deleted")]
    NotThere {
        /// Who.
        host: String,
    },
    /// The secret has no such field.
    #[error("the secret has no field {field} that is a text")]
    NoField {
        /// The field.
        field: String,
    },
    /// Not what such a server answers.
    #[error("{host} answered with something that is no secret; is the address right?")]
    Strange {
        /// Who.
        host: String,
    },
    /// The request could not be signed.
    #[error("cannot sign the request; is the access key right?")]
    Sign,
}

/// A server that keeps secrets.
pub(super) struct Server {
    client: Client,
    allowed: AllowedNets,
    host: String,
}

/// Short enough that a start with a store that is away fails before systemd loses its patience.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), response_bytes: 256 * 1024 };

impl Server {
    /// A server at an address that the operator wrote into the settings: exactly that host may be a private one.
    pub(super) async fn at(address: &str, ca_file: Option<&PathBuf>) -> Result<Self, StoreError> {
        let target = Target::http(address).map_err(|cause| StoreError::Call(OutgoingError::Target(cause)))?;
        let pem = ca_file
            .map(|path| fs::read(path).map_err(|cause| StoreError::Ca { path: path.clone(), cause }))
            .transpose()?;
        let client = Client::new(pem.as_deref(), LIMITS).map_err(StoreError::Trust)?;
        Ok(Self { client, allowed: allowed(&target).await?, host: target.host() })
    }

    /// Asks, and reads the JSON of an answer that is one. `what` is what a refusal is about.
    pub(super) async fn ask(
        &self,
        request: Request<Vec<u8>>,
        what: &'static str,
    ) -> Result<Value, StoreError> {
        let answer = self.send(request).await?;
        match answer.status() {
            StatusCode::OK => self.read(&answer),
            StatusCode::NOT_FOUND => Err(StoreError::NotThere { host: self.host.clone() }),
            status if is_away(status) => Err(StoreError::Away { host: self.host.clone(), status }),
            status => Err(self.refused(status, what)),
        }
    }

    /// Asks, and gives any answer.
    pub(super) async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, StoreError> {
        self.client.send(&self.allowed, request).await.map_err(StoreError::Call)
    }

    pub(super) fn read(&self, answer: &Response<Vec<u8>>) -> Result<Value, StoreError> {
        serde_json::from_slice(answer.body()).map_err(|_| self.strange())
    }

    pub(super) fn strange(&self) -> StoreError {
        StoreError::Strange { host: self.host.clone() }
    }

    pub(super) fn refused(&self, status: StatusCode, what: &'static str) -> StoreError {
        StoreError::Refused { host: self.host.clone(), status, what }
    }

    pub(super) fn not_there(&self) -> StoreError {
        StoreError::NotThere { host: self.host.clone() }
    }

    pub(super) fn away(&self, status: StatusCode) -> StoreError {
        StoreError::Away { host: self.host.clone(), status }
    }
}

/// A server that will answer later. Vault's standbys say 429, 472 and 473.
pub(super) fn is_away(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 429 | 472 | 473)
}

/// The addresses of that host. Without encryption only those of one's own networks: a token goes to nobody else so.
async fn allowed(target: &Target) -> Result<AllowedNets, StoreError> {
    let addresses: Vec<IpAddr> = match target.address() {
        Some(address) => vec![address],
        None => {
            let found =
                tokio::time::timeout(LIMITS.connect, tokio::net::lookup_host((target.host(), target.port())));
            let slow = |_| OutgoingError::TooSlow { host: target.host(), total: LIMITS.connect };
            let failed = |cause| OutgoingError::Resolve { host: target.host(), cause };
            let found = found.await.map_err(slow).map_err(StoreError::Call)?;
            found.map_err(failed).map_err(StoreError::Call)?.map(|address| address.ip()).collect()
        }
    };
    let trusted = addresses.into_iter().filter(|address| target.is_encrypted() || is_own(*address));
    let nets: Vec<IpNet> = trusted.take(AllowedNets::MOST).map(IpNet::from).collect();
    AllowedNets::try_from(nets).map_err(|_| StoreError::Call(OutgoingError::Target(TargetError::NoAddress)))
}

fn is_own(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
