//! A data directory that is gone when its holder is.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::config::environment::Environment;
use crate::secrets::random;

/// The directory.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new one, for its owner only, where temporary things belong.
    pub(super) fn make(environment: &Environment) -> io::Result<Self> {
        let parent = Path::new(environment.find("TMPDIR").unwrap_or("/tmp"));
        let suffix = random::bytes::<8>().map_err(io::Error::other)?;
        let path =
            std::path::absolute(parent)?.join(format!("caspervpn-demo-{:016x}", u64::from_be_bytes(*suffix)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_dir_all(&self.0) {
            tracing::warn!(error = %cause, "the demonstration's directory stays: {cause}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;
    use crate::config::environment::Environment;

    #[test]
    fn a_scratch_directory_is_gone_with_all_that_is_in_it() {
        let scratch = Scratch::make(&Environment::default()).unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();

        drop(scratch);

        assert!(!path.exists());
    }
}
