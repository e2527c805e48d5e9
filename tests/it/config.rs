//! What an operator writes and what the settings make of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use caspervpn::config::Settings;
use caspervpn::config::address::Address;
use caspervpn::config::environment::Environment;
use caspervpn::config::fault::Source;
use caspervpn::config::load::Args;
use caspervpn::config::server::Role;
use tempfile::TempDir;

struct ConfigFile {
    _dir: TempDir,
    path: PathBuf,
}

fn file(text: &str) -> ConfigFile {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("caspervpn.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    ConfigFile { _dir: dir, path }
}

fn args(path: &Path) -> Args {
    Args::new(Environment::default()).with_config(Some(path.to_owned()))
}

fn faults(args: &Args) -> Vec<String> {
    let error = Settings::load(args).expect_err("the settings are at fault");
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_file_the_defaults_hold() {
    let settings = Settings::load(&Args::default()).unwrap();

    assert_eq!(settings.server.data_dir, Path::new("/var/lib/caspervpn"));
    assert_eq!(settings.listen.local, Some(Address::Unix("/var/lib/caspervpn/caspervpn.sock".into())));
    assert_eq!(settings.server.roles, [Role::Api, Role::Agent, Role::Edge, Role::Worker]);
}

#[test]
fn a_flag_wins_over_a_variable_which_wins_over_the_file() {
    let file = file("[server]\ndata_dir = \"/from/file\"\n[log]\nlevel = \"warn\"\nformat = \"json\"\n");
    let environment = Environment::of([
        ("CASPERVPN_SERVER__DATA_DIR", "/from/variable"),
        ("CASPERVPN_LOG__LEVEL", "debug"),
    ]);
    let args = Args::new(environment).with_config(Some(file.path.clone())).with_flag(
        "--data-dir",
        "server.data_dir",
        "/from/flag",
    );

    let settings = Settings::load(&args).unwrap();

    assert_eq!(settings.server.data_dir, Path::new("/from/flag"));
    assert_eq!(settings.source("server.data_dir"), &Source::Flag("--data-dir".into()));
    assert_eq!(settings.source("log.level"), &Source::Variable("CASPERVPN_LOG__LEVEL".into()));
    assert_eq!(settings.source("log.format"), &Source::File { path: file.path.clone(), line: 5 });
    assert_eq!(settings.source("listen.api"), &Source::Default);
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let file = file(concat!(
        "[server]\n",
        "data_dri = \"/data\"\n",
        "roles = [\"api\", \"egde\"]\n",
        "[listne]\n",
        "api = \"127.0.0.1:80\"\n",
        "[limits]\n",
        "drain_s = \"soon\"\n",
        "connections = 0\n",
        "data_dir = \"/data\"\n",
    ));
    let environment =
        Environment::of([("CASPERVPN_TUNNEL__BACKEND", "kernal"), ("CASPERVPN_SERVER_DATA_DIR", "/data")]);
    let args = Args::new(environment).with_config(Some(file.path.clone())).with_set("listen.agent=8081");

    let found = faults(&args);

    let at = |line: usize| format!("{}:{line}", file.path.display());
    assert_eq!(
        found,
        [
            format!("{}: there is no key server.data_dri; did you mean server.data_dir?", at(2)),
            format!("{}: server.roles: \"egde\" is not a choice; did you mean \"edge\"?", at(3)),
            format!("{}: there is no section [listne]; did you mean [listen]?", at(5)),
            format!(
                "{}: limits.drain_s: expected a whole number from 0 to 4294967295, found a string",
                at(7)
            ),
            format!("{}: limits.connections: 0 is not between 1 and 1000000", at(8)),
            format!("{}: there is no key limits.data_dir; did you mean server.data_dir?", at(9)),
            "CASPERVPN_SERVER_DATA_DIR: this variable means nothing; write CASPERVPN_SERVER__DATA_DIR".into(),
            "CASPERVPN_TUNNEL__BACKEND: tunnel.backend: \"kernal\" is not a choice; did you mean \"kernel\"?"
                .into(),
            "--set listen.agent: listen.agent: \"8081\" is not an address to listen on; for every address write \
             [::]:8081, for this host only 127.0.0.1:8081"
                .into(),
        ]
    );
}

#[test]
fn broken_toml_is_told_with_its_line_and_the_rest_is_still_checked() {
    let file = file("[log]\nlevel = \n[tunnel]\nbackend = \"none\"\n");

    let found = faults(&args(&file.path));

    assert!(found[0].starts_with(&format!("{}:2: not TOML", file.path.display())), "{found:?}");
    assert!(found[1].contains("tunnel.backend"), "{found:?}");
}

#[test]
fn an_origin_is_exact_or_the_fault_says_what_to_write() {
    let told = |origin: &str| {
        let args = Args::default().with_set(&format!("api.allowed_origins={origin}"));
        Settings::load(&args)
            .map(|settings| settings.api.allowed_origins.len())
            .map_err(|error| error.to_string())
    };

    assert_eq!(told("https://panel.example.org,http://localhost:3000,http://[::1]:8080"), Ok(3));
    for (written, right) in [
        ("https://panel.example.org/admin", "write https://panel.example.org"),
        ("https://panel.example.org/", "write https://panel.example.org"),
        ("https://Panel.example.org:443", "write https://panel.example.org"),
        ("https://ada:secret@panel.example.org", "write https://panel.example.org"),
        ("panel.example.org", "begins with https://"),
        ("file:///etc", "begins with https://"),
        ("null", "begins with https://"),
        ("*", "with no *"),
        ("https://*.example.org", "with no *"),
    ] {
        let fault = told(written).unwrap_err();
        assert!(fault.contains("--set api.allowed_origins") && fault.contains(right), "{written}: {fault}");
        assert!(!fault.contains("secret"), "{fault}");
    }
}

#[test]
fn listeners_that_cannot_both_be_opened_are_refused() {
    let args = Args::default()
        .with_set("listen.public=[::]:8080")
        .with_set("listen.agent=127.0.0.1:0")
        .with_set(&format!("listen.local=unix:/{}", "x".repeat(120)));

    let found = faults(&args);

    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("collides with listen.api")), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("port 0")), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("at most 107 bytes")), "{found:?}");
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_refused_and_never_shown() {
    let file = file("[database]\nurl = \"postgres://casper:hunter2@db/casper\"\n");
    let private = Settings::load(&args(&file.path)).unwrap();
    fs::set_permissions(&file.path, Permissions::from_mode(0o640)).unwrap();

    let found = faults(&args(&file.path));

    assert!(found[0].contains("chmod 0600"), "{found:?}");
    let shown = format!("{:?} {:?} {found:?}", private, private.explain());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_reference_may_stand_in_a_file_that_others_can_read() {
    let file = file("[database]\nurl = \"postgres://casper@db/casper\"\npassword = \"credential:db\"\n");
    fs::set_permissions(&file.path, Permissions::from_mode(0o644)).unwrap();

    let settings = Settings::load(&args(&file.path)).unwrap();

    assert_eq!(settings.database.password.unwrap().to_string(), "credential:db");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let found = faults(&args(Path::new("/nonexistent/caspervpn.toml")));

    assert!(found[0].starts_with("/nonexistent/caspervpn.toml: cannot read the file"), "{found:?}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let environment = Environment::of([("CASPERVPN_LOG__LEVEL", "")]);

    let settings = Settings::load(&Args::new(environment)).unwrap();

    assert_eq!(settings.log.level.as_str(), "info");
}

#[test]
fn a_reload_says_what_it_applies_and_what_waits_for_a_restart() {
    let old = Settings::load(&Args::default()).unwrap();
    let args = Args::default().with_set("log.level=debug").with_set("listen.api=127.0.0.1:9090");
    let new = Settings::load(&args).unwrap();

    let diff = Settings::reload_diff(&old, &new);

    assert_eq!((diff.applied, diff.needs_restart), (vec!["log.level".into()], vec!["listen.api".into()]));
}

#[test]
fn the_documentation_names_every_key_and_no_other() {
    let page = include_str!("../../docs/CONFIGURATION.md");
    let table = page.split("## The keys").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();

    let first_cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: Vec<&str> = first_cells.map(|(key, _)| key).collect();
    let explained = Settings::default().explain();

    assert_eq!(documented, explained.iter().map(|it| it.key.as_str()).collect::<Vec<_>>());
}

#[test]
fn the_documentation_marks_the_keys_that_a_reload_applies() {
    let page = include_str!("../../docs/CONFIGURATION.md");

    for it in Settings::default().explain() {
        let start = format!("| `{}` |", it.key);
        let row = page.lines().find(|line| line.starts_with(&start)).unwrap();

        assert_eq!(row.ends_with("| · |"), it.live, "{row}");
    }
}
