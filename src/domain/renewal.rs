//! When a certificate is ordered, renewed, and tried again.
//!
//! Invariant: every time follows from the certificate's own lifetime, whatever that is; no rule here knows how long one
//! usually lasts.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// From when until when a certificate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// When it begins to count.
    pub not_before: Timestamp,
    /// When it ends to count.
    pub not_after: Timestamp,
}

/// When the authority wants the certificate renewed (RFC 9773), with the point in it that was chosen, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenWindow {
    /// The first moment.
    pub start: Timestamp,
    /// The last.
    pub end: Timestamp,
    /// Somewhere between them.
    pub chosen: Timestamp,
}

/// How a certificate stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It counts, and nothing presses.
    Valid,
    /// It counts, and little is left of its life: whoever is responsible should look.
    Expiring,
    /// It does not count, or not yet.
    Expired,
}

/// Why an attempt brought no certificate, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The same would come of it again.
    Permanent,
    /// The authority wants this long a rest.
    RateLimited(Duration),
    /// It may go better soon.
    Temporary,
}

impl Lifetime {
    fn span(self) -> Duration {
        self.not_after.since(self.not_before)
    }

    /// The latest time to renew, a twentieth of the lifetime before the end, whatever the authority says.
    pub fn urgent_at(self) -> Timestamp {
        self.not_after.before(self.span() / 20)
    }

    /// When to renew: at the time that was chosen in the authority's window, else after two thirds of the lifetime.
    ///
    /// `obtained_at` is when it came, by our own clock. One that just came is left alone for a day, or a sixth of its life
    /// where that is less: a clock that is wrong by months would else take each new certificate for an old one, and order
    /// without end.
    pub fn renew_at(self, window: Option<ChosenWindow>, obtained_at: Timestamp) -> Timestamp {
        let usual = self.not_before + self.span() / 3 * 2;
        let wanted = window.map_or(usual, |window| window.chosen);
        wanted.min(self.urgent_at()).max(obtained_at + A_DAY.min(self.span() / 6))
    }

    /// How it stands.
    pub fn age(self, now: Timestamp) -> Age {
        if now < self.not_before || self.not_after <= now {
            Age::Expired
        } else if self.urgent_at() <= now {
            Age::Expiring
        } else {
            Age::Valid
        }
    }
}

impl ChosenWindow {
    /// Chooses a point of the window by a random number, so that certificates that were made together are not renewed
    /// together. The point stays while the window is the same.
    pub fn choose(start: Timestamp, end: Timestamp, random: u64, before: Option<Self>) -> Self {
        match before {
            Some(before) if (before.start, before.end) == (start, end) => before,
            Some(_) | None => {
                let span = u64::try_from(end.since(start).as_millis()).unwrap_or(u64::MAX);
                let chosen = start + Duration::from_millis(random % span.max(1));
                Self { start, end, chosen }
            }
        }
    }
}

/// How long after the beginning of an attempt the next may follow, where it is the `failures`th in a row that brought no
/// certificate: certmagic's waits. `spread` is a random byte: up to an eighth is added, so that names that failed together do
/// not come back together.
pub fn wait_after(failures: u32, spread: u8) -> Duration {
    let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let minutes = WAITS_MIN.get(at).unwrap_or(&LONGEST_WAIT_MIN);
    let wait = Duration::from_secs(60 * minutes);
    wait + (wait / 2048) * u32::from(spread)
}

/// When the next attempt may follow one that began at `began` and brought `setback` at `now`. One that presses is tried each
/// hour at least, unless that is of no use.
pub fn next_try(
    setback: Setback,
    (began, now): (Timestamp, Timestamp),
    failures: u32,
    is_urgent: bool,
    spread: u8,
) -> Timestamp {
    let usual = wait_after(failures, spread);
    match setback {
        Setback::Temporary if is_urgent => began + usual.min(AN_HOUR),
        Setback::Temporary => began + usual,
        Setback::RateLimited(wait) => (began + usual).max(now + wait.min(LONGEST_REST)),
        Setback::Permanent => now + A_DAY,
    }
}

/// Whether an attempt is due. `failing_since` is the beginning of the last attempt, where that failed: where it lies ahead,
/// the clock was set back, and the wait that was counted from it means nothing. Clocks of several machines differ by less
/// than an hour.
pub fn is_due(now: Timestamp, next_try_at: Timestamp, failing_since: Option<Timestamp>) -> bool {
    next_try_at <= now || failing_since.is_some_and(|began| now + AN_HOUR < began)
}

/// Minutes between attempts.
const WAITS_MIN: [u64; 9] = [1, 2, 5, 10, 20, 60, 120, 180, LONGEST_WAIT_MIN];

const LONGEST_WAIT_MIN: u64 = 360;

const AN_HOUR: Duration = Duration::from_secs(3600);

const A_DAY: Duration = Duration::from_secs(86_400);

/// Longer than any limit of Let's Encrypt, which counts a week; what a wrong answer can cost.
const LONGEST_REST: Duration = Duration::from_secs(8 * 86_400);

#[cfg(test)]
mod tests {
    use super::{Age, ChosenWindow, Lifetime, Setback, is_due, next_try, wait_after};
    use crate::domain::time::Timestamp;
    use proptest::prelude::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn lasting(days: u32) -> Lifetime {
        Lifetime { not_before: NOW, not_after: NOW + DAY * days }
    }

    /// How many certificates are got when the service looks each hour for so many days, and what was in force worst.
    fn lived(days_of_life: u32, days: u32, fails: impl Fn(Timestamp) -> bool) -> (u32, Duration) {
        let mut life = lasting(days_of_life);
        let (mut due, mut failures, mut got) = (life.renew_at(None, NOW), 0, 1);
        let mut least = life.not_after.since(NOW);
        for hour in 0..days * 24 {
            let now = NOW + Duration::from_secs(3600) * hour;
            least = least.min(life.not_after.since(now));
            if !is_due(now, due, None) {
                continue;
            }
            failures += 1;
            if fails(now) {
                due = next_try(Setback::Temporary, (now, now), failures, life.urgent_at() <= now, 0);
            } else {
                life = Lifetime { not_before: now, not_after: now + DAY * days_of_life };
                (due, failures, got) = (life.renew_at(None, now), 0, got + 1);
            }
        }
        (got, least)
    }

    #[test]
    fn whatever_the_lifetime_a_third_of_it_is_left_at_each_renewal() {
        for days in [6, 45, 90] {
            let (got, least) = lived(days, 360, |_| false);

            assert!(least >= DAY * days / 3 - Duration::from_secs(3600), "{days}: {least:?}");
            assert!(got <= 360 * 3 / (days * 2) + 1, "{days}: {got} orders");
        }
    }

    #[test]
    fn an_authority_that_is_away_for_a_quarter_of_a_lifetime_costs_no_outage() {
        for days in [6, 45, 90] {
            let outage = |now: Timestamp| now.since(NOW) < DAY * days * 11 / 12;

            let (_, least) = lived(days, days * 2, outage);

            assert!(!least.is_zero(), "{days}");
        }
    }

    #[test]
    fn a_clock_that_jumps_ahead_renews_at_once_and_then_once_a_day_at_most() {
        for days in [6, 45, 90] {
            let life = lasting(days);
            let ahead = NOW + DAY * 400;
            assert!(is_due(ahead, life.renew_at(None, NOW), None), "{days}");

            // The authority's clock is right: what it gives has ended long ago by ours.
            let due = life.renew_at(None, ahead);

            assert_eq!(due, ahead + DAY, "{days}: no order without end");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_neither_orders_early_nor_waits_for_the_time_it_came_from() {
        for days in [6, 45, 90] {
            let life = lasting(days);
            let back = NOW.before(DAY * 400);
            assert!(!is_due(back, life.renew_at(None, NOW), None), "{days}");

            let began = NOW;
            let next = next_try(Setback::Temporary, (began, began), 8, false, 0);

            assert!(!is_due(began + Duration::from_secs(60), next, Some(began)));
            assert!(!is_due(began.before(Duration::from_secs(60)), next, Some(began)), "clocks differ");
            assert!(is_due(back, next, Some(began)), "{days}");
        }
    }

    #[test]
    fn the_authoritys_window_wins_but_never_over_the_last_twentieth() {
        let life = lasting(90);
        let window =
            |from: u32, to: u32| ChosenWindow::choose(NOW + DAY * from, NOW + DAY * to, 7 * 3_600_000, None);

        let early = window(20, 22);
        assert_eq!(life.renew_at(Some(early), NOW), NOW + DAY * 20 + Duration::from_secs(7 * 3600));
        assert_eq!(life.renew_at(Some(window(89, 95)), NOW), life.urgent_at());
        assert_eq!(life.renew_at(Some(window(0, 0)), NOW), NOW + DAY, "at once, but not over and over");
        assert_eq!(ChosenWindow::choose(early.start, early.end, 99, Some(early)), early, "chosen once");
        assert_ne!(ChosenWindow::choose(early.start, early.end + DAY, 99, Some(early)), early);
    }

    #[test]
    fn little_of_a_life_is_a_twentieth() {
        for (days, hours) in [(6, 7.2), (45, 54.0), (90, 108.0)] {
            let life = lasting(days);
            let left = |hours: f64| life.age(life.not_after.before(Duration::from_secs_f64(hours * 3600.0)));

            assert_eq!((left(hours + 1.0), left(hours - 1.0)), (Age::Valid, Age::Expiring), "{days}");
            assert_eq!(life.age(life.not_after), Age::Expired);
        }
        assert_eq!(lasting(6).age(NOW.before(DAY)), Age::Expired, "not yet");
    }

    #[test]
    fn waits_grow_from_a_minute_to_six_hours() {
        let minutes: Vec<_> = (1..=12).map(|n| wait_after(n, 0).as_secs() / 60).collect();

        assert_eq!(minutes, [1, 2, 5, 10, 20, 60, 120, 180, 360, 360, 360, 360]);
        assert_eq!(wait_after(0, 0), wait_after(1, 0));
        assert!(wait_after(9, u8::MAX) < Duration::from_secs(7 * 3600));
    }

    #[test]
    fn what_the_authority_says_is_kept_to_within_reason() {
        let at = |setback| next_try(setback, (NOW, NOW), 1, true, 0).since(NOW);
        let hours = |n: u64| Duration::from_secs(n * 3600);

        assert_eq!(at(Setback::RateLimited(hours(30))), hours(30));
        assert_eq!(at(Setback::RateLimited(Duration::ZERO)), Duration::from_secs(60));
        assert_eq!(at(Setback::RateLimited(DAY * 10_000)), DAY * 8);
        assert_eq!(at(Setback::Permanent), DAY);
        assert_eq!(next_try(Setback::Temporary, (NOW, NOW), 9, true, 0), NOW + hours(1), "it presses");
        assert_eq!(next_try(Setback::Temporary, (NOW, NOW), 9, false, 0), NOW + hours(6));
    }

    proptest! {
        #[test]
        fn the_chosen_point_is_in_its_window(start in 0_i64..9_000_000_000_000, span in 0_u64..9_000_000_000, random: u64) {
            let start = Timestamp::from_millis(start);
            let end = start + Duration::from_millis(span);

            let chosen = ChosenWindow::choose(start, end, random, None).chosen;

            prop_assert!(start <= chosen && chosen <= end);
        }

        #[test]
        fn a_certificate_is_renewed_while_it_counts(hours in 1_u32..20_000, chosen in 0_i64..4_000_000_000_000) {
            let life = Lifetime { not_before: NOW, not_after: NOW + Duration::from_secs(3600) * hours };
            let chosen = Timestamp::from_millis(chosen);
            let window = Some(ChosenWindow { start: chosen, end: chosen, chosen });

            for window in [None, window] {
                let at = life.renew_at(window, NOW);
                prop_assert!(NOW < at && at < life.not_after);
            }
        }
    }
}
