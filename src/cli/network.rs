//! `caspervpn network …`: address pools and what clients of them are told.

use std::net::IpAddr;

use clap::Subcommand;
use ipnet::IpNet;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;

/// What can be done with networks.
#[derive(Debug, Subcommand)]
pub(super) enum NetworkVerb {
    /// List networks.
    #[command(after_help = "Example:\n  caspervpn network list")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one network and how full its pools are.
    #[command(after_help = "Example:\n  caspervpn network show office")]
    Show(Named),
    /// Make a network.
    #[command(
        after_help = "Example:\n  caspervpn network create office --ipv4 10.86.0.0/16 --ipv6 fd86:7::/64 \
                            --dns 9.9.9.9 --dns 2620:fe::fe"
    )]
    Create(CreateArgs),
    /// Change a network. Its pools stay as they are: devices have addresses in them.
    #[command(after_help = "Example:\n  caspervpn network update office --dns 9.9.9.9 --isolated false")]
    Update(UpdateArgs),
    /// Delete a network that has no devices. `restore` undoes it.
    #[command(after_help = "Example:\n  caspervpn network delete office")]
    Delete(Named),
    /// Undo a delete.
    #[command(after_help = "Example:\n  caspervpn network restore 01983f6e-7b3a-7c00-8000-000000000000")]
    Restore {
        /// The network's id, which `delete` has shown.
        id: Uuid,
    },
}

/// Which network.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The network's name or id.
    network: String,
}

/// A network to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct CreateArgs {
    /// What it is called.
    name: String,
    /// The IPv4 pool.
    #[arg(long, value_name = "RANGE", required_unless_present = "ipv6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<IpNet>,
    /// The IPv6 pool.
    #[arg(long, value_name = "RANGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<IpNet>,
    #[command(flatten)]
    #[serde(flatten)]
    told: Told,
}

/// Changes of a network.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    /// The network's name or id.
    #[serde(skip)]
    network: String,
    /// What it is called from now on.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    told: Told,
}

/// What clients are told.
#[derive(Debug, clap::Args, Serialize)]
struct Told {
    /// A name server for clients; repeat it for more.
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<IpAddr>,
    /// Bytes a tunnel packet may have.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u16>,
    /// Seconds between a client's keepalives; 0 sends none.
    #[arg(long = "keepalive", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    keepalive_s: Option<u16>,
    /// A range that clients send into the tunnel; repeat it for more. Everything where none is given.
    #[arg(long = "route", value_name = "RANGE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<IpNet>,
    /// Whether devices are kept from reaching each other: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    isolated: Option<bool>,
}

const NETWORKS: &str = "/api/v1/networks";

const ROW: &[Column] = &[
    ("NAME", "/name"),
    ("IPV4", "/ipv4/net"),
    ("USED", "/ipv4/used"),
    ("IPV6", "/ipv6/net"),
    ("DNS", "/dns"),
    ("ISOLATED", "/isolated"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("IPV4", "/ipv4/net"),
    ("IPV4 NODE", "/ipv4/node_address"),
    ("IPV4 USED", "/ipv4/used"),
    ("IPV4 CAPACITY", "/ipv4/capacity"),
    ("IPV4 PRESSURE", "/ipv4/pressure"),
    ("IPV6", "/ipv6/net"),
    ("IPV6 NODE", "/ipv6/node_address"),
    ("IPV6 USED", "/ipv6/used"),
    ("DNS", "/dns"),
    ("MTU", "/mtu"),
    ("KEEPALIVE S", "/keepalive_s"),
    ("ROUTES", "/routes"),
    ("ISOLATED", "/isolated"),
    ("CREATED", "/created_at"),
    ("DELETED", "/deleted_at"),
];

impl NetworkVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page } => on.form.list(&page.read(&on.client, NETWORKS, &[]).await?, ROW),
            Self::Show(network) => {
                let path = network.path(on).await?;
                on.form.one(&on.client.get(&path).await?.body, WHOLE)
            }
            Self::Create(args) => {
                let body = on.body(&args)?;
                on.form.one(&on.client.post(NETWORKS, Some(body)).await?.body, WHOLE)
            }
            Self::Update(args) => {
                let path = Named { network: args.network.clone() }.path(on).await?;
                let body = on.body(&args)?;
                on.form.one(&on.client.patch(&path, body).await?.body, WHOLE)
            }
            Self::Delete(network) => {
                let id = on.client.resolve("networks", "name", &network.network).await?;
                let answer = on.client.delete(&format!("{NETWORKS}/{id}")).await?;
                let said =
                    format!("{} is deleted; `caspervpn network restore {id}` undoes it", network.network);
                on.form.done(&answer.body, &said)
            }
            Self::Restore { id } => {
                let answer = on.client.post(&format!("{NETWORKS}/{id}/restore"), None).await?;
                on.form.done(&answer.body, &format!("{id} is back"))
            }
        }
    }
}

impl Named {
    async fn path(&self, on: &Asked) -> Result<String, Failure> {
        Ok(format!("{NETWORKS}/{}", on.client.resolve("networks", "name", &self.network).await?))
    }
}
