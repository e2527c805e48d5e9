//! `[limits]`: how much is allowed before the database can be asked.

section! {
    /// How much is allowed before the database can be asked.
    pub struct Limits("limits") {
        /// Longest body of a request to the API. The largest real one, a network with 64 routes, takes under 4 KiB.
        pub body_bytes: u32 = 65_536; [8192 to 16_777_216]
        /// Time for a client to send a body. Even the largest fits a modem's line in that time.
        pub body_timeout_s: u32 = 15; [1 to 300]
        /// Longest head of a request: its line and headers.
        pub header_bytes: u32 = 32_768; [8192 to 1_048_576]
        /// Time for the API to begin its answer to a request, body and all. The slowest honest one, a password among a full queue
        /// of others, takes a third; the longest work of a single one ends after 20 s with words of its own.
        pub request_timeout_s: u32 = 30; [25 to 3600]
        /// Time for a client to end its TLS handshake. A phone on a bad line takes three round trips of a second or two.
        pub handshake_timeout_s: u32 = 10; [1 to 300] live
        /// Time for a client to send a request's head.
        pub header_timeout_s: u32 = 10; [1 to 300] live
        /// Time a connection may sit without a request.
        pub idle_timeout_s: u32 = 75; [1 to 3600] live
        /// Time after which a connection takes no more requests: those under way are answered, and the client comes again by
        /// another. So in an hour, as with nginx, clients have spread over what was added behind a balancer, and speak by the
        /// certificate that is served now.
        pub connection_age_s: u32 = 3600; [60 to 604_800] live
        /// Time for the service to stop. Requests under way get all of it but the last quarter (5 s at most), which is the
        /// node's and the database's. Less than the unit's `TimeoutStopSec`.
        pub drain_s: u32 = 20; [0 to 600] live
        /// Connections open at once, on each listener.
        pub connections: u32 = 4096; [1 to 1_000_000] live
        /// Connections open at once from one IPv4 address or one IPv6 /64, but for those of this host.
        pub connections_per_address: u32 = 256; [1 to 1_000_000] live
        /// Streams of live events open at once, each of which holds a connection for as long as a window shows the panel. They
        /// leave seven eighths of the connections to requests; one user has eight at most.
        pub event_streams: u32 = 512; [1 to 100_000]
        /// Requests without credentials per minute from one IPv4 address or one IPv6 /64, which may all come at once. Sixty people
        /// behind one address can load the panel's fifty files in one moment and go on with fifty requests a second; a scanner with
        /// a list of 100,000 paths is held up for half an hour. Zero turns the limit off.
        pub requests_anonymous_per_minute: u32 = 3000; [0 to 10_000_000]
        /// The same for requests that carry credentials, good or not: five hundred a second are three hundred open panels that ask
        /// each second, and programs beside them. Zero turns the limit off.
        pub requests_with_credentials_per_minute: u32 = 30_000; [0 to 10_000_000]
        /// Sign-ins tried per minute from one IPv4 address or one IPv6 /64. Zero turns the limit off.
        pub login_per_address_per_minute: u32 = 20; [0 to 100_000]
        /// Sign-ins tried per minute for one account, from wherever. Zero turns the limit off.
        pub login_per_account_per_minute: u32 = 10; [0 to 100_000]
    }
}
