//! What is left after a kill and after a power cut: every acknowledged write, and a sound file.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use caspervpn::store::backend::{Store, Tx};
use caspervpn::store::error::StoreError;
use caspervpn::store::open::{Database, StoreSettings};
use caspervpn::store::value::Bind;

use crate::databases::tasks;
use crate::namespaces::needs_root;

/// Kills; enough that each step of a commit is hit.
const KILLS: u32 = 200;

const DIRECTORY: &str = "CASPERVPN_TEST_CRASH_DIRECTORY";
const PREFIX: &str = "CASPERVPN_TEST_CRASH_PREFIX";
const WRITERS: &str = "CASPERVPN_TEST_CRASH_WRITERS";

/// Writes for ever and prints each key once its write is acknowledged. The other tests run it as their child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the other tests of this file"]
async fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let prefix = std::env::var(PREFIX).unwrap();
    let writers: u32 = std::env::var(WRITERS).unwrap().parse().unwrap();
    let settings = StoreSettings::new(Database::Sqlite { directory: PathBuf::from(directory) });
    let store = Store::open(&settings, &tasks()).await.unwrap();
    let loops = (0..writers).map(|writer| write_for_ever(store.clone(), format!("{prefix}-{writer}")));
    futures_util::future::join_all(loops).await;
}

async fn write_for_ever(store: Store, prefix: String) {
    const SQL: &str = "INSERT INTO settings (key, value, revision, updated_at) VALUES (?1, '{}', 1, 1)";
    for n in 0_u64.. {
        let key = format!("{prefix}-{n}");
        let inserted = key.clone();
        store
            .write(async move |tx: &mut Tx| {
                tx.execute(SQL, &[inserted.as_str().bind()]).await?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        // One call each, so that a kill leaves at most one line cut short.
        let line = format!("ack {key}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn two_hundred_kills_lose_no_acknowledged_write() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut acknowledged = BTreeSet::new();
    for kill in 0..KILLS {
        let mut child =
            start(&mut Command::new(std::env::current_exe().unwrap()), &data, &kill.to_string(), 8);
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let first = next_ack(&mut lines).expect("the child writes after every kill");
        acknowledged.insert(first);
        // Different moments: a prime stride walks through the commit's phases.
        std::thread::sleep(Duration::from_micros(u64::from(kill) * 379 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(std::iter::from_fn(|| next_ack(&mut lines)));

        if kill % 20 == 19 {
            assert_sound(&data.join("caspervpn.db"), &acknowledged);
        }
    }
    assert_sound(&data.join("caspervpn.db"), &acknowledged);
    assert!(acknowledged.len() > KILLS as usize);
}

#[test]
fn a_power_cut_loses_no_acknowledged_write() {
    needs_root();
    let root = tempfile::tempdir().unwrap();
    // The outer file system copies a file at one instant, while it is written to.
    let outer =
        Mount::fresh("mkfs.xfs", 512 << 20, &root.path().join("outer.image"), &root.path().join("outer"));
    let (image, copy) = (outer.at.join("image"), outer.at.join("copy"));
    let mount = Mount::fresh("mkfs.ext4", 64 << 20, &image, &root.path().join("mounted"));
    let data = mount.at.join("data");
    let mut written_meanwhile = 0;
    for round in 0..5 {
        let mut child =
            start(&mut Command::new(std::env::current_exe().unwrap()), &data, &round.to_string(), 8);
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let reader = collect(child.stdout.take().unwrap(), &acknowledged);
        std::thread::sleep(Duration::from_millis(400));
        while acknowledged.lock().unwrap().is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "the writer ended before its first write");
            std::thread::sleep(Duration::from_millis(20));
        }

        // What the disk has at that instant is what it would have if the power went.
        let before: BTreeSet<String> = acknowledged.lock().unwrap().clone();
        run(Command::new("cp").arg("--reflink=always").arg(&image).arg(&copy));
        let after = acknowledged.lock().unwrap().len();
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();

        let restored = Mount::existing(&copy, &root.path().join("restored"));
        assert_sound(&restored.at.join("data/caspervpn.db"), &before);
        written_meanwhile += after - before.len();
    }
    assert!(written_meanwhile > 0, "no copy was made under load");
}

#[test]
fn the_log_is_synced_before_each_acknowledgement() {
    let root = tempfile::tempdir().unwrap();
    let trace = root.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=pwrite64,fsync,fdatasync,write", "-o"]).arg(&trace);
    strace.arg(std::env::current_exe().unwrap());
    let mut child = start(&mut strace, &root.path().join("data"), "traced", 1);
    let mut lines = BufReader::new(child.stdout.take().expect("install strace: apt-get install strace"));
    let acks: Vec<_> = std::iter::from_fn(|| next_ack(&mut lines)).take(50).collect();
    child.kill().unwrap();
    child.wait().unwrap();

    let trace = std::fs::read_to_string(&trace).unwrap();
    let (mut written, mut synced, mut seen) = (false, false, 0);
    for line in trace.lines() {
        let log = line.contains("caspervpn.db-wal>") || line.contains("resumed>");
        if line.contains("pwrite64(") && line.contains("caspervpn.db-wal>") {
            (written, synced) = (true, false);
        } else if log && (line.contains("sync(") || line.contains("sync resumed")) && line.ends_with("= 0") {
            synced = written;
        } else if line.contains("write(1") && line.contains("\"ack ") {
            assert!(synced, "write {seen} was acknowledged before its sync");
            (written, synced) = (false, false);
            seen += 1;
        }
    }
    assert!(seen >= 50 && acks.len() == 50, "{seen} acknowledgements in the trace");
}

/// Starts this binary, through `command`, as the child that writes.
fn start(command: &mut Command, data: &Path, prefix: &str, writers: u32) -> Child {
    command
        .args(["--exact", "store_crash::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, data)
        .env(PREFIX, prefix)
        .env(WRITERS, writers.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The next whole acknowledgement; `None` at the end.
fn next_ack(lines: &mut impl BufRead) -> Option<String> {
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        // The test harness prints its own words on the first line.
        let ack = line.rsplit_once("ack ").and_then(|(_, key)| key.strip_suffix('\n'));
        if let Some(key) = ack {
            return Some(key.to_owned());
        }
    }
}

fn collect(stdout: ChildStdout, into: &Arc<Mutex<BTreeSet<String>>>) -> std::thread::JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        while let Some(key) = next_ack(&mut lines) {
            into.lock().unwrap().insert(key);
        }
    })
}

fn assert_sound(file: &Path, acknowledged: &BTreeSet<String>) {
    let connection = rusqlite::Connection::open(file).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let mut statement = connection.prepare("SELECT key FROM settings").unwrap();
    let stored: BTreeSet<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged writes are lost: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
}

/// A mounted file system image; unmounted at the end.
struct Mount {
    at: PathBuf,
}

impl Mount {
    fn fresh(mkfs: &str, bytes: u64, image: &Path, at: &Path) -> Self {
        std::fs::File::create(image).unwrap().set_len(bytes).unwrap();
        run(Command::new(mkfs).arg("-q").arg(image));
        Self::existing(image, at)
    }

    fn existing(image: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(at));
        Self { at: at.to_owned() }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.at).output());
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
