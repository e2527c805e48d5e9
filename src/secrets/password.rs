//! Passwords: their rule, their hashes, and the bounded work of checking them.
//!
//! Invariants: a password is never cut (bcrypt reads 72 bytes and ignores the rest in silence, so more is an error),
//! never printed, and never hashed on an async thread. An unknown user costs the same work as a known one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::ZeroizeOnDrop;

use crate::runtime::tasks::{TaskError, Tasks};

/// A password somebody typed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Fewest bytes of a new password.
    pub const MIN_BYTES: usize = 12;
    /// Most bytes of any password: bcrypt reads 72, one of which is its terminator.
    pub const MAX_BYTES: usize = 71;

    /// A new password, by the rule for new ones: 12 to 71 bytes.
    ///
    /// # Errors
    /// [`PasswordRule`], which says the rule and not the password.
    pub fn parse(text: impl Into<String>) -> Result<Self, PasswordRule> {
        let password = Self::presented(text)?;
        let size_bytes = password.0.len();
        if size_bytes < Self::MIN_BYTES {
            return Err(PasswordRule::TooShort { size_bytes });
        }
        Ok(password)
    }

    /// A password shown at login. It may be short: a user imported from the old stack had another rule.
    ///
    /// # Errors
    /// [`PasswordRule`] when it is empty, too long, or holds a NUL, at which other bcrypts stop reading.
    pub fn presented(text: impl Into<String>) -> Result<Self, PasswordRule> {
        let password = Self(text.into());
        let size_bytes = password.0.len();
        if size_bytes > Self::MAX_BYTES {
            return Err(PasswordRule::TooLong { size_bytes });
        }
        if size_bytes == 0 {
            return Err(PasswordRule::TooShort { size_bytes });
        }
        if password.0.contains('\0') {
            return Err(PasswordRule::Nul);
        }
        Ok(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// A password that breaks the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// Too short.
    #[error("a password has at least {} bytes; this one has {size_bytes}", Password::MIN_BYTES)]
    TooShort {
        /// Size found.
        size_bytes: usize,
    },
    /// Too long to be hashed whole.
    #[error(
        "a password has at most {} bytes (letters beyond ASCII count two to four); this one has {size_bytes}",
        Password::MAX_BYTES
    )]
    TooLong {
        /// Size found.
        size_bytes: usize,
    },
    /// Holds a NUL character.
    #[error("a password holds no NUL character")]
    Nul,
}

/// A bcrypt hash as it is stored. It prints as `***`: it can be guessed against.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads a stored or imported hash: `$2a$`, `$2b$` or `$2y$`.
    ///
    /// # Errors
    /// [`MalformedHash`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, MalformedHash> {
        // `$2x$` marks hashes of a crypt_blowfish that lost bits of non-ASCII passwords: never verified.
        if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            return Err(MalformedHash::Kind);
        }
        let parts: bcrypt::HashParts = text.parse().map_err(|_| MalformedHash::Shape)?;
        if !(LOWEST_COST..=HIGHEST_COST).contains(&parts.get_cost()) {
            return Err(MalformedHash::Cost { cost: parts.get_cost() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The two digits after the kind, which [`PasswordHash::parse`] proved to be there.
    fn cost(&self) -> u32 {
        self.0.get(4..6).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    fn needs_rehash(&self) -> bool {
        !self.0.starts_with("$2b$") || self.cost() != COST
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// A stored hash that cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHash {
    /// Another kind of hash.
    #[error("the stored password hash is not of bcrypt ($2a$, $2b$ or $2y$)")]
    Kind,
    /// Not 60 characters of the right alphabet.
    #[error("the stored bcrypt hash is damaged")]
    Shape,
    /// A cost that is no protection, or one that would stop the service.
    #[error("the stored bcrypt hash has cost {cost}; {LOWEST_COST} to {HIGHEST_COST} are verified")]
    Cost {
        /// Cost found.
        cost: u32,
    },
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right {
        /// The hash is of an older kind or cost: store a new one now, while the password is at hand.
        needs_rehash: bool,
    },
    /// It is not, or there is no such user.
    Wrong,
}

/// Hashes and verifies passwords: a fixed number at once, a fixed number waiting, and the rest turned away.
#[derive(Debug, Clone)]
pub struct PasswordWork {
    tasks: Tasks,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    cost: u32,
}

impl PasswordWork {
    /// At most `parallel` hashes at once and `queue` callers waiting. Each takes about a quarter of a second.
    pub fn new(tasks: Tasks, parallel: usize, queue: usize) -> Self {
        let parallel = parallel.max(1);
        Self {
            tasks,
            admitted: Arc::new(Semaphore::new(parallel.saturating_add(queue).min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(parallel)),
            cost: COST,
        }
    }

    /// Hashes a password for storing.
    ///
    /// # Errors
    /// [`WorkError::Busy`] when the queue is full.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, WorkError> {
        let password = password.clone();
        let cost = self.cost;
        self.run(move || hash(&password, cost)).await?
    }

    /// Checks a password against the stored hash, or against nothing when there is no such user: the same work,
    /// so that the time tells nobody which logins exist.
    ///
    /// # Errors
    /// [`WorkError::Busy`] when the queue is full.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, WorkError> {
        let password = password.clone();
        let stored = stored.cloned();
        self.run(move || verify(&password, stored.as_ref())).await?
    }

    /// Runs work when its turn comes. The permits go with the work, not with the caller: a caller who hangs up
    /// must not make room for another while his hash is still being computed.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| WorkError::Busy)?;
        // Nobody closes this semaphore; were it closed, the answer would be the same as for a full queue.
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| WorkError::Busy)?;
        let permits = Permits { _admitted: admitted, _running: running };
        let task = self.tasks.spawn_blocking("password", move || {
            let _permits = permits;
            work()
        });
        task.await.map_err(WorkError::Stopped)
    }
}

struct Permits {
    _admitted: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

/// Why password work was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// More logins at once than this machine can check. The answer is 503 with `Retry-After`.
    #[error("too many passwords are being checked; try again in {} s", Self::RETRY_AFTER.as_secs())]
    Busy,
    /// The process is stopping, or the work panicked.
    #[error("finish the work on a password")]
    Stopped(#[source] TaskError),
    /// The library refused the input or had no randomness.
    #[error("hash the password")]
    Hash,
    /// The stored hash is damaged.
    #[error("check the password")]
    Stored(#[source] MalformedHash),
}

impl WorkError {
    /// When a caller turned away may try again.
    pub const RETRY_AFTER: Duration = Duration::from_secs(2);
}

fn hash(password: &Password, cost: u32) -> Result<PasswordHash, WorkError> {
    bcrypt::non_truncating_hash(&password.0, cost).map(PasswordHash).map_err(|_| WorkError::Hash)
}

fn verify(password: &Password, stored: Option<&PasswordHash>) -> Result<Verdict, WorkError> {
    let Some(stored) = stored else {
        matches(password, NOBODY)?;
        return Ok(Verdict::Wrong);
    };
    if matches(password, &stored.0)? {
        return Ok(Verdict::Right { needs_rehash: stored.needs_rehash() });
    }
    if stored.cost() < COST {
        // A cheaper hash is quicker to refuse, which would tell that this login exists.
        matches(password, NOBODY)?;
    }
    Ok(Verdict::Wrong)
}

fn matches(password: &Password, hash: &str) -> Result<bool, WorkError> {
    bcrypt::verify(&password.0, hash).map_err(|_| WorkError::Stored(MalformedHash::Shape))
}

/// 2^12 rounds, about 0.2 s of one core: OWASP asks for 10 or more.
const COST: u32 = 12;
/// PHP's and Laravel's own default; what is cheaper has been guessable for years.
const LOWEST_COST: u32 = 10;
/// 2^15 rounds take about two seconds. An imported hash of cost 31 would hold a core for a day.
const HIGHEST_COST: u32 = 15;
/// The hash of 48 random bytes nobody kept.
const NOBODY: &str = "$2b$12$4hN1Pae.CT.HTVWxVifwcuCbUV8R8JRt/ktevDBBhJFx9Ex5xATzW";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemClock;

    #[test]
    fn length_rule_has_both_ends() {
        for (size, expected) in [
            (11, Err(PasswordRule::TooShort { size_bytes: 11 })),
            (12, Ok(())),
            (71, Ok(())),
            (72, Err(PasswordRule::TooLong { size_bytes: 72 })),
        ] {
            assert_eq!(Password::parse("x".repeat(size)).map(drop), expected);
        }
        assert_eq!(Password::parse("ö".repeat(36)).map(drop), Err(PasswordRule::TooLong { size_bytes: 72 }));
        assert_eq!(Password::parse("0123456789\0ab").map(drop), Err(PasswordRule::Nul));
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let password = Password::parse("correct horse battery").unwrap();
        let hash = PasswordHash::parse(NOBODY).unwrap();

        assert_eq!(format!("{password:?} {hash:?}"), "Password(***) PasswordHash(***)");
    }

    #[tokio::test]
    async fn hash_verifies_and_needs_no_rehash() {
        let work = work(1, 4);
        let password = Password::parse("correct horse battery").unwrap();

        let hash = work.hash(&password).await.unwrap();

        assert!(hash.as_str().starts_with("$2b$12$"));
        assert_eq!(work.verify(&password, Some(&hash)).await, Ok(Verdict::Right { needs_rehash: false }));
        let other = Password::parse("correct horse batterz").unwrap();
        assert_eq!(work.verify(&other, Some(&hash)).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn all_71_bytes_count() {
        let work = quick(1, 4);
        let long = |last: char| Password::parse(format!("{}{last}", "x".repeat(70))).unwrap();

        let hash = work.hash(&long('a')).await.unwrap();

        assert_eq!(work.verify(&long('b'), Some(&hash)).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn imported_hashes_verify_and_ask_for_a_new_one() {
        let work = work(1, 8);
        let password = Password::presented("secret").unwrap();

        for text in IMPORTED {
            let hash = PasswordHash::parse(text).unwrap();
            let verdict = work.verify(&password, Some(&hash)).await;
            assert_eq!(verdict, Ok(Verdict::Right { needs_rehash: true }), "{text}");
        }
    }

    #[tokio::test]
    async fn unknown_user_is_wrong_whatever_the_password() {
        let work = work(1, 1);

        let verdict = work.verify(&Password::presented("x").unwrap(), None).await;

        assert_eq!(verdict, Ok(Verdict::Wrong));
    }

    #[test]
    fn garbage_hashes_are_errors() {
        for (text, expected) in [
            ("", MalformedHash::Kind),
            ("plaintext", MalformedHash::Kind),
            ("$2x$10$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S", MalformedHash::Kind),
            ("$2y$10$short", MalformedHash::Shape),
            ("$2y$xx$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S", MalformedHash::Shape),
            ("$2y$10$öböböböböböböböböböböböböböböböböböböböböböböböböbö5", MalformedHash::Shape),
            ("$2y$04$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S", MalformedHash::Cost { cost: 4 }),
            (
                "$2y$31$abcdefghijklmnopqrstuuKb9rIpt2PyVR0.oB4R0CZV5oSkbOG7S",
                MalformedHash::Cost { cost: 31 },
            ),
        ] {
            assert_eq!(PasswordHash::parse(text), Err(expected), "{text}");
        }
    }

    #[tokio::test]
    async fn caller_past_the_queue_is_turned_away_at_once() {
        let work = quick(1, 1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let running = {
            let work = work.clone();
            async move { work.run(move || held.recv().is_ok()).await }
        };
        let waiting = {
            let work = work.clone();
            async move { work.run(|| ()).await }
        };
        let mut running = std::pin::pin!(running);
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_util::poll!(&mut running).is_pending());
        assert!(futures_util::poll!(&mut waiting).is_pending());

        let turned_away = work.run(|| ()).await;

        assert_eq!(turned_away, Err(WorkError::Busy));
        release.send(()).unwrap();
        assert_eq!(running.await, Ok(true));
        assert_eq!(waiting.await, Ok(()));
        assert_eq!(work.run(|| ()).await, Ok(()));
    }

    #[tokio::test]
    async fn caller_who_hangs_up_keeps_his_place_until_the_work_ends() {
        let work = quick(1, 0);
        let (release, held) = std::sync::mpsc::channel::<()>();
        {
            let mut gone = Box::pin(work.run(move || held.recv().is_ok()));
            assert!(futures_util::poll!(&mut gone).is_pending());
        }

        assert_eq!(work.run(|| ()).await, Err(WorkError::Busy));
        release.send(()).unwrap();
        while work.run(|| ()).await == Err(WorkError::Busy) {
            tokio::task::yield_now().await;
        }
    }

    fn work(parallel: usize, queue: usize) -> PasswordWork {
        PasswordWork::new(Tasks::current(Arc::new(SystemClock::new())), parallel, queue)
    }

    /// Cost 4 is for tests of the queue and the length only.
    fn quick(parallel: usize, queue: usize) -> PasswordWork {
        PasswordWork { cost: 4, ..work(parallel, queue) }
    }

    /// "secret", as libxcrypt hashed it.
    const IMPORTED: [&str; 3] = [
        "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u",
        "$2b$11$abcdefghijklmnopqrstuuViuGI07N4McP9Kl.tD6XMEzyuvcY8LG",
        "$2a$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u",
    ];
}
