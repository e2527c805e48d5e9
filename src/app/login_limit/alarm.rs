//! Notices guessing that no single address or account shows: too many failures in all, one password on many accounts.
//!
//! Invariants: memory is fixed; of a password nothing is kept but its part in a sketch under a key of this process, too
//! small to tell which password it was.

use crate::domain::time::Timestamp;

/// Failures in all that raise the alarm, within a minute. Twenty people who mistype three times each do not.
pub(super) const MOST_FAILURES: u32 = 60;
/// How long an alarm lasts after what raised it.
pub(super) const LASTS_MS: i64 = 5 * 60_000;
/// Different logins that may fail with the same password.
const MOST_ACCOUNTS: u32 = 8;
/// How long logins are counted together.
pub(super) const WITHIN_MS: i64 = 10 * 60_000;

const ROWS: usize = 2;
const CELLS: usize = 4096;

/// What the whole process has seen fail.
#[derive(Debug)]
pub(super) struct Alarm {
    minute_began_ms: i64,
    failures: u32,
    failures_before: u32,
    until_ms: i64,
    passwords: Box<[[Cell; CELLS]; ROWS]>,
}

/// Passwords that fall together, and by one bit each the groups of logins they failed with.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    since_ms: i64,
    logins: u64,
}

/// Where a password falls in each row.
pub(super) type Places = [usize; ROWS];

impl Alarm {
    /// Bytes held.
    pub(super) const BYTES: usize = size_of::<Self>() + ROWS * CELLS * size_of::<Cell>();

    pub(super) fn new() -> Self {
        Self {
            minute_began_ms: 0,
            failures: 0,
            failures_before: 0,
            until_ms: 0,
            passwords: Box::new([[Cell::default(); CELLS]; ROWS]),
        }
    }

    /// A failure; true where it raises the alarm.
    pub(super) fn count(&mut self, now: Timestamp) -> bool {
        self.turn(now);
        self.failures = self.failures.saturating_add(1);
        self.recent(now) > MOST_FAILURES && self.raise(now)
    }

    /// A password that failed with a login; true where it has failed with too many.
    pub(super) fn note_password(&mut self, places: Places, login_bit: u64, now: Timestamp) -> bool {
        let now_ms = now.as_millis();
        let (mut before, mut after) = (u32::MAX, u32::MAX);
        for (row, place) in self.passwords.iter_mut().zip(places) {
            let cell = &mut row[place % CELLS];
            if !(0..WITHIN_MS).contains(&(now_ms - cell.since_ms)) {
                *cell = Cell { since_ms: now_ms, logins: 0 };
            }
            before = before.min(cell.logins.count_ones());
            cell.logins |= login_bit;
            after = after.min(cell.logins.count_ones());
        }
        let is_new = before <= MOST_ACCOUNTS && after > MOST_ACCOUNTS;
        if after > MOST_ACCOUNTS {
            self.raise(now);
        }
        is_new
    }

    /// Until when addresses that nobody signed in from are slowed down.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        // An end further away than any means that the clock was set back.
        let left_ms = self.until_ms - now.as_millis();
        (1..=LASTS_MS).contains(&left_ms).then_some(Timestamp::from_millis(self.until_ms))
    }

    /// Failures of the last minute, about: of the minute before, the part that is not over counts.
    pub(super) fn recent(&self, now: Timestamp) -> u32 {
        let into_ms = now.as_millis() - self.minute_began_ms;
        match into_ms {
            0..60_000 => {
                let left = u64::from(self.failures_before) * (60_000 - into_ms.unsigned_abs()) / 60_000;
                self.failures.saturating_add(u32::try_from(left).unwrap_or(u32::MAX))
            }
            60_000..120_000 => self.failures,
            _ => 0,
        }
    }

    /// True where there was none.
    fn raise(&mut self, now: Timestamp) -> bool {
        let was_quiet = self.until(now).is_none();
        self.until_ms = now.as_millis() + LASTS_MS;
        was_quiet
    }

    fn turn(&mut self, now: Timestamp) {
        let now_ms = now.as_millis();
        let before = match now_ms - self.minute_began_ms {
            0..60_000 => return,
            60_000..120_000 => self.failures,
            _ => 0,
        };
        (self.minute_began_ms, self.failures_before, self.failures) = (now_ms, before, 0);
    }
}
