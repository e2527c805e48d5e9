//! One binary for every integration test: each module is one subject.

mod databases;
mod store_conformance;
