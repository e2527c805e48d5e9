//! Makes sure that web/dist exists, so that the crate builds before the web pages were, and is rebuilt after.

use std::{fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    fs::create_dir_all("web/dist")
}
