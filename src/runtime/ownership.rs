//! Whose a file in the data directory is.
//!
//! Invariant: what root makes in the service's directory belongs to the service, so that it can be read after a verb of
//! root's was the first to run.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Gives a file to the owner of its directory, where it is somebody else's.
///
/// # Errors
/// When either cannot be looked at, or the file is not ours to give.
pub fn give_to_owner_of(directory: &Path, file: &File) -> io::Result<()> {
    let (owner, ours) = (directory.metadata()?, file.metadata()?);
    if ours.uid() == owner.uid() {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}
