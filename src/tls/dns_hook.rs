//! The dns-01 proof by a program of the operator's: for name servers that take no dynamic updates.
//!
//! Invariant: the program is named by who may change the service's own files, never by a setting that is changed over the
//! network; there is no shell, and nothing of the service's environment is handed on.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, Command};
use tokio::time::timeout;

/// A program that changes DNS records. It is called as `PROGRAM set NAME VALUE` and `PROGRAM clear NAME VALUE`, NAME being
/// `_acme-challenge.` and the name to be proven, and ends with 0 once every name server shows the TXT record, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsHook {
    /// Where the program is.
    pub program: PathBuf,
    /// How long one call may take.
    pub patience: Duration,
}

/// A call of the program that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DnsHookError {
    /// It cannot be started.
    #[error("start the DNS hook {}", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It takes too long, and was ended.
    #[error("the DNS hook {} did not end within {} s", program.display(), patience.as_secs())]
    TooSlow {
        /// Which.
        program: PathBuf,
        /// How long it may take.
        patience: Duration,
    },
    /// It says that it failed.
    #[error("the DNS hook {} ended with {status}: {said}", program.display())]
    Failed {
        /// Which.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error, on one line.
        said: String,
    },
}

impl DnsHook {
    /// How long a call may take where nothing else is said: some DNS providers take minutes to show a record.
    pub const PATIENCE: Duration = Duration::from_secs(300);

    /// Adds the text to the TXT records of `_acme-challenge.IDENTIFIER`.
    ///
    /// # Errors
    /// [`DnsHookError`].
    pub async fn set(&self, identifier: &str, value: &str) -> Result<(), DnsHookError> {
        self.call("set", identifier, value).await
    }

    /// Takes the text away again.
    ///
    /// # Errors
    /// [`DnsHookError`].
    pub async fn clear(&self, identifier: &str, value: &str) -> Result<(), DnsHookError> {
        self.call("clear", identifier, value).await
    }

    async fn call(&self, verb: &str, identifier: &str, value: &str) -> Result<(), DnsHookError> {
        let start = |cause| DnsHookError::Start { program: self.program.clone(), cause };
        let mut child = Command::new(&self.program)
            .args([verb, &format!("_acme-challenge.{identifier}"), value])
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let said = child.stderr.take();
        let ended = timeout(self.patience, async { tokio::join!(child.wait(), hear(said)) }).await;
        let Ok((status, said)) = ended else {
            // What is left of it is nobody's business any more; the runtime waits for its end.
            drop(child.start_kill());
            return Err(DnsHookError::TooSlow { program: self.program.clone(), patience: self.patience });
        };
        let status = status.map_err(start)?;
        if status.success() {
            return Ok(());
        }
        Err(DnsHookError::Failed { program: self.program.clone(), status, said })
    }
}

/// The first words of a program, which may have many.
async fn hear(from: Option<ChildStderr>) -> String {
    let (mut first, mut part) = (Vec::new(), [0; 1024]);
    if let Some(mut from) = from {
        // All of it is read, or the program would wait for ever.
        while let Ok(size @ 1..) = from.read(&mut part).await {
            let room = LONGEST_WORDS.saturating_sub(first.len());
            first.extend_from_slice(&part[..size.min(room)]);
        }
    }
    let text = String::from_utf8_lossy(&first).replace(char::is_control, " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Debian's for root, so that a script finds its tools.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Bytes of its standard error that are kept.
const LONGEST_WORDS: usize = 500;
