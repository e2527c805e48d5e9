//! What moved by day: of everything, a network, a user or a device.

use serde_json::json;

use crate::cli::Asked;
use crate::cli::device::{network_id, user_id};
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::query;
use crate::cli::value::Day;

/// Whose traffic of which days.
#[derive(Debug, clap::Args)]
pub(super) struct UsageArgs {
    /// Only that of this user's devices: a login or an id.
    #[arg(long)]
    user: Option<String>,
    /// Only that in this network: a name or an id.
    #[arg(long)]
    network: Option<String>,
    #[command(flatten)]
    days: DaysArgs,
}

/// Which days.
#[derive(Debug, clap::Args)]
pub(super) struct DaysArgs {
    /// The first day; 30 days before the last one where it is left out.
    #[arg(long, value_name = "DATE")]
    from: Option<Day>,
    /// The last day; today in UTC where it is left out.
    #[arg(long, value_name = "DATE")]
    to: Option<Day>,
}

const DAY: &[Column] = &[("DAY", "/date"), ("RX", "/rx_bytes"), ("TX", "/tx_bytes")];

/// Days that are shown when nothing else is said.
const USUAL_DAYS: u32 = 30;

impl UsageArgs {
    /// Prints it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        let whose = [
            ("user_id", user_id(&self.user, on).await?),
            ("network_id", network_id(&self.network, on).await?),
        ];
        self.days.print("/api/v1/usage", &whose, on).await
    }
}

impl DaysArgs {
    /// Prints the days that a path answers.
    pub(super) async fn print(
        self,
        path: &str,
        whose: &[(&str, Option<String>)],
        on: &Asked,
    ) -> Result<(), Failure> {
        let to = self.to.unwrap_or_else(|| Day::of(on.clock.now()));
        let from = self.from.unwrap_or_else(|| to.before(USUAL_DAYS));
        let days = [("from", Some(from.to_string())), ("to", Some(to.to_string()))];
        let answer = on.client.get(&query(path, &[&days[..], whose].concat())).await?.body;
        let rows = json!({ "items": answer.get("days") });
        if on.form.is_json() { on.form.one(&answer, DAY) } else { on.form.list(&rows, DAY) }
    }
}
