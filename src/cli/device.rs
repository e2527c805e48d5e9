//! `caspervpn device …`: the peers of the tunnel.

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::cli::Asked;
use crate::cli::device_config::{self, ConfArgs, CreateArgs};
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;
use crate::cli::usage::DaysArgs;
use crate::cli::value::{Bytes, Change, Seconds, When};

/// What can be done with devices.
#[derive(Debug, Subcommand)]
pub(super) enum DeviceVerb {
    /// List devices.
    #[command(after_help = "Example:\n  caspervpn device list --user ada --sort -created_at")]
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only devices of this user: a login or an id.
        #[arg(long)]
        user: Option<String>,
        /// Only devices in this network: a name or an id.
        #[arg(long)]
        network: Option<String>,
        /// Only deleted devices.
        #[arg(long)]
        deleted: bool,
    },
    /// Show one device.
    #[command(after_help = "Example:\n  caspervpn device show laptop --user ada")]
    Show(Named),
    /// Make a device. Its key pair is made by its client (--public-key), by this command (--conf, --qr: nothing else
    /// keeps the private half), or by the server (--server-key), which keeps it sealed until it is revealed once.
    #[command(after_help = "Example:\n  caspervpn device create laptop --user ada --conf laptop.conf\n  \
                            caspervpn device create phone --user ada --qr")]
    Create(CreateArgs),
    /// Change a device's name, remark, expiry or limits.
    #[command(after_help = "Example:\n  caspervpn device update laptop --user ada --expires-at 2027-01-01")]
    Update(UpdateArgs),
    /// Let a device connect again.
    #[command(after_help = "Example:\n  caspervpn device enable laptop --user ada")]
    Enable(Named),
    /// Stop a device. Its traffic ends within seconds.
    #[command(after_help = "Example:\n  caspervpn device disable laptop --user ada")]
    Disable(Named),
    /// Delete a device. `restore` undoes it: key and address are kept until a purge.
    #[command(after_help = "Example:\n  caspervpn device delete laptop --user ada")]
    Delete(Named),
    /// Undo a delete.
    #[command(after_help = "Example:\n  caspervpn device restore laptop --user ada")]
    Restore(Named),
    /// Print a device's configuration. A key that the server made is in it once, and is wiped with this.
    #[command(after_help = "Example:\n  caspervpn device reveal laptop --user ada --conf laptop.conf")]
    Reveal {
        #[command(flatten)]
        device: Named,
        #[command(flatten)]
        conf: ConfArgs,
    },
    /// Draw a device's configuration as a QR code. This reveals a key that the server made, once.
    #[command(after_help = "Example:\n  caspervpn device qr phone --user ada")]
    Qr(Named),
    /// Make a link that shows a device's configuration once to whoever opens it within a day.
    #[command(after_help = "Example:\n  caspervpn device link phone --user ada")]
    Link(Named),
    /// Show what a device moves, by day.
    #[command(after_help = "Example:\n  caspervpn device usage laptop --from 2026-01-01 --to 2026-01-31")]
    Usage {
        #[command(flatten)]
        device: Named,
        #[command(flatten)]
        days: DaysArgs,
    },
    /// Show what keeps a device from connecting, one check after the other, and what to do.
    #[command(after_help = "Example:\n  caspervpn device diagnose laptop --user ada")]
    Diagnose(Named),
    /// Show whether a device is online.
    #[command(after_help = "Example:\n  caspervpn device live laptop --user ada")]
    Live(Named),
}

/// Which device.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The device's name or id.
    device: String,
    /// Whose device, where several have that name: a login or an id.
    #[arg(long)]
    user: Option<String>,
}

/// Changes of a device.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    #[serde(skip)]
    device: Named,
    /// What it is called from now on.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// A remark.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// When it stops, or `none`.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Change<When>>,
    /// How long it may be used from its first handshake on, or `none`.
    #[arg(long = "duration", value_name = "SPAN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<Change<Seconds>>,
    /// Bytes it may move, both ways, or `none`.
    #[arg(long = "data-limit", value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data_limit_bytes: Option<Change<Bytes>>,
}

/// Where devices are in the API.
pub(super) const DEVICES: &str = "/api/v1/devices";

const ROW: &[Column] = &[
    ("NAME", "/name"),
    ("IPV4", "/ipv4"),
    ("IPV6", "/ipv6"),
    ("STATE", "/state"),
    ("REASON", "/reason"),
    ("HANDSHAKE", "/last_handshake_at"),
    ("USED BYTES", "/used_bytes"),
    ("ID", "/id"),
];

/// One device.
pub(super) const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("USER", "/user_id"),
    ("NETWORK", "/network_id"),
    ("IPV4", "/ipv4"),
    ("IPV6", "/ipv6"),
    ("PUBLIC KEY", "/public_key"),
    ("STATE", "/state"),
    ("REASON", "/reason"),
    ("KEY KEPT HERE", "/has_private_key"),
    ("CONFIG OUTDATED", "/outdated"),
    ("EXPIRES", "/expires_at"),
    ("DURATION S", "/duration_s"),
    ("DATA LIMIT", "/data_limit_bytes"),
    ("USED BYTES", "/used_bytes"),
    ("FIRST HANDSHAKE", "/first_handshake_at"),
    ("LAST HANDSHAKE", "/last_handshake_at"),
    ("NOTE", "/note"),
    ("CREATED", "/created_at"),
    ("DELETED", "/deleted_at"),
];

const LIVE: &[Column] = &[
    ("ONLINE", "/online"),
    ("LAST HANDSHAKE", "/last_handshake_at"),
    ("RX", "/rx_bytes"),
    ("TX", "/tx_bytes"),
];

const CHECK: &[Column] =
    &[("CHECK", "/name"), ("OUTCOME", "/outcome"), ("FOUND", "/detail"), ("WHAT TO DO", "/fix")];

impl DeviceVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page, user, network, deleted } => {
                let deleted = deleted.then(|| "true".to_owned());
                let filters = [
                    ("user_id", user_id(&user, on).await?),
                    ("network_id", network_id(&network, on).await?),
                    ("deleted", deleted),
                ];
                on.form.list(&page.read(&on.client, DEVICES, &filters).await?, ROW)
            }
            Self::Show(device) => {
                let path = device.path(on).await?;
                on.form.one(&on.client.get(&path).await?.body, WHOLE)
            }
            Self::Create(args) => device_config::create(args, on).await,
            Self::Update(args) => {
                let path = args.device.path(on).await?;
                let body = on.body(&args)?;
                on.form.one(&on.client.patch(&path, body).await?.body, WHOLE)
            }
            Self::Enable(device) => device.act("enable", "enabled", on).await,
            Self::Disable(device) => device.act("disable", "disabled", on).await,
            Self::Delete(device) => {
                let id = device.id(false, on).await?;
                let answer = on.client.delete(&format!("{DEVICES}/{id}")).await?;
                let said = format!("{} is deleted; `caspervpn device restore {id}` undoes it", device.device);
                on.form.done(&answer.body, &said)
            }
            Self::Restore(device) => {
                let id = device.id(true, on).await?;
                let answer = on.client.post(&format!("{DEVICES}/{id}/restore"), None).await?;
                on.form.done(&answer.body, &format!("{} is back", device.device))
            }
            Self::Reveal { device, conf } => device_config::reveal(&device.path(on).await?, &conf, on).await,
            Self::Qr(device) => device_config::draw(&device.path(on).await?, on).await,
            Self::Link(device) => device_config::link(&device.path(on).await?, on).await,
            Self::Usage { device, days } => {
                days.print(&format!("{}/usage", device.path(on).await?), &[], on).await
            }
            Self::Diagnose(device) => {
                let path = device.path(on).await?;
                let answer = on.client.get(&format!("{path}/diagnosis")).await?.body;
                let rows = json!({ "items": answer.get("checks") });
                if on.form.is_json() { on.form.list(&answer, CHECK) } else { on.form.list(&rows, CHECK) }
            }
            Self::Live(device) => {
                let path = device.path(on).await?;
                on.form.one(&on.client.get(&format!("{path}/live")).await?.body, LIVE)
            }
        }
    }
}

impl Named {
    async fn id(&self, deleted: bool, on: &Asked) -> Result<String, Failure> {
        let among =
            [("user_id", user_id(&self.user, on).await?), ("deleted", deleted.then(|| "true".to_owned()))];
        Ok(on.client.resolve_among("devices", "name", &self.device, &among).await?)
    }

    async fn path(&self, on: &Asked) -> Result<String, Failure> {
        Ok(format!("{DEVICES}/{}", self.id(false, on).await?))
    }

    async fn act(&self, verb: &str, done: &str, on: &Asked) -> Result<(), Failure> {
        let path = self.path(on).await?;
        let answer = on.client.post(&format!("{path}/{verb}"), None).await?;
        on.form.done(&answer.body, &format!("{} is {done}", self.device))
    }
}

/// The id of a user that was named.
pub(super) async fn user_id(user: &Option<String>, on: &Asked) -> Result<Option<String>, Failure> {
    match user {
        Some(user) => Ok(Some(on.client.resolve("users", "login", user).await?)),
        None => Ok(None),
    }
}

/// The id of a network that was named.
pub(super) async fn network_id(network: &Option<String>, on: &Asked) -> Result<Option<String>, Failure> {
    match network {
        Some(network) => Ok(Some(on.client.resolve("networks", "name", network).await?)),
        None => Ok(None),
    }
}
