//! Users: accounts that own devices.
//!
//! Invariant: there is always an owner who can sign in, once there has been one.

use serde_json::{Value, json};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::jobs::restorable_since;
use crate::app::password_resets;
use crate::app::passwords::names;
use crate::app::{App, Created, Patch, Revision, expect_revision, idempotency, noun};
use crate::domain::access::{Action, Actor, Role};
use crate::domain::contact::Email;
use crate::domain::id::UserId;
use crate::domain::language::Language;
use crate::domain::name::{DisplayName, Login};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User, UserState};
pub use crate::secrets::password::{MalformedHash, Password, PasswordHash, PasswordRule};
use crate::store::backend::{Conn, Tx};
pub use crate::store::users::{Owned, UserFilter, UserSort};
use crate::store::{api_tokens, audit, links, peers, sessions, users};

/// The use cases of users.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(pub(in crate::app) &'a App);

/// A user with the state that follows from the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserItem {
    /// The facts.
    pub user: User,
    /// The state.
    pub state: UserState,
    /// What the user has.
    pub owned: Owned,
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct CreateUser {
    /// What the user signs in with.
    pub login: Login,
    /// How the user is shown; the login where it is left out.
    pub display_name: Option<DisplayName>,
    /// Where letters to the user go.
    pub email: Option<Email>,
    /// The language of those letters; the service's own where it is none.
    pub language: Option<Language>,
    /// What the user may do.
    pub role: Role,
    /// Without one the user cannot sign in, and only has devices.
    pub password: Option<Password>,
    /// A hash from elsewhere, instead of a password.
    pub password_hash: Option<PasswordHash>,
    /// When the account and its devices stop.
    pub expires_at: Option<Timestamp>,
    /// Bytes that all devices together may move.
    pub data_limit_bytes: Option<u64>,
    /// Devices the user may have.
    pub device_limit: Option<u32>,
}

/// Changes of a user.
#[derive(Debug, Clone, Default)]
pub struct UpdateUser {
    /// What the user signs in with.
    pub login: Option<Login>,
    /// How the user is shown.
    pub display_name: Option<DisplayName>,
    /// Where letters to the user go.
    pub email: Patch<Email>,
    /// The language of those letters.
    pub language: Patch<Language>,
    /// What the user may do.
    pub role: Option<Role>,
    /// When the account and its devices stop.
    pub expires_at: Patch<Timestamp>,
    /// Bytes that all devices together may move.
    pub data_limit_bytes: Patch<u64>,
    /// Devices the user may have.
    pub device_limit: Patch<u32>,
}

/// With another account's password, or with another role, a program could do what its token may not.
const NO_PASSWORD: &str = "no API token may set a password; leave it out, and set it when you have signed in";
const NO_EMAIL: &str =
    "no API token may set where a user's mail goes, as a new password goes there too; sign in for that";
const NO_ROLE: &str = "no API token may change a role; sign in for that";

impl Users<'_> {
    /// A page of the users this actor may see.
    pub async fn list(
        &self,
        ctx: &Ctx,
        filter: UserFilter,
        page: PageRequest<UserSort>,
    ) -> Result<Page<UserItem>> {
        let now = self.0.now();
        let filter = UserFilter { only: ctx.scope(Action::UserList)?.owner(), now, ..filter };
        let (page, owned) = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let page = users::list(on, &filter, &page).await?;
                let ids: Vec<_> = page.items.iter().map(|user| user.id).collect();
                Ok::<_, AppError>((page, users::owned(on, &ids).await?))
            })
            .await?;
        Ok(page.map(|user| UserItem {
            state: user.state(now),
            owned: owned.get(&user.id).copied().unwrap_or_default(),
            user,
        }))
    }

    /// One user; a deleted one for whoever is given the list of them.
    pub async fn get(&self, ctx: &Ctx, id: UserId) -> Result<UserItem> {
        let owner = ctx.scope(Action::UserGet)?.owner();
        if owner.is_some_and(|owner| owner != id) {
            return Err(AppError::not_found("user"));
        }
        let sees_deleted = ctx.scope(Action::UserList).is_ok();
        let now = self.0.now();
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let found = users::find(on, id).await?;
                let found = found.filter(|user| sees_deleted || user.deleted_at.is_none());
                item(on, found.ok_or(AppError::not_found("user"))?, now).await
            })
            .await
    }

    /// Makes a user.
    pub async fn create(&self, ctx: &Ctx, request: CreateUser) -> Result<Created<UserItem>> {
        ctx.require(Action::UserCreate)?;
        if request.password.is_some() || request.password_hash.is_some() {
            ctx.require_no_token(Action::UserCreate, NO_PASSWORD)?;
        }
        require_rank(ctx.actor, Action::UserCreate, request.role)?;
        if request.role != Role::Member {
            ctx.require_fresh_proof()?;
        }
        if request.email.is_some() {
            ctx.require_no_token(Action::UserCreate, NO_EMAIL)?;
        }
        let app = self.0;
        let now = app.now();
        let password_hash = match (&request.password, &request.password_hash) {
            (Some(_), Some(_)) => {
                return Err(AppError::invalid("/password_hash", "give a password or a hash, not both"));
            }
            (Some(password), None) => {
                let own = names(&request.login, request.display_name.as_ref());
                Some(app.hash_new("/password", password, &own).await?)
            }
            (None, Some(hash)) => Some(hash.as_str().to_owned()),
            (None, None) => None,
        };
        let new = new_user(app, request, password_hash)?;
        let event = app.event(ctx, Action::UserCreate.as_str(), ("user", new.id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::UserCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    let user = live(tx, id).await?;
                    return Ok::<_, AppError>(Created::Replayed(item(tx, user, now).await?));
                }
                let user = users::insert(tx, &new, now).await?;
                audit::insert(tx, &event.made(facts(&user))).await?;
                idempotency::keep(tx, &ctx, Action::UserCreate, &user.id.to_string(), now).await?;
                Ok(Created::New(item(tx, user, now).await?))
            })
            .await
    }

    /// Changes a user.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: UserId,
        revision: Revision,
        request: UpdateUser,
    ) -> Result<UserItem> {
        ctx.require(Action::UserUpdate)?;
        if let Some(role) = request.role {
            ctx.require_no_token(Action::UserUpdate, NO_ROLE)?;
            require_rank(ctx.actor, Action::UserUpdate, role)?;
            ctx.require_fresh_proof()?;
        }
        if request.email.is_some() {
            ctx.require_no_token(Action::UserUpdate, NO_EMAIL)?;
            // Whoever reads the mail there can set a new password.
            ctx.require_fresh_proof()?;
        }
        self.change(ctx, Action::UserUpdate, id, move |user| {
            expect_revision("user", user.revision, revision)?;
            apply(user, &request);
            Ok(())
        })
        .await
    }

    /// Lets a user's devices connect and the user sign in again.
    pub async fn enable(&self, ctx: &Ctx, id: UserId) -> Result<UserItem> {
        ctx.require(Action::UserEnable)?;
        self.change(ctx, Action::UserEnable, id, |user| {
            user.disabled = false;
            Ok(())
        })
        .await
    }

    /// Stops a user's devices and sign-in.
    pub async fn disable(&self, ctx: &Ctx, id: UserId) -> Result<UserItem> {
        ctx.require(Action::UserDisable)?;
        self.change(ctx, Action::UserDisable, id, |user| {
            user.disabled = true;
            Ok(())
        })
        .await
    }

    /// Sets another user's password and ends the user's sessions.
    pub async fn set_password(&self, ctx: &Ctx, id: UserId, password: Password) -> Result<()> {
        ctx.require(Action::UserSetPassword)?;
        let app = self.0;
        let now = app.now();
        let user = app.core.store.read(async move |on: &mut Conn| live(on, id).await).await?;
        let own = names(&user.login, Some(&user.display_name));
        let hash = app.hash_new("/password", &password, &own).await?;
        let event = app.event(ctx, Action::UserSetPassword.as_str(), ("user", id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let user = live(tx, id).await?;
                require_rank(ctx.actor, Action::UserSetPassword, user.role)?;
                users::set_password(tx, id, &hash, now).await?;
                sessions::revoke_of_user(tx, id, None, now).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.core.authorities.forget_all();
        Ok(())
    }

    /// Deletes a user; the devices stop with it. It can be undone until a purge.
    pub async fn delete(&self, ctx: &Ctx, id: UserId, revision: Revision) -> Result<()> {
        ctx.require(Action::UserDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::UserDelete.as_str(), ("user", id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let user = live(tx, id).await?;
                require_rank(ctx.actor, Action::UserDelete, user.role)?;
                expect_revision("user", user.revision, revision)?;
                remove(tx, &user, now).await?;
                audit::insert(tx, &event.removed(facts(&user))).await?;
                Ok::<_, AppError>(())
            })
            .await
            .map_err(noun("user"))?;
        app.user_changed();
        Ok(())
    }

    /// Undoes a delete.
    pub async fn restore(&self, ctx: &Ctx, id: UserId) -> Result<UserItem> {
        ctx.require(Action::UserRestore)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::UserRestore.as_str(), ("user", id.to_string()));
        let ctx = ctx.clone();
        let user = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let user = users::undelete(tx, id, restorable_since(now), now).await?;
                require_rank(ctx.actor, Action::UserRestore, user.role)?;
                peers::touch_user(tx, id).await?;
                audit::insert(tx, &event.made(facts(&user))).await?;
                item(tx, user, now).await
            })
            .await
            .map_err(noun("user"))?;
        app.user_changed();
        Ok(user)
    }

    async fn change(
        &self,
        ctx: &Ctx,
        action: Action,
        id: UserId,
        edit: impl Fn(&mut User) -> Result<()> + Send + 'static,
    ) -> Result<UserItem> {
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, action.as_str(), ("user", id.to_string()));
        let ctx = ctx.clone();
        let user = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = live(tx, id).await?;
                require_rank(ctx.actor, action, before.role)?;
                let mut after = before.clone();
                edit(&mut after)?;
                if after.role != before.role || (after.disabled && !before.disabled) {
                    // Access tokens carry the old role or the old standing.
                    after.epoch += 1;
                }
                if after.email != before.email {
                    forget_resets(tx, id).await?;
                }
                let after = users::update(tx, &after, before.revision, now).await?;
                if before.role == Role::Owner {
                    keep_an_owner(tx, Role::Owner).await?;
                }
                peers::touch_user(tx, id).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                item(tx, after, now).await
            })
            .await
            .map_err(noun("user"))?;
        app.user_changed();
        Ok(user)
    }
}

impl App {
    /// After a user changed: whatever was known of devices and sessions may be wrong.
    pub(in crate::app) fn user_changed(&self) {
        self.core.authorities.forget_all();
        self.core.bearers.forget_all();
        self.core.devices.forget_all();
        self.publish();
    }
}

/// Turns a request into a row, taking the login for a name where none is given.
pub(in crate::app) fn new_user(
    app: &App,
    request: CreateUser,
    password_hash: Option<String>,
) -> Result<NewUser> {
    let display_name = match request.display_name {
        Some(name) => name,
        None => request.login.as_str().parse().map_err(|e| AppError::invalid("/login", e))?,
    };
    Ok(NewUser {
        id: UserId::new(app.core.clock.new_id()),
        login: request.login,
        display_name,
        email: request.email,
        language: request.language,
        role: request.role,
        password_hash,
        expires_at: request.expires_at,
        data_limit_bytes: request.data_limit_bytes,
        device_limit: request.device_limit,
    })
}

fn apply(user: &mut User, request: &UpdateUser) {
    if let Some(login) = &request.login {
        user.login = login.clone();
    }
    if let Some(name) = &request.display_name {
        user.display_name = name.clone();
    }
    if let Some(email) = &request.email {
        user.email.clone_from(email);
    }
    if let Some(language) = request.language {
        user.language = language;
    }
    if let Some(role) = request.role {
        user.role = role;
    }
    if let Some(at) = request.expires_at {
        user.expires_at = at;
    }
    if let Some(limit) = request.data_limit_bytes {
        user.data_limit_bytes = limit;
    }
    if let Some(limit) = request.device_limit {
        user.device_limit = limit;
    }
}

/// Ends the links that were mailed where the user's mail no longer goes.
pub(in crate::app) async fn forget_resets(tx: &mut Tx, id: UserId) -> Result<()> {
    links::revoke(tx, password_resets::KIND, Some(&id.to_string())).await?;
    Ok(())
}

pub(in crate::app) fn require_rank(actor: Actor, action: Action, role: Role) -> Result<()> {
    if actor.manages(role) {
        return Ok(());
    }
    Err(AppError::Forbidden { action, why: "your role may not manage an account of that role; ask an owner" })
}

/// Refuses to act on what belongs to somebody else of no less power: one's own is always one's own to end.
pub(in crate::app) async fn require_rank_over(
    conn: &mut Conn,
    actor: Actor,
    action: Action,
    user: UserId,
) -> Result<()> {
    if actor.user() == Some(user) {
        return Ok(());
    }
    let found = users::find(conn, user).await?.ok_or(AppError::not_found("user"))?;
    require_rank(actor, action, found.role)
}

/// Refuses, inside the transaction that took one away, to be left without an owner who can sign in.
async fn keep_an_owner(tx: &mut Tx, role: Role) -> Result<()> {
    if role != Role::Owner || users::count_lasting(tx, Role::Owner).await? > 0 {
        return Ok(());
    }
    Err(AppError::conflict(
        "last_owner",
        "this is the last owner who can always sign in; make another user an owner, with a password and without an expiry, before this one stops being one",
    ))
}

/// Deletes a user as it was read, with whatever lets the user in; the devices stop with it.
pub(in crate::app) async fn remove(tx: &mut Tx, user: &User, now: Timestamp) -> Result<()> {
    users::delete(tx, user.id, user.revision, now).await?;
    keep_an_owner(tx, user.role).await?;
    sessions::revoke_of_user(tx, user.id, None, now).await?;
    api_tokens::delete_of_user(tx, user.id).await?;
    peers::touch_user(tx, user.id).await?;
    Ok(())
}

/// The user, unless deleted.
pub(in crate::app) async fn live(on: &mut Conn, id: UserId) -> Result<User> {
    let found = users::find(on, id).await?.filter(|user| user.deleted_at.is_none());
    found.ok_or(AppError::not_found("user"))
}

/// The user with what follows from the facts and what the user has.
pub(in crate::app) async fn item(on: &mut Conn, user: User, now: Timestamp) -> Result<UserItem> {
    let owned = users::owned(on, &[user.id]).await?.remove(&user.id).unwrap_or_default();
    Ok(UserItem { state: user.state(now), owned, user })
}

/// What the audit keeps of a user.
pub(in crate::app) fn facts(user: &User) -> Value {
    json!({
        "login": user.login, "display_name": user.display_name, "email": user.email, "language": user.language,
        "role": user.role, "disabled": user.disabled,
        "expires_at": user.expires_at, "data_limit_bytes": user.data_limit_bytes, "device_limit": user.device_limit,
    })
}
