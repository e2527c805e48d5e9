//! The master key: where it comes from.
//!
//! Invariants: no key is lost by a file's being overwritten, and a new key is made only when the caller says that this is
//! the first start, or asks for another one ([`rotation`]). A key that replaced a lost one would make every sealed value of the database garbage in silence.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::runtime::ownership::give_to_owner_of;
use crate::secrets::random::{self, RandomError};

pub mod rotation;

/// 32 random bytes from which every key of this installation is derived.
#[derive(ZeroizeOnDrop)]
pub struct MasterKey([u8; Self::BYTES]);

impl MasterKey {
    /// Size of the key.
    pub const BYTES: usize = 32;

    /// A new random key.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(*random::bytes()?))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the text form: 32 bytes in base64 with padding, white space around it ignored.
    ///
    /// # Errors
    /// [`MalformedKey`], which says what was found without repeating it.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let text = text.trim_ascii();
        let decoded = STANDARD.decode(text).map(Zeroizing::new);
        let decoded = decoded.map_err(|_| MalformedKey { characters: text.len() })?;
        let bytes = decoded.as_slice().try_into().map_err(|_| MalformedKey { characters: text.len() })?;
        Ok(Self(bytes))
    }

    /// The text form, as the key file holds it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// Derives key material for one named purpose (HKDF-SHA-256, RFC 5869).
    ///
    /// Another purpose gives independent bytes. `out` holds at most 8160 bytes, HKDF's limit.
    pub(super) fn derive(&self, purpose: &[u8], out: &mut [u8]) {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"caspervpn master key").extract(&self.0);
        let info = [purpose];
        #[expect(
            clippy::expect_used,
            reason = "callers in this folder ask for at most 32 bytes, HKDF gives 8160"
        )]
        prk.expand(&info, DerivedLength(out.len()))
            .and_then(|okm| okm.fill(out))
            .expect("within HKDF's limit");
    }
}

/// The master keys that a process starts with.
#[derive(Debug)]
pub struct MasterKeys {
    /// The key that seals.
    pub current: MasterKey,
    /// Keys that only open.
    pub previous: Vec<MasterKey>,
    /// Where the first one comes from.
    pub place: KeyPlace,
}

/// Where a master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file of the service's own, in which it may put another key.
    Own(PathBuf),
    /// A place that others look after, in words.
    Elsewhere(String),
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(path) => path.display().fmt(f),
            Self::Elsewhere(place) => f.write_str(place),
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// Length of derived key material, for HKDF's interface.
struct DerivedLength(usize);

impl hkdf::KeyType for DerivedLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// Text that is no master key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a master key is 32 bytes in base64, which is 44 characters (`openssl rand -base64 32` makes one); \
     these {characters} characters are not"
)]
pub struct MalformedKey {
    characters: usize,
}

/// Reads the key from a file that only its owner may read.
///
/// # Errors
/// [`LoadError`]; each message says what to do.
pub fn load(path: &Path) -> Result<MasterKey, LoadError> {
    let key = read(path)?;
    let mode = key.mode & 0o777;
    if mode & 0o077 != 0 {
        return Err(LoadError::Exposed { path: path.to_owned(), mode });
    }
    parse(path, &key.text)
}

/// Reads the key from a systemd credential.
///
/// Its mode is not checked: systemd grants access by an ACL, which `stat` shows as a group bit.
///
/// # Errors
/// [`LoadError`]; each message says what to do.
pub fn load_credential(path: &Path) -> Result<MasterKey, LoadError> {
    let key = read(path)?;
    parse(path, &key.text)
}

/// Reads the key file, or makes it when there is none. Only for a first start, when nothing is sealed yet.
///
/// A crash leaves either no key file or a whole one: it is written under another name, synced, and linked into place.
///
/// # Errors
/// [`LoadError`]; each message says what to do.
pub fn load_or_create(path: &Path) -> Result<MasterKey, LoadError> {
    match load(path) {
        Err(LoadError::Missing { .. }) => {}
        Ok(key) => return Ok(key),
        Err(err) => return Err(err),
    }
    let key = MasterKey::generate().map_err(LoadError::Random)?;
    match create(path, &key) {
        Ok(()) => Ok(key),
        // Another process was first; its key is the one that lasts.
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => load(path),
        Err(cause) => Err(LoadError::Create { path: path.to_owned(), cause }),
    }
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such file.
    #[error(
        "the master key {} is not there; restore it from its backup, or give its place in `master_key` \
         (without it no stored key can be read)",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others may read it.
    #[error(
        "the master key {path} may be read by others (mode {mode:04o}); run: chmod 600 {path}",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key.
    #[error("the master key {} cannot be used", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: MalformedKey,
    },
    /// The file could not be read.
    #[error("read the master key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// The file could not be made.
    #[error("make the master key {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// No randomness for a new key.
    #[error("make a master key")]
    Random(#[source] RandomError),
}

struct KeyFile {
    text: Zeroizing<String>,
    mode: u32,
}

fn read(path: &Path) -> Result<KeyFile, LoadError> {
    let failed = |cause: io::Error| {
        if cause.kind() == io::ErrorKind::NotFound {
            LoadError::Missing { path: path.to_owned() }
        } else {
            LoadError::Read { path: path.to_owned(), cause }
        }
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE_BYTES));
    match file.take(LONGEST_FILE_BYTES as u64).read_to_string(&mut text) {
        Ok(_) => Ok(KeyFile { text, mode }),
        Err(err) if err.kind() == io::ErrorKind::InvalidData => {
            text.zeroize();
            Ok(KeyFile { text, mode })
        }
        Err(err) => Err(failed(err)),
    }
}

fn parse(path: &Path, text: &str) -> Result<MasterKey, LoadError> {
    MasterKey::parse(text).map_err(|cause| LoadError::Malformed { path: path.to_owned(), cause })
}

fn create(path: &Path, key: &MasterKey) -> io::Result<()> {
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = write_draft(path, key)?;
    let linked = fs::hard_link(&draft, path);
    let removed = fs::remove_file(&draft);
    linked.and(removed)?;
    File::open(folder)?.sync_all()
}

/// The folder of a file, which a bare name leaves out.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a key under a name of its own beside its place; leaves nothing where that fails.
fn write_draft(path: &Path, key: &MasterKey) -> io::Result<PathBuf> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}.new", u64::from_ne_bytes(*random::bytes().map_err(io::Error::other)?)));
    let draft = PathBuf::from(draft);
    write_synced(folder_of(path), &draft, key).inspect_err(|_| {
        // The first failure is the one to tell; what cannot be removed holds a key that seals nothing.
        let _ = fs::remove_file(&draft);
    })?;
    Ok(draft)
}

fn write_synced(folder: &Path, path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut text = key.to_text();
    text.push('\n');
    file.write_all(text.as_bytes())?;
    give_to_owner_of(folder, &file)?;
    file.sync_all()
}

/// Far past any key file, so that a wrong path to a large file is not read whole.
const LONGEST_FILE_BYTES: usize = 4096;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_text_reads_back() {
        let key = MasterKey::generate().unwrap();

        assert_eq!(MasterKey::parse(&format!("{}\n", *key.to_text())).unwrap().0, key.0);
    }

    #[test]
    fn debug_and_errors_do_not_show_the_key() {
        let err = MasterKey::parse("hunter2hunter2").unwrap_err();

        assert_eq!(format!("{:?}", MasterKey::from_bytes([1; 32])), "MasterKey(***)");
        assert!(!format!("{err} {err:?}").contains("hunter2"));
    }
}
