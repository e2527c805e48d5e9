//! The peer of `GET /api/v1/devices/{id}`: an axum handler that returns the same bytes and does nothing else.
//!
//!   bare ADDRESS FILE

use std::error::Error;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;

/// The allocator of the program that is compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    // `cargo bench` without arguments has nothing to compare; benches/run.sh gives them.
    let (Some(address), Some(file)) = (arguments.next(), arguments.next()) else { return Ok(()) };
    let body = Bytes::from(std::fs::read(file)?);
    let answer = async move || ([(CONTENT_TYPE, "application/json")], body.clone());
    let routes = Router::new().route("/api/v1/devices/{id}", get(answer));
    axum::serve(tokio::net::TcpListener::bind(address).await?, routes).await?;
    Ok(())
}
