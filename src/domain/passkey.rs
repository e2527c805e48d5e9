//! Passkeys: key pairs in people's devices, of which the service knows the public half.

use crate::domain::id::{PasskeyId, UserId};
use crate::domain::name::PasskeyName;
use crate::domain::time::Timestamp;

/// A passkey's row, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Names the passkey.
    pub id: PasskeyId,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: PasskeyName,
    /// By what its authenticator knows it.
    pub credential_id: Vec<u8>,
    /// The public key and what was seen of it, as the WebAuthn ceremonies write it.
    pub credential: String,
    /// How often it has signed, where its authenticator counts; else 0.
    pub counter: i64,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last signed in.
    pub last_used_at: Option<Timestamp>,
}
