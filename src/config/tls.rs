//! `[tls]`: certificates that are kept as files, and what is spoken over TLS.

use std::path::PathBuf;

section! {
    /// Certificates that are kept as files, and what is spoken over TLS.
    pub struct Tls("tls") {
        /// Certificates that somebody else renews: a directory with `fullchain.pem` and `privkey.pem`, or a PEM file that
        /// holds the chain and the key, or the chain alone with the key beside it under the ending `.key`. Each is served
        /// for the names in it, the first one to whoever names none of them.
        pub certificates: Vec<PathBuf> = Vec::new(); live
        /// A program that changes DNS records for the dns-01 proofs of certificate authorities, where no name server takes
        /// changes: called as `PROGRAM set NAME VALUE` and `PROGRAM clear NAME VALUE`.
        pub dns_hook: Option<PathBuf> = None;
        /// How long browsers remember to come by HTTPS only, once a public authority vouches for the certificate. Zero makes
        /// them forget. The preload list of browsers asks for a year.
        pub hsts_s: u32 = 31_536_000; [0 to 63_072_000]
        /// Whether HTTP/3 is spoken as well, over UDP on the address and port of `listen.https`; HTTPS answers then tell browsers
        /// so. Off unless it is wanted: the panel gains little by it, each byte costs more processor time than over TCP, and UDP 443
        /// is where WireGuard may have to be to get through a firewall.
        pub http3: bool = false;
    }
}
