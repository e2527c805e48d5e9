//! Requests that nobody would write: schemathesis makes them from the OpenAPI document, as the owner.

use std::path::PathBuf;
use std::process::Stdio;

use axum::extract::Request;
use caspervpn::api::caller::Origin;
use http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::api_house::{House, PASSWORD};
use crate::databases::TestDatabase;

/// Requests of each kind for each operation: enough to reach every rule, few enough for every run of the tests.
const EXAMPLES: &str = "25";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_gets_an_undocumented_answer() {
    let house = House::new(TestDatabase::sqlite()).await;
    let tokens = house.nobody().post("/sessions", json!({ "login": "owner", "password": PASSWORD })).await;
    let tokens = tokens.expect(StatusCode::CREATED);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api/v1/openapi.json", listener.local_addr().unwrap());
    let router = house.router.clone().layer(axum::middleware::map_request(|mut request: Request| async {
        request.extensions_mut().insert(Origin { address: Some([192, 0, 2, 7].into()), is_host: false });
        request
    }));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let output = Command::new(schemathesis())
        .arg("--config-file")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/schemathesis.toml"))
        .args(["run", &base, "--checks", "all", "--max-examples", EXAMPLES, "--no-color", "--seed", "1"])
        .args(["--phases", "examples,coverage,fuzzing"])
        // These would end the session that the run needs.
        .args(["--exclude-operation-id", "session_delete", "--exclude-operation-id", "me_set_password"])
        .args(["--exclude-operation-id", "user_set_password", "--exclude-operation-id", "user_disable"])
        .args(["-H", &format!("Authorization: Bearer {}", tokens["access_token"].as_str().unwrap())])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    server.abort();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The one that `make setup` installs, or any other on the path.
fn schemathesis() -> PathBuf {
    let under_home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/caspervpn");
    let cache = std::env::var_os("CASPERVPN_CACHE").map_or_else(under_home, PathBuf::from);
    let path = std::env::var_os("PATH").unwrap();
    let found = [cache.join("tools/bin")]
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("schemathesis"))
        .find(|program| program.exists());
    found.expect("schemathesis is not on the path; `make setup` installs it")
}
