//! Every metric the service exports: its name, type, unit and help.
//!
//! Invariant: a metric that is not listed here does not exist. Label values are bounded sets, never user text.

use metrics::Unit;

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises; its name ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

/// One family of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The full name, as Prometheus sees it.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What its numbers count.
    pub unit: Unit,
    /// One sentence for the reader of a dashboard.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($name:ident = $kind:ident $text:literal $unit:ident $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $name: Metric = Metric { name: $text, kind: Kind::$kind, unit: Unit::$unit, help: $help };
        )*

        /// Every metric, in the order of this file.
        pub const ALL: &[Metric] = &[$($name),*];
    };
}

metrics! {
    BUILD_INFO = Gauge "caspervpn_build_info" Count "The running version, in labels; always one.";

    PROCESS_CPU_SECONDS = Counter "process_cpu_seconds_total" Seconds "User and system CPU time this process has spent.";
    PROCESS_RESIDENT_MEMORY_BYTES = Gauge "process_resident_memory_bytes" Bytes "Resident memory of this process.";
    PROCESS_VIRTUAL_MEMORY_BYTES = Gauge "process_virtual_memory_bytes" Bytes "Virtual memory of this process.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" Count "File descriptors this process has open.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" Count "File descriptors this process may open.";
    PROCESS_THREADS = Gauge "process_threads" Count "Threads of this process.";
    PROCESS_START_TIME_SECONDS = Gauge "process_start_time_seconds" Seconds "When this process started, in unix time.";

    TASK_PANICS = Counter "caspervpn_task_panics_total" Count "Panics caught in background work, by task.";
    TASK_RESTARTS = Counter "caspervpn_task_restarts_total" Count "Restarts of background work after a panic or an error, by task.";
    JOB_RUNS = Counter "caspervpn_job_runs_total" Count "Runs of periodic jobs, by job and result.";
    JOB_DURATION_SECONDS = Histogram "caspervpn_job_duration_seconds" Seconds "How long one run of a job took.";
    JOB_LAST_SUCCESS_TIMESTAMP_SECONDS = Gauge "caspervpn_job_last_success_timestamp_seconds" Seconds "When the job last succeeded, in unix time.";

    HTTP_REQUESTS = Counter "caspervpn_http_requests_total" Count "Answered HTTP requests, by listener, matched route, method and status code.";
    HTTP_REQUEST_DURATION_SECONDS = Histogram "caspervpn_http_request_duration_seconds" Seconds "Time from a request's head to its response's head.";
    HTTP_REQUESTS_IN_FLIGHT = Gauge "caspervpn_http_requests_in_flight" Count "Requests being answered now.";
    HTTP_PANICS = Counter "caspervpn_http_panics_total" Count "Requests whose handler panicked.";
    HTTP_MALFORMED = Counter "caspervpn_http_malformed_total" Count "Requests refused because they name no host, or two.";
    ACCESS_LOG_DROPPED = Counter "caspervpn_access_log_dropped_total" Count "Lines of the access log that were lost, because whoever reads it was too slow or gone.";
    CONNECTIONS_OPEN = Gauge "caspervpn_connections_open" Count "Open connections, by listener.";
    CONNECTIONS = Counter "caspervpn_connections_total" Count "Accepted connections, by listener.";
    CONNECTIONS_REFUSED = Counter "caspervpn_connections_refused_total" Count "Connections closed at once, by listener and reason.";
    TLS_HANDSHAKES = Counter "caspervpn_tls_handshakes_total" Count "TLS handshakes, by listener and result: done, failed, late, challenge.";
    TLS_CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS = Gauge "caspervpn_tls_certificate_expiry_timestamp_seconds" Seconds "When the certificate served for a name ends, in unix time.";
    ACME_ATTEMPTS = Counter "caspervpn_acme_attempts_total" Count "Attempts of this process to get a certificate, by result: issued, temporary, rate_limited, permanent, order_lost.";
    PROXY_REQUESTS = Counter "caspervpn_proxy_requests_total" Count "Requests passed on, each attempt by upstream and result: answered, unreachable, broken, late, cut, given_up.";
    PROXY_IN_FLIGHT = Gauge "caspervpn_proxy_requests_in_flight" Count "Requests under way at an upstream.";
    PROXY_UPSTREAM_UP = Gauge "caspervpn_proxy_upstream_up" Count "One when an upstream takes requests at any of its addresses, else zero.";
    ACCEPT_ERRORS = Counter "caspervpn_accept_errors_total" Count "Failures to accept a connection, by listener.";

    DB_WRITE_QUEUE_DEPTH = Gauge "caspervpn_db_write_queue_depth" Count "Writes that wait for their turn or are under way.";
    DB_COMMIT_DURATION_SECONDS = Histogram "caspervpn_db_commit_duration_seconds" Seconds "Time one commit took, with its flush to disk.";
    DB_WRITES = Counter "caspervpn_db_writes_total" Count "Callers whose writes ended, by result.";
    DB_READS = Counter "caspervpn_db_reads_total" Count "Reading calls.";
    DB_BUSY = Counter "caspervpn_db_busy_total" Count "Calls refused or retried because the database was busy.";
    DB_RETRIES = Counter "caspervpn_db_retries_total" Count "Transactions run again after a conflict.";
    DB_WAL_BYTES = Gauge "caspervpn_db_wal_bytes" Bytes "Size of SQLite's write-ahead log.";
    DB_CHECKPOINTS = Counter "caspervpn_db_checkpoints_total" Count "Checkpoints that emptied SQLite's write-ahead log.";
    DB_CORRUPT = Gauge "caspervpn_db_corrupt" Count "One when the database file was found damaged and no writes are taken.";

    PURGED_ROWS = Counter "caspervpn_purged_rows_total" Count "Rows removed because their time was over, by kind.";

    LOGIN_FAILURES = Counter "caspervpn_login_failures_total" Count "Sign-ins that failed.";
    LOGIN_REFUSED = Counter "caspervpn_login_refused_total" Count "Sign-ins that came too soon, by the limit that refused them.";
    LOGIN_FINDINGS = Counter "caspervpn_login_findings_total" Count "Signs of guessing at sign-in, by kind.";

    SIGN_IN_STRAYS = Counter "caspervpn_sign_in_strays_total" Count "Browsers that came back from an identity provider without an attempt of their own.";
    DIRECTORY_AWAY = Counter "caspervpn_directory_away_total" Count "Sign-ins for which an LDAP directory could not be asked.";

    ADDRESS_REFUSED = Counter "caspervpn_address_refused_total" Count "Requests from addresses that may not reach the panel and the API.";

    RATELIMIT_REJECTED = Counter "caspervpn_ratelimit_rejected_total" Count "Requests that were refused because too many came from their address, by layer: anonymous, credentials.";

    QUEUE_JOBS = Gauge "caspervpn_queue_jobs" Count "Jobs of the queue, by state: waiting, or given up within a week.";
    QUEUE_ATTEMPTS = Counter "caspervpn_queue_attempts_total" Count "Attempts at jobs of the queue that this process made, by kind and result.";

    DEVICES = Gauge "caspervpn_devices" Count "Devices, by state.";

    RELOADS = Counter "caspervpn_reloads_total" Count "Reloads of the settings, by result.";
    NODE_CHANGES = Counter "caspervpn_node_changes_total" Count "Changes made to the host to reach its desired state, by change and result.";
    NODE_HEALED = Counter "caspervpn_node_healed_total" Count "Changes that undid what something else had changed on the host, by change.";
    NODE_PASS_DURATION_SECONDS = Histogram "caspervpn_node_pass_duration_seconds" Seconds "How long it took to compare the host with its desired state and change it.";
    NODE_PROBLEMS = Gauge "caspervpn_node_problems" Count "Things that keep this node from its desired state.";
    TUNNEL_PEERS = Gauge "caspervpn_tunnel_peers" Count "Devices that may connect, by interface.";
    TUNNEL_PEERS_ONLINE = Gauge "caspervpn_tunnel_peers_online" Count "Devices that shook hands in the last three minutes, by interface.";
    TUNNEL_RECEIVED_BYTES = Counter "caspervpn_tunnel_received_bytes_total" Bytes "Bytes received from devices.";
    TUNNEL_SENT_BYTES = Counter "caspervpn_tunnel_sent_bytes_total" Bytes "Bytes sent to devices.";

    READY = Gauge "caspervpn_ready" Count "One when the service is ready for requests, else zero.";
}

#[cfg(test)]
mod tests {
    use super::{ALL, Kind};
    use std::collections::BTreeSet;

    #[test]
    fn a_name_is_listed_once_and_says_its_kind() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();

        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }

    // The exporter matches these endings without the underscore, and writes a broken family when they appear.
    #[test]
    fn no_histogram_ends_in_a_suffix_that_the_exporter_misreads() {
        for metric in ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
            for ending in ["sum", "count", "bucket"] {
                assert!(!metric.name.ends_with(ending), "{}", metric.name);
            }
        }
    }

    #[test]
    fn names_are_ours_or_the_ones_every_process_has() {
        for metric in ALL {
            assert!(
                metric.name.starts_with("caspervpn_") || metric.name.starts_with("process_"),
                "{}",
                metric.name
            );
        }
    }
}
