//! Boot settings: what the process must know before it can open its database.
//!
//! Layers, later ones win: defaults, the file (`/etc/caspervpn/caspervpn.toml`, or the one named by `--config` or
//! `CASPERVPN_CONFIG`), environment variables named `CASPERVPN_SECTION__KEY` (two underscores between section and
//! key), flags (`--set section.key=value` and a few with names of their own). An empty variable counts as unset.
//!
//! Invariants: the only folder that reads the environment. Nothing is resolved here: a secret reference stays the
//! name of a place. Policy (endpoints, DNS, names, quotas) has its home in the database, never here.

#[macro_use]
mod section;

pub mod address;
pub mod api;
pub mod aws;
mod check;
pub mod database;
pub mod environment;
pub mod explain;
pub mod fault;
mod file;
pub mod keys;
pub mod limits;
pub mod listen;
pub mod load;
pub mod log;
pub mod metrics;
mod nearest;
pub mod proxy;
pub mod server;
pub mod setting;
pub mod tls;
pub mod tunnel;
pub mod vault;

use std::collections::BTreeMap;

use crate::config::address::{Address, PageAddress};
use crate::config::api::Api;
use crate::config::aws::Aws;
use crate::config::database::Database;
use crate::config::environment::Environment;
use crate::config::fault::Source;
use crate::config::keys::Keys;
use crate::config::limits::Limits;
use crate::config::listen::Listen;
use crate::config::log::Log;
use crate::config::metrics::Metrics;
use crate::config::proxy::Proxy;
use crate::config::section::{Key, Section};
use crate::config::server::{Role, Server};
use crate::config::tls::Tls;
use crate::config::tunnel::Tunnel;
use crate::config::vault::Vault;

/// Everything the file, the environment and the flags may say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// What this process is.
    pub server: Server,
    /// Where it listens.
    pub listen: Listen,
    /// Who else's pages may use the API.
    pub api: Api,
    /// What it shows of itself there.
    pub tls: Tls,
    /// To whom it passes requests on.
    pub proxy: Proxy,
    /// Where the truth is kept.
    pub database: Database,
    /// How packets are carried.
    pub tunnel: Tunnel,
    /// What is logged, and how.
    pub log: Log,
    /// Who may read the figures.
    pub metrics: Metrics,
    /// How much is allowed.
    pub limits: Limits,
    /// Where the master key is.
    pub keys: Keys,
    /// How HashiCorp Vault is asked for secrets.
    pub vault: Vault,
    /// How AWS Secrets Manager is asked for secrets.
    pub aws: Aws,
    /// The environment the process was started with, for secret references that name a variable.
    pub environment: Environment,
    sources: BTreeMap<String, Source>,
}

impl Settings {
    fn sections(&self) -> [&dyn Section; 13] {
        [
            &self.server,
            &self.listen,
            &self.api,
            &self.tls,
            &self.proxy,
            &self.database,
            &self.tunnel,
            &self.log,
            &self.metrics,
            &self.limits,
            &self.keys,
            &self.vault,
            &self.aws,
        ]
    }

    fn section_mut(&mut self, name: &str) -> Option<&mut dyn Section> {
        let sections: [&mut dyn Section; 13] = [
            &mut self.server,
            &mut self.listen,
            &mut self.api,
            &mut self.tls,
            &mut self.proxy,
            &mut self.database,
            &mut self.tunnel,
            &mut self.log,
            &mut self.metrics,
            &mut self.limits,
            &mut self.keys,
            &mut self.vault,
            &mut self.aws,
        ];
        sections.into_iter().find(|section| section.name() == name)
    }

    /// What this process listens on, with each key. What is served follows the roles: `listen.api` is the role `api`'s,
    /// those for the world the role `edge`'s. Figures and the command line's socket are there whatever the roles are.
    pub fn listeners(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        self.listen.all().filter(|(key, _)| match *key {
            "listen.api" => self.server.has(Role::Api),
            "listen.https" | "listen.http" | "listen.public" => self.server.has(Role::Edge),
            _ => true,
        })
    }

    /// Whether this process passes requests on to others that have the API.
    pub fn is_proxy(&self) -> bool {
        self.server.has(Role::Edge) && !self.server.has(Role::Api)
    }

    /// What this process serves the pages on, the likeliest way in first.
    pub fn page_listeners(&self) -> impl Iterator<Item = PageAddress> {
        let address =
            |wanted| self.listeners().find(move |(key, _)| *key == wanted).map(|(_, it)| it.clone());
        page_addresses(address)
    }

    /// Where the value of `section.key` comes from.
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }
}

/// The listeners that serve the pages, the likeliest way in first; `find` says which of them are open, and where.
pub fn page_addresses(find: impl Fn(&'static str) -> Option<Address>) -> impl Iterator<Item = PageAddress> {
    let pages = ["listen.https", "listen.api", "listen.public", "listen.local"];
    let found = move |key| find(key).map(|address| PageAddress { address, over_tls: key == "listen.https" });
    pages.into_iter().filter_map(found)
}

/// Every `section.key` there is, with what is said about it.
fn keys_of(settings: &Settings) -> Vec<(String, &'static Key)> {
    let sections = settings.sections();
    sections
        .into_iter()
        .flat_map(|section| {
            section.keys().iter().map(|key| (format!("{}.{}", section.name(), key.name), key))
        })
        .collect()
}

#[cfg(test)]
mod tests;
