//! Names the target to the crate, and makes sure that web/dist exists, so that the crate builds before the web pages were, and is rebuilt after.

use std::{fs, io};

fn main() -> io::Result<()> {
    // Cargo tells it to build scripts alone.
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=CASPERVPN_TARGET={target}");
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    fs::create_dir_all("web/dist")
}
