//! The rules of tests/layers.toml, each a function from sources to complaints.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::paths::{Named, named};
use crate::source::Source;

/// tests/layers.toml as read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "layer")]
    pub(crate) layers: Vec<Layer>,
    pub(crate) only: Vec<Only>,
    pub(crate) never: Vec<Never>,
    unsafe_code: UnsafeCode,
    names: Names,
    pub(crate) migrations: Migrations,
}

/// A folder and its rank.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    rank: u8,
    pub(crate) folder: String,
    #[expect(dead_code, reason = "read by people")]
    holds: String,
}

/// Things that only some folders may name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Only {
    pub(crate) what: String,
    pub(crate) may: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    pub(crate) crates: Vec<String>,
    #[serde(default)]
    macros: Vec<String>,
    /// Also inside test modules.
    #[serde(default)]
    tests: bool,
    why: String,
}

/// Things that one folder may not hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Never {
    folder: String,
    names: Vec<String>,
    crates: Vec<String>,
    words: Vec<String>,
    why: String,
}

impl Never {
    pub(crate) fn all_crates(&self) -> Vec<String> {
        self.crates.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsafeCode {
    folder: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    endings: Vec<String>,
}

/// Folders whose files must have equal names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Migrations {
    pub(crate) twins: [String; 2],
}

impl Table {
    fn rank(&self, folder: &str) -> Option<u8> {
        self.layers.iter().find(|layer| layer.folder == folder).map(|layer| layer.rank)
    }

    /// Every complaint about the sources under src/.
    pub(crate) fn judge(&self, sources: &[Source]) -> Vec<String> {
        let mut complaints = Vec::new();
        for source in sources.iter().filter(|source| source.layer().is_some()) {
            let paths = named(source);
            complaints.extend(self.layer_is_known(source));
            complaints.extend(self.imports_go_down(source, &paths));
            complaints.extend(imports_by_module(source, &paths, self));
            complaints.extend(self.only_some_may_name(source, &paths));
            complaints.extend(self.folder_never_holds(source, &paths));
            complaints.extend(self.unsafe_has_one_home(source));
            complaints.extend(self.names_say_something(source));
        }
        complaints
    }

    fn layer_is_known(&self, source: &Source) -> Option<String> {
        let folder = source.layer()?;
        (folder != "lib.rs" && self.rank(folder).is_none())
            .then(|| format!("{}: src/{folder} has no row in tests/layers.toml", source.path))
    }

    fn imports_go_down(&self, source: &Source, paths: &[Named]) -> Vec<String> {
        let Some(own) = source.layer() else { return Vec::new() };
        let Some(rank) = self.rank(own) else { return Vec::new() };
        let mut complaints = Vec::new();
        for path in paths.iter().filter(|path| path.path.len() > 1 && path.path[0] == "crate") {
            let other = path.path[1].as_str();
            if other == own {
                continue;
            }
            match self.rank(other) {
                Some(theirs) if theirs < rank => {}
                Some(theirs) => complaints.push(format!(
                    "{}:{}: {own} (rank {rank}) names {other} (rank {theirs}): imports go down only",
                    source.path, path.line
                )),
                None => {}
            }
        }
        complaints
    }

    fn only_some_may_name(&self, source: &Source, paths: &[Named]) -> Vec<String> {
        let mut complaints = Vec::new();
        let own = source.layer().unwrap_or_default();
        for rule in self.only.iter().filter(|rule| !rule.may.iter().any(|folder| folder == own)) {
            let home = if rule.may.is_empty() { "nobody".to_owned() } else { rule.may.join(", ") };
            for path in paths.iter().filter(|path| rule.tests || !source.in_tests(path.index)) {
                let hit = rule.names.iter().any(|name| matches_name(name, &path.path))
                    || rule.crates.iter().any(|name| matches_crate(name, path))
                    || rule.macros.iter().any(|name| is_macro(source, name, path));
                if hit {
                    complaints.push(format!(
                        "{}:{}: names {} ({}), which only {home} may: {}",
                        source.path,
                        path.line,
                        path.path.join("::"),
                        rule.what,
                        rule.why
                    ));
                }
            }
        }
        complaints
    }

    fn folder_never_holds(&self, source: &Source, paths: &[Named]) -> Vec<String> {
        let mut complaints = Vec::new();
        for rule in self.never.iter().filter(|rule| source.layer() == Some(&rule.folder)) {
            for path in paths.iter().filter(|path| !source.in_tests(path.index)) {
                let hit = rule.names.iter().any(|name| matches_name(name, &path.path))
                    || rule.crates.iter().any(|name| matches_crate(name, path))
                    || rule.words.iter().any(|word| path.path.len() == 1 && path.path[0] == *word);
                if hit {
                    let name = path.path.join("::");
                    complaints.push(format!("{}:{}: {name}: {}", source.path, path.line, rule.why));
                }
            }
            // `future.await` follows a dot, so it is no path.
            for (index, token) in source.tokens.iter().enumerate() {
                let follows_dot = index > 0 && source.tokens[index - 1].text == ".";
                if follows_dot && rule.words.contains(&token.text) && !source.in_tests(index) {
                    complaints.push(format!("{}:{}: .{}: {}", source.path, token.line, token.text, rule.why));
                }
            }
        }
        complaints
    }

    fn unsafe_has_one_home(&self, source: &Source) -> Vec<String> {
        if source.layer() == Some(&self.unsafe_code.folder) {
            return Vec::new();
        }
        let found = source.tokens.iter().filter(|token| token.text == "unsafe");
        let home = &self.unsafe_code.folder;
        found
            .map(|t| {
                format!("{}:{}: unsafe outside src/{home}: {}", source.path, t.line, self.unsafe_code.why)
            })
            .collect()
    }

    fn names_say_something(&self, source: &Source) -> Vec<String> {
        let mut complaints = Vec::new();
        for pair in source.tokens.windows(2) {
            let declares = matches!(pair[0].text.as_str(), "struct" | "enum" | "trait" | "union");
            if declares
                && let Some(ending) = self.names.endings.iter().find(|end| pair[1].text.ends_with(*end))
            {
                complaints.push(format!(
                    "{}:{}: {} ends in {ending}, which says nothing about what it is",
                    source.path, pair[1].line, pair[1].text
                ));
            }
        }
        complaints
    }

    /// Rows and rules that name what is not there.
    pub(crate) fn names_what_is_gone(
        &self,
        folders: &BTreeSet<String>,
        crates: &BTreeSet<String>,
    ) -> Vec<String> {
        let mut complaints = Vec::new();
        let rows = self.layers.iter().map(|layer| &layer.folder);
        let homes =
            self.only.iter().flat_map(|rule| &rule.may).chain(self.never.iter().map(|rule| &rule.folder));
        for folder in rows.chain(homes).chain([&self.unsafe_code.folder]) {
            if !folders.contains(folder) {
                complaints.push(format!("tests/layers.toml: src/{folder} is not there"));
            }
        }
        let named =
            self.only.iter().flat_map(|rule| &rule.crates).chain(self.never.iter().flat_map(|r| &r.crates));
        for name in named.filter(|name| !crates.contains(*name)) {
            complaints.push(format!("tests/layers.toml: {name} is not a dependency in Cargo.toml"));
        }
        complaints
    }
}

/// `tokio::spawn` is it and what is under it; `*::now` is any path that ends so and is not of our own crate.
fn matches_name(rule: &str, path: &[String]) -> bool {
    if let Some(ending) = rule.strip_prefix("*::") {
        let foreign = path.first().is_some_and(|first| first != "crate" && first != "Self");
        return foreign && path.len() > 1 && path.last().is_some_and(|last| last == ending);
    }
    let mut parts = rule.split("::").zip(path);
    path.len() >= rule.split("::").count() && parts.all(|(want, part)| want == part)
}

fn matches_crate(name: &str, path: &Named) -> bool {
    path.path[0] == name.replace('-', "_") && (path.import || path.path.len() > 1)
}

fn is_macro(source: &Source, name: &str, path: &Named) -> bool {
    let bang = source.tokens.get(path.index + path.path.len() * 2 - 1);
    path.path.last().is_some_and(|last| last == name) && bang.is_some_and(|token| token.text == "!")
}

/// No globs outside tests, nothing straight from the crate's root, and lib.rs only lists modules.
fn imports_by_module(source: &Source, paths: &[Named], table: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in paths {
        let written = path.path.join("::");
        if path.glob && !source.in_tests(path.index) {
            complaints
                .push(format!("{}:{}: imports {written}::*: name what is used", source.path, path.line));
        }
        let from_root = path.path.len() > 1 && path.path[0] == "crate" && table.rank(&path.path[1]).is_none();
        if from_root && source.path != "src/main.rs" {
            complaints.push(format!(
                "{}:{}: {written} comes from the crate's root: import by module",
                source.path, path.line
            ));
        }
        if source.path == "src/lib.rs" && path.import {
            complaints.push(format!("src/lib.rs:{}: {written}: the root only lists modules", path.line));
        }
    }
    complaints
}

/// Every Rust file says first what it owns.
pub(crate) fn header(source: &Source) -> Option<String> {
    let first = source.raw.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|text| text.trim().len() > 10);
    (!says).then(|| {
        format!("{}:1: the file does not open with a `//!` sentence that says what it owns", source.path)
    })
}

/// Open matters are issues, not comments.
pub(crate) fn open_matters(path: &str, text: &str) -> Vec<String> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(*word)) {
            complaints
                .push(format!("{path}:{}: {word}: an open matter is an issue, not a comment", number + 1));
        }
    }
    complaints
}

/// Both databases know the same steps, numbered without gaps.
pub(crate) fn migration_twins(twins: &BTreeMap<&str, BTreeSet<String>>) -> Vec<String> {
    let mut complaints = Vec::new();
    let all: BTreeSet<&String> = twins.values().flatten().collect();
    for (folder, names) in twins {
        for name in all.iter().filter(|name| !names.contains(**name)) {
            complaints.push(format!("{folder}/{name} is missing: its twin is there"));
        }
        for (index, name) in names.iter().enumerate() {
            let version = format!("V{:04}__", index + 1);
            if !name.starts_with(&version) || !name.ends_with(".sql") {
                complaints.push(format!("{folder}/{name}: expected {version}why.sql here"));
            }
        }
    }
    complaints
}
