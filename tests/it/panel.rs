//! The embedded pages as a client of its own meets them: curl unpacks what the running binary sends.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::service::{Launch, Service};

/// A running binary, and curl on the socket that strangers reach.
struct Site {
    directory: TempDir,
    _service: Service,
}

/// What curl saw: the status, the headers of the wire, the bytes it made of the body.
struct Fetched {
    status: u16,
    headers: BTreeMap<String, String>,
    content: Vec<u8>,
}

impl Site {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let service = Launch::quiet(&directory.path().join("data")).serve();
        Self { directory, _service: service }
    }

    fn curl(&self, path: &str, options: &[&str]) -> Fetched {
        let [headers, content] = ["headers", "content"].map(|name| self.directory.path().join(name));
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "30", "--unix-socket"])
            .args([&self.directory.path().join("data/api.sock"), Path::new("--dump-header"), &headers])
            .args([Path::new("--output"), &content])
            .args(options)
            .arg(format!("http://localhost{path}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{path} {options:?}: {}", String::from_utf8_lossy(&output.stderr));

        let head = fs::read_to_string(&headers).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        // curl makes no file of an answer without a body.
        Fetched { status, headers, content: fs::read(&content).unwrap_or_default() }
    }
}

/// What was built, by the paths it is served at. What is there by gzip alone is unpacked.
fn built() -> BTreeMap<String, Vec<u8>> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
    let files = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    };
    let mut found = BTreeMap::new();
    for file in files(dist.clone()).chain(files(dist.join("assets"))) {
        let below = file.strip_prefix(&dist).unwrap().to_str().unwrap();
        let path = below.strip_suffix(".gz").unwrap_or(below);
        if path.ends_with(".br") {
            continue;
        }
        let mut content = fs::read(&file).unwrap();
        if path != below {
            let packed = std::mem::take(&mut content);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut content).unwrap();
        }
        let path = if path == "index.html" { "/".to_owned() } else { format!("/{path}") };
        found.insert(path, content);
    }
    found
}

#[test]
fn what_curl_unpacks_is_the_file_in_every_coding() {
    let site = Site::start();
    let files = built();
    if files.is_empty() {
        let page = site.curl("/", &["--compressed"]);
        assert_eq!(page.status, 503);
        assert!(String::from_utf8_lossy(&page.content).contains("make web"));
        return;
    }

    let mut codings = BTreeMap::new();
    for (path, expected) in &files {
        for accepted in
            ["br", "gzip;q=0.9, br;q=0.1", "deflate, gzip, br, zstd", "br;q=0, *;q=0.5", "identity"]
        {
            let got = site.curl(path, &["--compressed", "--header", &format!("Accept-Encoding: {accepted}")]);

            assert_eq!(got.status, 200, "{path} {accepted}");
            assert!(got.content == *expected, "{path} {accepted}: not the bytes that were built");
            let coding = got.headers.get("content-encoding").map_or("identity", String::as_str);
            *codings.entry(coding.to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(codings.keys().collect::<Vec<_>>(), ["br", "gzip", "identity"], "{codings:?}");
}

#[test]
fn curl_resumes_and_revalidates_what_it_has() {
    let site = Site::start();
    let files = built();
    let Some((path, expected)) = files.iter().find(|(path, _)| path.ends_with(".css")) else {
        return;
    };
    let whole = site.curl(path, &[]);
    let tag = &whole.headers["etag"];

    let head = site.curl(path, &["--head"]);
    let rest = site.curl(path, &["--range", "100-", "--header", &format!("If-Range: {tag}")]);
    let beyond = site.curl(path, &["--range", "999999-"]);
    let again = site.curl(path, &["--header", &format!("If-None-Match: {tag}")]);

    assert_eq!((whole.status, &whole.content), (200, expected));
    assert_eq!(whole.headers["cache-control"], "public, max-age=31536000, immutable");
    let lasting = |fetched: &Fetched| {
        let mut headers = fetched.headers.clone();
        headers.retain(|name, _| name != "date" && name != "x-request-id");
        headers
    };
    assert_eq!((head.status, lasting(&head)), (200, lasting(&whole)));
    assert_eq!((rest.status, &rest.content[..]), (206, &expected[100..]));
    assert_eq!(rest.headers["content-range"], format!("bytes 100-{}/{}", expected.len() - 1, expected.len()));
    assert_eq!(
        (beyond.status, &beyond.headers["content-range"]),
        (416, &format!("bytes */{}", expected.len()))
    );
    assert_eq!((again.status, &again.headers["vary"][..]), (304, "accept-encoding"));
    let missing = site.curl("/assets/gone.css", &["--header", "Sec-Fetch-Mode: navigate"]);
    assert_eq!((missing.status, &missing.headers["cache-control"][..]), (404, "no-store"));
}
