//! A new master key in the place of the old one.
//!
//! Invariants: at every moment, a crash included, the files hold each key that a value may be sealed with. The file of an
//! old key is never removed: what was backed up before opens with nothing else.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::secrets::master_key::{LoadError, MasterKey, folder_of, load, write_draft};
use crate::secrets::seal::Keyring;

/// A new key, safe on the disk beside the old one and not yet in its place.
#[derive(Debug)]
pub struct Rotation {
    key: MasterKey,
    path: PathBuf,
    draft: Draft,
}

/// Removes itself where it did not become the key.
#[derive(Debug)]
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // There is nothing left to remove where it became the key.
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes a new key for this place. What can fail for want of room or rights fails here.
///
/// # Errors
/// [`LoadError`]; the old key is still the one in place.
pub fn prepare(path: &Path) -> Result<Rotation, LoadError> {
    let key = MasterKey::generate().map_err(LoadError::Random)?;
    let draft = write_draft(path, &key).map_err(|cause| create_failed(path, cause))?;
    Ok(Rotation { key, path: path.to_owned(), draft: Draft(draft) })
}

impl Rotation {
    /// The new key.
    pub fn key(&self) -> &MasterKey {
        &self.key
    }

    /// Puts the new key into its place; the old one is then the previous one.
    ///
    /// # Errors
    /// [`LoadError`]; the old key is still the one in place.
    pub fn commit(self) -> Result<MasterKey, LoadError> {
        let Self { key, path, draft } = self;
        put(&path, &draft.0).map_err(|cause| create_failed(&path, cause))?;
        Ok(key)
    }
}

fn put(path: &Path, draft: &Path) -> io::Result<()> {
    let previous = previous_path(path);
    match fs::hard_link(path, &previous) {
        Ok(()) => {}
        // What a crash left between the two steps below is the key itself under a second name.
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists && is_same(path, &previous)? => {}
        Err(err) => return Err(err),
    }
    let folder = File::open(folder_of(path))?;
    folder.sync_all()?;
    fs::rename(draft, path)?;
    folder.sync_all()
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// The key that was in this place before, while values may still be sealed with it.
///
/// # Errors
/// [`LoadError`] when it is there and cannot be used.
pub fn load_previous(path: &Path) -> Result<Option<MasterKey>, LoadError> {
    match load(&previous_path(path)) {
        Ok(key) => Ok(Some(key)),
        Err(LoadError::Missing { .. }) => Ok(None),
        Err(err) => Err(err),
    }
}

/// Puts the previous key aside, under a name that no start reads; says where. For when nothing is sealed with it.
///
/// # Errors
/// [`LoadError`] when its file cannot be read or renamed.
pub fn retire_previous(path: &Path) -> Result<Option<PathBuf>, LoadError> {
    let Some(key) = load_previous(path)? else { return Ok(None) };
    let id = Keyring::new(&key, &[]).current_id();
    let retired = beside(path, &format!("retired-{id}"));
    fs::rename(previous_path(path), &retired)
        .and_then(|()| File::open(folder_of(path))?.sync_all())
        .map_err(|cause| create_failed(&retired, cause))?;
    Ok(Some(retired))
}

fn previous_path(path: &Path) -> PathBuf {
    beside(path, "previous")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn create_failed(path: &Path, cause: io::Error) -> LoadError {
    LoadError::Create { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::{beside, load_previous, prepare, previous_path, retire_previous};
    use crate::secrets::master_key::{load, load_or_create};
    use crate::secrets::seal::{KeyId, Keyring};
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_old_key_stays_beside_the_new_one_and_then_under_its_own_name() {
        let (dir, path) = place();
        let old = id(&path);

        prepare(&path).unwrap().commit().unwrap();

        assert_ne!(id(&path), old);
        assert_eq!(load_previous(&path).unwrap().map(|key| Keyring::new(&key, &[]).current_id()), Some(old));
        let retired = retire_previous(&path).unwrap().unwrap();
        assert_eq!((load_previous(&path).unwrap().is_none(), id(&retired)), (true, old));
        assert_eq!(retire_previous(&path).unwrap(), None, "once more is no error");
        assert_eq!(names(dir.path()), ["master.key".to_owned(), format!("master.key.retired-{old}")]);
    }

    #[test]
    fn a_rotation_that_is_given_up_leaves_the_key_and_nothing_else() {
        let (dir, path) = place();
        let old = id(&path);

        drop(prepare(&path).unwrap());

        assert_eq!((id(&path), names(dir.path())), (old, vec!["master.key".to_owned()]));
    }

    #[test]
    fn a_crash_before_the_new_key_is_in_place_leaves_a_rotation_that_can_begin_again() {
        let (_dir, path) = place();
        let old = id(&path);
        fs::hard_link(&path, previous_path(&path)).unwrap();
        assert_eq!(id(&path), old);

        prepare(&path).unwrap().commit().unwrap();

        assert_eq!(id(&previous_path(&path)), old);
    }

    #[test]
    fn the_only_copy_of_an_older_key_is_never_overwritten() {
        let (_dir, path) = place();
        prepare(&path).unwrap().commit().unwrap();
        let (current, previous) = (id(&path), id(&previous_path(&path)));

        prepare(&path).unwrap().commit().unwrap_err();

        assert_eq!((id(&path), id(&previous_path(&path))), (current, previous));
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        load_or_create(&path).unwrap();
        assert_eq!(beside(&path, "x").file_name().unwrap(), "master.key.x");
        (dir, path)
    }

    fn id(path: &Path) -> KeyId {
        Keyring::new(&load(path).unwrap(), &[]).current_id()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}
