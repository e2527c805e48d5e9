//! Use cases, one file per noun, each authorising next to the act.

pub mod qr;
