//! JSON over HTTP.
pub mod caller;
pub mod internal;
/// x
pub fn router(_app: crate::app::App, _clock: std::sync::Arc<dyn crate::runtime::clock::Clock>, _f: caller::FindOrigin) -> axum::Router { axum::Router::new() }
