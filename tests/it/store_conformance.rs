//! What callers may rely on, on both databases alike.

use caspervpn::store::backend::{Conn, Tx};
use caspervpn::store::error::{Constraint, ErrorKind, StoreError};
use caspervpn::store::value::{Bind, Kind, Row, Value};

use crate::databases::on_all;

const INSERT: &str = "INSERT INTO settings (key, value, revision, updated_at) VALUES (?1, ?2, ?3, ?4)";

async fn set(tx: &mut Tx, key: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(INSERT, &[key.bind(), value.bind(), 1_i64.bind(), 2_i64.bind()]).await.map(drop)
}

async fn count(conn: &mut Conn) -> Result<i64, StoreError> {
    conn.one("SELECT COUNT(*) FROM settings", &[]).await
}

on_all! {
    async fn values_of_every_kind_come_back_as_they_went_in(database) {
        let store = database.open().await;

        let mut row: Row = store
            .write(async |tx: &mut Tx| {
                let text = "it's ?1 \u{1f512}";
                let columns = "id, login, login_folded, display_name, role, password_hash, epoch, disabled, retired_bytes, search, revision, created_at, updated_at";
                let sql = format!("INSERT INTO users ({columns}) VALUES (?1, ?2, ?2, ?2, ?2, ?3, ?4, ?5, 0, '?1', 1, 1, 1) RETURNING *");
                tx.one(&sql, &["id".bind(), text.bind(), Value::Null(Kind::Text), i64::MIN.bind(), true.bind()]).await
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap();

        assert_eq!(row.take::<String>("login").unwrap(), "it's ?1 \u{1f512}");
        assert_eq!(row.take::<Option<String>>("password_hash").unwrap(), None);
        assert_eq!(row.take::<Option<i64>>("expires_at").unwrap(), None);
        assert_eq!(row.take::<i64>("epoch").unwrap(), i64::MIN);
        assert_eq!(row.take::<String>("search").unwrap(), "?1");
        assert!(row.take::<bool>("disabled").unwrap());
        assert_eq!(row.take::<i64>("no_such").unwrap_err().kind(), ErrorKind::Unreadable);
        assert_eq!(row.take::<i64>("role").unwrap_err().kind(), ErrorKind::Unreadable);
    }

    async fn an_error_undoes_the_call(database) {
        let store = database.open().await;

        let refused: Result<(), StoreError> = store
            .write(async |tx: &mut Tx| {
                set(tx, "a", "1").await?;
                Err(StoreError::new(ErrorKind::Stale))
            })
            .await;

        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(store.read(count).await.unwrap(), 0);
    }

    async fn a_conflict_names_its_constraint(database) {
        let store = database.open().await;
        store.write(async |tx: &mut Tx| set(tx, "a", "1").await).await.unwrap();

        let twice = store.write(async |tx: &mut Tx| set(tx, "a", "2").await).await.unwrap_err();

        assert_eq!(twice.conflict(), Some(Constraint::Id));
    }

    async fn a_swallowed_error_undoes_the_call_all_the_same(database) {
        let store = database.open().await;

        let swallowed = store
            .write(async |tx: &mut Tx| {
                set(tx, "a", "1").await?;
                drop(set(tx, "a", "2").await);
                Ok::<_, StoreError>(())
            })
            .await;

        assert_eq!(swallowed.unwrap_err().conflict(), Some(Constraint::Id));
        assert_eq!(store.read(count).await.unwrap(), 0);
    }

    async fn an_attempt_fails_alone(database) {
        let store = database.open().await;

        store
            .write(async |tx: &mut Tx| {
                set(tx, "a", "1").await?;
                let failed = tx.attempt(async |tx: &mut Tx| {
                    set(tx, "b", "1").await?;
                    set(tx, "a", "2").await
                }).await;
                assert!(failed.is_err());
                set(tx, "c", "1").await
            })
            .await
            .unwrap();

        assert_eq!(store.read(count).await.unwrap(), 2);
    }

    async fn a_read_cannot_write(database) {
        let store = database.open().await;

        let refused = store
            .read(async |conn: &mut Conn| {
                conn.query::<Row>("DELETE FROM counters WHERE name = 'outbox' RETURNING name", &[]).await
            })
            .await;

        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ReadOnly);
    }

    async fn a_panic_is_an_error_and_the_store_lives_on(database) {
        let store = database.open().await;

        let broken: Result<(), StoreError> = store
            .write(async |tx: &mut Tx| {
                set(tx, "a", "1").await?;
                panic!("on purpose")
            })
            .await;
        let read: Result<(), StoreError> = store.read(async |_: &mut Conn| panic!("on purpose")).await;

        assert_eq!(broken.unwrap_err().kind(), ErrorKind::Broken);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Broken);
        store.probe().await.unwrap();
        assert_eq!(store.read(count).await.unwrap(), 0);
    }

    async fn the_database_is_there_after_it_was_closed(database) {
        let store = database.open().await;
        store.write(async |tx: &mut Tx| set(tx, "a", "1").await).await.unwrap();

        store.close().await;
        let late = store.read(count).await;
        drop(store);
        let store = database.open().await;

        assert_eq!(late.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(store.read(count).await.unwrap(), 1);
    }

    async fn writers_at_once_are_each_answered_for_their_own(database) {
        let store = database.open().await;
        let writers: Vec<_> = (0..64)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .write(async move |tx: &mut Tx| {
                            set(tx, &format!("key {n}"), "1").await?;
                            if n % 4 == 0 { Err(StoreError::new(ErrorKind::Stale)) } else { Ok(n) }
                        })
                        .await
                })
            })
            .collect();

        for (n, writer) in writers.into_iter().enumerate() {
            let answer = writer.await.unwrap();
            match n % 4 {
                0 => assert_eq!(answer.unwrap_err().kind(), ErrorKind::Stale),
                _ => assert_eq!(answer.unwrap(), n),
            }
        }

        assert_eq!(store.read(count).await.unwrap(), 48);
    }
}
