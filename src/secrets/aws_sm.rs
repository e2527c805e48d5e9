//! Reads secrets of AWS Secrets Manager: `GetSecretValue`, signed by Signature Version 4.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::domain::secret_reference::{FieldName, SecretReference, StorePath};
use crate::runtime::clock::system_time;
use crate::secrets::reference::resolve;
use crate::secrets::secret_store::{Places, Server, StoreError, is_away};

const TARGET: &str = "secretsmanager.GetSecretValue";
const JSON: &str = "application/x-amz-json-1.1";

/// Fetches a secret, or a field of the JSON object that it is.
pub(super) async fn fetch(
    name: &StorePath,
    field: Option<&FieldName>,
    places: Places<'_>,
) -> Result<Zeroizing<String>, StoreError> {
    let region = match &places.aws.region {
        Some(region) => region.as_str().to_owned(),
        None => (places.local.env)("AWS_REGION").ok_or(StoreError::Unset { key: "aws.region" })?,
    };
    let public = format!("https://secretsmanager.{region}.amazonaws.com");
    let address = places.aws.endpoint.as_ref().map_or(public.as_str(), |endpoint| endpoint.as_str());
    let server = Server::at(address, None).await?;
    let body = json!({ "SecretId": name.as_str() }).to_string().into_bytes();
    let answer = server.send(signed(address, &region, body, places)?).await?;
    match answer.status() {
        StatusCode::OK => {}
        status if is_away(status) => return Err(server.away(status)),
        status => return Err(refusal(&server, status, &server.read(&answer)?)),
    }
    let value = server.read(&answer)?;
    let secret = value.get("SecretString").and_then(Value::as_str).ok_or_else(|| server.strange())?;
    let Some(field) = field else { return Ok(Zeroizing::new(secret.to_owned())) };
    let missing = || StoreError::NoField { field: field.as_str().to_owned() };
    let object: Value = serde_json::from_str(secret).map_err(|_| missing())?;
    let value = object.get(field.as_str()).and_then(Value::as_str);
    value.map(|value| Zeroizing::new(value.to_owned())).ok_or_else(missing)
}

/// AWS says 400 to nearly everything, and what it means in `__type`.
fn refusal(server: &Server, status: StatusCode, body: &Value) -> StoreError {
    let kind = body.get("__type").and_then(Value::as_str).unwrap_or_default();
    match kind.rsplit('#').next().unwrap_or_default() {
        "ResourceNotFoundException" => server.not_there(),
        "ThrottlingException" | "InternalServiceError" | "ServiceUnavailable" => server.away(status),
        _ => server.refused(status, "the signed question for the secret"),
    }
}

fn signed(
    address: &str,
    region: &str,
    body: Vec<u8>,
    places: Places<'_>,
) -> Result<Request<Vec<u8>>, StoreError> {
    let aws = places.aws;
    let part = |place: &Option<SecretReference>, variable: &'static str, key| match place {
        Some(place) => resolve(place, places.local).map_err(StoreError::Local),
        None => (places.local.env)(variable).map(Zeroizing::new).ok_or(StoreError::Unset { key }),
    };
    let id = part(&aws.access_key_id, "AWS_ACCESS_KEY_ID", "aws.access_key_id")?;
    let key = part(&aws.secret_access_key, "AWS_SECRET_ACCESS_KEY", "aws.secret_access_key")?;
    let session = match part(&aws.session_token, "AWS_SESSION_TOKEN", "aws.session_token") {
        Err(StoreError::Unset { .. }) => None,
        other => Some(other?.to_string()),
    };
    let identity = Credentials::new(id.as_str(), key.as_str(), session, None, "settings").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("secretsmanager")
        .time(system_time(places.now))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| StoreError::Sign)?
        .into();
    let url = format!("{address}/");
    let headers = [("content-type", JSON), ("x-amz-target", TARGET)];
    let asked = SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(&body))
        .map_err(|_| StoreError::Sign)?;
    let (instructions, _) = sign(asked, &params).map_err(|_| StoreError::Sign)?.into_parts();
    let mut request = Request::post(url).header("content-type", JSON).header("x-amz-target", TARGET);
    for (name, value) in instructions.headers() {
        request = request.header(name, value);
    }
    request.body(body).map_err(|_| StoreError::Sign)
}
