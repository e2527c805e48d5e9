//! Logging and the list of metric names.
