//! JSON over HTTP.
