//! Proves the rules of tests/layers.toml from the source text, in about a second.
//!
//! The first half judges the repository. The second half feeds each rule a small bad sample, so that a rule which
//! can no longer fail is noticed.

#![expect(clippy::unwrap_used, reason = "a repository that cannot be read fails the test, which is right")]

#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/samples.rs"]
mod samples;
#[path = "tidy/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rules::{Table, header, migration_twins, open_matters};
use crate::source::Source;

#[test]
fn layers_and_rules_hold() {
    let complaints = table().judge(&rust_sources(&["src"]));

    none(&complaints);
}

#[test]
fn every_rust_file_says_what_it_owns() {
    let complaints: Vec<_> = rust_sources(&["src", "tests", "benches"]).iter().filter_map(header).collect();

    none(&complaints);
}

#[test]
fn open_matters_are_not_left_in_comments() {
    let folders = ["src", "tests", "benches", "migrations", "packaging", "web/src", ".ci"];
    let texts = folders
        .iter()
        .flat_map(|folder| files(folder, &[]))
        .filter(|path| !path.ends_with("package-lock.json"));
    let complaints: Vec<_> = texts
        .filter_map(|path| Some(open_matters(&path, &fs::read_to_string(root().join(&path)).ok()?)))
        .flatten()
        .collect();

    none(&complaints);
}

#[test]
fn table_names_only_what_is_there() {
    let folders = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());

    let complaints = table().names_what_is_gone(&folders.collect(), &dependencies());

    none(&complaints);
}

#[test]
fn migrations_are_twins() {
    let table = table();
    let twins: BTreeMap<&str, BTreeSet<String>> =
        table.migrations.twins.iter().map(|folder| (folder.as_str(), file_names(folder))).collect();

    none(&migration_twins(&twins));
}

#[test]
fn nothing_big_is_tracked() {
    // A source tarball has no list of what is tracked; it was made from a checkout that had.
    if !root().join(".git").exists() {
        return;
    }
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    let paths = String::from_utf8(listed.stdout).unwrap();
    let size = |path: &&str| fs::metadata(root().join(path)).map_or(0, |found| found.len());

    let big = paths.split_terminator('\0').filter(|path| size(path) > BIGGEST_BYTES);
    let complaints: Vec<_> = big.map(|path| format!("{path} is bigger than {BIGGEST_BYTES} bytes")).collect();

    assert!(paths.contains("tests/tidy.rs"), "git lists nothing");
    none(&complaints);
}

/// The golden OpenAPI document has half of it; a download or a build product has more.
const BIGGEST_BYTES: u64 = 1_000_000;

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn table() -> Table {
    toml::from_str(&fs::read_to_string(root().join("tests/layers.toml")).unwrap()).unwrap()
}

fn rust_sources(folders: &[&str]) -> Vec<Source> {
    let paths = folders.iter().flat_map(|folder| files(folder, &["rs"]));
    let mut sources: Vec<Source> =
        paths.map(|path| Source::parse(&path, &fs::read_to_string(root().join(&path)).unwrap())).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(Source::test_files).collect();
    sources.iter_mut().filter(|source| tests.contains(&source.path)).for_each(Source::mark_as_test);
    sources
}

/// Paths below `folder`, relative to the repository; `endings` empty means all. A folder that is not there is empty.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).into_iter().flatten() {
            let path = entry.unwrap().path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if path.is_dir() {
                open.push(path);
            } else if endings.is_empty() || endings.contains(&ending) {
                found.push(relative(&path));
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

fn file_names(folder: &str) -> BTreeSet<String> {
    files(folder, &["sql"]).iter().filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
}

fn dependencies() -> BTreeSet<String> {
    let manifest: toml::Table =
        toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}
