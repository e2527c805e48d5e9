//! Password hashes and keys against the implementations that the rest of the world uses.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use caspervpn::secrets::keypair::KeyPair;
use caspervpn::secrets::password::{Password, PasswordHash, PasswordWork, Verdict};

use super::run;

#[tokio::test]
async fn libcrypt_verifies_our_hashes() {
    let password = "correct horse båttery";
    let hash = work().hash(&Password::parse(password).unwrap()).await.unwrap();

    let theirs = crypt(password, hash.as_str());

    assert_eq!(theirs, hash.as_str());
}

#[tokio::test]
async fn we_verify_what_libcrypt_hashed() {
    let password = "x".repeat(71);

    for salt in
        ["$2a$10$abcdefghijklmnopqrstuu", "$2b$12$abcdefghijklmnopqrstuu", "$2y$10$abcdefghijklmnopqrstuu"]
    {
        let theirs = PasswordHash::parse(&crypt(&password, salt)).unwrap();
        let verdict = work().verify(&Password::parse(password.as_str()).unwrap(), Some(&theirs)).await;
        assert_eq!(verdict, Ok(Verdict::Right { needs_rehash: !salt.starts_with("$2b$12$") }), "{salt}");
    }
}

#[test]
fn wg_derives_the_same_public_key() {
    let pair = KeyPair::generate().unwrap();

    let mut wg =
        Command::new("wg").arg("pubkey").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(wg.stdin.take().unwrap(), "{}", *pair.private.expose_base64()).unwrap();
    let theirs = wg.wait_with_output().unwrap();

    assert_eq!(String::from_utf8(theirs.stdout).unwrap().trim_end(), pair.public.to_string());
}

/// crypt(3) of the system, through perl, which every Debian has.
fn crypt(password: &str, setting: &str) -> String {
    let output = run("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, setting]);
    String::from_utf8(output.stdout).unwrap()
}

fn work() -> PasswordWork {
    PasswordWork::new(Tasks::current(Arc::new(SystemClock::new())), 1, 1)
}
