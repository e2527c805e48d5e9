//! Signing in by the password of an LDAP directory, against OpenLDAP's own server.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Answer, House, PASSWORD};
use crate::databases::{TestDatabase, on_both};
use crate::sign_in::browser::settle;

const ADA: &str = "the password in the directory";

on_both! {
    async fn a_password_of_the_directory_lets_its_person_in_with_the_role_of_the_groups(database) {
        let world = World::over(database).await;

        let ada = world.account("ada", ADA).await;
        let again = world.account("ADA", ADA).await;
        world.slapd.modify("dn: cn=vpn-staff,ou=groups,dc=example,dc=org\nchangetype: modify\nreplace: member\nmember: uid=bob,ou=people,dc=example,dc=org\n");
        let demoted = world.account("ada", ADA).await;

        assert_eq!((&ada["login"], &ada["display_name"]), (&json!("ada"), &json!("Ada Lovelace")));
        assert_eq!((&ada["role"], &again["id"]), (&json!("support"), &ada["id"]));
        assert_eq!((&demoted["role"], &demoted["id"]), (&json!("member"), &ada["id"]));
    }

    async fn who_has_a_password_here_is_let_in_by_that_alone_also_while_the_directory_is_away(database) {
        let mut world = World::over(database).await;
        world.house.user("ada", "auditor").await;
        world.account("bob", "the password of bob, too").await;

        assert_eq!(world.sign_in("ada", ADA).await.problem(401), "unauthenticated");
        world.slapd.stop();
        assert_eq!(world.account("ada", PASSWORD).await["role"], "auditor");
        assert_eq!(world.sign_in("ada", "a wrong password").await.problem(401), "unauthenticated");
        assert_eq!(world.sign_in("bob", "the password of bob, too").await.problem(401), "unauthenticated");
    }

    async fn a_directory_that_is_away_stops_nobody_else_and_tells_and_gives_away_nothing(database) {
        let world = World::over(database).await;
        // It is asked first, by its name.
        world.house.host().post("/identity-providers", provider("a", "ldap://127.0.0.1:9")).await.expect(StatusCode::CREATED);
        world.house.user("carol", "member").await;

        world.account("ada", ADA).await;
        world.account("carol", PASSWORD).await;
        let mut told = Vec::new();
        for login in ["ada", "carol", "nobody"] {
            let wrong = world.sign_in(login, "a wrong password").await;
            told.push((wrong.status, wrong.body["code"].clone(), wrong.body["detail"].clone()));
        }
        let mut limited = 0;
        for _ in 0..8 {
            limited += u32::from(world.sign_in("ada", "a wrong password").await.status == 429);
        }

        assert_eq!(told[0].0, StatusCode::UNAUTHORIZED);
        assert!(told.iter().all(|it| *it == told[0]), "{told:?}");
        assert!(limited > 0, "guesses count while a directory is away");
        let refused = world.house.host().get("/audit?action=session_create&limit=200").await.expect(StatusCode::OK);
        let refused = refused["items"].as_array().unwrap().iter().filter(|it| it["outcome"] == "refused").count();
        assert!(refused >= 5, "and are in the audit: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_directory_does_not_know_for_sure_gets_one_answer() {
    let world = World::over(TestDatabase::sqlite()).await;
    let tries = [
        ("ada", "a wrong password"),
        // Servers take an empty password for nobody in particular, and say that all is well.
        ("ada", ""),
        ("nobody", ADA),
        ("*", ADA),
        ("a*", ADA),
        ("ada)(uid=*", ADA),
        ("*)(objectClass=*", ADA),
        ("ada\\2a", ADA),
        ("uid=ada,ou=people,dc=example,dc=org", ADA),
        // Two entries have this one.
        ("twin", "the password of twins"),
    ];

    for (login, password) in tries {
        let answer = world.sign_in(login, password).await;
        let expected = if password.is_empty() { (422, "invalid") } else { (401, "unauthenticated") };
        assert_eq!((answer.status.as_u16(), answer.problem(expected.0)), expected, "{login} {password}");
        if expected.0 == 401 {
            assert_eq!(answer.body["detail"], "the login or the password is wrong");
        }
    }
    let users = world.house.host().get("/users").await.expect(StatusCode::OK);
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "only the owner: {users}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_is_not_taken_over_by_a_person_of_its_name() {
    let world = World::over(TestDatabase::sqlite()).await;
    let body = json!({ "login": "ada", "role": "admin" });
    world.house.host().post("/users", body).await.expect(StatusCode::CREATED);

    assert_eq!(world.sign_in("ada", ADA).await.problem(401), "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_asked_over_tls_that_the_given_authority_vouches_for() {
    let slapd = Slapd::start();
    let house = House::new(TestDatabase::sqlite()).await;
    settle(&house, "https://vpn.example.org").await;
    let trial = async |name: &str, url: &str, start_tls: bool, ca: Option<&str>| {
        let mut request = provider(name, url);
        request["ldap"]["start_tls"] = json!(start_tls);
        if let Some(ca) = ca {
            request["ca"] = json!(ca);
        }
        let made = house.host().post("/identity-providers", request).await.expect(StatusCode::CREATED);
        let path = format!("/identity-providers/{}/test", made["id"].as_str().unwrap());
        house.host().act(&path).await.expect(StatusCode::OK)
    };

    assert_eq!(trial("tls", &slapd.tls_url, false, Some(&slapd.certificate)).await["ok"], true);
    assert_eq!(trial("start", &slapd.url, true, Some(&slapd.certificate)).await["ok"], true);
    assert_eq!(trial("stranger", &slapd.tls_url, false, None).await["ok"], false);
    assert_eq!(trial("start stranger", &slapd.url, true, None).await["ok"], false);
    let host = house.host();
    let tag = host.get("/settings").await.tag().to_owned();
    host.patch("/settings", &tag, json!({ "outgoing_allowed": [] })).await.expect(StatusCode::OK);
    let inside = trial("inside", &slapd.tls_url, false, Some(&slapd.certificate)).await;
    assert!(inside["detail"].as_str().unwrap().contains("outgoing_allowed"), "{inside}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_says_nothing_is_given_up_in_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let house = House::new(TestDatabase::sqlite()).await;
    settle(&house, "https://vpn.example.org").await;
    let url = format!("ldap://{}", silent.local_addr().unwrap());
    house.host().post("/identity-providers", provider("silent", &url)).await.expect(StatusCode::CREATED);
    let began = Instant::now();

    let body = json!({ "login": "ada", "password": ADA });
    let answer = house.nobody().post("/sessions", body).await;

    assert_eq!(answer.problem(401), "unauthenticated");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    house.sign_in("owner").await;
}

/// A house that knows a directory.
struct World {
    house: House,
    slapd: Slapd,
}

impl World {
    async fn over(database: TestDatabase) -> Self {
        let slapd = Slapd::start();
        let house = House::new(database).await;
        settle(&house, "https://vpn.example.org").await;
        house
            .host()
            .post("/identity-providers", provider("people", &slapd.url))
            .await
            .expect(StatusCode::CREATED);
        Self { house, slapd }
    }

    async fn sign_in(&self, login: &str, password: &str) -> Answer {
        self.house.nobody().post("/sessions", json!({ "login": login, "password": password })).await
    }

    async fn account(&self, login: &str, password: &str) -> Value {
        let tokens = self.sign_in(login, password).await.expect(StatusCode::CREATED);
        let me = self.house.bearer(tokens["access_token"].as_str().unwrap());
        me.get("/me").await.expect(StatusCode::OK)
    }
}

fn provider(name: &str, url: &str) -> Value {
    json!({
        "name": name, "secret": SERVICE, "allow_sign_up": true,
        "ldap": {
            "url": url, "bind_dn": "cn=service,dc=example,dc=org", "base": "ou=people,dc=example,dc=org",
            "filter": "(&(objectClass=inetOrgPerson)(|(uid={login})(employeeType={login})))", "login_attribute": "uid",
            "subject_attribute": "entryUUID", "group_attribute": "memberOf",
        },
        // Not as the directory writes it, but the same name.
        "group_roles": [{ "group": "CN=VPN-Staff, OU=Groups, DC=example, DC=org", "role": "support" }],
    })
}

/// The password of the account that searches.
pub(crate) const SERVICE: &str = "the password of the service";

/// OpenLDAP's server in a directory of its own.
pub(crate) struct Slapd {
    pub(crate) url: String,
    tls_url: String,
    certificate: String,
    child: Child,
    _directory: tempfile::TempDir,
}

impl Slapd {
    pub(crate) fn start() -> Self {
        assert!(Path::new(SLAPD).exists(), "{SLAPD} is missing; `make setup` installs it");
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let place = at.display();
        run(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
                .args(["-days", "2", "-subj", "/CN=directory", "-addext", "subjectAltName=IP:127.0.0.1"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
                .arg(at.join("key.pem"))
                .arg("-out")
                .arg(at.join("cert.pem")),
            "",
        );
        std::fs::create_dir(at.join("db")).unwrap();
        std::fs::write(at.join("slapd.conf"), format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\n\
             pidfile {place}/pid\nTLSCertificateFile {place}/cert.pem\nTLSCertificateKeyFile {place}/key.pem\n\
             database mdb\nsuffix dc=example,dc=org\nrootdn cn=root,dc=example,dc=org\nrootpw \"{ROOT}\"\ndirectory {place}/db\n\
             overlay memberof\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=cn=service,dc=example,dc=org read by anonymous auth by * none\n"
        )).unwrap();
        let (plain, tls) = (free_port(), free_port());
        let (url, tls_url) = (format!("ldap://127.0.0.1:{plain}"), format!("ldaps://127.0.0.1:{tls}"));
        let child = Command::new(SLAPD)
            .args(["-d", "0", "-h", &format!("{url} {tls_url}"), "-f"])
            .arg(at.join("slapd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let certificate = std::fs::read_to_string(at.join("cert.pem")).unwrap();
        let slapd = Self { url, tls_url, certificate, child, _directory: directory };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", tls)).is_err() {
            assert!(Instant::now() < until, "slapd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        slapd.tool("ldapadd", ENTRIES);
        slapd
    }

    pub(crate) fn modify(&self, ldif: &str) {
        self.tool("ldapmodify", ldif);
    }

    fn tool(&self, tool: &str, ldif: &str) {
        run(
            Command::new(tool).args(["-x", "-H", &self.url, "-D", "cn=root,dc=example,dc=org", "-w", ROOT]),
            ldif,
        );
    }

    fn stop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(command: &mut Command, input: &str) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

const SLAPD: &str = "/usr/sbin/slapd";
const ROOT: &str = "the password of the root";
const ENTRIES: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example

dn: cn=service,dc=example,dc=org
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: service
userPassword: the password of the service

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit

dn: uid=ada,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: Ada
displayName: Ada Lovelace
sn: Lovelace
userPassword: the password in the directory

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: Bob
sn: Bob
userPassword: the password of bob, too

dn: uid=castor,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: Castor
sn: Castor
employeeType: twin
userPassword: the password of twins

dn: uid=pollux,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: Pollux
sn: Pollux
employeeType: twin
userPassword: the password of twins

dn: cn=vpn-staff,ou=groups,dc=example,dc=org
objectClass: groupOfNames
member: uid=ada,ou=people,dc=example,dc=org
";
