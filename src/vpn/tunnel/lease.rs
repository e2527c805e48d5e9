//! Tells when the last holder of a socket or device has let go of it.
//!
//! gotatun aborts its tasks without waiting for them to be dropped, so a socket outlives its device for a
//! moment. Whoever wants the port or the interface name again waits here until it really is free.

use std::time::Duration;

use tokio::sync::mpsc;

/// Longest wait for an aborted task to be dropped. Tasks are dropped at their next await point, so more
/// than this means that a task is stuck, and going on is better than hanging.
const PATIENCE: Duration = Duration::from_secs(5);

/// Held by the resource. The resource is free when every clone is gone.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    _held: mpsc::Sender<()>,
}

/// Waits for the end of a [`Lease`].
#[derive(Debug)]
pub(super) struct LeaseEnd {
    ended: mpsc::Receiver<()>,
}

/// Makes a lease and its end.
pub(super) fn lease() -> (Lease, LeaseEnd) {
    let (held, ended) = mpsc::channel(1);
    (Lease { _held: held }, LeaseEnd { ended })
}

impl LeaseEnd {
    /// Returns when the resource is free. `false`: it was still held when the patience ended.
    pub(super) async fn wait(mut self) -> bool {
        tokio::time::timeout(PATIENCE, self.ended.recv()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::lease;

    #[tokio::test]
    async fn the_end_comes_with_the_last_holder() {
        let (first, end) = lease();
        let second = first.clone();

        drop(first);
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(second);
        });

        assert!(end.wait().await);
    }
}
