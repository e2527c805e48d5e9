//! `caspervpn node networks …`: which networks a node carries, and where clients reach it.

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::node::Named;
use crate::cli::output::Column;
use crate::cli::value::Change;

/// What can be done with a node's interfaces.
#[derive(Debug, Subcommand)]
pub(super) enum NodeNetworkVerb {
    /// List a node's interfaces.
    #[command(after_help = "Example:\n  caspervpn node networks list local")]
    List(Named),
    /// Let a node carry a network.
    #[command(after_help = "Example:\n  caspervpn node networks add local office --listen-port 51821")]
    Add(AddArgs),
    /// Change where a node listens, or where clients are told to reach it.
    #[command(
        after_help = "Example:\n  caspervpn node networks update local office --endpoint-host vpn.example.org \
                            --endpoint-port 443"
    )]
    Update(UpdateArgs),
    /// Take a node out of a network.
    #[command(after_help = "Example:\n  caspervpn node networks remove local office")]
    Remove(Place),
}

/// Which interface.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The node's name or id.
    node: String,
    /// The network's name or id.
    network: String,
}

/// An interface to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct AddArgs {
    #[command(flatten)]
    #[serde(skip)]
    place: Place,
    /// The UDP port; the next free one where it is left out.
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen_port: Option<u16>,
    /// The host that clients are told, where it differs from the settings' endpoint.
    #[arg(long, value_name = "HOST")]
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_host: Option<String>,
    /// The port that clients are told, where it differs from the listening one.
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_port: Option<u16>,
}

/// Changes of an interface.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    #[serde(skip)]
    place: Place,
    /// The UDP port.
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen_port: Option<u16>,
    /// The host that clients are told, or `none` for the settings' endpoint.
    #[arg(long, value_name = "HOST")]
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_host: Option<Change<String>>,
    /// The port that clients are told, or `none` for the listening one.
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_port: Option<Change<u16>>,
}

const ROW: &[Column] = &[
    ("INTERFACE", "/interface"),
    ("NETWORK", "/network_id"),
    ("PORT", "/listen_port"),
    ("ENDPOINT", "/endpoint/host"),
    ("ENDPOINT PORT", "/endpoint/port"),
    ("PUBLIC KEY", "/public_key"),
    ("ID", "/id"),
];

impl NodeNetworkVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List(node) => {
                let path = node.path(on).await?;
                on.form.list(&on.client.get(&format!("{path}/networks")).await?.body, ROW)
            }
            Self::Add(args) => {
                let (node, network) = args.place.ids(on).await?;
                let mut body = on.body(&args)?;
                body["network_id"] = json!(network);
                let answer = on.client.post(&format!("{node}/networks"), Some(body)).await?;
                on.form.one(&answer.body, ROW)
            }
            Self::Update(args) => {
                let body = on.body(&args)?;
                let (path, revision) = args.place.find(on).await?;
                on.form.one(&on.client.patch_at(&path, revision, body).await?.body, ROW)
            }
            Self::Remove(place) => {
                let (path, revision) = place.find(on).await?;
                let answer = on.client.delete_at(&path, revision).await?;
                on.form.done(&answer.body, &format!("{} no longer carries {}", place.node, place.network))
            }
        }
    }
}

impl Place {
    /// The node's path and the network's id.
    async fn ids(&self, on: &Asked) -> Result<(String, String), Failure> {
        let node = Named { node: self.node.clone() }.path(on).await?;
        Ok((node, on.client.resolve("networks", "name", &self.network).await?))
    }

    /// The path and the revision of what is there.
    async fn find(&self, on: &Asked) -> Result<(String, i64), Failure> {
        let (node, network) = self.ids(on).await?;
        let found = on.client.get(&format!("{node}/networks")).await?.body;
        let items = found.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mine = |item: &&Value| item.get("network_id").and_then(Value::as_str) == Some(network.as_str());
        let place = items
            .iter()
            .find(mine)
            .and_then(|item| Some((item.get("id")?.as_str()?, item.get("revision")?.as_i64()?)));
        match place {
            Some((id, revision)) => Ok((format!("{node}/networks/{id}"), revision)),
            None => Err(Failure::Verb(format!(
                "{} does not carry {}; `caspervpn node networks list {0}` shows what it does",
                self.node, self.network,
            ))),
        }
    }
}
