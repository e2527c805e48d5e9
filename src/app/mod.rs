//! Use cases, one file per noun, each authorising next to the act.

pub mod login_limit;
pub mod qr;
