//! Certificates and their orders, on both databases: held by one worker, gone on with by the next, counted before they are
//! tried.

use std::time::Duration;

use caspervpn::domain::certificate::{Certificate, CertificateName, Issued, Method};
use caspervpn::domain::certificate_log::{LogLine, Step, StepKind};
use caspervpn::domain::renewal::{ChosenWindow, Lifetime};
use caspervpn::domain::time::Timestamp;
use caspervpn::store::acme::{self, KeptProof};
use caspervpn::store::backend::{Conn, Store, Tx};
use caspervpn::store::certificate_log;
use caspervpn::store::certificates::{self, KeptOrder, NewPair};
use caspervpn::store::error::StoreError;

use crate::databases::on_all;
use crate::store_fixtures::{NOW, later};

/// Far more than a test takes: holds go by the database's clock, which runs.
const HELD: Duration = Duration::from_secs(3600);

fn name(text: &str) -> CertificateName {
    text.parse().unwrap()
}

async fn follow(store: &Store, names: &[&str], now: Timestamp) {
    let names: Vec<_> = names.iter().map(|text| name(text)).collect();
    store.write(async move |tx: &mut Tx| certificates::follow(tx, &names, now).await).await.unwrap();
}

async fn take(store: &Store, worker: &'static str, now: Timestamp) -> Vec<Certificate> {
    store.write(async move |tx: &mut Tx| certificates::take(tx, worker, 4, now, HELD).await).await.unwrap()
}

async fn begin(store: &Store, worker: &'static str, now: Timestamp, next: Timestamp) -> bool {
    let begin =
        async move |tx: &mut Tx| certificates::begin_attempt(tx, &name("a.example"), worker, now, next).await;
    store.write(begin).await.unwrap()
}

async fn keep(store: &Store, worker: &'static str, url: &str) -> bool {
    let order = KeptOrder { url: url.to_owned(), key: b"sealed".to_vec() };
    let keep =
        async move |tx: &mut Tx| certificates::keep_order(tx, &name("a.example"), worker, Some(&order)).await;
    store.write(keep).await.unwrap()
}

async fn issue(store: &Store, worker: &'static str, now: Timestamp, next: Timestamp) -> bool {
    let life = Lifetime { not_before: now, not_after: later(90 * 86_400_000) };
    let issued = Issued { life, issuer: "CA".to_owned(), fingerprint: "AB:CD".to_owned(), obtained_at: now };
    let new = NewPair { issued, chain: "chain".to_owned(), private_key: b"sealed".to_vec() };
    let issue =
        async move |tx: &mut Tx| certificates::issue(tx, &name("a.example"), worker, &new, next).await;
    store.write(issue).await.unwrap()
}

async fn of_a(store: &Store) -> Certificate {
    let find = async |on: &mut Conn| certificates::find(on, &name("a.example")).await;
    store.read(find).await.unwrap().unwrap()
}

async fn order_of_a(store: &Store) -> Option<String> {
    let find = async |on: &mut Conn| certificates::order(on, &name("a.example")).await;
    store.read(find).await.unwrap().map(|order| order.url)
}

async fn append(store: &Store, of: &str, at: Timestamp, step: &Step) {
    let (of, step) = (name(of), step.clone());
    let append = async move |tx: &mut Tx| certificate_log::append(tx, &of, at, &step).await;
    store.write(append).await.unwrap();
}

async fn log(store: &Store, of: &str) -> Vec<LogLine> {
    let of = name(of);
    store.read(async move |on: &mut Conn| certificate_log::list(on, &of).await).await.unwrap()
}

/// As if the worker had died long enough ago by the database's clock.
async fn the_hold_runs_out(store: &Store) {
    let out = async |tx: &mut Tx| tx.execute("UPDATE certificates SET held_until = 1", &[]).await;
    store.write::<_, StoreError, _>(out).await.unwrap();
}

on_all! {
    async fn of_many_workers_one_gets_a_name(database) {
        let store = database.open().await;
        follow(&store, &["a.example", "b.example"], NOW).await;

        let (one, two, three) =
            tokio::join!(take(&store, "one", NOW), take(&store, "two", NOW), take(&store, "three", NOW));

        let mut names: Vec<_> = [one, two, three].into_iter().flatten().map(|it| it.name).collect();
        names.sort();
        assert_eq!(names, [name("a.example"), name("b.example")]);
        assert!(take(&store, "late", later(10_000_000)).await.is_empty(), "they are held");
    }

    async fn a_dead_workers_order_is_gone_on_with_and_its_late_word_counts_no_more(database) {
        let store = database.open().await;
        follow(&store, &["a.example"], NOW).await;
        take(&store, "dead", NOW).await;
        assert!(begin(&store, "dead", NOW, later(60_000)).await);
        assert!(keep(&store, "dead", "https://ca.example/order/1").await);

        the_hold_runs_out(&store).await;
        assert!(take(&store, "next", later(59_999)).await.is_empty(), "the wait goes on without the worker");
        let taken = take(&store, "next", later(60_000)).await.remove(0);

        assert_eq!((taken.attempts, taken.failures), (1, 1));
        assert_eq!(order_of_a(&store).await.as_deref(), Some("https://ca.example/order/1"));
        assert!(!keep(&store, "dead", "https://ca.example/order/2").await);
        assert!(!issue(&store, "dead", later(60_001), later(70_000)).await);
        assert!(issue(&store, "next", later(60_002), later(70_000)).await);
        assert_eq!(order_of_a(&store).await, None);
    }

    async fn a_hundred_starts_that_die_in_their_attempt_cost_one_attempt_a_wait(database) {
        let store = database.open().await;
        follow(&store, &["a.example"], NOW).await;
        let mut attempts = 0;

        for start in 0_i64..100 {
            the_hold_runs_out(&store).await;
            let now = later(start * 1000);
            for certificate in take(&store, "dying", now).await {
                let wait = caspervpn::domain::renewal::wait_after(certificate.failures + 1, 0);
                begin(&store, "dying", now, now + wait).await;
                attempts += 1;
            }
        }

        assert_eq!(attempts, 2, "at the start and a minute later, then not for two");
        assert_eq!(of_a(&store).await.attempts, 2);
    }

    async fn a_certificate_in_force_waits_for_its_renewal_and_is_asked_about_meanwhile(database) {
        let store = database.open().await;
        follow(&store, &["a.example"], NOW).await;
        take(&store, "one", NOW).await;
        begin(&store, "one", NOW, later(60_000)).await;
        assert!(issue(&store, "one", later(5), later(1_000_000)).await);
        let marks = async |on: &mut Conn| certificates::marks(on).await;
        assert_eq!(store.read(marks).await.unwrap(), [(name("a.example"), "AB:CD".to_owned())]);

        let asking = take(&store, "two", later(6)).await.remove(0);
        assert_eq!((asking.failures, asking.next_try_at, asking.last_error.as_deref()), (0, later(1_000_000), None));
        let window = ChosenWindow { start: later(10), end: later(500), chosen: later(400) };
        let revision = asking.revision;
        let keep = async move |tx: &mut Tx| {
            let row = name("a.example");
            certificates::keep_window(tx, (&row, revision), "two", Some(window), (later(400), Some(later(300)))).await
        };
        assert!(store.write(keep).await.unwrap());

        assert_eq!(of_a(&store).await.window, Some(window));
        assert!(take(&store, "three", later(299)).await.is_empty());
        assert_eq!(take(&store, "three", later(300)).await.len(), 1, "asked again");
        let release = async |tx: &mut Tx| certificates::release(tx, &name("a.example"), "three").await;
        assert!(store.write(release).await.unwrap());
        let ask = async |tx: &mut Tx| certificates::ask(tx, &name("a.example"), later(301)).await;
        assert_eq!(store.write(ask).await.unwrap().next_try_at, later(301), "somebody wants it now");
    }

    async fn another_authority_begins_anew_and_a_name_that_goes_takes_its_certificate_along(database) {
        let store = database.open().await;
        follow(&store, &["a.example", "b.example"], NOW).await;
        take(&store, "one", NOW).await;
        begin(&store, "one", NOW, later(86_400_000)).await;
        keep(&store, "one", "https://ca.example/order/1").await;
        let fail = async |tx: &mut Tx| {
            certificates::fail(tx, &name("a.example"), "one", "no", later(1), later(86_400_000)).await
        };
        assert!(store.write(fail).await.unwrap());

        let anew = async |tx: &mut Tx| certificates::begin_anew(tx, later(2)).await;
        store.write(anew).await.unwrap();

        assert_eq!(order_of_a(&store).await, None);
        assert_eq!(take(&store, "two", later(2)).await.len(), 2);
        assert!(!issue(&store, "one", later(3), later(4)).await, "the order was of another time");
        follow(&store, &["b.example"], later(5)).await;
        let all = store.read(async |on: &mut Conn| certificates::list(on).await).await.unwrap();
        assert_eq!(all.into_iter().map(|it| it.name).collect::<Vec<_>>(), [name("b.example")]);
    }

    async fn a_clock_that_was_set_back_does_not_keep_a_failed_name_waiting(database) {
        let store = database.open().await;
        follow(&store, &["a.example"], NOW).await;
        let year = 365 * 86_400_000;
        take(&store, "one", later(year)).await;
        begin(&store, "one", later(year), later(year + 60_000)).await;
        the_hold_runs_out(&store).await;

        let due = async |on: &mut Conn| certificates::any_due(on, later(1)).await;
        assert!(store.read(due).await.unwrap());
        assert_eq!(take(&store, "two", later(1)).await.len(), 1);
    }

    async fn a_log_keeps_the_last_hundred_steps_of_a_name_in_their_order_and_goes_with_it(database) {
        let store = database.open().await;
        follow(&store, &["a.example", "b.example"], NOW).await;
        let full = Step::failed(StepKind::AttemptFailed, "a.example", "no").with_time(later(5));

        for line in 0..130 {
            append(&store, "a.example", later(line), &full).await;
        }
        append(&store, "b.example", later(7), &Step::new(StepKind::OrderPlaced, "b.example")).await;
        append(&store, "gone.example", later(7), &Step::new(StepKind::OrderPlaced, "gone.example")).await;

        let lines = log(&store, "a.example").await;
        let positions: Vec<_> = lines.iter().map(|line| line.position).collect();
        assert_eq!(positions, (31..=130).collect::<Vec<_>>());
        assert_eq!((lines[99].at, &lines[99].step), (later(129), &full));
        assert_eq!(log(&store, "b.example").await.len(), 1, "each name has its own");
        let grown = async |on: &mut Conn| certificate_log::grown_since(on, later(100)).await;
        assert_eq!(store.read(grown).await.unwrap(), [(name("a.example"), 130)]);
        follow(&store, &["b.example"], later(200)).await;
        follow(&store, &["a.example", "b.example"], later(201)).await;
        assert_eq!(log(&store, "a.example").await, [], "another begins anew");
        assert_eq!(log(&store, "gone.example").await, []);
    }

    async fn a_proof_is_found_by_everybody_until_it_is_hidden_or_out_of_its_time(database) {
        let store = database.open().await;
        let proof = |method, token: &str, shown: &str| KeptProof {
            method,
            identifier: "a.example".to_owned(),
            token: token.to_owned(),
            key_authorization: shown.to_owned(),
        };
        let (http, alpn) = (proof(Method::Http01, "t1", "t1.print"), proof(Method::TlsAlpn01, "t2", "t2.print"));
        let both = [http.clone(), alpn];
        let show = async move |tx: &mut Tx| {
            for proof in &both {
                acme::show(tx, proof, later(100)).await?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(show).await.unwrap();
        let of_token = async |token: &'static str, now| {
            store.read(async move |on: &mut Conn| acme::of_token(on, token, now).await).await.unwrap()
        };

        assert_eq!(of_token("t1", later(99)).await.as_deref(), Some("t1.print"));
        assert_eq!(of_token("t2", later(99)).await, None, "it is for another place");
        assert_eq!(of_token("t1", later(100)).await, None);
        let of_name = async |on: &mut Conn| acme::of_name(on, "a.example", later(99)).await;
        assert_eq!(store.read(of_name).await.unwrap().as_deref(), Some("t2.print"));
        store.write(async move |tx: &mut Tx| acme::hide(tx, &http).await).await.unwrap();
        assert_eq!(of_token("t1", later(99)).await, None);
        let purged = store.write(async |tx: &mut Tx| acme::purge(tx, later(101), 10).await).await.unwrap();
        assert_eq!(purged, 1);
    }
}
