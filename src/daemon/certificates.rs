//! Which certificates this process serves, and where they come from.
//!
//! Invariant: a certificate never keeps the service from starting, and one that could be read stays in force until a better
//! one can be.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::app::certificates::{Found, ServedItem};
use crate::domain::certificate::CertificateSource;
use crate::domain::renewal::Lifetime;
use crate::domain::time::Timestamp;
use crate::runtime::clock::Clock;
use crate::runtime::job::{Job, Jobs};
use crate::runtime::readiness::Readiness;
use crate::telemetry::chain::chain;
use crate::telemetry::names;
use crate::tls::certificate::{CertificateFacts, ServedCertificate};
use crate::tls::served::ServedCertificates;
use crate::tls::{files, self_signed};

/// The certificates of the process. Cloning it gives another handle to the same ones.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    served: ServedCertificates,
    last_resort: Option<ServedCertificate>,
    readiness: Readiness,
    clock: Arc<dyn Clock>,
    files: Mutex<Files>,
    ordered: Mutex<Ordered>,
    others: Mutex<Vec<ServedItem>>,
}

/// What the service has ordered, and what is wrong with the ordering.
#[derive(Debug, Default)]
struct Ordered {
    certificates: Vec<ServedCertificate>,
    problems: Vec<String>,
}

#[derive(Debug, Default)]
struct Files {
    paths: Vec<PathBuf>,
    read: HashMap<PathBuf, ServedCertificate>,
    faults: HashMap<PathBuf, String>,
}

impl Certificates {
    /// Reads the certificates at `paths`. `data_dir` is where the one of last resort is, or is made; none where nothing of
    /// this process takes TLS.
    pub fn open(
        data_dir: Option<&Path>,
        paths: &[PathBuf],
        readiness: Readiness,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let kept = Kept {
            served: ServedCertificates::default(),
            last_resort: data_dir
                .and_then(|directory| last_resort(&directory.join(LAST_RESORT), clock.now())),
            readiness,
            clock,
            files: Mutex::default(),
            ordered: Mutex::default(),
            others: Mutex::default(),
        };
        let certificates = Self(Arc::new(kept));
        certificates.set_files(paths);
        certificates
    }

    /// Tells the log what is served.
    pub fn announce(&self) {
        for facts in self.0.served.facts() {
            info!(
                certificate.names = %names_of(&facts),
                certificate.not_after = %facts.not_after,
                certificate.fingerprint = %facts.fingerprint,
                "serving the certificate of {} by {}, until {}, SHA-256 {}",
                names_of(&facts), facts.issuer, facts.not_after, facts.fingerprint
            );
        }
    }

    /// What handshakes choose from.
    pub fn served(&self) -> ServedCertificates {
        self.0.served.clone()
    }

    /// Takes these files instead of those before.
    pub fn set_files(&self, paths: &[PathBuf]) {
        self.0.files().paths = paths.to_vec();
        self.0.refresh();
    }

    /// Takes these that were ordered instead of those before, behind those in files.
    pub fn set_ordered(&self, certificates: Vec<ServedCertificate>) {
        self.0.ordered().certificates = certificates;
        self.0.refresh();
    }

    /// Notes what is wrong with the ordering.
    pub fn note_problems(&self, problems: Vec<String>) {
        self.0.ordered().problems = problems;
    }

    /// Those that are served and were not ordered, a row for each name.
    pub fn others(&self) -> Vec<ServedItem> {
        self.0.others.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The fingerprint a person has to compare, where no authority vouches for the certificate.
    pub fn fingerprint(&self) -> Option<String> {
        let facts = self.0.served.facts();
        facts.into_iter().next().filter(|first| first.is_self_signed).map(|first| first.fingerprint)
    }

    /// Follows the files: whoever renews a certificate need not tell.
    pub fn follow(&self, jobs: &Jobs) {
        let kept = Arc::clone(&self.0);
        jobs.start(Job::new("certificate-files", LOOK_EVERY, move || {
            kept.refresh();
            async {}
        }));
    }
}

impl Kept {
    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ordered(&self) -> std::sync::MutexGuard<'_, Ordered> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self) {
        let now = self.clock.now();
        let mut files = self.files();
        files.read_again();
        let mut all: Vec<_> = files.paths.iter().filter_map(|path| files.read.get(path)).cloned().collect();
        let mut others = rows(CertificateSource::File, &all);
        let ordered = self.ordered();
        all.extend(ordered.certificates.iter().cloned());
        if all.is_empty() {
            all.extend(self.last_resort.clone());
            others = rows(CertificateSource::SelfSigned, &all);
        }
        self.served.set(&all, now);
        *self.others.lock().unwrap_or_else(PoisonError::into_inner) = others;
        self.tell(&files, &ordered.problems, &all, now);
    }

    fn tell(&self, files: &Files, ordering: &[String], all: &[ServedCertificate], now: Timestamp) {
        for ServedCertificate { facts, .. } in all.iter().rev() {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point")]
            let ends = facts.not_after.as_seconds() as f64;
            metrics::gauge!(names::TLS_CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS.name, "name" => names_of(facts))
                .set(ends);
        }
        let expired =
            all.iter().filter(|certificate| !certificate.facts.is_valid_at(now)).map(|certificate| {
                format!("the certificate of {} is out of its time", names_of(&certificate.facts))
            });
        let problems: Vec<_> = files.faults.values().chain(ordering).cloned().chain(expired).collect();
        match problems.join("; ") {
            none if none.is_empty() => self.readiness.clear_note("certificates"),
            problems => self.readiness.note("certificates", problems),
        }
    }
}

impl Files {
    /// A fault is logged once, however often it is met.
    fn read_again(&mut self) {
        self.read.retain(|path, _| self.paths.contains(path));
        self.faults.retain(|path, _| self.paths.contains(path));
        for path in &self.paths {
            match files::read(path) {
                Ok(certificate) => {
                    if self.faults.remove(path).is_some() {
                        info!("the certificate of {} can be served again", path.display());
                    }
                    let before = self.read.insert(path.clone(), certificate.clone());
                    if before.is_some_and(|before| before.facts != certificate.facts) {
                        let ends = certificate.facts.not_after;
                        info!("{} holds another certificate, until {ends}; serving it", path.display());
                    }
                }
                Err(cause) => {
                    let fault = chain(&cause).to_string();
                    if self.faults.get(path) != Some(&fault) {
                        let kept = if self.read.contains_key(path) { "; serving the one before" } else { "" };
                        error!(error = %fault, "a certificate cannot be served: {fault}{kept}");
                        self.faults.insert(path.clone(), fault);
                    }
                }
            }
        }
    }
}

/// A row for each name of each certificate.
fn rows(source: CertificateSource, certificates: &[ServedCertificate]) -> Vec<ServedItem> {
    let row = |facts: &CertificateFacts, name: String| {
        let life = Lifetime { not_before: facts.not_before, not_after: facts.not_after };
        let (issuer, fingerprint) = (facts.issuer.clone(), facts.fingerprint.clone());
        // What stands in a certificate of somebody else's making may be no name that we know.
        let name = name.parse().ok()?;
        Some(ServedItem { name, source, found: Found { life, issuer, fingerprint } })
    };
    let of = |facts: &CertificateFacts| -> Vec<ServedItem> {
        let addresses = facts.addresses.iter().map(ToString::to_string);
        facts.names.iter().cloned().chain(addresses).filter_map(|name| row(facts, name)).collect()
    };
    certificates.iter().flat_map(|certificate| of(&certificate.facts)).collect()
}

/// The names and addresses of a certificate, as a person reads them.
fn names_of(facts: &CertificateFacts) -> String {
    let addresses = facts.addresses.iter().map(ToString::to_string);
    facts.names.iter().cloned().chain(addresses).collect::<Vec<_>>().join(", ")
}

/// The certificate that is served where there is no other: the one of the last start, so that its fingerprint stays.
fn last_resort(path: &Path, now: Timestamp) -> Option<ServedCertificate> {
    if path.exists() {
        match files::read(path) {
            Ok(kept) if kept.facts.is_valid_at(now) => return Some(kept),
            Ok(_) => info!("the self-signed certificate has expired; making another"),
            Err(cause) => {
                warn!(error = %chain(&cause), "the self-signed certificate is lost; making another");
            }
        }
    }
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let made =
        self_signed::make(names, now).map_err(|cause| error!(error = %cause, "no self-signed certificate"));
    let pair = made.ok()?;
    let text = Zeroizing::new(format!("{}{}", pair.chain, pair.key.as_str()));
    if let Err(cause) = keep(path, text.as_bytes()) {
        let path = path.display();
        warn!(error = %cause, "cannot keep the self-signed certificate in {path}; the next start makes another");
    }
    ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes())
        .map_err(|cause| error!(error = %chain(&cause), "no self-signed certificate"))
        .ok()
}

/// Whole or not at all, and never readable by others.
fn keep(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    if let Err(cause) = fs::remove_file(&beside)
        && cause.kind() != io::ErrorKind::NotFound
    {
        return Err(cause);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// Below the data directory.
const LAST_RESORT: &str = "self-signed.pem";

/// Renewals come weeks before the end; this is how soon a mended file counts.
const LOOK_EVERY: Duration = Duration::from_secs(30);
