//! The link between the appliance and the node inside it: direct calls, no wire.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::agent::link::{Link, LinkError};
use crate::app::App;
use crate::app::desired::Position;
use crate::domain::id::NodeId;
use crate::domain::message::{Report, Update};

/// Asks the use cases of the same process.
pub struct InProcessLink {
    app: App,
    node: NodeId,
    /// What was passed on last.
    given: Mutex<Option<Position>>,
}

/// How long a change made by another replica may go unseen here: their commits do not wake this process.
const POLL: Duration = Duration::from_secs(1);

impl InProcessLink {
    /// A link for the appliance's own node.
    pub const fn new(app: App, node: NodeId) -> Self {
        Self { app, node, given: Mutex::new(None) }
    }

    async fn wait_for_next(&self, after: Option<i64>) -> Result<Update, LinkError> {
        let mut changes = self.app.changes();
        let known = self.given().filter(|given| Some(given.sequence) == after);
        loop {
            changes.borrow_and_update();
            let next = self.app.desired().next(self.node, known).await;
            if let Some((update, position)) =
                next.map_err(|e| LinkError::new("compile the desired state", e))?
            {
                *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
                return Ok(update);
            }
            // Whether woken or timed out, the database is asked.
            drop(timeout(POLL, changes.changed()).await);
        }
    }

    fn given(&self) -> Option<Position> {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link for InProcessLink {
    fn next(&self, after: Option<i64>) -> BoxFuture<'_, Result<Update, LinkError>> {
        Box::pin(self.wait_for_next(after))
    }

    fn report(&self, report: Report) -> BoxFuture<'_, Result<(), LinkError>> {
        Box::pin(async move {
            let taken = self.app.usage().report(self.node, report).await;
            taken.map_err(|e| LinkError::new("record the node's report", e))
        })
    }

    fn is_watched(&self) -> bool {
        self.app.events().is_watched()
    }
}
