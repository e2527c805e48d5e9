//! Network namespaces for tests: made under names of their own, removed when dropped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use caspervpn::vpn::netns;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Ends the test where it cannot make namespaces, interfaces and mounts. `make test` leaves such tests out there, so that
/// they count as skipped; no test passes that did not run.
#[track_caller]
pub(crate) fn needs_root() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    // CAP_NET_ADMIN is 12 and CAP_SYS_ADMIN is 21 in linux/capability.h.
    let needed = (1_u64 << 12) | (1 << 21);
    let rights = u64::from_str_radix(effective, 16).unwrap() & needed;
    assert_eq!(
        rights, needed,
        "this test needs root; packaging/scripts/test.sh leaves it out where there is none"
    );
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
        // A killed run may have left one behind whose process had our id.
        shell(&format!(
            "ip netns del {0} 2>/dev/null || true; ip netns add {0}; ip -n {0} link set lo up",
            namespace.name
        ));
        namespace.shell("for c in all default; do echo 0 > /proc/sys/net/ipv6/conf/$c/accept_dad; done");
        namespace
    }

    /// Lets programs that `ip netns exec` starts inside ask this name server.
    pub(crate) fn resolve_by(&self, server: &str) {
        let folder = self.resolver_folder();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("resolv.conf"), format!("nameserver {server}\n")).unwrap();
    }

    /// Of ip-netns(8).
    fn resolver_folder(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
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
        // Most have none.
        let _ = std::fs::remove_dir_all(self.resolver_folder());
    }
}

/// Runs a script in the calling thread's namespace; it has to succeed.
fn shell(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
