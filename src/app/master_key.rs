//! The master key as the machine's administrator sees it, its rotation, and the work that follows from one: every sealed
//! value is sealed anew while the service goes on.
//!
//! Invariant: a previous key is given up only when nothing in the database is sealed with it, a quarter of an hour after
//! it last sealed anything: what browsers and requests under way carry is older than that by then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tracing::{error, info};

use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::open::setting_place;
use crate::domain::access::Action;
use crate::domain::time::Timestamp;
use crate::secrets::master_key::rotation::{self, Rotation};
use crate::secrets::master_key::{KeyPlace, LoadError};
use crate::secrets::seal::{KeyId, Place, Sealed};
use crate::store::backend::{Conn, Tx};
use crate::store::sealed::{self, SealedColumn};
use crate::store::{audit, settings};
use crate::telemetry::chain::chain;

/// The use cases of the master key.
#[derive(Debug, Clone, Copy)]
pub struct MasterKeyAct<'a>(pub(in crate::app) &'a App);

/// Which keys this process holds, and what they have sealed.
#[derive(Debug, Clone)]
pub struct MasterKeyState {
    /// The key that seals.
    pub id: KeyId,
    /// Where it comes from.
    pub place: String,
    /// Keys that only open.
    pub previous: Vec<KeyId>,
    /// Values that are not sealed with the key that seals.
    pub outstanding: u64,
}

/// What this process knows of its master key besides the key.
#[derive(Debug)]
pub(in crate::app) struct Keeping {
    place: KeyPlace,
    looks: Mutex<Looks>,
    turn: tokio::sync::Mutex<()>,
}

/// When to look for values of previous keys.
#[derive(Debug, Clone, Copy)]
struct Looks {
    /// Not before.
    next: Timestamp,
    /// From when on a look that finds nothing ends the previous keys.
    last_from: Timestamp,
}

/// Longer than a sign-in may take, whose sealed state its browser carries, and than any request.
const CARRIED_FOR: Duration = Duration::from_secs(15 * 60);

/// Values that one transaction seals anew: few enough that others wait for milliseconds.
const VALUES_AT_ONCE: u32 = 200;

impl Keeping {
    pub(in crate::app) fn new(place: KeyPlace, now: Timestamp) -> Self {
        Self { place, looks: Mutex::new(Looks::from(now)), turn: tokio::sync::Mutex::default() }
    }

    fn looks(&self) -> Looks {
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, looks: Looks) {
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner) = looks;
    }
}

impl Looks {
    fn from(now: Timestamp) -> Self {
        Self { next: now, last_from: now + CARRIED_FOR }
    }
}

impl MasterKeyAct<'_> {
    /// The keys now.
    pub async fn get(&self, ctx: &Ctx) -> Result<MasterKeyState> {
        ctx.require(Action::MasterKeyGet)?;
        let ring = &self.0.core.keyring;
        Ok(MasterKeyState {
            id: ring.current_id(),
            place: self.0.core.keeping.place.to_string(),
            previous: ring.previous_ids(),
            outstanding: self.0.count_outstanding().await?,
        })
    }

    /// Makes another master key and seals with it from now on. What the old one has sealed is sealed anew by the worker.
    pub async fn rotate(&self, ctx: &Ctx) -> Result<MasterKeyState> {
        const ACTION: Action = Action::MasterKeyRotate;
        ctx.require(ACTION)?;
        let app = self.0;
        let ring = &app.core.keyring;
        let turn = app.core.keeping.turn.lock().await;
        let path = app.own_key_file()?;
        if !ring.previous_ids().is_empty() {
            return Err(AppError::conflict(
                "rotation_under_way",
                "values of the last master key are still being sealed anew, or somebody may still be signing in with its \
                 help; wait until `caspervpn master-key show` names no previous key",
            ));
        }
        let rotation = rotation::prepare(path).map_err(not_written)?;
        // Before the key changes: one that changes and is not in the audit would be worse than the reverse.
        let event = app.event(ctx, ACTION.as_str(), ("master_key", ring.current_id().to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| Ok::<_, AppError>(audit::insert(tx, &event).await?))
            .await?;
        let old = ring.current_id();
        let next = Rotation::commit(rotation).map_err(not_written)?;
        ring.rotate(&next);
        app.core.keeping.look(Looks::from(app.now()));
        info!(key.old = %old, key.new = %ring.current_id(), "the master key was rotated");
        drop(turn);
        self.get(ctx).await
    }
}

impl App {
    /// The master key.
    pub const fn master_key(&self) -> MasterKeyAct<'_> {
        MasterKeyAct(self)
    }

    /// Seals anew what previous master keys have sealed, and gives those keys up when nothing is left.
    pub async fn reseal_step(&self) -> Result<()> {
        let keeping = &self.core.keeping;
        let (looks, now) = (keeping.looks(), self.now());
        if self.core.keyring.previous_ids().is_empty() || now < looks.next {
            return Ok(());
        }
        let turn = keeping.turn.lock().await;
        let resealed = self.reseal().await?;
        let outstanding = self.count_outstanding().await?;
        if resealed > 0 {
            info!(
                key.values = resealed,
                "sealed {resealed} values anew, with master key {}",
                self.core.keyring.current_id()
            );
        }
        if outstanding > 0 {
            error!(
                "{outstanding} values are still sealed with another master key than {}; that key must stay",
                self.core.keyring.current_id()
            );
            keeping.look(Looks { next: now + CARRIED_FOR, ..looks });
        } else if now < looks.last_from {
            keeping.look(Looks { next: looks.last_from, ..looks });
        } else {
            self.give_up_previous();
            keeping.look(Looks { next: now + CARRIED_FOR, ..looks });
        }
        drop(turn);
        Ok(())
    }

    /// The file that the service may put another key into.
    fn own_key_file(&self) -> Result<&std::path::Path> {
        match &self.core.keeping.place {
            KeyPlace::Own(_) if self.core.facts.database != "sqlite" => Err(AppError::conflict(
                "master_key_shared",
                "other processes may use this database with a copy of the key, so it is not changed by one of them; \
                 give every process both keys, by `keys.master` and `keys.previous` (docs/OPERATIONS.md has the order)",
            )),
            KeyPlace::Own(path) => Ok(path),
            KeyPlace::Elsewhere(place) => Err(AppError::conflict(
                "master_key_elsewhere",
                format!(
                    "the master key comes from {place}, which the service does not change; put a new key there, name \
                     the place of the old one in `keys.previous`, and restart"
                ),
            )),
        }
    }

    /// Every process of an SQLite database is this one. Elsewhere another may still seal with a key that its settings name
    /// first, so there the key stays until the operator takes it out of the settings.
    fn give_up_previous(&self) {
        let ring = &self.core.keyring;
        let previous = ring.previous_ids();
        match self.own_key_file().map(rotation::retire_previous) {
            Ok(Ok(retired)) => {
                ring.forget_previous();
                for id in previous {
                    info!(key.old = %id, "nothing is sealed with master key {id} any more");
                }
                if let Some(path) = retired {
                    let path = path.display();
                    info!("{path} is needed only for backups from before; delete it with the last of them");
                }
            }
            Ok(Err(cause)) => {
                error!(error = %chain(&cause), "the previous master key could not be put aside")
            }
            Err(_) => info!(
                "nothing is sealed with a previous master key: `keys.previous` can be taken out of the settings"
            ),
        }
    }

    async fn reseal(&self) -> Result<u64> {
        let mut resealed = self.reseal_settings().await?;
        for column in sealed::COLUMNS {
            let mut after = String::new();
            loop {
                let (done, last) = self.reseal_page(column, after).await?;
                resealed += done;
                let Some(last) = last else { break };
                after = last;
            }
        }
        Ok(resealed)
    }

    /// One transaction: how many values it sealed anew, and the row it came to while there may be more.
    async fn reseal_page(&self, column: SealedColumn, after: String) -> Result<(u64, Option<String>)> {
        let app = self.clone();
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                let key = app.core.keyring.current_id();
                let page = column.of_other_keys(tx, key.as_bytes(), &after, VALUES_AT_ONCE).await?;
                let mut resealed = 0;
                for old in &page {
                    let place = Place { table: column.table, column: column.column, row: &old.row };
                    if let Some(new) = app.resealed(place, old.sealed.clone())? {
                        resealed += u64::from(column.replace(tx, old, new.as_bytes()).await?);
                    }
                }
                Ok::<_, AppError>((resealed, page.last().map(|it| it.row.clone())))
            })
            .await
    }

    async fn reseal_settings(&self) -> Result<u64> {
        let app = self.clone();
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                let mut resealed = 0;
                for key in sealed::settings_keys(tx).await? {
                    let Some(found) = settings::find::<String>(tx, &key).await? else { continue };
                    // What is no base64 has nothing of a sealed value, and is told as that.
                    let old = STANDARD.decode(&found.value).unwrap_or_default();
                    if let Some(new) = app.resealed(setting_place(&key), old)? {
                        let text = STANDARD.encode(new.as_bytes());
                        settings::set(tx, &key, &text, found.revision, app.now()).await?;
                        resealed += 1;
                    }
                }
                Ok::<_, AppError>(resealed)
            })
            .await
    }

    /// The value under the key that seals; none where it is that already, or where it cannot be opened, which must not keep
    /// the others from it.
    fn resealed(&self, place: Place<'_>, old: Vec<u8>) -> Result<Option<Sealed>> {
        let ring = &self.core.keyring;
        let opened = Sealed::parse(old).and_then(|old| {
            let is_current = old.key_id() == ring.current_id();
            if is_current { Ok(None) } else { ring.open(place, &old).map(Some) }
        });
        match opened {
            Ok(None) => Ok(None),
            Ok(Some(text)) => {
                ring.seal(place, &text).map(Some).map_err(AppError::broken("sealing a value anew"))
            }
            Err(cause) => {
                let Place { table, column, row } = place;
                error!(error = %chain(&cause), "{column} of {table} {row} cannot be sealed anew");
                Ok(None)
            }
        }
    }

    async fn count_outstanding(&self) -> Result<u64> {
        let current = self.core.keyring.current_id();
        self.core
            .store
            .read(async move |on: &mut Conn| {
                let mut sum = 0;
                for column in sealed::COLUMNS {
                    sum += column.count_other_keys(on, current.as_bytes()).await?;
                }
                for key in sealed::settings_keys(on).await? {
                    let Some(found) = settings::find::<String>(on, &key).await? else { continue };
                    let sealed = STANDARD.decode(&found.value).ok().and_then(|it| Sealed::parse(it).ok());
                    sum += u64::from(sealed.is_none_or(|it| it.key_id() != current));
                }
                Ok::<_, AppError>(sum)
            })
            .await
    }
}

/// The host alone asks for another key, so it is told what the host's files say.
fn not_written(cause: LoadError) -> AppError {
    let why = chain(&cause);
    AppError::conflict(
        "master_key_not_written",
        format!(
            "the master key stays as it is: {why}; make its folder writable and give it room, and try again"
        ),
    )
}
