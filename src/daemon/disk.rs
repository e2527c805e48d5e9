//! How much room the data directory's disk has.

use std::io;
use std::path::Path;

/// Bytes that this process may still write there.
///
/// # Errors
/// When the directory is not there or its file system does not say.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
