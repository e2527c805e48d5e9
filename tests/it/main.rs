//! One binary for every integration test: each module is one subject.

mod tunnel;
