//! Hands out a device's configuration: with a server-made key once, with a client's own key as often as asked.

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::ctx::{Ctx, Scope};
use crate::app::device_create::{preshared_key_place, private_key_place};
use crate::app::device_rows::live as live_device;
use crate::app::devices::Devices;
use crate::app::error::{AppError, Result};
use crate::app::networks::live as live_network;
use crate::app::node_networks::endpoint;
use crate::app::qr::Qr;
use crate::domain::access::Action;
use crate::domain::device::Device;
use crate::domain::export::{ClientConfig, file_stem};
use crate::domain::id::DeviceId;
use crate::domain::key::{PresharedKey, PrivateKey};
use crate::domain::network::Network;
use crate::domain::node::{Endpoint, NodeNetwork};
use crate::secrets::seal::{Place, Sealed};
use crate::store::backend::Tx;
use crate::store::{audit, devices, node_networks, settings};

/// A configuration in every form there is.
#[derive(Debug, Clone)]
pub struct Revealed {
    /// The device.
    pub device: DeviceId,
    /// A file name that wg-quick accepts.
    pub file_name: String,
    /// The text.
    pub conf: Zeroizing<String>,
    /// The QR code as a picture; none where the private key is not in the text.
    pub png: Option<Zeroizing<Vec<u8>>>,
    /// The QR code as a drawing; none where the private key is not in the text.
    pub svg: Option<Zeroizing<String>>,
    /// Whether the client has to fill in its own private key.
    pub client_key: bool,
}

/// What a configuration is made of, read in one transaction.
pub(in crate::app) struct Source {
    device: Device,
    network: Network,
    place: NodeNetwork,
    endpoint: Endpoint,
    preshared_key: Option<Vec<u8>>,
    private_key: Option<Vec<u8>>,
}

impl Devices<'_> {
    /// Hands out the configuration and wipes a server-made private key.
    pub async fn reveal(&self, ctx: &Ctx, id: DeviceId) -> Result<Revealed> {
        let scope = ctx.scope(Action::DeviceReveal)?;
        let app = self.0;
        let event = app.event(ctx, Action::DeviceReveal.as_str(), ("device", id.to_string()));
        let source = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let source = take(tx, scope, id).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(source)
            })
            .await?;
        app.device_changed(id);
        app.render(&source)
    }
}

/// Reads everything a configuration says, marks it as given, and wipes a server-made private key.
pub(in crate::app) async fn take(tx: &mut Tx, scope: Scope, id: DeviceId) -> Result<Source> {
    let device = live_device(tx, id, scope).await?;
    let network = live_network(tx, device.network).await?;
    let policy = settings::service(tx).await?.value;
    let places = node_networks::of_network(tx, network.id).await?;
    let chosen = places.into_iter().find_map(|place| endpoint(&place, &policy).map(|at| (place, at)));
    let Some((place, endpoint)) = chosen else {
        return Err(AppError::conflict(
            "no_endpoint",
            "clients cannot be told where to connect: set the public endpoint in the settings, and put a node into the network",
        ));
    };
    let keys = devices::sealed_keys(tx, id).await?;
    let private_key = devices::take_private_key(tx, id).await?;
    devices::exported(tx, id, network.config_revision).await?;
    Ok(Source { device, network, place, endpoint, preshared_key: keys.preshared_key, private_key })
}

impl App {
    /// Renders a configuration and its QR codes.
    pub(in crate::app) fn render(&self, source: &Source) -> Result<Revealed> {
        let row = source.device.id.to_string();
        let private_key =
            self.unseal(private_key_place(&row), source.private_key.as_deref())?.map(PrivateKey::new);
        let preshared_key =
            self.unseal(preshared_key_place(&row), source.preshared_key.as_deref())?.map(PresharedKey::new);
        let addresses: Vec<_> = source.device.addresses().collect();
        let config = ClientConfig {
            device_name: source.device.name.as_str(),
            created_at: source.device.created_at,
            private_key: private_key.as_ref(),
            addresses: &addresses,
            settings: &source.network.client,
            node_key: source.place.public_key,
            preshared_key: preshared_key.as_ref(),
            endpoint: &source.endpoint,
        };
        let (png, svg) = match &private_key {
            None => (None, None),
            Some(_) => {
                let code = Qr::new(&config.to_qr_text()).map_err(AppError::broken("drawing the QR code"))?;
                let png = code.to_png().map_err(AppError::broken("drawing the QR code"))?;
                (Some(png), Some(code.to_svg()))
            }
        };
        Ok(Revealed {
            device: source.device.id,
            file_name: format!("{}.conf", file_stem(source.device.name.as_str())),
            conf: config.to_text(),
            png,
            svg,
            client_key: private_key.is_none(),
        })
    }

    /// Opens a sealed key of 32 bytes.
    pub(in crate::app) fn unseal(&self, place: Place<'_>, sealed: Option<&[u8]>) -> Result<Option<[u8; 32]>> {
        let Some(sealed) = sealed else { return Ok(None) };
        let sealed = Sealed::parse(sealed.to_vec()).map_err(AppError::broken("reading a sealed key"))?;
        let bytes =
            self.core.keyring.open(place, &sealed).map_err(AppError::broken("opening a sealed key"))?;
        let key = bytes.as_slice().try_into().map_err(AppError::broken("reading a sealed key"))?;
        Ok(Some(key))
    }
}
