//! The node's loop: link, reconcile, report.
