//! Policy that operators change at run time. Boot facts are in `config`.

use serde::{Deserialize, Serialize};

use crate::domain::name::Host;

/// The settings of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where clients reach the node inside this appliance. No configuration is handed out without it.
    pub endpoint_host: Option<Host>,
    /// Whether a device's last network address may be kept and shown.
    pub show_endpoints: bool,
}
