//! What a supervised task may return.

use std::error::Error;
use std::fmt;

use crate::telemetry::chain::chain;

/// Why a task failed: its error with every cause, as text.
#[derive(Debug, Clone)]
pub struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The result of a task: nothing, or nothing unless an error.
pub trait Outcome: Send {
    /// Success, or the error with its causes.
    fn outcome(self) -> Result<(), Cause>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), Cause> {
        Ok(())
    }
}

impl<E: Error + Send + 'static> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), Cause> {
        self.map_err(|error| Cause(chain(&error).to_string()))
    }
}
