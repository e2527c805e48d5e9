//! Setting up identity providers: who may, what is kept, and what nobody gets to see.

use http::StatusCode;
use serde_json::{Value, json};

use crate::api_house::House;
use crate::databases::on_both;
use crate::sign_in::browser::{World, add, change_provider, settle};
use crate::sign_in::issuer::{CLIENT, SECRET};

fn request(name: &str) -> Value {
    json!({ "name": name, "oidc": { "issuer": "https://id.example.org", "client_id": CLIENT }, "secret": SECRET })
}

on_both! {
    async fn a_secret_is_kept_and_never_shown(database) {
        let house = House::new(database).await;
        let host = house.host();
        let made = host.post("/identity-providers", request("main")).await.expect(StatusCode::CREATED);
        let path = format!("/identity-providers/{}", made["id"].as_str().unwrap());

        assert_eq!((&made["has_secret"], &made["oidc"]["scopes"]), (&json!(true), &json!("profile email")));
        assert_eq!((&made["allow_sign_up"], &made["default_role"]), (&json!(false), &json!("member")));
        change_provider(&house, made["id"].as_str().unwrap(), json!({ "secret": "another secret" })).await;
        for answer in [&path[..], "/identity-providers", "/audit?limit=200"] {
            let text = host.get(answer).await.expect(StatusCode::OK).to_string();
            assert!(!text.contains(SECRET) && !text.contains("another secret"), "{text}");
        }
        change_provider(&house, made["id"].as_str().unwrap(), json!({ "secret": null })).await;
        assert_eq!(host.get(&path).await.expect(StatusCode::OK)["has_secret"], false);
        assert_eq!(host.post("/identity-providers", request("main")).await.problem(409), "taken");
    }

    async fn nobody_gives_by_a_provider_a_role_that_they_may_not_give_by_hand(database) {
        let house = House::new(database).await;
        house.user("ada", "admin").await;
        let (ada, owner) = (house.sign_in("ada").await, house.owner().await);
        let with = |name: &str, role: &str| {
            let mut request = request(name);
            request["group_roles"] = json!([{ "group": "chiefs", "role": role }]);
            request
        };

        assert_eq!(ada.post("/identity-providers", with("a", "admin")).await.problem(403), "forbidden");
        let mut by_default = request("b");
        by_default["default_role"] = json!("owner");
        assert_eq!(ada.post("/identity-providers", by_default).await.problem(403), "forbidden");
        let own = ada.post("/identity-providers", with("c", "operator")).await;
        let (tag, own) = (own.tag().to_owned(), own.expect(StatusCode::CREATED));
        let path = format!("/identity-providers/{}", own["id"].as_str().unwrap());
        let raise = json!({ "group_roles": [{ "group": "me", "role": "owner" }] });
        assert_eq!(ada.patch(&path, &tag, raise.clone()).await.problem(403), "forbidden");
        let raised = owner.patch(&path, &tag, raise).await;
        let tag = raised.tag().to_owned();
        raised.expect(StatusCode::OK);
        // From here on the rules give more than an admin may, so an admin does not touch them, not even the claim's name.
        let claim = json!({ "oidc": { "issuer": "https://id.example.org", "client_id": CLIENT, "group_claim": "sub" } });
        assert_eq!(ada.patch(&path, &tag, claim).await.problem(403), "forbidden");
        assert_eq!(ada.delete(&path, &tag).await.problem(403), "forbidden");
    }

    async fn the_issuer_of_a_provider_never_changes(database) {
        let house = House::new(database).await;
        let host = house.host();
        let made = host.post("/identity-providers", request("main")).await;
        let (tag, made) = (made.tag().to_owned(), made.expect(StatusCode::CREATED));
        let path = format!("/identity-providers/{}", made["id"].as_str().unwrap());

        let other = json!({ "oidc": { "issuer": "https://id.example.com", "client_id": CLIENT } });
        let refused = host.patch(&path, &tag, other).await;

        assert_eq!(refused.problem(422), "invalid");
        assert_eq!(refused.body["errors"][0]["pointer"], "/oidc/issuer");
    }

    async fn a_deleted_provider_takes_its_links_along_and_leaves_the_accounts(database) {
        let world = World::over(database).await;
        let account = world.account_of(json!({ "sub": "1", "preferred_username": "ada" })).await;
        let (host, path) = (world.house.host(), format!("/identity-providers/{}", world.provider));
        let tag = host.get(&path).await.tag().to_owned();

        host.delete(&path, &tag).await.expect(StatusCode::NO_CONTENT);

        let id = account["id"].as_str().unwrap();
        host.get(&format!("/users/{id}")).await.expect(StatusCode::OK);
        let again = add(&world.house, "again", &world.issuer.url, json!({})).await;
        let world = World { provider: again, ..world };
        // The same issuer, but another provider: whoever it was has to prove the account first.
        assert_eq!(world.sign_in(json!({ "sub": "1", "preferred_username": "ada" })).await.0, "/sign-in#error=account_exists");
    }

    async fn the_last_way_in_to_an_account_stays(database) {
        let world = World::over(database).await;
        let (_, tokens) = world.sign_in(json!({ "sub": "1", "preferred_username": "ada" })).await;
        let ada = world.house.bearer(tokens.expect(StatusCode::CREATED)["access_token"].as_str().unwrap());
        let links = ada.get("/me/identities").await.expect(StatusCode::OK);
        let path = format!("/me/identities/{}", links["items"][0]["id"].as_str().unwrap());
        let delete = async |client: &crate::api_house::Client| client.send(http::Method::DELETE, &path, &[], None).await;

        assert_eq!(delete(&ada).await.problem(409), "last_way_in");
        assert_eq!(delete(&world.house.owner().await).await.problem(404), "not_found");
        let me = ada.get("/me").await.expect(StatusCode::OK);
        let set = format!("/users/{}/password", me["id"].as_str().unwrap());
        let password = json!({ "password": crate::api_house::PASSWORD });
        world.house.host().post(&set, password).await.expect(StatusCode::NO_CONTENT);
        delete(&world.house.sign_in("ada").await).await.expect(StatusCode::NO_CONTENT);
    }

    async fn a_trial_says_what_is_wrong(database) {
        let house = House::new(database).await;
        let host = house.host();
        let trial = async |issuer: &str, name: &str| {
            let id = add(&house, name, issuer, json!({})).await;
            host.act(&format!("/identity-providers/{id}/test")).await.expect(StatusCode::OK)
        };

        let inside = trial("http://127.0.0.1:1", "inside").await;
        assert_eq!(inside["ok"], false);
        assert!(inside["detail"].as_str().unwrap().contains("outgoing_allowed"), "{inside}");
        settle(&house, "https://vpn.example.org").await;
        let nobody = trial("http://127.0.0.1:1", "nobody").await;
        assert!(nobody["detail"].as_str().unwrap().contains("127.0.0.1"), "{nobody}");
        let issuer = crate::sign_in::issuer::Issuer::start(crate::store_fixtures::NOW).await;
        assert_eq!(trial(&issuer.url, "good").await["ok"], true);
        let other_name = trial(&format!("{}/", issuer.url), "other").await;
        assert!(other_name["detail"].as_str().unwrap().contains("issuer"), "{other_name}");
    }
}
