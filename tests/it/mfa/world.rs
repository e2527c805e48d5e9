//! People with second factors, in a house on a clock of the test's.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use caspervpn::runtime::clock::{Clock, SystemClock, TestClock};
use caspervpn::store::backend::Conn;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::{Answer, Client, House, PASSWORD};
use crate::databases::TestDatabase;
use crate::store_fixtures::NOW;

/// A house with the member `mia` and the admin `ada`.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) mia: String,
    pub(crate) ada: String,
}

/// An authenticator app that was enrolled.
pub(crate) struct Enrolled {
    pub(crate) client: Client,
    pub(crate) secret: Vec<u8>,
    pub(crate) recovery_codes: Vec<String>,
}

impl World {
    pub(crate) async fn over(database: TestDatabase) -> Self {
        let clock = Arc::new(TestClock::at(NOW));
        let house = House::at(database, Arc::clone(&clock) as _).await;
        let mia = house.user("mia", "member").await;
        let ada = house.user("ada", "admin").await;
        Self { house, clock, mia, ada }
    }

    /// Enrols an app for somebody, and moves on to where a next code counts.
    pub(crate) async fn enrol(&self, login: &str) -> Enrolled {
        let client = self.house.sign_in(login).await;
        self.enrol_by(client).await
    }

    pub(crate) async fn enrol_by(&self, client: Client) -> Enrolled {
        let made = client.act("/me/mfa/totp").await.expect(StatusCode::CREATED);
        let secret = base32(made["secret"].as_str().unwrap());
        let code = json!({ "code": self.code(&secret) });
        let enrolled = client.post("/me/mfa/totp/confirm", code).await.expect(StatusCode::OK);
        self.next_step();
        Enrolled { client, secret, recovery_codes: texts(&enrolled["recovery_codes"]) }
    }

    /// What the app shows now.
    pub(crate) fn code(&self, secret: &[u8]) -> String {
        self.code_off(secret, 0)
    }

    /// What an app shows whose clock goes wrong by so many steps.
    pub(crate) fn code_off(&self, secret: &[u8], steps: i64) -> String {
        totp(secret, self.clock.now().as_seconds() / 30 + steps)
    }

    pub(crate) fn next_step(&self) {
        self.clock.advance(Duration::from_secs(30));
    }

    /// The first half of a sign-in: its challenge.
    pub(crate) async fn challenge(&self, login: &str) -> String {
        let body = json!({ "login": login, "password": PASSWORD });
        let asked = self.house.nobody().post("/sessions", body).await.expect(StatusCode::ACCEPTED);
        asked["challenge"].as_str().unwrap().to_owned()
    }

    /// The second half.
    pub(crate) async fn answer(&self, challenge: &str, code: &str) -> Answer {
        let body = json!({ "challenge": challenge, "code": code });
        self.house.nobody().post("/sessions/second-factor", body).await
    }

    /// Both.
    pub(crate) async fn sign_in(&self, login: &str, code: &str) -> Answer {
        let challenge = self.challenge(login).await;
        self.answer(&challenge, code).await
    }

    /// Whoever was let in.
    pub(crate) fn client(&self, answer: Answer) -> Client {
        let tokens = answer.expect(StatusCode::CREATED);
        self.house.bearer(tokens["access_token"].as_str().unwrap())
    }

    pub(crate) async fn require_of(&self, roles: Value) {
        self.set(json!({ "mfa_required_roles": roles })).await;
    }

    pub(crate) async fn set(&self, change: Value) {
        let host = self.house.host();
        let tag = host.get("/settings").await.tag().to_owned();
        host.patch("/settings", &tag, change).await.expect(StatusCode::OK);
    }

    /// How many events there are of an action that ended so.
    pub(crate) async fn audited(&self, action: &str, outcome: &str) -> usize {
        let events = self.house.host().get(&format!("/audit?action={action}&limit=200")).await;
        let items = events.expect(StatusCode::OK)["items"].as_array().unwrap().clone();
        items.iter().filter(|event| event["outcome"] == outcome).count()
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let count = async move |on: &mut Conn| on.one(sql, &[]).await;
        self.house.app.store().read(count).await.unwrap()
    }
}

/// RFC 6238, once more: HMAC-SHA-1 of the step, of which 31 bits at a place that the last four tell, six digits.
pub(crate) fn totp(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[19] & 15);
    let number = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// What an app shows now, in the time of the machine.
pub(crate) fn totp_now(secret: &[u8]) -> String {
    totp(secret, SystemClock::new().now().as_seconds() / 30)
}

pub(crate) fn base32(text: &str) -> Vec<u8> {
    let value = |c: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == c).unwrap();
    let bits: Vec<bool> =
        text.bytes().flat_map(|c| (0..5).rev().map(move |bit| value(c) >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
}

pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
