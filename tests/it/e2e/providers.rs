//! An identity provider from the form to its end, and who signs in by it meanwhile.

use serde_json::json;

use super::Panel;
use crate::directory::{SERVICE, Slapd};

#[test]
fn e2e_a_directory_is_made_tried_changed_and_deleted_and_lets_its_people_in_between() {
    let directory = Slapd::start();
    directory.modify("dn: cn=vpn-staff,ou=groups,dc=example,dc=org\nchangetype: modify\nreplace: member\nmember: uid=bob,ou=people,dc=example,dc=org\n");
    let house = Panel::start();
    let settings = json!({ "outgoing_allowed": ["127.0.0.0/8"] });
    house.service.change("PATCH", "/api/v1/settings", Some(settings));

    let found =
        house.drive("identity_providers.mjs", &[&directory.url, SERVICE, "bob", "the password of bob, too"]);

    let made = &found["made"];
    assert_eq!((&made["name"], &made["ldap"]["url"]), (&json!("People"), &json!(directory.url)));
    let expected = json!([{ "group": "cn=vpn-staff,ou=groups,dc=example,dc=org", "role": "support" }]);
    assert_eq!((&made["group_roles"], &made["has_secret"]), (&expected, &json!(true)));
    assert_eq!(found["tried_with_the_wrong_password"]["ok"], false, "{found}");
    assert_eq!(found["tried"]["ok"], true, "{found}");
    assert_eq!(found["signed_in"], json!({ "login": "bob", "name": "Bob", "role": "support" }));
    assert_eq!(found["changed"]["ldap"], made["ldap"], "what was not touched stays");
    assert_eq!(found["changed"]["has_secret"], true);
    assert_eq!(found["signed_in_again"], json!({ "login": "bob", "name": "Bob", "role": "auditor" }));
    assert_eq!(found["off"], "The login or the password is wrong.");
    assert_eq!(
        (&found["left"], &found["deleted"]),
        (&json!([]), &json!("The login or the password is wrong."))
    );
    assert!(!found["shown"].to_string().contains(SERVICE), "no answer has the secret in it");
    assert!(!house.service.log().contains(SERVICE));
    assert_eq!(found["complaints"], json!([]));
}
