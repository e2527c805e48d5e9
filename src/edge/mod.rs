//! Accept loops for every listener.
