//! x
/// x
pub fn routes(_r: std::sync::Arc<dyn Fn() -> String + Send + Sync>) -> axum::Router { axum::Router::new() }
