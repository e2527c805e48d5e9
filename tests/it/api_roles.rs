//! Every operation as every role, on things of somebody else. The list of operations is the OpenAPI document's and what
//! to expect is the access table's, so that a new operation is tried before anybody thinks of it.

use std::fmt::Write as _;

use caspervpn::domain::access::{Action, Reach, Role};
use caspervpn::domain::external_identity::ExternalIdentity;
use caspervpn::domain::id::{ExternalIdentityId, PasskeyId, UserId};
use caspervpn::domain::passkey::Passkey;
use caspervpn::domain::time::Timestamp;
use caspervpn::store::backend::Tx;
use caspervpn::store::error::StoreError;
use caspervpn::store::{external_identities, passkeys};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api_house::{Answer, Client, House, example, first};
use crate::databases::TestDatabase;

/// A well-formed id of nothing.
const NOTHING: &str = "01983f6e-7b3a-7c00-8000-000000000000";

/// In every name of what belongs to others, so that an answer that tells of it gives itself away.
const MARK: &str = "quarry";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_at_what_is_somebody_elses_by_its_id() {
    let hunt = Hunt::prepare().await;
    let operations = hunt.operations().await;
    let before = hunt.quarry().await;
    let mut tried = 0;

    for role in Role::ALL {
        let client = hunt.sign_in(role).await;
        for operation in &operations {
            for victim in &hunt.victims {
                let answer = match operation.action.reaches()[role as usize] {
                    Reach::All if operation.may_touch_whats_of(role, victim.role) => continue,
                    Reach::All => hunt.ask(&client, operation, victim).await,
                    Reach::None => {
                        let answer = hunt.ask(&client, operation, victim).await;
                        assert_eq!(answer.problem(403), "forbidden", "{role}: {operation:?}");
                        answer
                    }
                    Reach::Own if !operation.names_a_thing() => continue,
                    Reach::Own => {
                        let answer = hunt.ask(&client, operation, victim).await;
                        let nothing = hunt.ask(&client, operation, &victim.nothing()).await;
                        let told = "tells that it is there";
                        assert_eq!(unnamed(&answer), unnamed(&nothing), "{role}: {operation:?} {told}");
                        answer
                    }
                };
                assert!(
                    [403, 404].contains(&answer.status.as_u16()) || answer.body["items"] == json!([]),
                    "{role} got {} of an {}'s: {operation:?} {}",
                    answer.status,
                    victim.role,
                    answer.body
                );
                assert!(!answer.body.to_string().contains(MARK), "{role}: {operation:?} {}", answer.body);
                tried += 1;
            }
        }
    }

    assert_eq!(hunt.quarry().await, before, "nothing of it was changed");
    assert!(tried > 250, "only {tried} were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_only_what_their_reader_may_see() {
    let hunt = Hunt::prepare().await;

    for role in Role::ALL {
        let client = hunt.sign_in(role).await;
        for operation in hunt.operations().await {
            let own = operation.action.reaches()[role as usize] == Reach::Own;
            if own && operation.reads() && !operation.names_a_thing() {
                let answer = client.get(&operation.path).await;
                assert_eq!(answer.status, StatusCode::OK, "{role}: {operation:?}");
                assert!(!answer.body.to_string().contains(MARK), "{role}: {operation:?} {}", answer.body);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_let_through_to_what_the_table_gives_it() {
    let hunt = Hunt::prepare().await;

    for mut operation in hunt.operations().await {
        for role in Role::ALL {
            let client = hunt.sign_in(role).await;
            let own = text(&client.get("/me").await.body["id"]);
            let nothing = Victim { whose: own, ..hunt.victims[1].nothing() };
            operation.keep_to(role);

            let answer = hunt.ask(&client, &operation, &nothing).await;

            let refused = answer.status == StatusCode::FORBIDDEN;
            let reach = operation.action.reaches()[role as usize];
            assert_eq!(refused, reach == Reach::None, "{role}: {operation:?} {}", answer.body);
        }
    }
}

/// A house in which others own things.
struct Hunt {
    house: House,
    host: Client,
    victims: [Victim; 2],
    sessions: Vec<Client>,
}

/// Somebody, and the id of one thing of each kind that is theirs.
struct Victim {
    role: Role,
    /// The account in paths, and the one in bodies and queries.
    user: String,
    whose: String,
    device: String,
    session: String,
    api_token: String,
    passkey: String,
    identity: String,
    network: String,
    node: String,
    node_network: String,
}

impl Victim {
    /// The same, but nothing of it is there.
    fn nothing(&self) -> Self {
        let id = || NOTHING.to_owned();
        Self {
            role: self.role,
            user: id(),
            whose: id(),
            device: id(),
            session: id(),
            api_token: id(),
            passkey: id(),
            identity: id(),
            network: self.network.clone(),
            node: id(),
            node_network: id(),
        }
    }

    /// The id behind a placeholder of a path. Each noun of the API has to be here.
    fn id_in(&self, path: &str, placeholder: &str) -> &str {
        let noun = path.split('/').nth(1).unwrap();
        match (noun, placeholder) {
            ("users", "id") => &self.user,
            ("devices", "id") => &self.device,
            ("sessions", "id") => &self.session,
            ("api-tokens", "id") => &self.api_token,
            ("networks", "id") => &self.network,
            ("nodes", "id") => &self.node,
            ("nodes", "node_network_id") => &self.node_network,
            ("me", "id") if path.starts_with("/me/passkeys") => &self.passkey,
            ("me", "id") => &self.identity,
            // These belong to nobody; who may not have them may not have one that is not there either.
            // No name of a certificate, so there is none.
            ("certificates", "name") => NOTHING,
            ("jobs" | "identity-providers" | "invites" | "webhooks" | "webhook-deliveries", "id") => NOTHING,
            _ => panic!("say here whose {placeholder} is in {path}"),
        }
    }
}

/// An operation as the document has it.
#[derive(Debug)]
struct Operation {
    action: Action,
    method: Method,
    path: String,
    placeholders: Vec<String>,
    /// Those parameters that it cannot do without, with an example of each.
    query: Vec<(String, String)>,
    asks_whose: bool,
    body: Option<Value>,
}

impl Operation {
    fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether a request tells whose thing it is about.
    fn names_a_thing(&self) -> bool {
        let body = self.body.as_ref().is_some_and(|body| body.get("user_id").is_some());
        !self.placeholders.is_empty() || self.asks_whose || body
    }

    /// Whether a role that reaches everything may do it to what belongs to somebody of another role: what is nobody's
    /// own may be touched by all of them, and read too.
    fn may_touch_whats_of(&self, role: Role, other: Role) -> bool {
        let nouns = ["/users", "/devices", "/sessions", "/api-tokens"];
        let is_personal = self.names_a_thing() && nouns.iter().any(|noun| self.path.starts_with(noun));
        let helps = role == Role::Support && other == Role::Member && self.path.starts_with("/devices");
        self.reads() || !is_personal || role.manages(other) || helps
    }

    /// Leaves out of the body what only some roles may set or give.
    fn keep_to(&mut self, role: Role) {
        let Some(Value::Object(fields)) = &mut self.body else { return };
        // With it the sessions of this test could do nothing more than enrol a second factor.
        fields.remove("mfa_required_roles");
        if !role.sets_limits() {
            fields
                .retain(|name, _| !["expires_at", "duration_s", "data_limit_bytes"].contains(&name.as_str()));
        }
        if !role.manages(Role::Owner) {
            for name in ["role", "default_role"] {
                fields.get_mut(name).into_iter().for_each(|given| *given = json!("member"));
            }
            fields.get_mut("group_roles").into_iter().for_each(|given| *given = json!([]));
        }
    }
}

impl Hunt {
    async fn prepare() -> Self {
        let house = House::new(TestDatabase::sqlite()).await;
        let host = house.host();
        let node = first(&host, "/nodes").await;
        let place = (first(&host, "/networks").await, first(&host, &format!("/nodes/{node}/networks")).await);
        let victims = [
            Victim::settle(&house, Role::Owner, &node, &place).await,
            Victim::settle(&house, Role::Member, &node, &place).await,
        ];
        let mut sessions = Vec::new();
        for role in Role::ALL {
            house.user(&format!("hunter-{role}"), role.as_str()).await;
            sessions.push(house.sign_in(&format!("hunter-{role}")).await);
        }
        Self { house, host, victims, sessions }
    }

    /// Whoever has that role and is not a victim.
    async fn sign_in(&self, role: Role) -> Client {
        let client = self.sessions[role as usize].clone();
        assert_eq!(client.get("/me").await.expect(StatusCode::OK)["role"], role.as_str());
        client
    }

    /// What is the victims', as the host sees it.
    async fn quarry(&self) -> Vec<Value> {
        let mut things = Vec::new();
        for victim in &self.victims {
            for path in [
                format!("/users/{}", victim.user),
                format!("/devices/{}", victim.device),
                format!("/devices?user_id={}", victim.user),
                format!("/sessions?user_id={}", victim.user),
                format!("/api-tokens?user_id={}", victim.user),
                format!("/networks/{}", victim.network),
                format!("/nodes/{}", victim.node),
                format!("/nodes/{}/networks", victim.node),
            ] {
                let mut thing = self.host.get(&path).await.expect(StatusCode::OK);
                // A node that is not there goes offline by itself, and devices come and go.
                thing
                    .as_object_mut()
                    .unwrap()
                    .retain(|name, _| name != "state" && !name.starts_with("last_"));
                things.push(thing);
            }
        }
        things
    }

    /// Every operation that needs an account.
    async fn operations(&self) -> Vec<Operation> {
        let document = self.house.nobody().get("/openapi.json").await.expect(StatusCode::OK);
        let mut found = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, it) in item.as_object().unwrap() {
                let Some(action) = Action::parse(it["operationId"].as_str().unwrap()) else { continue };
                let parameters = it["parameters"].as_array().into_iter().flatten();
                let named = |place: &str| {
                    let names = parameters.clone().filter(|one| one["in"] == place);
                    names.map(|one| text(&one["name"])).collect::<Vec<_>>()
                };
                let required =
                    parameters.clone().filter(|one| one["in"] == "query" && one["required"] == true);
                let query = required.map(|one| (text(&one["name"]), text(&one["schema"]["examples"][0])));
                found.push(Operation {
                    action,
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.strip_prefix("/api/v1").unwrap().to_owned(),
                    placeholders: named("path"),
                    query: query.collect(),
                    asks_whose: named("query").contains(&"user_id".to_owned()),
                    body: example(&document, it),
                });
            }
        }
        let mut actions: Vec<_> = found.iter().map(|operation| operation.action).collect();
        actions.sort_unstable();
        let mut all = Action::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(actions, all, "each action of the table is an operation");
        // Its answer has no end; tests of its own ask it as each role.
        found.retain(|operation| operation.action != Action::EventListen);
        found
    }

    /// Asks for it on what is the victim's: a whole and current request, which only the right to it is missing from.
    async fn ask(&self, client: &Client, operation: &Operation, victim: &Victim) -> Answer {
        let mut path = operation.path.clone();
        for placeholder in &operation.placeholders {
            path = path.replace(&format!("{{{placeholder}}}"), victim.id_in(&operation.path, placeholder));
        }
        let tag = self.host.get(&path).await.headers.get("etag").cloned();
        let whose = operation.asks_whose.then(|| ("user_id".to_owned(), victim.whose.clone()));
        let query: Vec<_> = operation.query.iter().cloned().chain(whose).collect();
        for (at, (name, value)) in query.iter().enumerate() {
            write!(path, "{}{name}={value}", if at == 0 { '?' } else { '&' }).unwrap();
        }
        let mut body = operation.body.clone();
        for (name, id) in [("user_id", &victim.whose), ("network_id", &victim.network)] {
            if let Some(field) = body.as_mut().and_then(|body| body.get_mut(name)) {
                *field = json!(id);
            }
        }
        let tag = tag.as_ref().map_or("\"1\"", |tag| tag.to_str().unwrap());
        let headers = if operation.reads() { &[][..] } else { &[("if-match", tag)][..] };
        client.send(operation.method.clone(), &path, headers, body).await
    }
}

impl Victim {
    async fn settle(house: &House, role: Role, node: &str, place: &(String, String)) -> Self {
        let login = format!("{MARK}-{role}");
        let user = house.user(&login, role.as_str()).await;
        let client = house.sign_in(&login).await;
        let name = json!({ "name": format!("{MARK} {role}"), "user_id": user });
        let device = house.host().post("/devices", name).await.expect(StatusCode::CREATED);
        let token = json!({ "name": format!("{MARK} {role}"), "scopes": ["device_list"] });
        let api_token = client.post("/api-tokens", token).await.expect(StatusCode::CREATED);
        let (passkey, identity) = factors(house, &user, role).await;
        let session = client.get("/sessions").await.expect(StatusCode::OK)["items"][0]["id"].clone();
        Self {
            role,
            whose: user.clone(),
            user,
            device: text(&device["id"]),
            session: text(&session),
            api_token: text(&api_token["id"]),
            passkey,
            identity,
            network: place.0.clone(),
            node: node.to_owned(),
            node_network: place.1.clone(),
        }
    }
}

/// A passkey and a link to an identity provider, which no request of a test can make: rows as they would be.
async fn factors(house: &House, user: &str, role: Role) -> (String, String) {
    let provider = json!({ "name": format!("of {role}"), "oidc": {
        "issuer": format!("https://{role}.example.org"), "client_id": "casper-vpn", "scopes": "profile", "group_claim": null,
    } });
    let provider = house.host().post("/identity-providers", provider).await.expect(StatusCode::CREATED);
    let user: UserId = user.parse().unwrap();
    let passkey = Passkey {
        id: PasskeyId::new(Uuid::now_v7()),
        user,
        name: format!("{MARK} key").parse().unwrap(),
        credential_id: role.as_str().into(),
        credential: "{}".to_owned(),
        counter: 0,
        revision: 1,
        created_at: Timestamp::from_millis(1_800_000_000_000),
        last_used_at: None,
    };
    let identity = ExternalIdentity {
        id: ExternalIdentityId::new(Uuid::now_v7()),
        provider: text(&provider["id"]).parse().unwrap(),
        subject: format!("{MARK} {role}"),
        user,
        is_managed: false,
        last_used_at: None,
        created_at: passkey.created_at,
    };
    let ids = (passkey.id.to_string(), identity.id.to_string());
    let insert = async move |tx: &mut Tx| {
        passkeys::insert(tx, &passkey).await?;
        external_identities::insert(tx, &identity).await
    };
    house.app.store().write::<_, StoreError, _>(insert).await.unwrap();
    ids
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What an answer says, but for what names the request.
fn unnamed(answer: &Answer) -> (StatusCode, Value) {
    let mut body = answer.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
        fields.remove("instance");
    }
    (answer.status, body)
}
