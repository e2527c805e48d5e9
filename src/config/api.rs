//! `[api]`: who else's pages may use the API.

use url::Url;

use crate::config::setting::{Raw, Setting};

section! {
    /// Who else's pages may use the API.
    pub struct Api("api") {
        /// Origins whose pages may call the API from a browser, with a token of their own (CORS). Each is exact, as in
        /// `https://panel.example.org`. None by default, and the panel, which is of the same origin, needs none.
        pub allowed_origins: Vec<WebOrigin> = Vec::new();
    }
}

/// The origin of a web page, as browsers write it in `Origin` (RFC 6454 §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Scheme, host, and the port where it is not the scheme's own.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for WebOrigin {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("an origin such as https://panel.example.org")?;
        if text.contains('*') {
            return Err(format!("{EXACT}, so write each of them, with no *"));
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(origin) = url.map(|url| url.origin().ascii_serialization()) else {
            return Err(format!("{EXACT}, and begins with https:// (or http://)"));
        };
        if text == origin {
            return Ok(Self(origin));
        }
        Err(format!("{EXACT}: write {origin}"))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

const EXACT: &str = "an origin is scheme, host and port alone, as in https://panel.example.org";
