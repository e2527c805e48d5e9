//! A stock client: Debian's wireguard-go, which holds one interface while it runs.

use std::process::{Child, Command};
use std::time::Duration;

/// One start in some hundreds ends at once with "Failed to listen on uapi socket: no such file or directory": wireguard-go
/// looks for its socket before it is there. That is the client's fault and not what a test is about, so it starts again.
pub(crate) const STARTS: usize = 5;
pub(crate) const LOST_RACE: &str = "Failed to listen on uapi socket";

/// A running wireguard-go. Dropping it ends the program, and with it its interface.
pub(crate) struct WireguardGo {
    child: Child,
    interface: String,
}

impl WireguardGo {
    /// Starts one in a namespace, and comes back when `wg` can set its interface up. Interface names are taken for the
    /// whole machine: each has a socket of its name in /run/wireguard.
    pub(crate) fn start(namespace: &str, interface: &str) -> Self {
        for _ in 1..=STARTS {
            // It says on its standard output what it failed at, and only its banner on the other.
            let log = tempfile::NamedTempFile::new().unwrap();
            let child = Command::new("ip")
                .args(["netns", "exec", namespace, "wireguard-go", "-f", interface])
                .env("WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD", "1")
                .stdout(log.as_file().try_clone().unwrap())
                .stderr(log.as_file().try_clone().unwrap())
                .spawn()
                .unwrap();
            let mut client = Self { child, interface: interface.to_owned() };
            if client.answers(namespace) {
                return client;
            }
            let said = std::fs::read_to_string(log.path()).unwrap();
            assert!(said.contains(LOST_RACE), "wireguard-go for {interface} does not answer: {said}");
        }
        panic!("wireguard-go for {interface} lost its race {STARTS} times");
    }

    /// Whether `wg` reaches it within 10 s.
    fn answers(&mut self, namespace: &str) -> bool {
        for _ in 0..200 {
            let show = Command::new("ip")
                .args(["netns", "exec", namespace, "wg", "show", &self.interface])
                .output()
                .unwrap();
            if show.status.success() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for WireguardGo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(format!("/run/wireguard/{}.sock", self.interface));
    }
}
