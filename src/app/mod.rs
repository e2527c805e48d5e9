//! Use cases, one file per noun, each authorising next to the act.

pub mod ctx;
pub mod error;
pub mod login_limit;
pub mod qr;
