//! The certificate that the wizard orders: while it cannot be had, and when it can.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::{needs_browser, pictures, words};
use crate::acme::lab::free_ports;
use crate::certificates::{Town, shown};
use crate::e2e::talk::Talk;
use crate::service::{PATIENCE, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn e2e_the_wizard_follows_its_certificate_from_a_name_that_leads_elsewhere_until_it_is_valid() {
    needs_browser();
    let [api, http, https] = free_ports();
    let town = Town::start(http, https, "0");
    let authority = town.files.path().join("authority.pem").display().to_string();
    let launch = town
        .launch("one", https)
        .with(&format!("listen.api=127.0.0.1:{api}"))
        .with(&format!("listen.http=127.0.0.1:{http}"));
    let service = launch.serve();
    // Whoever runs the server has an authority of their own.
    let url = &town.pebble.directory.url;
    launch.ask(&["settings", "update", "--outgoing-allowed", "127.0.0.0/8"]);
    launch.ask(&["settings", "acme", "set", "--agree-terms", "--directory", url, "--ca-file", &authority]);
    let link = launch.ask(&["setup-link"])["url"].as_str().unwrap().to_owned();
    let token = link.split_once('#').unwrap().1;
    town.pebble.lead_every_name_to("127.0.0.2");
    // There somebody takes the authority's connections, says nothing, and hangs up at the end.
    let elsewhere = TcpListener::bind(("127.0.0.2", http)).unwrap();

    let place = format!("http://localhost:{api}/setup#{token}");
    let pictures = pictures();
    let mut person =
        Talk::begin(&["timeout"], &words("setup_certificate.mjs", &[&place, pictures.to_str().unwrap()]));
    person.until("looking");
    drop(elsewhere);
    person.answer("go on");
    person.until("failed");
    town.pebble.lead_every_name_to("127.0.0.1");
    person.answer("go on");
    let found = person.end();

    let why = found["why"].as_str().unwrap();
    assert!(
        why.contains("vpn.example.org") && why.contains("127.0.0.2"),
        "the authority's own words: {found}"
    );
    assert_eq!(found["states"], json!(["Pending", "Failing", "Valid"]), "{found}");
    assert_eq!(found["authority"], format!("Authority: {}", url.split('/').nth(2).unwrap()));
    assert_eq!((&found["asked"], &found["terms"]), (&json!(1), &json!(0)), "only the name is asked for");
    let lines = lines_followed(&found);
    let (listened, logs) = (found["listened"].as_u64().unwrap(), found["logs"].as_u64().unwrap());
    assert!(listened >= 1 && logs <= 2 * lines + 5, "the page is told of each step: {found}");
    assert_eq!(found["polled"], 0, "while nothing happens, the page does not ask: {found}");
    assert_eq!(found["leads_to"], "https://vpn.example.org/");
    assert_eq!(found["complaints"], json!([]));
    let certificate = service.get("/api/v1/certificates/vpn.example.org");
    assert_eq!((&certificate["state"], &certificate["source"]), (&json!("valid"), &json!("acme")));
    eventually("the certificate to be served", PATIENCE, || shown(https) == certificate["fingerprint"]);
    let settings = service.get("/api/v1/settings");
    assert_eq!(settings["acme"]["directory"], *url, "the authority that was there is kept");
    assert_eq!(
        (&settings["tls_names"], &settings["panel_url"]),
        (&json!(["vpn.example.org"]), &json!("https://vpn.example.org"))
    );
}

/// Holds the page to telling each step when it was done and leaving it there. Gives the number of lines at the end.
fn lines_followed(found: &Value) -> u64 {
    let early = found["early"].as_array().unwrap();
    let early: Vec<_> = early.iter().map(|it| it.as_str().unwrap()).collect();
    assert!(
        early.first().is_some_and(|line| line.starts_with("Attempt begun"))
            && early.last().is_some_and(|line| line.starts_with("The authority was told to look")),
        "while the authority waits, its lines stand there: {early:#?}"
    );
    let steps = found["steps"].as_array().unwrap();
    let last: Vec<_> =
        steps.last().unwrap().as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(steps.len() >= 3, "lines came one after the other: {steps:#?}");
    for pair in steps.windows(2) {
        let (before, after) = (pair[0].as_array().unwrap(), pair[1].as_array().unwrap());
        // Behind the dot stands how long it is to the next attempt, which passes.
        let said =
            |line: Option<&Value>| line.and_then(|it| it.as_str()?.split(" · ").next().map(str::to_owned));
        assert_eq!(
            said(before.last()),
            said(after.get(before.len() - 1)),
            "what stands there stays: {steps:#?}"
        );
    }
    let at = |words: &str| {
        last.iter().rposition(|line| line.starts_with(words)).unwrap_or_else(|| panic!("{words}: {last:#?}"))
    };
    let way = [
        "Attempt begun",
        "Order placed",
        "Authorization",
        "Proof put up",
        "The authority has seen",
        "Certificate in force",
    ];
    assert!(way.map(at).is_sorted(), "{last:#?}");
    assert!(last.iter().any(|line| line.starts_with("The authority refused the proof")), "{last:#?}");
    last.len() as u64
}
