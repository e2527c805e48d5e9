//! The files of `web/dist` as they were when the program was compiled.
//!
//! Must never: read the disk at run time. The program is one file and serves what it carries.

use std::borrow::Cow;

use bytes::Bytes;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// A file to serve.
pub(super) struct Asset {
    pub(super) content: Bytes,
    pub(super) content_type: &'static str,
    /// Strong: the SHA-256 of the content.
    pub(super) etag: String,
}

/// The file at this path below `web/dist`, without a leading slash.
pub(super) fn find(path: &str) -> Option<Asset> {
    let content_type = content_type(path)?;
    let file = Dist::get(path)?;
    let content = match file.data {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => Bytes::from(content),
    };
    Some(Asset { content, content_type, etag: etag(file.metadata.sha256_hash()) })
}

/// Half of the digest: 128 bits never meet by accident.
fn etag(digest: [u8; 32]) -> String {
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
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

/// The paths of all files.
#[cfg(test)]
pub(super) fn paths() -> Vec<String> {
    Dist::iter().map(Cow::into_owned).collect()
}
