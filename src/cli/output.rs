//! Prints what verbs have to say: tables for people, JSON for programs.
#![expect(clippy::print_stdout, reason = "a verb's answer goes to standard output")]

use serde_json::Value;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Tables and sentences.
    Text,
    /// The API's own JSON.
    Json,
}

/// A column: its heading and the place of its value, as a JSON pointer.
pub(super) type Column = (&'static str, &'static str);

impl Form {
    /// Prints a list.
    pub(super) fn list(self, answer: &Value, columns: &[Column]) {
        match self {
            Self::Json => println!("{answer:#}"),
            Self::Text => {
                let items = answer.get("items").or(Some(answer)).and_then(Value::as_array);
                print!("{}", table(items.map_or(&[], Vec::as_slice), columns));
                if answer.get("next").is_some_and(|next| !next.is_null()) {
                    println!("… there are more; narrow the list, or read it all with --json and `after`");
                }
            }
        }
    }

    /// Prints one thing.
    pub(super) fn one(self, answer: &Value, columns: &[Column]) {
        match self {
            Self::Json => println!("{answer:#}"),
            Self::Text => {
                let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
                for (heading, pointer) in columns {
                    println!("{:width$}  {}", heading.to_lowercase(), cell(answer.pointer(pointer)));
                }
            }
        }
    }

    /// Prints a sentence, or the whole answer.
    pub(super) fn done(self, answer: &Value, sentence: &str) {
        match self {
            Self::Json => println!("{answer:#}"),
            Self::Text => println!("{sentence}"),
        }
    }

    /// Prints a text as it is.
    pub(super) fn raw(self, text: &str) {
        print!("{text}");
    }
}

fn table(items: &[Value], columns: &[Column]) -> String {
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    rows.extend(items.iter().map(|item| columns.iter().map(|(_, at)| cell(item.pointer(at))).collect()));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", ")
        }
        Some(Value::Object(_)) => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::table;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let items = [json!({ "name": "laptop", "up": true }), json!({ "name": "tv" })];

        let text = table(&items, &[("NAME", "/name"), ("UP", "/up")]);

        assert_eq!(text, "NAME    UP\nlaptop  yes\ntv      -\n");
    }
}
