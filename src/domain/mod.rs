//! Pure values and rules. Invariant: no async, clock, files, SQL or HTTP.
