//! The data directory: made private, and held by one process at a time.
//!
//! Invariant: SQLite's file is never opened before the lock is ours.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::runtime::ownership::give_to_owner_of;
use crate::store::error::OpenError;

/// The locked data directory. Dropping it, or the process's end however it comes, gives it free.
pub(super) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if need be and locks it.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let refuse = |source| OpenError::Directory { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refuse)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(refuse)?;
        let lock_path = path.join("lock");
        let lock = private_file(path, &lock_path).map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: lock_path }),
            Err(TryLockError::Error(source)) => Err(refuse(source)),
        }
    }

    /// Makes the database file private before SQLite sees it; its log files take over the mode.
    pub(super) fn database_file(&self) -> Result<PathBuf, OpenError> {
        let path = self.path.join("caspervpn.db");
        private_file(&self.path, &path)
            .map_err(|source| OpenError::Directory { path: self.path.clone(), source })?;
        Ok(path)
    }
}

fn private_file(directory: &Path, path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    give_to_owner_of(directory, &file)?;
    Ok(file)
}
