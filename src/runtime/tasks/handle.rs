//! The caller's end of work that gives an answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::runtime::tasks::registry::Entry;

/// Work that is under way. Awaiting it gives its answer; dropping it lets the work go on.
#[derive(Debug)]
pub struct Task<T> {
    entry: Arc<Entry>,
    answer: oneshot::Receiver<Result<T, TaskError>>,
}

/// Why work gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It panicked. The panic is in the log and in the metrics.
    #[error("task {name} panicked: {message}")]
    Panicked {
        /// The task.
        name: String,
        /// What the panic said.
        message: String,
    },
    /// It was aborted at the drain deadline.
    #[error("task {name} was stopped before it ended")]
    Stopped {
        /// The task.
        name: String,
    },
}

impl<T> Task<T> {
    pub(super) const fn new(entry: Arc<Entry>, answer: oneshot::Receiver<Result<T, TaskError>>) -> Self {
        Self { entry, answer }
    }

    /// Tells the work to stop. It ends when it has looked at its token.
    pub fn stop(&self) {
        self.entry.stop.cancel();
    }

    /// Whether the work has ended.
    pub fn is_finished(&self) -> bool {
        self.entry.is_finished()
    }

    /// Waits for the answer on a thread that is not one of the runtime's.
    pub fn wait(self) -> Result<T, TaskError> {
        let name = self.entry.name.to_string();
        self.answer.blocking_recv().unwrap_or(Err(TaskError::Stopped { name }))
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let name = self.entry.name.to_string();
        Pin::new(&mut self.answer)
            .poll(cx)
            .map(|received| received.unwrap_or(Err(TaskError::Stopped { name })))
    }
}
