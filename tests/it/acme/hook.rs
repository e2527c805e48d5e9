//! dns-01 by a program of the operator's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use caspervpn::tls::dns_hook::{DnsHook, DnsHookError};
use tempfile::TempDir;

#[tokio::test]
async fn the_program_is_told_what_to_do_and_nothing_of_us() {
    let (files, hook) =
        hook(r#"at=$(dirname "$0"); echo "$# $*" >>"$at/calls"; env | cut -d= -f1 >"$at/env""#);

    hook.set("vpn.example.org", "-text of $(reboot)").await.unwrap();
    hook.clear("vpn.example.org", "-text of $(reboot)").await.unwrap();

    let read = |name: &str| fs::read_to_string(files.path().join(name)).unwrap();
    assert_eq!(
        read("calls"),
        "3 set _acme-challenge.vpn.example.org -text of $(reboot)\n\
         3 clear _acme-challenge.vpn.example.org -text of $(reboot)\n"
    );
    let mut names: Vec<_> = read("env").lines().map(str::to_owned).collect();
    names.retain(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(&name.as_str()));
    assert_eq!(names, ["PATH"], "the shell adds the rest by itself");
}

#[tokio::test]
async fn a_program_that_fails_is_quoted_and_one_that_hangs_is_ended() {
    let (_files, failing) = hook("printf 'no such zone\\033[31m\\n' >&2; yes | head -c 1000000 >&2; exit 3");
    let (_more, hanging) = hook("exec sleep 600");
    let hanging = DnsHook { patience: Duration::from_millis(300), ..hanging };
    let gone = DnsHook { program: "/nowhere/hook".into(), ..hanging.clone() };

    let failed = failing.set("a.example", "x").await.unwrap_err().to_string();
    assert!(failed.contains("exit status: 3: no such zone [31m y y"), "{failed}");
    assert!(failed.len() < 700 && !failed.contains(char::is_control), "{failed}");
    assert!(matches!(hanging.set("a.example", "x").await, Err(DnsHookError::TooSlow { .. })));
    assert!(matches!(gone.set("a.example", "x").await, Err(DnsHookError::Start { .. })));
}

fn hook(script: &str) -> (TempDir, DnsHook) {
    let files = tempfile::tempdir().unwrap();
    let program = files.path().join("hook");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (files, DnsHook { program, patience: DnsHook::PATIENCE })
}
