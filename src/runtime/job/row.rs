//! Which failures of a job call somebody: a row of them, and each panic.

use tracing::{debug, error, info, warn};

use crate::runtime::job::Job;

/// Failures of a job without a success between them.
#[derive(Debug, Default)]
pub(super) struct Row {
    failures: u64,
    /// Whether somebody was called to act on it, who is to hear of its end.
    is_alarm: bool,
}

impl Row {
    /// Logs a failure. One that the next run may heal is for nobody to act on, a row of them is; a panic always is.
    pub(super) fn add(&mut self, job: &Job, cause: &str, is_panic: bool) {
        self.failures += 1;
        let (name, failures, every) = (job.name, self.failures, job.every);
        if is_panic || is_told(failures) {
            self.is_alarm = true;
            error!(
                job.name = name, job.failures = failures, error = %cause,
                "job {name} failed ({failures} in a row), and runs again within {every:?}: {cause}"
            );
        } else if failures < ALARM_AT {
            warn!(
                job.name = name, job.failures = failures, error = %cause,
                "job {name} failed, and runs again within {every:?}: {cause}"
            );
        } else {
            debug!(job.name = name, job.failures = failures, error = %cause, "job {name} failed again: {cause}");
        }
    }

    /// Ends the row by a success.
    pub(super) fn end(&mut self, job: &Job) {
        let ended = std::mem::take(self);
        if ended.is_alarm {
            let (name, failures) = (job.name, ended.failures);
            info!(
                job.name = name,
                job.failures = failures,
                "job {name} works again, after failing {failures} in a row"
            );
        }
    }
}

/// Failures in a row that somebody is called for. Two may be a database that restarts.
const ALARM_AT: u64 = 3;

/// Whether this failure of a row calls somebody: the third, the sixth, the twelfth and so on, because some jobs run each
/// second and would fill the log.
const fn is_told(failures: u64) -> bool {
    failures.is_multiple_of(ALARM_AT) && (failures / ALARM_AT).is_power_of_two()
}
