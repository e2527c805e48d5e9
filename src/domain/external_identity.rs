//! People as identity providers know them, and accounts' links to them.

use serde_json::{Map, Value};

use crate::domain::id::{ExternalIdentityId, IdentityProviderId, UserId};
use crate::domain::name::{ClaimName, Login};
use crate::domain::time::Timestamp;

/// Somebody as a provider knows them: what a proven answer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is, for good, among all whom this provider knows.
    pub subject: String,
    /// The mail address, where the provider says that it is the person's own.
    pub verified_email: Option<String>,
    /// What the person calls themselves there.
    pub username: Option<String>,
    /// The name to show.
    pub display_name: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
}

/// Longest subject that is kept: what OpenID Connect Core §2 allows.
pub const SUBJECT_MAX_BYTES: usize = 255;

impl Person {
    /// What somebody new would sign in with: the mail address, or else the name used there. None where neither can be a
    /// login here.
    pub fn login(&self) -> Option<Login> {
        let candidates = [&self.verified_email, &self.username];
        candidates.into_iter().flatten().find_map(|text| text.parse().ok())
    }
}

/// The groups that claims list: texts, or one text.
pub fn groups_of(claims: &Map<String, Value>, claim: &ClaimName) -> Vec<String> {
    let path = claim.as_str();
    let found = match path.strip_prefix('/') {
        Some(inner) => inner.split('/').try_fold(None, |at: Option<&Value>, name| match at {
            None => claims.get(name).map(Some),
            Some(value) => value.get(name).map(Some),
        }),
        None => claims.get(path).map(Some),
    };
    match found.flatten() {
        Some(Value::Array(list)) => list.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        Some(_) | None => Vec::new(),
    }
}

/// An account's link to somebody at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// Names the link.
    pub id: ExternalIdentityId,
    /// Where the person is known.
    pub provider: IdentityProviderId,
    /// Who it is there.
    pub subject: String,
    /// Whose account it is here.
    pub user: UserId,
    /// Whether the provider's groups decide the account's role: where the account was made by signing in, never where
    /// it was made here.
    pub is_managed: bool,
    /// When it was last used to sign in.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{Person, groups_of};
    use serde_json::json;

    #[test]
    fn groups_are_found_where_providers_put_them() {
        let claims = json!({
            "groups": ["a", 7, "b"], "role": "one", "https://example.org/groups": ["c"],
            "realm_access": { "roles": ["d"] },
        });
        let groups = |claim: &str| groups_of(claims.as_object().unwrap(), &claim.parse().unwrap());

        assert_eq!(groups("groups"), ["a", "b"]);
        assert_eq!(groups("role"), ["one"]);
        assert_eq!(groups("https://example.org/groups"), ["c"]);
        assert_eq!(groups("/realm_access/roles"), ["d"]);
        assert!(
            groups("/realm_access/none").is_empty() && groups("missing").is_empty() && groups("/").is_empty()
        );
    }

    #[test]
    fn somebody_new_is_called_by_a_verified_address_or_by_the_name_used_there() {
        let person = |email: Option<&str>, name: Option<&str>| Person {
            subject: "1".to_owned(),
            verified_email: email.map(str::to_owned),
            username: name.map(str::to_owned),
            display_name: None,
            groups: Vec::new(),
        };

        assert_eq!(person(Some("Ada@Example.org"), Some("ada")).login().unwrap().as_str(), "ada@example.org");
        assert_eq!(person(None, Some("ada")).login().unwrap().as_str(), "ada");
        assert_eq!(person(Some("ä@example.org"), Some("no spaces")).login(), None);
    }
}
