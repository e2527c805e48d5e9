//! How a verb fails: what it says on standard error, and its exit code.
#![expect(clippy::print_stderr, reason = "a verb's failure goes to standard error")]

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::client::CallError;
use crate::config::fault::ConfigError;
use crate::daemon::exit::Exit;
use crate::daemon::serve::ServeError;
use crate::daemon::services::StartError;

/// Why a verb ends without having done its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(ConfigError),
    /// The API said no, or nobody answered.
    #[error("{0}")]
    Call(#[source] CallError),
    /// A file of the command line cannot be used.
    #[error("cannot {act} {}", path.display())]
    File {
        /// `read`, `write`.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Standard output or the terminal cannot be used.
    #[error("cannot {act}")]
    Terminal {
        /// What was tried.
        act: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A sentence of the verb itself.
    #[error("{0}")]
    Verb(String),
    /// The service did not start, or ended badly.
    #[error("{0}")]
    Service(#[source] Box<dyn Error + Send + Sync>, Exit),
    /// The verb has said what is wrong already, as its answer.
    #[error("the answer is no")]
    Answered,
}

impl Failure {
    /// A file cannot be used.
    pub(super) fn file(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::File { act, path, cause }
    }

    /// Standard output or the terminal cannot be used.
    pub(super) fn terminal(act: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Terminal { act, cause }
    }

    /// The service's parts cannot be opened.
    pub(super) fn start(cause: StartError) -> Self {
        let exit = cause.exit();
        Self::Service(Box::new(cause), exit)
    }

    /// The service did not start.
    pub(super) fn serve(cause: ServeError) -> Self {
        let exit = cause.exit();
        Self::Service(Box::new(cause), exit)
    }

    /// The code the process ends with.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Settings(_) => Exit::Refused,
            Self::Call(error) => error.exit(),
            Self::Service(_, exit) => *exit,
            Self::File { .. } | Self::Terminal { .. } | Self::Verb(_) | Self::Answered => Exit::Failure,
        }
    }

    /// Says what is wrong: a sentence, then each cause once.
    pub(super) fn print(&self) {
        if !matches!(self, Self::Answered) {
            eprint!("{}", told(self));
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Something worth knowing that stops nothing.
pub(super) fn note(text: &str) {
    eprintln!("note: {text}");
}

/// A sentence, then each cause on a line of its own unless the line before says it already.
fn told(error: &dyn Error) -> String {
    let mut last = error.to_string();
    let mut text = format!("error: {last}\n");
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !last.ends_with(&said) {
            text.push_str(&format!("  caused by: {said}\n"));
            last = said;
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Failure, told};
    use std::path::Path;

    #[test]
    fn each_cause_is_told_once() {
        let failure = Failure::file("read", Path::new("/a"))(std::io::Error::other("no such luck"));

        assert_eq!(told(&failure), "error: cannot read /a\n  caused by: no such luck\n");
    }

    #[test]
    fn a_cause_that_the_sentence_holds_already_is_left_out() {
        let failure = Failure::Service(
            Box::new(std::io::Error::other("the port is busy")),
            crate::daemon::exit::Exit::Unavailable,
        );

        assert_eq!(told(&failure), "error: the port is busy\n");
    }
}
