//! Passwords on their way in: from a prompt without echo, a file or standard input, never from an argument, which
//! every user of the machine can read.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::secrets::random;

/// Where a password comes from.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// Read the password from this file, or from standard input with `-`. One newline at its end is not part of it.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Far past the longest password the service takes.
const LONGEST_BYTES: u64 = 4096;

impl PasswordArgs {
    /// The password, where a file was given.
    pub(super) fn read(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        self.password_file.as_deref().map(from_file).transpose()
    }

    /// The password of the file, else of the person at the terminal.
    pub(super) fn read_or_ask(&self) -> Result<Zeroizing<String>, Failure> {
        match self.read()? {
            Some(password) => Ok(password),
            None => ask(),
        }
    }
}

/// Reads a password from a file, or from standard input.
pub(super) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LONGEST_BYTES).read_to_string(&mut text))
    };
    read.map_err(Failure::file("read the password from", path))?;
    let end =
        text.strip_suffix('\n').map_or(text.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    text.truncate(end);
    if text.is_empty() {
        return Err(Failure::Verb(format!("the password in {} is empty", path.display())));
    }
    Ok(text)
}

/// A password nobody thought of: five groups of four out of 32 letters and digits that are not taken for one another,
/// 100 bits.
pub(super) fn generate() -> Result<Zeroizing<String>, Failure> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes =
        random::bytes::<20>().map_err(|cause| Failure::Verb(format!("cannot make a password: {cause}")))?;
    let mut text = Zeroizing::new(String::with_capacity(24));
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(text)
}

fn ask() -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        let said = "there is no terminal to ask for the password; give --password-file FILE, or `-` for standard input";
        return Err(Failure::Verb(said.to_owned()));
    }
    let prompt = |text: &str| {
        rpassword::prompt_password(text)
            .map(Zeroizing::new)
            .map_err(Failure::terminal("ask for the password"))
    };
    let password = prompt("New password: ")?;
    if *prompt("The same again: ")? == *password {
        return Ok(password);
    }
    Err(Failure::Verb("the two passwords differ; nothing was changed".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{from_file, generate};
    use crate::secrets::password::Password;
    use std::io::Write;

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_password() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b" correct horse\n\r\n").unwrap();

        let password = from_file(file.path()).unwrap();

        assert_eq!(*password, " correct horse\n");
    }

    #[test]
    fn a_made_password_is_one_that_may_be_set_and_never_the_same() {
        let (one, other) = (generate().unwrap(), generate().unwrap());

        assert_eq!(one.len(), 24);
        assert_ne!(*one, *other);
        assert_eq!(Password::parse(one.as_str()).unwrap().weakness(&["ada"]), None);
    }

    #[test]
    fn an_empty_file_is_no_password() {
        let file = tempfile::NamedTempFile::new().unwrap();

        let refused = from_file(file.path()).unwrap_err();

        assert!(refused.to_string().contains("is empty"));
    }
}
