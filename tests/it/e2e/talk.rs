//! A script that waits for the test between its steps: it says a word, and goes on when it has got a line back.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A script under way. Dropping it ends it, with its browser.
pub(super) struct Talk {
    child: Child,
    /// Until nothing more is said to it: only then does it end.
    hears: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    complaints: File,
}

impl Talk {
    /// Starts it where `program` has to run, which is given these words.
    pub(super) fn begin(program: &[&str], words: &[String]) -> Self {
        let complaints = tempfile::tempfile().unwrap();
        let mut child = Command::new(program[0])
            .args(&program[1..])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints.try_clone().unwrap())
            .spawn()
            .unwrap();
        let (hears, says) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, hears, says: BufReader::new(says), complaints }
    }

    /// Waits until it has said this word.
    pub(super) fn until(&mut self, word: &str) {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word, "{}", self.complaints());
    }

    /// Lets it go on.
    pub(super) fn answer(&mut self, line: &str) {
        writeln!(self.hears.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What it found, at its end.
    pub(super) fn end(mut self) -> Value {
        drop(self.hears.take());
        let mut found = String::new();
        self.says.read_to_string(&mut found).unwrap();
        serde_json::from_str(&found).unwrap_or_else(|_| panic!("{found}{}", self.complaints()))
    }

    /// Its file is read from the start, whoever wrote to it.
    fn complaints(&self) -> String {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&self.complaints));
        std::fs::read_to_string(path).unwrap_or_default()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Nothing more is said to it, and `timeout` passes the signal on: it closes its browser, and ends.
        drop(self.hears.take());
        let _ = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).output();
        let _ = self.child.wait();
    }
}
