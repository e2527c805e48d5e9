//! Secrets, key files, configurations and QR codes against the real file system and the tools that people use.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests, also where they are not named so")]

mod client_config;
mod key_files;
mod passwords;
mod qr;
mod stores;

use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs a program that must be there and must succeed.
fn run<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Output {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|err| panic!("run {program} (make setup installs it): {err}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
