//! `caspervpn user …`: accounts that own devices.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Asked;
use crate::cli::failure::Failure;
use crate::cli::link;
use crate::cli::output::Column;
use crate::cli::page::PageArgs;
use crate::cli::password::{self, PasswordArgs};
use crate::cli::usage::DaysArgs;
use crate::cli::value::{Bytes, Change, When};

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(super) enum UserVerb {
    /// List users.
    #[command(after_help = "Example:\n  caspervpn user list --role admin --sort -created_at")]
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only users of this role.
        #[arg(long)]
        role: Option<Role>,
        /// Only users in this state: active, expired, disabled.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only deleted users.
        #[arg(long)]
        deleted: bool,
    },
    /// Show one user.
    #[command(after_help = "Example:\n  caspervpn user show ada")]
    Show(Named),
    /// Make a user. Without a password the user cannot sign in, and only owns devices.
    #[command(
        after_help = "Example:\n  caspervpn user create ada --display-name 'Ada Lovelace' --role admin \
                            --password-file /run/ada.password"
    )]
    Create(CreateArgs),
    /// Change a user's name, role, limits or expiry.
    #[command(after_help = "Example:\n  caspervpn user update ada --data-limit 50GiB --expires-at none")]
    Update(UpdateArgs),
    /// Let a user's devices connect, and the user sign in, again.
    #[command(after_help = "Example:\n  caspervpn user enable ada")]
    Enable(Named),
    /// Stop a user's devices and sign-in.
    #[command(after_help = "Example:\n  caspervpn user disable ada")]
    Disable(Named),
    /// Set a user's password and end the user's sessions.
    #[command(after_help = "Example:\n  caspervpn user set-password ada            asks for it\n  \
                            pass show ada | caspervpn user set-password ada --password-file -")]
    SetPassword {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Let somebody in who forgot the password: set a new one, typed or made here, and end the user's sessions.
    ///
    /// It works with the server running and stopped.
    #[command(
        after_help = "Example:\n  caspervpn user reset-password ada --generate      prints the new password, once"
    )]
    ResetPassword {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        password: PasswordArgs,
        /// Make a password and print it, once.
        #[arg(long, conflicts_with = "password_file")]
        generate: bool,
    },
    /// Take a user's second factors away, for one who has lost them all, and end the user's sessions.
    #[command(after_help = "Example:\n  caspervpn user disable-mfa ada")]
    DisableMfa(Named),
    /// Make a link that lets the user set a new password, once, within half an hour.
    #[command(after_help = "Example:\n  caspervpn user reset-link ada")]
    ResetLink(Named),
    /// Delete a user and the user's devices. `restore` undoes it.
    #[command(after_help = "Example:\n  caspervpn user delete ada")]
    Delete(Named),
    /// Undo a delete.
    #[command(after_help = "Example:\n  caspervpn user restore ada")]
    Restore(Named),
    /// Show what a user's devices moved by day.
    #[command(after_help = "Example:\n  caspervpn user usage ada --from 2026-11-01 --to 2026-11-30")]
    Usage {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        days: DaysArgs,
    },
}

/// Which user.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The user's login or id.
    user: String,
}

/// What a user may do, from most to least.
#[derive(Debug, Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Everything, other owners among it. There is always one.
    Owner,
    /// Everything but owners and other admins; networks, settings and the audit among it.
    Admin,
    /// Manages members and their devices, and drains nodes; sees networks and settings.
    Operator,
    /// Sees what operators see, and renames, enables and disables members' devices.
    Support,
    /// Sees everything, the audit among it, and changes nothing.
    Auditor,
    /// Makes and manages own devices; sees those and the own account.
    Member,
}

/// A user to be made.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct CreateArgs {
    /// What the user signs in with.
    login: String,
    /// How the user is shown; the login where it is left out.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// Where letters to the user go, also those that let a new password be set.
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The language of those letters: en, de, es, fa, ru or zh.
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// What the user may do.
    #[arg(long, default_value = "member")]
    role: Role,
    /// When the account and its devices stop.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<When>,
    /// Bytes that all devices together may move.
    #[arg(long = "data-limit", value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data_limit_bytes: Option<Bytes>,
    /// Devices the user may have.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_limit: Option<u32>,
    /// Ask for a password.
    #[arg(long, conflicts_with = "password_file")]
    #[serde(skip)]
    password: bool,
    /// Read the hash of the password from this file, or from standard input with `-`: of bcrypt or argon2, as another
    /// system kept it. The next sign-in replaces it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["password", "password_file"])]
    #[serde(skip)]
    password_hash_file: Option<PathBuf>,
    #[command(flatten)]
    #[serde(skip)]
    password_from: PasswordArgs,
}

/// Changes of a user.
#[derive(Debug, clap::Args, Serialize)]
pub(super) struct UpdateArgs {
    /// The user's login or id.
    #[serde(skip)]
    user: String,
    /// What the user signs in with from now on.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    /// How the user is shown.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// Where letters to the user go, or `none`.
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Change<String>>,
    /// The language of those letters: en, de, es, fa, ru or zh, or `none` for the service's own.
    #[arg(long, value_name = "LANGUAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Change<String>>,
    /// What the user may do.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// When the account and its devices stop, or `none`.
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Change<When>>,
    /// Bytes that all devices together may move, or `none`.
    #[arg(long = "data-limit", value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data_limit_bytes: Option<Change<Bytes>>,
    /// Devices the user may have, or `none`.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_limit: Option<Change<u32>>,
}

const USERS: &str = "/api/v1/users";

const ROW: &[Column] = &[
    ("LOGIN", "/login"),
    ("NAME", "/display_name"),
    ("ROLE", "/role"),
    ("STATE", "/state"),
    ("MFA", "/has_mfa"),
    ("EXPIRES", "/expires_at"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("ID", "/id"),
    ("LOGIN", "/login"),
    ("NAME", "/display_name"),
    ("EMAIL", "/email"),
    ("LANGUAGE", "/language"),
    ("ROLE", "/role"),
    ("STATE", "/state"),
    ("PASSWORD SET", "/has_password"),
    ("SECOND FACTOR", "/has_mfa"),
    ("EXPIRES", "/expires_at"),
    ("DATA LIMIT", "/data_limit_bytes"),
    ("DEVICE LIMIT", "/device_limit"),
    ("CREATED", "/created_at"),
    ("UPDATED", "/updated_at"),
    ("DELETED", "/deleted_at"),
];

impl UserVerb {
    /// Does it.
    pub(super) async fn run(self, on: &Asked) -> Result<(), Failure> {
        match self {
            Self::List { page, role, state, deleted } => {
                let filters = [
                    ("role", role.map(Role::word)),
                    ("state", state),
                    ("deleted", deleted.then(|| "true".to_owned())),
                ];
                on.form.list(&page.read(&on.client, USERS, &filters).await?, ROW)
            }
            Self::Show(user) => {
                let path = user.path(on).await?;
                on.form.one(&on.client.get(&path).await?.body, WHOLE)
            }
            Self::Create(args) => create(args, on).await,
            Self::Update(args) => {
                let path = Named { user: args.user.clone() }.path(on).await?;
                let body = on.body(&args)?;
                on.form.one(&on.client.patch(&path, body).await?.body, WHOLE)
            }
            Self::Enable(user) => user.act("enable", "enabled", on).await,
            Self::Disable(user) => user.act("disable", "disabled", on).await,
            Self::SetPassword { user, password } => {
                let path = user.path(on).await?;
                let body = set_password(&path, &password.read_or_ask()?, on).await?;
                on.form.done(&body, &format!("{} has a new password", user.user))
            }
            Self::ResetPassword { user, password, generate } => {
                reset_password(&user, &password, generate, on).await
            }
            Self::DisableMfa(user) => {
                let path = user.path(on).await?;
                let answer = on.client.post(&format!("{path}/disable-mfa"), None).await?;
                let said = format!("{} signs in without a second factor; the sessions have ended", user.user);
                on.form.done(&answer.body, &said)
            }
            Self::ResetLink(user) => {
                let path = user.path(on).await?;
                link::make(&format!("{path}/reset-link"), "reset", on).await
            }
            Self::Delete(user) => {
                let path = user.path(on).await?;
                let answer = on.client.delete(&path).await?;
                let said = format!("{0} is deleted; `caspervpn user restore {0}` undoes it", user.user);
                on.form.done(&answer.body, &said)
            }
            Self::Restore(user) => {
                let among = [("deleted", Some("true".to_owned()))];
                let id = on.client.resolve_among("users", "login", &user.user, &among).await?;
                let answer = on.client.post(&format!("{USERS}/{id}/restore"), None).await?;
                on.form.done(&answer.body, &format!("{} is back", user.user))
            }
            Self::Usage { user, days } => {
                days.print(&format!("{}/usage", user.path(on).await?), &[], on).await
            }
        }
    }
}

impl Named {
    async fn path(&self, on: &Asked) -> Result<String, Failure> {
        Ok(format!("{USERS}/{}", on.client.resolve("users", "login", &self.user).await?))
    }

    async fn act(&self, verb: &str, done: &str, on: &Asked) -> Result<(), Failure> {
        let path = self.path(on).await?;
        let answer = on.client.post(&format!("{path}/{verb}"), None).await?;
        on.form.done(&answer.body, &format!("{} is {done}", self.user))
    }
}

impl Role {
    /// The word of the API.
    fn word(self) -> String {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Support => "support",
            Self::Auditor => "auditor",
            Self::Member => "member",
        }
        .to_owned()
    }
}

async fn create(args: CreateArgs, on: &Asked) -> Result<(), Failure> {
    let mut body = on.body(&args)?;
    let password =
        if args.password { Some(args.password_from.read_or_ask()?) } else { args.password_from.read()? };
    if let Some(password) = password {
        body["password"] = json!(*password);
    }
    if let Some(file) = &args.password_hash_file {
        body["password_hash"] = json!(password::from_file(file)?.trim());
    }
    on.form.one(&on.client.post(USERS, Some(body)).await?.body, WHOLE)
}

async fn set_password(path: &str, password: &str, on: &Asked) -> Result<Value, Failure> {
    let body = json!({ "password": password });
    Ok(on.client.post(&format!("{path}/password"), Some(body)).await?.body)
}

async fn reset_password(
    user: &Named,
    from: &PasswordArgs,
    generate: bool,
    on: &Asked,
) -> Result<(), Failure> {
    let path = user.path(on).await?;
    let login = &user.user;
    if !generate {
        let body = set_password(&path, &from.read_or_ask()?, on).await?;
        return on
            .form
            .done(&body, &format!("{login} has a new password; every session of {login} has ended"));
    }
    let password = password::generate()?;
    set_password(&path, &password, on).await?;
    let shown = json!({ "login": login, "password": *password });
    on.form.one(&shown, &[("LOGIN", "/login"), ("NEW PASSWORD", "/password")])
}
