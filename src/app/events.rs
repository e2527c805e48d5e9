//! Live events: who listens, and what they are told.
//!
//! Invariant: nothing is looked at while nobody listens, and once for all who do. A listener that does not keep up is let
//! go and never waited for; one whose session has ended, whose password or cookie is another by now, or whose address may not come
//! in any more, is let go within a second.

mod sight;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::App;
use crate::app::ctx::{Ctx, Scope};
use crate::app::error::{AppError, Result};
use crate::app::events::sight::{Seen, Sight};
use crate::app::overview::OverviewState;
use crate::domain::access::{Action, Actor, Reach};
use crate::domain::id::UserId;
use crate::domain::live::{ChangedThing, DeviceMove, Topic, Topics};
use crate::domain::time::Timestamp;

/// The use cases of live events.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a>(pub(in crate::app) &'a App);

/// What a listener is told.
#[derive(Debug, Clone)]
pub enum Told {
    /// How everything does, as far as the listener sees it; perhaps the same as before.
    Overview(Arc<OverviewState>),
    /// Devices that moved something, came or went.
    Devices(Arc<[DeviceMove]>),
    /// Things that were changed.
    Changed(Arc<[ChangedThing]>),
}

/// Streams that one user may have open: a few windows on a few machines.
const PER_USER: usize = 8;

/// What waits for a listener at most: some ten seconds of a service with ten thousand busy devices. Each piece is shared
/// by all who listen.
const QUEUED: usize = 64;

/// How long a stream lasts at most. Whoever listens comes again, and is judged by everything that a request is judged by.
const LASTS: Duration = Duration::from_secs(3600);

/// Who listens in this process.
#[derive(Debug, Default)]
pub(in crate::app) struct Hub {
    listeners: Mutex<Listeners>,
    /// What was seen last, while anybody listens.
    sight: tokio::sync::Mutex<Option<Sight>>,
}

#[derive(Debug, Default)]
struct Listeners {
    next: u64,
    open: BTreeMap<u64, Listening>,
    /// Whose answers are there still. One that was let go keeps its place until its client is gone: what it has not read is in memory.
    places: BTreeMap<u64, Option<UserId>>,
}

/// A listener, as the hub knows it.
#[derive(Debug, Clone)]
struct Listening {
    actor: Actor,
    /// The digest of the cookie by which it came.
    cookie: Option<[u8; 32]>,
    address: Option<IpAddr>,
    topics: Topics,
    ends_at: Timestamp,
    sender: mpsc::Sender<Told>,
}

/// A stream of events. It is closed by being dropped.
pub struct Listener {
    app: App,
    number: u64,
    receiver: mpsc::Receiver<Told>,
}

impl Listener {
    /// What comes next; none when the stream is over.
    pub async fn next(&mut self) -> Option<Told> {
        self.receiver.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listeners = self.app.core.hub.listeners();
        listeners.open.remove(&self.number);
        listeners.places.remove(&self.number);
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Hub {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events<'_> {
    /// Whether anybody listens here to what devices move.
    pub fn is_watched(&self) -> bool {
        let moving = |it: &Listening| it.topics.has(Topic::Device) || it.topics.has(Topic::Overview);
        self.0.core.hub.listeners().open.values().any(moving)
    }

    /// Begins to listen. What the actor may not see at all is not among the topics, whatever was asked.
    pub async fn listen(&self, ctx: &Ctx, topics: Topics) -> Result<Listener> {
        ctx.scope(Action::EventListen)?;
        let app = self.0;
        let topics = allowed(ctx, topics);
        let (sender, receiver) = mpsc::channel(QUEUED);
        let ends_at = app.now() + LASTS;
        let listening =
            Listening { actor: ctx.actor, cookie: ctx.cookie, address: ctx.address, topics, ends_at, sender };
        let number = app.core.hub.listeners().take(listening, app.core.facts.event_streams)?;
        let listener = Listener { app: app.clone(), number, receiver };
        // From here on nothing that is done is missed.
        self.begin().await?;
        if topics.has(Topic::Overview) {
            let state = app.overview().latest().await?;
            app.core.hub.listeners().tell_one(number, |it| it.overview(&state));
        }
        Ok(listener)
    }

    /// Tells whoever listens what is new, and lets go who may not listen any more.
    pub(in crate::app) async fn step(&self) -> Result<()> {
        let app = self.0;
        self.dismiss().await?;
        if app.core.hub.listeners().open.is_empty() {
            *app.core.hub.sight.lock().await = None;
            return Ok(());
        }
        let Seen { moved, changed, is_time_for_figures } = self.see().await?;
        let watched = is_time_for_figures && self.is_watched_by(Topic::Overview);
        let overview = if watched { Some(app.overview().latest().await?) } else { None };
        let mut listeners = app.core.hub.listeners();
        for chunk in moved.chunks(TOGETHER) {
            let all: Arc<[DeviceMove]> = chunk.into();
            listeners.tell(|it| it.devices(&all));
        }
        if !changed.is_empty() {
            listeners.tell(|it| it.changed(&changed));
        }
        if let Some(state) = overview {
            listeners.tell(|it| it.overview(&state));
        }
        drop(listeners);
        Ok(())
    }

    fn is_watched_by(&self, topic: Topic) -> bool {
        self.0.core.hub.listeners().open.values().any(|it| it.topics.has(topic))
    }

    /// Takes what there is for known, unless somebody listens already.
    async fn begin(&self) -> Result<()> {
        let mut sight = self.0.core.hub.sight.lock().await;
        if sight.is_none() {
            *sight = Some(Sight::begin(self.0).await?);
        }
        Ok(())
    }

    /// Looks at what is new since the last look.
    async fn see(&self) -> Result<Seen> {
        match self.0.core.hub.sight.lock().await.as_mut() {
            Some(sight) => sight.look(self.0).await,
            // Whoever just came in begins it.
            None => Ok(Seen::default()),
        }
    }

    /// Lets go whose session has ended, whose role, password or cookie is another now, whose address may not come in any more,
    /// and whose time is over.
    async fn dismiss(&self) -> Result<()> {
        let app = self.0;
        let (now, gate) = (app.now(), app.gate());
        let mut unasked = Ok(());
        let open: Vec<_> = {
            let listeners = app.core.hub.listeners();
            let judged = |it: &Listening| it.ends_at <= now || !gate.admits(it.address);
            listeners.open.iter().map(|(number, it)| (*number, (it.actor, it.cookie), judged(it))).collect()
        };
        for (number, shown, is_over) in open {
            // While the database is away nobody is let go for what cannot be asked, but for what is known.
            let refused = match self.confirm(shown).await {
                Ok(()) => false,
                Err(cause) if matches!(cause, AppError::Internal { .. }) => {
                    unasked = Err(cause);
                    false
                }
                Err(_) => true,
            };
            if refused || is_over {
                app.core.hub.listeners().open.remove(&number);
            }
        }
        unasked
    }

    async fn confirm(&self, (actor, cookie): (Actor, Option<[u8; 32]>)) -> Result<()> {
        self.0.confirm(actor).await?;
        match cookie {
            Some(digest) => self.0.sessions().confirm_cookie(digest).await,
            None => Ok(()),
        }
    }
}

/// Devices told of in one event.
const TOGETHER: usize = 500;

fn allowed(ctx: &Ctx, topics: Topics) -> Topics {
    let sees_all = ctx.actor.reach(Action::OverviewGet) == Reach::All;
    let topics = if sees_all { topics } else { topics.without(Topic::Overview) };
    if ctx.scope(Action::DeviceLive).is_ok() { topics } else { topics.without(Topic::Device) }
}

impl Listeners {
    fn take(&mut self, listening: Listening, most: usize) -> Result<u64> {
        let user = listening.actor.user();
        let own = self.places.values().filter(|it| user.is_some() && **it == user).count();
        if own >= PER_USER {
            return Err(AppError::Busy {
                why: "this account has eight streams of events open; close a window that shows it",
                retry_after: Duration::from_secs(5),
            });
        }
        if self.places.len() >= most {
            return Err(AppError::Busy {
                why: "as many streams of events are open as `limits.event_streams` allows",
                retry_after: Duration::from_secs(5),
            });
        }
        self.next += 1;
        self.places.insert(self.next, user);
        self.open.insert(self.next, listening);
        Ok(self.next)
    }

    /// Tells each listener what is for it. Who has no room left does not read, and is let go.
    fn tell(&mut self, what: impl Fn(&Listening) -> Option<Told>) {
        self.open.retain(|_, listening| {
            let told = what(listening);
            listening.take(told)
        });
    }

    fn tell_one(&mut self, number: u64, what: impl Fn(&Listening) -> Option<Told>) {
        if let Some(listening) = self.open.get(&number) {
            let told = what(listening);
            listening.take(told);
        }
    }
}

impl Listening {
    /// Hands it over; false where there is no room.
    fn take(&self, told: Option<Told>) -> bool {
        told.is_none_or(|told| self.sender.try_send(told).is_ok())
    }

    fn scope(&self, action: Action) -> Option<Scope> {
        match (self.actor.reach(action), self.actor.user()) {
            (Reach::All, _) => Some(Scope::All),
            (Reach::Own, Some(user)) => Some(Scope::Own(user)),
            (Reach::None | Reach::Own, _) => None,
        }
    }

    fn devices(&self, all: &Arc<[DeviceMove]>) -> Option<Told> {
        let scope = self.topics.has(Topic::Device).then(|| self.scope(Action::DeviceLive)).flatten()?;
        let seen = match scope {
            Scope::All => Arc::clone(all),
            Scope::Own(user) => all.iter().filter(|it| it.user == user).cloned().collect(),
        };
        (!seen.is_empty()).then_some(Told::Devices(seen))
    }

    fn changed(&self, all: &[ChangedThing]) -> Option<Told> {
        if !self.topics.has(Topic::Changed) {
            return None;
        }
        let is_seen = |it: &&ChangedThing| match it.needs().and_then(|action| self.scope(action)) {
            Some(Scope::All) => true,
            Some(Scope::Own(user)) => is_own(it, user),
            None => false,
        };
        let seen: Arc<[_]> = all.iter().filter(is_seen).cloned().collect();
        (!seen.is_empty()).then_some(Told::Changed(seen))
    }

    fn overview(&self, state: &OverviewState) -> Option<Told> {
        self.topics.has(Topic::Overview).then(|| Told::Overview(Arc::new(state.seen_by(&self.actor))))
    }
}

fn is_own(changed: &ChangedThing, user: UserId) -> bool {
    changed.owner == Some(user)
}

impl App {
    /// Tells whoever listens here what is new. Costs nothing while nobody does.
    pub async fn events_step(&self) -> Result<()> {
        self.events().step().await
    }
}
