//! The listeners of the process, and which routes each of them serves.

use tracing::info;

use crate::config::address::{Address, PageAddress};
use crate::config::{Settings, page_addresses};
use crate::daemon::certificates::Certificates;
use crate::daemon::routes::Site;
use crate::daemon::serve::ServeError;
use crate::edge::listener::{Listener, PassedSockets};
use crate::edge::live_limits::LiveLimits;
use crate::edge::proxies::Proxies;
use crate::edge::secure::Secure;
use crate::edge::server::Server;
use crate::runtime::tasks::Tasks;
use crate::tls;

/// The open sockets, each with the setting it comes from. Nothing is served on them yet.
pub(super) struct Listeners(Vec<(&'static str, Listener)>);

impl Listeners {
    /// Takes every address before the first request is answered: a busy port must not leave half a service.
    pub(super) fn open(settings: &Settings, passed: &mut PassedSockets) -> Result<Self, ServeError> {
        let mode = settings.listen.local_mode.0;
        let open = |(key, address): (&'static str, &Address)| {
            let listener = Listener::open(address, mode, passed);
            listener.map(|listener| (key, listener)).map_err(|cause| ServeError::Listen { key, cause })
        };
        for (key, address) in
            settings.listen.all().filter(|(key, _)| settings.listeners().all(|(open, _)| open != *key))
        {
            info!("{key} ({address}) stays closed: it is not for the roles of this process");
        }
        settings.listeners().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them takes TLS.
    pub(super) fn take_tls(&self) -> bool {
        self.reached_at("listen.https").is_some()
    }

    /// Where the pages are found, the likeliest way in first.
    pub(super) fn pages(&self) -> Vec<PageAddress> {
        page_addresses(|key| self.reached_at(key)).collect()
    }

    /// Serves on all of them.
    pub(super) fn serve(
        self,
        site: &Site,
        settings: &Settings,
        certificates: &Certificates,
        limits: &LiveLimits,
        tasks: &Tasks,
    ) -> Result<(), tls::server::ServerError> {
        let https = self.reached_at("listen.https");
        let listen = &settings.listen;
        let proxies = Proxies::new(listen.trusted_proxies.clone(), listen.forwarded_header);
        for (key, listener) in self.0 {
            let name = key.strip_prefix("listen.").unwrap_or(key);
            let (routes, files) = match key {
                "listen.agent" => (site.internal(name), None),
                "listen.local" => (site.local(name), None),
                "listen.http" => (site.plain(name, https.as_ref()), None),
                _ => (site.public(name), site.files(name)),
            };
            let mut server = Server::new(name, routes, limits.clone()).with_files(files);
            if key == "listen.https" {
                let secure = Secure::new(certificates.served(), settings.tls.hsts_s)?;
                server = server.with_tls(secure.with_alpn_proofs(site.handshake_proofs()));
            }
            if !matches!(key, "listen.agent" | "listen.local") {
                server = server.behind(proxies.clone(), listen.proxy_protocol);
            }
            server.start(tasks, listener);
        }
        Ok(())
    }

    fn reached_at(&self, wanted: &str) -> Option<Address> {
        self.0.iter().find(|(key, _)| *key == wanted).map(|(_, listener)| listener.reached_at())
    }
}
