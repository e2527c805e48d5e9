//! `caspervpn audit …`: who did what, and whether that is still what was written down.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::device::user_id;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::{PageArgs, query};

/// What can be done with the audit.
#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// List events, newest first.
    #[command(after_help = "Example:\n  caspervpn audit list --action device_delete --actor ada")]
    List {
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        which: Which,
    },
    /// Write events out as JSON lines, oldest first.
    #[command(
        after_help = "Example:\n  caspervpn audit export --from 2027-01-01T00:00:00Z --file audit.jsonl"
    )]
    Export {
        #[command(flatten)]
        which: Which,
        /// Only events from this time on.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Only events before this time.
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Write to this new file instead of standard output. Only you can read it.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Check that no event was changed, removed, put in or moved since it was sealed, and name the first that was.
    ///
    /// Ends with 1 where something is wrong. Keep the digest it prints elsewhere: given back with --expect, it shows that
    /// the end of the audit was not cut off and the whole not replaced.
    #[command(
        after_help = "Example:\n  caspervpn audit verify --expect 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Verify {
        /// The digest that an earlier check printed.
        #[arg(long, value_name = "DIGEST")]
        expect: Option<String>,
    },
}

/// Which events.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Only what this user did: a login or an id.
    #[arg(long, value_name = "USER")]
    actor: Option<String>,
    /// Only acts of this name, which is an operation's id in the API.
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to the thing of this id.
    #[arg(long, value_name = "ID")]
    target: Option<String>,
}

const ROW: &[Column] = &[
    ("AT", "/at"),
    ("ACTOR", "/actor_kind"),
    ("USER", "/actor_id"),
    ("API TOKEN", "/api_token_id"),
    ("ACTION", "/action"),
    ("OUTCOME", "/outcome"),
    ("TARGET", "/target_kind"),
    ("TARGET ID", "/target_id"),
];

impl AuditVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page, which } => {
                let filters = which.filters(on).await?;
                on.form.list(&page.read(&on.client, "/api/v1/audit", &filters).await?, ROW)
            }
            Self::Export { which, from, to, file } => {
                let mut filters = which.filters(on).await?.to_vec();
                filters.extend([("from", from), ("to", to)]);
                export(&query("/api/v1/audit/export", &filters), file, on).await
            }
            Self::Verify { expect } => verify(expect, on).await,
        }
    }
}

impl Which {
    async fn filters(self, on: &Asked) -> Result<[(&'static str, Option<String>); 3], Failure> {
        let actor = user_id(&self.actor, on).await?;
        Ok([("actor_id", actor), ("action", self.action), ("target_id", self.target)])
    }
}

async fn export(path: &str, file: Option<PathBuf>, on: &Asked) -> Result<(), Failure> {
    let Some(file) = file else {
        let mut out = io::stdout().lock();
        return match on.client.pour(path, |bytes| out.write_all(bytes)).await {
            Err(cause) if cause.is_closed_pipe() => Ok(()),
            other => other.map_err(Failure::from),
        };
    };
    let mut out = new_file(&file).map_err(Failure::file("make", &file))?;
    on.client.pour(path, |bytes| out.write_all(bytes)).await?;
    out.sync_all().map_err(Failure::file("write", &file))
}

fn new_file(path: &PathBuf) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Asks for part after part, as one answer checks for some seconds only.
async fn verify(expect: Option<String>, on: &Asked) -> Result<(), Failure> {
    let mut whole = Value::Null;
    let mut after: Option<String> = None;
    loop {
        let parameters = [("after", after.take()), ("expect", expect.clone())];
        let part = on.client.get(&query("/api/v1/audit/verify", &parameters)).await?.body;
        let more = part.get("more").and_then(Value::as_bool) == Some(true);
        whole = joined(&whole, part);
        match whole.get("checked_to").and_then(Value::as_i64) {
            Some(number) if more => after = Some(number.to_string()),
            Some(_) | None => break,
        }
    }
    let intact = whole.get("intact").and_then(Value::as_bool) == Some(true);
    on.form.done(&whole, &told(&whole))?;
    if intact { Ok(()) } else { Err(Failure::Answered) }
}

/// A part of a check after the parts before it: counts add up, the rest is as it is now.
fn joined(before: &Value, mut part: Value) -> Value {
    for count in ["segments", "pruned_segments", "events"] {
        let sum =
            [before, &part].map(|it| it.get(count).and_then(Value::as_u64).unwrap_or(0)).iter().sum::<u64>();
        part[count] = json!(sum);
    }
    for last in ["checked_to", "digest"] {
        if part.get(last).is_none_or(Value::is_null) {
            part[last] = before.get(last).cloned().unwrap_or(Value::Null);
        }
    }
    part
}

fn told(found: &Value) -> String {
    let count = |key: &str| found.get(key).and_then(Value::as_u64).unwrap_or(0);
    if let Some(fault) = found.pointer("/fault/detail").and_then(Value::as_str) {
        let before = count("segments");
        return format!(
            "The audit is NOT as it was sealed: {fault}.\nThe check ended there; the {before} segments before are good."
        );
    }
    let checked = format!(
        "{} events in {} segments were checked ({} of them hold digests alone); {} events are not sealed yet",
        count("events"),
        count("segments"),
        count("pruned_segments"),
        count("unsealed_events"),
    );
    match found.get("digest").and_then(Value::as_str) {
        Some(digest) => {
            format!("The audit is as it was sealed. {checked}.\nNewest digest, to keep elsewhere: {digest}")
        }
        None => format!("Nothing of the audit is sealed yet. {checked}."),
    }
}

#[cfg(test)]
mod tests {
    use super::{joined, told};
    use serde_json::{Value, json};

    #[test]
    fn parts_of_a_check_add_up() {
        let one = json!({ "segments": 2, "events": 5, "pruned_segments": 1, "checked_to": 2, "digest": "aa", "more": true });
        let other = json!({ "segments": 1, "events": 1, "pruned_segments": 0, "checked_to": 3, "digest": "bb", "unsealed_events": 4 });

        let whole = joined(&joined(&Value::Null, one), other);

        assert_eq!(
            told(&whole),
            "The audit is as it was sealed. 6 events in 3 segments were checked (1 of them hold digests alone); \
             4 events are not sealed yet.\nNewest digest, to keep elsewhere: bb"
        );
    }

    #[test]
    fn a_fault_is_told_first() {
        let found = json!({ "fault": { "detail": "segment 3 was removed" } });

        assert!(told(&found).starts_with("The audit is NOT as it was sealed: segment 3 was removed."));
    }
}
