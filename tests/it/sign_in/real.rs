//! Signing in by a provider that others have written and certified.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use caspervpn::domain::outgoing::AllowedNets;
use caspervpn::tls::outgoing::{Client, Limits};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use crate::api_house::House;
use crate::databases::TestDatabase;
use crate::sign_in::browser::{Browser, add, settle};
use crate::sign_in::issuer::{CLIENT, SECRET};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_by_a_real_provider() {
    let house = House::new(TestDatabase::sqlite()).await;
    settle(&house, "https://vpn.example.org").await;
    let mut provider = Provider::start();
    let scopes = json!({ "oidc": {
        "issuer": provider.issuer, "client_id": CLIENT, "scopes": "profile email groups", "group_claim": "groups",
    } });
    let id = add(&house, "real", &provider.issuer, scopes).await;
    let path = house.host().get(&format!("/identity-providers/{id}")).await.expect(StatusCode::OK);
    provider.expect(&format!("https://vpn.example.org{}", path["callback_path"].as_str().unwrap()));
    let tried = house.host().act(&format!("/identity-providers/{id}/test")).await.expect(StatusCode::OK);
    assert_eq!(tried["ok"], true, "{tried}");

    let boss = account(&house, &id, "boss").await;
    let clerk = account(&house, &id, "clerk").await;
    let again = account(&house, &id, "boss").await;

    assert_eq!((&boss["login"], &boss["role"]), (&json!("boss@example.org"), &json!("support")));
    assert_eq!(boss["display_name"], "Somebody called boss");
    assert_eq!((&clerk["login"], &clerk["role"]), (&json!("clerk@example.org"), &json!("member")));
    assert_eq!(again["id"], boss["id"]);
}

/// The account that somebody who signs in at the provider gets into.
async fn account(house: &House, id: &str, login: &str) -> Value {
    let mut browser = Browser::new(house.nobody());
    let page = browser.begin(id).await;
    let back = Visitor::default().sign_in(&page, login).await;
    let place = browser.come_back(id, back.query().unwrap()).await;
    assert_eq!(place, "/sign-in#done");
    let tokens = browser.finish().await.expect(StatusCode::CREATED);
    let me = house.bearer(tokens["access_token"].as_str().unwrap());
    // Made only by whom the provider says that it has just asked.
    me.post("/api-tokens", json!({ "name": "script", "scopes": ["device_list"] }))
        .await
        .expect(StatusCode::CREATED);
    me.get("/me").await.expect(StatusCode::OK)
}

/// The provider's process.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = root.join("tests/e2e/provider.mjs");
        assert!(
            root.join("web/node_modules/oidc-provider").exists(),
            "oidc-provider is missing; `make setup` installs it"
        );
        let mut child = Command::new("node")
            .arg(script)
            .args([CLIENT, SECRET])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut issuer = String::new();
        says.read_line(&mut issuer).unwrap();
        Self { issuer: issuer.trim().to_owned(), child, says }
    }

    /// Tells it where it sends people back to.
    pub(crate) fn expect(&mut self, redirect: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{redirect}").unwrap();
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            assert_ne!(self.says.read_line(&mut line).unwrap(), 0, "the provider ended");
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A person in front of the provider's pages: fills each form and follows until sent elsewhere.
#[derive(Default)]
struct Visitor {
    cookies: Vec<(String, String)>,
}

impl Visitor {
    async fn sign_in(mut self, page: &str, login: &str) -> Url {
        let home = Url::parse(page).unwrap();
        let mut at = home.clone();
        let mut form: Option<String> = None;
        for _ in 0..20 {
            let answer = self.visit(&at, form.take()).await;
            if answer.status().is_redirection() {
                at = at.join(answer.headers()[header::LOCATION].to_str().unwrap()).unwrap();
                if at.host() != home.host() {
                    return at;
                }
                continue;
            }
            let html = String::from_utf8(answer.into_body()).unwrap();
            let action = html.split("action=\"").nth(1).unwrap_or_else(|| panic!("{html}"));
            at = at.join(action.split('"').next().unwrap()).unwrap();
            form = Some(match html.contains("value=\"login\"") {
                true => format!("prompt=login&login={login}&password=any"),
                false => "prompt=consent".to_owned(),
            });
        }
        panic!("the provider's pages lead nowhere: {at}");
    }

    async fn visit(&mut self, at: &Url, form: Option<String>) -> http::Response<Vec<u8>> {
        let client = Client::new(None, Limits::default()).unwrap();
        let allowed = AllowedNets::try_from(vec!["127.0.0.0/8".parse().unwrap()]).unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match &form {
            Some(_) => Request::post(at.as_str()).header("content-type", "application/x-www-form-urlencoded"),
            None => Request::get(at.as_str()),
        };
        let request = request.header("cookie", cookies.join("; ")).body(form.unwrap_or_default()).unwrap();
        let answer = client.send(&allowed, request).await.unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }
}
