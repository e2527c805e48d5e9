//! The clock, ids from it, and supervised tasks. Invariant: the only place that reads time or spawns.
