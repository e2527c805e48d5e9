//! The queue of jobs, on both databases: taken once, taken again from the dead, ended by the living.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use caspervpn::domain::id::JobId;
use caspervpn::domain::job::{JobKind, Lane, NewJob, TakenJob};
use caspervpn::domain::time::Timestamp;
use caspervpn::store::backend::{Conn, Store, Tx};
use caspervpn::store::error::StoreError;
use caspervpn::store::jobs;

use crate::databases::on_all;
use crate::store_fixtures::{NOW, id, later};

/// Far more than a test takes: holds go by the database's clock, which runs.
const HELD: Duration = Duration::from_secs(3600);

fn job(run_at: Timestamp) -> NewJob {
    NewJob { id: JobId::new(id()), kind: JobKind::Mail, payload: b"sealed".to_vec(), run_at }
}

async fn put(store: &Store, job: NewJob) {
    store.write(async move |tx: &mut Tx| jobs::enqueue(tx, &job, NOW).await).await.unwrap();
}

async fn take(store: &Store, worker: &'static str, limit: usize, now: Timestamp) -> Vec<TakenJob> {
    store
        .write(async move |tx: &mut Tx| jobs::take(tx, worker, Lane::Letters, limit, now, HELD).await)
        .await
        .unwrap()
}

/// As if the database's clock had gone on by half of a hold.
async fn half_a_hold_passes(store: &Store) {
    let passes =
        async |tx: &mut Tx| tx.execute("UPDATE jobs SET locked_until = locked_until - 1800000", &[]).await;
    store.write::<_, StoreError, _>(passes).await.unwrap();
}

async fn finish(store: &Store, job: &TakenJob, now: Timestamp) -> bool {
    let job = job.clone();
    store.write(async move |tx: &mut Tx| jobs::finish(tx, &job, now).await).await.unwrap()
}

on_all! {
    async fn a_job_is_taken_when_it_is_due_and_done_once(database) {
        let store = database.open().await;
        put(&store, job(later(1000))).await;

        assert!(take(&store, "ann", 8, NOW).await.is_empty());
        let taken = take(&store, "ann", 8, later(1000)).await;
        assert_eq!((taken.len(), taken[0].attempt, taken[0].payload.as_slice()), (1, 1, b"sealed".as_slice()));
        assert!(take(&store, "bob", 8, later(1001)).await.is_empty(), "somebody holds it");
        assert!(finish(&store, &taken[0], later(1002)).await);

        assert!(!finish(&store, &taken[0], later(1003)).await, "it has ended");
        assert!(take(&store, "bob", 8, later(10_000_000)).await.is_empty());
        assert_eq!(store.read(jobs::count).await.unwrap(), (0, 0));
    }

    async fn many_workers_at_once_share_the_jobs_and_none_goes_to_two(database) {
        let store = database.open().await;
        for _ in 0..40 {
            put(&store, job(NOW)).await;
        }

        let worker = async |name: &'static str| {
            let mut mine = Vec::new();
            loop {
                let taken = take(&store, name, 3, later(1)).await;
                if taken.is_empty() {
                    return mine;
                }
                mine.extend(taken);
            }
        };
        let (a, b, c, d) = tokio::join!(worker("a"), worker("b"), worker("c"), worker("d"));

        let mut times = BTreeMap::new();
        for job in [a, b, c, d].into_iter().flatten() {
            assert_eq!(job.attempt, 1);
            *times.entry(job.id).or_insert(0) += 1;
        }
        assert_eq!(times.len(), 40);
        assert!(times.values().all(|count| *count == 1), "{times:?}");
    }

    async fn a_killed_workers_job_is_taken_again_and_its_late_word_counts_no_more(database) {
        let store = database.open().await;
        put(&store, job(NOW)).await;
        let dead = take(&store, "dead", 8, NOW).await.remove(0);

        half_a_hold_passes(&store).await;
        assert!(take(&store, "next", 8, NOW).await.is_empty(), "it may still live");
        half_a_hold_passes(&store).await;
        let next = take(&store, "next", 8, NOW).await.remove(0);

        assert_eq!((next.id, next.attempt), (dead.id, 2));
        assert!(!finish(&store, &dead, later(1)).await);
        let late = dead.clone();
        let held = store.write(async move |tx: &mut Tx| jobs::hold(tx, &late, HELD).await).await.unwrap();
        assert!(!held, "a hold that was lost is not renewed");
        assert!(finish(&store, &next, later(2)).await);
    }

    async fn a_renewed_hold_keeps_others_away(database) {
        let store = database.open().await;
        put(&store, job(NOW)).await;
        let mine = take(&store, "slow", 8, NOW).await.remove(0);
        half_a_hold_passes(&store).await;
        let held = mine.clone();

        assert!(store.write(async move |tx: &mut Tx| jobs::hold(tx, &held, HELD).await).await.unwrap());

        half_a_hold_passes(&store).await;
        assert!(take(&store, "next", 8, NOW).await.is_empty());
        assert!(finish(&store, &mine, later(1)).await);
    }

    async fn a_worker_whose_clock_is_ahead_takes_no_job_from_another(database) {
        let store = database.open().await;
        put(&store, job(NOW)).await;
        let mine = take(&store, "right", 8, NOW).await.remove(0);

        let days_ahead = Timestamp::from_millis(i64::MAX / 2);
        assert!(take(&store, "ahead", 8, days_ahead).await.is_empty());
        let due = async move |conn: &mut Conn| jobs::any_due(conn, Lane::Letters, days_ahead).await;
        assert!(!store.read(due).await.unwrap());

        assert!(finish(&store, &mine, later(1)).await);
    }

    async fn a_failed_attempt_waits_and_a_given_up_job_stays_away_until_it_is_purged(database) {
        let store = database.open().await;
        put(&store, job(NOW)).await;
        let first = take(&store, "ann", 8, NOW).await.remove(0);
        store.write(async move |tx: &mut Tx| jobs::release(tx, &first, "not now", later(500)).await).await.unwrap();

        assert!(take(&store, "ann", 8, later(499)).await.is_empty());
        let second = take(&store, "ann", 8, later(500)).await.remove(0);
        assert_eq!(second.attempt, 2);
        store.write(async move |tx: &mut Tx| jobs::fail(tx, &second, "never", later(600)).await).await.unwrap();
        assert!(take(&store, "ann", 8, later(10_000_000)).await.is_empty());
        assert_eq!(store.read(jobs::count).await.unwrap(), (0, 1));

        let purge = async |before| store.write(async move |tx: &mut Tx| jobs::purge(tx, before, 10).await).await.unwrap();
        assert_eq!((purge(later(600)).await, purge(later(601)).await), (0, 1));
    }

    async fn a_job_stands_or_falls_with_the_act_that_wants_it(database) {
        let store = database.open().await;
        let wanted = job(NOW);
        let undone = store
            .write(async move |tx: &mut Tx| {
                jobs::enqueue(tx, &wanted, NOW).await?;
                tx.execute("INSERT INTO nothing_of_this_name VALUES (1)", &[]).await
            })
            .await;
        assert!(undone.is_err());
        assert!(!store.read(async |conn: &mut Conn| jobs::any_due(conn, Lane::Letters, NOW).await).await.unwrap());

        let twice = job(NOW);
        put(&store, twice.clone()).await;
        put(&store, twice).await;

        assert_eq!(take(&store, "ann", 8, NOW).await.len(), 1, "one id is one job");
    }

    async fn a_lane_is_taken_from_by_itself(database) {
        let store = database.open().await;
        put(&store, NewJob { kind: JobKind::Webhook, ..job(NOW) }).await;
        put(&store, NewJob { kind: JobKind::PasswordReset, ..job(later(1)) }).await;
        put(&store, job(later(2))).await;

        let letters = take(&store, "ann", 8, later(3)).await;

        let kinds: BTreeSet<_> = letters.iter().map(|job| job.kind).collect();
        assert_eq!(kinds, BTreeSet::from([JobKind::Mail, JobKind::PasswordReset]));
        let due = async |lane| store.read(async move |conn: &mut Conn| jobs::any_due(conn, lane, later(3)).await).await.unwrap();
        assert_eq!((due(Lane::Letters).await, due(Lane::Webhooks).await), (false, true));
    }

    async fn a_job_of_a_newer_program_is_left_to_it_and_holds_up_nobody(database) {
        let store = database.open().await;
        put(&store, job(NOW)).await;
        let strange = async |tx: &mut Tx| {
            tx.execute("UPDATE jobs SET kind = 'levitate'", &[]).await.map(drop)
        };
        store.write::<_, StoreError, _>(strange).await.unwrap();
        put(&store, job(later(1))).await;

        let taken = take(&store, "ann", 8, later(2)).await;

        assert_eq!(taken.iter().map(|job| job.kind).collect::<Vec<_>>(), [JobKind::Mail]);
    }
}
