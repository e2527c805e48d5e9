//! Users, sessions, links, audit events and idempotency keys, on both databases.

use std::time::Duration;

use caspervpn::domain::access::{Actor, Role};
use caspervpn::domain::audit::AuditEvent;
use caspervpn::domain::id::{AuditEventId, LinkId, SessionId};
use caspervpn::domain::page::{Cursor, Order, SortKey};
use caspervpn::domain::session::Session;
use caspervpn::domain::settings::Settings;
use caspervpn::store::audit::{self, AuditFilter, AuditSort};
use caspervpn::store::backend::{Conn, Store, Tx};
use caspervpn::store::error::{Constraint, ErrorKind, StoreError};
use caspervpn::store::idempotency::{self, Replay};
use caspervpn::store::links::{self, Link};
use caspervpn::store::outbox;
use caspervpn::store::sessions::{self, Rotation};
use caspervpn::store::settings;
use caspervpn::store::users::{self, UserFilter, UserSort};
use uuid::Uuid;

use crate::databases::on_all;
use crate::store_fixtures::{NOW, id, later, new_user, page};

async fn add(store: &Store, login: &str) -> Result<caspervpn::domain::user::User, StoreError> {
    let user = new_user(login);
    store.write(async move |tx: &mut Tx| users::insert(tx, &user, NOW).await).await
}

on_all! {
    async fn a_user_is_changed_only_by_who_knows_its_revision(database) {
        let store = database.open().await;
        let ada = add(&store, "ada").await.unwrap();
        let mut changed = ada.clone();
        changed.role = Role::Admin;
        changed.data_limit_bytes = Some(1 << 40);
        let (first, again) = (changed.clone(), changed.clone());

        let updated = store.write(async move |tx: &mut Tx| users::update(tx, &first, 1, later(5)).await).await.unwrap();
        let stale = store.write(async move |tx: &mut Tx| users::update(tx, &again, 1, later(6)).await).await;
        let mut gone = changed.clone();
        gone.id = new_user("bob").id;
        let missing = store.write(async move |tx: &mut Tx| users::update(tx, &gone, 1, later(6)).await).await;

        assert_eq!((updated.revision, updated.role, updated.updated_at), (2, Role::Admin, later(5)));
        assert_eq!(stale.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.read(async move |conn: &mut Conn| users::get(conn, ada.id).await).await.unwrap(), updated);
    }

    async fn a_login_is_free_again_after_a_deletion_and_then_stands_in_its_way(database) {
        let store = database.open().await;
        let old = add(&store, "ada").await.unwrap();
        let taken = add(&store, "ada").await.unwrap_err();
        store.write(async move |tx: &mut Tx| users::delete(tx, old.id, 1, NOW).await).await.unwrap();

        let new = add(&store, "ada").await.unwrap();
        let undone = store.write(async move |tx: &mut Tx| users::undelete(tx, old.id, NOW, NOW).await).await;

        assert_eq!(taken.conflict(), Some(Constraint::UserLogin));
        assert_eq!(undone.unwrap_err().conflict(), Some(Constraint::UserLogin));
        let found = store.read(async move |conn: &mut Conn| users::find_credentials(conn, &new.login).await).await;
        assert_eq!(found.unwrap().unwrap().user.id, new.id);
    }

    async fn pages_hold_each_row_once_in_byte_order(database) {
        let store = database.open().await;
        for login in ["zoe", "ada", "b-b", "b.b", "bb", "b_b", "eve"] {
            add(&store, login).await.unwrap();
        }

        for order in [Order::Asc, Order::Desc] {
            let mut seen = Vec::new();
            let mut request = page(UserSort::Login, order, 2);
            loop {
                let asked = request.clone();
                let page = store
                    .read(async move |conn: &mut Conn| users::list(conn, &UserFilter::default(), &asked).await)
                    .await
                    .unwrap();
                seen.extend(page.items.into_iter().map(|user| user.login.to_string()));
                request.after = page.next;
                if request.after.is_none() {
                    break;
                }
            }

            let mut sorted = vec!["ada", "b-b", "b.b", "b_b", "bb", "eve", "zoe"];
            if order == Order::Desc {
                sorted.reverse();
            }
            assert_eq!(seen, sorted);
        }
    }

    async fn rows_of_equal_value_follow_their_id(database) {
        let store = database.open().await;
        let mut ids = Vec::new();
        for login in ["aa", "bb", "cc"] {
            ids.push(add(&store, login).await.unwrap().id);
        }
        let mut request = page(UserSort::CreatedAt, Order::Desc, 2);
        let asked = request.clone();
        let list = async move |conn: &mut Conn| users::list(conn, &UserFilter::default(), &asked).await;

        let first = store.read(list).await.unwrap();
        request.after = first.next.clone();
        let asked = request.clone();
        let second = store
            .read(async move |conn: &mut Conn| users::list(conn, &UserFilter::default(), &asked).await)
            .await
            .unwrap();

        let seen: Vec<_> = first.items.iter().chain(&second.items).map(|user| user.id).collect();
        ids.reverse();
        assert_eq!(seen, ids);
        assert_eq!(second.next, None);
    }

    async fn a_search_takes_its_signs_as_they_are(database) {
        let store = database.open().await;
        for login in ["b_b", "bxb", "b.b"] {
            add(&store, login).await.unwrap();
        }
        let search = async |text: &str| {
            let mut request = page(UserSort::Login, Order::Asc, 10);
            request.search = Some(text.parse().unwrap());
            let page = store
                .read(async move |conn: &mut Conn| users::list(conn, &UserFilter::default(), &request).await)
                .await
                .unwrap();
            page.items.into_iter().map(|user| user.login.to_string()).collect::<Vec<_>>()
        };

        assert_eq!(search("B_B").await, ["b_b"]);
        assert_eq!(search("user b").await, ["b.b", "b_b", "bxb"]);
        assert_eq!(search("100%").await, Vec::<String>::new());
        assert_eq!(search("b\\").await, Vec::<String>::new());
    }

    async fn a_cursor_of_another_order_is_refused(database) {
        let store = database.open().await;
        let mut request = page(UserSort::Login, Order::Asc, 2);
        request.after = Some(Cursor { key: SortKey::Int(5), id: Uuid::nil() });

        let refused = store
            .read(async move |conn: &mut Conn| users::list(conn, &UserFilter::default(), &request).await)
            .await;

        assert_eq!(refused.unwrap_err().kind(), ErrorKind::BadCursor);
    }

    async fn a_password_change_raises_the_epoch(database) {
        let store = database.open().await;
        let ada = add(&store, "ada").await.unwrap();

        let changed = store.write(async move |tx: &mut Tx| users::set_password(tx, ada.id, "hash", NOW).await).await;

        let changed = changed.unwrap();
        assert!(changed.has_password && !ada.has_password);
        assert_eq!((changed.epoch, changed.revision), (ada.epoch + 1, 2));
        assert_eq!(store.read(async |conn: &mut Conn| users::count_able(conn, Role::Member).await).await.unwrap(), 1);
        assert!(store.read(users::any).await.unwrap());
    }

    async fn of_two_rotations_of_one_token_one_wins(database) {
        let store = database.open().await;
        let ada = add(&store, "ada").await.unwrap();
        let session = Session {
            id: SessionId::new(id()),
            user: ada.id,
            user_agent: "test".to_owned(),
            created_at: NOW,
            last_used_at: NOW,
            expires_at: later(1000),
            revoked_at: None,
            proved_at: NOW,
        };
        let sid = session.id;
        store.write(async move |tx: &mut Tx| sessions::insert(tx, &session, b"one").await).await.unwrap();
        let rotate = async |new: &'static [u8]| {
            store
                .write(async move |tx: &mut Tx| {
                    let rotation =
                        Rotation { old_hash: b"one", new_hash: new, successor: b"sealed", expires_at: later(2000) };
                    sessions::rotate(tx, sid, &rotation, later(1)).await
                })
                .await
                .unwrap()
        };

        let (left, right) = tokio::join!(rotate(b"two"), rotate(b"three"));

        assert!(left != right);
        let found = store.read(async |conn: &mut Conn| sessions::find_by_refresh(conn, b"one").await).await.unwrap().unwrap();
        assert!(!found.is_current);
        assert_eq!((found.rotated_at, found.successor), (Some(later(1)), Some(b"sealed".to_vec())));
        let ended = store.write(async move |tx: &mut Tx| sessions::revoke_of_user(tx, ada.id, None, NOW).await).await;
        assert_eq!(ended.unwrap(), 1);
        assert!(store.read(async move |conn: &mut Conn| sessions::live_of_user(conn, ada.id, NOW).await).await.unwrap().is_empty());
    }

    async fn a_link_works_once_and_not_after_its_time(database) {
        let store = database.open().await;
        let link = |expires_at| Link {
            id: LinkId::new(id()),
            kind: "setup".to_owned(),
            target: None,
            user_epoch: None,
            expires_at,
            used_at: None,
            created_at: NOW,
        };
        let (good, late) = (link(later(10)), link(NOW));
        store.write(async move |tx: &mut Tx| links::insert(tx, &good, b"good").await).await.unwrap();
        store.write(async move |tx: &mut Tx| links::insert(tx, &late, b"late").await).await.unwrap();
        let spend = async |kind: &'static str, hash: &'static [u8]| {
            store.write(async move |tx: &mut Tx| links::spend(tx, kind, hash, NOW).await).await.unwrap()
        };

        let (left, right) = tokio::join!(spend("setup", b"good"), spend("setup", b"good"));

        assert!(left.is_some() != right.is_some());
        assert!(spend("setup", b"late").await.is_none());
        assert!(spend("reveal", b"late").await.is_none());
        assert!(!store.read(async |conn: &mut Conn| links::any_live(conn, "setup", NOW).await).await.unwrap());
    }

    async fn an_act_its_audit_event_its_outbox_entry_and_its_replay_stand_or_fall_together(database) {
        let store = database.open().await;
        let act = async |login: &'static str, key: &'static [u8], fail: bool| {
            let user = new_user(login);
            let event = AuditEventId::new(id());
            store
                .write(async move |tx: &mut Tx| {
                    let user = users::insert(tx, &user, NOW).await?;
                    let event = AuditEvent::done(event, NOW, &Actor::System, "user_create", ("user", user.id.to_string()));
                    audit::insert(tx, &event).await?;
                    outbox::append(tx, "user", &user.id.to_string(), NOW).await?;
                    let replay = Replay { request_hash: vec![1], status: 201, body: b"{}".to_vec(), created_at: NOW };
                    idempotency::insert(tx, "host", key, &replay, NOW).await?;
                    if fail { Err(StoreError::new(ErrorKind::Stale)) } else { Ok(()) }
                })
                .await
        };

        act("ada", b"key", false).await.unwrap();
        let twice = act("bob", b"key", false).await.unwrap_err();
        let failed = act("eve", b"other", true).await.unwrap_err();

        assert_eq!(twice.conflict(), Some(Constraint::IdempotencyKey));
        assert_eq!(failed.kind(), ErrorKind::Stale);
        let (users, events, entries, replay, other) = store
            .read(async |conn: &mut Conn| {
                let users: i64 = conn.one("SELECT COUNT(*) FROM users", &[]).await?;
                let events = audit::list(conn, &AuditFilter::default(), &page(AuditSort::At, Order::Desc, 10)).await?;
                let entries = outbox::after(conn, 0, 10).await?;
                let replay = idempotency::find(conn, "host", b"key", NOW).await?;
                Ok::<_, StoreError>((users, events, entries, replay, idempotency::find(conn, "host", b"other", NOW).await?))
            })
            .await
            .unwrap();
        assert_eq!((users, events.items.len(), entries.len()), (1, 1, 1));
        assert_eq!((entries[0].sequence, replay.unwrap().status, other), (1, 201, None));
    }

    async fn audit_events_are_found_by_what_they_tell(database) {
        let store = database.open().await;
        store
            .write(async |tx: &mut Tx| {
                for n in 0..5 {
                    let target = ("user", n.to_string());
                    let mut event = AuditEvent::done(AuditEventId::new(id()), later(n), &Actor::System, "user_update", target);
                    event.source = Some("192.0.2.7".to_owned());
                    event.after = Some(serde_json::json!({"n": n}));
                    audit::insert(tx, &event).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let filter = AuditFilter { from: Some(later(1)), to: Some(later(4)), ..AuditFilter::default() };

        let page = store
            .read(async move |conn: &mut Conn| audit::list(conn, &filter, &page(AuditSort::At, Order::Asc, 10)).await)
            .await
            .unwrap();

        let found: Vec<_> = page.items.iter().map(|event| (event.at, event.source.is_some())).collect();
        assert_eq!(found, [(later(1), true), (later(2), true), (later(3), true)]);
        assert_eq!(page.items[1].after, Some(serde_json::json!({"n": 2})));
    }

    async fn settings_change_only_from_the_revision_that_was_read(database) {
        let store = database.open().await;
        let value = Settings { endpoint_host: Some("vpn.example.org".parse().unwrap()), show_endpoints: true, ..Settings::default() };
        let set = async |expected: i64| {
            let value = value.clone();
            store.write(async move |tx: &mut Tx| settings::set_service(tx, &value, expected, NOW).await).await
        };

        let fresh = store.read(settings::service).await.unwrap();
        assert_eq!((fresh.value, fresh.revision), (Settings::default(), 0));
        assert_eq!(set(0).await.unwrap(), 1);
        assert_eq!(set(0).await.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(set(1).await.unwrap(), 2);
        assert_eq!(store.read(settings::service).await.unwrap().value, value);
    }

    async fn an_old_idempotency_key_may_be_used_again(database) {
        let store = database.open().await;
        let keep = async |at: i64| {
            let replay = Replay { request_hash: vec![1], status: 201, body: vec![], created_at: later(at) };
            let since = later(at).before(Duration::from_millis(100));
            store.write(async move |tx: &mut Tx| idempotency::insert(tx, "host", b"key", &replay, since).await).await
        };

        keep(0).await.unwrap();
        assert!(keep(100).await.is_err());
        keep(101).await.unwrap();
    }
}
