//! What the settings are, where each comes from, and what a reload can change.

use crate::config::fault::Source;
use crate::config::load::variable;
use crate::config::section::Section;
use crate::config::{Settings, keys_of};

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `section.key`.
    pub key: String,
    /// The value without secrets.
    pub value: String,
    /// Where it was written.
    pub source: Source,
    /// The environment variable that sets it.
    pub variable: String,
    /// What it is for.
    pub help: String,
    /// Whether a reload applies a change of it.
    pub live: bool,
}

/// What differs between two settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReloadDiff {
    /// Keys that the reload applies.
    pub applied: Vec<String>,
    /// Keys that stay as they were until a restart.
    pub needs_restart: Vec<String>,
}

impl ReloadDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.needs_restart.is_empty()
    }
}

impl Settings {
    /// Every key with its value and its source, in the order of the documentation.
    pub fn explain(&self) -> Vec<Explained> {
        let explain = |(key, known): (String, &'static crate::config::section::Key)| {
            let docs: Vec<_> = known.docs.iter().map(|line| line.trim()).collect();
            Explained {
                value: self.show(&key),
                source: self.source(&key).clone(),
                variable: variable(&key),
                help: docs.join(" "),
                live: known.live,
                key,
            }
        };
        keys_of(self).into_iter().map(explain).collect()
    }

    /// Says what a reload from `old` to `new` does and what it leaves for a restart.
    pub fn reload_diff(old: &Self, new: &Self) -> ReloadDiff {
        let mut diff = ReloadDiff::default();
        for (key, known) in keys_of(new) {
            let (section, name) = key.split_once('.').unwrap_or((&key, ""));
            if !old.differs(new, section, name) {
                continue;
            }
            let list = if known.live { &mut diff.applied } else { &mut diff.needs_restart };
            list.push(key);
        }
        diff
    }

    /// The new settings as far as a reload can apply them: live keys from `new`, the others as they were.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> Self {
        let mut next = self.clone();
        next.log.level.clone_from(&new.log.level);
        next.tls.certificates.clone_from(&new.tls.certificates);
        next.limits.handshake_timeout_s = new.limits.handshake_timeout_s;
        next.limits.header_timeout_s = new.limits.header_timeout_s;
        next.limits.idle_timeout_s = new.limits.idle_timeout_s;
        next.limits.connection_age_s = new.limits.connection_age_s;
        next.limits.drain_s = new.limits.drain_s;
        next.limits.connections = new.limits.connections;
        next.limits.connections_per_address = new.limits.connections_per_address;
        for (key, known) in keys_of(new) {
            if known.live {
                next.sources.insert(key.clone(), new.source(&key).clone());
            }
        }
        next
    }

    fn show(&self, key: &str) -> String {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        self.section(section).map(|section| section.show(name)).unwrap_or_default()
    }

    /// Compares what would be shown, and where a secret is hidden there, the whole section.
    fn differs(&self, new: &Self, section: &str, name: &str) -> bool {
        let shown = |settings: &Self| settings.section(section).map(|section| section.show(name));
        let hidden = match (section, name) {
            ("database", "url") => self.database.url != new.database.url,
            ("database", "direct_url") => self.database.direct_url != new.database.direct_url,
            _ => false,
        };
        hidden || shown(self) != shown(new)
    }

    fn section(&self, name: &str) -> Option<&dyn Section> {
        self.sections().into_iter().find(|section| section.name() == name)
    }
}
