//! Signing in by an identity provider, and again in a window of its own while a form waits.

use serde_json::json;

use super::Panel;
use crate::sign_in::issuer::{CLIENT, SECRET};
use crate::sign_in::real::Provider;

#[test]
fn e2e_who_signs_in_again_in_another_window_goes_on_with_the_form_as_it_was() {
    let house = Panel::start();
    house.launch.ask(&["settings", "update", "--panel-url", &house.origin]);
    let settings = json!({ "outgoing_allowed": ["127.0.0.0/8"] });
    house.service.change("PATCH", "/api/v1/settings", Some(settings));
    let mut provider = Provider::start();
    let request = json!({
        "name": "Casper House", "secret": SECRET, "allow_sign_up": true,
        "group_roles": [{ "group": "staff", "role": "operator" }],
        "oidc": {
            "issuer": provider.issuer, "client_id": CLIENT, "scopes": "profile email groups", "group_claim": "groups",
        },
    });
    let made = house.service.post("/api/v1/identity-providers", Some(request));
    provider.expect(&format!("{}{}", house.origin, made["callback_path"].as_str().unwrap()));

    let found = house.drive("sign_in_again.mjs", &["Casper House"]);

    let kept = |user: &str| json!({ "kept": ["/users/new", user, "Typed before"], "made": [user] });
    let first = json!({
        "login": "boss@example.org", "role": "operator", "has_password": false, "place": "/users?role=operator",
    });
    let by_provider = json!({ "first": first, "again": kept("kept-by-provider") });
    assert_eq!(found["by_provider"], by_provider, "{found}");
    assert_eq!(found["by_passkey"], kept("kept-by-passkey"), "{found}");
    assert_eq!(found["complaints"], json!([]));
    assert!(!house.service.log().contains(SECRET));
}
