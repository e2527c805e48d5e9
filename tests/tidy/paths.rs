//! Finds every path a file names, with `use`, `as`, `self`, `super` and type aliases resolved.
//!
//! Resolving is by file, not by scope: a name imported anywhere in a file counts everywhere in it. That errs towards
//! finding too much, which a reader can see and a rule can live with.

use std::collections::HashMap;

use crate::source::{Source, Token};

/// A path as written at one place and as it resolves: `["std", "time", "Instant", "now"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) index: usize,
    /// It stands in a `use`.
    pub(crate) import: bool,
    /// A `use` of everything, or of the crate's root under another name.
    pub(crate) glob: bool,
}

/// Every path of the file, imports first.
pub(crate) fn named(source: &Source) -> Vec<Named> {
    let (imports, aliases, spans) = imports(source);
    let local = declared(&source.tokens);
    let mut found = imports;
    let mut at = 0;
    while at < source.tokens.len() {
        if let Some(end) = spans.get(&at) {
            at = *end;
            continue;
        }
        let (written, next) = path_at(&source.tokens, at);
        if let Some(written) = written {
            let path = resolve(source, at, written, &aliases, &local);
            found.push(Named { path, line: source.tokens[at].line, index: at, import: false, glob: false });
        }
        at = next;
    }
    found
}

fn is_word(token: &Token) -> bool {
    token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path starting here, and where to go on. `<T>::now` reads as `?::now`.
fn path_at(tokens: &[Token], at: usize) -> (Option<Vec<String>>, usize) {
    let before = at.checked_sub(1).map(|index| tokens[index].text.as_str());
    let mut path = Vec::new();
    let mut next = at;
    if tokens[at].text == "::" {
        if before == Some(">") {
            path.push("?".to_owned());
        }
        next += 1;
    } else if !is_word(&tokens[at]) || before == Some(".") {
        return (None, at + 1);
    }
    while next < tokens.len() && is_word(&tokens[next]) {
        path.push(tokens[next].text.clone());
        next += 1;
        match (tokens.get(next), tokens.get(next + 1)) {
            (Some(colons), Some(word)) if colons.text == "::" && is_word(word) => next += 1,
            _ => break,
        }
    }
    if path.is_empty() { (None, at + 1) } else { (Some(path), next) }
}

type Aliases = HashMap<String, Vec<String>>;

/// Names this file declares itself, so that `Writer::spawn` of our own is not taken for a stranger's.
fn declared(tokens: &[Token]) -> Vec<String> {
    let kinds = ["struct", "enum", "trait", "union", "mod"];
    tokens
        .windows(2)
        .filter(|pair| kinds.contains(&pair[0].text.as_str()))
        .map(|pair| pair[1].text.clone())
        .collect()
}

fn resolve(
    source: &Source,
    at: usize,
    written: Vec<String>,
    aliases: &Aliases,
    local: &[String],
) -> Vec<String> {
    let mut path = from_root(source, at, written);
    for _ in 0..8 {
        let Some(whole) = aliases.get(&path[0]) else { break };
        if whole[0] == path[0] {
            path.splice(0..1, whole.iter().cloned());
            break;
        }
        path.splice(0..1, whole.iter().cloned());
    }
    if path.len() > 1 && local.contains(&path[0]) {
        path.splice(0..0, ["crate".to_owned()].into_iter().chain(source.module.iter().cloned()));
    }
    path
}

/// Replaces `self`, `super` and our own crate's name by a path from `crate`.
fn from_root(source: &Source, at: usize, written: Vec<String>) -> Vec<String> {
    let mut module = source.module_at(at);
    let mut rest = written.as_slice();
    match rest.first().map(String::as_str) {
        Some("self") if rest.len() > 1 => rest = &rest[1..],
        Some("super") => {
            while rest.first().is_some_and(|word| word == "super") {
                module.pop();
                rest = &rest[1..];
            }
        }
        Some("caspervpn") => {
            return ["crate".to_owned()].into_iter().chain(rest[1..].iter().cloned()).collect();
        }
        _ => return written,
    }
    ["crate".to_owned()].into_iter().chain(module).chain(rest.iter().cloned()).collect()
}

/// All `use` trees and type aliases: the paths they name, what each new name stands for, and their token spans.
fn imports(source: &Source) -> (Vec<Named>, Aliases, HashMap<usize, usize>) {
    let tokens = &source.tokens;
    let (mut found, mut aliases, mut spans) = (Vec::new(), Aliases::new(), HashMap::new());
    for at in 0..tokens.len() {
        let starts_item = at == 0 || !matches!(tokens[at - 1].text.as_str(), "." | "::");
        if tokens[at].text == "use" && starts_item && tokens.get(at + 1).is_some_and(|next| next.text != "<")
        {
            let end = (at..tokens.len()).find(|index| tokens[*index].text == ";").unwrap_or(tokens.len());
            let mut tree = Tree { source, at: at + 1, end, found: &mut found, aliases: &mut aliases };
            tree.branch(&[]);
            spans.insert(at, end);
        }
        if tokens[at].text == "type"
            && tokens.get(at + 2).is_some_and(|sign| sign.text == "=")
            && tokens.get(at + 3).is_some_and(is_word)
            && let (Some(path), _) = path_at(tokens, at + 3)
            && path[0] != tokens[at + 1].text
        {
            aliases.insert(tokens[at + 1].text.clone(), from_root(source, at, path));
        }
    }
    (found, aliases, spans)
}

struct Tree<'a> {
    source: &'a Source,
    at: usize,
    end: usize,
    found: &'a mut Vec<Named>,
    aliases: &'a mut Aliases,
}

impl Tree<'_> {
    fn text(&self) -> &str {
        if self.at < self.end { &self.source.tokens[self.at].text } else { ";" }
    }

    fn branch(&mut self, prefix: &[String]) {
        let start = self.at;
        let mut path = prefix.to_vec();
        loop {
            match self.text() {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(), "}" | ";") {
                        self.branch(&path);
                    }
                    self.at += 1;
                    self.comma();
                    return;
                }
                "*" => {
                    self.at += 1;
                    self.leaf(start, path, None, true);
                    return;
                }
                "as" => {
                    self.at += 1;
                    let name = self.text().to_owned();
                    self.at += 1;
                    self.leaf(start, path, Some(name), false);
                    return;
                }
                "," | "}" | ";" => {
                    self.leaf(start, path, None, false);
                    return;
                }
                "self" if !path.is_empty() => self.at += 1,
                word => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
            }
        }
    }

    fn comma(&mut self) {
        if self.text() == "," {
            self.at += 1;
        }
    }

    fn leaf(&mut self, start: usize, path: Vec<String>, name: Option<String>, glob: bool) {
        self.comma();
        if path.is_empty() {
            return;
        }
        let path = from_root(self.source, start, path);
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        let root_renamed = path.len() == 1 && path[0] == "crate";
        if !glob && name != "_" && !root_renamed {
            self.aliases.insert(name, path.clone());
        }
        let line = self.source.tokens[start.min(self.source.tokens.len() - 1)].line;
        self.found.push(Named { path, line, index: start, import: true, glob: glob || root_renamed });
    }
}
