//! `caspervpn doctor`: looks for what keeps the service from working here, and says how to mend it.
//!
//! Invariant: a look changes nothing: no migration, no key, no setting of the kernel.

mod data_dir;
mod host;
mod ports;
mod service;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Form;
use crate::config::Settings;

/// What one look has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    level: Level,
    what: String,
    fix: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// Well.
    Ok,
    /// Less than it could be, or not to be found out.
    Warn,
    /// The service does not work like this.
    Fail,
}

impl Finding {
    fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, what: what.into(), fix: None }
    }

    fn warn(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, what: what.into(), fix: Some(fix.into()) }
    }

    fn fail(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, what: what.into(), fix: Some(fix.into()) }
    }

    /// As bad as this, where it is not known whether the service itself would see the same.
    fn at_most(mut self, level: Level) -> Self {
        self.level = self.level.min(level);
        self
    }

    fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let mut text = format!("{level}  {:WIDTH$}  {}\n", self.check, self.what);
        if let Some(fix) = &self.fix {
            text.push_str(&format!("      {:WIDTH$}  to mend it: {fix}\n", ""));
        }
        text
    }

    /// What may leave the machine: the check and how it went, without the sentence that may name things.
    pub(super) fn redacted(&self) -> Value {
        json!({ "check": self.check, "level": self.level })
    }
}

/// Characters of the longest name of a check.
const WIDTH: usize = 11;

/// Looks at everything and prints it. Something that fails is the answer "no".
pub(super) async fn run(settings: &Settings, form: Form) -> Result<(), Failure> {
    let findings = examine(settings).await;
    let failing = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    if form.is_json() {
        form.one(&json!({ "ok": failing == 0, "findings": findings }), &[])?;
    } else {
        let mut text: String = findings.iter().map(Finding::text).collect();
        text.push_str(&match failing {
            0 => "\nnothing keeps the service from working\n".to_owned(),
            1 => "\n1 thing keeps the service from working\n".to_owned(),
            many => format!("\n{many} things keep the service from working\n"),
        });
        form.raw(&text)?;
    }
    if failing == 0 { Ok(()) } else { Err(Failure::Answered) }
}

/// Looks at everything.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let service = service::look(settings).await;
    let mut findings = host::look(settings, &service);
    findings.extend(ports::look(settings, &service));
    findings.extend(data_dir::look(settings, service.runs).await);
    findings.extend(service.findings);
    findings
}

#[cfg(test)]
mod tests {
    use super::{Finding, Level};

    #[test]
    fn a_finding_shows_its_fix_below_it() {
        let finding = Finding::fail("disk", "no room", "free some");

        assert_eq!(finding.text(), "FAIL  disk         no room\n                   to mend it: free some\n");
        assert_eq!(finding.at_most(Level::Warn).level, Level::Warn);
    }
}
