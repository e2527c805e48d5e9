//! `caspervpn overview`: how everything does.

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::{Column, Part};

const OVERVIEW: &str = "/api/v1/overview";

const COUNTS: &[Column] = &[
    ("DEVICES", "/devices/total"),
    ("ONLINE", "/devices/online"),
    ("ACTIVE", "/devices/active"),
    ("ON HOLD", "/devices/on_hold"),
    ("LIMITED", "/devices/limited"),
    ("EXPIRED", "/devices/expired"),
    ("DISABLED", "/devices/disabled"),
    ("USERS", "/users/total"),
    ("ACTIVE USERS", "/users/active"),
    ("EXPIRED USERS", "/users/expired"),
    ("DISABLED USERS", "/users/disabled"),
    ("RX", "/traffic/rx_bytes_per_s"),
    ("TX", "/traffic/tx_bytes_per_s"),
];

const PARTS: &[Part] = &[
    Part {
        title: "Problems",
        at: "/problems",
        columns: &[("KIND", "/kind"), ("WHAT", "/target_kind"), ("ID", "/target_id"), ("DETAIL", "/detail")],
    },
    Part {
        title: "Nodes",
        at: "/nodes",
        columns: &[
            ("NAME", "/name"),
            ("STATE", "/state"),
            ("ONLINE", "/online_devices"),
            ("CAPACITY", "/capacity"),
            ("RX", "/rx_bytes_per_s"),
            ("TX", "/tx_bytes_per_s"),
        ],
    },
    Part {
        title: "Networks",
        at: "/networks",
        columns: &[
            ("NAME", "/name"),
            ("TAKEN", "/ipv4/used"),
            ("CAPACITY", "/ipv4/capacity"),
            ("PRESSURE", "/ipv4/pressure"),
        ],
    },
    Part {
        title: "Certificates",
        at: "/certificates",
        columns: &[("NAME", "/name"), ("STATE", "/state"), ("NOT AFTER", "/not_after")],
    },
    Part {
        title: "Users whose time ends within a week",
        at: "/expiring_users",
        columns: &[("LOGIN", "/name"), ("EXPIRES", "/expires_at")],
    },
    Part {
        title: "Devices whose time ends within a week",
        at: "/expiring_devices",
        columns: &[("NAME", "/name"), ("EXPIRES", "/expires_at")],
    },
];

/// Prints it.
pub(super) async fn run(on: &Asked) -> Result<(), Failure> {
    on.form.parts(&on.client.get(OVERVIEW).await?.body, COUNTS, PARTS)
}
