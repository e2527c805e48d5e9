//! Password hashing, tokens and sealing at rest.
