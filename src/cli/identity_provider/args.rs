//! What identity providers are made with and changed by on the command line, and the bodies that it comes to.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::value::Change;

/// A provider to be made.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateArgs {
    /// What people read on its button.
    name: String,
    /// The URL by which the provider names itself, to the letter.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// Who this service is to the provider.
    #[arg(long, value_name = "ID")]
    client_id: String,
    #[command(flatten)]
    asking: Asking,
    /// Read the client secret from this file. Without one it is a public client's.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Read the certificates of a private authority, which has signed the provider's own, from this file, as PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    rules: Rules,
}

/// A directory to be made a provider.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateLdapArgs {
    /// What it is called.
    name: String,
    #[command(flatten)]
    ldap: Ldap,
    /// Read the password of the bind DN from this file.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Read the certificates of a private authority, which has signed the directory's own, from this file, as PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    rules: Rules,
}

/// Changes of a provider.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct UpdateArgs {
    /// The provider's name or id.
    pub(super) provider: String,
    /// What people read on its button from now on.
    #[arg(long)]
    name: Option<String>,
    /// Read the client secret, or the password of the bind DN, from this file; `none` for none at all.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<Change<PathBuf>>,
    /// Read the certificates of a private authority from this file, as PEM; `none` for public ones alone.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<Change<PathBuf>>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    oidc: OidcChanges,
    #[command(flatten)]
    ldap: LdapChanges,
}

/// How a provider of OpenID Connect is asked, beside who it is.
#[derive(Debug, clap::Args, Serialize)]
struct Asking {
    /// What is asked for beside `openid`, with blanks between.
    #[arg(long, value_name = "WORDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    /// The claim that lists a person's groups, or `none`.
    #[arg(long, value_name = "CLAIM")]
    #[serde(skip_serializing_if = "Option::is_none")]
    group_claim: Option<Change<String>>,
}

/// How a provider of OpenID Connect is asked from now on.
#[derive(Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Of a provider of OpenID Connect")]
struct OidcChanges {
    /// Who this service is to the provider.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    asking: Asking,
}

/// How a directory is asked.
#[derive(Debug, clap::Args, Serialize)]
struct Ldap {
    /// Where it is: `ldaps://` or `ldap://`, a host, a port where it is not the usual one.
    #[arg(long)]
    url: String,
    /// Turn an `ldap://` connection to TLS before anything is said.
    #[arg(long)]
    start_tls: bool,
    /// Who searches; nobody in particular where it is left out.
    #[arg(long, value_name = "DN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_dn: Option<String>,
    /// Below which entry people are.
    #[arg(long, value_name = "DN")]
    base: String,
    /// Which entry is the person: `{login}` stands for the login.
    #[arg(long)]
    filter: String,
    /// The attribute that a new account's login is taken from.
    #[arg(long, value_name = "NAME", default_value = "uid")]
    login_attribute: String,
    /// The attribute that tells an entry from all others for good.
    #[arg(long, value_name = "NAME", default_value = "entryUUID")]
    subject_attribute: String,
    /// The attribute that lists a person's groups.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    group_attribute: Option<String>,
}

/// How a directory is asked from now on.
#[derive(Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Of an LDAP directory")]
struct LdapChanges {
    /// Whether an `ldap://` connection turns to TLS before anything is said: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    start_tls: Option<bool>,
    /// Who searches; `none` for nobody in particular.
    #[arg(long, value_name = "DN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_dn: Option<Change<String>>,
    /// Below which entry people are.
    #[arg(long, value_name = "DN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    /// Which entry is the person: `{login}` stands for the login.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    /// The attribute that a new account's login is taken from.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    login_attribute: Option<String>,
    /// The attribute that tells an entry from all others for good. Links to people were made by the old one.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_attribute: Option<String>,
    /// The attribute that lists a person's groups, or `none`.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    group_attribute: Option<Change<String>>,
}

/// What people may do when they come from there.
#[derive(Debug, clap::Args, Serialize)]
struct Rules {
    /// Whether people may sign in by it: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    /// Whether somebody who is not known yet gets an account: true or false.
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_sign_up: Option<bool>,
    /// The role of a new account.
    #[arg(long, value_name = "ROLE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    default_role: Option<String>,
    /// What members of a group may do; repeat it for more. All that is given takes the place of what was; `none` for no
    /// group at all.
    #[arg(long = "group-role", value_name = "GROUP=ROLE")]
    #[serde(skip)]
    group_roles: Vec<Change<GroupRole>>,
    /// Devices that a new account may have, or `none` for any number.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_limit: Option<Change<u32>>,
}

/// A group and what its members may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct GroupRole {
    group: String,
    role: String,
}

/// A text that is no group with its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not GROUP=ROLE")]
struct GroupRoleError;

impl FromStr for GroupRole {
    type Err = GroupRoleError;

    /// The last sign counts: groups of directories have some in their names.
    fn from_str(text: &str) -> Result<Self, GroupRoleError> {
        let (group, role) = text.rsplit_once('=').ok_or(GroupRoleError)?;
        Ok(Self { group: group.to_owned(), role: role.to_owned() })
    }
}

impl CreateArgs {
    /// The request.
    pub(super) fn body(&self, on: &Asked) -> Result<Value, Failure> {
        let mut body = new(on, &self.name, &self.rules, [&self.secret_file, &self.ca_file])?;
        body["oidc"] = on.body(&self.asking)?;
        body["oidc"]["issuer"] = json!(self.issuer);
        body["oidc"]["client_id"] = json!(self.client_id);
        Ok(body)
    }
}

impl CreateLdapArgs {
    /// The request.
    pub(super) fn body(&self, on: &Asked) -> Result<Value, Failure> {
        let mut body = new(on, &self.name, &self.rules, [&self.secret_file, &self.ca_file])?;
        body["ldap"] = on.body(&self.ldap)?;
        Ok(body)
    }
}

impl UpdateArgs {
    /// The request, for a provider as it is there.
    pub(super) fn body(&self, on: &Asked, mut there: Value) -> Result<Value, Failure> {
        let mut body = self.rules.body(on)?;
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        for (field, file) in [("secret", &self.secret_file), ("ca", &self.ca_file)] {
            match file {
                Some(Change::Set(file)) => body[field] = json!(text_of(file)?.as_str()),
                Some(Change::Clear) => body[field] = Value::Null,
                None => {}
            }
        }
        for (kind, given) in [("oidc", on.body(&self.oidc)?), ("ldap", on.body(&self.ldap)?)] {
            let Some(given) = given.as_object().filter(|given| !given.is_empty()) else { continue };
            let whole = there[kind].as_object_mut().ok_or_else(|| self.unfit(kind, given))?;
            whole.extend(given.clone());
            body[kind] = there[kind].take();
        }
        Ok(body)
    }

    fn unfit(&self, kind: &str, given: &Map<String, Value>) -> Failure {
        let options: Vec<_> = given.keys().map(|field| format!("--{}", field.replace('_', "-"))).collect();
        let whose = if kind == "ldap" { "an LDAP directory" } else { "a provider of OpenID Connect" };
        Failure::Verb(format!("{} is not {whose}; leave out {}", self.provider, options.join(", ")))
    }
}

impl Rules {
    /// What is given of the rules, as a body has it.
    fn body(&self, on: &Asked) -> Result<Value, Failure> {
        let mut body = on.body(self)?;
        if !self.group_roles.is_empty() {
            let given = self.group_roles.iter().filter_map(|it| match it {
                Change::Set(given) => Some(given),
                Change::Clear => None,
            });
            body["group_roles"] = on.body(&given.collect::<Vec<_>>())?;
        }
        Ok(body)
    }
}

/// What every new provider's request has; the files are of the secret and of the authority.
fn new(on: &Asked, name: &str, rules: &Rules, files: [&Option<PathBuf>; 2]) -> Result<Value, Failure> {
    let mut body = rules.body(on)?;
    body["name"] = json!(name);
    for (field, file) in ["secret", "ca"].into_iter().zip(files) {
        if let Some(file) = file {
            body[field] = json!(text_of(file)?.as_str());
        }
    }
    Ok(body)
}

/// The text of a file, without the line's end that editors add.
fn text_of(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(Failure::file("read", file))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::GroupRole;

    #[test]
    fn a_group_may_have_equals_signs_in_its_name() {
        let read: GroupRole = "CN=vpn,DC=example=admin".parse().unwrap();

        assert_eq!((read.group.as_str(), read.role.as_str()), ("CN=vpn,DC=example", "admin"));
        assert!("vpn".parse::<GroupRole>().is_err());
    }
}
