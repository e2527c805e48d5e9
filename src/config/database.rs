//! `[database]`: where the truth is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::setting::{Raw, Setting};
use crate::domain::secret_reference::SecretReference;

section! {
    /// Where the truth is kept.
    pub struct Database("database") {
        /// `sqlite:` for a file in the data directory, `sqlite:/elsewhere/caspervpn.db`, or `postgres://user@host/name`.
        pub url: DatabaseUrl = DatabaseUrl::Sqlite { directory: PathBuf::new() };
        /// The PostgreSQL password's place: `env:NAME`, `file:/path`, `credential:name`, `vault:PATH#FIELD` or
        /// `aws-sm:NAME#FIELD`. Off when the URL holds it or the server asks for none.
        pub password: Option<SecretReference> = None;
        /// Where migrations connect when `url` goes through PgBouncer, which gives no session of its own.
        pub direct_url: Option<PostgresUrl> = None;
        /// SQLite: read-only connections, each on a thread of its own.
        pub readers: u32 = 2; [1 to 64]
        /// PostgreSQL: connections this process may hold.
        pub pool_size: u32 = 8; [1 to 1000]
    }
}

impl Database {
    /// Whether a password stands in a URL instead of being referred to.
    pub(super) fn literal_secrets(&self) -> impl Iterator<Item = &'static str> {
        let url = match &self.url {
            DatabaseUrl::Sqlite { .. } => false,
            DatabaseUrl::Postgres(url) => url.has_password(),
        };
        let direct = self.direct_url.as_ref().is_some_and(PostgresUrl::has_password);
        [("database.url", url), ("database.direct_url", direct)]
            .into_iter()
            .filter_map(|(key, found)| found.then_some(key))
    }
}

/// Which database, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The file `caspervpn.db` in a directory.
    Sqlite {
        /// The directory; once the settings are loaded, an absolute path.
        directory: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

impl DatabaseUrl {
    pub(super) fn inside(&mut self, data_dir: &Path) {
        if let Self::Sqlite { directory } = self {
            // Joining an empty path would leave a slash at the end.
            *directory = if directory.as_os_str().is_empty() {
                data_dir.to_owned()
            } else {
                data_dir.join(&*directory)
            };
        }
    }
}

impl Setting for DatabaseUrl {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text("a URL that starts with sqlite: or postgres://")?;
        let Some(path) = text.strip_prefix("sqlite:") else {
            return PostgresUrl::parse(text).map(Self::Postgres);
        };
        let path = Path::new(path);
        match path.file_name() {
            None if path.as_os_str().is_empty() => Ok(Self::Sqlite { directory: PathBuf::new() }),
            Some(name) if name == FILE => {
                Ok(Self::Sqlite { directory: path.parent().unwrap_or(Path::new("")).to_owned() })
            }
            Some(_) | None => {
                Err(format!("the path ends in /{FILE}, as in sqlite:/var/lib/caspervpn/{FILE}"))
            }
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Sqlite { directory } => format!("sqlite:{}", directory.join(FILE).display()),
            Self::Postgres(url) => url.show(),
        }
    }
}

/// The URL of a PostgreSQL server. It may hold a password and so cannot be printed whole.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Zeroizing<String>);

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        // The text is not repeated: what is in the wrong place may be the password.
        match rest {
            None => Err("a database URL starts with sqlite: or postgres://".to_owned()),
            Some("") => Err("after postgres:// comes user@host/name".to_owned()),
            Some(_) => Ok(Self(Zeroizing::new(text.to_owned()))),
        }
    }

    /// The whole URL, for the one who connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the URL holds a password, before the host or among the parameters.
    pub fn has_password(&self) -> bool {
        self.password_span().is_some()
    }

    /// Where the password stands. The user part ends at the last `@` before the path, as libpq reads it.
    fn password_span(&self) -> Option<(usize, usize)> {
        let start = self.0.find("://")? + 3;
        let end = self.0[start..].find(['/', '?']).map_or(self.0.len(), |at| start + at);
        // An unescaped slash in the password would end the search too soon, so the last `@` of all counts too.
        let at = self.0[start..end].rfind('@').or_else(|| self.0[start..].rfind('@'));
        let user = at.and_then(|at| {
            let colon = self.0[start..start + at].find(':')?;
            Some((start + colon + 1, start + at))
        });
        user.or_else(|| {
            let key = self.0.find("?password=").or_else(|| self.0.find("&password="))?;
            let from = key + "?password=".len();
            Some((from, self.0[from..].find('&').map_or(self.0.len(), |at| from + at)))
        })
    }
}

impl Setting for PostgresUrl {
    fn read(raw: &Raw) -> Result<Self, String> {
        Self::parse(raw.text("a URL that starts with postgres://")?)
    }

    fn show(&self) -> String {
        match self.password_span() {
            Some((from, to)) => format!("{}***{}", &self.0[..from], &self.0[to..]),
            None => self.0.to_string(),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show())
    }
}

/// The name of the SQLite file, which the store looks for.
const FILE: &str = "caspervpn.db";

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, PostgresUrl};
    use crate::config::setting::{Raw, Setting};

    fn shown(url: &str) -> String {
        PostgresUrl::parse(url).unwrap().show()
    }

    #[test]
    fn a_password_in_a_url_is_never_shown() {
        assert_eq!(shown("postgres://a:b@h/d"), "postgres://a:***@h/d");
        assert_eq!(shown("postgres://a:b/c@d@h/d"), "postgres://a:***@h/d");
        assert_eq!(shown("postgres://a@h/d?password=b&x=y"), "postgres://a@h/d?password=***&x=y");
        assert_eq!(shown("postgres://a@h:5432/d"), "postgres://a@h:5432/d");
        let url = PostgresUrl::parse("postgres://a:b@h/d").unwrap();
        assert_eq!(format!("{url:?}"), "postgres://a:***@h/d");
    }

    #[test]
    fn a_refused_url_is_not_repeated() {
        let refused = DatabaseUrl::read(&Raw::Text("hunter2".into())).unwrap_err();

        assert!(!refused.contains("hunter2"));
    }

    #[test]
    fn the_sqlite_file_keeps_its_name() {
        let other = DatabaseUrl::read(&Raw::Text("sqlite:/data/vpn.sqlite".into()));
        let own = DatabaseUrl::read(&Raw::Text("sqlite:/data/caspervpn.db".into())).unwrap();

        assert!(other.is_err());
        assert_eq!(own, DatabaseUrl::Sqlite { directory: "/data".into() });
    }
}
