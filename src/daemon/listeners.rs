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
use crate::edge::quic::{QuicError, QuicSocket};
use crate::edge::secure::Secure;
use crate::edge::server::Server;
use crate::runtime::lanes::Lanes;
use crate::runtime::tasks::Tasks;

/// The open sockets. Nothing is served on them yet.
pub(super) struct Listeners {
    /// Each with the setting it comes from.
    sockets: Vec<(&'static str, Listener)>,
    quic: Option<QuicSocket>,
}

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
        let sockets = settings.listeners().map(open).collect::<Result<Vec<_>, _>>()?;
        let https = sockets.iter().find(|(key, _)| *key == "listen.https");
        let at = https.and_then(|(_, listener)| listener.local_addr()).filter(|_| settings.tls.http3);
        let quic = at.map(QuicSocket::open).transpose();
        let quic = quic.map_err(|cause| ServeError::Listen { key: "tls.http3", cause })?;
        Ok(Self { sockets, quic })
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
        lanes: &Lanes,
    ) -> Result<(), QuicError> {
        let https = self.reached_at("listen.https");
        let listen = &settings.listen;
        let proxies = Proxies::new(listen.trusted_proxies.clone(), listen.forwarded_header);
        let mut quic = self.quic;
        for (key, listener) in self.sockets {
            let name = key.strip_prefix("listen.").unwrap_or(key);
            let new = |routes| Server::new(name, routes, limits.clone()).on_lanes(lanes.clone());
            let mut server = match key {
                "listen.agent" => new(site.internal(name)),
                "listen.local" => new(site.local(name)),
                "listen.metrics" => new(site.metrics(name)),
                "listen.http" => new(site.plain(name, https.as_ref())),
                _ => new(site.public(name)).with_files(site.files(name)).with_passing(site.passing(name)),
            };
            if key == "listen.https" {
                let secure = Secure::new(certificates.served(), settings.tls.hsts_s)?;
                if let Some(socket) = quic.take() {
                    let http3 = Server::new(HTTP_3, site.public(HTTP_3), limits.clone())
                        .with_passing(site.passing(HTTP_3))
                        .behind(proxies.clone(), listen.proxy_protocol)
                        .sharing_places_of(&server);
                    server = server.with_http3_at(socket.port());
                    http3.start_quic(tasks, socket, secure.clone())?;
                }
                server = server.with_tls(secure.with_alpn_proofs(site.handshake_proofs()));
            }
            if !matches!(key, "listen.agent" | "listen.local" | "listen.metrics") {
                server = server.behind(proxies.clone(), listen.proxy_protocol);
            }
            server.start(tasks, listener);
        }
        Ok(())
    }

    fn reached_at(&self, wanted: &str) -> Option<Address> {
        self.sockets.iter().find(|(key, _)| *key == wanted).map(|(_, listener)| listener.reached_at())
    }
}

/// The name of HTTP/3 beside those of the listeners: it has no address of its own.
pub(super) const HTTP_3: &str = "http3";
