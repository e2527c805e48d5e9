//! Puts the layers on top of each other and finds every fault on the way.

use std::path::{Path, PathBuf};

use crate::config::environment::Environment;
use crate::config::fault::{ConfigError, Fault, Source};
use crate::config::nearest::nearest;
use crate::config::setting::Raw;
use crate::config::{Settings, check, file, keys_of};

/// What the command line gives.
#[derive(Debug, Clone, Default)]
pub struct Args {
    /// The file named by `--config`.
    pub config: Option<PathBuf>,
    /// The environment.
    pub environment: Environment,
    flags: Vec<Flag>,
}

#[derive(Debug, Clone)]
struct Flag {
    name: String,
    key: String,
    value: Option<String>,
}

/// One value, and where it was written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: Source,
    pub(super) section: String,
    pub(super) key: String,
    pub(super) raw: Raw,
}

impl Args {
    /// No flags, in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { config: None, environment, flags: Vec::new() }
    }

    /// The file to read instead of the usual one.
    #[must_use]
    pub fn with_config(mut self, path: Option<PathBuf>) -> Self {
        self.config = path;
        self
    }

    /// What followed a `--set`: `section.key=value`.
    #[must_use]
    pub fn with_set(mut self, assignment: &str) -> Self {
        let (key, value) = match assignment.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (assignment, None),
        };
        self.flags.push(Flag { name: format!("--set {key}"), key: key.to_owned(), value });
        self
    }

    /// A flag with a name of its own, such as `--data-dir` for `server.data_dir`.
    #[must_use]
    pub fn with_flag(mut self, name: &str, key: &str, value: impl Into<String>) -> Self {
        self.flags.push(Flag { name: name.to_owned(), key: key.to_owned(), value: Some(value.into()) });
        self
    }
}

impl Settings {
    /// Reads and checks everything. Nothing is opened, bound or made.
    ///
    /// # Errors
    /// Every fault that there is, not only the first.
    pub fn load(args: &Args) -> Result<Self, ConfigError> {
        let mut settings = Self { environment: args.environment.clone(), ..Self::default() };
        let named = args.config.clone().or_else(|| args.environment.find(CONFIG_VARIABLE).map(PathBuf::from));
        let path = named.as_deref().unwrap_or(Path::new(USUAL_FILE));
        let contents = file::read(path, named.is_some());
        let mut faults = contents.faults;
        let mut entries = contents.entries;
        entries.extend(variables(&settings, &args.environment, &mut faults));
        entries.extend(args.flags.iter().filter_map(|flag| flag.entry(&mut faults)));
        for entry in entries {
            settings.apply(entry, &mut faults);
        }
        settings.settle_paths();
        check::all(&settings, contents.exposed_mode, &mut faults);
        faults.sort();
        if faults.is_empty() { Ok(settings) } else { Err(ConfigError { faults }) }
    }

    fn apply(&mut self, entry: Entry, faults: &mut Vec<Fault>) {
        let Entry { source, section: name, key, raw } = entry;
        let path = format!("{name}.{key}");
        let known = keys_of(self).into_iter().any(|(known, _)| known == path);
        let Some(section) = self.section_mut(&name) else {
            let message = self.unknown(&name, &key);
            faults.push(Fault { source, key: String::new(), message });
            return;
        };
        if key.is_empty() {
            return;
        }
        if !known {
            let message = self.unknown(&name, &key);
            faults.push(Fault { source, key: String::new(), message });
            return;
        }
        match section.set(&key, &raw) {
            Ok(()) => {
                self.sources.insert(path, source);
            }
            Err(message) => faults.push(Fault { source, key: path, message }),
        }
    }

    /// Says that there is no such section or key, and what may have been meant.
    fn unknown(&self, section: &str, key: &str) -> String {
        let sections: Vec<_> = self.sections().iter().map(|section| section.name()).collect();
        let keys = keys_of(self);
        let in_section =
            |(path, _): &(String, _)| path.split_once('.').is_some_and(|(name, _)| name == section);
        let paths: Vec<&str> = keys.iter().map(|(path, _)| path.as_str()).collect();
        let elsewhere = keys.iter().find(|(_, known)| known.name == key).map(|(path, _)| path.as_str());
        if !sections.contains(&section) {
            let near = nearest(section, sections.iter().copied());
            return match (near, elsewhere) {
                (Some(near), _) => format!("there is no section [{section}]; did you mean [{near}]?"),
                (None, Some(path)) => format!("there is no section [{section}]; did you mean {path}?"),
                (None, None) => {
                    format!("there is no section [{section}]; there are {}", sections.join(", "))
                }
            };
        }
        let mine: Vec<&str> =
            keys.iter().filter(|entry| in_section(entry)).map(|(_, key)| key.name).collect();
        let path = format!("{section}.{key}");
        match (nearest(key, mine.iter().copied()), elsewhere.or_else(|| nearest(&path, paths))) {
            (Some(near), _) => format!("there is no key {path}; did you mean {section}.{near}?"),
            (None, Some(near)) => format!("there is no key {path}; did you mean {near}?"),
            (None, None) => format!("there is no key {path}; [{section}] has {}", mine.join(", ")),
        }
    }

    /// Lets relative paths start at the data directory.
    fn settle_paths(&mut self) {
        let data_dir = self.server.data_dir.clone();
        self.database.url.inside(&data_dir);
        for address in self.listen.all_mut() {
            address.inside(&data_dir);
        }
    }
}

impl Flag {
    fn entry(&self, faults: &mut Vec<Fault>) -> Option<Entry> {
        let source = Source::Flag(self.name.clone());
        let (Some((section, key)), Some(value)) = (self.key.split_once('.'), &self.value) else {
            let message = "write --set section.key=value".to_owned();
            faults.push(Fault { source, key: String::new(), message });
            return None;
        };
        Some(Entry { source, section: section.into(), key: key.into(), raw: Raw::Text(value.clone()) })
    }
}

/// The variables that are settings. One that lacks only an underscore is a fault, as it would be ignored in silence.
fn variables(settings: &Settings, environment: &Environment, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let known: Vec<_> = keys_of(settings).into_iter().map(|(path, _)| variable(&path)).collect();
    let mut entries = Vec::new();
    for (name, value) in environment.with_prefix(PREFIX) {
        let source = Source::Variable(name.to_owned());
        if let Some((section, key)) = name[PREFIX.len()..].split_once("__") {
            entries.push(Entry {
                source,
                section: section.to_lowercase(),
                key: key.to_lowercase(),
                raw: Raw::Text(value.to_owned()),
            });
        } else if let Some(meant) = known.iter().find(|known| known.replace("__", "_") == name) {
            let message = format!("this variable means nothing; write {meant}");
            faults.push(Fault { source, key: String::new(), message });
        }
    }
    entries
}

/// The variable that sets `section.key`.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replacen('.', "__", 1).to_uppercase())
}

/// Where the file usually is. It may be missing there.
pub const USUAL_FILE: &str = "/etc/caspervpn/caspervpn.toml";

/// Names the file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "CASPERVPN_CONFIG";

const PREFIX: &str = "CASPERVPN_";
