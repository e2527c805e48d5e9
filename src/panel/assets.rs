//! The files of `web/dist` as they were when the program was compiled, each in the codings that the build made.
//!
//! Must never: read the disk, compress or digest while somebody waits. The program is one file and serves what it
//! carries; what can be known of a file is known before the first request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use rust_embed::RustEmbed;

use crate::panel::coding::{Accepted, Coding};
use crate::panel::reply;

/// A file as it came out of the build: its path below `web/dist`, its bytes and their SHA-256.
pub(super) struct Built {
    pub(super) path: Cow<'static, str>,
    pub(super) content: Bytes,
    pub(super) digest: [u8; 32],
}

/// Everything the build made that is embedded.
pub(super) fn embedded() -> impl Iterator<Item = Built> {
    Dist::iter().filter_map(|path| {
        let file = Dist::get(&path)?;
        let content = match file.data {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => Bytes::from(content),
        };
        Some(Built { path, content, digest: file.metadata.sha256_hash() })
    })
}

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// A file to serve.
pub(super) struct Asset {
    /// How long caches may keep it.
    pub(super) keep: &'static str,
    plain: Variant,
    coded: Vec<Variant>,
}

impl Asset {
    /// The variant that this client wants most.
    pub(super) fn choose(&self, headers: &HeaderMap) -> &Variant {
        let offered = self.coded.iter().map(|variant| variant.coding).chain([Coding::Identity]);
        let best = Accepted::read(headers).best(offered);
        self.coded.iter().find(|variant| variant.coding == best).unwrap_or(&self.plain)
    }

    /// Whether others may get other bytes at the same address.
    pub(super) fn varies(&self) -> bool {
        !self.coded.is_empty()
    }
}

/// A file in one coding.
pub(super) struct Variant {
    coding: Coding,
    pub(super) content: Bytes,
    /// Strong: out of the digest of exactly these bytes.
    pub(super) etag: HeaderValue,
    /// What an answer with all of it says.
    pub(super) head: HeaderMap,
}

impl Variant {
    fn of(built: &Built, coding: Coding, content_type: &'static str, keep: &'static str) -> Option<Self> {
        let etag = etag(built.digest)?;
        let mut head = reply::headers();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        head.insert(header::CONTENT_LENGTH, HeaderValue::from(built.content.len()));
        head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        head.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        head.insert(header::ETAG, etag.clone());
        if let Some(name) = coding.name() {
            head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Some(Self { coding, content: built.content.clone(), etag, head })
    }
}

/// The files by their addresses. Each path goes through `address`, which says where it is served, if at all, and how long
/// caches may keep it.
pub(super) fn table(
    built: impl Iterator<Item = Built>,
    address: impl Fn(&str) -> Option<(String, &'static str)>,
) -> HashMap<String, Asset> {
    let built: HashMap<Cow<'static, str>, Built> = built.map(|file| (file.path.clone(), file)).collect();
    let asset = |file: &Built| {
        let (address, keep) = address(&file.path)?;
        let content_type = content_type(&file.path)?;
        let variant = |built: &Built, coding| Variant::of(built, coding, content_type, keep);
        let coded = CODED.iter().filter_map(|(coding, ending)| {
            variant(built.get(format!("{}{ending}", file.path).as_str())?, *coding)
        });
        let mut asset = Asset { keep, plain: variant(file, Coding::Identity)?, coded: coded.collect() };
        if asset.varies() {
            for variant in asset.coded.iter_mut().chain([&mut asset.plain]) {
                reply::vary(&mut variant.head);
            }
        }
        Some((address, asset))
    };
    built.values().filter_map(asset).collect()
}

/// Half of the digest: 128 bits never meet by accident.
fn etag(digest: [u8; 32]) -> Option<HeaderValue> {
    let mut text = String::from("\"");
    for byte in &digest[..16] {
        write!(text, "{byte:02x}").ok()?;
    }
    text.push('"');
    HeaderValue::try_from(text).ok()
}

/// The kinds of file our build makes. Anything else is not served.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        _ => return None,
    })
}

/// What `web/compress.js` puts behind the name of a file for its variants.
const CODED: [(Coding, &str); 2] = [(Coding::Brotli, ".br"), (Coding::Gzip, ".gz")];
