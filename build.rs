//! Names the target to the crate, has its relocations packed, and makes sure that web/dist exists, so that the crate builds before the web pages were, and is rebuilt after.

use std::{fs, io};

fn main() -> io::Result<()> {
    // Cargo tells it to build scripts alone.
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=CASPERVPN_TARGET={target}");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl") {
        // The static binary moves itself at its start; 40,000 relocations of 24 bytes become a bit each. musl reads this form
        // since 1.2.4, and a linker that does not know it warns and goes on.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    fs::create_dir_all("web/dist")
}
