//! Real databases for tests: a SQLite file in a directory of its own, and a PostgreSQL server on a socket of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use caspervpn::store::backend::Store;
use caspervpn::store::open::{Database, StoreSettings};

use crate::pgbouncer::Bouncer;

/// A database that ends with the test.
pub(crate) struct TestDatabase {
    pub(crate) settings: StoreSettings,
    pub(crate) directory: Option<tempfile::TempDir>,
}

impl TestDatabase {
    /// An empty SQLite directory.
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(Database::Sqlite { directory: directory.path().join("data") });
        Self { settings, directory: Some(directory) }
    }

    /// An empty database of this process's PostgreSQL server.
    pub(crate) async fn postgres() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(Server::shared).await.unwrap();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.execute("postgres", &format!("CREATE DATABASE {name}")).await;
        let settings = StoreSettings::new(Database::Postgres { url: server.url(&name), direct_url: None });
        Self { settings, directory: None }
    }

    /// An empty database of that server, reached through PgBouncer; only migrations go past it.
    pub(crate) async fn pooled() -> Self {
        let mut database = Self::postgres().await;
        let bouncer = tokio::task::spawn_blocking(Bouncer::shared).await.unwrap();
        if let Database::Postgres { url, direct_url } = &mut database.settings.database {
            let (_, name) = url.rsplit_once('/').unwrap();
            let pooled = bouncer.used(name).await;
            *direct_url = Some(std::mem::replace(url, pooled));
        }
        database
    }

    /// Opens it.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.settings, &tasks()).await.unwrap()
    }
}

/// A supervisor on the test's runtime.
pub(crate) fn tasks() -> Tasks {
    Tasks::current(Arc::new(SystemClock::new()))
}

/// Makes two tests of each check, one on each database: `sqlite::name` and `postgres::name`.
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident) $body:block)*) => {
        $($(#[$attribute])* async fn $name($database: $crate::databases::TestDatabase) $body)*

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::databases::TestDatabase::sqlite()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::databases::TestDatabase::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// The same and a third, `pooled::name`, on PostgreSQL behind PgBouncer.
macro_rules! on_all {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident) $body:block)*) => {
        $crate::databases::on_both! { $($(#[$attribute])* async fn $name($database) $body)* }

        mod pooled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::databases::TestDatabase::pooled().await).await;
            })*
        }
    };
}
pub(crate) use on_all;

/// A PostgreSQL server that ends with this process, however that ends: its shell waits for our end of a pipe.
pub(crate) struct Server {
    directory: PathBuf,
    _shell: Child,
}

impl Server {
    /// The server of this process.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self::start("fsync=off"))
    }

    /// Starts a server of its own with a setting more.
    pub(crate) fn start(setting: &str) -> Self {
        let binaries = binaries();
        let directory = copy(&template(&binaries));
        let script = format!(
            "cd '{dir}'; '{bin}/postgres' -D '{dir}/data' -k '{dir}' -c listen_addresses='' -c {setting} \
             -c full_page_writes=off -c shared_buffers=16MB -c max_connections=80 >'{dir}/log' 2>&1 & \
             server=$!; read -r line; kill -QUIT $server; wait $server; cd /; rm -rf '{dir}'",
            dir = directory.display(),
            bin = binaries.display(),
        );
        let shell = as_postgres("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { directory, _shell: shell };
        server.wait_until_ready(&binaries);
        server
    }

    /// Where its socket is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// How to connect to one of its databases.
    pub(crate) fn url(&self, database: &str) -> String {
        let directory = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{directory}/{database}")
    }

    /// Runs a statement in one of its databases.
    pub(crate) async fn execute(&self, database: &str, sql: &str) {
        let (client, connection) =
            tokio_postgres::connect(&self.url(database), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    fn wait_until_ready(&self, binaries: &Path) {
        let started = Instant::now();
        loop {
            let ready = Command::new(binaries.join("pg_isready"))
                .arg("-h")
                .arg(&self.directory)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if ready.unwrap().success() {
                return;
            }
            if started.elapsed() > Duration::from_secs(30) {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                panic!("PostgreSQL did not start:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The newest PostgreSQL on this machine.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists());
    found.max().expect("these tests need PostgreSQL's server programs: apt-get install postgresql")
}

/// An initialised data directory, made once on a machine and copied for each server.
fn template(binaries: &Path) -> PathBuf {
    let version = binaries.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let owner = Command::new("id").arg("-u").output().unwrap();
    let owner = String::from_utf8(owner.stdout).unwrap().trim().to_owned();
    let path = std::env::temp_dir().join(format!("caspervpn-pg-template-{version}-{owner}"));
    let lock = File::create(path.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if path.join("data/PG_VERSION").exists() && path.join("complete").exists() {
        return path;
    }
    drop(fs::remove_dir_all(&path));
    run(as_postgres("mkdir").arg(&path));
    run(as_postgres(binaries.join("initdb").to_str().unwrap())
        .args([
            "--no-sync",
            "--no-instructions",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ])
        .arg("-D")
        .arg(path.join("data")));
    fs::write(path.join("complete"), "").unwrap();
    path
}

/// Copies it to a new directory: a name made of our process id may be one that a killed run left behind.
fn copy(template: &Path) -> PathBuf {
    let made = run(as_postgres("mktemp").args(["-d", "--tmpdir", "caspervpn-pg-XXXXXXXX"]));
    let directory = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim_end());
    run(as_postgres("cp").args(["-a", "--reflink=auto"]).arg(template.join(".")).arg(&directory));
    directory
}

/// The server refuses to run as root; there it gets its own account.
pub(crate) fn as_postgres(program: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program]);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
