//! The async runtimes of the process: one of many threads for the service, one of a single thread for a verb.
//!
//! Invariant: at the end nothing is waited for. Who wants work to end in order drains it first.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Keeps the kernel from backing the heap with pages of 2 MiB: the allocator's first arena would cost 20 MiB of memory
/// that nothing uses. Counts for the threads that the caller starts afterwards, so call it first.
pub fn prefer_small_pages() {
    // A kernel without the setting has nothing to turn off.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Runs the service's `main` on a thread for each core. What still runs when it returns is left behind.
///
/// # Errors
/// When the system gives no threads.
pub fn run<T>(main: impl Future<Output = T>) -> io::Result<T> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("worker")
        .build()
        .map(|runtime| finish(runtime, main))
}

/// Runs `main` on the calling thread: for a verb of the command line, or a thread that must await something.
///
/// # Errors
/// When the system gives no event queue.
pub fn run_here<T>(main: impl Future<Output = T>) -> io::Result<T> {
    Builder::new_current_thread().enable_all().build().map(|runtime| finish(runtime, main))
}

fn finish<T>(runtime: Runtime, main: impl Future<Output = T>) -> T {
    let outcome = runtime.block_on(main);
    // Dropping it would wait for blocking work without an end.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use super::{run, run_here};
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_stuck_does_not_hold_up_the_end() {
        let began = Instant::now();

        let outcome = run(async {
            drop(tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(5))));
            7
        });

        assert!(matches!(outcome, Ok(7)));
        assert!(began.elapsed() < Duration::from_secs(4));
        assert!(matches!(run_here(async { 8 }), Ok(8)));
    }
}
