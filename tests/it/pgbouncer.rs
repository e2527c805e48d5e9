//! PgBouncer in transaction mode before the tests' PostgreSQL: each transaction may meet another server connection.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use caspervpn::store::open::Database;
use serde_json::json;
use tempfile::TempDir;

use crate::api_house::setup_request;
use crate::databases::{Server, TestDatabase, as_postgres};
use crate::service::{Launch, PATIENCE, eventually};

/// A pooler that ends with this process, however that ends: its shell waits for our end of a pipe.
pub(crate) struct Bouncer {
    directory: PathBuf,
    _shell: Child,
}

impl Bouncer {
    /// The pooler of this process, before the server of this process.
    pub(crate) fn shared() -> &'static Self {
        static BOUNCER: OnceLock<Bouncer> = OnceLock::new();
        BOUNCER.get_or_init(|| Self::start(Server::shared()))
    }

    fn start(server: &Server) -> Self {
        let directory = server.directory().with_extension("pooler");
        assert!(as_postgres("mkdir").arg(&directory).status().unwrap().success());
        let settings = format!(
            "[databases]\n* = host={server} user=postgres\n[pgbouncer]\npool_mode = transaction\nauth_type = any\n\
             default_pool_size = {CONNECTIONS}\nmax_client_conn = 200\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {own}\n\
             logfile = {own}/log\n",
            server = server.directory().display(),
            own = directory.display(),
        );
        let script = format!(
            "cd '{own}'; printf '%s' \"$1\" >ini; '{program}' -q ini >out 2>&1 & \
             pooler=$!; read -r line; kill -TERM $pooler; wait $pooler; cd /; rm -rf '{own}'",
            own = directory.display(),
            program = program().display(),
        );
        let shell = as_postgres("sh")
            .args(["-c", &script, "sh", &settings])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bouncer = Self { directory, _shell: shell };
        let socket = bouncer.directory.join(format!(".s.PGSQL.{PORT}"));
        eventually("PgBouncer", PATIENCE, || socket.exists());
        bouncer
    }

    /// How to connect to one of the server's databases through it. Its connections have been used before, by a program
    /// that left statements behind under the names that a driver gives to its first ones.
    pub(crate) async fn used(&self, database: &str) -> String {
        let url = self.url(database);
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("BEGIN").await.unwrap();
            clients.push(client);
        }
        let statements: String = (0..100).map(|n| format!("PREPARE s{n} AS SELECT 1;")).collect();
        for client in clients {
            client.batch_execute(&statements).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
        }
        url
    }

    fn url(&self, database: &str) -> String {
        let directory = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{directory}:{PORT}/{database}")
    }
}

/// Names its socket; there is no port of the host.
const PORT: u16 = 6432;

/// Fewer connections to the server than a store has to the pooler, so that they change hands all the time. A migration
/// takes two.
const CONNECTIONS: usize = 3;

fn program() -> PathBuf {
    let found =
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(Path::new).into_iter().find(|path| path.exists());
    found.expect("these tests need PgBouncer: apt-get install pgbouncer").to_owned()
}

#[test]
fn the_appliance_works_behind_a_pooler_and_keeps_what_it_acknowledged() {
    let database = runtime().block_on(TestDatabase::pooled());
    let directory = tempfile::tempdir().unwrap();
    let launch = over(&database, &directory);
    let service = launch.serve();
    service.post("/api/v1/setup", Some(setup_request()));
    let owner = service.get("/api/v1/users")["items"][0]["id"].clone();
    let create = |name: String| {
        let device = json!({ "name": name, "user_id": owner });
        service.post("/api/v1/devices", Some(device))["ipv4"].to_string()
    };

    // More at once than the pooler has connections to the server.
    let addresses: BTreeSet<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|maker| {
                scope.spawn(move || (0..5).map(|n| create(format!("d{maker}-{n}"))).collect::<Vec<_>>())
            })
            .collect();
        makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect()
    });
    service.stop();
    let service = launch.serve();

    assert_eq!(addresses.len(), 40, "each has an address of its own: {addresses:?}");
    assert_eq!(service.get("/api/v1/devices?limit=200")["items"].as_array().unwrap().len(), 40);
}

#[test]
fn a_migration_that_a_pooler_breaks_names_the_setting_that_goes_past_it() {
    let mut database = runtime().block_on(TestDatabase::pooled());
    let Database::Postgres { direct_url, .. } = &mut database.settings.database else { unreachable!() };
    *direct_url = None;
    let directory = tempfile::tempdir().unwrap();

    let (code, said) = over(&database, &directory).refused();

    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("database.direct_url"), "{said}");
}

fn over(database: &TestDatabase, directory: &TempDir) -> Launch {
    let Database::Postgres { url, direct_url } = &database.settings.database else { unreachable!() };
    let launch = Launch::quiet(&directory.path().join("data")).with(&format!("database.url={url}"));
    match direct_url {
        Some(direct) => launch.with(&format!("database.direct_url={direct}")),
        None => launch,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
