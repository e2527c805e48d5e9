//! Tasks that end, fail, panic and are told to stop, under the real supervisor.

use super::{Kind, State, TaskError, Tasks};
use crate::domain::time::Timestamp;
use crate::runtime::clock::SystemClock;
use crate::telemetry::metrics::Metrics;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

const SOON: Duration = Duration::from_secs(5);

fn tasks() -> Tasks {
    Tasks::current(Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn a_task_that_panics_then_errs_is_started_again_each_time() {
    let tasks = tasks();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);

    tasks.spawn("flaky", move |stop| {
        let run = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(run > 0, "the first run breaks");
            if run == 1 {
                return Err(std::io::Error::other("the second fails"));
            }
            stop.cancelled().await;
            Ok(())
        }
    });
    tokio::time::timeout(SOON, async {
        while runs.load(Ordering::SeqCst) < 3 || tasks.list()[0].state != State::Running {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();

    let status = tasks.list().remove(0);
    assert_eq!((status.name.as_ref(), status.kind, status.restarts), ("flaky", Kind::Task, 2));
    assert!(tasks.drain(SOON).await.is_clean());
    assert!(tasks.list().is_empty());
}

#[tokio::test]
async fn panics_and_restarts_are_counted_by_task() {
    let (recorder, metrics) = Metrics::build(Timestamp::from_millis(0)).unwrap();
    // The test's runtime has one thread, so its tasks see the recorder as well.
    let _installed = metrics::set_default_local_recorder(&recorder);
    let tasks = tasks();

    tasks.spawn("broken", |_stop| async { break_always() });
    let text = tokio::time::timeout(SOON, async {
        loop {
            let text = metrics.render();
            if text.contains("caspervpn_task_restarts_total{task=\"broken\"} 2") {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();

    assert!(text.contains("caspervpn_task_panics_total{task=\"broken\"} 2"), "{text}");
}

#[tokio::test]
async fn what_started_last_is_stopped_first() {
    let tasks = tasks();
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in ["store", "api", "edge"] {
        let order = Arc::clone(&order);
        tasks.spawn(name, move |stop| {
            let order = Arc::clone(&order);
            async move {
                stop.cancelled().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
                order.lock().unwrap().push(name);
            }
        });
    }

    let drained = tasks.drain(SOON).await;

    assert_eq!(*order.lock().unwrap(), ["edge", "api", "store"]);
    assert_eq!((drained.finished, drained.is_clean()), (3, true));
}

#[tokio::test]
async fn a_task_that_does_not_stop_is_named_and_the_others_still_stop() {
    let tasks = tasks();
    let stopped = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&stopped);
    tasks.spawn("polite", move |stop| {
        let counted = Arc::clone(&counted);
        async move {
            stop.cancelled().await;
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let deaf = tasks.spawn_once("deaf", |_stop| std::future::pending::<()>());

    let drained = tasks.drain(Duration::from_millis(50)).await;

    assert_eq!(drained.late, [Cow::Borrowed("deaf")]);
    assert_eq!(stopped.load(Ordering::SeqCst), 1);
    assert_eq!(deaf.await, Err(TaskError::Stopped { name: "deaf".into() }));
}

#[tokio::test]
async fn connections_that_do_not_end_leave_the_rest_its_time_to_end_in_order() {
    let tasks = tasks();
    let order = Arc::new(Mutex::new(Vec::new()));
    for (name, takes_ms) in [("database", 0), ("agent", 60)] {
        let order = Arc::clone(&order);
        drop(tasks.spawn_once(name, move |stop| async move {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_millis(takes_ms)).await;
            order.lock().unwrap().push(name);
        }));
    }
    let _idle = tasks.group("idle");
    let busy = tasks.group("busy");
    busy.spawn(std::future::pending());

    let drained = tasks.drain(Duration::from_secs(2)).await;

    assert_eq!(*order.lock().unwrap(), ["agent", "database"]);
    assert_eq!((drained.finished, drained.late), (3, vec![Cow::Borrowed("busy")]));
    assert!(busy.is_empty());
}

#[tokio::test]
async fn once_blocking_and_thread_answer_and_a_panic_in_any_is_an_error() {
    let tasks = tasks();

    let once = tasks.spawn_once("once", |_stop| async { 1 });
    let blocking = tasks.spawn_blocking("blocking", || 2);
    let thread = tasks.thread("thread", |_stop| 3).unwrap();
    let broken = tasks.spawn_blocking("broken", || -> u8 { panic!("no") });
    let broken_thread = tasks.thread("broken-thread", |_stop| -> u8 { panic!("no") }).unwrap();

    assert_eq!((once.await, blocking.await, thread.await), (Ok(1), Ok(2), Ok(3)));
    let message = "no".to_owned();
    assert_eq!(broken.await, Err(TaskError::Panicked { name: "broken".into(), message: message.clone() }));
    assert_eq!(broken_thread.await, Err(TaskError::Panicked { name: "broken-thread".into(), message }));
}

#[tokio::test]
async fn a_thread_is_told_to_stop_and_waited_for() {
    let tasks = tasks();
    let handle = tasks.handle().clone();
    let ended = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ended);
    let _thread = tasks
        .thread("writer", move |stop| {
            handle.block_on(stop.cancelled());
            std::thread::sleep(Duration::from_millis(30));
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();

    let drained = tasks.drain(SOON).await;

    assert!(drained.is_clean());
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_group_counts_its_tasks_and_survives_a_panic_in_one() {
    let tasks = tasks();
    let group = tasks.group("connections");
    let stop = group.stop().clone();
    group.spawn(async move { stop.cancelled().await });
    group.spawn(async { panic!("one connection breaks") });
    tokio::time::timeout(SOON, async {
        while group.len() != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();

    let drained = tasks.drain(SOON).await;

    assert!(drained.is_clean() && group.is_empty());
}

#[tokio::test]
async fn what_ends_without_waiting_needs_no_task_and_what_waits_gets_one() {
    let tasks = tasks();
    let group = tasks.group("streams");
    let (answer, asked) = oneshot::channel();
    let (done, ended) = oneshot::channel();

    group.begin(async { panic!("one stream breaks") });
    assert_eq!(group.len(), 0);
    group.begin(async move {
        asked.await.unwrap();
        done.send(()).unwrap();
    });
    assert_eq!(group.len(), 1);
    answer.send(()).unwrap();

    tokio::time::timeout(SOON, ended).await.unwrap().unwrap();
}

fn break_always() {
    panic!("always");
}
