//! `caspervpn identity-provider …`: where people are known already.

mod args;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::identity_provider::args::{CreateArgs, CreateLdapArgs, UpdateArgs};
use crate::cli::output::Column;
use crate::cli::page::PageArgs;

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
    /// Change a provider. Its issuer, or the directory's URL, stays, and so does what is not given.
    #[command(
        after_help = "Examples:\n  caspervpn identity-provider update 'Example Corp' --enabled false\n  \
                            caspervpn identity-provider update 'Example Corp' --group-claim none --group-role none\n  \
                            caspervpn identity-provider update Staff --base ou=staff,dc=example,dc=org --secret-file /root/bind.password"
    )]
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
    ("STARTTLS", "/ldap/start_tls"),
    ("BIND DN", "/ldap/bind_dn"),
    ("BASE", "/ldap/base"),
    ("FILTER", "/ldap/filter"),
    ("LOGIN ATTRIBUTE", "/ldap/login_attribute"),
    ("SUBJECT ATTRIBUTE", "/ldap/subject_attribute"),
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
            Self::Create(args) => create(args.body(on)?, on).await,
            Self::CreateLdap(args) => create(args.body(on)?, on).await,
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

async fn create(body: Value, on: &Asked) -> Result<(), Failure> {
    on.form.one(&on.client.post(PROVIDERS, Some(body)).await?.body, WHOLE)
}

async fn update(args: &UpdateArgs, on: &Asked) -> Result<(), Failure> {
    let path = Named { provider: args.provider.clone() }.path(on).await?;
    // How it is asked is changed as a whole, so what is there is read first, and must still be there.
    let there = on.client.get(&path).await?.body;
    let revision = there["revision"].as_i64().unwrap_or_default();
    let body = args.body(on, there)?;
    on.form.one(&on.client.patch_at(&path, revision, body).await?.body, WHOLE)
}
