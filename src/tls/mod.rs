//! The crypto provider and TLS client configurations.
