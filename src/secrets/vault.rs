//! Reads secrets of HashiCorp Vault: the KV engine's version 2, by a token or as an AppRole.
//!
//! The protocol is of Vault's HTTP API: `POST /v1/auth/MOUNT/login` and `GET /v1/MOUNT/data/PATH`.

use http::Request;
use http::request::Builder;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::config::vault::Vault;
use crate::domain::secret_reference::{FieldName, StorePath};
use crate::secrets::reference::resolve;
use crate::secrets::secret_store::{Places, Server, StoreError};

/// Fetches a field of a secret.
pub(super) async fn fetch(
    path: &StorePath,
    field: &FieldName,
    places: Places<'_>,
) -> Result<Zeroizing<String>, StoreError> {
    let settings = places.vault;
    let address = settings.address.as_ref().ok_or(StoreError::Unset { key: "vault.address" })?.as_str();
    let server = Server::at(address, settings.ca_file.as_ref()).await?;
    let token = token(&server, address, places).await?;
    // A reference always has a mount and a path.
    let (mount, path) = path.as_str().split_once('/').ok_or_else(|| server.strange())?;
    let request = with_namespace(Request::get(format!("{address}/v1/{mount}/data/{path}")), settings)
        .header("X-Vault-Token", token.as_str())
        .body(Vec::new())
        .map_err(|_| server.strange())?;
    let answer = server.ask(request, "the question for the secret").await?;
    let secret = answer.pointer("/data/data").and_then(Value::as_object).ok_or_else(|| server.strange())?;
    let value = secret.get(field.as_str()).and_then(Value::as_str);
    value
        .map(|value| Zeroizing::new(value.to_owned()))
        .ok_or_else(|| StoreError::NoField { field: field.as_str().to_owned() })
}

/// The token of the settings, or one that a login as the role gives.
async fn token(server: &Server, address: &str, places: Places<'_>) -> Result<Zeroizing<String>, StoreError> {
    let settings = places.vault;
    if let Some(place) = &settings.token {
        return resolve(place, places.local).map_err(StoreError::Local);
    }
    let role = settings.role_id.as_ref().ok_or(StoreError::Unset { key: "vault.token" })?;
    let place = settings.secret_id.as_ref().ok_or(StoreError::Unset { key: "vault.secret_id" })?;
    let secret = resolve(place, places.local).map_err(StoreError::Local)?;
    let body = json!({ "role_id": role.as_str(), "secret_id": secret.as_str() }).to_string();
    let mount = settings.approle_mount.as_str();
    let request = with_namespace(Request::post(format!("{address}/v1/auth/{mount}/login")), settings)
        .header("Content-Type", "application/json")
        .body(body.into_bytes())
        .map_err(|_| server.strange())?;
    let answer = server.ask(request, "the login as a role").await?;
    let token = answer.pointer("/auth/client_token").and_then(Value::as_str);
    token.map(|token| Zeroizing::new(token.to_owned())).ok_or_else(|| server.strange())
}

/// What every request to Vault carries. The first header shows Vault's agent that nobody was tricked into asking.
fn with_namespace(request: Builder, settings: &Vault) -> Builder {
    let request = request.header("X-Vault-Request", "true");
    match &settings.namespace {
        Some(namespace) => request.header("X-Vault-Namespace", namespace.as_str()),
        None => request,
    }
}
