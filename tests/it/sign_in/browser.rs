//! A browser that goes to a provider and comes back, with a house that knows the provider.

use std::sync::Arc;

use axum::body::Body;
use caspervpn::runtime::clock::TestClock;
use caspervpn::store::backend::Conn;
use caspervpn::store::error::StoreError;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::api_house::{Answer, Client, House};
use crate::databases::TestDatabase;
use crate::sign_in::issuer::{CLIENT, Issuer, Lie, SECRET};
use crate::store_fixtures::NOW;

/// A house on a clock of the test's that knows one provider.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) issuer: Issuer,
    pub(crate) provider: String,
}

impl World {
    pub(crate) async fn over(database: TestDatabase) -> Self {
        Self::with(database, Issuer::start(NOW).await).await
    }

    pub(crate) async fn with(database: TestDatabase, issuer: Issuer) -> Self {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as _).await;
        settle(&house, "https://vpn.example.org").await;
        let provider = add(&house, "main", &issuer.url, json!({})).await;
        Self { house, clock, issuer, provider }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.house.nobody())
    }

    /// A browser at an address of its own.
    pub(crate) fn browser_at(&self, host: usize) -> Browser {
        Browser::new(self.house.nobody().from(Some(&format!("192.0.2.{}", 100 + host))))
    }

    /// Changes the provider.
    pub(crate) async fn change(&self, change: Value) {
        change_provider(&self.house, &self.provider, change).await;
    }

    /// A whole sign-in of somebody: where the browser ends, and the answer to the trade.
    pub(crate) async fn sign_in(&self, person: Value) -> (String, Answer) {
        let mut browser = self.browser();
        let page = browser.begin(&self.provider).await;
        let query = self.issuer.sign_in(&page, person, Lie::Nothing);
        let place = browser.come_back(&self.provider, &query).await;
        (place, browser.finish().await)
    }

    /// The account that somebody gets into.
    pub(crate) async fn account_of(&self, person: Value) -> Value {
        let (place, answer) = self.sign_in(person).await;
        assert_eq!(place, "/sign-in#done");
        let tokens = answer.expect(StatusCode::CREATED);
        let me = self.house.bearer(tokens["access_token"].as_str().unwrap());
        me.get("/me").await.expect(StatusCode::OK)
    }

    /// Rows of one-time links, which states and codes are kept as.
    pub(crate) async fn links(&self) -> i64 {
        let count = async |on: &mut Conn| on.one("SELECT COUNT(*) FROM links", &[]).await;
        self.house.app.store().read::<_, StoreError, _>(count).await.unwrap()
    }

    /// Reasons of the refusals in the audit, the latest first.
    pub(crate) async fn reasons(&self) -> Vec<String> {
        let found = self.house.host().get("/audit?limit=200").await.expect(StatusCode::OK);
        let items = found["items"].as_array().unwrap().iter();
        let refused = items.filter(|it| it["action"] == "sign_in_callback" && it["outcome"] == "refused");
        refused.map(|it| it["after"]["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// Lets a house find itself and the loopback.
pub(crate) async fn settle(house: &House, panel_url: &str) {
    let host = house.host();
    let tag = host.get("/settings").await.tag().to_owned();
    let change = json!({ "panel_url": panel_url, "outgoing_allowed": ["127.0.0.0/8"] });
    host.patch("/settings", &tag, change).await.expect(StatusCode::OK);
}

/// Makes a provider that lets everybody in.
pub(crate) async fn add(house: &House, name: &str, issuer: &str, more: Value) -> String {
    let mut request = json!({
        "name": name, "oidc": { "issuer": issuer, "client_id": CLIENT, "group_claim": "groups" }, "secret": SECRET,
        "allow_sign_up": true, "device_limit": 3,
        "group_roles": [{ "group": "staff", "role": "support" }, { "group": "chiefs", "role": "owner" }],
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    let made = house.host().post("/identity-providers", request).await.expect(StatusCode::CREATED);
    made["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn change_provider(house: &House, provider: &str, change: Value) {
    let (host, path) = (house.host(), format!("/identity-providers/{provider}"));
    let tag = host.get(&path).await.tag().to_owned();
    host.patch(&path, &tag, change).await.expect(StatusCode::OK);
}

/// A browser: it keeps one cookie and goes where it is sent.
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookie: Option<String>,
    pub(crate) set_cookies: Vec<String>,
}

impl Browser {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, cookie: None, set_cookies: Vec::new() }
    }

    /// Begins to sign in, and gives the provider's page.
    pub(crate) async fn begin(&mut self, provider: &str) -> String {
        let answer = self.client.act(&format!("/sign-in/providers/{provider}/begin")).await;
        self.take(&answer);
        answer.expect(StatusCode::OK)["url"].as_str().unwrap().to_owned()
    }

    /// Begins to link the account that the client is signed in to.
    pub(crate) async fn begin_link(&mut self, me: &Client, provider: &str) -> String {
        let answer = me.post("/me/identities", json!({ "identity_provider_id": provider })).await;
        self.take(&answer);
        answer.expect(StatusCode::OK)["url"].as_str().unwrap().to_owned()
    }

    /// Comes back from the provider, and says where it is sent next.
    pub(crate) async fn come_back(&mut self, provider: &str, query: &str) -> String {
        let path = format!("/sign-in/providers/{provider}/callback?{query}");
        let answer = self.request(Method::GET, &path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let place = answer.headers["location"].to_str().unwrap().to_owned();
        self.take(&answer);
        place
    }

    /// Trades its cookie for a session.
    pub(crate) async fn finish(&mut self) -> Answer {
        let answer = self.request(Method::POST, "/sign-in/finish").await;
        self.take(&answer);
        answer
    }

    async fn request(&self, method: Method, path: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("theme=dark; {cookie}"));
        }
        self.client.raw(request.body(Body::empty()).unwrap()).await
    }

    fn take(&mut self, answer: &Answer) {
        let all = answer.headers.get_all("set-cookie").iter();
        self.set_cookies = all.map(|value| value.to_str().unwrap().to_owned()).collect();
        for text in &self.set_cookies {
            self.cookie =
                if text.contains("Max-Age=0") { None } else { text.split(';').next().map(str::to_owned) };
        }
    }
}
