//! Who is up: by asking a probe every few seconds, and by what comes of the requests meanwhile.
//!
//! Invariant: a state that is wrong costs no request, as those that are down are asked when no other is left.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use futures_util::future::{Either, join_all, select};
use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::edge::proxy::Inner;
use crate::edge::proxy::connect::{builder, dial};
use crate::edge::proxy::endpoint::Endpoint;
use crate::runtime::backoff::Backoff;

/// Whether an endpoint is up. At first it is, until something else is known.
#[derive(Debug)]
pub(super) struct Health {
    well: AtomicBool,
    out_until_ms: AtomicU64,
    failures: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    silences: u32,
    backoff: Backoff,
    reason: String,
    was_up: bool,
}

/// An endpoint's change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It takes requests again.
    Up,
    /// It takes none, for this reason.
    Down(String),
}

/// Why a probe was not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bad {
    /// It said no, or nobody is there.
    Refusal(String),
    /// Nothing came in time. A machine under load may do that once.
    Silence(String),
}

impl Default for Health {
    fn default() -> Self {
        let backoff = Backoff::new(FIRST_OUT, LONGEST_OUT);
        let state = State { silences: 0, backoff, reason: String::new(), was_up: true };
        Self {
            well: AtomicBool::new(true),
            out_until_ms: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            state: Mutex::new(state),
        }
    }
}

impl Health {
    pub(super) fn is_up(&self, now_ms: u64) -> bool {
        self.well.load(Ordering::Relaxed) && now_ms >= self.out_until_ms.load(Ordering::Relaxed)
    }

    /// Why it is down.
    pub(super) fn reason(&self) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).reason.clone()
    }

    /// Takes what a probe said.
    pub(super) fn looked(&self, result: Result<(), Bad>, now_ms: u64) -> Option<Change> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                state.silences = 0;
                self.well.store(true, Ordering::Relaxed);
            }
            Err(Bad::Refusal(why)) => {
                state.reason = why;
                self.well.store(false, Ordering::Relaxed);
            }
            Err(Bad::Silence(why)) => {
                state.silences += 1;
                if state.silences >= SILENCES {
                    state.reason = why;
                    self.well.store(false, Ordering::Relaxed);
                }
            }
        }
        self.change(&mut state, now_ms)
    }

    /// Takes that a request could not be passed on, or broke.
    pub(super) fn failed(&self, why: &str, now_ms: u64, spread: u8) -> Option<Change> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // Requests that were under way when it went out say nothing new.
        if failures >= FAILURES && now_ms >= self.out_until_ms.load(Ordering::Relaxed) {
            let out = state.backoff.next_wait(spread);
            let out_ms = u64::try_from(out.as_millis()).unwrap_or(u64::MAX);
            self.out_until_ms.store(now_ms.saturating_add(out_ms), Ordering::Relaxed);
            if state.was_up {
                state.reason = format!("{failures} requests in a row failed, the last one because {why}");
            }
        }
        self.change(&mut state, now_ms)
    }

    /// Takes that an answer came.
    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.failures.store(0, Ordering::Relaxed);
        state.backoff.reset();
    }

    fn change(&self, state: &mut State, now_ms: u64) -> Option<Change> {
        let is_up = self.is_up(now_ms);
        let changed = is_up != state.was_up;
        state.was_up = is_up;
        changed.then(|| if is_up { Change::Up } else { Change::Down(state.reason.clone()) })
    }
}

/// Failures in a row after which an endpoint is out. One or two happen to a replica that restarts.
const FAILURES: u32 = 3;

/// Probes in a row without an answer that count as one refusal.
const SILENCES: u32 = 2;

/// How long an endpoint is out at first; the active probe has looked by the end of it.
const FIRST_OUT: Duration = Duration::from_secs(2);

/// A wait that people still take for "it comes back by itself".
const LONGEST_OUT: Duration = Duration::from_secs(30);

/// Asks every endpoint how it is, all at once, and closes connections that are idle for too long.
pub(super) async fn look(proxy: &Inner) {
    let endpoints = proxy.upstreams.endpoints();
    let now = proxy.clock.instant();
    join_all(endpoints.iter().map(async |endpoint: &Arc<Endpoint>| {
        endpoint.prune(now);
        let limit = proxy.terms.health_timeout;
        let result = timeout(limit, probe(proxy, endpoint)).await;
        let result = result.unwrap_or_else(|_| {
            let path = &proxy.terms.health_path;
            Err(Bad::Silence(format!("{path} was not answered within {} s", limit.as_secs())))
        });
        endpoint.tell(endpoint.health.looked(result, proxy.now_ms()));
    }))
    .await;
}

/// Asks over a connection of its own: one that is open says nothing of whether another would be.
async fn probe(proxy: &Inner, endpoint: &Endpoint) -> Result<(), Bad> {
    let path = &proxy.terms.health_path;
    let refused = |cause: &dyn std::fmt::Display| Bad::Refusal(cause.to_string());
    let stream = dial(&endpoint.at, proxy.terms.connect_timeout).await.map_err(|cause| refused(&cause))?;
    let request = Request::get(path)
        .header(header::HOST, endpoint.upstream.authority())
        .header(header::CONNECTION, "close")
        .body(Body::empty())
        .map_err(|cause| refused(&cause))?;
    let (mut sender, connection) =
        builder().handshake(TokioIo::new(stream)).await.map_err(|cause| refused(&cause))?;
    let asking = pin!(sender.send_request(request));
    let answer = match select(asking, connection).await {
        Either::Left((answer, _)) => answer,
        // It may have ended just behind the answer.
        Either::Right((_, asking)) => asking.await,
    };
    let status = answer.map_err(|cause| Bad::Refusal(format!("{path} was not answered: {cause}")))?.status();
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::SERVICE_UNAVAILABLE => {
            Err(Bad::Refusal(format!("{path} says that it is not ready (503)")))
        }
        status => Err(Bad::Refusal(format!("{path} answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bad, Change, FAILURES, Health};

    fn silence() -> Result<(), Bad> {
        Err(Bad::Silence("no answer".to_owned()))
    }

    #[test]
    fn a_refusal_counts_at_once_and_silence_the_second_time() {
        let health = Health::default();

        assert_eq!(health.looked(silence(), 0), None);
        assert_eq!(health.looked(silence(), 1), Some(Change::Down("no answer".to_owned())));
        assert_eq!(health.looked(silence(), 2), None, "a change is told once");
        assert_eq!(health.looked(Ok(()), 3), Some(Change::Up));
        assert_eq!(health.looked(Err(Bad::Refusal("no".to_owned())), 4), Some(Change::Down("no".to_owned())));
    }

    #[test]
    fn failures_in_a_row_take_it_out_for_a_growing_while() {
        let health = Health::default();
        let fail = |now_ms| (0..FAILURES).map(|_| health.failed("reset", now_ms, 0)).any(|it| it.is_some());

        assert!(fail(0));
        assert!(!health.is_up(1_999) && health.is_up(2_000));
        assert_eq!(health.looked(Ok(()), 2_000), Some(Change::Up));
        assert!(health.failed("reset", 2_000, 0).is_some(), "on probation one failure is enough");
        assert!(!health.is_up(5_999) && health.is_up(6_000));
    }

    #[test]
    fn an_answer_between_failures_starts_the_count_over() {
        let health = Health::default();
        for _ in 0..10 {
            health.failed("reset", 0, 0);
            health.failed("reset", 0, 0);
            health.succeeded();
        }

        assert!(health.is_up(0));
    }
}
