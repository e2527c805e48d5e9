//! Prints what verbs have to say: tables for people, JSON for programs.
//!
//! Invariant: a reader that goes away (`| head -1`) is no failure, any other trouble with standard output is one.

use std::io::{self, Write};

use serde_json::Value;

use crate::cli::failure::Failure;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Tables and sentences.
    Text,
    /// The API's own JSON.
    Json,
}

/// A column: its heading and the place of its value, as a JSON pointer. A place that ends with `_bytes` or
/// `_bytes_per_s` is shown in the units people use.
pub(super) type Column = (&'static str, &'static str);

/// A list within an answer, under a title of its own.
#[derive(Debug)]
pub(super) struct Part {
    /// What is said above it.
    pub(super) title: &'static str,
    /// Its place in the answer, as a JSON pointer.
    pub(super) at: &'static str,
    /// Its columns.
    pub(super) columns: &'static [Column],
}

impl Form {
    /// Whether a program reads this.
    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::Json)
    }

    /// Prints a list.
    pub(super) fn list(self, answer: &Value, columns: &[Column]) -> Result<(), Failure> {
        match self {
            Self::Json => self.json(answer),
            Self::Text => {
                let items = answer.get("items").or(Some(answer)).and_then(Value::as_array);
                let mut text = table(items.map_or(&[], Vec::as_slice), columns);
                if let Some(next) = answer.get("next").and_then(Value::as_str) {
                    text.push_str(&format!("… there are more: add --all, or --after {next}\n"));
                }
                put(&text)
            }
        }
    }

    /// Prints one thing.
    pub(super) fn one(self, answer: &Value, columns: &[Column]) -> Result<(), Failure> {
        match self {
            Self::Json => self.json(answer),
            Self::Text => put(&record(answer, columns)),
        }
    }

    /// Prints one thing, then the lists within it that hold anything.
    pub(super) fn parts(self, answer: &Value, columns: &[Column], parts: &[Part]) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(answer);
        }
        let mut text = record(answer, columns);
        for Part { title, at, columns } in parts {
            let items = answer.pointer(at).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if !items.is_empty() {
                text.push_str(&format!("\n{title}\n{}", table(items, columns)));
            }
        }
        put(&text)
    }

    /// Prints a sentence, or the whole answer.
    pub(super) fn done(self, answer: &Value, sentence: &str) -> Result<(), Failure> {
        match self {
            // An act without an answer of its own still answers programs with JSON.
            Self::Json if answer.is_null() => self.json(&Value::Object(serde_json::Map::new())),
            Self::Json => self.json(answer),
            Self::Text => put(&format!("{sentence}\n")),
        }
    }

    /// Prints a text as it is.
    pub(super) fn raw(self, text: &str) -> Result<(), Failure> {
        put(text)
    }

    fn json(self, answer: &Value) -> Result<(), Failure> {
        put(&format!("{answer:#}\n"))
    }
}

fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::terminal("write to standard output")),
    }
}

fn table(items: &[Value], columns: &[Column]) -> String {
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    rows.extend(items.iter().map(|item| columns.iter().map(|(_, at)| cell(item, at)).collect()));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn record(item: &Value, columns: &[Column]) -> String {
    let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    let lines = columns.iter().map(|(heading, at)| {
        let line = format!("{:width$}  {}", heading.to_lowercase(), cell(item, at));
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

fn cell(item: &Value, at: &str) -> String {
    match item.pointer(at) {
        Some(Value::Number(number)) if at.ends_with("_bytes") => {
            number.as_u64().map_or_else(|| number.to_string(), size)
        }
        Some(Value::Number(number)) if at.ends_with("_bytes_per_s") => {
            number.as_u64().map_or_else(|| number.to_string(), |bytes| format!("{}/s", size(bytes)))
        }
        found => plain(found),
    }
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Value::String(text)) => shown(text),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| plain(Some(item))).collect::<Vec<_>>().join(", ")
        }
        Some(Value::Object(_)) => "…".to_owned(),
    }
}

/// A text that others wrote, unable to move the cursor of the terminal it is shown on.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A size as people say it.
pub(super) fn size(bytes: u64) -> String {
    let mut unit = 0;
    let mut whole = bytes;
    let mut rest = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{whole} B"),
        _ => format!("{whole}.{} {}", rest * 10 / 1024, UNITS[unit]),
    }
}

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

#[cfg(test)]
mod tests {
    use super::{record, size, table};
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let items = [json!({ "name": "laptop", "up": true }), json!({ "name": "tv" })];

        let text = table(&items, &[("NAME", "/name"), ("UP", "/up")]);

        assert_eq!(text, "NAME    UP\nlaptop  yes\ntv      -\n");
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let text = table(&[json!({ "name": "\u{1b}[2Jx" })], &[("NAME", "/name")]);

        assert_eq!(text, "NAME\n\u{fffd}[2Jx\n");
    }

    #[test]
    fn sizes_are_told_in_the_units_people_use() {
        assert_eq!(
            (size(1023), size(1024), size(53_687_091_200)),
            ("1023 B".into(), "1.0 KiB".into(), "50.0 GiB".into())
        );
        assert_eq!(size(u64::MAX), "16383.9 PiB");
        assert_eq!(record(&json!({ "rx_bytes": 1536 }), &[("RX", "/rx_bytes")]), "rx  1.5 KiB\n");
    }
}
