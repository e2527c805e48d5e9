//! Reads one Rust file as tokens: comments and the text of strings are gone, lines are kept.
//!
//! Must never: judge. What a token means for the house rules is for `rules`.

use std::ops::Range;

/// A word or a sign of the source, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One source file, its module path within the crate, and its tokens.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) raw: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) module: Vec<String>,
    tests: Vec<Range<usize>>,
    inline: Vec<(Range<usize>, String)>,
}

impl Source {
    /// `path` is relative to the repository: `src/api/v1/devices.rs`.
    pub(crate) fn parse(path: &str, raw: &str) -> Self {
        let tokens = tokens(raw);
        let tests = test_modules(&tokens);
        let inline = inline_modules(&tokens);
        Self { path: path.into(), raw: raw.into(), tokens, module: module_path(path), tests, inline }
    }

    /// The folder (or top file) under src/ that decides the rank.
    pub(crate) fn layer(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split('/').next()
    }

    pub(crate) fn in_tests(&self, index: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&index))
    }

    /// The whole file is test code, because another file declares it under `#[cfg(test)]`.
    pub(crate) fn mark_as_test(&mut self) {
        self.tests.clear();
        self.tests.push(0..self.tokens.len());
    }

    /// The module that the token stands in, inline modules included.
    pub(crate) fn module_at(&self, index: usize) -> Vec<String> {
        let inner =
            self.inline.iter().filter(|(range, _)| range.contains(&index)).map(|(_, name)| name.clone());
        self.module.iter().cloned().chain(inner).collect()
    }

    /// Files that this one declares as `#[cfg(test)] mod name;`.
    pub(crate) fn test_files(&self) -> Vec<String> {
        let folder = match self.path.strip_suffix("/mod.rs") {
            Some(folder) => folder.to_owned(),
            None => self.path.trim_end_matches(".rs").to_owned(),
        };
        let mut files = Vec::new();
        for (at, after) in cfg_test_attributes(&self.tokens) {
            let _ = at;
            if let [word, name, end, ..] = &self.tokens[after..]
                && word.text == "mod"
                && end.text == ";"
            {
                files.push(format!("{folder}/{}.rs", name.text));
                files.push(format!("{folder}/{}/mod.rs", name.text));
            }
        }
        files
    }
}

fn module_path(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

fn test_modules(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, after) in cfg_test_attributes(tokens) {
        let mut next = after;
        if tokens.get(next).is_some_and(|token| token.text == "pub") {
            next += 1;
        }
        if let [word, _, open, ..] = &tokens[next.min(tokens.len())..]
            && word.text == "mod"
            && open.text == "{"
        {
            found.push(at..closing(tokens, next + 2));
        }
    }
    found
}

/// Where each `#[cfg(test)]` starts, and the first token after it and the attributes that follow it.
fn cfg_test_attributes(tokens: &[Token]) -> Vec<(usize, usize)> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut found = Vec::new();
    for at in 0..tokens.len().saturating_sub(ATTRIBUTE.len()) {
        if !ATTRIBUTE.iter().zip(&tokens[at..]).all(|(want, token)| *want == token.text) {
            continue;
        }
        let mut after = at + ATTRIBUTE.len();
        while tokens.get(after).is_some_and(|token| token.text == "#") {
            after = closing(tokens, after + 1);
        }
        found.push((at, after));
    }
    found
}

fn inline_modules(tokens: &[Token]) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    for at in 0..tokens.len().saturating_sub(2) {
        if tokens[at].text == "mod" && tokens[at + 2].text == "{" {
            found.push((at + 2..closing(tokens, at + 2), tokens[at + 1].text.clone()));
        }
    }
    found
}

/// The index after the bracket that closes the one at `open`.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Splits the text. A string becomes `""`, a character `''`, a lifetime vanishes.
pub(crate) fn tokens(raw: &str) -> Vec<Token> {
    let chars: Vec<char> = raw.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, line: 1, found: Vec::new() };
    while lexer.at < chars.len() {
        lexer.step();
    }
    lexer.found
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let here = self.chars[self.at];
        match (here, self.peek(1)) {
            ('/', Some('/')) => self.skip_while(|c| c != '\n'),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.character_or_lifetime(),
            (':', Some(':')) => self.push("::".into(), 2),
            (c, _) if c.is_whitespace() => self.advance(),
            (c, _) if c.is_alphabetic() || c == '_' => self.word(),
            (c, _) if c.is_ascii_digit() => self.number(),
            (c, _) => self.push(c.to_string(), 1),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self) {
        if self.chars[self.at] == '\n' {
            self.line += 1;
        }
        self.at += 1;
    }

    fn push(&mut self, text: String, length: usize) {
        self.found.push(Token { text, line: self.line });
        self.at += length;
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.at < self.chars.len() && keep(self.chars[self.at]) {
            self.advance();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.chars[self.at], self.peek(1)) {
                ('/', Some('*')) => (depth, self.at) = (depth + 1, self.at + 2),
                ('*', Some('/')) => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.advance(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.push("\"\"".into(), 1);
        while self.at < self.chars.len() && self.chars[self.at] != '"' {
            if self.chars[self.at] == '\\' {
                self.advance();
            }
            if self.at < self.chars.len() {
                self.advance();
            }
        }
        self.at += 1;
    }

    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(hashes) == Some('#') {
            hashes += 1;
        }
        self.push("\"\"".into(), hashes + 1);
        while self.at < self.chars.len() {
            if self.chars[self.at] == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes + 1;
                return;
            }
            self.advance();
        }
    }

    fn character_or_lifetime(&mut self) {
        if self.peek(1) == Some('\\') || self.peek(2) == Some('\'') {
            self.push("''".into(), 1);
            if self.chars.get(self.at) == Some(&'\\') {
                self.at += 1;
            }
            self.at += 1;
            self.skip_while(|c| c != '\'');
            self.at += 1;
        } else {
            self.at += 1;
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
        }
    }

    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        match (text.as_str(), self.peek(0), self.peek(1)) {
            ("r" | "br" | "cr", Some('"'), _) | ("r" | "br" | "cr", Some('#'), Some('"' | '#')) => {
                self.raw_string()
            }
            ("r", Some('#'), Some(_)) => self.at += 1,
            ("b" | "c", Some('"'), _) => self.string(),
            ("b", Some('\''), _) => self.character_or_lifetime(),
            _ => self.found.push(Token { text, line: self.line }),
        }
    }

    fn number(&mut self) {
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        self.found.push(Token { text: "0".into(), line: self.line });
    }
}
