//! HTTP/3: the life of one QUIC connection.
//!
//! Invariant: as everywhere, a connection ends within the limits whatever a client does; and what was answered has arrived, or
//! its client gave it up, before a connection is closed.

mod exchange;
mod transport;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::edge::activity::Activity;
use crate::edge::connection::{STREAMS, Watch};
use crate::edge::exchange::Asker;
use crate::edge::http3::exchange::Desk;
use crate::edge::http3::transport::{Arrivals, Transport};
use crate::edge::server::Server;
use crate::runtime::clock::Clock;
use crate::runtime::tasks::Group;

/// The protocol of one connection.
type Protocol = h3::server::Connection<Transport, Bytes>;

/// What a connection needs besides its listener.
pub(super) struct Around {
    pub(super) asker: Asker,
    pub(super) clock: Arc<dyn Clock>,
    /// Runs its requests.
    pub(super) requests: Group,
}

/// Serves a connection until it ends, is told to, or has done nothing for too long.
pub(super) async fn serve(server: Server, around: Around, quic: quinn::Connection, stop: CancellationToken) {
    let name = server.name;
    let limits = server.limits.now();
    let (transport, arrivals) = Transport::new(quic.clone(), limits.header_bytes);
    let mut builder = h3::server::builder();
    builder.max_field_section_size(limits.header_bytes.into());
    // Opens streams of ours, for which a client may leave no room.
    let Ok(Ok(protocol)) = timeout(limits.handshake_timeout, builder.build(transport)).await else {
        debug!(listener.name = name, "a connection ended before HTTP/3 began on it");
        return;
    };
    let activity = Arc::new(Activity::default());
    let under_way = Arc::new(Semaphore::new(usize::try_from(PLACES).unwrap_or(usize::MAX)));
    let Around { asker, clock, requests } = around;
    let desk = Arc::new(Desk {
        server,
        asker,
        clock,
        quic,
        activity,
        stop: stop.clone(),
        faults: AtomicU32::new(0),
    });
    let mut conversation = Conversation { protocol, arrivals, desk, requests, under_way };
    if conversation.goes_on_until(&stop).await {
        conversation.end().await;
    }
}

struct Conversation {
    protocol: Protocol,
    arrivals: Arrivals,
    desk: Arc<Desk>,
    requests: Group,
    under_way: Arc<Semaphore>,
}

impl Conversation {
    /// Takes requests. Whether the connection is still there afterwards, and to be ended in good order.
    async fn goes_on_until(&mut self, stop: &CancellationToken) -> bool {
        let desk = Arc::clone(&self.desk);
        let (mut watch, mut age) = (Watch::new(desk.activity.phase()), Duration::ZERO);
        let mut pause = watch.pause(&desk.server.limits.now());
        // Goes on over requests, which may come faster than it ends.
        let mut look = pin!(sleep(pause));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return true,
                () = &mut look => {
                    age += pause;
                    let limits = desk.server.limits.now();
                    if watch.is_over(desk.activity.phase(), pause, &limits) || age >= limits.age {
                        return true;
                    }
                    pause = watch.pause(&limits);
                    look.set(sleep(pause));
                }
                lasts = self.take() => if !lasts { return false },
            }
        }
    }

    /// Takes one request. Whether the connection lasts.
    async fn take(&mut self) -> bool {
        let name = self.desk.server.name;
        let resolver = match self.protocol.accept().await {
            Ok(Some(resolver)) => resolver,
            Ok(None) => return false,
            Err(cause) => {
                debug!(listener.name = name, error = %cause, "a connection ended");
                return false;
            }
        };
        // Each leaves a number behind in the library, for as long as the connection lasts.
        if self.desk.faults.load(Ordering::Relaxed) > MOST_FAULTS {
            debug!(listener.name = name, "a connection was cut: too many of its requests were none");
            return false;
        }
        // There is one for each stream that QUIC allows.
        let place = Arc::clone(&self.under_way).try_acquire_owned();
        if let (Ok(place), Some(arrival)) = (place, self.arrivals.take()) {
            let desk = Arc::clone(&self.desk);
            self.requests.spawn(async move {
                let _place = place;
                desk.answer(resolver, arrival).await;
            });
        }
        true
    }

    /// Takes no more requests, and waits for those under way to have arrived.
    async fn end(mut self) {
        self.arrivals.refuse();
        // The number is of the first that is not answered, one after the last that was taken: RFC 9114 §5.2.
        if !matches!(timeout(GOODBYE, self.protocol.shutdown(1)).await, Ok(Ok(()))) {
            return;
        }
        let under_way = Arc::clone(&self.under_way);
        let mut answered = pin!(async move { drop(under_way.acquire_many(PLACES).await) });
        loop {
            tokio::select! {
                () = &mut answered => break,
                lasts = self.take() => if !lasts { return },
            }
        }
        // Whoever understands goes by itself, and then knows that nothing was lost.
        let gone = async { while self.take().await {} };
        drop(timeout(GOODBYE, gone).await);
    }
}

/// Requests at once. Twice as many as streams: one that has ended makes room for another before its place is given back.
const PLACES: u32 = 2 * STREAMS;

/// Requests without a head that can be read. A browser sends none.
const MOST_FAULTS: u32 = 100;

/// A round trip by satellite, and half as much.
const GOODBYE: Duration = Duration::from_secs(1);
