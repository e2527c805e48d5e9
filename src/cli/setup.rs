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
use crate::cli::device_config::NewFile;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::password;
use crate::config::address::Address;

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
    /// A new file for a session of the owner: what POST /api/v1/sessions answers, as JSON.
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

  token_file = \"/etc/caspervpn/owner.session.json\"   # optional: a session of the owner, as POST /api/v1/sessions gives it

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

Relative paths start where setup.toml is. The refresh_token of the token file gets new tokens from
POST /api/v1/sessions/refresh.";

const DONE: &[Column] = &[
    ("OWNER", "/user_id"),
    ("NETWORK", "/network_id"),
    ("DEVICE", "/device/id"),
    ("DEVICE IPV4", "/device/ipv4"),
    ("DEVICE IPV6", "/device/ipv6"),
];

const LINK: &[Column] = &[("LINK", "/url"), ("GOOD UNTIL", "/expires_at")];

/// Prints a new setup link.
pub(super) async fn link(listen: Option<&Address>, on: &Asked) -> Result<(), Failure> {
    let mut answer = on.client.post("/api/v1/setup/link", None).await?.body;
    let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
    let base = match listen {
        Some(Address::Tcp(at)) if at.ip().is_unspecified() => format!("http://THIS-HOST:{}", at.port()),
        Some(Address::Tcp(at)) => format!("http://{at}"),
        Some(Address::Unix(_) | Address::Systemd(_)) | None => "http://THIS-HOST".to_owned(),
    };
    let url = format!("{base}/setup#{token}");
    answer["url"] = json!(url);
    on.form.one(&answer, LINK)?;
    let once = "the link works once, an older one no more";
    match listen {
        Some(Address::Tcp(at)) if at.ip().is_loopback() => {
            let port = at.port();
            note(&format!("from another machine, first run `ssh -L {port}:{at} HOST`; {once}"));
        }
        Some(Address::Tcp(_) | Address::Unix(_) | Address::Systemd(_)) | None => note(once),
    }
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
        let sign_in = json!({ "login": plan.owner.login, "password": *password });
        let session = on.client.post("/api/v1/sessions", Some(sign_in)).await?.body;
        file.keep(&format!("{session:#}\n"))?;
    }
    on.form.one(&done, DONE)?;
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
