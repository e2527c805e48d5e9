//! `caspervpn node …`: the servers that carry tunnels.

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::node_network::NodeNetworkVerb;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;
use crate::cli::value::Change;

/// What can be done with nodes.
#[derive(Debug, Subcommand)]
pub(super) enum NodeVerb {
    /// List nodes.
    #[command(after_help = "Example:\n  caspervpn node list")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one node and what it says of itself.
    #[command(after_help = "Example:\n  caspervpn node show local")]
    Show(Named),
    /// Make a node.
    #[command(after_help = "Example:\n  caspervpn node create fra-1 --location Frankfurt --capacity 500")]
    Create(CreateArgs),
    /// Change a node.
    #[command(after_help = "Example:\n  caspervpn node update fra-1 --draining true")]
    Update(UpdateArgs),
    /// Delete a node.
    #[command(after_help = "Example:\n  caspervpn node delete fra-1")]
    Delete(Named),
    /// A node's interfaces, one for each network it carries.
    #[command(subcommand)]
    Networks(NodeNetworkVerb),
}

/// Which node.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The node's name or id.
    pub(super) node: String,
}

/// A node to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct CreateArgs {
    /// What it is called.
    name: String,
    /// Where it stands.
    #[arg(long, default_value = "")]
    location: String,
    /// Devices it should carry at most.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u32>,
}

/// Changes of a node.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    /// The node's name or id.
    #[serde(skip)]
    node: String,
    /// What it is called from now on.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Where it stands.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// Devices it should carry at most, or `none`.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<Change<u32>>,
    /// Whether it takes no new devices: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    draining: Option<bool>,
}

/// Where nodes are in the API.
pub(super) const NODES: &str = "/api/v1/nodes";

const ROW: &[Column] = &[
    ("NAME", "/name"),
    ("LOCATION", "/location"),
    ("STATE", "/state"),
    ("BACKEND", "/health/backend"),
    ("SEEN", "/last_seen_at"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("LOCATION", "/location"),
    ("STATE", "/state"),
    ("LOCAL", "/local"),
    ("CAPACITY", "/capacity"),
    ("SEEN", "/last_seen_at"),
    ("BACKEND", "/health/backend"),
    ("PROBLEMS", "/health/problems"),
    ("CREATED", "/created_at"),
];

impl NodeVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page } => on.form.list(&page.read(&on.client, NODES, &[]).await?, ROW),
            Self::Show(node) => {
                let path = node.path(on).await?;
                on.form.one(&on.client.get(&path).await?.body, WHOLE)
            }
            Self::Create(args) => {
                let body = on.body(&args)?;
                on.form.one(&on.client.post(NODES, Some(body)).await?.body, WHOLE)
            }
            Self::Update(args) => {
                let path = Named { node: args.node.clone() }.path(on).await?;
                let body = on.body(&args)?;
                on.form.one(&on.client.patch(&path, body).await?.body, WHOLE)
            }
            Self::Delete(node) => {
                let path = node.path(on).await?;
                let answer = on.client.delete(&path).await?;
                on.form.done(&answer.body, &format!("{} is deleted", node.node))
            }
            Self::Networks(verb) => verb.run(on).await,
        }
    }
}

impl Named {
    /// The node's place in the API.
    pub(super) async fn path(&self, on: &Asked) -> Result<String, Failure> {
        Ok(format!("{NODES}/{}", on.client.resolve("nodes", "name", &self.node).await?))
    }
}
