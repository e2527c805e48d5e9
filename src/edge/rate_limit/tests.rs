//! What the limits promise to a client, and of the memory they take.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use tower::ServiceExt;

use super::*;
use crate::edge::peer::Peer;

fn limits(anonymous: u32, with_credentials: u32) -> RequestLimits {
    let office: IpAddr = "198.51.100.9".parse().unwrap();
    let around = Surroundings {
        cookies: &["__Host-ours"],
        is_unlimited: Arc::new(move |address| address == office),
        refuse: |_, wait| (StatusCode::TOO_MANY_REQUESTS, wait.as_millis().to_string()).into_response(),
    };
    RequestLimits::new(RequestRates { anonymous, with_credentials }, around)
}

fn site(limits: &RequestLimits) -> Router {
    let routes = Router::new().route("/api/v1/x", get(|| async { "x" })).fallback(|| async { "page" });
    limits.before(routes)
}

fn from(address: &str) -> http::request::Builder {
    let peer = Peer::Tcp(SocketAddr::new(address.parse().unwrap(), 50_000));
    http::Request::get("/api/v1/x").extension(peer)
}

async fn answer(site: &Router, request: http::request::Builder) -> Response {
    site.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// How many of `count` such requests are let through.
async fn admitted(site: &Router, count: usize, request: impl Fn() -> http::request::Builder) -> usize {
    let mut admitted = 0;
    for _ in 0..count {
        admitted += usize::from(answer(site, request()).await.status().is_success());
    }
    admitted
}

#[tokio::test]
async fn an_address_is_limited_with_its_neighbours_in_a_64_and_others_are_not() {
    let site = site(&limits(2, 0));

    assert_eq!(admitted(&site, 4, || from("203.0.113.1")).await, 2);
    assert_eq!(admitted(&site, 1, || from("::ffff:203.0.113.1")).await, 0, "the same address, mapped");
    assert_eq!(admitted(&site, 2, || from("2001:db8::1")).await, 2);
    assert_eq!(admitted(&site, 1, || from("2001:db8::ffff:1")).await, 0, "of the same /64");
    assert_eq!(admitted(&site, 1, || from("2001:db8:0:1::1")).await, 1);
}

#[tokio::test]
async fn credentials_of_whatever_worth_have_a_budget_of_their_own() {
    let site = site(&limits(1, 3));
    let by_header = || from("203.0.113.1").header("authorization", "nonsense");
    let by_cookie = || from("203.0.113.1").header("cookie", "theme=dark; __Host-ours=nonsense");
    let by_another = || from("203.0.113.1").header("cookie", "x__Host-ours=1; theme=__Host-ours");

    assert_eq!(admitted(&site, 2, || from("203.0.113.1")).await, 1);
    assert_eq!(admitted(&site, 2, by_header).await, 2);
    assert_eq!(admitted(&site, 2, by_cookie).await, 1, "both kinds of credentials share it");
    assert_eq!(admitted(&site, 1, by_another).await, 0, "a cookie of somebody else is none");
}

#[tokio::test]
async fn this_host_unlimited_ranges_and_preflights_cost_nothing() {
    let site = site(&limits(1, 1));
    let unix = || http::Request::get("/").extension(Peer::Unix { uid: 7, gid: 7, pid: None });

    assert_eq!(admitted(&site, 5, || from("127.0.0.1")).await, 5);
    assert_eq!(admitted(&site, 5, || from("::1")).await, 5);
    assert_eq!(admitted(&site, 5, || from("198.51.100.9")).await, 5);
    assert_eq!(admitted(&site, 5, unix).await, 5);
    for _ in 0..5 {
        let asked = answer(&site, from("203.0.113.1").method("OPTIONS")).await;
        assert_eq!(asked.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(admitted(&site, 5, || from("203.0.113.1")).await, 1);
}

#[tokio::test]
async fn programs_are_told_what_is_left_and_pages_say_nothing_of_it() {
    let site = site(&limits(4, 0));
    let said = |answer: &Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };

    let first = answer(&site, from("203.0.113.1")).await;
    let page = answer(&site, from("203.0.113.1").uri("/apiary")).await;

    assert_eq!(said(&first, "ratelimit-policy").unwrap(), r#""anonymous";q=4;w=60"#);
    assert_eq!(said(&first, "ratelimit").unwrap(), r#""anonymous";r=3;t=45"#);
    assert_eq!(said(&page, "ratelimit"), None);
    assert_eq!(admitted(&site, 2, || from("203.0.113.1")).await, 2);
    let refused = answer(&site, from("203.0.113.1").uri("/")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let state = said(&refused, "ratelimit").unwrap();
    let wait: u64 = state.strip_prefix(r#""anonymous";r=0;t="#).unwrap().parse().unwrap();
    assert!((1..=15).contains(&wait), "{state}");
    let whole = axum::body::to_bytes(refused.into_body(), 100).await.unwrap();
    let exact: u64 = std::str::from_utf8(&whole).unwrap().parse().unwrap();
    assert!(
        wait * 1000 >= exact && exact > 10_000,
        "{exact} ms of the quarter of a minute, told as {wait} s"
    );
}

#[test]
fn a_rate_of_zero_puts_nothing_before_the_routes() {
    let off = limits(0, 0);

    assert!(off.0.anonymous.is_none() && off.0.with_credentials.is_none());
}

#[test]
fn a_million_addresses_take_no_more_room_than_there_are_buckets() {
    let limits = limits(2, 2);
    let budget = limits.0.anonymous.as_ref().unwrap();

    for n in 0..500_000_u32 {
        let v4 = IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + n));
        let v6 = IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(n) << 64)));
        for address in [v4, v6] {
            let _ = budget.charge(limits.0.clients.bucket(address));
        }
    }

    let held = budget.limiter.len();
    assert!((60_000..=65_536).contains(&held), "{held} shares are held: all are used, and there are no more");
}
