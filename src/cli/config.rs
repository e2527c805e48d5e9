//! `caspervpn config …`: the boot settings. Policy in the database is `caspervpn settings`.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::{Column, Form};
use crate::config::Settings;

/// What can be done with the boot settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum ConfigVerb {
    /// Say whether the settings can be used, with every fault there is. Nothing is started.
    #[command(
        after_help = "Example:\n  caspervpn config check --config ./new.toml && systemctl reload caspervpn"
    )]
    Check,
    /// Show every setting, its value without secrets, and where it comes from.
    #[command(after_help = "Example:\n  CASPERVPN_LOG__LEVEL=debug caspervpn config show")]
    Show,
}

const ROW: &[Column] = &[("KEY", "/key"), ("VALUE", "/value"), ("SOURCE", "/source")];

impl ConfigVerb {
    /// Does it. The settings were read and checked already.
    pub(super) fn run(self, settings: &Settings, form: Form) -> Result<(), Failure> {
        match self {
            Self::Check => form.done(&json!({ "ok": true }), "the settings are good"),
            Self::Show => form.list(&json!({ "items": rows(settings), "next": null }), ROW),
        }
    }
}

/// Every setting, without secrets.
pub(super) fn rows(settings: &Settings) -> Vec<Value> {
    let row = |it: crate::config::explain::Explained| {
        json!({
            "key": it.key,
            "value": it.value,
            "source": it.source.to_string(),
            "variable": it.variable,
            "help": it.help,
            "reloads": it.live,
        })
    };
    settings.explain().into_iter().map(row).collect()
}
