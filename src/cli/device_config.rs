//! Devices' configurations on the command line: made, printed, drawn, written to a file.
//!
//! Invariant: a private key reaches the terminal or a file that only its owner reads, nothing else.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::app::qr::Qr;
use crate::cli::Asked;
use crate::cli::device::{DEVICES, WHOLE, network_id, user_id};
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::value::{Bytes, Seconds, When};
use crate::domain::key::PrivateKey;
use crate::secrets::keypair::KeyPair;

/// A device to be made.
#[derive(Debug, clap::Args, Serialize)]
#[command(group = clap::ArgGroup::new("key").required(true).multiple(true).args(["public_key", "server_key", "conf", "qr"]))]
pub(super) struct CreateArgs {
    /// What it is called, unlike its owner's other devices.
    name: String,
    /// Whose it is: a login or an id.
    #[arg(long)]
    #[serde(skip)]
    user: String,
    /// The network: a name or an id; the only one where it is left out.
    #[arg(long)]
    #[serde(skip)]
    network: Option<String>,
    /// The public half of a key pair that its client made.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["server_key", "conf", "qr"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// Let the server make the key pair and keep the private half until it is revealed.
    #[arg(long, conflicts_with_all = ["conf", "qr"])]
    #[serde(skip)]
    server_key: bool,
    /// Make the key pair here and write the whole configuration to this new file.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    conf: Option<PathBuf>,
    /// Make the key pair here and draw the whole configuration as a QR code.
    #[arg(long)]
    #[serde(skip)]
    qr: bool,
    /// Do without a preshared key.
    #[arg(long)]
    #[serde(skip)]
    no_preshared_key: bool,
    /// When it stops.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<When>,
    /// How long it may be used from its first handshake on.
    #[arg(long = "duration", value_name = "SPAN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<Seconds>,
    /// Bytes it may move, both ways.
    #[arg(long = "data-limit", value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data_limit_bytes: Option<Bytes>,
    /// A remark.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Where a configuration goes.
#[derive(Debug, clap::Args)]
pub(super) struct ConfArgs {
    /// Write it to this new file, which only you can read, instead of the terminal.
    #[arg(long, value_name = "FILE")]
    conf: Option<PathBuf>,
}

const LINK: &[Column] = &[("LINK", "/path"), ("GOOD UNTIL", "/expires_at")];

/// Makes a device, and its key pair too where a configuration is wanted here.
pub(super) async fn create(args: CreateArgs, on: &Asked) -> Result<(), Failure> {
    let mut body = on.body(&args)?;
    body["user_id"] = json!(user_id(&Some(args.user.clone()), on).await?);
    if let Some(network) = network_id(&args.network, on).await? {
        body["network_id"] = json!(network);
    }
    if args.no_preshared_key {
        body["preshared_key"] = json!(false);
    }
    if args.conf.is_none() && !args.qr {
        let made = on.client.post(DEVICES, Some(body)).await?.body;
        if args.server_key {
            note("`caspervpn device reveal` or `qr` shows its configuration once");
        }
        return on.form.one(&made, WHOLE);
    }
    let pair = KeyPair::generate().map_err(|cause| Failure::Verb(cause.to_string()))?;
    body["public_key"] = json!(pair.public.to_string());
    // Opened first: a file that cannot be written must not cost a device.
    let file = args.conf.as_deref().map(NewFile::create).transpose()?;
    let made = on.client.post(DEVICES, Some(body)).await?.body;
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
    let path = format!("{DEVICES}/{id}");
    match whole(&path, &pair.private, on).await {
        Ok(conf) => {
            if let Some(file) = file {
                file.keep(&conf)?;
            }
            on.form.one(&made, WHOLE)?;
            if args.qr { on.form.raw(&drawn(&conf)?) } else { Ok(()) }
        }
        // Nobody has the private key now, so the device is of no use.
        Err(failure) => {
            on.client.delete(&path).await?;
            Err(failure)
        }
    }
}

/// Prints a device's configuration or writes it to a file.
pub(super) async fn reveal(path: &str, to: &ConfArgs, on: &Asked) -> Result<(), Failure> {
    let file = to.conf.as_deref().map(NewFile::create).transpose()?;
    let answer = on.client.post(&format!("{path}/reveal"), None).await?.body;
    let conf = text(&answer, "conf");
    if answer.get("client_key").and_then(Value::as_bool) == Some(true) {
        note("the client made this device's key and has to write it after `PrivateKey =`");
    }
    match file {
        Some(file) => file.keep(&conf),
        None if on.form.is_json() => on.form.one(&answer, &[]),
        None => on.form.raw(&conf),
    }
}

/// Draws a device's configuration.
pub(super) async fn draw(path: &str, on: &Asked) -> Result<(), Failure> {
    let device = on.client.get(path).await?.body;
    if device.get("has_private_key").and_then(Value::as_bool) != Some(true) {
        let said = "there is nothing to draw: this device's private key is not on the server, because its client made \
                    it or because it was revealed already. Draw it where the key is, or make a device with \
                    `caspervpn device create NAME --user USER --qr`";
        return Err(Failure::Verb(said.to_owned()));
    }
    let answer = on.client.post(&format!("{path}/reveal"), None).await?.body;
    if on.form.is_json() {
        return on.form.one(&answer, &[]);
    }
    on.form.raw(&drawn(&text(&answer, "conf"))?)
}

/// Makes a one-time link.
pub(super) async fn link(path: &str, on: &Asked) -> Result<(), Failure> {
    let mut answer = on.client.post(&format!("{path}/link"), None).await?.body;
    let token = text(&answer, "token");
    answer["path"] = json!(format!("/link#{}", *token));
    on.form.one(&answer, LINK)?;
    note("put the address of your panel in front, as in https://vpn.example.org/link#…; the link works once");
    Ok(())
}

/// A new file for secrets. It is removed again unless it is kept.
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl NewFile {
    /// Makes it, for its owner only. A file that is there already is left alone.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(Failure::file("make the new file", path))?;
        Ok(Self { path: path.to_owned(), file, kept: false })
    }

    /// Writes the text, to the disk.
    pub(super) fn keep(self, text: &str) -> Result<(), Failure> {
        self.keep_bytes(text.as_bytes())
    }

    /// Writes the bytes, to the disk.
    pub(super) fn keep_bytes(mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_all());
        written.map_err(Failure::file("write", &self.path))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // It is ours and empty or torn; that it stays is untidy, not wrong.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// The configuration with the key that was made here.
async fn whole(path: &str, key: &PrivateKey, on: &Asked) -> Result<Zeroizing<String>, Failure> {
    let answer = on.client.post(&format!("{path}/reveal"), None).await?.body;
    Ok(with_key(&text(&answer, "conf"), key))
}

fn with_key(conf: &str, key: &PrivateKey) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(conf.len() + 64));
    let lines: Vec<&str> = conf.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let asks_for_key = |line: &&str| line.trim_end() == "PrivateKey =";
        if asks_for_key(line) {
            whole.push_str("PrivateKey = ");
            whole.push_str(&key.expose_base64());
        } else if line.starts_with('#') && lines.get(at + 1).is_some_and(asks_for_key) {
            // The comment that tells where the key goes.
            continue;
        } else {
            whole.push_str(line);
        }
        whole.push('\n');
    }
    whole
}

fn drawn(conf: &str) -> Result<Zeroizing<String>, Failure> {
    let mut short = Zeroizing::new(String::with_capacity(conf.len()));
    // Comments would only make the squares smaller.
    for line in conf.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        short.push_str(line);
        short.push('\n');
    }
    Qr::smallest(&short).map(|qr| qr.to_terminal()).map_err(|cause| Failure::Verb(cause.to_string()))
}

fn text(answer: &Value, key: &str) -> Zeroizing<String> {
    Zeroizing::new(answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{NewFile, with_key};
    use crate::domain::key::PrivateKey;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_made_here_takes_the_marked_place() {
        let key = PrivateKey::new([7; 32]);

        let conf = with_key("[Interface]\n# Only your device knows …\nPrivateKey = \nMTU = 1420\n", &key);

        assert_eq!(*conf, format!("[Interface]\nPrivateKey = {}\nMTU = 1420\n", *key.expose_base64()));
    }

    #[test]
    fn a_file_for_secrets_is_private_and_gone_unless_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.conf");

        drop(NewFile::create(&path).unwrap());
        let gone = !path.exists();
        NewFile::create(&path).unwrap().keep("secret").unwrap();

        assert!(gone);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(NewFile::create(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret");
    }
}
