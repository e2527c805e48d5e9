//! Hashes and checks passwords: bounded work, away from the async threads.
//!
//! Invariants: an unknown user costs the same work as a known one, whatever hash that one has, up to the cost of our
//! own. (An imported hash of a higher cost takes longer, until its owner signs in and gets a new one.) One hash of
//! argon2 is checked at a time, so that imports never take more memory than one of them may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::runtime::clock::Clock;
use crate::runtime::tasks::{TaskError, Tasks};
use crate::secrets::password::{COST, MalformedHash, Password, PasswordHash, argon};

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
    /// The one check of argon2 that may be under way.
    roomy: Arc<Semaphore>,
    /// How long our own hash took to check lately, in nanoseconds.
    usual_ns: Arc<AtomicU64>,
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
            roomy: Arc::new(Semaphore::new(1)),
            usual_ns: Arc::default(),
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
        // Before a place among the running is taken: those who wait for memory hold up nobody else.
        let roomy = match &stored {
            Some(hash) if hash.is_argon2() => Some(self.admit_roomy().await?),
            Some(_) | None => None,
        };
        let timer = Timer { clock: Arc::clone(self.tasks.clock()), usual_ns: Arc::clone(&self.usual_ns) };
        self.run(move || {
            let _roomy = roomy;
            verify(&password, stored.as_ref(), &timer)
        })
        .await?
    }

    async fn admit_roomy(&self) -> Result<OwnedSemaphorePermit, WorkError> {
        if self.admitted.available_permits() == 0 {
            return Err(WorkError::Busy);
        }
        let roomy = Arc::clone(&self.roomy).acquire_owned();
        let waited = tokio::time::timeout(WorkError::RETRY_AFTER, roomy).await;
        waited.map_err(|_| WorkError::Busy)?.map_err(|_| WorkError::Busy)
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
    bcrypt::non_truncating_hash(password.expose(), cost)
        .map(PasswordHash::trusted)
        .map_err(|_| WorkError::Hash)
}

fn verify(password: &Password, stored: Option<&PasswordHash>, timer: &Timer) -> Result<Verdict, WorkError> {
    let Some(stored) = stored else {
        timer.measure(|| matches(password, NOBODY))?;
        return Ok(Verdict::Wrong);
    };
    if stored.is_argon2() {
        return verify_argon2(password, stored, timer);
    }
    if matches(password, stored.as_str())? {
        return Ok(Verdict::Right { needs_rehash: stored.needs_rehash() });
    }
    // A cheaper hash is quicker to refuse, which would tell that this login exists. The costs are powers of two, so
    // one round of each cost from its own on fills the rest exactly: 2^c + (2^c + … + 2^11) = 2^12.
    for cost in stored.cost()..COST {
        burn(password, cost)?;
    }
    Ok(Verdict::Wrong)
}

/// Argon2 and bcrypt have no common measure but time: what is left of the usual time is filled in small steps.
fn verify_argon2(password: &Password, stored: &PasswordHash, timer: &Timer) -> Result<Verdict, WorkError> {
    let began = timer.clock.instant();
    if argon::matches(password.expose(), stored.as_str()).map_err(WorkError::Stored)? {
        return Ok(Verdict::Right { needs_rehash: true });
    }
    let usual = match timer.usual_ns.load(Ordering::Relaxed) {
        0 => {
            timer.measure(|| matches(password, NOBODY))?;
            return Ok(Verdict::Wrong);
        }
        usual_ns => Duration::from_nanos(usual_ns).min(LONGEST_FILL),
    };
    while timer.clock.instant().saturating_duration_since(began) < usual {
        burn(password, STEP_COST)?;
    }
    Ok(Verdict::Wrong)
}

/// Remembers how long our own hash takes on this machine.
struct Timer {
    clock: Arc<dyn Clock>,
    usual_ns: Arc<AtomicU64>,
}

impl Timer {
    fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = self.clock.instant();
        let done = work();
        let took = self.clock.instant().saturating_duration_since(began);
        self.usual_ns.store(took.as_nanos().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }
}

fn burn(password: &Password, cost: u32) -> Result<(), WorkError> {
    bcrypt::hash_with_salt(password.expose(), cost, [0; 16]).map(drop).map_err(|_| WorkError::Hash)
}

fn matches(password: &Password, hash: &str) -> Result<bool, WorkError> {
    bcrypt::verify(password.expose(), hash).map_err(|_| WorkError::Stored(MalformedHash::Shape))
}

/// A check that was slow because the machine was busy must not make each one slow that follows.
const LONGEST_FILL: Duration = Duration::from_secs(1);

/// A two-hundred-and-fiftieth of a check: fine enough to fill a time with.
const STEP_COST: u32 = 4;

/// The hash of 48 random bytes nobody kept.
const NOBODY: &str = "$2b$12$4hN1Pae.CT.HTVWxVifwcuCbUV8R8JRt/ktevDBBhJFx9Ex5xATzW";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemClock;

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

    const ARGON2: &str =
        "$argon2id$v=19$m=65536,t=3,p=4$Hat6ENmxwHW9pfaUZr8ucg$b56jurpcGFu71yD2ZCSwYAc2hbM00Lg3WR10BuQZ4lY";

    fn work(parallel: usize, queue: usize) -> PasswordWork {
        PasswordWork::new(Tasks::current(Arc::new(SystemClock::new())), parallel, queue)
    }

    /// Cost 4 is for tests of the queue and the length only.
    fn quick(parallel: usize, queue: usize) -> PasswordWork {
        PasswordWork { cost: 4, ..work(parallel, queue) }
    }

    #[tokio::test]
    async fn a_wrong_password_against_argon2_takes_no_less_than_one_against_nobody() {
        let work = work(1, 8);
        let password = Password::presented("wrong").unwrap();
        let hash = PasswordHash::parse(ARGON2).unwrap();
        let took = async |stored: Option<&PasswordHash>| {
            let began = std::time::Instant::now();
            assert_eq!(work.verify(&password, stored).await, Ok(Verdict::Wrong));
            began.elapsed()
        };

        let nobody = took(None).await;
        let imported = took(Some(&hash)).await;

        assert!(imported >= nobody * 4 / 5, "{imported:?} against {nobody:?}");
    }

    #[tokio::test]
    async fn of_imports_of_argon2_one_is_checked_at_a_time_and_the_rest_is_shed() {
        let work = quick(2, 0);
        let password = Password::presented("secret").unwrap();
        let hash = PasswordHash::parse(ARGON2).unwrap();
        let _all = Arc::clone(&work.admitted).acquire_many_owned(2).await.unwrap();

        assert_eq!(work.verify(&password, Some(&hash)).await, Err(WorkError::Busy));
    }

    /// "secret", as libxcrypt, PHP 8.2.36 and argon2-cffi 25.1.0 hashed it.
    const IMPORTED: [&str; 6] = [
        "$2y$10$HXcWdpFvdT/EAb0a0qXm6eReGKOjVmQ6FTtd9cW3bFzYPb.pTDSdi",
        ARGON2,
        "$argon2i$v=19$m=65536,t=4,p=1$U3JvRlBPUzA2TktBOTIzUg$ufpPrhFHv9aiUw4hi6N1QDQC6OvbE9upOYLLjOKL9nY",
        "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u",
        "$2b$11$abcdefghijklmnopqrstuuViuGI07N4McP9Kl.tD6XMEzyuvcY8LG",
        "$2a$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u",
    ];
}
