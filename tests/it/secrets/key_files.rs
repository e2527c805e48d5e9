//! The master key file, and secrets by reference.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Barrier;

use caspervpn::domain::secret_reference::SecretReference;
use caspervpn::secrets::canary::{canary, check_canary};
use caspervpn::secrets::master_key::{self, LoadError, MasterKey};
use caspervpn::secrets::reference::{ResolveError, Sources, resolve};
use caspervpn::secrets::seal::Keyring;

#[test]
fn first_start_makes_a_key_only_its_owner_may_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data/master.key");

    let made = master_key::load_or_create(&path).unwrap();

    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), made.to_text().as_str());
    assert_eq!(names(path.parent().unwrap()), ["master.key"]);
}

#[test]
fn second_start_reads_the_same_key_and_leaves_the_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    let made = master_key::load_or_create(&path).unwrap();
    let written = fs::metadata(&path).unwrap().modified().unwrap();

    let read = master_key::load_or_create(&path).unwrap();

    assert_eq!(read.to_text(), made.to_text());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
}

#[test]
fn two_first_starts_at_once_agree_on_one_key() {
    for _ in 0..50 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let together = Barrier::new(2);
        let start = || {
            together.wait();
            master_key::load_or_create(&path).unwrap().to_text()
        };

        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(start);
            (start(), other.join().unwrap())
        });

        assert_eq!(one, two);
        assert_eq!(names(dir.path()), ["master.key"]);
    }
}

#[test]
fn draft_of_a_start_that_died_is_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    fs::write(dir.path().join("master.key.0123456789abcdef.new"), "half a k").unwrap();

    let made = master_key::load_or_create(&path).unwrap();

    assert_eq!(master_key::load(&path).unwrap().to_text(), made.to_text());
}

#[test]
fn key_others_may_read_is_refused_with_the_chmod_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    master_key::load_or_create(&path).unwrap();

    for mode in [0o640, 0o604, 0o644, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let err = master_key::load_or_create(&path).unwrap_err();
        assert!(matches!(err, LoadError::Exposed { .. }), "{mode:o}: {err}");
        assert!(err.to_string().contains(&format!("chmod 600 {}", path.display())), "{err}");
    }
}

#[test]
fn bad_key_files_are_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");

    for bad in
        [&b""[..], b"c2hvcnQ=\n", b"not base64 at all, but as long as a real key", &[0xff; 32], &[b'A'; 9000]]
    {
        fs::write(&path, bad).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let err = master_key::load_or_create(&path).unwrap_err();
        assert!(matches!(err, LoadError::Malformed { .. }), "{err}");
        assert_eq!(fs::read(&path).unwrap(), bad);
    }
}

#[test]
fn missing_key_of_an_old_database_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();

    let err = master_key::load(&dir.path().join("master.key")).unwrap_err();

    assert!(matches!(err, LoadError::Missing { .. }), "{err}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn directory_that_cannot_be_written_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();

    let err = master_key::load_or_create(&dir.path().join("file/master.key")).unwrap_err();

    assert!(err.to_string().contains("file/master.key"), "{err}");
}

#[test]
fn credential_of_systemd_is_read_whatever_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    let key = MasterKey::generate().unwrap();
    fs::write(&path, key.to_text().as_bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();

    let read = master_key::load_credential(&path).unwrap();

    let stored = canary(&Keyring::new(&key, &[])).unwrap();
    assert_eq!(check_canary(&Keyring::new(&read, &[]), &stored), Ok(()));
}

#[test]
fn references_read_files_and_credentials() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("smtp"), "s3cret\n").unwrap();
    fs::set_permissions(dir.path().join("smtp"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink(dir.path().join("smtp"), dir.path().join("link")).unwrap();
    let sources = Sources { env: &|_| None, credentials_directory: Some(dir.path()) };

    for text in ["credential:smtp".to_owned(), format!("file:{}/link", dir.path().display())] {
        let reference = SecretReference::parse(&text).unwrap();
        assert_eq!(resolve(&reference, sources).unwrap().as_str(), "s3cret", "{text}");
    }
}

#[test]
fn references_to_nothing_or_to_no_secret_say_which_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("large"), vec![b'x'; 70_000]).unwrap();
    fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
    let sources = Sources { env: &|_| None, credentials_directory: Some(dir.path()) };
    let err = |name: &str| {
        resolve(&SecretReference::parse(&format!("credential:{name}")).unwrap(), sources).unwrap_err()
    };

    assert!(matches!(err("large"), ResolveError::TooLong { .. }));
    assert!(matches!(err("binary"), ResolveError::Read { .. }));
    assert!(err("absent").to_string().contains(&dir.path().join("absent").display().to_string()));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
