//! The node's loop in network namespaces.
