//! What may stand in a configuration, what is refused, and what a person is told about it.

use super::Settings;
use super::environment::Environment;
use super::load::Args;

#[test]
fn a_live_key_is_exactly_what_a_reload_copies() {
    let old = Settings::default();
    let args = Args::new(Environment::default())
        .with_set("log.level=debug")
        .with_set("tls.certificates=/elsewhere")
        .with_set("limits.handshake_timeout_s=11")
        .with_set("limits.header_timeout_s=11")
        .with_set("limits.idle_timeout_s=11")
        .with_set("limits.connection_age_s=61")
        .with_set("limits.drain_s=11")
        .with_set("limits.connections=11")
        .with_set("limits.connections_per_address=11")
        .with_set("limits.body_bytes=9000")
        .with_set("tunnel.backend=off");
    let new = Settings::load(&args).unwrap();

    let kept = Settings::reload_diff(&old.reloaded(&new), &new);
    let diff = Settings::reload_diff(&old, &new);

    let live = old.explain().into_iter().filter(|line| line.live).count();
    assert_eq!(diff.applied.len(), live);
    assert!(kept.applied.is_empty());
    assert!(kept.needs_restart.contains(&"tunnel.backend".to_owned()));
}

#[test]
fn every_default_is_read_back_from_how_it_is_shown() {
    let settings = Settings::load(&Args::default()).unwrap();

    for line in settings.explain() {
        let again = Args::default().with_set(&format!("{}={}", line.key, line.value));
        let read = Settings::load(&again).unwrap_or_else(|error| panic!("{error}"));
        assert!(Settings::reload_diff(&settings, &read).is_empty(), "{} = {}", line.key, line.value);
    }
}

#[test]
fn every_key_is_documented_in_sentences() {
    for line in Settings::default().explain() {
        assert!(line.help.ends_with('.'), "{}: {}", line.key, line.help);
        assert!(line.variable.starts_with("CASPERVPN_"), "{}", line.variable);
    }
}
