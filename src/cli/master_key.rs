//! `caspervpn master-key …`: the key that seals every secret in the database.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;

/// What can be done with the master key.
#[derive(Debug, Subcommand)]
pub(super) enum MasterKeyVerb {
    /// Show which keys there are, by their ids, and how many values are not sealed with the current one yet.
    #[command(after_help = "Example:\n  caspervpn master-key show")]
    Show,
    /// Make another key and seal everything anew with it, while the service goes on.
    ///
    /// Copy the new key file off this machine afterwards: without it no backup from now on can be read. Backups from
    /// before take the old key, whose file stays beside the new one.
    #[command(after_help = "Example:\n  sudo caspervpn master-key rotate && sudo caspervpn master-key show")]
    Rotate,
}

const KEY: &str = "/api/v1/master-key";

const ROW: &[Column] = &[("KEY", "/id"), ("DOES", "/does"), ("FROM", "/place")];

impl MasterKeyVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let keys = on.client.get(KEY).await?.body;
                if on.form.is_json() {
                    return on.form.list(&keys, ROW);
                }
                on.form.list(&rows(&keys), ROW)?;
                let outstanding = &keys["outstanding"];
                if outstanding != 0 {
                    note(&format!("{outstanding} values are not sealed with {} yet", text(&keys["id"])));
                }
                Ok(())
            }
            Self::Rotate => {
                let keys = on.client.post(&format!("{KEY}/rotate"), None).await?.body;
                let (id, place) = (text(&keys["id"]), text(&keys["place"]));
                let done = format!("master key {id} seals from now on; copy {place} off this machine");
                on.form.done(&keys, &done)
            }
        }
    }
}

fn rows(keys: &Value) -> Value {
    let current = json!({ "id": keys["id"], "does": "seals", "place": keys["place"] });
    let previous = keys["previous"].as_array().cloned().unwrap_or_default();
    let previous = previous.into_iter().map(|id| json!({ "id": id, "does": "opens", "place": null }));
    std::iter::once(current).chain(previous).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
