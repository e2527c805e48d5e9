//! x
/// x
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// x
    pub address: Option<std::net::IpAddr>,
    /// x
    pub is_host: bool,
}
/// x
pub type FindOrigin = fn(&http::Extensions) -> Origin;
