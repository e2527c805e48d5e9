//! Small bad samples: each rule is shown able to fail, in plain form and in its disguises.

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::{header, migration_twins, open_matters};
use crate::source::Source;
use crate::table;

/// How many complaints a file of this content draws.
fn complaints(path: &str, text: &str) -> Vec<String> {
    table().judge(&[Source::parse(path, text)])
}

#[track_caller]
fn refused(path: &str, text: &str) {
    assert!(!complaints(path, text).is_empty(), "accepted in {path}: {text}");
}

#[track_caller]
fn accepted(path: &str, text: &str) {
    let found = complaints(path, text);
    assert!(found.is_empty(), "refused in {path}: {text}\n{}", found.join("\n"));
}

#[test]
fn import_from_above_is_refused() {
    refused("src/domain/device.rs", "use crate::store::devices::Devices;");
    refused("src/app/devices.rs", "use crate::{domain::id::Id, api::v1::devices};");
    refused("src/config/mod.rs", "fn f() { crate::runtime::clock::real(); }");
    refused("src/app/mod.rs", "use super::api::problem;");
    refused("src/app/a/b.rs", "use super::super::super::api::problem;");
    refused("src/vpn/mod.rs", "mod inner { use super::super::app::devices; }");
    refused("src/cli/mod.rs", "use caspervpn::daemon; fn f() { crate::main::x() }");
}

#[test]
fn import_from_a_sibling_is_refused() {
    refused("src/store/mod.rs", "use crate::vpn::tunnel::Tunnel;");
    refused("src/panel/mod.rs", "pub use crate::api::router::Router;");
    refused("src/agent/mod.rs", "use crate::app as use_cases;");
}

#[test]
fn import_from_below_or_of_itself_is_accepted() {
    accepted(
        "src/app/devices.rs",
        "use crate::domain::device::{Device, DeviceId}; use crate::app::ctx::Ctx;",
    );
    accepted("src/api/v1/devices.rs", "use super::super::problem::Problem; use super::page;");
    accepted("src/main.rs", "use caspervpn::cli::run;");
}

#[test]
fn unknown_folder_is_refused() {
    refused("src/misc/mod.rs", "");
}

#[test]
fn import_from_the_root_or_of_everything_is_refused() {
    refused("src/app/devices.rs", "use crate::Device;");
    refused("src/app/devices.rs", "use crate::domain::device::*;");
    refused("src/app/devices.rs", "use crate as root;");
    refused("src/app/devices.rs", "fn f() -> crate::Error { x }");
    refused("src/lib.rs", "pub mod app; pub use crate::app::devices::Devices;");
    accepted("src/app/devices.rs", "#[cfg(test)] mod tests { use super::*; }");
}

#[test]
fn clock_is_refused_in_every_disguise() {
    for text in [
        "fn f() { std::time::Instant::now(); }",
        "use std::time::Instant; fn f() { Instant::now(); }",
        "use std::time::Instant as Moment; fn f() { Moment::now(); }",
        "use std::time; fn f() { time::Instant::now(); }",
        "use tokio::time::Instant; fn f() { let read = Instant::now; }",
        "type Moment = std::time::Instant; fn f() { Moment::now(); }",
        "fn f() { <std::time::Instant>::now(); }",
        "fn f() { chrono::Utc::now(); }",
        "fn f() { time::OffsetDateTime::now_utc(); }",
        "fn f() { uuid::Uuid::now_v7(); }",
        "use uuid::Uuid; fn f() { Uuid::new_v4(); }",
        "use std::time::SystemTime as Wall;",
        "fn f() { std::time::UNIX_EPOCH.elapsed(); }",
    ] {
        refused("src/app/devices.rs", text);
        accepted("src/runtime/clock.rs", text);
    }
    accepted(
        "src/app/devices.rs",
        "use crate::runtime::clock::Clock; fn f(clock: &Clock) { clock.now(); Clock::now(clock); }",
    );
    accepted("src/app/devices.rs", "use std::time::Instant; fn f(now: Instant) {}");
}

#[test]
fn spawning_is_refused_in_every_disguise() {
    for text in [
        "fn f() { tokio::spawn(x); }",
        "use tokio::spawn; fn f() { spawn(x); }",
        "use tokio::spawn as go; fn f() { go(x); }",
        "fn f() { tokio::task::spawn(x); }",
        "use tokio::task; fn f() { task::spawn_blocking(x); }",
        "use tokio::task::{self, JoinHandle}; fn f() { task::spawn(x); }",
        "use tokio::task::{JoinHandle, JoinSet};",
        "fn f() { std::thread::spawn(x); }",
        "use std::thread; fn f() { thread::Builder::new().spawn(x); }",
        "use std::{thread::spawn as go, io};",
        "fn f() { std::thread::scope(|s| {}); }",
        "fn f() { tokio::runtime::Handle::current().spawn(x); }",
        "use tokio_util::task::TaskTracker;",
        "use tokio::{io, task::{LocalSet}};",
    ] {
        refused("src/app/devices.rs", text);
        accepted("src/runtime/tasks.rs", text);
    }
    accepted("src/app/devices.rs", "use crate::runtime::tasks; fn f() { tasks::spawn(x); }");
    accepted("src/vpn/mod.rs", "struct Loop; impl Loop { fn spawn() {} } fn f() { Loop::spawn(); }");
}

#[test]
fn test_modules_may_spawn_and_read_the_clock() {
    let test = "#[cfg(test)] #[expect(clippy::x, reason = \"}\")] mod tests { fn f() { std::time::Instant::now(); tokio::spawn(x); } }";
    accepted("src/app/devices.rs", test);
    refused("src/app/devices.rs", &format!("{test} fn f() {{ tokio::spawn(x); }}"));
    refused("src/app/devices.rs", "#[cfg(not(test))] mod tests { fn f() { tokio::spawn(x); } }");
    refused("src/app/devices.rs", "mod tests { fn f() { tokio::spawn(x); } }");
}

#[test]
fn out_of_line_test_files_are_known_by_their_declaration() {
    let parent = Source::parse("src/app/devices.rs", "#[cfg(test)] mod tests;");

    assert!(parent.test_files().contains(&"src/app/devices/tests.rs".to_owned()));
    refused("src/app/devices/tests.rs", "fn f() { tokio::spawn(x); }");
}

#[test]
fn environment_printing_and_programs_are_refused() {
    refused("src/app/devices.rs", "fn f() { std::env::var(\"X\"); }");
    refused("src/vpn/mod.rs", "use std::env; fn f() { env::args(); }");
    refused("src/app/devices.rs", "fn f() { println!(\"x\"); }");
    refused("src/app/devices.rs", "fn f() { std::eprintln!(\"x\"); }");
    refused("src/app/devices.rs", "use std::io; fn f() { io::stdout(); }");
    refused("src/cli/mod.rs", "use std::process::Command;");
    refused("src/vpn/mod.rs", "use std::process; fn f() { process::Command::new(\"nft\"); }");
    refused("src/daemon/mod.rs", "fn f() { std::process::exit(1); }");
    accepted("src/cli/mod.rs", "fn f() { println!(\"x\"); } fn g() -> std::process::ExitCode { x }");
    accepted("src/config/mod.rs", "fn f() { std::env::var(\"X\"); }");
    accepted("src/app/devices.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\"); // std::env::var");
}

#[test]
fn crates_stay_in_their_homes() {
    let homes = [
        ("rusqlite", "store"),
        ("tokio_postgres", "store"),
        ("deadpool_postgres", "store"),
        ("refinery", "store"),
        ("moka", "cache"),
        ("gotatun", "vpn"),
        ("tun_rs", "vpn"),
        ("bcrypt", "secrets"),
        ("jsonwebtoken", "secrets"),
        ("rustls", "tls"),
        ("axum", "api"),
        ("rust_embed", "panel"),
        ("clap", "cli"),
    ];
    for (name, home) in homes {
        accepted(&format!("src/{home}/a.rs"), &format!("use {name}::Thing;"));
        refused("src/app/a.rs", &format!("use {name}::Thing;"));
        refused("src/app/a.rs", &format!("use {name} as other; fn f() {{ other::Thing; }}"));
        refused("src/app/a.rs", &format!("#[derive({name}::Thing)] struct A;"));
        refused("src/app/a.rs", &format!("fn f() {{ ::{name}::thing(); }}"));
    }
    refused("src/app/a.rs", "use aws_lc_rs::aead::Aad;");
    refused("src/domain/a.rs", "#[cfg(test)] mod tests { use rusqlite::Connection; }");
    refused("src/runtime/a.rs", "fn f() { libc::socket(0, 0, 0); }");
}

#[test]
fn domain_is_pure() {
    refused("src/domain/a.rs", "async fn f() {}");
    refused("src/domain/a.rs", "fn f() { x.await; }");
    refused("src/domain/a.rs", "use std::fs; fn f() { fs::read(x); }");
    refused("src/domain/a.rs", "use std::net::{IpAddr, TcpStream};");
    refused("src/domain/a.rs", "fn f() { tokio::time::sleep(x); }");
    refused("src/domain/a.rs", "fn f() { tracing::info!(\"x\"); }");
    accepted(
        "src/domain/a.rs",
        "use std::net::IpAddr; /* async */ fn f() -> &'static str { \"async tokio::spawn\" }",
    );
}

#[test]
fn unsafe_has_one_home() {
    refused("src/telemetry/a.rs", "fn f() { unsafe { x() } }");
    refused("src/app/a.rs", "#[cfg(test)] mod tests { unsafe fn f() {} }");
    accepted("src/vpn/netlink/socket.rs", "fn f() { unsafe { x() } }");
}

#[test]
fn empty_names_are_refused() {
    refused("src/app/a.rs", "struct DeviceManager;");
    refused("src/app/a.rs", "pub enum NodeInfo { A }");
    accepted("src/app/a.rs", "impl Body for A { type Data = Bytes; }");
}

#[test]
fn text_in_strings_comments_and_raw_strings_is_not_code() {
    let text = r####"
        // unsafe tokio::spawn
        /* nested /* unsafe */ tokio::spawn(x) */
        const A: &str = "unsafe \" tokio::spawn(x)";
        const B: &str = r#"unsafe " tokio::spawn(x)"#;
        const C: &[u8] = b"unsafe"; const D: char = '"'; const E: char = '\''; const F: u8 = b'"';
        fn f<'a>(x: &'a str) -> &'a str { x }
    "####;
    accepted("src/app/a.rs", text);
    refused("src/app/a.rs", &format!("{text} fn g() {{ tokio::spawn(x); }}"));
}

#[test]
fn file_without_a_header_is_refused() {
    assert!(header(&Source::parse("src/app/a.rs", "use x;")).is_some());
    assert!(header(&Source::parse("src/app/a.rs", "//!\n")).is_some());
    assert!(header(&Source::parse("src/app/a.rs", "//! Registers devices and changes them.\n")).is_none());
}

#[test]
fn open_matter_in_a_comment_is_refused() {
    assert_eq!(open_matters("a.rs", concat!("x\n// TO", "DO later\n")).len(), 1);
    assert_eq!(open_matters("a.rs", concat!("// FIX", "ME")).len(), 1);
}

#[test]
fn migration_without_its_twin_or_number_is_refused() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let twins =
        |a: &[&str], b: &[&str]| migration_twins(&BTreeMap::from([("a", names(a)), ("b", names(b))])).len();

    assert_eq!(twins(&["V0001__users.sql"], &["V0001__users.sql"]), 0);
    assert_eq!(twins(&["V0001__users.sql"], &[]), 1);
    assert_eq!(twins(&["V0001__users.sql"], &["V0001__people.sql"]), 2);
    assert_eq!(twins(&["V0001__a.sql", "V0003__b.sql"], &["V0001__a.sql", "V0003__b.sql"]), 2);
}

#[test]
fn rule_for_something_gone_is_refused() {
    let table = table();
    let all: BTreeSet<String> = table.layers.iter().map(|layer| layer.folder.clone()).collect();
    let crates: BTreeSet<String> = table
        .only
        .iter()
        .flat_map(|rule| rule.crates.clone())
        .chain(table.never.iter().flat_map(|rule| rule.all_crates()))
        .collect();
    let without =
        |set: &BTreeSet<String>, name: &str| set.iter().filter(|item| *item != name).cloned().collect();

    assert_eq!(table.names_what_is_gone(&all, &crates), Vec::<String>::new());
    assert!(!table.names_what_is_gone(&without(&all, "cache"), &crates).is_empty());
    assert!(!table.names_what_is_gone(&all, &without(&crates, "moka")).is_empty());
    assert!(table.only.iter().all(|rule| !rule.what.is_empty() && rule.may.len() < 4));
}
