//! Starts the verb the command line names.

/// One allocator for the static binary: musl's own takes a global lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    caspervpn::cli::main().into()
}
