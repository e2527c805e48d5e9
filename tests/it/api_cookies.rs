//! Browsers that are signed in by a cookie: what it looks like, what it may do, how it ends.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use caspervpn::runtime::clock::{Clock, TestClock};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::api_house::{Answer, Client, House, PASSWORD};
use crate::databases::{TestDatabase, on_both};
use crate::events::Stream;
use crate::store_fixtures::NOW;

const HOST: &str = "vpn.example.org";

/// A browser that is signed in.
struct Browser {
    client: Client,
    cookie: String,
    csrf_token: String,
    session: String,
}

impl Browser {
    async fn of(house: &House, login: &str) -> Self {
        let given = give(&house.sign_in(login).await, &[("host", HOST)]).await;
        let cookie = given.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let body = given.expect(StatusCode::CREATED);
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        Self { client: house.nobody(), cookie, csrf_token: text("csrf_token"), session: text("session_id") }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let headers = [headers, &[("cookie", self.cookie.as_str()), ("host", HOST)]].concat();
        self.client.send(method, path, &headers, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    async fn act(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, headers, None).await
    }

    /// A change as our own page makes it.
    async fn proved(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.send(method, path, &self.proof(), body).await
    }

    fn proof(&self) -> [(&str, &str); 3] {
        [
            ("x-csrf-token", self.csrf_token.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://vpn.example.org"),
        ]
    }

    /// Keeps the cookie that an answer gives in place of the one so far.
    fn take(&mut self, given: Answer) {
        let cookie = given.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let given = given.expect(StatusCode::OK);
        (self.cookie, self.csrf_token) = (cookie, given["csrf_token"].as_str().unwrap().to_owned());
    }

    async fn listen(&self) -> Stream {
        let headers = [("cookie", self.cookie.as_str()), ("host", HOST)];
        Stream::open_with(&self.client, "?topics=changed", &headers).await
    }
}

async fn give(client: &Client, headers: &[(&str, &str)]) -> Answer {
    client.send(Method::POST, "/sessions/cookie", headers, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_bound_to_host_and_https_and_to_this_machine_without_it() {
    let house = House::new(TestDatabase::sqlite()).await;
    let owner = house.owner().await;
    let attributes = |given: &Answer| {
        let cookie = given.headers["set-cookie"].to_str().unwrap();
        let (pair, rest) = cookie.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert!(value.starts_with("cvb_") && value.len() == 47, "{value}");
        format!("{name}; {rest}")
    };

    let far = give(&owner, &[("host", HOST), ("origin", "https://vpn.example.org")]).await;
    let proxied = give(&owner.from(Some("127.0.0.1")), &[("host", HOST)]).await;
    let here = give(&owner.from(Some("::1")), &[("host", "localhost:8080")]).await;
    let named_alike = give(&owner, &[("host", "localhost:8080")]).await;
    let plain = give(&owner, &[("host", HOST), ("origin", "http://vpn.example.org")]).await;

    let secure = "__Host-caspervpn; Path=/; Secure; HttpOnly; SameSite=Strict";
    assert_eq!(attributes(&far), secure);
    assert_eq!(attributes(&proxied), secure);
    assert_eq!(attributes(&named_alike), secure);
    assert_eq!(attributes(&here), "caspervpn-local; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(plain.problem(400), "https_needed");
    assert!(!plain.headers.contains_key("set-cookie"));
}

on_both! {
    async fn a_page_reads_with_the_cookie_and_changes_things_with_its_proof_alone(database) {
        let house = House::new(database).await;
        let browser = Browser::of(&house, "owner").await;
        let other = Browser::of(&house, "owner").await;
        let end_others = "/me/sessions/end-others";

        let me = browser.get("/me").await.expect(StatusCode::OK);
        assert_eq!(me["login"], "owner");
        assert_eq!(me["session_id"], browser.session.as_str());
        assert_eq!(me["csrf_token"], browser.csrf_token.as_str());
        let own = browser.csrf_token.as_str();
        for headers in [
            &[][..],
            &[("x-csrf-token", "")],
            &[("x-csrf-token", other.csrf_token.as_str())],
            &[("x-csrf-token", own), ("sec-fetch-site", "cross-site")],
            &[("x-csrf-token", own), ("sec-fetch-site", "same-site")],
            &[("x-csrf-token", own), ("origin", "https://evil.example")],
            &[("x-csrf-token", own), ("origin", "null")],
            &[("x-csrf-token", own), ("x-csrf-token", own)],
        ] {
            assert_eq!(browser.act(end_others, headers).await.problem(403), "csrf", "{headers:?}");
        }
        let form = Request::post("/api/v1/users")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &browser.cookie)
            .header("host", HOST)
            .header("origin", "https://evil.example");
        let form = browser.client.raw(form.body(Body::from("login=eve&role=owner")).unwrap()).await;
        assert_eq!(form.problem(403), "csrf");
        let made = json!({ "login": "grace", "role": "member" });
        browser.proved(Method::POST, "/users", Some(made)).await.expect(StatusCode::CREATED);
        browser.act(end_others, &[("x-csrf-token", own)]).await.expect(StatusCode::NO_CONTENT);

        assert_eq!(other.get("/me").await.problem(401), "unauthenticated");
        let tried = house.host().get("/audit?action=session_unproved").await.expect(StatusCode::OK);
        assert_eq!(tried["items"].as_array().unwrap().len(), 9);
        assert_eq!(tried["items"][0]["outcome"], "refused");
    }

    async fn a_cookie_and_a_token_at_once_are_refused_and_two_cookies_as_well(database) {
        let house = House::new(database).await;
        let browser = Browser::of(&house, "owner").await;
        let bearer = house.owner().await;
        let twice = format!("{0}; {0}", browser.cookie);

        let both = bearer.send(Method::GET, "/me", &[("cookie", &browser.cookie)], None).await;
        let two = house.nobody().send(Method::GET, "/me", &[("cookie", &twice)], None).await;
        let nonsense = house.nobody().send(Method::GET, "/me", &[("cookie", "__Host-caspervpn=x")], None).await;
        let local = browser.cookie.replace("__Host-caspervpn", "caspervpn-local");
        let smuggled = house.nobody().send(Method::GET, "/me", &[("cookie", &local)], None).await;
        // Through a proxy on this machine everybody seems to be here.
        let proxied = house.nobody().from(Some("127.0.0.1"));
        let planted = proxied.send(Method::GET, "/me", &[("cookie", &local), ("host", HOST)], None).await;
        let here = proxied.send(Method::GET, "/me", &[("cookie", &local), ("host", "localhost:8080")], None).await;
        // A stale cookie of the browser must not be in the way of the next sign-in.
        let again = give(&bearer, &[("cookie", &browser.cookie), ("host", HOST)]).await;

        assert_eq!(both.problem(400), "two_credentials");
        assert_eq!(two.problem(400), "two_credentials");
        assert_eq!(nonsense.problem(401), "unauthenticated");
        assert_eq!(smuggled.problem(401), "unauthenticated");
        assert_eq!(planted.problem(401), "unauthenticated");
        here.expect(StatusCode::OK);
        again.expect(StatusCode::CREATED);
    }

    async fn a_browser_s_session_ends_wherever_sessions_end(database) {
        let house = House::new(database).await;
        let host = house.host();

        let out = Browser::of(&house, "owner").await;
        let path = format!("/sessions/{}", out.session);
        let gone = out.proved(Method::DELETE, &path, None).await;
        let taken: Vec<_> = gone.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(taken.len(), 2);
        assert!(taken[0].starts_with("__Host-caspervpn=; ") && taken[0].ends_with("Secure; HttpOnly; SameSite=Strict; Max-Age=0"));
        assert_eq!(out.get("/me").await.problem(401), "unauthenticated");

        let ended = Browser::of(&house, "owner").await;
        ended.get("/me").await.expect(StatusCode::OK);
        host.send(Method::DELETE, &format!("/sessions/{}", ended.session), &[], None).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(ended.get("/me").await.problem(401), "unauthenticated");

    }

    async fn a_new_password_ends_every_other_session_and_gives_this_browser_another_cookie(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as Arc<dyn Clock>).await;
        let (mut here, elsewhere) = (Browser::of(&house, "owner").await, Browser::of(&house, "owner").await);
        // Long after the sign-in: the password that is changed is proof enough.
        clock.advance(Duration::from_secs(3600));
        let program = house.owner().await;
        let body = json!({ "current_password": PASSWORD, "new_password": "another long one" });

        let given = here.proved(Method::POST, "/me/password", Some(body)).await;

        let cookie = given.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-caspervpn=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"));
        assert_eq!(given.body["session_id"], here.session);
        assert_eq!(here.get("/me").await.problem(401), "unauthenticated", "the cookie so far is of no more use");
        assert_eq!(elsewhere.get("/me").await.problem(401), "unauthenticated");
        assert_eq!(program.get("/me").await.problem(401), "unauthenticated");
        here.take(given);
        here.get("/me").await.expect(StatusCode::OK);
        here.proved(Method::POST, "/me/sessions/end-others", None).await.expect(StatusCode::NO_CONTENT);
    }

    async fn a_stream_of_events_ends_with_the_cookie_that_opened_it_and_goes_on_with_the_next(database) {
        let house = House::new(database).await;
        let mut here = Browser::of(&house, "owner").await;
        let mut by_old = here.listen().await;
        let body = json!({ "current_password": PASSWORD, "new_password": "another long one" });

        let given = here.proved(Method::POST, "/me/password", Some(body)).await;
        here.take(given);
        let mut by_new = here.listen().await;
        house.app.events_step().await.unwrap();

        assert_eq!(by_old.next().await, None, "whoever has the old cookie hears of nothing more");
        house.user("mia", "member").await;
        house.app.events_step().await.unwrap();
        assert_eq!(by_new.next().await.unwrap().1["kind"], "user");
    }

    async fn the_tokens_of_a_session_that_a_browser_has_renew_nothing(database) {
        let house = House::new(database).await;
        let body = json!({ "login": "owner", "password": PASSWORD });
        let tokens = house.nobody().post("/sessions", body).await.expect(StatusCode::CREATED);
        let client = house.bearer(tokens["access_token"].as_str().unwrap());
        let first = give(&client, &[("host", HOST)]).await;
        let second = give(&client, &[("host", HOST)]).await;
        let cookie = |given: &Answer| given.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();

        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        assert_eq!(house.nobody().post("/sessions/refresh", refresh).await.problem(401), "unauthenticated");
        let get = async |cookie: &str| house.nobody().send(Method::GET, "/me", &[("cookie", cookie)], None).await;
        assert_eq!(get(&cookie(&first)).await.problem(401), "unauthenticated");
        get(&cookie(&second)).await.expect(StatusCode::OK);
        let program = client.post("/api-tokens", json!({ "name": "a", "scopes": ["all"] })).await;
        let program = house.bearer(program.expect(StatusCode::CREATED)["token"].as_str().unwrap());
        assert_eq!(give(&program, &[("host", HOST)]).await.problem(403), "forbidden");
    }

    async fn a_browser_s_session_ends_by_idleness_and_by_age(database) {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as Arc<dyn Clock>).await;
        let idle = Browser::of(&house, "owner").await;
        let busy = Browser::of(&house, "owner").await;

        for _ in 0..15 {
            busy.get("/me").await.expect(StatusCode::OK);
            clock.advance(Duration::from_secs(11 * 3600));
        }
        assert_eq!(idle.get("/me").await.problem(401), "unauthenticated");
        busy.get("/me").await.expect(StatusCode::OK);
        clock.advance(Duration::from_secs(4 * 3600));
        assert_eq!(busy.get("/me").await.problem(401), "unauthenticated");
    }
}
