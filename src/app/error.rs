//! Why a use case did not do what was asked, in words for whoever asked.
//!
//! Invariant: nothing here knows HTTP, and only `Internal` hides its cause from the caller.

use std::time::Duration;

use crate::domain::access::Action;
use crate::domain::page::CursorError;
use crate::store::error::{Constraint, ErrorKind, StoreError};

/// What every use case returns.
pub type Result<T, E = AppError> = std::result::Result<T, E>;

/// A use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The thing is not there, or not for this actor to know of.
    #[error("there is no such {noun}")]
    NotFound {
        /// What was looked for.
        noun: &'static str,
    },
    /// The actor may see the thing but not do this to it.
    #[error("{why}")]
    Forbidden {
        /// What was asked.
        action: Action,
        /// What the actor lacks.
        why: &'static str,
    },
    /// The session's user has not proved enough for this.
    #[error("{why}")]
    Unproven {
        /// A word for programs.
        code: &'static str,
        /// What to do.
        why: &'static str,
    },
    /// Nobody is signed in, or the proof is no longer good.
    #[error("{why}")]
    Unauthenticated {
        /// What to do.
        why: &'static str,
    },
    /// Fields that break a rule only the service can check.
    #[error("the request breaks {} of the service's rules", faults.len())]
    Invalid {
        /// Each with its place.
        faults: Vec<Fault>,
    },
    /// The state of things does not allow it.
    #[error("{detail}")]
    Conflict {
        /// A word for programs.
        code: &'static str,
        /// A sentence for people.
        detail: String,
        /// The field that is in the way, as a JSON pointer.
        pointer: Option<&'static str>,
    },
    /// The thing has changed since the caller read it.
    #[error("the {noun} was changed by somebody else since it was read; read it again and repeat the change")]
    Stale {
        /// What was changed.
        noun: &'static str,
    },
    /// Too many tries.
    #[error("too many attempts; try again in {} s", retry_after.as_secs())]
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The service has no room for this now.
    #[error("{why}")]
    Busy {
        /// What is busy.
        why: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// Something outside the request failed; the log has the cause.
    #[error("{operation} failed")]
    Internal {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer into the request's body.
    pub pointer: String,
    /// The rule and what is wrong.
    pub detail: String,
}

/// How long a caller should leave a busy database alone.
const DATABASE_RETRY: Duration = Duration::from_secs(1);

impl AppError {
    /// The thing is not there.
    pub const fn not_found(noun: &'static str) -> Self {
        Self::NotFound { noun }
    }

    /// One field breaks a rule.
    pub fn invalid(pointer: &str, detail: impl ToString) -> Self {
        Self::Invalid { faults: vec![Fault { pointer: pointer.to_owned(), detail: detail.to_string() }] }
    }

    /// The state of things does not allow it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into(), pointer: None }
    }

    /// A value that must be unique is not.
    pub fn taken(pointer: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code: "taken", detail: detail.into(), pointer: Some(pointer) }
    }

    /// Wraps a failure nobody could foresee.
    pub fn broken<E: std::error::Error + Send + Sync + 'static>(
        operation: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |cause| Self::Internal { operation, cause: Box::new(cause) }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            ErrorKind::Conflict(constraint) => conflict(constraint, error),
            ErrorKind::NotFound => Self::NotFound { noun: "row" },
            ErrorKind::Stale => Self::Stale { noun: "row" },
            ErrorKind::Busy | ErrorKind::Unavailable | ErrorKind::TooLong => {
                Self::Busy { why: "the database is busy or away; try again", retry_after: DATABASE_RETRY }
            }
            ErrorKind::Full => Self::Busy {
                why: "the server's disk is full, so nothing can be saved; the operator has to free space",
                retry_after: Duration::from_secs(30),
            },
            ErrorKind::ReadOnly => Self::Busy {
                why: "the server's database is read-only, so nothing can be saved; the operator has to check the data directory",
                retry_after: Duration::from_secs(30),
            },
            ErrorKind::BadCursor => Self::Invalid {
                faults: vec![Fault { pointer: "/after".to_owned(), detail: CursorError.to_string() }],
            },
            ErrorKind::Exhausted => Self::conflict(
                "pool_exhausted",
                "every address of the network is taken; delete devices, or make another network with a larger pool",
            ),
            ErrorKind::Corrupt | ErrorKind::Unreadable | ErrorKind::Broken | ErrorKind::Refused => {
                Self::Internal { operation: "the database call", cause: Box::new(error) }
            }
        }
    }
}

fn conflict(constraint: Constraint, error: StoreError) -> AppError {
    match constraint {
        Constraint::UserLogin => AppError::taken("/login", "another user has this login"),
        Constraint::NetworkName => AppError::taken("/name", "another network has this name"),
        Constraint::NodeName => AppError::taken("/name", "another node has this name"),
        Constraint::NodeNetwork => AppError::taken("/network_id", "the node is already in this network"),
        Constraint::NodeListenPort => {
            AppError::taken("/listen_port", "another network of this node listens on this port")
        }
        Constraint::NodeInterface => AppError::conflict("taken", "the node has an interface of this name"),
        Constraint::DeviceName => AppError::taken("/name", "this user has a device of this name"),
        Constraint::DevicePublicKey => AppError::taken(
            "/public_key",
            "another device has this public key, or had it before it was deleted; make a new key pair",
        ),
        Constraint::PasskeyCredential => {
            AppError::conflict("passkey_known", "this passkey belongs to an account already")
        }
        Constraint::DeviceIpv4 | Constraint::DeviceIpv6 => {
            AppError::conflict("address_taken", "another device has this address")
        }
        Constraint::IdempotencyKey => AppError::Busy {
            why: "a request with the same Idempotency-Key is being worked on; try again",
            retry_after: DATABASE_RETRY,
        },
        Constraint::Reference => {
            AppError::conflict("in_use", "another thing refers to this one, or what it refers to is gone")
        }
        Constraint::ProviderName => AppError::taken("/name", "another identity provider has this name"),
        Constraint::ExternalIdentity => AppError::conflict(
            "identity_taken",
            "this person at the identity provider is linked to an account already",
        ),
        Constraint::ProviderAccount => AppError::conflict(
            "identity_limit",
            "this account is linked to somebody at this identity provider already; remove that link first",
        ),
        Constraint::SessionToken
        | Constraint::ApiToken
        | Constraint::ChallengeToken
        | Constraint::LinkToken
        | Constraint::JoinToken
        | Constraint::Id
        | Constraint::Check
        | Constraint::Other => AppError::Internal { operation: "the database call", cause: Box::new(error) },
    }
}
