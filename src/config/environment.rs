//! The environment of the process, read once.
//!
//! Invariant: `std::env` is named in this file only. Values cannot be printed, as any may be a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// The environment variables the process was started with.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process. A variable that is not UTF-8 is left out.
    pub fn of_process() -> Self {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    /// An environment of these variables.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter();
        Self { variables: variables.map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The value of a variable that is set and not empty.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where systemd put the credentials of the unit.
    pub fn credentials_directory(&self) -> Option<&Path> {
        self.find("CREDENTIALS_DIRECTORY").map(Path::new)
    }

    /// The names of the sockets that systemd passed, in the order of their descriptors.
    pub fn socket_names(&self) -> Vec<String> {
        let names = self.find("LISTEN_FDNAMES").unwrap_or_default();
        names.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Whether journald reads what this process writes.
    pub fn under_journald(&self) -> bool {
        self.find("JOURNAL_STREAM").is_some()
    }

    /// Variables whose names start with `prefix` and whose values are not empty, in order.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.variables.keys()).finish()
    }
}
