//! What browsers and caches see of the panel: of a few made-up files, and of those that are really embedded.

use std::borrow::Cow;
use std::io::{Read, Write};

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine;
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;

use super::assets::{self, Built};
use super::{FILES, Files, HASHED, answer};

const BROWSER: &str = "gzip, deflate, br, zstd";
const SCRIPT: &str = "/assets/a-1.js";

/// A site of a page and a script with both variants, and a picture with none.
fn site() -> Files {
    let file = |(path, content): (&'static str, &'static str)| Built {
        path: Cow::Borrowed(path),
        content: Bytes::from_static(content.as_bytes()),
        digest: std::array::from_fn(|at| content.as_bytes()[at % content.len()]),
    };
    let files = [
        ("index.html", "<html>page"),
        ("index.html.br", "page by brotli"),
        ("index.html.gz", "page by gzip"),
        ("assets/a-1.js", "0123456789"),
        ("assets/a-1.js.br", "brotli"),
        ("assets/a-1.js.gz", "gzipped"),
        ("assets/b-2.png", "picture"),
        ("assets/gone.js.br", "a variant of no file"),
        ("notes.txt", "not for the web"),
    ];
    Files::of(files.into_iter().map(file))
}

fn ask(files: &Files, method: &Method, path: &str, given: &[(HeaderName, &str)]) -> Response {
    let given = given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
    files.respond(method, path, &HeaderMap::from_iter(given))
}

fn get(path: &str, given: &[(HeaderName, &str)]) -> Response {
    ask(&site(), &Method::GET, path, given)
}

fn said(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn body(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_browser_gets_the_smallest_variant_and_a_tag_of_its_bytes() {
    let mut tags = Vec::new();
    for (accepted, coding, content) in [
        (BROWSER, Some("br"), "brotli"),
        ("gzip, deflate", Some("gzip"), "gzipped"),
        ("br;q=0.5, gzip", Some("gzip"), "gzipped"),
        ("deflate", None, "0123456789"),
        ("identity;q=0", None, "0123456789"),
    ] {
        let response = get(SCRIPT, &[(header::ACCEPT_ENCODING, accepted)]);

        assert_eq!(response.status(), StatusCode::OK, "{accepted}");
        assert_eq!(said(&response, header::CONTENT_ENCODING), coding, "{accepted}");
        assert_eq!(said(&response, header::VARY), Some("accept-encoding"), "{accepted}");
        assert_eq!(said(&response, header::CONTENT_TYPE), Some("text/javascript; charset=utf-8"));
        assert_eq!(said(&response, header::ACCEPT_RANGES), Some("bytes"));
        assert_eq!(said(&response, header::CONTENT_LENGTH), Some(content.len().to_string().as_str()));
        let tag = said(&response, header::ETAG).unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 34, "{tag}");
        tags.push((content, tag));
        assert_eq!(body(response).await, content, "{accepted}");
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 3, "a tag for each variant: {tags:?}");
}

#[tokio::test]
async fn a_file_without_variants_does_not_vary() {
    let response = get("/assets/b-2.png", &[(header::ACCEPT_ENCODING, BROWSER)]);

    assert_eq!(said(&response, header::VARY), None);
    assert_eq!(said(&response, header::CONTENT_ENCODING), None);
    assert_eq!(body(response).await, "picture");
}

#[tokio::test]
async fn what_is_carried_by_gzip_alone_is_unpacked_for_whoever_takes_no_coding() {
    const PLAIN: &[u8] = b"0123456789, and so on, and so on, and so on, and so on";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(PLAIN).unwrap();
    let packed = Bytes::from(packed.finish().unwrap());
    let built = Built {
        path: Cow::Borrowed("assets/c-3.js.gz"),
        content: packed.clone(),
        digest: std::array::from_fn(|at| u8::try_from(at).unwrap()),
    };
    let site = Files::of(std::iter::once(built));
    let get = |method, given: &[(HeaderName, &str)]| ask(&site, method, "/assets/c-3.js", given);
    let gzip = (header::ACCEPT_ENCODING, "gzip");

    let (plain, coded) = (get(&Method::GET, &[]), get(&Method::GET, std::slice::from_ref(&gzip)));
    let (head, part) = (get(&Method::HEAD, &[]), get(&Method::GET, &[(header::RANGE, "bytes=-6")]));

    assert_eq!(head.headers(), plain.headers());
    assert_eq!(said(&plain, header::CONTENT_LENGTH), Some("54"));
    assert_eq!([&plain, &coded].map(|it| said(it, header::VARY)), [Some("accept-encoding"); 2]);
    let tags = [&plain, &coded].map(|it| said(it, header::ETAG).unwrap().to_owned());
    assert!(tags[0] != tags[1] && tags.iter().all(|tag| tag.len() == 34), "{tags:?}");
    let again = get(&Method::GET, &[(header::IF_NONE_MATCH, &tags[0])]);
    let other = get(&Method::GET, &[gzip, (header::IF_NONE_MATCH, &tags[0])]);
    assert_eq!([again.status(), other.status()], [StatusCode::NOT_MODIFIED, StatusCode::OK]);
    assert_eq!(said(&part, header::CONTENT_RANGE), Some("bytes 48-53/54"));
    assert_eq!((body(plain).await, body(coded).await), (PLAIN.into(), packed));
    assert_eq!((body(head).await, body(part).await), (Bytes::new(), " so on".into()));
}

#[test]
fn what_the_browser_has_is_not_sent_again_but_another_variant_is() {
    for (path, keep) in [("/", "no-cache"), (SCRIPT, "public, max-age=31536000, immutable")] {
        let first = get(path, &[(header::ACCEPT_ENCODING, BROWSER)]);
        let tag = said(&first, header::ETAG).unwrap();
        let second = get(path, &[(header::ACCEPT_ENCODING, BROWSER), (header::IF_NONE_MATCH, tag)]);
        let other = get(path, &[(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, tag)]);

        assert_eq!(second.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(said(&second, header::ETAG), Some(tag));
        assert_eq!(said(&second, header::VARY), Some("accept-encoding"));
        assert_eq!(said(&second, header::CONTENT_TYPE), None);
        assert_eq!([&first, &second].map(|answer| said(answer, header::CACHE_CONTROL)), [Some(keep); 2]);
        assert_eq!((other.status(), said(&other, header::CONTENT_ENCODING)), (StatusCode::OK, Some("gzip")));
    }
}

#[tokio::test]
async fn a_part_is_cut_out_of_the_variant_that_was_chosen() {
    let plain = get(SCRIPT, &[(header::RANGE, "bytes=2-4")]);
    let coded = get(SCRIPT, &[(header::RANGE, "bytes=-3"), (header::ACCEPT_ENCODING, "br")]);

    assert_eq!((plain.status(), coded.status()), (StatusCode::PARTIAL_CONTENT, StatusCode::PARTIAL_CONTENT));
    assert_eq!(said(&plain, header::CONTENT_RANGE), Some("bytes 2-4/10"));
    assert_eq!(said(&plain, header::CONTENT_LENGTH), Some("3"));
    assert_eq!(said(&coded, header::CONTENT_RANGE), Some("bytes 3-5/6"));
    assert_eq!(said(&coded, header::CONTENT_ENCODING), Some("br"));
    assert!(said(&coded, header::ETAG).is_some() && said(&coded, header::VARY).is_some());
    assert_eq!((body(plain).await, body(coded).await), ("234".into(), "tli".into()));
}

#[tokio::test]
async fn a_download_goes_on_only_in_the_same_file() {
    let tag = said(&get(SCRIPT, &[]), header::ETAG).unwrap().to_owned();
    let range = (header::RANGE, "bytes=8-");

    let same = get(SCRIPT, &[range.clone(), (header::IF_RANGE, &tag)]);
    let changed = get(SCRIPT, &[range.clone(), (header::IF_RANGE, "\"before\"")]);
    let failed = get(SCRIPT, &[range, (header::IF_MATCH, "\"before\"")]);

    assert_eq!(same.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(body(same).await, "89");
    assert_eq!(changed.status(), StatusCode::OK);
    assert_eq!(body(changed).await, "0123456789");
    assert_eq!(failed.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(said(&failed, header::CACHE_CONTROL), Some("no-store"));
}

#[test]
fn a_range_behind_the_end_is_refused_with_the_length_and_kept_by_no_cache() {
    let response = get(SCRIPT, &[(header::RANGE, "bytes=10-"), (header::ACCEPT_ENCODING, "deflate")]);

    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(said(&response, header::CONTENT_RANGE), Some("bytes */10"));
    assert_eq!(said(&response, header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(said(&response, header::VARY), Some("accept-encoding"));
}

#[tokio::test]
async fn head_says_what_get_says_and_sends_nothing() {
    for path in ["/", SCRIPT, "/assets/b-2.png", "/setup", "/nothing", "/assets/gone.js"] {
        for accepted in [BROWSER, "gzip", ""] {
            let head = ask(&site(), &Method::HEAD, path, &[(header::ACCEPT_ENCODING, accepted)]);
            let get = get(path, &[(header::ACCEPT_ENCODING, accepted)]);

            assert_eq!((head.status(), head.headers()), (get.status(), get.headers()), "{path}");
            assert!(head.status() != StatusCode::OK || body(head).await.is_empty(), "{path}");
        }
    }
}

#[test]
fn a_page_is_shown_or_says_how_to_build_it() {
    let nothing_built = Files::of(std::iter::empty());
    let addresses = ["/", "/setup", "/users/7"];
    for address in addresses {
        let response = ask(&nothing_built, &Method::GET, address, &[(header::ACCEPT, "text/html")]);

        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{address}");
        assert_eq!(said(&response, header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
        assert_eq!(said(&response, header::CACHE_CONTROL), Some("no-store"));
    }
    assert_eq!(get("/", &[]).status(), StatusCode::OK);
    assert_eq!(said(&get("/", &[]), header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
}

#[test]
fn a_missing_file_is_not_found_and_never_a_page() {
    let html = [(header::ACCEPT, "text/html"), (HeaderName::from_static("sec-fetch-mode"), "navigate")];
    for path in
        ["/assets/gone.js", "/assets/gone.js.br", "/assets/a-1.js.br", "/assets/", "/assets/../setup.html"]
    {
        for given in [&html[..], &[]] {
            let response = get(path, given);

            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(said(&response, header::CONTENT_TYPE), Some("text/plain; charset=utf-8"), "{path}");
            assert_eq!(said(&response, header::CACHE_CONTROL), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn a_person_gets_the_start_page_at_every_address_and_a_program_a_line() {
    for path in ["/users", "/users/7", "/index.html", "/notes.txt", "//", "/setup/", "/apiary", "/healthy"] {
        let program = get(path, &[(header::ACCEPT, "*/*")]);
        let loads = get(
            path,
            &[(HeaderName::from_static("sec-fetch-mode"), "no-cors"), (header::ACCEPT, "text/html")],
        );
        let person = get(path, &[(HeaderName::from_static("sec-fetch-mode"), "navigate")]);

        for none in [program, loads] {
            assert_eq!(none.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(said(&none, header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        }
        assert_eq!(person.status(), StatusCode::OK, "{path}");
        assert_eq!(said(&person, header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
        assert_eq!(said(&person, header::CACHE_CONTROL), Some("no-cache"));
        assert_eq!(body(person).await, "<html>page", "{path}");
    }
}

#[test]
fn where_programs_ask_no_page_is_shown_to_anybody() {
    for path in
        ["/api", "/api/", "/api/v9/users", "/.well-known/x", "/livez/", "/readyz/x", "/health/x", "/metrics"]
    {
        let person = get(path, &[(HeaderName::from_static("sec-fetch-mode"), "navigate")]);
        let program = get(path, &[]);

        assert_eq!([person.status(), program.status()], [StatusCode::NOT_FOUND; 2], "{path}");
        assert_eq!(said(&person, header::CACHE_CONTROL), Some("no-store"), "{path}");
    }
}

#[test]
fn other_methods_are_refused_with_what_is_allowed() {
    let response = ask(&site(), &Method::POST, "/setup", &[]);

    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(said(&response, header::ALLOW), Some("GET, HEAD"));
}

#[test]
fn every_answer_limits_what_a_page_may_do() {
    for (path, range) in
        [("/", ""), ("/setup", ""), ("/nothing", ""), (SCRIPT, "bytes=0-1"), (SCRIPT, "bytes=10-")]
    {
        let response = get(path, &[(header::RANGE, range)]);

        let policy = said(&response, header::CONTENT_SECURITY_POLICY).unwrap();
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{path}");
        assert!(policy.contains("style-src 'self' 'sha256-"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        let permissions = said(&response, HeaderName::from_static("permissions-policy")).unwrap();
        assert!(
            permissions.contains("camera=()") && permissions.contains("geolocation=()"),
            "{path}: {permissions}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(said(&response, HeaderName::from_static(name)), Some(value), "{path}");
        }
    }
}

#[test]
fn of_styles_in_the_page_only_known_ones_are_let_in() {
    let response = get("/", &[]);
    let policy = said(&response, header::CONTENT_SECURITY_POLICY).unwrap();
    let empty = base64::engine::general_purpose::STANDARD.encode(digest(&SHA256, b""));

    let styles = policy.split("; ").find(|rule| rule.starts_with("style-src")).unwrap();
    let sources: Vec<_> = styles.split(' ').skip(1).collect();

    assert_eq!(sources[..2], ["'self'", &format!("'sha256-{empty}'")]);
    assert!(sources[2..].iter().all(|source| source.starts_with("'sha256-")), "{styles}");
}

#[tokio::test]
async fn every_embedded_file_is_served_as_it_was_built() {
    for file in assets::embedded() {
        let (of, coding) = match file.path.rsplit_once('.').unwrap() {
            (of, "br") => (of, "br"),
            (of, "gz") => (of, "gzip"),
            _ => (file.path.as_ref(), "identity"),
        };
        let path = if of == "index.html" { "/".to_owned() } else { format!("/{of}") };
        let request =
            Request::get(&path).header(header::ACCEPT_ENCODING, coding).body(Body::empty()).unwrap();

        let response = answer(request).await;

        assert_eq!(response.status(), StatusCode::OK, "{path} {coding}");
        assert_eq!(said(&response, header::CONTENT_ENCODING).unwrap_or("identity"), coding, "{path}");
        let keep = said(&response, header::CACHE_CONTROL).unwrap();
        assert_eq!(keep.contains("immutable"), path.starts_with(HASHED), "{path}");
        assert_eq!(body(response).await, file.content, "{path}");
    }
}

#[tokio::test]
async fn each_embedded_variant_saves_a_tenth_and_holds_the_file() {
    let files: Vec<Built> = assets::embedded().collect();
    for variant in &files {
        let Some((of, "br" | "gz")) = variant.path.rsplit_once('.') else { continue };
        let path = if of == "index.html" { "/".to_owned() } else { format!("/{of}") };
        let request =
            Request::get(&path).header(header::ACCEPT_ENCODING, "identity").body(Body::empty()).unwrap();
        let file = body(answer(request).await).await;
        assert!(variant.content.len() * 10 <= file.len() * 9, "{}", variant.path);

        if variant.path.ends_with(".gz") {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(variant.content.as_ref()).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == file, "{}", variant.path);
        }
    }
    assert!(
        FILES.0.is_empty() || files.iter().any(|file| file.path.ends_with(".br")),
        "built without variants"
    );
}

#[test]
fn no_embedded_file_is_carried_both_plain_and_by_gzip_but_the_page() {
    let paths: Vec<_> = assets::embedded().map(|file| file.path).collect();

    let twice: Vec<_> = paths.iter().filter(|path| paths.contains(&format!("{path}.gz").into())).collect();

    assert!(twice.iter().all(|path| *path == "index.html"), "{twice:?}");
}
