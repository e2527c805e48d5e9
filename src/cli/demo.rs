//! stub
use crate::cli::failure::Failure;use crate::cli::output::Form;use crate::daemon::exit::Exit;
/// Stub.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {}
pub(super) fn run(_: &DemoArgs, _: Form) -> Result<Exit, Failure> { Ok(Exit::Success) }
