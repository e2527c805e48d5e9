//! The way to the controller: in this process, or over the wire.
//!
//! Invariant: a link only carries. What an update means is decided in `domain` and done in `reconcile`.

use std::error::Error;

use futures_util::future::BoxFuture;

use crate::domain::message::{Report, Update};

/// How a node hears what it has to be and says how it is. Implementations: direct calls inside the appliance,
/// and HTTP to a controller elsewhere.
pub trait Link: Send + Sync {
    /// Waits until there is something newer than sequence `after`, and gives it. `None`, when the node knows
    /// nothing or has found a gap, gives a snapshot at once.
    ///
    /// Dropping the future loses nothing: the next call names the same sequence again.
    fn next(&self, after: Option<i64>) -> BoxFuture<'_, Result<Update, LinkError>>;

    /// Hands over a report. An error means that it may or may not have arrived; a repeat does no harm.
    fn report(&self, report: Report) -> BoxFuture<'_, Result<(), LinkError>>;

    /// Whether somebody looks at what devices move right now. Then a report comes with each reading of the counters.
    fn is_watched(&self) -> bool {
        false
    }
}

/// The controller could not be asked or told.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct LinkError {
    operation: &'static str,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

impl LinkError {
    /// A failure of `operation`, such as "ask the controller for the desired state".
    pub fn new(operation: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, cause: cause.into() }
    }
}
