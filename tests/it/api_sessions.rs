//! What a session survives and what it does not, on both databases: the real use cases and store, on a clock of the test's.

use std::sync::Arc;
use std::time::Duration;

use caspervpn::app::ctx::Ctx;
use caspervpn::app::error::AppError;
use caspervpn::app::login_limit::LoginRates;
use caspervpn::app::open::Parts;
use caspervpn::app::sessions::{BrowserSession, SignIn, Tokens};
use caspervpn::app::users::CreateUser;
use caspervpn::app::{App, Facts};
use caspervpn::domain::access::Role;
use caspervpn::domain::id::{SessionId, UserId};
use caspervpn::domain::page::Order;
use caspervpn::domain::session::{IDLE_FOR, LIVE_PER_USER, REPLAY_FOR, Session};
use caspervpn::runtime::clock::{Clock, TestClock};
use caspervpn::secrets::master_key::MasterKey;
use caspervpn::secrets::password::{Password, PasswordWork};
use caspervpn::store::audit::{self, AuditFilter, AuditSort};
use caspervpn::store::backend::{Conn, Tx};
use caspervpn::store::{sessions, users};
use tokio::task::JoinHandle;

use crate::api_house::{PASSWORD, master_keys};
use crate::databases::{TestDatabase, on_both, tasks};
use crate::store_fixtures::{NOW, page};

const NEW_PASSWORD: &str = "another long one";
/// A hash of no password that is known here.
const OTHER_HASH: &str = "$2b$12$KIXIDe7bVgbmUDZHnkUbeu3Yp1rW3s3Qq3f1Yb8tQnq1p2v5mYqXe";

/// A service with one member, `ada`, that does password work one after the other.
struct World {
    app: App,
    clock: Arc<TestClock>,
    ada: UserId,
    _database: TestDatabase,
}

impl World {
    async fn over(database: TestDatabase) -> Self {
        let clock = Arc::new(TestClock::at(NOW));
        let parts = Parts {
            store: database.open().await,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            master_keys: master_keys(MasterKey::generate().unwrap()),
            passwords: PasswordWork::new(tasks(), 1, 64),
            login_rates: LoginRates { per_address: 60, per_account: 60 },
            host_ranges: Arc::new(Vec::new),
            facts: Facts {
                database: "sqlite",
                local_node: true,
                first_listen_port: 51820,
                dns_hook: None,
                event_streams: 16,
            },
        };
        let app = App::open(parts).await.unwrap();
        let ada = CreateUser {
            login: "ada".parse().unwrap(),
            display_name: None,
            email: None,
            language: None,
            role: Role::Member,
            password: Some(Password::parse(PASSWORD).unwrap()),
            password_hash: None,
            expires_at: None,
            data_limit_bytes: None,
            device_limit: None,
        };
        let ada = app.users().create(&Ctx::host(None), ada).await.unwrap().into_inner().user.id;
        Self { app, clock, ada, _database: database }
    }

    async fn sign_in(&self) -> Tokens {
        whole(self.app.sessions().login(&nobody(), "ada", PASSWORD, "test").await.unwrap())
    }

    async fn refresh(&self, token: &str) -> Result<Tokens, AppError> {
        self.app.sessions().refresh(&nobody(), token).await
    }

    async fn end(&self, token: &str) {
        self.app.sessions().end(&nobody(), token).await.unwrap();
    }

    /// The context of requests with these tokens.
    async fn signed_in(&self, tokens: &Tokens) -> Ctx {
        let actor = self.app.sessions().authenticate(&tokens.access_token).await.unwrap();
        Ctx { actor, ..nobody() }
    }

    async fn live(&self) -> Vec<SessionId> {
        let ended = self.app.sessions().list(&Ctx::host(None), Some(self.ada)).await.unwrap();
        ended.into_iter().map(|session| session.id).collect()
    }

    async fn audited(&self, action: &str) -> usize {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let page = page(AuditSort::At, Order::Desc, 100);
        let found =
            self.app.store().read(async move |conn: &mut Conn| audit::list(conn, &filter, &page).await).await;
        found.unwrap().items.len()
    }

    async fn spent(&self) -> i64 {
        let count = async |conn: &mut Conn| conn.one("SELECT COUNT(*) FROM spent_refresh", &[]).await;
        self.app.store().read(count).await.unwrap()
    }

    /// Keeps the password work busy for most of a second, so that what comes next is still waiting after a moment.
    async fn keep_busy(&self) {
        for n in 0..4 {
            let app = self.app.clone();
            tokio::spawn(async move {
                let _ = app.sessions().login(&nobody(), &format!("nobody{n}"), PASSWORD, "test").await;
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// What an operator's reset of the password writes.
    async fn reset_password(&self) {
        let id = self.ada;
        let reset = async move |tx: &mut Tx| users::set_password(tx, id, OTHER_HASH, NOW).await.map(drop);
        self.app.store().write(reset).await.unwrap();
    }

    async fn password_hash(&self) -> String {
        let id = self.ada;
        let read = async move |conn: &mut Conn| users::get_credentials(conn, id).await;
        self.app.store().read(read).await.unwrap().password_hash.unwrap()
    }

    async fn sign_in_in_flight(&self) -> JoinHandle<Result<Tokens, AppError>> {
        self.keep_busy().await;
        let app = self.app.clone();
        let login =
            tokio::spawn(
                async move { app.sessions().login(&nobody(), "ada", PASSWORD, "test").await.map(whole) },
            );
        tokio::time::sleep(Duration::from_millis(100)).await;
        login
    }

    async fn password_change_in_flight(
        &self,
        ctx: Ctx,
    ) -> JoinHandle<Result<Option<BrowserSession>, AppError>> {
        self.keep_busy().await;
        let app = self.app.clone();
        let change = tokio::spawn(async move {
            app.me().set_password(&ctx, PASSWORD, Password::parse(NEW_PASSWORD).unwrap(), false).await
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        change
    }
}

/// The tokens of a sign-in that nothing more is asked of.
fn whole(begun: SignIn) -> Tokens {
    match begun {
        SignIn::Session(tokens) => tokens,
        SignIn::SecondFactor(question) => panic!("asked for a second factor: {question:?}"),
    }
}

fn nobody() -> Ctx {
    Ctx { actor: caspervpn::domain::access::Actor::Anonymous, ..Ctx::system() }
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: &Result<T, AppError>) {
    assert!(matches!(answer, Err(AppError::Unauthenticated { .. })), "{answer:?}");
}

on_both! {
    async fn a_token_that_a_thief_has_long_traded_still_ends_the_session(database) {
        let world = World::over(database).await;
        let stolen = world.sign_in().await;
        let mut newest = world.refresh(&stolen.refresh_token).await.unwrap();
        for _ in 0..3 {
            newest = world.refresh(&newest.refresh_token).await.unwrap();
        }

        let of_victim = world.refresh(&stolen.refresh_token).await;

        assert_refused(&of_victim);
        assert_refused(&world.refresh(&newest.refresh_token).await);
        assert_refused(&world.app.sessions().authenticate(&newest.access_token).await);
        assert_eq!((world.live().await.len(), world.audited("session_replay").await), (0, 1));
    }

    async fn a_lost_answer_is_given_again_for_a_moment_and_then_taken_for_theft(database) {
        let world = World::over(database).await;
        let first = world.sign_in().await;
        let next = world.refresh(&first.refresh_token).await.unwrap();

        let again = world.refresh(&first.refresh_token).await.unwrap();
        world.clock.advance(REPLAY_FOR + Duration::from_millis(1));
        let late = world.refresh(&first.refresh_token).await;

        assert_eq!(again.refresh_token, next.refresh_token);
        assert_refused(&late);
        assert_refused(&world.refresh(&next.refresh_token).await);
    }

    async fn spent_tokens_go_with_their_time_and_with_their_session(database) {
        let world = World::over(database).await;
        let mut newest = world.sign_in().await;
        for _ in 0..4 {
            newest = world.refresh(&newest.refresh_token).await.unwrap();
        }
        let at_first = world.spent().await;

        world.clock.advance(IDLE_FOR / 2);
        newest = world.refresh(&newest.refresh_token).await.unwrap();
        world.clock.advance(IDLE_FOR / 2 + Duration::from_secs(1));
        newest = world.refresh(&newest.refresh_token).await.unwrap();
        let later = world.spent().await;
        world.end(&newest.refresh_token).await;
        world.clock.advance(Duration::from_secs(8 * 86_400));
        world.app.purge_step().await.unwrap();

        assert_eq!((at_first, later, world.spent().await), (3, 1, 0));
    }

    async fn signing_out_with_a_spent_token_ends_that_session_once_and_no_other(database) {
        let world = World::over(database).await;
        let (first, other) = (world.sign_in().await, world.sign_in().await);
        let second = world.refresh(&first.refresh_token).await.unwrap();
        let third = world.refresh(&second.refresh_token).await.unwrap();

        world.end(&first.refresh_token).await;
        world.end(&first.refresh_token).await;

        assert_refused(&world.refresh(&third.refresh_token).await);
        assert_refused(&world.refresh(&first.refresh_token).await);
        assert_eq!(world.live().await, [other.session]);
        assert_eq!((world.audited("session_end").await, world.audited("session_replay").await), (1, 0));
    }

    async fn who_is_disabled_or_deleted_is_not_renewed(database) {
        let world = World::over(database).await;
        let host = Ctx::host(None);
        let first = world.sign_in().await;
        let next = world.refresh(&first.refresh_token).await.unwrap();

        world.app.users().disable(&host, world.ada).await.unwrap();
        let disabled = world.refresh(&next.refresh_token).await;
        let disabled_again = world.refresh(&first.refresh_token).await;
        let enabled = world.app.users().enable(&host, world.ada).await.unwrap();
        let renewed = world.refresh(&next.refresh_token).await.unwrap();
        world.app.users().delete(&host, world.ada, enabled.user.revision).await.unwrap();

        assert_refused(&disabled);
        assert_refused(&disabled_again);
        assert_refused(&world.refresh(&renewed.refresh_token).await);
    }

    async fn a_sign_in_in_flight_does_not_survive_a_disabled_account(database) {
        let world = World::over(database).await;
        let login = world.sign_in_in_flight().await;

        world.app.users().disable(&Ctx::host(None), world.ada).await.unwrap();

        assert_refused(&login.await.unwrap());
        assert!(world.live().await.is_empty());
    }

    async fn a_sign_in_in_flight_does_not_survive_another_password(database) {
        let world = World::over(database).await;
        let login = world.sign_in_in_flight().await;

        world.reset_password().await;

        assert_refused(&login.await.unwrap());
        assert!(world.live().await.is_empty());
        // With the four that kept the work busy, which are written down in their own time.
        let all = async {
            while world.audited("session_create").await < 5 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), all).await.is_ok(), "every refusal is audited");
    }

    async fn a_password_change_in_flight_does_not_overwrite_an_operators(database) {
        let world = World::over(database).await;
        let ctx = world.signed_in(&world.sign_in().await).await;
        let change = world.password_change_in_flight(ctx).await;

        world.reset_password().await;

        let answer = change.await.unwrap();
        assert!(matches!(answer, Err(AppError::Invalid { .. })), "{answer:?}");
        assert_eq!(world.password_hash().await, OTHER_HASH);
    }

    async fn a_password_change_in_flight_does_not_survive_its_session(database) {
        let world = World::over(database).await;
        let tokens = world.sign_in().await;
        let (before, ctx) = (world.password_hash().await, world.signed_in(&tokens).await);
        let change = world.password_change_in_flight(ctx).await;

        world.end(&tokens.refresh_token).await;

        assert_refused(&change.await.unwrap());
        assert_eq!(world.password_hash().await, before);
    }

    async fn nobody_keeps_a_user_from_changing_the_password(database) {
        let world = World::over(database).await;
        let ctx = world.signed_in(&world.sign_in().await).await;
        for _ in 0..6 {
            let login = world.ada.to_string();
            assert_refused(&world.app.sessions().login(&nobody(), &login, PASSWORD, "test").await);
        }

        world.app.me().set_password(&ctx, PASSWORD, Password::parse(NEW_PASSWORD).unwrap(), false).await.unwrap();
    }

    async fn a_right_password_is_the_end_of_the_failures_before_it(database) {
        let world = World::over(database).await;
        let new = || Password::parse(NEW_PASSWORD).unwrap();
        let mut ctx = world.signed_in(&world.sign_in().await).await;
        for _ in 0..4 {
            world.app.me().set_password(&ctx, "wrong", new(), false).await.unwrap_err();
        }
        world.app.me().set_password(&ctx, PASSWORD, Password::parse(PASSWORD).unwrap(), false).await.unwrap();
        ctx = world.signed_in(&world.sign_in().await).await;

        for _ in 0..4 {
            let answer = world.app.me().set_password(&ctx, "wrong", new(), false).await;
            assert!(matches!(answer, Err(AppError::Invalid { .. })), "{answer:?}");
        }
    }

    async fn a_user_has_so_many_sessions_and_those_used_last_stay(database) {
        let world = World::over(database).await;
        let oldest = world.sign_in().await;
        world.signed_in(&oldest).await;
        world.clock.advance(Duration::from_secs(1));
        for n in 0..LIVE_PER_USER {
            let now = world.clock.now();
            let session = Session {
                id: SessionId::new(world.clock.new_id()),
                user: world.ada,
                user_agent: String::new(),
                created_at: now,
                last_used_at: now,
                expires_at: now + IDLE_FOR,
                revoked_at: None,
                proved_at: now,
            };
            let insert = async move |tx: &mut Tx| sessions::insert(tx, &session, &n.to_be_bytes()).await;
            world.app.store().write(insert).await.unwrap();
        }

        let newest = world.sign_in().await;

        let live = world.live().await;
        assert_eq!((live.len(), live[0]), (50, newest.session));
        assert!(!live.contains(&oldest.session));
        assert_refused(&world.app.sessions().authenticate(&oldest.access_token).await);
    }
}
