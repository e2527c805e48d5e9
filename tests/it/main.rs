//! One binary for every integration test: each module is one subject.

mod namespaces;
mod netlink;
mod tunnel;
mod secrets;
