//! `caspervpn serve`: the service itself.

use std::io::{self, IsTerminal};

use crate::cli::failure::{Failure, note};
use crate::cli::output::Form;
use crate::config::Settings;
use crate::config::load::Args;
use crate::daemon::exit::Exit;
use crate::daemon::serve::{SetupNeed, Start, Started, serve};
use crate::edge::listener::PassedSockets;
use crate::runtime::executor;
use crate::telemetry::logging;

/// Runs it.
pub(super) fn run(settings: Settings, args: Args) -> Result<Exit, Failure> {
    let journal = settings.environment.find("JOURNAL_STREAM").is_some();
    let level = logging::start(&settings.log, journal).map_err(|cause| Failure::Verb(cause.to_string()))?;
    let passed = PassedSockets::take(settings.environment.socket_names());
    let start = Start { settings, args, level, node: None, offer_link: io::stdout().is_terminal() };
    let ended = executor::run(serve(start, passed, announce));
    ended.map_err(Failure::terminal("start a runtime"))?.map_err(Failure::serve)
}

/// Tells a person at a terminal where to go. A journal gets no link: whoever reads it may not be the operator.
fn announce(started: &Started) {
    let Some(api) = started.api else { return };
    let base = format!("http://{api}");
    let text = match &started.setup {
        SetupNeed::Link(token) => {
            format!("\n  Ready. Set it up, once, at\n\n    {base}/setup#{}\n\n", **token)
        }
        SetupNeed::Open => {
            return note("the service is not set up yet; `caspervpn setup-link` prints a link that does it");
        }
        SetupNeed::Done if io::stdout().is_terminal() => format!("\n  Ready at {base}\n\n"),
        SetupNeed::Done => return,
    };
    // The service runs whether or not somebody can read this.
    drop(Form::Text.raw(&text));
}
