//! The files of `web/dist` as they were when the program was compiled, each in the codings that the build made.
//!
//! Must never: read the disk, compress or digest while somebody waits. The program is one file and serves what it
//! carries; what can be known of a file is known before the first request. What is there by gzip is not there plain too:
//! the first client that takes no coding has it unpacked, a few milliseconds for the largest, and then it is kept.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::io::Read;
use std::sync::OnceLock;

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
    content: Content,
    /// Strong: out of the digest of exactly these bytes, or of those that they are unpacked from.
    pub(super) etag: HeaderValue,
    /// What an answer with all of it says.
    pub(super) head: HeaderMap,
}

/// Where a variant's bytes are.
enum Content {
    /// In the program.
    Carried(Bytes),
    /// In the program by gzip, and plain once somebody has asked for it.
    Packed { packed: Bytes, length: usize, plain: OnceLock<Bytes> },
}

impl Variant {
    fn of(built: &Built, coding: Coding, content_type: &'static str, keep: &'static str) -> Option<Self> {
        let (half, _) = built.digest.split_at(16);
        let content = Content::Carried(built.content.clone());
        Self::new(content, coding, etag(half)?, content_type, keep)
    }

    /// The plain file out of what gzip made of it. Its tag is the half of the digest that the packed one's leaves.
    fn unpacked(packed: &Built, content_type: &'static str, keep: &'static str) -> Option<Self> {
        let (_, half) = packed.digest.split_at(16);
        // RFC 1952 §2.3.1: the last four bytes are the length of what was packed.
        let (_, length) = packed.content.split_last_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let content = Content::Packed { packed: packed.content.clone(), length, plain: OnceLock::new() };
        Self::new(content, Coding::Identity, etag(half)?, content_type, keep)
    }

    fn new(
        content: Content,
        coding: Coding,
        etag: HeaderValue,
        content_type: &'static str,
        keep: &'static str,
    ) -> Option<Self> {
        let mut head = reply::headers();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        head.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        head.insert(header::ETAG, etag.clone());
        if let Some(name) = coding.name() {
            head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        let mut variant = Self { coding, content, etag, head };
        variant.head.insert(header::CONTENT_LENGTH, HeaderValue::from(variant.length()));
        Some(variant)
    }

    /// How many bytes it has.
    pub(super) const fn length(&self) -> usize {
        match &self.content {
            Content::Carried(content) => content.len(),
            Content::Packed { length, .. } => *length,
        }
    }

    /// The bytes.
    pub(super) fn content(&self) -> Bytes {
        match &self.content {
            Content::Carried(content) => content.clone(),
            Content::Packed { packed, length, plain } => {
                plain.get_or_init(|| unpack(packed, *length)).clone()
            }
        }
    }
}

/// What gzip was given. A test unpacks every file that is carried; the length holds even so, since answers tell it first.
fn unpack(packed: &[u8], length: usize) -> Bytes {
    let mut plain = Vec::with_capacity(length);
    if flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).is_err() || plain.len() != length {
        plain.resize(length, b'\n');
    }
    plain.into()
}

/// The files by their addresses. Each path goes through `address`, which says where it is served, if at all, and how long
/// caches may keep it.
pub(super) fn table(
    built: impl Iterator<Item = Built>,
    address: impl Fn(&str) -> Option<(String, &'static str)>,
) -> HashMap<String, Asset> {
    let built: HashMap<Cow<'static, str>, Built> = built.map(|file| (file.path.clone(), file)).collect();
    let asset = |path: &str| {
        let (address, keep) = address(path)?;
        let content_type = content_type(path)?;
        let coded = |(coding, ending): &(Coding, &str)| {
            let built = built.get(format!("{path}{ending}").as_str())?;
            Variant::of(built, *coding, content_type, keep)
        };
        let plain = match built.get(path) {
            Some(file) => Variant::of(file, Coding::Identity, content_type, keep),
            None => Variant::unpacked(built.get(format!("{path}{GZIP}").as_str())?, content_type, keep),
        };
        let mut asset = Asset { keep, plain: plain?, coded: CODED.iter().filter_map(coded).collect() };
        if asset.varies() {
            for variant in asset.coded.iter_mut().chain([&mut asset.plain]) {
                reply::vary(&mut variant.head);
            }
        }
        Some((address, asset))
    };
    let paths: HashSet<&str> = built.keys().map(|path| path.strip_suffix(GZIP).unwrap_or(path)).collect();
    paths.into_iter().filter_map(asset).collect()
}

/// Out of half of a digest: 128 bits never meet by accident.
fn etag(half: &[u8]) -> Option<HeaderValue> {
    let mut text = String::from("\"");
    for byte in half {
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
const CODED: [(Coding, &str); 2] = [(Coding::Brotli, ".br"), (Coding::Gzip, GZIP)];
const GZIP: &str = ".gz";
