//! Tells a person who goes to an address from a page that loads a file.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::panel::quality;

/// Whether the answer will be looked at by somebody. Browsers say so themselves in `Sec-Fetch-Mode` (W3C Fetch Metadata),
/// but not to plain HTTP on other machines; there it is who wants HTML most and names no file.
pub(super) fn is_navigation(path: &str, headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == HeaderValue::from_static("navigate"),
        None => !names_file(path) && prefers_html(headers),
    }
}

fn names_file(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.contains('.'))
}

fn prefers_html(headers: &HeaderMap) -> bool {
    let accepted = || quality::listed(headers, &header::ACCEPT);
    let html =
        accepted().filter(|(kind, _)| kind.eq_ignore_ascii_case("text/html")).map(|(_, wish)| wish).max();
    let most = accepted().map(|(_, wish)| wish).max();
    html > Some(0) && html == most
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::is_navigation;

    fn asks(path: &str, given: &[(&'static str, &'static str)]) -> bool {
        let given = given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_navigation(path, &HeaderMap::from_iter(given))
    }

    const FIREFOX: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn what_the_browser_says_of_itself_decides() {
        assert!(asks("/users/7", &[("sec-fetch-mode", "navigate"), ("accept", "*/*")]));
        assert!(asks("/users/a.b", &[("sec-fetch-mode", "navigate")]));
        for mode in ["cors", "no-cors", "same-origin", "websocket", ""] {
            assert!(!asks("/users/7", &[("sec-fetch-mode", mode), ("accept", FIREFOX)]), "{mode}");
        }
    }

    #[test]
    fn who_says_nothing_of_itself_must_want_html_most_and_name_no_file() {
        for accept in
            [FIREFOX, "text/html", "*/*;q=0.8, text/html", "Text/HTML;level=1;q=0.5, image/png;q=0.5"]
        {
            assert!(asks("/users/7", &[("accept", accept)]), "{accept}");
            assert!(!asks("/users/7.js", &[("accept", accept)]), "{accept}");
        }
        assert!(asks("/v1.2/users/", &[("accept", FIREFOX)]), "a dot before the last segment is no ending");
        for accept in ["*/*", "text/*", "application/json, text/html;q=0.9", "text/html;q=0", ""] {
            assert!(!asks("/users/7", &[("accept", accept)]), "{accept}");
        }
        assert!(!asks("/users/7", &[]));
    }
}
