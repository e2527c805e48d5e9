//! What no single key can know: whether the settings agree with each other.

use crate::config::Settings;
use crate::config::address::Address;
use crate::config::database::DatabaseUrl;
use crate::config::fault::{Fault, Source};
use crate::config::keys::MasterKeyPlace;
use crate::config::proxy::Upstream;
use crate::domain::secret_reference::SecretReference;

/// Adds what is wrong with the settings as a whole.
pub(super) fn all(settings: &Settings, exposed_mode: Option<u32>, faults: &mut Vec<Fault>) {
    server(settings, faults);
    listeners(settings, faults);
    proxy(settings, faults);
    database(settings, faults);
    secret_stores(settings, faults);
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
    let https = settings.listeners().find(|(key, _)| *key == "listen.https");
    if settings.tls.http3 && https.is_some_and(|(_, address)| !matches!(address, Address::Tcp(_))) {
        let message = "HTTP/3 comes over UDP, so it takes an address and port in listen.https, not a socket of systemd or unix";
        faults.push(fault(settings, "tls.http3", message));
    }
}

fn proxy(settings: &Settings, faults: &mut Vec<Fault>) {
    let upstreams = &settings.proxy.upstreams;
    if settings.is_proxy() && upstreams.is_empty() {
        let message = "edge without api passes requests on to API replicas, and none is named: set proxy.upstreams, or add \
                       \"api\"";
        faults.push(fault(settings, "server.roles", message));
    }
    for (at, upstream) in upstreams.iter().enumerate() {
        if upstreams[..at].contains(upstream) {
            faults.push(fault(settings, "proxy.upstreams", format!("{upstream} is named twice")));
        }
        let own = settings.listeners().find(|(_, address)| leads_to(upstream, address));
        if let Some((key, address)) = own.filter(|_| settings.is_proxy()) {
            let message = format!(
                "{upstream} is {key} ({address}) of this very process, which would pass requests on to itself"
            );
            faults.push(fault(settings, "proxy.upstreams", message));
        }
    }
}

fn leads_to(upstream: &Upstream, address: &Address) -> bool {
    match (upstream, address) {
        (Upstream::Address(to), Address::Tcp(at)) => {
            let is_here = to.ip() == at.ip() || (at.ip().is_unspecified() && to.ip().is_loopback());
            to.port() == at.port() && is_here
        }
        (Upstream::Unix(to), Address::Unix(at)) => to == at,
        (Upstream::Address(_) | Upstream::Name { .. } | Upstream::Unix(_), _) => false,
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

/// What it takes to ask a store of secrets must not itself be in one.
fn secret_stores(settings: &Settings, faults: &mut Vec<Fault>) {
    let (vault, aws) = (&settings.vault, &settings.aws);
    for (key, place) in [
        ("vault.token", &vault.token),
        ("vault.secret_id", &vault.secret_id),
        ("aws.access_key_id", &aws.access_key_id),
        ("aws.secret_access_key", &aws.secret_access_key),
        ("aws.session_token", &aws.session_token),
    ] {
        if place.as_ref().is_some_and(SecretReference::is_remote) {
            let message =
                "this is needed to ask a store of secrets, so it is env:NAME, file:/path or credential:name";
            faults.push(fault(settings, key, message));
        }
    }
    if vault.role_id.is_some() != vault.secret_id.is_some() {
        faults.push(fault(settings, "vault.role_id", "a role takes both vault.role_id and vault.secret_id"));
    }
    if vault.token.is_some() && vault.role_id.is_some() {
        faults.push(fault(settings, "vault.token", "there is a role, too; keep one of them"));
    }
    let master = match &settings.keys.master {
        MasterKeyPlace::At(place) => Some(place),
        MasterKeyPlace::Auto => None,
    };
    let previous = settings.keys.previous.iter().map(|place| ("keys.previous", Some(place)));
    let single = [
        ("database.password", settings.database.password.as_ref()),
        ("keys.master", master),
        ("metrics.token", settings.metrics.token.as_ref()),
    ];
    for (key, place) in single.into_iter().chain(previous) {
        let in_vault = place.is_some_and(|place| matches!(place, SecretReference::Vault(..)));
        let can_ask = vault.address.is_some() && (vault.token.is_some() || vault.role_id.is_some());
        if in_vault && !can_ask {
            let message = "a secret in Vault takes vault.address, and vault.token or a role";
            faults.push(fault(settings, key, message));
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
