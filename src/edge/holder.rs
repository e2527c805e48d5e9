//! Who has a port that somebody else wants.

use std::net::{IpAddr, SocketAddr};

use procfs::process::FDTarget;

/// The process that listens where `at` would, where this user may see it: its name and number.
pub fn tcp_holder(at: SocketAddr) -> Option<String> {
    let mut entries = procfs::net::tcp().unwrap_or_default();
    entries.extend(procfs::net::tcp6().unwrap_or_default());
    let holds = |local: SocketAddr| {
        local.port() == at.port()
            && (local.ip() == at.ip() || local.ip().is_unspecified() || at.ip().is_unspecified())
    };
    let listening = |state: &procfs::net::TcpState| *state == procfs::net::TcpState::Listen;
    entries.iter().find(|it| listening(&it.state) && holds(it.local_address)).and_then(|it| holder(it.inode))
}

/// The same of a UDP port.
pub fn udp_holder(port: u16) -> Option<String> {
    let mut entries = procfs::net::udp().unwrap_or_default();
    entries.extend(procfs::net::udp6().unwrap_or_default());
    let mine = |ip: IpAddr| ip.is_unspecified() || ip.is_ipv4();
    let entry = entries.iter().find(|it| it.local_address.port() == port && mine(it.local_address.ip()));
    entry.and_then(|it| holder(it.inode))
}

/// The process that has the socket open, where this user may see it.
fn holder(inode: u64) -> Option<String> {
    let has = |process: &procfs::process::Process| {
        let open = process.fd().ok()?;
        open.flatten()
            .any(|fd| matches!(fd.target, FDTarget::Socket(socket) if socket == inode))
            .then_some(())
    };
    let process = procfs::process::all_processes().ok()?.flatten().find(|process| has(process).is_some())?;
    let name = process.stat().map(|stat| stat.comm).unwrap_or_default();
    Some(format!("{name} (process {})", process.pid()))
}
