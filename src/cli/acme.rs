//! `caspervpn settings acme …`: the authority that certificates are ordered from.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::{Failure, note};
use crate::cli::output::Column;
use crate::cli::password::from_file;
use crate::cli::settings::{Names, SETTINGS};

/// What can be done with the authority.
#[derive(Debug, Subcommand)]
pub(super) enum AcmeVerb {
    /// Set the authority that certificates are ordered from, and what they are for. What is left out is as if it was never
    /// set, but for the names.
    #[command(
        after_help = "Examples:\n  caspervpn settings acme set --agree-terms --names vpn.example.org\n  \
                      caspervpn settings acme set --agree-terms --names 203.0.113.7 --profile shortlived\n  \
                      caspervpn settings acme set --agree-terms --names '*.example.org' --method dns-01 \\\n    \
                      --dns-server ns1.example.org --dns-key-name acme.example.org --dns-secret-file key.txt"
    )]
    Set(Box<SetArgs>),
    /// Order no more certificates. Those that are there are served to their end.
    #[command(after_help = "Example:\n  caspervpn settings acme off")]
    Off,
}

/// The authority that certificates are to be ordered from.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct SetArgs {
    /// What certificates are for, with commas between: DNS names, some with a star, and IP addresses. Each gets its own.
    #[arg(long, value_name = "NAMES")]
    #[serde(skip)]
    names: Option<Names>,
    /// Agree to the authority's terms of service, such as `https://letsencrypt.org/repository/`.
    #[arg(long)]
    #[serde(rename = "terms_agreed")]
    agree_terms: bool,
    /// The authority's directory: Let's Encrypt's where it is left out.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<String>,
    /// Whom the authority may write to.
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    /// How names are proven: http-01 (port 80), tls-alpn-01 (port 443) or dns-01.
    #[arg(long, value_name = "METHOD", default_value = "http-01")]
    method: String,
    /// Which of the authority's kinds of certificates.
    #[arg(long, value_name = "WORD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// What the authority calls the key by which it knows you already.
    #[arg(long, value_name = "ID", requires = "eab_hmac_key_file")]
    #[serde(skip)]
    eab_key_id: Option<String>,
    /// Read that key, in base64url, from this file.
    #[arg(long, value_name = "FILE", requires = "eab_key_id")]
    #[serde(skip)]
    eab_hmac_key_file: Option<PathBuf>,
    /// A file of certificates in PEM by which the directory is trusted, besides those that browsers know.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    #[serde(skip)]
    dns: DnsArgs,
}

/// The name server that takes the records of dns-01 (RFC 2136), signed by a key (TSIG).
#[derive(Debug, clap::Args)]
struct DnsArgs {
    /// The name server that takes changes for dns-01.
    #[arg(long, value_name = "HOST", requires = "dns_key_name")]
    dns_server: Option<String>,
    /// Its TCP port.
    #[arg(long, value_name = "PORT", default_value_t = 53)]
    dns_port: u16,
    /// The zone to change; found by asking where it is left out.
    #[arg(long, value_name = "ZONE")]
    dns_zone: Option<String>,
    /// What the server calls the key that signs.
    #[arg(long, value_name = "NAME", requires = "dns_secret_file")]
    dns_key_name: Option<String>,
    /// How it signs: hmac-sha256 or hmac-sha512.
    #[arg(long, value_name = "ALGORITHM", default_value = "hmac-sha256")]
    dns_algorithm: String,
    /// Read the key's secret, in base64, from this file.
    #[arg(long, value_name = "FILE", requires = "dns_server")]
    dns_secret_file: Option<PathBuf>,
}

const AUTHORITY: &[Column] = &[
    ("NAMES", "/tls_names"),
    ("DIRECTORY", "/acme/directory"),
    ("METHOD", "/acme/method"),
    ("PROFILE", "/acme/profile"),
    ("CONTACT", "/acme/contact"),
    ("DNS SERVER", "/acme/dns/host"),
];

impl AcmeVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::Set(args) => set(&args, on).await,
            Self::Off => {
                let settings = on.client.patch(SETTINGS, json!({ "acme": Value::Null })).await?.body;
                on.form.done(&settings, "no more certificates are ordered")
            }
        }
    }
}

async fn set(args: &SetArgs, on: &Asked) -> Result<(), Failure> {
    let mut acme = on.body(args)?;
    if let (Some(id), Some(file)) = (&args.eab_key_id, &args.eab_hmac_key_file) {
        acme["eab"] = json!({ "key_id": id, "hmac_key": *from_file(file)? });
    }
    if let Some(file) = &args.ca_file {
        let pem = std::fs::read_to_string(file).map_err(Failure::file("read the certificates in", file))?;
        acme["ca_certificate"] = json!(pem);
    }
    if let (Some(host), Some(key), Some(file)) =
        (&args.dns.dns_server, &args.dns.dns_key_name, &args.dns.dns_secret_file)
    {
        let DnsArgs { dns_port: port, dns_zone: zone, dns_algorithm: algorithm, .. } = &args.dns;
        acme["dns"] = json!({
            "host": host, "port": port, "zone": zone, "key_name": key, "algorithm": algorithm,
            "secret": *from_file(file)?,
        });
    }
    let mut change = json!({ "acme": acme });
    if let Some(names) = &args.names {
        change["tls_names"] = json!(names);
    }
    let settings = on.client.patch(SETTINGS, change).await?.body;
    on.form.one(&settings, AUTHORITY)?;
    if settings.pointer("/tls_names/0").is_none() {
        note("no names are set yet: give --names, or `caspervpn settings update --tls-names`");
    }
    Ok(())
}
