//! The SQLite driver: one writer thread, several readers, one file.

pub(super) mod connection;
pub(super) mod engine;

mod directory;
mod reader;
mod writer;
