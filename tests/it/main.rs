//! One binary for every integration test: each module is one subject.

mod agent;
mod namespaces;
mod netlink;
mod tunnel;
