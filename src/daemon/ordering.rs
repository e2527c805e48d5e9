//! The work of ordering certificates, and the way of what was ordered into the listeners of every process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{error, warn};

use crate::app::App;
use crate::app::error::AppError;
use crate::daemon::certificates::Certificates;
use crate::domain::certificate::CertificateName;
use crate::runtime::job::{Job, Jobs};
use crate::telemetry::chain::chain;
use crate::tls::certificate::ServedCertificate;

/// Which certificates were loaded last.
type Marks = Arc<Mutex<Vec<(CertificateName, String)>>>;

/// Loads what was ordered, and follows it: whichever process got a certificate, all of them serve it. A database that is
/// away keeps nothing from starting.
pub(super) async fn follow(jobs: &Jobs, app: &App, certificates: &Certificates) {
    let shown = certificates.clone();
    app.serves_certificates(Arc::new(move || shown.others()));
    let marks = Marks::default();
    if let Err(cause) = load(app, certificates, &marks).await {
        warn!(error = %chain(&cause), "the certificates that were ordered are not there yet");
    }
    let (app, certificates) = (app.clone(), certificates.clone());
    jobs.start(Job::new("ordered-certificates", LOOK_EVERY, move || {
        let (app, certificates, marks) = (app.clone(), certificates.clone(), Arc::clone(&marks));
        async move { load(&app, &certificates, &marks).await }
    }));
}

/// Orders what is due. For processes of the worker role; however many there are, a certificate is ordered once.
pub(super) fn work(jobs: &Jobs, app: &App) {
    let app = app.clone();
    jobs.start(Job::stoppable("order-certificates", ORDER_EVERY, move |stop| {
        let app = app.clone();
        async move { app.order_step(&stop).await }
    }));
}

async fn load(app: &App, certificates: &Certificates, marks: &Marks) -> Result<(), AppError> {
    certificates.note_problems(app.certificate_problems().await?);
    let found = app.certificate_marks().await?;
    if *marks.lock().unwrap_or_else(PoisonError::into_inner) == found {
        return Ok(());
    }
    let mut read = Vec::with_capacity(found.len());
    for pair in app.certificate_pairs().await? {
        match ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()) {
            Ok(certificate) => read.push(certificate),
            Err(cause) => error!(error = %chain(&cause), "an ordered certificate cannot be served"),
        }
    }
    certificates.set_ordered(read);
    *marks.lock().unwrap_or_else(PoisonError::into_inner) = found;
    Ok(())
}

/// How soon every process serves a new certificate. Without one it costs two reads of a few rows.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How soon a name that is new, or asked for, is ordered. With nothing due it costs two reads.
const ORDER_EVERY: Duration = Duration::from_secs(2);
