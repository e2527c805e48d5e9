//! What no single key can know: whether the settings agree with each other.

use crate::config::Settings;
use crate::config::database::DatabaseUrl;
use crate::config::fault::{Fault, Source};
use crate::config::server::Role;

/// Adds what is wrong with the settings as a whole.
pub(super) fn all(settings: &Settings, exposed_mode: Option<u32>, faults: &mut Vec<Fault>) {
    server(settings, faults);
    listeners(settings, faults);
    database(settings, faults);
    if let Some(mode) = exposed_mode {
        exposed_secrets(settings, mode, faults);
    }
}

fn fault(settings: &Settings, key: &str, message: impl Into<String>) -> Fault {
    Fault { source: settings.source(key).clone(), key: key.to_owned(), message: message.into() }
}

fn server(settings: &Settings, faults: &mut Vec<Fault>) {
    if !settings.server.data_dir.is_absolute() {
        let message = "the data directory is an absolute path, as a service starts anywhere";
        faults.push(fault(settings, "server.data_dir", message));
    }
    if settings.server.roles.is_empty() {
        faults.push(fault(settings, "server.roles", "a process needs at least one role"));
    }
    if settings.server.has(Role::Edge) && !settings.server.has(Role::Api) {
        let message =
            "edge is the way of the world to the API, which this process then needs too: add \"api\"";
        faults.push(fault(settings, "server.roles", message));
    }
    let mut roles = settings.server.roles.clone();
    roles.sort_unstable();
    if roles.windows(2).any(|pair| pair[0] == pair[1]) {
        faults.push(fault(settings, "server.roles", "a role is named twice"));
    }
}

fn listeners(settings: &Settings, faults: &mut Vec<Fault>) {
    let all: Vec<_> = settings.listen.all().collect();
    for (at, (key, address)) in all.iter().enumerate() {
        if let Some(message) = address.fault() {
            faults.push(fault(settings, key, message));
        }
        if let Some((other, taken)) = all[..at].iter().find(|(_, other)| address.collides(other)) {
            faults.push(fault(settings, key, format!("{address} collides with {other}, which is {taken}")));
        }
    }
}

fn database(settings: &Settings, faults: &mut Vec<Fault>) {
    let database = &settings.database;
    match &database.url {
        DatabaseUrl::Sqlite { .. } => {
            for (key, set) in [
                ("database.password", database.password.is_some()),
                ("database.direct_url", database.direct_url.is_some()),
            ] {
                if set {
                    faults.push(fault(
                        settings,
                        key,
                        "only a postgres:// database has this; SQLite is chosen",
                    ));
                }
            }
        }
        DatabaseUrl::Postgres(url) => {
            if url.has_password() && database.password.is_some() {
                let message = "the password is also in database.url; keep one of them";
                faults.push(fault(settings, "database.password", message));
            }
        }
    }
}

fn exposed_secrets(settings: &Settings, mode: u32, faults: &mut Vec<Fault>) {
    for key in settings.database.literal_secrets() {
        let source = settings.source(key);
        if let Source::File { path, .. } = source {
            let path = path.display();
            let message = format!(
                "the file holds a password but others may read it (mode {mode:04o}); run `chmod 0600 {path}`, or \
                 write where the password is in database.password"
            );
            faults.push(fault(settings, key, message));
        }
    }
}
