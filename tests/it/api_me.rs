//! What everybody may do with the own account: see it, take it away, end sessions, leave.

use http::{Method, StatusCode};
use serde_json::json;

use crate::api_house::{House, PASSWORD};
use crate::databases::on_both;

on_both! {
    async fn the_export_holds_what_is_one_s_own_and_no_secret(database) {
        let house = House::new(database).await;
        let ada = house.user("ada", "member").await;
        house.user("eve", "member").await;
        let (member, other) = (house.sign_in("ada").await, house.sign_in("eve").await);
        for n in 0..60 {
            let device = json!({ "name": format!("device {n}") });
            member.post("/devices", device).await.expect(StatusCode::CREATED);
        }
        other.post("/devices", json!({ "name": "not ada's" })).await.expect(StatusCode::CREATED);
        let token = member.post("/api-tokens", json!({ "name": "backup", "scopes": ["me_get"] })).await;
        let token = token.expect(StatusCode::CREATED);

        let export = member.get("/me/export").await;

        assert!(export.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        let export = export.expect(StatusCode::OK);
        assert_eq!(export["account"]["id"], ada.as_str());
        let count = |key: &str| export[key].as_array().unwrap().len();
        assert_eq!((count("devices"), count("sessions"), count("api_tokens")), (60, 1, 1));
        // Signing in, sixty devices, the token, and the export itself.
        assert_eq!(count("audit"), 63);
        assert_eq!(export["devices"][0]["usage"], json!([]));
        let text = export.to_string();
        assert!(!text.contains(token["token"].as_str().unwrap()) && !text.contains("not ada's"));
        assert!(!text.contains("\"private_key") && !text.contains("\"preshared_key\":\""));
        let program = house.bearer(token["token"].as_str().unwrap());
        assert_eq!(program.get("/me/export").await.problem(403), "forbidden");
    }

    async fn usage_is_summed_over_one_s_own_devices(database) {
        let house = House::new(database).await;
        house.user("ada", "member").await;
        let member = house.sign_in("ada").await;
        member.post("/devices", json!({ "name": "laptop" })).await.expect(StatusCode::CREATED);

        let usage = member.get("/me/usage").await.expect(StatusCode::OK);

        assert_eq!(usage, json!({
            "used_bytes": 0, "data_limit_bytes": null, "devices": 1, "device_limit": null, "days": [],
        }));
    }

    async fn leaving_takes_the_password_and_ends_everything(database) {
        let house = House::new(database).await;
        let ada = house.user("ada", "member").await;
        let (member, elsewhere) = (house.sign_in("ada").await, house.sign_in("ada").await);
        member.post("/devices", json!({ "name": "laptop" })).await.expect(StatusCode::CREATED);
        let leave = async |client: &crate::api_house::Client, password: &str| {
            client.send(Method::DELETE, "/me", &[], Some(json!({ "password": password }))).await
        };

        let wrong = leave(&member, "not the password").await;
        assert_eq!(wrong.problem(422), "invalid");
        assert_eq!(wrong.body["errors"][0]["pointer"], "/password");
        assert_eq!(leave(&house.owner().await, PASSWORD).await.problem(409), "last_owner");
        leave(&member, PASSWORD).await.expect(StatusCode::NO_CONTENT);

        assert_eq!(elsewhere.get("/me").await.problem(401), "unauthenticated");
        let gone = house.host().get("/users?deleted=true").await.expect(StatusCode::OK);
        assert_eq!(gone["items"][0]["id"], ada.as_str());
        let events = house.host().get("/audit?action=me_delete").await.expect(StatusCode::OK);
        assert_eq!(events["items"].as_array().unwrap().len(), 2);
        house.host().act(&format!("/users/{ada}/restore")).await.expect(StatusCode::OK);
    }

    async fn the_others_of_one_s_sessions_end_and_nobody_else_s(database) {
        let house = House::new(database).await;
        house.user("ada", "member").await;
        let (here, there) = (house.sign_in("ada").await, house.sign_in("ada").await);
        let owner = house.owner().await;

        here.act("/me/sessions/end-others").await.expect(StatusCode::NO_CONTENT);

        here.get("/me").await.expect(StatusCode::OK);
        owner.get("/me").await.expect(StatusCode::OK);
        assert_eq!(there.get("/me").await.problem(401), "unauthenticated");
    }
}
