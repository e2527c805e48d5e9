//! Certificates that somebody else keeps as files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::tls::certificate::{CertificateError, ServedCertificate};

/// A certificate's files that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file that cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Files that do not make a certificate.
    #[error("serve the certificate of {}", path.display())]
    Content {
        /// What the setting names.
        path: PathBuf,
        /// Why.
        #[source]
        cause: CertificateError,
    },
}

/// Reads a certificate from a directory with `fullchain.pem` and `privkey.pem`, as certbot keeps it, or from a file with
/// the chain. The key is in that file too, or beside it under the ending `.key`.
///
/// # Errors
/// [`FilesError`] with the file to look at.
pub fn read(at: &Path) -> Result<ServedCertificate, FilesError> {
    let content = |cause| FilesError::Content { path: at.to_owned(), cause };
    if at.is_dir() {
        let chain = text(&at.join("fullchain.pem"))?;
        let key = text(&at.join("privkey.pem"))?;
        return ServedCertificate::from_pem(&chain, &key).map_err(content);
    }
    let chain = text(at)?;
    match ServedCertificate::from_pem(&chain, &chain) {
        Err(CertificateError::NoKey) => {
            let key = text(&at.with_extension("key"))?;
            ServedCertificate::from_pem(&chain, &key).map_err(content)
        }
        read => read.map_err(content),
    }
}

fn text(path: &Path) -> Result<Zeroizing<Vec<u8>>, FilesError> {
    let read = fs::read(path).map(Zeroizing::new);
    read.map_err(|cause| FilesError::Read { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::{FilesError, read};
    use crate::domain::time::Timestamp;
    use crate::tls::certificate::{CertificateError, PemPair};
    use crate::tls::self_signed;
    use std::fs;

    fn pair(name: &str) -> PemPair {
        self_signed::make(vec![name.to_owned()], Timestamp::from_millis(1_800_000_000_000)).unwrap()
    }

    #[test]
    fn each_way_of_keeping_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let PemPair { chain, key } = pair("a.example");
        fs::write(at("fullchain.pem"), &chain).unwrap();
        fs::write(at("privkey.pem"), key.as_bytes()).unwrap();
        fs::write(at("both.pem"), format!("{}{chain}", key.as_str())).unwrap();
        fs::write(at("beside.crt"), &chain).unwrap();
        fs::write(at("beside.key"), key.as_bytes()).unwrap();

        for path in [directory.path().to_owned(), at("both.pem"), at("beside.crt")] {
            assert_eq!(read(&path).unwrap().facts.names, ["a.example"], "{}", path.display());
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file_that_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("other.crt"), pair("a.example").chain).unwrap();
        fs::write(at("other.key"), pair("b.example").key.as_bytes()).unwrap();
        fs::write(at("lone.crt"), pair("a.example").chain).unwrap();
        fs::write(at("empty.pem"), "").unwrap();
        fs::write(at("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .unwrap();
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        fs::write(at("locked.pem"), format!("{}{locked}", pair("a.example").chain)).unwrap();

        let content = |name: &str| match read(&at(name)) {
            Err(FilesError::Content { path, cause }) if path == at(name) => cause,
            other => panic!("{name}: {other:?}"),
        };
        assert!(matches!(content("other.crt"), CertificateError::Mismatch));
        assert!(matches!(content("empty.pem"), CertificateError::NoCertificate));
        assert!(matches!(content("broken.pem"), CertificateError::Certificate(_)));
        assert!(matches!(content("locked.pem"), CertificateError::Encrypted));
        assert!(
            matches!(read(&at("lone.crt")), Err(FilesError::Read { path, .. }) if path == at("lone.key"))
        );
        assert!(
            matches!(read(&at("none.pem")), Err(FilesError::Read { path, .. }) if path == at("none.pem"))
        );
    }
}
