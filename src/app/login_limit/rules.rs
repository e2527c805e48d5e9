//! The rules by which attempts are limited.

use crate::app::login_limit::table::Rule;

/// An office behind one address signs in together; twenty a minute, the default, is still no guessing.
pub(super) const ADDRESS: Rule = Rule {
    burst: 20,
    period_ms: 3_000,
    free_failures: 10,
    first_wait_ms: 1_000,
    longest_wait_ms: 300_000,
    forget_ms: 3_600_000,
};

/// A minute at most, as the letter about it says, because anybody can make somebody else's account wait. It still
/// holds a guesser from any number of addresses to 1,440 guesses a day, nothing against twelve characters.
pub(super) const ACCOUNT: Rule = Rule {
    burst: 10,
    period_ms: 6_000,
    free_failures: 5,
    first_wait_ms: 1_000,
    longest_wait_ms: 60_000,
    forget_ms: 3_600_000,
};

/// Six digits are guessed in days where passwords take for ever, so the waits grow to an hour, as the letter about it
/// says, and are remembered for a day: some 25 guesses a day, of which one in 13,000 days would be right. It is not for
/// an operator to turn off. Only who knows the password comes this far, so nobody else can make an account wait.
pub(super) const SECOND_FACTOR: Rule = Rule {
    burst: 10,
    period_ms: 6_000,
    free_failures: 3,
    first_wait_ms: 1_000,
    longest_wait_ms: 3_600_000,
    forget_ms: 86_400_000,
};

/// What an address gets during an alarm that nobody signed in from lately: two tries, then one every half minute.
pub(super) const SLOWED: Rule = Rule { burst: 2, period_ms: 30_000, ..ADDRESS };

/// Different logins that may fail from one address within ten minutes, and from one that somebody signed in from. They
/// are told apart by 64 groups, so the ninth and the fourteenth are about the first that are too many.
pub(super) const MOST_ACCOUNTS: u32 = 8;
pub(super) const MOST_ACCOUNTS_WHERE_KNOWN: u32 = 12;

/// What a failure counts from an address that tries many accounts.
pub(super) const STUFFING_WEIGHT: u32 = 4;
