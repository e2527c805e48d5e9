//! How the store opens, refuses to open, and behaves when its database is in trouble.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use caspervpn::store::backend::{Conn, Store, Tx};
use caspervpn::store::error::{ErrorKind, OpenError, StoreError};
use caspervpn::store::open::{Database, StoreSettings};
use caspervpn::store::value::Bind;

use crate::databases::{Server, TestDatabase, on_both, tasks};
use crate::namespaces::needs_root;

async fn open(database: &TestDatabase) -> Result<Store, OpenError> {
    Store::open(&database.settings, &tasks()).await
}

fn data(database: &TestDatabase) -> std::path::PathBuf {
    database.directory.as_ref().unwrap().path().join("data")
}

async fn set(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO settings (key, value, revision, updated_at) VALUES (?1, '{}', 1, 1)";
    tx.execute(SQL, &[key.bind()]).await.map(drop)
}

on_both! {
    async fn a_newer_database_is_left_alone(database) {
        open(&database).await.unwrap().close().await;
        let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')";
        match &database.settings.database {
            Database::Sqlite { directory } => {
                rusqlite::Connection::open(directory.join("caspervpn.db")).unwrap().execute_batch(sql).unwrap();
            }
            Database::Postgres { url, .. } => {
                let name = url.rsplit_once('/').unwrap().1.to_owned();
                Server::shared().execute(&name, sql).await;
            }
        }

        let refused = open(&database).await.err().unwrap();

        assert!(matches!(refused, OpenError::Newer { found: 999, .. }), "{refused}");
        assert!(!refused.is_temporary());
    }

    async fn a_probe_reads_and_writes(database) {
        let store = open(&database).await.unwrap();

        store.probe().await.unwrap();
        store.probe().await.unwrap();

        let figures = store.figures();
        assert_eq!((figures.committed_writes, figures.reads, figures.queued_writes), (2, 2, 0));
        assert!(store.readings().len() >= 10);
    }

    async fn a_caller_that_goes_away_does_not_take_its_write_along(database) {
        let store = open(&database).await.unwrap();

        let write = store.write(async |tx: &mut Tx| set(tx, "kept").await);
        // Polled once, so that it is accepted, and then dropped.
        drop(tokio::time::timeout(Duration::ZERO, write).await);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        let mut found: i64 = 0;
        while found == 0 && tokio::time::Instant::now() < deadline {
            found = store.read(async |conn: &mut Conn| conn.one("SELECT COUNT(*) FROM settings", &[]).await).await.unwrap();
        }

        assert_eq!(found, 1);
    }

    async fn a_stop_of_the_service_closes_the_store(database) {
        let tasks = tasks();
        let store = Store::open(&database.settings, &tasks).await.unwrap();
        store.write(async |tx: &mut Tx| set(tx, "a").await).await.unwrap();

        let drained = tasks.drain(Duration::from_secs(5)).await;
        let late = store.write(async |tx: &mut Tx| set(tx, "b").await).await;

        assert!(drained.is_clean(), "{drained:?}");
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_start_on_an_empty_postgres_at_once() {
    let database = TestDatabase::postgres().await;

    let (one, two, three) = tokio::join!(open(&database), open(&database), open(&database));

    for store in [one, two, three] {
        store.unwrap().probe().await.unwrap();
    }
}

#[tokio::test]
async fn the_data_directory_and_its_files_are_private() {
    let database = TestDatabase::sqlite();
    let store = open(&database).await.unwrap();
    store.probe().await.unwrap();

    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data(&database)), 0o700);
    for name in ["lock", "caspervpn.db", "caspervpn.db-wal", "caspervpn.db-shm"] {
        assert_eq!(mode(data(&database).join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_second_process_is_told_who_is_in_the_way() {
    let database = TestDatabase::sqlite();
    let first = open(&database).await.unwrap();

    let second = open(&database).await.err().unwrap();
    first.close().await;

    assert!(matches!(second, OpenError::Locked { .. }), "{second}");
    open(&database).await.unwrap();
}

#[tokio::test]
async fn a_place_that_is_no_directory_is_named() {
    let database = TestDatabase::sqlite();
    fs::write(data(&database), "").unwrap();

    let refused = open(&database).await.err().unwrap();

    assert!(matches!(refused, OpenError::Directory { .. }));
    assert!(refused.to_string().contains("data"), "{refused}");
    assert!(!refused.is_temporary());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_called_damaged() {
    let database = TestDatabase::sqlite();
    fs::create_dir(data(&database)).unwrap();
    fs::write(data(&database).join("caspervpn.db"), vec![7; 8192]).unwrap();

    let refused = open(&database).await.err().unwrap();

    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
}

#[tokio::test]
async fn damage_met_at_work_stops_all_writes() {
    let database = TestDatabase::sqlite();
    let store = open(&database).await.unwrap();
    store
        .write(async |tx: &mut Tx| {
            for n in 0..2000 {
                set(tx, &format!("{n:0200}")).await?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    store.close().await;
    let file = data(&database).join("caspervpn.db");
    let store = open(&database).await.unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let from = bytes.len() / 2;
    bytes[from..].fill(0x5a);
    fs::write(&file, bytes).unwrap();

    let read = store
        .read(async |conn: &mut Conn| {
            conn.one::<i64>("SELECT COUNT(value || key) FROM settings NOT INDEXED", &[]).await
        })
        .await;
    let write = store.write(async |tx: &mut Tx| set(tx, "later").await).await;

    assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(write.unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(store.figures().corrupt && store.probe().await.is_err());
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_recovers() {
    needs_root();
    let root = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(root.path()).status();
    assert!(mounted.unwrap().success());
    let settings = StoreSettings::new(Database::Sqlite { directory: root.path().join("data") });
    let store = Store::open(&settings, &tasks()).await.unwrap();
    let ballast = root.path().join("ballast");
    drop(fs::write(&ballast, vec![1; 4 << 20]));
    let large = async || {
        store
            .write(async |tx: &mut Tx| {
                for n in 0..300 {
                    set(tx, &format!("{n:0900}")).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await
    };

    let refused = large().await;
    fs::remove_file(&ballast).unwrap();
    let recovered = large().await;
    let full = open_full(&root).await;
    store.close().await;
    drop(store);
    run_umount(root.path());

    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Full);
    recovered.unwrap();
    assert!(full.to_string().contains("cannot"), "{full}");
}

async fn open_full(root: &tempfile::TempDir) -> OpenError {
    drop(fs::write(root.path().join("ballast"), vec![1; 4 << 20]));
    let settings = StoreSettings::new(Database::Sqlite { directory: root.path().join("another") });
    let refused = Store::open(&settings, &tasks()).await.err().unwrap();
    fs::remove_file(root.path().join("ballast")).unwrap();
    refused
}

fn run_umount(path: &std::path::Path) {
    assert!(Command::new("umount").arg(path).status().unwrap().success());
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    for url in ["host=/nonexistent user=postgres", "postgres://nobody@127.0.0.1:1/none"] {
        let settings = StoreSettings::new(Database::Postgres { url: url.to_owned(), direct_url: None });

        let refused = Store::open(&settings, &tasks()).await.err().unwrap();

        assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
        assert!(refused.is_temporary());
    }
    let settings = StoreSettings::new(Database::Postgres { url: "no=such".to_owned(), direct_url: None });
    assert!(matches!(Store::open(&settings, &tasks()).await.err().unwrap(), OpenError::Url));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_share_commits_and_no_neighbour_suffers() {
    let database = TestDatabase::sqlite();
    let store = open(&database).await.unwrap();
    let writers: Vec<_> = (0..32)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    let answer = store
                        .write(async move |tx: &mut Tx| {
                            set(tx, &format!("{writer} {n}")).await?;
                            match writer {
                                0 => Err(StoreError::new(ErrorKind::Stale)),
                                1 => panic!("on purpose"),
                                2 => {
                                    tokio::task::yield_now().await;
                                    Ok(())
                                }
                                _ => Ok(()),
                            }
                        })
                        .await;
                    match writer {
                        0 => assert_eq!(answer.unwrap_err().kind(), ErrorKind::Stale),
                        1 | 2 => assert_eq!(answer.unwrap_err().kind(), ErrorKind::Broken),
                        _ => answer.unwrap(),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }

    let figures = store.figures();
    let rows: i64 = store
        .read(async |conn: &mut Conn| conn.one("SELECT COUNT(*) FROM settings", &[]).await)
        .await
        .unwrap();
    assert_eq!((rows, figures.committed_writes, figures.failed_writes), (580, 580, 60));
    assert!(figures.commits * 2 < figures.committed_writes, "{} commits", figures.commits);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_stopped() {
    let mut database = TestDatabase::sqlite();
    database.settings.read_limit = Duration::from_millis(50);
    let store = open(&database).await.unwrap();
    let endless = "WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n) SELECT COUNT(*) FROM n";

    let stopped = store.read(async move |conn: &mut Conn| conn.one::<i64>(endless, &[]).await).await;

    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::TooLong);
    store.probe().await.unwrap();
}
