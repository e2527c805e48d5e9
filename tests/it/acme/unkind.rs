//! Authorities that are broken, busy or strange, and what Pebble does not have: renewal windows and profiles.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use caspervpn::domain::certificate::Method;
use caspervpn::domain::time::Timestamp;
use caspervpn::tls::acme::{AcmeErrorKind, Authority, Credentials, Directory, RenewalWindow, new_key};
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::lab::loopback;
use super::stage::Stage;
use super::{Forgetful, name};

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_none_is_told_so_and_asked_again_later() {
    let url = "https://acme.example/x";
    let addresses =
        |nonce: &str| json!({ "newNonce": nonce, "newAccount": url, "newOrder": url }).to_string();
    let long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (status, retry_after, body, says) in [
        (200, None, "<html>Welcome to nginx!</html>".to_owned(), "no usable addresses"),
        (200, None, String::new(), "no usable addresses"),
        (200, None, "{}".to_owned(), "no usable newNonce"),
        (200, None, addresses("http://[oops"), "no usable newNonce"),
        (200, None, "x".repeat(2 * 1024 * 1024), "more than"),
        (302, None, String::new(), "302"),
        (404, None, "not here".to_owned(), "404"),
        (500, Some(long_ago), "\u{1b}[31m".to_owned(), "500"),
    ] {
        let refused = Canned::answers(status, retry_after, body).await.open().await;
        assert_eq!(refused.0, AcmeErrorKind::Temporary, "{}", refused.1);
        assert!(refused.1.contains(says) && !refused.1.contains('\u{1b}'), "{says}: {}", refused.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_busy_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
    let hours = |hours: u64| AcmeErrorKind::RateLimited { wait: Duration::from_secs(hours * 3600) };
    let problem = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued"}"#;
    for (status, retry_after, body, kind) in [
        (429, Some("7200"), problem, hours(2)),
        (429, None, problem, hours(1)),
        (429, Some("18446744073709551615"), "", hours(7 * 24)),
        (503, Some("10800"), "<html>busy</html>", hours(3)),
    ] {
        let refused = Canned::answers(status, retry_after, body.to_owned()).await.open().await;
        assert_eq!(refused.0, kind, "{}", refused.1);
        assert!(body != problem || refused.1.contains("too many certificates"), "{}", refused.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_asks_for_its_profile_and_names_the_one_before_where_that_is_taken() {
    let authority = Strange::start(true).await;
    let chain = authority.chain();
    let (signed_in, _) = authority.open().await;

    let order = signed_in.order(&name("vpn.example.org"), Some("shortlived"), Some(chain.as_bytes())).await;

    assert_eq!(order.unwrap(), format!("{}/order/1", authority.url));
    let asked = authority.asked.lock().unwrap().clone();
    assert!(asked[0]["replaces"].is_string() && asked[0]["profile"] == "shortlived", "{asked:?}");
    assert!(asked[1]["replaces"].is_null() && asked[1]["profile"] == "shortlived", "{asked:?}");
    assert_eq!(asked[1]["identifiers"], json!([{ "type": "dns", "value": "vpn.example.org" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_stays_on_its_way_is_left_and_looked_at_again_later() {
    let authority = Strange::start(true).await;
    let (signed_in, _) = authority.open().await;
    let stage = Stage::start().await;

    // It is to be asked again in a day.
    let order = format!("{}/order/1", authority.url);
    let late = signed_in.finish(&order, &new_key().unwrap(), Method::Http01, &stage).await.err().unwrap();
    let endless = format!("{}/order/2", authority.url);
    let lost =
        signed_in.finish(&endless, &new_key().unwrap(), Method::Http01, &Forgetful).await.err().unwrap();

    assert_eq!(late.kind, AcmeErrorKind::Temporary, "{late}");
    assert!(late.to_string().contains("not come to an end"), "{late}");
    assert_eq!(lost.kind, AcmeErrorKind::OrderLost, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_window_is_the_authoritys_and_when_to_ask_again_has_bounds() {
    let authority = Strange::start(true).await;
    let chain = authority.chain();
    let (signed_in, _) = authority.open().await;
    let window = async |retry_after: Option<&str>| {
        *authority.retry_after.lock().unwrap() = retry_after.map(str::to_owned);
        signed_in.renewal_window(chain.as_bytes()).await.unwrap().unwrap()
    };
    let expected = |ask_again_after_s| RenewalWindow {
        start: Timestamp::from_millis(1_800_000_000_000),
        end: Timestamp::from_millis(1_800_086_400_000),
        ask_again_after: Duration::from_secs(ask_again_after_s),
    };

    assert_eq!(window(Some("7200")).await, expected(7200));
    assert_eq!(window(None).await, expected(6 * 3600));
    assert_eq!(window(Some("0")).await, expected(60));
    assert_eq!(window(Some("31536000")).await, expected(86_400));

    let (without, _) = Strange::start(false).await.open().await;
    assert_eq!(without.renewal_window(chain.as_bytes()).await, Ok(None));
    assert_eq!(signed_in.renewal_window(b"no certificate").await, Ok(None));
}

/// A server that answers everything alike.
struct Canned(Directory);

impl Canned {
    async fn answers(status: u16, retry_after: Option<&'static str>, body: String) -> Self {
        let answer = move || {
            let (status, body) = (StatusCode::from_u16(status).unwrap(), body.clone());
            async move { (status, header("retry-after", retry_after), body).into_response() }
        };
        Self(directory(serve(Router::new().fallback(answer)).await))
    }

    async fn open(&self) -> (AcmeErrorKind, String) {
        let refused = Authority::open(&self.0, None, &loopback()).await.err().unwrap();
        (refused.kind, refused.to_string())
    }
}

/// An authority that believes everybody, keeps what it was asked, and never ends an order.
struct Strange {
    url: String,
    asked: Asked,
    retry_after: Arc<Mutex<Option<String>>>,
}

type Asked = Arc<Mutex<Vec<Value>>>;

impl Strange {
    async fn start(has_windows: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, retry_after) = (Asked::default(), Arc::<Mutex<Option<String>>>::default());
        let mut named = json!({
            "newNonce": format!("{url}/nonce"), "newAccount": format!("{url}/account"), "newOrder": format!("{url}/order"),
        });
        if has_windows {
            named["renewalInfo"] = json!(format!("{url}/window"));
        }
        let shown = Arc::clone(&retry_after);
        let window = async move |Path(id): Path<String>| {
            assert_eq!(id.split('.').count(), 2, "RFC 9773 §4.1: {id}");
            let window = json!({ "suggestedWindow": { "start": "2027-01-15T08:00:00Z", "end": "2027-01-16T08:00:00Z" } });
            (header("retry-after", shown.lock().unwrap().as_deref()), window.to_string())
        };
        let at = url.clone();
        let routes = Router::new()
            .route("/directory", get(async move || named.to_string()))
            .route("/nonce", get(async || header("replay-nonce", Some("n0nce"))))
            .route("/window/{id}", get(window))
            .route("/order", post(order))
            .route("/order/{id}", post(async move |Path(id): Path<u8>| progress(id, &at)))
            .with_state((url.clone(), Arc::clone(&asked)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, asked, retry_after }
    }

    /// As an account that it has had for long.
    async fn open(&self) -> (Authority, Option<Credentials>) {
        let key: String = new_key().unwrap().lines().filter(|line| !line.contains('-')).collect();
        let key = URL_SAFE_NO_PAD.encode(STANDARD.decode(key).unwrap());
        let directory = directory(format!("{}/directory", self.url));
        let kept =
            json!({ "id": format!("{}/account/1", self.url), "key_pkcs8": key, "directory": directory.url });
        let kept = Credentials::from_text(Zeroizing::new(kept.to_string()));
        Authority::open(&directory, Some(&kept), &loopback()).await.unwrap()
    }

    /// A certificate that says which authority made it.
    fn chain(&self) -> String {
        let keys = [(); 2].map(|()| rcgen::KeyPair::generate().unwrap());
        let authority = rcgen::CertificateParams::default();
        let issuer = rcgen::Issuer::from_params(&authority, &keys[0]);
        let mut params = rcgen::CertificateParams::new(vec!["vpn.example.org".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        params.signed_by(&keys[1], &issuer).unwrap().pem()
    }
}

async fn order(State((url, asked)): State<(String, Asked)>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(body["payload"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    asked.lock().unwrap().push(payload.clone());
    if payload["replaces"].is_string() {
        let problem =
            json!({ "type": "urn:ietf:params:acme:error:alreadyReplaced", "detail": "it has been" });
        return (StatusCode::CONFLICT, header("replay-nonce", Some("n0nce")), problem.to_string())
            .into_response();
    }
    let location = format!("{url}/order/1");
    (StatusCode::CREATED, header("location", Some(&location)), state("pending", &url)).into_response()
}

fn progress(id: u8, url: &str) -> Response {
    let status = if id == 1 { "processing" } else { "invalid" };
    (header("retry-after", Some("86400")), state(status, url)).into_response()
}

fn state(status: &str, url: &str) -> String {
    json!({ "status": status, "authorizations": [], "finalize": format!("{url}/finalize") }).to_string()
}

fn header(
    name: &'static str,
    value: Option<&str>,
) -> axum::response::AppendHeaders<Vec<(HeaderName, String)>> {
    let value = value.map(|value| (HeaderName::from_static(name), value.to_owned()));
    axum::response::AppendHeaders(value.into_iter().collect())
}

async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/directory", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

fn directory(url: String) -> Directory {
    Directory { url, extra_roots: None, contact: None, external_account: None }
}
