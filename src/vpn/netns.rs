//! Network namespaces of Linux: which one a thread is in.
//!
//! Sockets stay in the namespace of the thread that opened them, and `/proc/sys/net` shows that of the thread
//! that reads it.
#![expect(unsafe_code, reason = "entering a namespace has no safe interface in the standard library or libc")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Moves the calling thread, and no other, into the namespace that `ip netns add NAME` made. Needs root. Use a
/// thread that ends afterwards.
pub fn enter(name: &str) -> io::Result<()> {
    let namespace = File::open(Path::new("/run/netns").join(name))?;
    // SAFETY: setns() takes no pointers, and the descriptor is open until after the call.
    let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
