//! API tokens: what a user's programs hold. Made and deleted by people, shown once, good while their user is.
//!
//! Invariant: a token never does what its user may not do now; it is judged anew by each request, from memory where it
//! was used lately.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::app::ctx::{Ctx, Scope};
use crate::app::error::{AppError, Result};
use crate::app::sessions::is_able;
use crate::app::token_uses::LastUse;
use crate::app::users::{live, require_rank_over};
use crate::app::{App, Created, idempotency};
use crate::domain::access::{Action, Actor, Means};
use crate::domain::api_token::{AllowList, ApiToken, PER_USER, Scopes};
use crate::domain::id::{ApiTokenId, UserId};
use crate::domain::name::ApiTokenName;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secrets::api_token::ApiToken as Secret;
pub use crate::store::api_tokens::ApiTokenSort;
use crate::store::backend::{Conn, Tx};
use crate::store::{api_tokens, audit, users};

/// The use cases of API tokens.
#[derive(Debug, Clone, Copy)]
pub struct ApiTokens<'a>(pub(in crate::app) &'a App);

/// A token to be made.
#[derive(Debug, Clone)]
pub struct CreateApiToken {
    /// Whose; the actor's own where it is left out.
    pub user: Option<UserId>,
    /// What it is called.
    pub name: ApiTokenName,
    /// What it may do, as far as its user may.
    pub scopes: Scopes,
    /// From where it may be used.
    pub allowed_from: AllowList,
    /// When it is no longer good.
    pub expires_at: Option<Timestamp>,
}

/// A token, with its text where it was made just now.
#[derive(Debug, Clone)]
pub struct ApiTokenItem {
    /// The facts.
    pub token: ApiToken,
    /// What its program holds. It is in no other place.
    pub secret: Option<Zeroizing<String>>,
}

/// A token with the account behind it, as long as neither changes.
#[derive(Debug)]
pub(in crate::app) struct Bearer {
    user: User,
    token: ApiToken,
    used: LastUse,
}

/// The one answer to every API token that is not good.
const REFUSED: AppError = AppError::Unauthenticated {
    why: "the API token is not good: it was mistyped, deleted, has expired, may not be used from this address, \
          or its user is disabled",
};

impl App {
    /// Who a bearer's token speaks for, as of now: an API token or an access token of a session.
    pub async fn authenticate(&self, token: &str, address: Option<IpAddr>) -> Result<Actor> {
        if Secret::is_meant(token) {
            self.api_tokens().authenticate(token, address).await
        } else {
            self.sessions().authenticate(token).await
        }
    }

    /// Refuses who was let in before and would not be now.
    pub async fn confirm(&self, actor: Actor) -> Result<()> {
        match actor {
            Actor::User { by: Means::Token(token, _), .. } => self.api_tokens().confirm(actor, token).await,
            Actor::User { by: Means::Session(session, _), .. } => {
                self.sessions().confirm(actor, session).await
            }
            Actor::Host | Actor::System | Actor::Anonymous => Ok(()),
        }
    }
}

impl ApiTokens<'_> {
    /// A page of the tokens this actor may see, of one user where one is named.
    pub async fn list(
        &self,
        ctx: &Ctx,
        user: Option<UserId>,
        page: PageRequest<ApiTokenSort>,
    ) -> Result<Page<ApiTokenItem>> {
        let owner = ctx.scope(Action::ApiTokenList)?.owner();
        if let (Some(owner), Some(user)) = (owner, user)
            && owner != user
        {
            return Err(AppError::not_found("user"));
        }
        let user = owner.or(user);
        let page = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(api_tokens::list(on, user, &page).await?))
            .await?;
        Ok(page.map(|token| self.item(token)))
    }

    /// One token.
    pub async fn get(&self, ctx: &Ctx, id: ApiTokenId) -> Result<ApiTokenItem> {
        let scope = ctx.scope(Action::ApiTokenGet)?;
        let found = self.0.core.store.read(async move |on: &mut Conn| visible(on, scope, id).await).await?;
        Ok(self.item(found))
    }

    /// Makes a token. A replay never shows the text again.
    pub async fn create(&self, ctx: &Ctx, request: CreateApiToken) -> Result<Created<ApiTokenItem>> {
        let scope = ctx.scope(Action::ApiTokenCreate)?;
        let app = self.0;
        let now = app.now();
        let token = new_token(app, ctx, scope, request)?;
        let secret = Secret::generate().map_err(AppError::broken("making an API token"))?;
        let digest = *secret.digest().as_bytes();
        let event = app.event(ctx, Action::ApiTokenCreate.as_str(), ("api_token", token.id.to_string()));
        let ctx = ctx.clone();
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::ApiTokenCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    return Ok::<_, AppError>(Created::Replayed(visible(tx, scope, id).await?));
                }
                let owner = live(tx, token.user).await;
                owner.map_err(|_| AppError::invalid("/user_id", "there is no such user"))?;
                refuse_over_limit(tx, token.user).await?;
                api_tokens::insert(tx, &token, &digest).await?;
                audit::insert(tx, &event.made(facts(&token))).await?;
                idempotency::keep(tx, &ctx, Action::ApiTokenCreate, &token.id.to_string(), now).await?;
                Ok(Created::New(token.clone()))
            })
            .await?;
        Ok(match made {
            Created::New(token) => Created::New(ApiTokenItem { token, secret: Some(secret.reveal()) }),
            Created::Replayed(token) => Created::Replayed(self.item(token)),
        })
    }

    /// Deletes a token, which is no longer good from now on.
    pub async fn delete(&self, ctx: &Ctx, id: ApiTokenId) -> Result<()> {
        let scope = ctx.scope(Action::ApiTokenDelete)?;
        let (app, actor) = (self.0, ctx.actor);
        let event = app.event(ctx, Action::ApiTokenDelete.as_str(), ("api_token", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let token = visible(tx, scope, id).await?;
                require_rank_over(tx, actor, Action::ApiTokenDelete, token.user).await?;
                api_tokens::delete(tx, id).await?;
                audit::insert(tx, &event.removed(facts(&token))).await?;
                Ok::<_, AppError>(())
            })
            .await?;
        app.core.bearers.forget(&id);
        Ok(())
    }

    async fn authenticate(&self, text: &str, address: Option<IpAddr>) -> Result<Actor> {
        let app = self.0;
        let secret = Secret::parse(text).map_err(|_| REFUSED)?;
        let bearer = self.of_hash(*secret.digest().as_bytes()).await?.ok_or(REFUSED)?;
        let Bearer { user, token, used } = bearer.as_ref();
        let now = app.now();
        if !(token.is_live(now) && is_able(user, now) && token.allowed_from.admits(address)) {
            return Err(REFUSED);
        }
        if let Some(minute) = used.moves_on(now) {
            app.core.token_uses.note(token.id, minute);
        }
        Ok(Actor::User { id: user.id, role: user.role, by: Means::Token(token.id, token.scopes) })
    }

    async fn confirm(&self, actor: Actor, id: ApiTokenId) -> Result<()> {
        let now = self.0.now();
        let bearer = self.of_id(id).await?.ok_or(REFUSED)?;
        let Bearer { user, token, .. } = bearer.as_ref();
        let by = Means::Token(token.id, token.scopes);
        let same = actor == Actor::User { id: user.id, role: user.role, by };
        if same && token.is_live(now) && is_able(user, now) { Ok(()) } else { Err(REFUSED) }
    }

    /// The token of a hash. Which token that is never changes, so what is known of it need not be forgotten.
    async fn of_hash(&self, hash: [u8; 32]) -> Result<Option<Arc<Bearer>>> {
        let core = &self.0.core;
        let read = core.store.read(async move |on: &mut Conn| {
            Ok::<_, AppError>(api_tokens::find_by_hash(on, &hash).await?.map(|token| token.id))
        });
        match core.token_ids.find_or(hash, read).await? {
            Some(id) => self.of_id(id).await,
            None => Ok(None),
        }
    }

    async fn of_id(&self, id: ApiTokenId) -> Result<Option<Arc<Bearer>>> {
        let core = &self.0.core;
        let read = core.store.read(async move |on: &mut Conn| {
            let Some(token) = api_tokens::find(on, id).await? else { return Ok(None) };
            let user = users::find(on, token.user).await?;
            let used = LastUse::at(token.last_used_at);
            Ok::<_, AppError>(user.map(|user| Arc::new(Bearer { user, token, used })))
        });
        core.bearers.find_or(id, read).await
    }

    fn item(&self, mut token: ApiToken) -> ApiTokenItem {
        token.last_used_at = token.last_used_at.max(self.0.core.token_uses.of(token.id));
        ApiTokenItem { token, secret: None }
    }
}

fn new_token(app: &App, ctx: &Ctx, scope: Scope, request: CreateApiToken) -> Result<ApiToken> {
    let now = app.now();
    let user = request.user.or(ctx.actor.user());
    let user = user.ok_or_else(|| AppError::invalid("/user_id", "say whose token it is"))?;
    if scope.owner().is_some_and(|owner| owner != user) {
        return Err(AppError::Forbidden {
            action: Action::ApiTokenCreate,
            why: "a token is made by the user for whom it speaks, or on the machine itself",
        });
    }
    if request.expires_at.is_some_and(|end| end <= now) {
        return Err(AppError::invalid("/expires_at", "is over already"));
    }
    Ok(ApiToken {
        id: ApiTokenId::new(app.core.clock.new_id()),
        user,
        name: request.name,
        scopes: request.scopes,
        allowed_from: request.allowed_from,
        expires_at: request.expires_at,
        last_used_at: None,
        created_at: now,
    })
}

async fn refuse_over_limit(tx: &mut Tx, user: UserId) -> Result<()> {
    if api_tokens::count_of_user(tx, user).await? < PER_USER {
        return Ok(());
    }
    Err(AppError::conflict(
        "api_token_limit",
        format!("a user may have {PER_USER} API tokens, and this one has them; delete one that is not used"),
    ))
}

/// The token, where it is one that this scope reaches.
async fn visible(on: &mut Conn, scope: Scope, id: ApiTokenId) -> Result<ApiToken> {
    let found = api_tokens::find(on, id).await?;
    let reached = found.filter(|token| scope.owner().is_none_or(|owner| owner == token.user));
    reached.ok_or(AppError::not_found("API token"))
}

/// What the audit keeps of a token.
fn facts(token: &ApiToken) -> Value {
    json!({
        "user_id": token.user, "name": token.name, "scopes": token.scopes.words(),
        "allowed_from": token.allowed_from.ranges(), "expires_at": token.expires_at,
    })
}
