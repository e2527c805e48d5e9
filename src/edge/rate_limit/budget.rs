//! One budget: what each client may ask within a minute, and how it is told so.

use std::fmt;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use http::{HeaderMap, HeaderName, HeaderValue};
use metrics::Counter;
use tower_governor::governor::{GovernorConfigBuilder, SharedRateLimiter};

use crate::edge::rate_limit::client::{Bucket, Clients};
use crate::telemetry::names;

/// A minute's requests may all come at once; then one more comes back at each part of the minute (GCRA). The fields are those
/// of draft-ietf-httpapi-ratelimit-headers-11.
pub(super) struct Budget {
    name: &'static str,
    per_minute: u32,
    policy: HeaderValue,
    pub(super) limiter: SharedRateLimiter<Bucket, StateInformationMiddleware>,
    rejected: Counter,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} a minute", self.name, self.per_minute)
    }
}

impl Budget {
    /// Zero is no budget to be kept to.
    pub(super) fn new(name: &'static str, per_minute: u32, clients: &Clients) -> Option<Self> {
        let period = MINUTE.checked_div(per_minute)?;
        let config = GovernorConfigBuilder::default()
            .key_extractor(clients.clone())
            .period(period)
            .burst_size(per_minute)
            .use_headers()
            .finish()?;
        let policy = format!("\"{name}\";q={per_minute};w={}", MINUTE.as_secs());
        Some(Self {
            name,
            per_minute,
            policy: HeaderValue::try_from(policy).ok()?,
            limiter: config.limiter().clone(),
            rejected: metrics::counter!(names::RATELIMIT_REJECTED.name, "layer" => name),
        })
    }

    /// Takes a request out of a client's share, and says how many are left of it, or how long to wait for one.
    pub(super) fn charge(&self, bucket: Bucket) -> Result<u32, Duration> {
        match self.limiter.check_key(&bucket) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => {
                self.rejected.increment(1);
                Err(until.wait_time_from(self.limiter.clock().now()))
            }
        }
    }

    /// Tells how many requests are left, and over how long they last when new ones come back as fast as they are spent.
    pub(super) fn tell(&self, headers: &mut HeaderMap, left: u32) {
        let within = u64::from(left) * MINUTE.as_secs();
        self.say(headers, left, within.div_ceil(u64::from(self.per_minute)).max(1));
    }

    /// Tells that nothing is left until that long from now. `Retry-After` may not be earlier, so both are rounded up.
    pub(super) fn tell_spent(&self, headers: &mut HeaderMap, wait: Duration) {
        self.say(headers, 0, wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX));
    }

    fn say(&self, headers: &mut HeaderMap, left: u32, within_s: u64) {
        headers.insert(POLICY, self.policy.clone());
        if let Ok(state) = HeaderValue::try_from(format!("\"{}\";r={left};t={within_s}", self.name)) {
            headers.insert(STATE, state);
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
