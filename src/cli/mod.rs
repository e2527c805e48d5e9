//! The verbs of the command line.
//!
//! Invariant: a verb reads and changes the service through `/api/v1` alone, whether the server runs or not.

mod access;
mod acme;
mod api_token;
mod ask;
mod audit;
mod client;
mod config;
mod demo;
mod device;
mod device_config;
mod doctor;
mod failure;
mod healthcheck;
mod identity_provider;
mod invite;
mod job;
mod link;
mod mail;
mod master_key;
mod network;
mod node;
mod node_network;
mod output;
mod overview;
mod page;
mod password;
mod ratelimit;
mod reach;
mod serve;
mod session;
mod settings;
mod setup;
mod support_bundle;
mod tar;
mod tls;
mod usage;
mod user;
mod value;
mod webhook;

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::ask::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Form;
use crate::config::Settings;
use crate::config::environment::Environment;
use crate::config::load::Args;
use crate::daemon::exit::Exit;
use crate::runtime::executor;
use crate::tls::install_provider;

/// A whole VPN service in one binary: API, WireGuard, admin panel and command line.
///
/// Verbs ask the running server over its local socket; with the server stopped they do the same themselves. Either
/// way they act as the machine's administrator, so run them as root or as the service's user.
#[derive(Debug, Parser)]
#[command(
    name = "caspervpn",
    version,
    max_term_width = 110,
    after_help = "Examples:\n  caspervpn serve\n  caspervpn setup-link\n  caspervpn device create phone --user ada --qr\n\n\
                  Exit codes: 0 done, 1 the verb failed, 2 wrong usage, 75 something outside is down or busy,\n\
                  78 settings, data directory or migration refused."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
struct Common {
    /// Read the settings from this file instead of /etc/caspervpn/caspervpn.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Filled by [`parse`] from every place of the line.
    #[arg(skip)]
    assignments: Vec<String>,
    /// Directory of the database, the keys and the local socket.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answer with JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the service until a signal stops it.
    #[command(after_help = "Example:\n  caspervpn serve --data-dir ./var --set listen.api=127.0.0.1:8080")]
    Serve,
    /// Run a demonstration with made-up users and real traffic. Needs no root; everything is gone at its end.
    #[command(after_help = "Example:\n  caspervpn demo --listen 127.0.0.1:8080")]
    Demo(demo::DemoArgs),
    /// Boot settings: the file, the environment, the flags.
    #[command(subcommand)]
    Config(config::ConfigVerb),
    /// Look for what keeps the service from working on this machine, and say how to mend it.
    #[command(after_help = "Example:\n  sudo caspervpn doctor")]
    Doctor,
    /// Ask the running server whether it is ready. For load balancers, containers and scripts.
    #[command(after_help = "Example:\n  caspervpn healthcheck || systemctl restart caspervpn")]
    Healthcheck,
    /// Write a .tar file for whoever helps you: settings, versions, findings and figures, without secrets, names,
    /// keys or addresses.
    #[command(after_help = "Example:\n  sudo caspervpn support-bundle --file bundle.tar")]
    SupportBundle(support_bundle::BundleArgs),
    /// What is done through the API.
    #[command(flatten)]
    Api(ApiVerb),
}

/// What is done through the API, whether the server runs or not.
#[derive(Debug, Subcommand)]
enum ApiVerb {
    /// Print a new one-time link that sets the service up. The one before is dead.
    #[command(after_help = "Example:\n  caspervpn setup-link")]
    SetupLink,
    /// Set the service up unattended, as a file describes it.
    #[command(after_help = setup::HELP)]
    Setup(setup::SetupArgs),
    /// Show how everything does: devices, users, traffic, nodes, networks, certificates, and what is wrong.
    #[command(after_help = "Example:\n  caspervpn overview")]
    Overview,
    /// Show what all devices moved by day, or those of a user or a network.
    #[command(after_help = "Example:\n  caspervpn usage --network home --from 2026-11-01 --to 2026-11-30")]
    Usage(usage::UsageArgs),
    /// Users: accounts that own devices.
    #[command(subcommand)]
    User(user::UserVerb),
    /// Invites: links by which people make their own accounts.
    #[command(subcommand)]
    Invite(invite::InviteVerb),
    /// Networks: address pools and what their clients are told.
    #[command(subcommand)]
    Network(network::NetworkVerb),
    /// Nodes: servers that carry tunnels.
    #[command(subcommand)]
    Node(node::NodeVerb),
    /// Devices: the peers of the tunnel, their configurations and their usage.
    #[command(subcommand)]
    Device(device::DeviceVerb),
    /// Sessions: clients that are signed in.
    #[command(subcommand)]
    Session(session::SessionVerb),
    /// API tokens: what programs hold to speak for a user.
    #[command(subcommand)]
    ApiToken(api_token::ApiTokenVerb),
    /// Webhooks: programs elsewhere that are told of what happens here.
    #[command(subcommand)]
    Webhook(webhook::WebhookVerb),
    /// Jobs: letters and calls of webhooks that wait, or that were given up.
    #[command(subcommand)]
    Job(job::JobVerb),
    /// Identity providers: where people are known already.
    #[command(subcommand)]
    IdentityProvider(identity_provider::IdentityProviderVerb),
    /// The audit: who did what.
    #[command(subcommand)]
    Audit(audit::AuditVerb),
    /// The limits of sign-in: who must wait, and lifting it.
    #[command(subcommand, name = "ratelimit")]
    RateLimit(ratelimit::RateLimitVerb),
    /// The master key, which seals every secret in the database.
    #[command(subcommand)]
    MasterKey(master_key::MasterKeyVerb),
    /// Certificates: what is served, and ordering one now.
    #[command(subcommand)]
    Tls(tls::TlsVerb),
    /// From where the panel and the API may be reached.
    #[command(subcommand)]
    Access(access::AccessVerb),
    /// Policy that is changed while the service runs.
    #[command(subcommand)]
    Settings(settings::SettingsVerb),
}

/// Runs the verb that the process was started with.
pub fn main() -> Exit {
    executor::prefer_small_pages();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(refused) => {
            // Help goes to standard output and is no failure. That nobody reads it is none either.
            drop(refused.print());
            return if refused.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    install_provider();
    match run(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print();
            failure.exit()
        }
    }
}

/// Reads the command line.
///
/// `--set` may stand before the verb and after it. An argument that clap itself spreads over both places keeps the values
/// of one of them only, so each level takes its own here and they are put together.
fn parse() -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches()?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.common.assignments = assignments(&matches);
    Ok(cli)
}

fn command() -> clap::Command {
    accept_set(Cli::command())
}

fn accept_set(command: clap::Command) -> clap::Command {
    let set = clap::Arg::new(SET)
        .long(SET)
        .action(clap::ArgAction::Append)
        .value_name("SECTION.KEY=VALUE")
        .help("Set a boot setting; repeat it for more. It wins over the file and the environment")
        .help_heading("Common options");
    command.arg(set).mut_subcommands(accept_set)
}

const SET: &str = "set";

fn assignments(matches: &clap::ArgMatches) -> Vec<String> {
    let here = matches.try_get_many::<String>(SET).ok().flatten().into_iter().flatten().cloned();
    let below = matches.subcommand().map(|(_, matches)| assignments(matches));
    here.chain(below.into_iter().flatten()).collect()
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let form = if cli.common.json { Form::Json } else { Form::Text };
    let args = cli.common.args()?;
    // A demonstration has settings of its own; a fault in the machine's must not keep it from running.
    let load = || Settings::load(&args).map_err(Failure::Settings);
    match cli.verb {
        Verb::Demo(demo) => demo::run(&demo, form),
        Verb::Serve => serve::run(load()?, args),
        Verb::Config(verb) => verb.run(&load()?, form).map(|()| Exit::Success),
        Verb::Doctor => here(&load()?, async |settings| doctor::run(settings, form).await),
        Verb::Healthcheck => here(&load()?, async |settings| healthcheck::run(settings, form).await),
        Verb::SupportBundle(args) => {
            here(&load()?, async |settings| support_bundle::run(&args, settings, form).await)
        }
        Verb::Api(verb) => here(&load()?, async |settings| {
            let on = Asked::open(settings, form).await?;
            let done = verb.run(settings, &on).await;
            on.close().await;
            done
        }),
    }
}

/// Does a verb on this thread.
fn here(
    settings: &Settings,
    verb: impl AsyncFnOnce(&Settings) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    ask::start_log(settings);
    let done = executor::run_here(verb(settings)).map_err(Failure::terminal("start a runtime"))?;
    done.map(|()| Exit::Success)
}

impl ApiVerb {
    async fn run(self, settings: &Settings, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::SetupLink => setup::link(settings, on).await,
            Self::Setup(args) => setup::run(&args, on).await,
            Self::Overview => overview::run(on).await,
            Self::Usage(args) => args.run(on).await,
            Self::User(verb) => verb.run(on).await,
            Self::Invite(verb) => verb.run(on).await,
            Self::Network(verb) => verb.run(on).await,
            Self::Node(verb) => verb.run(on).await,
            Self::Device(verb) => verb.run(on).await,
            Self::Session(verb) => verb.run(on).await,
            Self::ApiToken(verb) => verb.run(on).await,
            Self::Webhook(verb) => verb.run(on).await,
            Self::Job(verb) => verb.run(on).await,
            Self::IdentityProvider(verb) => verb.run(on).await,
            Self::Audit(verb) => verb.run(on).await,
            Self::RateLimit(verb) => verb.run(on).await,
            Self::MasterKey(verb) => verb.run(on).await,
            Self::Tls(verb) => verb.run(on).await,
            Self::Access(verb) => verb.run(on).await,
            Self::Settings(verb) => verb.run(on).await,
        }
    }
}

impl Common {
    /// What the settings are made of.
    fn args(&self) -> Result<Args, Failure> {
        let mut args = Args::new(Environment::of_process()).with_config(self.config.clone());
        for assignment in &self.assignments {
            args = args.with_set(assignment);
        }
        if let Some(dir) = &self.data_dir {
            // A flag is written for where one stands; the setting is for a service that starts anywhere.
            let whole = std::path::absolute(dir).map_err(Failure::file("find", dir))?;
            args = args.with_flag("--data-dir", "server.data_dir", whole.display().to_string());
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::command;
    use clap::Command;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_says_what_it_does_and_shows_an_example() {
        fn check(command: &Command) {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            if command.has_subcommands() {
                command.get_subcommands().filter(|it| it.get_name() != "help").for_each(check);
            } else {
                let shown = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(shown.contains("caspervpn"), "{} shows no example", command.get_name());
            }
        }

        check(&command());
    }
}
