//! The world's way in, as curl and openssl see it: certificates, protocols, the way from HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use caspervpn::runtime::clock::{Clock, SystemClock};
use caspervpn::tls::certificate::PemPair;
use caspervpn::tls::self_signed::make;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::api_house::setup_request;
use crate::service::{Launch, PATIENCE, Service, eventually, tool};

#[test]
fn without_a_certificate_a_self_signed_one_is_served_and_its_fingerprint_told_and_kept() {
    let house = House::new();
    let first = house.launch(&[]).serve();
    let shown = house.fingerprint(None);
    assert!(first.log().contains(&shown), "the log names {shown}: {}", first.log());
    let kept = house.directory.path().join("data/self-signed.pem");
    assert_eq!(mode(&kept), 0o600, "its key is nobody else's");
    first.stop();

    let _second = house.launch(&[]).serve();

    assert_eq!(house.fingerprint(None), shown, "whoever compared it once is not asked again");
    let status = house.curl(&["--cacert", &kept.display().to_string()], "localhost", "/livez");
    assert_eq!(status, "200", "a client that pins it needs nobody else");
}

#[test]
fn each_name_gets_its_certificate_and_a_new_file_counts_without_a_restart() {
    let house = House::new();
    let (a, b) = (house.write("a", "a.example"), house.write("b", "b.example"));
    let service = house.launch(&[&a, &b]).serve();
    for (name, folder) in [("a.example", &a), ("b.example", &b)] {
        let status = house.curl(&["--cacert", &chain(folder)], name, "/livez");
        assert_eq!(status, "200", "{name}");
    }
    let before = house.fingerprint(Some("b.example"));
    assert_eq!(house.fingerprint(Some("nobody.example")), house.fingerprint(Some("a.example")));

    fs::write(b.join("privkey.pem"), "half a file").unwrap();
    service.signal("HUP");
    eventually("the fault", PATIENCE, || service.log().contains("a certificate cannot be served"));
    assert_eq!(house.fingerprint(Some("b.example")), before, "the one before stays in force");
    house.write("b", "b.example");
    service.signal("HUP");

    eventually("the new certificate", PATIENCE, || house.fingerprint(Some("b.example")) != before);
    assert_eq!(house.curl(&["--cacert", &chain(&b)], "b.example", "/livez"), "200");
    let key = fs::read_to_string(b.join("privkey.pem")).unwrap();
    assert!(!service.log().contains(key.lines().nth(1).unwrap()));
}

#[test]
fn a_certificate_that_cannot_be_read_never_keeps_the_service_from_starting() {
    let house = House::new();
    let gone = house.directory.path().join("gone");

    let service = house.launch(&[&gone]).serve();

    assert_eq!(house.curl(&["--insecure"], "a.example", "/livez"), "200");
    assert!(service.log().contains(&gone.display().to_string()), "{}", service.log());
    let health = service.call("GET", "/health", &[], None).body;
    assert!(health.contains("degraded") && health.contains("gone"), "{health}");
}

#[test]
fn http_2_and_1_1_tls_1_3_and_1_2_and_nothing_older() {
    let house = House::new();
    let _service = house.launch(&[]).serve();
    let asked = |arguments: &[&str]| {
        let format = "%{http_version}";
        house.curl_written(&[&["--insecure"], arguments].concat(), "localhost", "/livez", format)
    };

    assert_eq!(asked(&["--http2"]), "2");
    assert_eq!(asked(&["--http1.1"]), "1.1");
    assert_eq!(asked(&["--tls-max", "1.2"]), "2");
    assert!(house.openssl(&["-tls1_3"]).contains("TLSv1.3"));
    let old = house.openssl(&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(old.contains("alert") && !old.contains("BEGIN CERTIFICATE"), "{old}");
}

#[test]
fn sslyze_finds_what_mozilla_recommends_and_no_weakness() {
    let house = House::new();
    let authority = house.authority("ca.pem", "cert", "localhost");
    let _service = house.launch(&[&house.directory.path().join("cert")]).serve();

    let output = Command::new(tool("sslyze"))
        .args(["--mozilla_config=intermediate", "--certinfo_ca_file", &authority.display().to_string()])
        .arg(format!("localhost:{}", house.https.port()))
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("OK - Compliant"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("VULNERABLE -") && said.contains("OK - Not vulnerable to Heartbleed"), "{said}");
}

#[test]
fn a_session_is_resumed_without_another_full_handshake() {
    let house = House::new();
    let _service = house.launch(&[]).serve();
    let session = house.directory.path().join("session").display().to_string();

    let first = house.openssl(&["-tls1_2", "-sess_out", &session]);
    let second = house.openssl(&["-tls1_2", "-sess_in", &session]);

    assert!(first.contains("New, TLSv1.2") && second.contains("Reused, TLSv1.2"), "{first}\n{second}");
}

/// There is room for two thirds of the slow connections. As fifty come each second, there is none left after four seconds
/// unless those that came first are cut.
#[test]
fn slowhttptest_finds_the_service_available_because_what_is_slow_is_cut() {
    const ROOM: f64 = 200.0;
    let house = House::new();
    let service = house
        .launch(&[])
        .with(&format!("limits.connections={ROOM}"))
        .with("limits.header_timeout_s=1")
        .with("limits.idle_timeout_s=1")
        .serve();
    let https = |metric: &str| {
        let text = service.call("GET", "/metrics", &[], None).body;
        let all = text.lines().filter(|line| line.starts_with(&format!("{metric}{{listener=\"https\"")));
        all.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum::<f64>()
    };
    for (what, path) in [
        ("-H -i 1", "/livez"),
        ("-B -i 1 -t POST", "/api/v1/sessions"),
        ("-X -w 1 -y 8 -n 1 -z 4 -k 1", "/api/v1/openapi.json"),
    ] {
        let before = https("caspervpn_connections_total");
        let output = Command::new("slowhttptest")
            .args(what.split(' '))
            .args(["-c", "300", "-r", "50", "-l", "8", "-p", "5", "-u"])
            .arg(format!("https://localhost:{}{path}", house.https.port()))
            .output()
            .unwrap();

        let said = String::from_utf8_lossy(&output.stdout);
        let judged: Vec<_> = said.lines().filter(|line| line.contains("service available")).collect();
        assert!(!judged.is_empty() && judged.iter().all(|line| line.contains("YES")), "{what}: {said}");
        let came = https("caspervpn_connections_total") - before;
        assert!(came > ROOM, "{what}: only {came} connections came: {said}");
        assert!(
            https("caspervpn_connections_refused_total") < 0.5,
            "{what}: there was room for each: {said}"
        );
        assert_eq!(house.curl(&["--insecure"], "localhost", "/livez"), "200", "{what}");
        eventually("every connection is freed", PATIENCE, || https("caspervpn_connections_open") < 0.5);
    }
}

#[test]
fn h2load_sees_every_request_answered() {
    let house = House::new();
    let _service = house.launch(&[]).serve();
    for path in ["/livez", "/api/v1/openapi.json"] {
        let output = Command::new("h2load")
            .args(["--requests=4000", "--clients=40", "--max-concurrent-streams=20"])
            .arg(format!("https://{}{path}", house.https))
            .output()
            .unwrap();

        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("Application protocol: h2"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let requests =
            "requests: 4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed, 0 errored, 0 timeout";
        assert!(
            said.contains(requests) && said.contains("status codes: 4000 2xx, 0 3xx, 0 4xx, 0 5xx"),
            "{said}"
        );
    }
}

#[test]
fn http_leads_to_https_and_nothing_is_done_in_the_clear() {
    let house = House::new();
    let service = house.launch(&[]).serve();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(house.http).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };

    let moved = ask("GET /setup?a=b HTTP/1.1\r\nHost: vpn.example.org\r\nConnection: close\r\n\r\n");
    let location = format!("location: https://vpn.example.org:{}/setup?a=b\r\n", house.https.port());
    assert!(moved.starts_with("HTTP/1.1 308 ") && moved.contains(&location), "{moved}");
    let body = r#"{"login":"root","password":"a long password"}"#;
    let refused = ask(&format!(
        "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("HTTPS only"), "{refused}");
    assert!(!service.log().contains("a long password"));
}

#[test]
fn whoever_does_not_end_a_handshake_is_cut_and_others_are_served_meanwhile() {
    let house = House::new();
    let service = house.launch(&[]).with("limits.handshake_timeout_s=1").serve();
    let mut silent: Vec<_> = (0..50).map(|_| TcpStream::connect(house.https).unwrap()).collect();
    let mut garbled = TcpStream::connect(house.https).unwrap();
    garbled.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();

    assert_eq!(house.curl(&["--insecure"], "localhost", "/livez"), "200");

    for stream in silent.iter_mut().chain([&mut garbled]) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // An alert may come first; what counts is that the end comes, and that it comes by itself.
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(
            ended.is_ok() || ended.is_err_and(|cause| cause.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
    assert!(!service.log().contains("handshake"), "strangers must not fill the log: {}", service.log());
}

#[test]
fn a_named_proxy_tells_who_asks_and_nobody_else_does() {
    let house = House::new();
    let set_up = |service: &Service| {
        service.post("/api/v1/setup", Some(setup_request()));
    };
    let failed_from = |service: &Service| {
        let events = service.get("/api/v1/audit?action=session_create&limit=1");
        events["items"][0]["source"].as_str().unwrap().to_owned()
    };
    let sign_in = |arguments: &[&str]| {
        let wrong = ["--insecure", "--json", r#"{"login":"nobody","password":"a wrong password"}"#];
        assert_eq!(house.curl(&[&wrong, arguments].concat(), "localhost", "/api/v1/sessions"), "401");
    };
    let claim = ["-H", "X-Forwarded-For: 198.51.100.1, 203.0.113.9"];

    let service = house.launch(&[]).serve();
    set_up(&service);
    sign_in(&claim);
    assert_eq!(failed_from(&service), "127.0.0.1", "a stranger's header is only his claim");
    assert!(service.log().contains("listen.trusted_proxies does not name it"), "{}", service.log());
    service.stop();

    let service = house.launch(&[]).with("listen.trusted_proxies=127.0.0.1").serve();
    sign_in(&claim);
    assert_eq!(failed_from(&service), "203.0.113.9");
    service.stop();

    let behind =
        house.launch(&[]).with("listen.trusted_proxies=127.0.0.1").with("listen.proxy_protocol=true");
    let service = behind.serve();
    let proxy = relay(house.https, "PROXY TCP4 203.0.113.77 127.0.0.1 4711 443\r\n");
    let through = format!("localhost:{}:127.0.0.1:{}", house.https.port(), proxy.port());
    sign_in(&["--connect-to", &through, "-H", claim[1]]);
    assert_eq!(
        failed_from(&service),
        "203.0.113.77",
        "behind the PROXY header stands a stranger with a claim"
    );
    let mut bare = TcpStream::connect(house.http).unwrap();
    bare.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = bare.read_to_end(&mut answer);
    assert!(answer.is_empty(), "without the header nothing is answered");
}

#[test]
fn ipv6_is_served_as_ipv4_is() {
    let house = House::at("[::]", "[::1]");
    let _service = house.launch(&[]).serve();

    assert_eq!(house.curl(&["--insecure", "-6"], "localhost", "/livez"), "200");
    let v4 = SocketAddr::from(([127, 0, 0, 1], house.https.port()));
    assert!(TcpStream::connect(v4).is_ok(), "[::] is every address of both families");
}

/// A proxy of one connection that says first who is behind it.
fn relay(to: SocketAddr, header: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(to).unwrap();
        server.write_all(header.as_bytes()).unwrap();
        let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut into));
        let _ = std::io::copy(&mut server, &mut client);
    });
    at
}

/// A place for a server with ports of its own.
pub(crate) struct House {
    pub(crate) directory: TempDir,
    listen: (String, String),
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1", "127.0.0.1")
    }

    fn at(listen: &str, asked: &str) -> Self {
        // Both are held until both are known, so that they differ.
        let held = [(); 2].map(|()| TcpListener::bind(format!("{listen}:0")).unwrap());
        let [https, http] = held.map(|socket| socket.local_addr().unwrap().port());
        let at = |host: &str, port: u16| format!("{host}:{port}");
        Self {
            directory: tempfile::tempdir().unwrap(),
            listen: (at(listen, https), at(listen, http)),
            https: at(asked, https).parse().unwrap(),
            http: at(asked, http).parse().unwrap(),
        }
    }

    pub(crate) fn launch(&self, certificates: &[&Path]) -> Launch {
        let certificates: Vec<_> = certificates.iter().map(|path| path.display().to_string()).collect();
        let (https, http) = &self.listen;
        Launch::quiet(&self.directory.path().join("data"))
            .with(&format!("listen.https={https}"))
            .with(&format!("listen.http={http}"))
            .with(&format!("tls.certificates={}", certificates.join(",")))
    }

    /// A new certificate for a name, as certbot keeps it.
    pub(crate) fn write(&self, folder: &str, name: &str) -> PathBuf {
        let folder = self.directory.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let PemPair { chain, key } = make(vec![name.to_owned()], SystemClock::new().now()).unwrap();
        fs::write(folder.join("fullchain.pem"), chain).unwrap();
        fs::write(folder.join("privkey.pem"), key.as_bytes()).unwrap();
        folder
    }

    /// A certificate for a name in `folder`, by an authority of its own, whose certificate is at the path that comes back.
    fn authority(&self, file: &str, folder: &str, name: &str) -> PathBuf {
        let from_now = |days: i64| time::OffsetDateTime::now_utc() + time::Duration::days(days);
        let params = |names: Vec<String>| {
            let mut params = CertificateParams::new(names).unwrap();
            (params.not_before, params.not_after) = (from_now(-1), from_now(80));
            params
        };
        let keys = [(); 2].map(|()| KeyPair::generate().unwrap());
        let mut root = params(Vec::new());
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = root.self_signed(&keys[0]).unwrap();
        let mut own = params(vec![name.to_owned()]);
        own.use_authority_key_identifier_extension = true;
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let own = own.signed_by(&keys[1], &Issuer::from_params(&root, &keys[0])).unwrap();
        let (path, folder) = (self.directory.path().join(file), self.directory.path().join(folder));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, authority.pem()).unwrap();
        fs::write(folder.join("fullchain.pem"), own.pem()).unwrap();
        fs::write(folder.join("privkey.pem"), keys[1].serialize_pem()).unwrap();
        path
    }

    /// The status of an answer.
    pub(crate) fn curl(&self, arguments: &[&str], host: &str, path: &str) -> String {
        self.curl_written(arguments, host, path, "%{http_code}")
    }

    pub(crate) fn curl_written(&self, arguments: &[&str], host: &str, path: &str, format: &str) -> String {
        let address = match self.https {
            SocketAddr::V4(at) => at.ip().to_string(),
            SocketAddr::V6(at) => format!("[{}]", at.ip()),
        };
        let port = self.https.port();
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null"])
            .args(["--write-out", format, "--resolve", &format!("{host}:{port}:{address}")])
            .args(arguments)
            .arg(format!("https://{host}:{port}{path}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `openssl s_client` says of a connection that it closes at once.
    fn openssl(&self, arguments: &[&str]) -> String {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &self.https.to_string()])
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// SHA-256 of the certificate that openssl is shown for a name.
    pub(crate) fn fingerprint(&self, name: Option<&str>) -> String {
        let shown = match name {
            Some(name) => self.openssl(&["-servername", name]),
            None => self.openssl(&["-noservername"]),
        };
        let file = self.directory.path().join("shown.pem");
        fs::write(&file, shown).unwrap();
        let output = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(&file)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim().split_once('=').unwrap().1.to_owned()
    }
}

fn chain(folder: &Path) -> String {
    folder.join("fullchain.pem").display().to_string()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
