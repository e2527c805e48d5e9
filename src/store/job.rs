//! One caller's work on its way to a database thread and its answer on the way back.
//!
//! Invariant: an answer is sent only by `settle`, and a caller that went away changes nothing: its work still ends.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use crate::store::error::{ErrorKind, StoreError};

/// A caller's closure with its types hidden, over the connection `C` it works on.
pub(super) trait Job<C>: Send {
    /// Runs the closure once; true when it wants its writes kept. May be called again after an undo.
    fn run<'a>(&'a mut self, on: &'a mut C) -> Pin<Box<dyn Future<Output = bool> + 'a>>;

    /// Answers the caller: its own result when the transaction ended well, else the error.
    fn settle(self: Box<Self>, end: Result<(), StoreError>);
}

struct Call<F, T, E> {
    closure: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

/// Packs a closure; the receiver gets its answer.
pub(super) fn pack<C, F, T, E>(closure: F) -> (Box<dyn Job<C>>, oneshot::Receiver<Result<T, E>>)
where
    C: 'static,
    F: AsyncFn(&mut C) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Call { closure, outcome: None, reply }), answer)
}

impl<C, F, T, E> Job<C> for Call<F, T, E>
where
    F: AsyncFn(&mut C) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run<'a>(&'a mut self, on: &'a mut C) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
        Box::pin(async move {
            self.outcome = None;
            let outcome = (self.closure)(on).await;
            let keep = outcome.is_ok();
            self.outcome = Some(outcome);
            keep
        })
    }

    fn settle(self: Box<Self>, end: Result<(), StoreError>) {
        let answer = match (self.outcome, end) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)) | None, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(StoreError::new(ErrorKind::Broken).into()),
        };
        // The caller may have gone away; its work is done either way.
        drop(self.reply.send(answer));
    }
}
