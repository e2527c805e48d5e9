//! Which addresses are the API's.

/// Whether a path is at or below `/api`.
pub(super) fn is_api(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_api;

    #[test]
    fn a_path_that_only_begins_alike_is_not_the_apis() {
        assert!(is_api("/api") && is_api("/api/") && is_api("/api/v1/devices"));
        assert!(!is_api("/apiary") && !is_api("/") && !is_api("/assets/api/x.js"));
    }
}
