//! An identity provider of the test's own, which proves what it says with its own key, or lies as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use caspervpn::domain::time::Timestamp;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const CLIENT: &str = "casper";
pub(crate) const SECRET: &str = "correct client secret";

/// A provider on a loopback port.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    now: Timestamp,
    keys: Mutex<Keys>,
    codes: Mutex<HashMap<String, Issued>>,
    says_iss: bool,
}

struct Keys {
    pair: EcdsaKeyPair,
    kid: String,
}

/// What a code stands for.
#[derive(Clone)]
struct Issued {
    challenge: String,
    redirect: String,
    nonce: String,
    person: Value,
    lie: Lie,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    Nothing,
    NoSignature,
    SharedSecret,
    OtherKey,
    OtherIssuer,
    OtherAudience,
    TwoAudiences,
    OtherNonce,
    NoNonce,
    Expired,
    FromTheFuture,
    OtherAccessToken,
    OtherUser,
    NoIdToken,
    EmptySubject,
}

impl Issuer {
    /// A provider whose clock stands.
    pub(crate) async fn start(now: Timestamp) -> Self {
        Self::start_with(now, false).await
    }

    /// One that names itself in what browsers carry back.
    pub(crate) async fn start_with(now: Timestamp, says_iss: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys = Mutex::new(Keys::new("first"));
        let inner = Arc::new(Inner { now, keys, codes: Mutex::default(), says_iss });
        let issuer = Self { url, inner };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// Another key from now on.
    pub(crate) fn turn_key(&self) {
        *self.inner.keys.lock().unwrap() = Keys::new("second");
    }

    /// Signs somebody in on the page that a browser was sent to, and gives the query it is sent back with.
    pub(crate) fn sign_in(&self, page: &str, person: Value, lie: Lie) -> String {
        let page = Url::parse(page).unwrap();
        let asked: HashMap<String, String> = page.query_pairs().into_owned().collect();
        assert_eq!((asked["client_id"].as_str(), asked["response_type"].as_str()), (CLIENT, "code"));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["max_age"], "900", "who signed in there long ago is asked again");
        assert!(asked["scope"].split(' ').any(|word| word == "openid"));
        let code = format!("code-{}", self.inner.codes.lock().unwrap().len());
        let issued = Issued {
            challenge: asked["code_challenge"].clone(),
            redirect: asked["redirect_uri"].clone(),
            nonce: asked["nonce"].clone(),
            person,
            lie,
        };
        self.inner.codes.lock().unwrap().insert(code.clone(), issued);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", &code).append_pair("state", &asked["state"]);
        if self.inner.says_iss {
            query.append_pair("iss", &self.url);
        }
        query.finish()
    }

    fn id_token(&self, issued: &Issued, access_token: &str) -> String {
        let keys = self.inner.keys.lock().unwrap();
        let second = self.inner.now.as_seconds();
        let at_hash = digest::digest(&digest::SHA256, access_token.as_bytes());
        let mut claims = json!({
            "iss": self.url, "aud": CLIENT, "nonce": issued.nonce, "iat": second, "exp": second + 60, "auth_time": second,
            "at_hash": URL_SAFE_NO_PAD.encode(&at_hash.as_ref()[..16]),
        });
        for (name, value) in issued.person.as_object().unwrap() {
            claims[name] = value.clone();
        }
        match issued.lie {
            Lie::OtherIssuer => claims["iss"] = json!("https://id.example.org"),
            Lie::OtherAudience => claims["aud"] = json!("another"),
            Lie::TwoAudiences => claims["aud"] = json!([CLIENT, "another"]),
            Lie::OtherNonce => claims["nonce"] = json!("another"),
            Lie::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            Lie::Expired => claims["exp"] = json!(second),
            Lie::FromTheFuture => claims["iat"] = json!(second + 3600),
            Lie::OtherAccessToken => claims["at_hash"] = json!(URL_SAFE_NO_PAD.encode([7; 16])),
            Lie::EmptySubject => claims["sub"] = json!(""),
            Lie::Nothing
            | Lie::NoSignature
            | Lie::SharedSecret
            | Lie::OtherKey
            | Lie::OtherUser
            | Lie::NoIdToken => {}
        }
        match issued.lie {
            Lie::NoSignature => format!("{}.", signed_part(&json!({ "alg": "none" }), &claims)),
            Lie::SharedSecret => {
                let part = signed_part(&json!({ "alg": "HS256" }), &claims);
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), part.as_bytes());
                format!("{part}.{}", URL_SAFE_NO_PAD.encode(tag))
            }
            Lie::OtherKey => Keys::new(&keys.kid).sign(&claims),
            Lie::Nothing
            | Lie::OtherIssuer
            | Lie::OtherAudience
            | Lie::TwoAudiences
            | Lie::OtherNonce
            | Lie::NoNonce
            | Lie::Expired
            | Lie::FromTheFuture
            | Lie::OtherAccessToken
            | Lie::OtherUser
            | Lie::NoIdToken
            | Lie::EmptySubject => keys.sign(&claims),
        }
    }
}

impl Keys {
    fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { pair, kid: kid.to_owned() }
    }

    fn sign(&self, claims: &Value) -> String {
        let part = signed_part(&json!({ "alg": "ES256", "kid": self.kid }), claims);
        let signature = self.pair.sign(&SystemRandom::new(), part.as_bytes()).unwrap();
        format!("{part}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn signed_part(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

async fn configuration(State(issuer): State<Issuer>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", issuer.url);
    Json(json!({
        "issuer": issuer.url, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "userinfo_endpoint": at("/userinfo"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // What a provider claims to sign with is not what is believed.
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        "authorization_response_iss_parameter_supported": issuer.inner.says_iss,
    }))
}

async fn jwks(State(issuer): State<Issuer>) -> Json<Value> {
    let keys = issuer.inner.keys.lock().unwrap();
    let point = keys.pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    Json(json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": keys.kid, "x": x, "y": y },
    ] }))
}

/// Trades a code once, for whoever has the client's secret and the verifier.
async fn token(State(issuer): State<Issuer>, headers: HeaderMap, form: String) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let refused = (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    let basic = headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let basic = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    // RFC 6749 §2.3.1: both are encoded as forms are.
    if basic != format!("{CLIENT}:{}", SECRET.replace(' ', "+")) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" })));
    }
    let Some(issued) = issuer.inner.codes.lock().unwrap().remove(&form["code"]) else { return refused };
    let challenge = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
    if URL_SAFE_NO_PAD.encode(challenge) != issued.challenge || form["redirect_uri"] != issued.redirect {
        return refused;
    }
    let mut who = issued.person.clone();
    if issued.lie == Lie::OtherUser {
        who["sub"] = json!("somebody else");
    }
    let access_token = URL_SAFE_NO_PAD.encode(who.to_string());
    let mut answer = json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 60 });
    if issued.lie != Lie::NoIdToken {
        answer["id_token"] = json!(issuer.id_token(&issued, &access_token));
    }
    (StatusCode::OK, Json(answer))
}

/// Whoever the access token names, as it carries the claims itself.
async fn userinfo(headers: HeaderMap) -> Json<Value> {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    Json(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap())
}
