//! Upstreams by name: whoever has the name now is asked, without a restart.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use crate::edge_proxy::replica::Replica;
use crate::name_server::NameServer;
use crate::namespaces::{Namespace, needs_root};
use crate::service::{Launch, PATIENCE, eventually, exchange};

#[test]
fn a_name_is_looked_up_again_and_every_address_of_it_is_asked() {
    needs_root();
    let namespace = Namespace::create("names");
    namespace.resolve_by("127.0.0.1");
    namespace.run(|| {
        let names = NameServer::start("api IN A 127.0.0.2");
        let at = |host: u8| Replica::start_at(SocketAddr::from(([127, 0, 0, host], 8080)));
        let (first, second, third) = (at(2), at(3), at(4));
        let directory = tempfile::tempdir().unwrap();
        let service = Launch::inside(namespace.name(), directory.path())
            .with("server.roles=edge")
            .with("listen.https=off")
            .with("listen.http=off")
            .with("listen.public=unix:public.sock")
            .with("proxy.upstreams=http://api.example.org:8080")
            .with("proxy.health_interval_s=1")
            .serve();
        let ask = || {
            let stream = UnixStream::connect(directory.path().join("public.sock")).unwrap();
            exchange(stream, "GET", "/thing", &[], None).unwrap().status
        };
        assert_eq!((ask(), first.heads().len()), (200, 1));

        names.update("update delete api.example.org A\nupdate add api.example.org 1 A 127.0.0.3\nupdate add api.example.org 1 A 127.0.0.4");

        eventually("both new ones", PATIENCE, || {
            ask() == 200 && !second.heads().is_empty() && !third.heads().is_empty()
        });
        let before = first.heads().len();
        first.kill();
        for _ in 0..20 {
            assert_eq!(ask(), 200);
        }
        assert_eq!(first.heads().len(), before, "nobody asks whom the name has left");

        names.update("update delete api.example.org A");
        eventually("a line in the log", PATIENCE, || service.log().contains("api.example.org"));
        assert_eq!(ask(), 200, "a name that is lost for a while keeps its addresses");
    });
}
