//! What systemd is told: sd_notify(3).
//!
//! Invariant: the watchdog is answered only while the process works, never by a mere timer.

use sd_notify::NotifyState;
use tracing::{error, warn};

use crate::runtime::job::Job;
use crate::runtime::readiness::Readiness;

/// Tells systemd that the start is over. Nothing happens without systemd, here and below.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells systemd that a reload has begun. [`ready`] must follow, whether it succeeds or not.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => warn!(error = %error, "cannot tell systemd about the reload: no monotonic time"),
    }
}

/// Tells systemd that the service is stopping.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("finishing requests")]);
}

/// Sets the line that `systemctl status` shows.
pub fn status(text: &str) {
    send(&[NotifyState::Status(text)]);
}

/// The job that answers systemd's watchdog for as long as the process works. None when the unit has none.
pub fn watchdog(readiness: &Readiness) -> Option<Job> {
    // Half of the time allowed, as sd_watchdog_enabled(3) recommends.
    let every = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())? / 2;
    let readiness = readiness.clone();
    Some(Job::new("watchdog", every, move || {
        let alive = readiness.alive();
        async move {
            match alive {
                Ok(()) => send(&[NotifyState::Watchdog]),
                Err(reason) => error!(reason, "the watchdog is not answered: {reason}"),
            }
        }
    }))
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(error = %error, "cannot notify systemd");
    }
}
