//! The log: sentences with dotted fields, for eyes or for machines.
//!
//! Invariant: control characters in values are escaped, and colour goes to terminals only.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Level as Severity, Subscriber, error};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::log::{Format, Level, Log};

/// Changes the level while the service runs.
#[derive(Debug, Clone)]
pub struct LevelControl {
    filter: reload::Handle<Targets, Registry>,
}

/// Why there is no log, or why its level stays.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The rules of `log.level` cannot be read.
    #[error("read the rules of log.level")]
    Level {
        /// What is wrong with them.
        #[source]
        cause: tracing_subscriber::filter::ParseError,
    },
    /// There is a log already.
    #[error("start the log: this process has one already")]
    Started,
    /// The log has ended.
    #[error("change the level of the log: it has ended")]
    Ended,
}

impl LevelControl {
    /// Applies new rules from the next line on.
    ///
    /// # Errors
    /// When the rules cannot be read; the old ones stay.
    pub fn set(&self, level: &Level) -> Result<(), LoggingError> {
        let rules = rules(level)?;
        self.filter.reload(rules).map_err(|_| LoggingError::Ended)
    }
}

/// Starts the log of the process on standard error, and sends panics there too. Standard output stays for answers.
///
/// `journal` says that journald reads it (`JOURNAL_STREAM` is set): each line then starts with its priority.
///
/// # Errors
/// When the process has a log already, or the level cannot be read.
pub fn start(settings: &Log, journal: bool) -> Result<LevelControl, LoggingError> {
    let terminal = io::stderr().is_terminal();
    let (subscriber, control) = build(settings, terminal, journal && !terminal, io::stderr)?;
    subscriber.try_init().map_err(|_| LoggingError::Started)?;
    log_panics();
    Ok(control)
}

fn build<W>(
    settings: &Log,
    terminal: bool,
    journal: bool,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + for<'a> LookupSpan<'a>, LevelControl), LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(rules(&settings.level)?);
    let json = match settings.format {
        Format::Json => true,
        Format::Human => false,
        Format::Auto => !terminal,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<_> + Send + Sync> = if json {
        let layer = layer.json().flatten_event(true).with_span_list(false);
        Box::new(layer.map_event_format(|inner| Prioritised { inner, journal }))
    } else {
        let layer = layer.with_ansi(terminal).with_target(false);
        Box::new(layer.map_event_format(|inner| Prioritised { inner, journal }))
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    Ok((subscriber, LevelControl { filter: handle }))
}

fn rules(level: &Level) -> Result<Targets, LoggingError> {
    let rules: Targets = level.as_str().parse().map_err(|cause| LoggingError::Level { cause })?;
    let rules = rules.with_target("refinery_core", LevelFilter::WARN);
    Ok(SILENT.iter().fold(rules, |rules, target| rules.with_target(*target, LevelFilter::OFF)))
}

/// Libraries that name clients' addresses, or log an error for each packet of a peer that is away.
const SILENT: &[&str] = &["gotatun"];

/// Puts journald's priority before a line: sd-daemon(3), "Logging".
struct Prioritised<F> {
    inner: F,
    journal: bool,
}

impl<S, N, F> FormatEvent<S, N> for Prioritised<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.journal {
            let severity = *event.metadata().level();
            let priority = match severity {
                Severity::ERROR => "<3>",
                Severity::WARN => "<4>",
                Severity::INFO => "<6>",
                _ => "<7>",
            };
            writer.write_str(priority)?;
        }
        self.inner.format_event(ctx, writer, event)
    }
}

/// Writes a panic into the log, with the span it happened in, before whoever catches it decides what follows.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        error!(panic.location = %location, "panic at {location}: {message}");
    }));
}

#[cfg(test)]
mod tests {
    use super::build;
    use crate::config::Settings;
    use crate::config::load::Args;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing::{debug, info, info_span, warn};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn settings(format: &str, level: &str) -> Settings {
        let args = Args::default().with_set(&format!("log.format={format}"));
        Settings::load(&args.with_set(&format!("log.level={level}"))).unwrap()
    }

    #[test]
    fn a_json_line_has_its_sentence_its_dotted_fields_and_its_span() {
        let lines = Lines::default();
        let copy = lines.clone();
        let (log, _control) =
            build(&settings("json", "info").log, false, false, move || copy.clone()).unwrap();

        tracing::subscriber::with_default(log, || {
            let _span = info_span!("request", request.id = "r1").entered();
            info!(device.id = "d1", "device d1 moved\nto another node");
        });

        let line: serde_json::Value = serde_json::from_str(&lines.text()).unwrap();
        assert_eq!(line["message"], "device d1 moved\nto another node");
        assert_eq!((&line["level"], &line["device.id"]), (&"INFO".into(), &"d1".into()));
        assert_eq!(line["span"]["request.id"], "r1");
        assert_eq!(lines.text().lines().count(), 1);
    }

    #[test]
    fn a_human_line_for_journald_has_a_priority_and_no_colour() {
        let lines = Lines::default();
        let copy = lines.clone();
        let (log, _control) =
            build(&settings("human", "info").log, false, true, move || copy.clone()).unwrap();

        tracing::subscriber::with_default(log, || warn!(value = "\x1b[31mred", "disk is nearly full"));

        let text = lines.text();
        assert!(text.starts_with("<4>") && text.contains("disk is nearly full"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn the_level_can_be_changed_while_it_runs() {
        let lines = Lines::default();
        let copy = lines.clone();
        let (log, control) =
            build(&settings("human", "info").log, false, false, move || copy.clone()).unwrap();

        tracing::subscriber::with_default(log, || {
            debug!("too quiet");
            control.set(&settings("human", "info,caspervpn=debug").log.level).unwrap();
            debug!("loud enough");
        });

        let text = lines.text();
        assert!(!text.contains("too quiet") && text.contains("loud enough"), "{text}");
    }
}
