//! Proves the rules of tests/layers.toml from the source text.
