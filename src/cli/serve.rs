//! `caspervpn serve`: the service itself.

use std::io::{self, IsTerminal};

use crate::cli::failure::{Failure, note};
use crate::cli::output::Form;
use crate::cli::reach::{Reach, reach};
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
    let start = Start {
        settings,
        args,
        level,
        node: None,
        offer_link: io::stdout().is_terminal(),
        output: || Box::new(io::stdout()),
    };
    let ended = executor::run(serve(start, passed, announce));
    ended.map_err(Failure::terminal("start a runtime"))?.map_err(Failure::serve)
}

/// Tells a person at a terminal where to go. A journal gets no link: whoever reads it may not be the operator.
fn announce(started: &Started) {
    match (&started.setup, started.page.as_ref().map(reach)) {
        (SetupNeed::Open, _) => {
            note("the service is not set up yet; `caspervpn setup-link` prints a link that does it");
        }
        (SetupNeed::Link(_), None) => {
            note(
                "the service is not set up yet, and its pages are served nowhere; set listen.https or listen.api",
            );
        }
        // The service runs whether or not somebody can read this.
        (SetupNeed::Link(token), Some(way)) => {
            drop(Form::Text.raw(&invitation(&way, token, started.fingerprint.as_deref())));
        }
        (SetupNeed::Done, Some(way)) if io::stdout().is_terminal() => {
            drop(Form::Text.raw(&format!("\n  Ready at {}\n\n", way.base)));
        }
        (SetupNeed::Done, _) => {}
    }
}

fn invitation(way: &Reach, token: &str, fingerprint: Option<&str>) -> String {
    let hint = way.hint.as_ref().map(|hint| format!("  ({hint})\n\n")).unwrap_or_default();
    let warned = fingerprint.filter(|_| way.base.starts_with("https:")).map(|fingerprint| {
        format!("  The browser will warn that nobody vouches for the certificate. Go on if its SHA-256 is\n\n    {fingerprint}\n\n")
    });
    format!(
        "\n  Ready. Set it up, once, at\n\n    {}/setup#{token}\n\n{hint}{}",
        way.base,
        warned.unwrap_or_default()
    )
}
