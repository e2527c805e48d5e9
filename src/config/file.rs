//! Reads the settings file into values, each with its line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::fault::{Fault, Source};
use crate::config::load::Entry;
use crate::config::setting::Raw;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<Fault>,
    /// Permission bits, when others than the owner may read it.
    pub(super) exposed_mode: Option<u32>,
}

/// Reads the file. One that was not asked for by name may be missing.
pub(super) fn read(path: &Path, named: bool) -> Contents {
    let mut contents = Contents::default();
    let (text, mode) = match open(path) {
        Ok(read) => read,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && !named => return contents,
        Err(cause) => {
            contents.fault(path, 0, format!("cannot read the file: {cause}"));
            return contents;
        }
    };
    contents.exposed_mode = (mode & 0o077 != 0).then_some(mode & 0o777);
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let line = error.span().map_or(0, |span| line_of(&text, span.start));
        contents.fault(path, line, format!("not TOML: {}", error.message()));
    }
    // A line that is not TOML was told so; what the parser made of it would only be a second fault for one mistake.
    let broken: BTreeSet<_> = contents.faults.iter().map(|fault| fault.source.clone()).collect();
    for (section, value) in table.get_ref() {
        let line = line_of(&text, section.span().start);
        let DeValue::Table(keys) = value.get_ref() else {
            let name = section.get_ref();
            contents.fault(
                path,
                line,
                format!("{name:?} stands outside of a section; write it below [server] or another"),
            );
            continue;
        };
        if keys.is_empty() {
            contents.entry(path, line, section.get_ref(), None);
        }
        for (key, value) in keys {
            let line = line_of(&text, key.span().start);
            contents.entry(path, line, section.get_ref(), Some((key.get_ref(), value)));
        }
    }
    contents.entries.retain(|entry| !broken.contains(&entry.source));
    contents
}

impl Contents {
    fn fault(&mut self, path: &Path, line: usize, message: String) {
        self.faults.push(Fault { source: source(path, line), key: String::new(), message });
    }

    fn entry(
        &mut self,
        path: &Path,
        line: usize,
        section: &str,
        value: Option<(&str, &Spanned<DeValue<'_>>)>,
    ) {
        let (key, raw) =
            value.map_or(("", Raw::Other("nothing")), |(key, value)| (key, raw(value.get_ref())));
        self.entries.push(Entry {
            source: source(path, line),
            section: section.to_owned(),
            key: key.to_owned(),
            raw,
        });
    }
}

fn source(path: &Path, line: usize) -> Source {
    Source::File { path: PathBuf::from(path), line }
}

/// The text and the mode of one open file, so that both are of the same one.
fn open(path: &Path) -> io::Result<(String, u32)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, mode))
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("a number that is too large"), Raw::Integer),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a section"),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
