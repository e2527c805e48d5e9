//! Carries lines to whoever reads them, many at a time.
//!
//! Invariant: putting a line down never waits for the reader, and what waits is bounded.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::runtime::tasks::Tasks;
use crate::telemetry::names;

/// Lines on their way.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    text: Mutex<Vec<u8>>,
    came: Notify,
}

impl Lines {
    /// Starts a thread that writes them to `output`, also the last ones before a stop.
    pub(super) fn start(output: Box<dyn Write + Send>, tasks: &Tasks) -> io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let (lines, runs_on) = (Self(Arc::clone(&waiting)), tasks.clone());
        drop(tasks.thread("access-log", move |stop| write(&waiting, output, &stop, &runs_on))?);
        Ok(lines)
    }

    /// Puts a line down.
    pub(super) fn push(&self, line: &[u8]) {
        let mut text = self.0.text();
        if text.len() + line.len() > MOST_BYTES {
            drop(text);
            metrics::counter!(names::ACCESS_LOG_DROPPED.name).increment(1);
            return;
        }
        let is_first = text.is_empty();
        text.extend_from_slice(line);
        drop(text);
        if is_first {
            self.0.came.notify_one();
        }
    }
}

impl Waiting {
    /// A panic of another holder leaves text, not broken data.
    fn text(&self) -> MutexGuard<'_, Vec<u8>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may wait for a reader that is behind: some 40,000 lines.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How long a line waits for others. To wake the thread and write for each line by itself would cost as much as a request.
const GATHER: Duration = Duration::from_millis(50);

fn write(waiting: &Waiting, mut output: Box<dyn Write + Send>, stop: &CancellationToken, tasks: &Tasks) {
    let mut batch = Vec::new();
    let mut works = true;
    loop {
        let ends = tasks.handle().block_on(async {
            tokio::select! {
                () = waiting.came.notified() => false,
                () = stop.cancelled() => true,
            }
        });
        if !ends {
            thread::sleep(GATHER);
        }
        batch.clear();
        std::mem::swap(&mut batch, &mut *waiting.text());
        match output.write_all(&batch).and_then(|()| output.flush()) {
            Ok(()) => works = true,
            Err(cause) => {
                let lost = batch.iter().filter(|byte| **byte == b'\n').count();
                metrics::counter!(names::ACCESS_LOG_DROPPED.name)
                    .increment(u64::try_from(lost).unwrap_or(u64::MAX));
                if works {
                    warn!(error = %cause, "the access log cannot be written; lines are dropped until it can");
                }
                works = false;
            }
        }
        if ends {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, MOST_BYTES};
    use crate::runtime::clock::SystemClock;
    use crate::runtime::tasks::Tasks;
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Tells of each write that begins, and ends it when it is let.
    struct Reader {
        began: Sender<()>,
        let_on: Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.began.send(()).unwrap();
            // Once nobody holds it up any more, it reads on.
            let _ = self.let_on.recv();
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_that_hangs_holds_nobody_up_and_gets_what_was_kept_in_order() {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let (began, begins) = channel();
        let (go_on, let_on) = channel();
        let read = Arc::new(Mutex::new(Vec::new()));
        let reader = Reader { began, let_on, read: Arc::clone(&read) };
        let lines = Lines::start(Box::new(reader), &tasks).unwrap();
        lines.push(b"first\n");
        begins.recv_timeout(Duration::from_secs(10)).unwrap();

        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..2 * MOST_BYTES / line.len() {
            lines.push(&line);
        }
        drop(go_on);
        assert!(tasks.drain(Duration::from_secs(10)).await.is_clean());

        let read = read.lock().unwrap();
        assert!(read.starts_with(b"first\nxxx") && read.ends_with(b"x\n"));
        assert_eq!(read.len(), MOST_BYTES + b"first\n".len(), "what was too much is gone, line by line");
    }
}
