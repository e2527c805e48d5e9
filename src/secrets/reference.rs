//! Resolves secret references of this machine: from `env:`, `file:` and `credential:` to the secret. Those that a server
//! is asked for are `secret_store`'s.
//!
//! Invariant: the environment is not read here. The caller, who got it from `config/`, passes it as [`Sources`].

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::secret_reference::{CredentialName, SecretReference};

/// Where references are looked up.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The value of `$CREDENTIALS_DIRECTORY`, when systemd gave one.
    pub credentials_directory: Option<&'a Path>,
}

/// Fetches the secret a reference names. One trailing line end is not part of it.
///
/// # Errors
/// [`ResolveError`], which names the reference and never the value.
pub fn resolve(reference: &SecretReference, sources: Sources<'_>) -> Result<Zeroizing<String>, ResolveError> {
    let secret = match reference {
        SecretReference::Env(name) => (sources.env)(name.as_str())
            .map(Zeroizing::new)
            .ok_or_else(|| ResolveError::Unset { name: name.as_str().to_owned() })?,
        SecretReference::File(path) => read(path.as_path(), EXPOSED)?,
        // systemd grants access by an ACL, which `stat` shows as a group bit.
        SecretReference::Credential(name) => read(&credential(name, sources)?, 0)?,
        SecretReference::Vault(..) | SecretReference::AwsSm(..) => {
            return Err(ResolveError::Remote { reference: reference.clone() });
        }
    };
    let text = secret.strip_suffix('\n').unwrap_or(&secret);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(ResolveError::Empty { reference: reference.clone() });
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Why a secret could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No such environment variable.
    #[error("the environment variable {name} is not set (or is not UTF-8)")]
    Unset {
        /// Its name.
        name: String,
    },
    /// A credential was named, but the process has none.
    #[error(
        "credential:{name} needs systemd's LoadCredential={name}:… in the unit; $CREDENTIALS_DIRECTORY is not set"
    )]
    NoCredentials {
        /// Name of the credential.
        name: String,
    },
    /// The file could not be read.
    #[error("read the secret in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// Others may read or change it.
    #[error(
        "the secret in {path} may be read by everybody or changed by others (mode {mode:04o}); run: chmod o=,g-w {path}",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A server has to be asked for it.
    #[error("{reference} is in a store of secrets, which is not asked here")]
    Remote {
        /// The reference.
        reference: SecretReference,
    },
    /// Too long for any secret.
    #[error("the secret in {} is longer than {LONGEST_SECRET_BYTES} bytes; is the path right?", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("the secret at {reference} is empty")]
    Empty {
        /// The reference.
        reference: SecretReference,
    },
}

fn credential(name: &CredentialName, sources: Sources<'_>) -> Result<PathBuf, ResolveError> {
    let folder = sources.credentials_directory;
    folder
        .map(|folder| folder.join(name.as_str()))
        .ok_or_else(|| ResolveError::NoCredentials { name: name.as_str().to_owned() })
}

/// Reads a file that must have none of these permission bits.
fn read(path: &Path, exposed: u32) -> Result<Zeroizing<String>, ResolveError> {
    let failed = |cause| ResolveError::Read { path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & exposed != 0 {
        return Err(ResolveError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_SECRET_BYTES + 1));
    let read = file.take(LONGEST_SECRET_BYTES as u64 + 1).read_to_string(&mut text);
    match read {
        Ok(size) if size > LONGEST_SECRET_BYTES => Err(ResolveError::TooLong { path: path.to_owned() }),
        Ok(_) => Ok(text),
        Err(cause) => {
            text.zeroize();
            Err(failed(cause))
        }
    }
}

/// Writing by the group, and anything by everybody. A group that reads is how a service gets a file of root's.
const EXPOSED: u32 = 0o027;

/// Room for a certificate chain with its key, and no more.
const LONGEST_SECRET_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_is_looked_up_without_its_line_end() {
        let sources = Sources { env: &|name| (name == "TOKEN").then(|| "s3cret\r\n".to_owned()), ..NONE };

        assert_eq!(*resolve(&parse("env:TOKEN"), sources).unwrap(), "s3cret");
        assert!(matches!(resolve(&parse("env:OTHER"), sources), Err(ResolveError::Unset { .. })));
    }

    #[test]
    fn empty_secret_is_refused() {
        let sources = Sources { env: &|_| Some("\n".to_owned()), ..NONE };

        assert!(matches!(resolve(&parse("env:TOKEN"), sources), Err(ResolveError::Empty { .. })));
    }

    #[test]
    fn credential_without_systemd_says_what_the_unit_lacks() {
        let err = resolve(&parse("credential:smtp"), NONE).unwrap_err();

        assert!(err.to_string().contains("LoadCredential=smtp"), "{err}");
    }

    fn parse(text: &str) -> SecretReference {
        SecretReference::parse(text).unwrap()
    }

    const NONE: Sources<'static> = Sources { env: &|_| None, credentials_directory: None };
}
