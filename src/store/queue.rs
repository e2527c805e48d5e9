//! The line in which work waits for a database thread.
//!
//! Invariant: what was pushed is popped exactly once, also after closing, so nothing accepted is forgotten.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A first-in first-out line between async callers and database threads. Its length is bounded by the callers' permits.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// What a thread found in the line.
pub(super) enum Popped<T> {
    /// The oldest piece of work.
    Work(T),
    /// Nothing came in time.
    Idle,
    /// The line is closed and empty.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), closed: false }), changed: Condvar::new() }
    }

    /// Appends work, or hands it back when the line is closed.
    pub(super) fn push(&self, work: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(work);
        }
        state.waiting.push_back(work);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the oldest work, waiting at most `patience`.
    pub(super) fn pop(&self, patience: Duration) -> Popped<T> {
        let state = self.lock();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, patience, |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        match state.waiting.pop_front() {
            Some(work) => Popped::Work(work),
            None if state.closed => Popped::Closed,
            None => Popped::Idle,
        }
    }

    /// Takes the oldest work if there is some.
    pub(super) fn pop_now(&self) -> Option<T> {
        self.lock().waiting.pop_front()
    }

    /// Lets no more work in; what waits is still popped.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
