//! `caspervpn demo`: prints where to look and how to sign in; the demonstration itself is the daemon's.

use std::net::SocketAddr;

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::{Column, Form};
use crate::config::environment::Environment;
use crate::daemon::demo::{Shown, demo};
use crate::daemon::exit::Exit;
use crate::runtime::executor;

/// How it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Where the panel and the API listen; a free port of this host where it is left out.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

const SHOWN: &[Column] =
    &[("PANEL", "/url"), ("LOGIN", "/login"), ("PASSWORD", "/password"), ("DATA DIR", "/data_dir")];

/// Runs it until a signal.
pub(super) fn run(args: &DemoArgs, form: Form) -> Result<Exit, Failure> {
    let environment = Environment::of_process();
    let announce = |shown: &Shown| {
        let answer = json!({
            "url": shown.url, "login": shown.login, "password": *shown.password, "data_dir": shown.data_dir,
        });
        // It goes on whether or not somebody reads this.
        drop(form.one(&answer, SHOWN));
        if !form.is_json() {
            drop(form.raw("\nThree clients are talking. Press Ctrl-C to end it; nothing is left then.\n"));
        }
    };
    let ended = executor::run(demo(args.listen, &environment, announce));
    ended.map_err(Failure::terminal("start a runtime"))?.map_err(|cause| {
        let exit = cause.exit();
        Failure::Service(Box::new(cause), exit)
    })
}
