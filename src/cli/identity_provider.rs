//! `caspervpn identity-provider …`: where people are known already.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;
use crate::cli::value::Change;

/// What can be done with identity providers.
#[derive(Debug, Subcommand)]
pub(super) enum IdentityProviderVerb {
    /// List identity providers.
    #[command(after_help = "Example:\n  caspervpn identity-provider list")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one provider. Its secret is never shown.
    #[command(after_help = "Example:\n  caspervpn identity-provider show 'Example Corp'")]
    Show(Named),
    /// Make a provider. Then set the printed callback, behind the panel's URL, as the redirect URI there.
    #[command(
        after_help = "Example:\n  caspervpn identity-provider create 'Example Corp' --issuer https://id.example.org/realms/main \\\n    \
                            --client-id casper-vpn --secret-file /root/client.secret --scopes 'profile email groups' \\\n    \
                            --group-claim groups --group-role vpn-admins=admin --allow-sign-up true"
    )]
    Create(Box<CreateArgs>),
    /// Make an LDAP directory a provider: a second source of passwords, behind those kept here.
    #[command(
        after_help = "Example:\n  caspervpn identity-provider create-ldap Staff --url ldaps://directory.example.org \\\n    \
                            --bind-dn cn=casper,dc=example,dc=org --secret-file /root/bind.password \\\n    \
                            --base ou=people,dc=example,dc=org --filter '(&(objectClass=person)(uid={login}))' \\\n    \
                            --group-attribute memberOf --allow-sign-up true"
    )]
    CreateLdap(Box<CreateLdapArgs>),
    /// Change a provider. Its issuer, or the directory's URL, stays.
    #[command(after_help = "Example:\n  caspervpn identity-provider update 'Example Corp' --enabled false")]
    Update(Box<UpdateArgs>),
    /// Try whether a provider answers as it should.
    #[command(after_help = "Example:\n  caspervpn identity-provider test 'Example Corp'")]
    Test(Named),
    /// Delete a provider, and with it every account's link to it. The accounts stay.
    #[command(after_help = "Example:\n  caspervpn identity-provider delete 'Example Corp'")]
    Delete(Named),
}

/// Which provider.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The provider's name or id.
    provider: String,
}

/// A provider to be made.
#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// What people read on its button.
    name: String,
    /// The URL by which the provider names itself, to the letter.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// Who this service is to the provider.
    #[arg(long, value_name = "ID")]
    client_id: String,
    #[command(flatten)]
    asked: Asking,
    #[command(flatten)]
    rules: Rules,
}

/// A directory to be made a provider.
#[derive(Debug, clap::Args)]
pub(super) struct CreateLdapArgs {
    /// What it is called.
    name: String,
    #[command(flatten)]
    ldap: Ldap,
    /// Read the password of the bind DN from this file.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    rules: Rules,
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

/// Changes of a provider.
#[derive(Debug, clap::Args)]
pub(super) struct UpdateArgs {
    /// The provider's name or id.
    provider: String,
    /// What people read on its button from now on.
    #[arg(long)]
    name: Option<String>,
    /// Who this service is to the provider.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    asked: Asking,
    #[command(flatten)]
    rules: Rules,
}

/// How the provider is asked.
#[derive(Debug, clap::Args)]
struct Asking {
    /// Read the client secret from this file. Without one a new provider is a public client's.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// What is asked for beside `openid`, with blanks between.
    #[arg(long, value_name = "WORDS")]
    scopes: Option<String>,
    /// The claim that lists a person's groups, or `none`.
    #[arg(long, value_name = "CLAIM")]
    group_claim: Option<Change<String>>,
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
    /// What members of a group may do; repeat it for more. All that is given takes the place of what was.
    #[arg(long = "group-role", value_name = "GROUP=ROLE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group_roles: Vec<GroupRole>,
    /// Read the certificates of a private authority, which has signed the provider's own, from this file, as PEM.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    ca_file: Option<PathBuf>,
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

const PROVIDERS: &str = "/api/v1/identity-providers";

const ROW: &[Column] = &[
    ("NAME", "/name"),
    ("ISSUER", "/oidc/issuer"),
    ("DIRECTORY", "/ldap/url"),
    ("ENABLED", "/enabled"),
    ("SIGN-UP", "/allow_sign_up"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("ISSUER", "/oidc/issuer"),
    ("CLIENT ID", "/oidc/client_id"),
    ("SECRET", "/has_secret"),
    ("SCOPES", "/oidc/scopes"),
    ("GROUP CLAIM", "/oidc/group_claim"),
    ("DIRECTORY", "/ldap/url"),
    ("BIND DN", "/ldap/bind_dn"),
    ("BASE", "/ldap/base"),
    ("FILTER", "/ldap/filter"),
    ("GROUP ATTRIBUTE", "/ldap/group_attribute"),
    ("GROUP ROLES", "/group_roles"),
    ("DEFAULT ROLE", "/default_role"),
    ("SIGN-UP", "/allow_sign_up"),
    ("DEVICE LIMIT", "/device_limit"),
    ("ENABLED", "/enabled"),
    ("CALLBACK", "/callback_path"),
    ("CREATED", "/created_at"),
];

const TRIAL: &[Column] = &[("OK", "/ok"), ("DETAIL", "/detail")];

impl IdentityProviderVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page } => on.form.list(&page.read(&on.client, PROVIDERS, &[]).await?, ROW),
            Self::Show(named) => {
                let path = named.path(on).await?;
                on.form.one(&on.client.get(&path).await?.body, WHOLE)
            }
            Self::Create(args) => create(&args, on).await,
            Self::CreateLdap(args) => create_ldap(&args, on).await,
            Self::Update(args) => update(&args, on).await,
            Self::Test(named) => {
                let path = named.path(on).await?;
                on.form.one(&on.client.post(&format!("{path}/test"), None).await?.body, TRIAL)
            }
            Self::Delete(named) => {
                let path = named.path(on).await?;
                let answer = on.client.delete(&path).await?;
                on.form.done(&answer.body, &format!("{} is gone, and nobody is linked to it", named.provider))
            }
        }
    }
}

impl Named {
    async fn path(&self, on: &Asked) -> Result<String, Failure> {
        Ok(format!("{PROVIDERS}/{}", on.client.resolve("identity-providers", "name", &self.provider).await?))
    }
}

impl Asking {
    /// Puts what is given into a description of how the provider is asked.
    fn fill(&self, oidc: &mut Value, on: &Asked) -> Result<(), Failure> {
        if let Some(scopes) = &self.scopes {
            oidc["scopes"] = json!(scopes);
        }
        if let Some(claim) = &self.group_claim {
            oidc["group_claim"] = on.body(&json!({ "claim": claim }))?["claim"].take();
        }
        Ok(())
    }
}

impl Rules {
    /// What is given of the rules, as a body has it.
    fn body(&self, on: &Asked) -> Result<Value, Failure> {
        let mut body = on.body(self)?;
        if let Some(ca) = text_of(self.ca_file.as_deref())? {
            body["ca"] = json!(ca.as_str());
        }
        Ok(body)
    }
}

/// The text of a file, without the line's end that editors add.
fn text_of(file: Option<&Path>) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(Failure::file("read", file))?;
    Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
}

async fn create_ldap(args: &CreateLdapArgs, on: &Asked) -> Result<(), Failure> {
    let mut body = args.rules.body(on)?;
    body["name"] = json!(args.name);
    body["ldap"] = on.body(&args.ldap)?;
    if let Some(secret) = text_of(args.secret_file.as_deref())? {
        body["secret"] = json!(secret.as_str());
    }
    on.form.one(&on.client.post(PROVIDERS, Some(body)).await?.body, WHOLE)
}

async fn create(args: &CreateArgs, on: &Asked) -> Result<(), Failure> {
    let mut body = args.rules.body(on)?;
    body["name"] = json!(args.name);
    body["oidc"] = json!({ "issuer": args.issuer, "client_id": args.client_id });
    args.asked.fill(&mut body["oidc"], on)?;
    if let Some(secret) = text_of(args.asked.secret_file.as_deref())? {
        body["secret"] = json!(secret.as_str());
    }
    on.form.one(&on.client.post(PROVIDERS, Some(body)).await?.body, WHOLE)
}

async fn update(args: &UpdateArgs, on: &Asked) -> Result<(), Failure> {
    let path = Named { provider: args.provider.clone() }.path(on).await?;
    let mut body = args.rules.body(on)?;
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    if args.client_id.is_some() || args.asked.scopes.is_some() || args.asked.group_claim.is_some() {
        let mut oidc = on.client.get(&path).await?.body["oidc"].take();
        if let Some(client_id) = &args.client_id {
            oidc["client_id"] = json!(client_id);
        }
        args.asked.fill(&mut oidc, on)?;
        body["oidc"] = oidc;
    }
    if let Some(secret) = text_of(args.asked.secret_file.as_deref())? {
        body["secret"] = json!(secret.as_str());
    }
    on.form.one(&on.client.patch(&path, body).await?.body, WHOLE)
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
