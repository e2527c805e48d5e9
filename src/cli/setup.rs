//! `caspervpn setup-link` and `caspervpn setup --file`: the first run, by hand or unattended.
//!
//! Invariant: the file is read whole and its passwords found before anything is asked of the service.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::Asked;
use crate::cli::api_token;
use crate::cli::device_config::NewFile;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::password;
use crate::cli::reach::{note_endpoint, reach};
use crate::config::Settings;
use crate::config::address::PageAddress;

/// Where the unattended setup is described.
#[derive(Debug, clap::Args)]
pub(super) struct SetupArgs {
    /// A TOML file with `[owner]`, `[endpoint]`, `[network]` and, if wanted, `[device]` and token_file.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    owner: Owner,
    endpoint: Endpoint,
    network: Network,
    device: Option<Device>,
    /// A new file for an API token of the owner: the bare token in one line.
    token_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    login: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing)]
    password: Option<Secret>,
    #[serde(skip_serializing)]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Network {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<IpNet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<IpNet>,
    dns: Vec<IpAddr>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Device {
    name: String,
    public_key: String,
}

/// A password that stands in the file.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What `--help` shows of the file.
pub(super) const HELP: &str = "\
Example:
  caspervpn setup --file setup.toml

where setup.toml is

  token_file = \"/etc/caspervpn/owner.token\"      # optional: a new file for an API token of the owner

  [owner]
  login = \"ada\"
  display_name = \"Ada Lovelace\"                 # optional
  password_file = \"ada.password\"                # or password = \"…\"

  [endpoint]
  host = \"vpn.example.org\"
  port = 51820                                   # optional

  [network]
  name = \"office\"
  ipv4 = \"10.86.0.0/16\"                         # one pool at least
  ipv6 = \"fd86:7::/64\"
  dns = [\"9.9.9.9\", \"2620:fe::fe\"]

  [device]                                       # optional: the owner's first device
  name = \"laptop\"
  public_key = \"…\"                              # wg genkey | tee key | wg pubkey

Relative paths start where setup.toml is. The token may do whatever the owner may but act on tokens, passwords and
sessions, and does not expire; only the file's owner can read it. `caspervpn api-token` makes narrower ones.";

const DONE: &[Column] = &[
    ("OWNER", "/user_id"),
    ("NETWORK", "/network_id"),
    ("DEVICE", "/device/id"),
    ("DEVICE IPV4", "/device/ipv4"),
    ("DEVICE IPV6", "/device/ipv6"),
];

/// What the token of the token file is called.
const TOKEN_NAME: &str = "unattended setup";

const LINK: &[Column] = &[("LINK", "/url"), ("GOOD UNTIL", "/expires_at")];

/// Prints a new setup link.
pub(super) async fn link(settings: &Settings, on: &Asked) -> Result<(), Failure> {
    let mut answer = on.client.post("/api/v1/setup/link", None).await?.body;
    let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
    // The server that runs knows where it listens; these settings need not be its own.
    let running =
        answer.pointer("/listeners/0").and_then(Value::as_str).and_then(|at| PageAddress::parse(at).ok());
    let page = running.clone().or_else(|| settings.page_listeners().next());
    let Some(way) = page.as_ref().map(reach) else {
        return Err(Failure::Verb(
            "the settings let the server listen nowhere; set listen.https or listen.api".to_owned(),
        ));
    };
    let url = format!("{}/setup#{token}", way.base);
    answer["url"] = json!(url);
    on.form.one(&answer, LINK)?;
    if running.is_none() {
        note("no server runs here: start it first (systemctl start caspervpn, or caspervpn serve)");
    }
    if let Some(hint) = way.hint {
        note(&hint);
    }
    if page.is_some_and(|page| page.over_tls) {
        note(
            "where the browser warns of the certificate, compare its SHA-256 with that of `caspervpn tls status`",
        );
    }
    note("the link works once, an older one no more");
    Ok(())
}

/// Does the first run as the file says.
pub(super) async fn run(args: &SetupArgs, on: &Asked) -> Result<(), Failure> {
    let plan = read(&args.file)?;
    let password = plan.owner.password(&args.file)?;
    // Made first: a place that cannot be written must not leave a service without the token that was asked for.
    let token_file =
        plan.token_file.as_deref().map(|path| NewFile::create(&beside(&args.file, path))).transpose()?;
    let mut owner = on.body(&plan.owner)?;
    owner["password"] = json!(*password);
    let mut body =
        json!({ "owner": owner, "endpoint": on.body(&plan.endpoint)?, "network": on.body(&plan.network)? });
    if let Some(device) = &plan.device {
        body["device"] = on.body(device)?;
    }
    let done = on.client.post("/api/v1/setup", Some(body)).await?.body;
    if let Some(file) = token_file {
        let token = json!({ "name": TOKEN_NAME, "user_id": done["user_id"], "scopes": ["all"] });
        api_token::write(&mut on.client.post("/api/v1/api-tokens", Some(token)).await?.body, file)?;
    }
    on.form.one(&done, DONE)?;
    note_endpoint(Some(&plan.endpoint.host));
    match done.pointer("/config/conf").and_then(Value::as_str) {
        Some(conf) if !on.form.is_json() => on.form.raw(&format!("\n{conf}")),
        Some(_) | None => Ok(()),
    }
}

impl Owner {
    fn password(&self, file: &Path) -> Result<Zeroizing<String>, Failure> {
        match (&self.password, &self.password_file) {
            (Some(Secret(password)), None) => Ok(password.clone()),
            (None, Some(path)) => password::from_file(&beside(file, path)),
            (None, None) | (Some(_), Some(_)) => Err(Failure::Verb(format!(
                "{}: [owner] needs either password or password_file",
                file.display()
            ))),
        }
    }
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(Failure::file("read", path))?;
    toml::from_str(&text).map_err(|fault| {
        let line = fault.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        // The line itself is not repeated: it may hold the password.
        Failure::Verb(format!("{}:{line}: {}", path.display(), fault.message()))
    })
}

/// Relative paths in the file start where the file is.
fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

#[cfg(test)]
mod tests {
    use super::read;
    use std::fs;

    #[test]
    fn a_fault_names_its_line_but_no_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("setup.toml");
        fs::write(&path, "[owner]\nlogin = \"ada\"\npassword = \"hunter2hunter2\"\npasword = 1\n").unwrap();

        let fault = read(&path).unwrap_err().to_string();

        assert!(fault.contains("setup.toml:4: unknown field `pasword`"), "{fault}");
        assert!(!fault.contains("hunter2"));
    }
}
