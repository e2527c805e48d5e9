//! Network namespaces for tests: made under names of their own, removed when dropped.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use caspervpn::vpn::netns;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whether namespaces can be made here. Without root the test is skipped, but never where that would hide a
/// failure: with `CI` or `CASPERVPN_REQUIRE_ROOT` set it fails.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn available() -> bool {
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        return true;
    }
    let required = ["CI", "CASPERVPN_REQUIRE_ROOT"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "network namespaces need root, and this run may not skip them");
    eprintln!("skipped: needs root");
    false
}

/// A network namespace of its own.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one with its loopback up. Its IPv6 addresses can be used at once: nobody looks for duplicates.
    pub(crate) fn create(purpose: &str) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = Self { name: format!("cvpn-{purpose}-{}-{count}", std::process::id()) };
        shell(&format!("ip netns add {0}; ip -n {0} link set lo up", namespace.name));
        namespace.shell("for c in all default; do echo 0 > /proc/sys/net/ipv6/conf/$c/accept_dad; done");
        namespace
    }

    /// Its name, as `ip -n` takes it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `act` on a thread inside.
    pub(crate) fn run<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                netns::enter(&self.name).unwrap();
                act()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs a shell script inside and gives what it printed.
    pub(crate) fn shell(&self, script: &str) -> String {
        self.run(|| shell(script))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Runs a script in the calling thread's namespace; it has to succeed.
fn shell(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
