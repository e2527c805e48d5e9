//! The node's loop: what the controller wants, what the host has, and the steps between them.
//!
//! [`node`] is the loop, [`link`] the way to the controller, [`reconcile`] decides and performs, [`host`] is the one
//! place that touches the machine, [`report`] says what happened.

pub mod change;
pub mod host;
pub mod link;
pub mod network;
pub mod node;
pub mod reconcile;
pub mod report;
