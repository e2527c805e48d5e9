//! Letters and how they leave. Invariant: the only place that names the mail library.
//!
//! Must never: log a letter, a name or an address. What is worth telling is told by codes and by the server's words.

pub mod letter;
pub mod smtp;

mod words;
