//! Which part of a list a verb asks for.

use serde_json::{Value, json};

use crate::cli::client::{CallError, Client, encode};

/// Flags of every `list`.
#[derive(Debug, clap::Args)]
pub(super) struct PageArgs {
    /// Words that the thing's names must contain.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Column to sort by; a minus in front turns it round.
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Rows to show, 1 to 200.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: Option<u16>,
    /// Where the last page ended.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Show everything, page after page.
    #[arg(long, conflicts_with_all = ["limit", "after"])]
    all: bool,
}

/// Rows of each page when everything is asked for.
const LARGEST_PAGE: &str = "200";

impl PageArgs {
    /// Reads the part that was asked for. `filters` are query parameters of this list.
    pub(super) async fn read(
        &self,
        client: &Client,
        path: &str,
        filters: &[(&str, Option<String>)],
    ) -> Result<Value, CallError> {
        if !self.all {
            return Ok(client.get(&self.query(path, filters, self.after.as_deref())).await?.body);
        }
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut page = client.get(&self.query(path, filters, after.as_deref())).await?.body;
            if let Some(Value::Array(rows)) = page.get_mut("items").map(Value::take) {
                items.extend(rows);
            }
            after = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() {
                return Ok(json!({ "items": items, "next": null }));
            }
        }
    }

    fn query(&self, path: &str, filters: &[(&str, Option<String>)], after: Option<&str>) -> String {
        let limit = self.limit.map(|rows| rows.to_string());
        let limit = if self.all { Some(LARGEST_PAGE.to_owned()) } else { limit };
        let own = [
            ("q", self.search.clone()),
            ("sort", self.sort.clone()),
            ("limit", limit),
            ("after", after.map(str::to_owned)),
        ];
        query(path, own.iter().chain(filters))
    }
}

/// A path with those parameters that have a value.
pub(super) fn query<'a>(
    path: &str,
    parameters: impl IntoIterator<Item = &'a (&'a str, Option<String>)>,
) -> String {
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn only_parameters_with_a_value_are_sent() {
        let path =
            query("/a", &[("q", Some("my tv".to_owned())), ("sort", None), ("after", Some("x".to_owned()))]);

        assert_eq!(path, "/a?q=my%20tv&after=x");
        assert_eq!(query("/a", &[]), "/a");
    }
}
