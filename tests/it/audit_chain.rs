//! The audit as a chain, on both databases: what was sealed cannot be changed without its being found and named.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::app::audit_verify::Verification;
use caspervpn::app::ctx::Ctx;
use caspervpn::app::error::AppError;
use caspervpn::domain::access::Actor;
use caspervpn::domain::audit::AuditEvent;
use caspervpn::domain::audit_chain::{DigestText, Entry, NOTHING_BEFORE};
use caspervpn::domain::audit_fault::ChainFault;
use caspervpn::domain::id::AuditEventId;
use caspervpn::domain::time::Timestamp;
use caspervpn::runtime::clock::{Clock, SystemClock, TestClock};
use caspervpn::secrets::audit_key::{AuditKey, EventHasher, segment_digest, sha256};
use caspervpn::store::audit;
use caspervpn::store::audit_segments::{self, StoredSegment};
use caspervpn::store::backend::{Conn, Tx};
use caspervpn::store::error::{ErrorKind, StoreError};
use caspervpn::store::value::{Bind, FromRow, Row, Value};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::api_devices::drop_it;
use crate::api_house::{House, first, reopened};
use crate::audit_coverage::lines;
use crate::databases::on_both;

const DAY: Duration = Duration::from_secs(86_400);

on_both! {
    async fn one_changed_byte_among_many_events_is_found_and_named(database) {
        let house = House::new(database).await;
        let ids = write_events(&house, 4500).await;
        house.app.seal_audit_step().await.unwrap();
        let before = verify(&house).await;
        let victim = ids[3210];
        run(&house, format!("UPDATE audit_events SET after_state = '{{\"n\":3212}}' WHERE id = '{victim}'")).await;

        let after = verify(&house).await;

        assert_eq!((before.fault, before.unsealed, before.segments), (None, 0, 3));
        assert!(before.events >= 4500, "{}", before.events);
        let Some(ChainFault::EventChanged { segment, position, event }) = after.fault else { panic!("{after:?}") };
        assert_eq!((event, segment), (victim, 2));
        assert_eq!(position, i64::try_from(before.events).unwrap() - 4500 + 3211);
    }

    async fn whatever_is_changed_in_a_sealed_event_is_found(database) {
        let house = House::new(database).await;
        write_events(&house, 20).await;
        house.owner().await.get("/me").await.expect(StatusCode::OK);
        house.app.seal_audit_step().await.unwrap();
        let id: String = one(&house, "SELECT id FROM audit_events WHERE source IS NOT NULL ORDER BY id DESC LIMIT 1".into()).await;
        let event: Uuid = id.parse().unwrap();

        for (column, value) in [
            ("at", "at + 1"), ("actor_kind", "'host'"), ("actor_id", "NULL"), ("api_token_id", "'x'"), ("action", "'session_delete'"),
            ("target_kind", "'device'"), ("target_id", "NULL"), ("outcome", "'refused'"), ("request_id", "NULL"),
            ("before_state", "'{}'"), ("after_state", "'{}'"), ("source", "'192.0.2.8'"), ("source", "NULL"), ("source_salt", "NULL"),
        ] {
            let columns = "at, actor_kind, actor_id, api_token_id, action, target_kind, target_id, outcome, request_id, \
                before_state, after_state, source, source_salt";
            let kept: Kept = one(&house, format!("SELECT {columns} FROM audit_events WHERE id = '{id}'")).await;
            run(&house, format!("UPDATE audit_events SET {column} = {value} WHERE id = '{id}'")).await;

            let found = verify(&house).await.fault;

            assert!(matches!(found, Some(ChainFault::EventChanged { event: named, .. }) if named == event), "{column}: {found:?}");
            kept.put_back(&house, columns, &id).await;
            assert_eq!(verify(&house).await.fault, None, "{column}");
        }
    }

    async fn an_event_that_is_removed_put_in_or_moved_is_found_and_named(database) {
        let house = House::new(database).await;
        let ids = write_events(&house, 10).await;
        house.app.seal_audit_step().await.unwrap();
        let more = write_events(&house, 10).await;
        house.app.seal_audit_step().await.unwrap();
        let fault = async |change: String, undo: String| {
            run(&house, change).await;
            let found = verify(&house).await.fault;
            run(&house, undo).await;
            assert_eq!(verify(&house).await.fault, None);
            found.unwrap()
        };

        let (gone, kept) = (ids[4], ids[5]);
        let removed = fault(
            format!("UPDATE audit_events SET segment = NULL WHERE id = '{gone}'"),
            format!("UPDATE audit_events SET segment = 1 WHERE id = '{gone}'"),
        ).await;
        let moved = fault(
            format!("UPDATE audit_events SET segment = 2 WHERE id = '{gone}'"),
            format!("UPDATE audit_events SET segment = 1 WHERE id = '{gone}'"),
        ).await;
        let swapped = fault(
            format!("UPDATE audit_events SET id = CASE WHEN id = '{gone}' THEN '{kept}x' ELSE '{gone}' END WHERE id IN ('{gone}', '{kept}') AND id <> '{kept}'"),
            format!("UPDATE audit_events SET id = '{gone}' WHERE id = '{kept}x'"),
        ).await;
        let added = Uuid::from_u128(7);
        let inserted = fault(
            format!("INSERT INTO audit_events (id, at, actor_kind, action, target_kind, outcome, segment) \
                VALUES ('{added}', 1, 'host', 'user_delete', 'user', 'done', 2)"),
            format!("DELETE FROM audit_events WHERE id = '{added}'"),
        ).await;

        let missing = |found: &ChainFault| matches!(found, ChainFault::EventMissing { segment: 1, event, .. } if *event == gone);
        assert!(missing(&removed) && missing(&moved) && missing(&swapped), "{removed} {moved} {swapped}");
        assert_eq!(inserted, ChainFault::EventInserted { segment: 2, event: added.to_string() });
        run(&house, format!("DELETE FROM audit_events WHERE id = '{}'", more[9])).await;
        assert!(matches!(verify(&house).await.fault, Some(ChainFault::EventMissing { segment: 2, event, .. }) if event == more[9]));
    }

    async fn a_record_that_is_changed_removed_or_swapped_is_found_and_named(database) {
        let house = House::new(database).await;
        for _ in 0..4 {
            write_events(&house, 3).await;
            house.app.seal_audit_step().await.unwrap();
        }
        let fault = async |change: &str, undo: &str| {
            run(&house, change.to_owned()).await;
            let found = verify(&house).await.fault;
            run(&house, undo.to_owned()).await;
            assert_eq!(verify(&house).await.fault, None, "{undo}");
            found.unwrap()
        };

        for column in ["sealed_at", "newest_at", "event_count", "first_position"] {
            let change = format!("UPDATE audit_segments SET {column} = {column} + 1 WHERE number = 2");
            let found = fault(&change, &change.replace("+ 1", "- 1")).await;
            assert_eq!(found, ChainFault::SegmentChanged { segment: 2 }, "{column}");
        }
        let gone = fault(
            "UPDATE audit_segments SET number = 99 WHERE number = 3",
            "UPDATE audit_segments SET number = 3 WHERE number = 99",
        ).await;
        let pruned = fault(
            "UPDATE audit_segments SET pruned_at = 5 WHERE number = 1",
            "UPDATE audit_segments SET pruned_at = NULL WHERE number = 1",
        ).await;
        for step in ["97 WHERE number = 2", "2 WHERE number = 3", "3 WHERE number = 97"] {
            run(&house, format!("UPDATE audit_segments SET number = {step}")).await;
        }
        let swapped = verify(&house).await.fault.unwrap();

        assert_eq!(gone, ChainFault::SegmentMissing { segment: 3 });
        assert_eq!(pruned, ChainFault::SegmentForged { segment: 1 });
        assert_eq!(swapped, ChainFault::SegmentChanged { segment: 2 });
    }

    async fn a_chain_that_was_made_again_without_the_key_is_forged(database) {
        let house = House::new(database).await;
        for _ in 0..3 {
            write_events(&house, 3).await;
            house.app.seal_audit_step().await.unwrap();
        }
        run(&house, "UPDATE audit_events SET action = 'user_delete' WHERE segment = 2".to_owned()).await;

        rebuild(&house, &AuditKey::generate().unwrap()).await;

        assert_eq!(verify(&house).await.fault, Some(ChainFault::SegmentForged { segment: 1 }));
    }

    async fn a_digest_kept_elsewhere_shows_that_the_end_was_cut_off(database) {
        let house = House::new(database).await;
        for _ in 0..3 {
            write_events(&house, 3).await;
            house.app.seal_audit_step().await.unwrap();
        }
        let owner = house.owner().await;
        let kept = owner.get("/audit/verify").await.expect(StatusCode::OK)["digest"].as_str().unwrap().to_owned();
        write_events(&house, 3).await;
        house.app.seal_audit_step().await.unwrap();
        let asked = format!("/audit/verify?expect={kept}");
        let grown = owner.get(&asked).await.expect(StatusCode::OK);
        run(&house, "DELETE FROM audit_segments WHERE number > 2".to_owned()).await;
        let careless = verify(&house).await.fault;
        run(&house, "DELETE FROM audit_events WHERE segment > 2".to_owned()).await;

        let cut = owner.get(&asked).await.expect(StatusCode::OK);
        let alone = owner.get("/audit/verify").await.expect(StatusCode::OK);

        assert_eq!((&grown["intact"], &grown["checked_to"]), (&json!(true), &json!(4)));
        assert_eq!(careless, Some(ChainFault::SegmentMissing { segment: 3 }));
        assert_eq!((&cut["intact"], &cut["fault"]["kind"]), (&json!(false), &json!("expected_missing")));
        assert_eq!(alone["intact"], json!(true), "nobody can tell without the digest");
        let text = kept.to_uppercase();
        assert_eq!(owner.get(&format!("/audit/verify?expect={text}x")).await.problem(422), "invalid");
        assert_eq!(DigestText::try_from(text).unwrap().to_string(), kept);
    }

    async fn a_check_goes_on_where_the_part_before_it_ended(database) {
        let house = House::new(database).await;
        for _ in 0..3 {
            write_events(&house, 2).await;
            house.app.seal_audit_step().await.unwrap();
        }

        let rest = house.app.audit().verify(&Ctx::system(), 1, None).await.unwrap();
        let end = house.app.audit().verify(&Ctx::system(), 3, None).await.unwrap();
        let past = house.app.audit().verify(&Ctx::system(), 4, None).await.unwrap();

        assert_eq!((rest.fault, rest.segments, rest.events), (None, 2, 4));
        assert_eq!((end.fault, end.segments, end.head.map(|head| head.number)), (None, 0, Some(3)));
        assert_eq!(past.fault, Some(ChainFault::SegmentMissing { segment: 4 }));
    }

    async fn an_event_that_is_committed_late_comes_later_in_the_chain(database) {
        let house = House::new(database).await;
        let clock = SystemClock::new();
        let (early, early_id) = (clock.now(), clock.new_id());
        write_events(&house, 3).await;
        house.app.seal_audit_step().await.unwrap();
        insert(&house, vec![event(early_id, early, 0)]).await;

        house.app.seal_audit_step().await.unwrap();

        let found = verify(&house).await;
        assert_eq!((found.fault, found.unsealed, found.segments), (None, 0, 2));
        let segment: i64 = one(&house, format!("SELECT segment FROM audit_events WHERE id = '{early_id}'")).await;
        assert_eq!(segment, 2);
    }

    async fn a_seal_that_breaks_off_leaves_the_chain_as_it_was(database) {
        let house = House::new(database).await;
        let ids = write_events(&house, 3).await;
        let torn = StoredSegment {
            segment: caspervpn::domain::audit_chain::Segment {
                number: 1, first_position: 1, count: 2, sealed_at: 1, newest_at: 1, previous: NOTHING_BEFORE, entries_digest: [0; 32],
            },
            entries: Some(vec![]), digest: [1; 32], mac: vec![], pruned: None,
        };
        // The second event is none: what comes after the record was written fails.
        let events = vec![ids[0].to_string(), Uuid::nil().to_string()];

        let broken = house.app.store().write(async move |tx: &mut Tx| audit_segments::append(tx, &torn, &events).await).await;

        assert_eq!(broken.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(verify(&house).await.segments, 0);
        house.app.seal_audit_step().await.unwrap();
        let found = verify(&house).await;
        assert_eq!((found.fault, found.unsealed, found.segments), (None, 0, 1));
    }

    async fn of_several_processes_one_seals_and_another_takes_over_when_it_falls_silent(database) {
        let house = House::new(database).await;
        let other = reopened(&house).await;
        write_events(&house, 3).await;
        house.app.seal_audit_step().await.unwrap();
        write_events(&house, 3).await;

        other.seal_audit_step().await.unwrap();
        let held = verify(&house).await;
        run(&house, "UPDATE leases SET expires_at = 1 WHERE name = 'audit'".to_owned()).await;
        other.seal_audit_step().await.unwrap();
        write_events(&house, 3).await;
        house.app.seal_audit_step().await.unwrap();
        let taken = verify(&house).await;

        assert_eq!((held.segments, held.unsealed), (1, 3));
        assert_eq!((taken.fault, taken.segments, taken.unsealed), (None, 2, 3));
        let token: i64 = one(&house, "SELECT token FROM leases WHERE name = 'audit'".to_owned()).await;
        assert_eq!(token, 2, "each new holder has a greater token");
    }

    async fn processes_that_seal_at_once_make_one_whole_chain(database) {
        let house = House::new(database).await;
        let other = reopened(&house).await;
        for _ in 0..20 {
            write_events(&house, 2).await;
            run_quiet(&house, "UPDATE leases SET expires_at = 1").await;

            let (one, two) = tokio::join!(house.app.seal_audit_step(), other.seal_audit_step());

            one.unwrap();
            two.unwrap();
        }
        run_quiet(&house, "UPDATE leases SET expires_at = 1").await;
        house.app.seal_audit_step().await.unwrap();

        let found = verify(&house).await;
        assert_eq!((found.fault, found.unsealed), (None, 0));
        assert!(found.events >= 40, "{}", found.events);
    }

    async fn sources_are_erased_and_the_chain_stays_whole(database) {
        let clock = Arc::new(TestClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let house = House::at(database, clock.clone()).await;
        let owner = house.owner().await;
        let tag = owner.get("/settings").await.tag().to_owned();
        owner.patch("/settings", &tag, json!({ "audit_source_days": 30 })).await.expect(StatusCode::OK);
        house.app.seal_audit_step().await.unwrap();
        clock.advance(20 * DAY);
        house.owner().await;
        house.app.seal_audit_step().await.unwrap();
        clock.advance(20 * DAY);

        house.app.purge_step().await.unwrap();

        let with: i64 = one(&house, "SELECT COUNT(*) FROM audit_events WHERE segment = 1 AND (source IS NOT NULL OR source_salt IS NOT NULL)".into()).await;
        let young: i64 = one(&house, "SELECT COUNT(*) FROM audit_events WHERE segment = 2 AND source IS NOT NULL".into()).await;
        assert_eq!((with, young), (0, 1));
        assert_eq!(verify(&house).await.fault, None);
        run(&house, "UPDATE audit_events SET source = '192.0.2.9', source_salt = source_digest WHERE action = 'settings_update'".into()).await;
        assert!(matches!(verify(&house).await.fault, Some(ChainFault::EventChanged { segment: 1, .. })));
    }

    async fn retention_removes_whole_segments_and_keeps_their_digests(database) {
        let clock = Arc::new(TestClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let house = House::at(database, clock.clone()).await;
        let owner = house.owner().await;
        let tag = owner.get("/settings").await.tag().to_owned();
        owner.patch("/settings", &tag, json!({ "audit_retention_days": 30 })).await.expect(StatusCode::OK);
        house.app.seal_audit_step().await.unwrap();
        let kept = verify(&house).await.head.unwrap().digest;
        clock.advance(20 * DAY);
        let owner = house.owner().await;
        house.app.seal_audit_step().await.unwrap();
        clock.advance(20 * DAY);

        house.app.purge_step().await.unwrap();

        let left: i64 = one(&house, "SELECT COUNT(*) FROM audit_events".to_owned()).await;
        let found = house.app.audit().verify(&Ctx::system(), 0, Some(kept)).await.unwrap();
        assert_eq!((left, found.fault, found.segments, found.pruned_segments), (1, None, 2, 1));
        // Who removes events by hand cannot make it look like retention.
        run(&house, "DELETE FROM audit_events WHERE segment = 2".to_owned()).await;
        run(&house, "UPDATE audit_segments SET entries = NULL, pruned_at = 5, pruned_mac = mac WHERE number = 2".into()).await;
        assert_eq!(verify(&house).await.fault, Some(ChainFault::SegmentForged { segment: 2 }));
        drop(owner);
    }

    async fn a_segment_dated_into_the_future_keeps_no_other_from_being_removed(database) {
        let clock = Arc::new(TestClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let house = House::at(database, clock.clone()).await;
        let owner = house.owner().await;
        let tag = owner.get("/settings").await.tag().to_owned();
        owner.patch("/settings", &tag, json!({ "audit_retention_days": 30 })).await.expect(StatusCode::OK);
        house.app.seal_audit_step().await.unwrap();
        let strange = clock.new_id();
        insert(&house, vec![event(strange, clock.now() + 365 * DAY, 1)]).await;
        house.app.seal_audit_step().await.unwrap();
        insert(&house, vec![event(clock.new_id(), clock.now(), 2)]).await;
        house.app.seal_audit_step().await.unwrap();
        let head = verify(&house).await.head.unwrap().digest;
        clock.advance(31 * DAY);

        house.app.purge_step().await.unwrap();

        let left: Vec<String> = house.app.store().read::<_, StoreError, _>(async |on: &mut Conn| {
            on.query("SELECT id FROM audit_events ORDER BY id", &[]).await
        }).await.unwrap();
        assert_eq!(left, [strange.to_string()]);
        let found = house.app.audit().verify(&Ctx::system(), 0, Some(head)).await.unwrap();
        assert_eq!((found.fault, found.segments, found.pruned_segments), (None, 3, 2));
        clock.advance(366 * DAY);
        house.app.purge_step().await.unwrap();
        let found = house.app.audit().verify(&Ctx::system(), 0, Some(head)).await.unwrap();
        assert_eq!((found.fault, found.segments, found.pruned_segments), (None, 3, 3));
    }

    async fn an_export_has_every_event_once_in_order_and_only_what_was_asked_for(database) {
        let house = House::new(database).await;
        write_events(&house, 450).await;
        let owner = house.owner().await;
        let ada = house.user("ada", "auditor").await;
        let auditor = house.sign_in("ada").await;
        house.user("mia", "member").await;
        let member = house.sign_in("mia").await;

        let all = lines(&auditor, "/audit/export").await;
        let some = lines(&owner, &format!("/audit/export?action=user_create&target_id={ada}")).await;

        let ids: Vec<&str> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
        let total: i64 = one(&house, "SELECT COUNT(*) FROM audit_events".to_owned()).await;
        assert_eq!(i64::try_from(ids.len()).unwrap(), total);
        assert!(ids.len() > 450 && ids.is_sorted(), "{} events in the order in which they happened", ids.len());
        assert_eq!((some.len(), &some[0]["after"]["login"]), (1, &json!("ada")));
        let listed = owner.get("/audit?action=user_create&sort=at").await.expect(StatusCode::OK)["items"].clone();
        assert!(listed.as_array().unwrap().contains(&some[0]), "a line is an event as the list has it");
        assert_eq!(member.get("/audit/export").await.problem(403), "forbidden");
        assert_eq!(member.get("/audit/verify").await.problem(403), "forbidden");
        assert_eq!(owner.get("/audit/export?limit=3").await.problem(422), "invalid");
    }

    async fn a_deleted_networks_port_that_is_given_away_is_told(database) {
        let house = House::new(database).await;
        let owner = house.owner().await;
        let node = first(&owner, "/nodes").await;
        let place = owner.get(&format!("/nodes/{node}/networks")).await.body["items"][0].clone();
        drop_it(&owner, &format!("/networks/{}", first(&owner, "/networks").await)).await;
        let other = json!({ "name": "other", "ipv4": "10.99.0.0/24", "dns": ["9.9.9.9"] });
        owner.post("/networks", other).await.expect(StatusCode::CREATED);
        let own = owner.get(&format!("/nodes/{node}/networks")).await.body["items"][0].clone();
        let path = format!("/nodes/{node}/networks/{}", own["id"].as_str().unwrap());
        let tag = format!("\"{}\"", own["revision"]);

        owner.patch(&path, &tag, json!({ "listen_port": place["listen_port"] })).await.expect(StatusCode::OK);

        let told = owner.get("/audit?action=node_network_reclaim").await.expect(StatusCode::OK)["items"].clone();
        assert_eq!((told.as_array().unwrap().len(), &told[0]["target_id"]), (1, &place["id"]));
        assert_eq!((&told[0]["actor_kind"], &told[0]["before"]["listen_port"]), (&json!("system"), &place["listen_port"]));
        assert_ne!(told[0]["after"]["listen_port"], place["listen_port"]);
    }
}

/// A text that is no text any more is a change like any other. PostgreSQL refuses to hold one.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_any_more_is_named() {
    let house = House::new(crate::databases::TestDatabase::sqlite()).await;
    let ids = write_events(&house, 30).await;
    house.app.seal_audit_step().await.unwrap();
    run(&house, format!("UPDATE audit_events SET action = CAST(x'ff41' AS TEXT) WHERE id = '{}'", ids[17]))
        .await;

    let found = verify(&house).await.fault;

    assert!(matches!(found, Some(ChainFault::EventChanged { event, .. }) if event == ids[17]), "{found:?}");
}

fn event(id: Uuid, at: Timestamp, n: usize) -> AuditEvent {
    let target = ("user", Uuid::from_u128(n as u128).to_string());
    let event = AuditEvent::done(AuditEventId::new(id), at, &Actor::System, "user_update", target);
    event.changed(json!({ "n": n }), json!({ "n": n + 1 }))
}

async fn write_events(house: &House, count: usize) -> Vec<Uuid> {
    let clock = SystemClock::new();
    let ids: Vec<Uuid> = (0..count).map(|_| clock.new_id()).collect();
    let events = ids.iter().enumerate().map(|(n, id)| event(*id, clock.now(), n)).collect();
    insert(house, events).await;
    ids
}

async fn insert(house: &House, events: Vec<AuditEvent>) {
    let done = house.app.store().write(async move |tx: &mut Tx| {
        for event in &events {
            audit::insert(tx, event).await?;
        }
        Ok::<_, StoreError>(())
    });
    done.await.unwrap();
}

async fn verify(house: &House) -> Verification {
    house.app.audit().verify(&Ctx::system(), 0, None).await.unwrap()
}

async fn run(house: &House, statement: String) {
    let done = house
        .app
        .store()
        .write(async move |tx: &mut Tx| Ok::<_, AppError>(tx.execute(&statement, &[]).await?));
    assert_ne!(done.await.unwrap(), 0);
}

/// The same where there may be nothing to change.
async fn run_quiet(house: &House, statement: &'static str) {
    let done = house
        .app
        .store()
        .write(async move |tx: &mut Tx| Ok::<_, AppError>(tx.execute(statement, &[]).await?));
    done.await.unwrap();
}

async fn one<T: FromRow + Send + 'static>(house: &House, statement: String) -> T {
    let found =
        house.app.store().read(async move |on: &mut Conn| Ok::<_, AppError>(on.one(&statement, &[]).await?));
    found.await.unwrap()
}

/// A row's values, to put back what a test changed.
struct Kept(Vec<Value>);

impl FromRow for Kept {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let mut values = vec![Value::Int(row.take_at(0)?)];
        for index in 1..12 {
            values.push(row.take_at::<Option<String>>(index)?.bind());
        }
        values.push(row.take_at::<Option<Vec<u8>>>(12)?.bind());
        Ok(Self(values))
    }
}

impl Kept {
    async fn put_back(self, house: &House, columns: &str, id: &str) {
        let set: Vec<String> = columns
            .split(", ")
            .enumerate()
            .map(|(n, column)| format!("{} = ?{}", column.trim(), n + 1))
            .collect();
        let sql = format!("UPDATE audit_events SET {} WHERE id = '{id}'", set.join(", "));
        let done = house
            .app
            .store()
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(tx.execute(&sql, &self.0).await?));
        assert_eq!(done.await.unwrap(), 1);
    }
}

/// Makes every record again from the events as they are now, as somebody would who can write the database.
async fn rebuild(house: &House, key: &AuditKey) {
    let key = key.clone();
    let done = house.app.store().write(async move |tx: &mut Tx| {
        let mut previous = NOTHING_BEFORE;
        for mut stored in audit_segments::between(tx, 1, 99).await? {
            let number = stored.segment.number;
            let mut hasher = EventHasher::default();
            let rows = audit_segments::events_between(tx, number, number, 99).await?;
            let entries: Vec<Entry> = rows
                .iter()
                .map(|row| Entry { id: row.id.parse().unwrap(), digest: hasher.event(row) })
                .collect();
            let entries = Entry::write(&entries);
            stored.segment.previous = previous;
            stored.segment.entries_digest = sha256(&entries);
            let digest = segment_digest(&stored.segment);
            let values = [
                previous[..].bind(),
                entries.clone().bind(),
                stored.segment.entries_digest[..].bind(),
                digest[..].bind(),
                key.seal(&digest)[..].bind(),
                number.bind(),
            ];
            let sql = "UPDATE audit_segments SET previous = ?1, entries = ?2, entries_digest = ?3, digest = ?4, mac = ?5 WHERE number = ?6";
            tx.execute(sql, &values).await?;
            previous = digest;
        }
        Ok::<_, StoreError>(())
    });
    done.await.unwrap();
}
