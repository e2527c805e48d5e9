//! What must not go wrong by a slip of the hand: what is shown once, fresh proofs, signing out, moments.

use serde_json::{Value, json};

use super::talk::Talk;
use super::{Panel, words};

#[test]
fn e2e_a_token_is_shown_once_and_nobody_loses_it_by_accident() {
    let house = Panel::start();

    let found = house.drive("shown_once.mjs", &[]);

    let secret = found["secret"].as_str().unwrap();
    assert!(secret.starts_with("cvpn_"), "{found}");
    let asked = json!({
        "beside": 0, "escape": true, "close": true, "back": true, "reload": true, "after_copying": 0,
    });
    assert_eq!(found["asked"], asked);
    assert_eq!((&found["window_asks"], &found["copied"]), (&json!("beforeunload"), &json!(secret)));
    assert_eq!(found["after_back"], false, "it is not shown again");
    for place in ["address", "kept", "listed"] {
        assert!(!found[place].to_string().contains(secret), "{place}: {found}");
    }
    assert_eq!(found["listed"][0]["name"], "backup");
    let known = house.service.call("GET", "/api/v1/api-tokens", &[], None);
    assert!(!known.body.contains(secret) && !house.service.log().contains(secret));
    assert_eq!(found["complaints"], json!([]));
}

#[test]
fn e2e_a_passkey_is_the_fresh_proof_of_an_act_that_is_then_done() {
    let Panel { service, launch, origin, pictures, _directory } = Panel::start();
    launch.ask(&["settings", "update", "--panel-url", &origin]);
    let given = [&origin, "owner", super::PASSWORD, pictures.to_str().unwrap()];
    let mut person = Talk::begin(&["timeout"], &words("step_up.mjs", &given));
    person.until("enrolled");
    service.stop();
    // Three hours ago: a proof is fresh for a quarter of one.
    let database = rusqlite::Connection::open(launch.data.join("caspervpn.db")).unwrap();
    let aged = database.execute("UPDATE sessions SET proved_at = created_at - 10800000", []).unwrap();
    assert_eq!(aged, 1);
    drop(database);
    let service = launch.serve();

    person.answer("go on");
    let found = person.end();

    assert_eq!(found["cancelled"], json!({ "made": 0, "name": "proven", "blamed": 0 }));
    assert_eq!(found["unverified"], json!({ "made": 0, "still_asked": 1 }));
    assert_eq!(found["proven"], json!({ "made": 1, "still_asked": 0 }));
    assert_eq!(found["deleted"], json!({ "left": 0, "asked": 0 }));
    assert_eq!(found["complaints"], json!([]));
    let audited = |action: &str| -> Vec<Value> {
        let events = service.get(&format!("/api/v1/audit?action={action}"));
        events["items"].as_array().unwrap().iter().map(|it| it["outcome"].clone()).collect()
    };
    assert_eq!(audited("me_step_up_passkey").iter().filter(|it| **it == "done").count(), 1);
    assert_eq!(audited("api_token_create").iter().filter(|it| **it == "done").count(), 2);
}

#[test]
fn e2e_who_cannot_be_signed_out_is_told_so_and_stays() {
    let found = Panel::start().drive("sign_out.mjs", &[]);

    let stays = |told: &str| json!({ "told": told, "still_there": 1, "session": 200 });
    assert_eq!(found["refused"], stays("The database is away."));
    assert_eq!(found["no_answer"], stays("The server did not answer. Check the connection and try again."));
    assert_eq!(found["well"], json!({ "session": 401, "cookies": 0 }));
    assert_eq!(found["behind"], 0, "nothing is left behind the way back");
    assert_eq!(found["complaints"], json!([]));
}

#[test]
fn e2e_a_moment_is_sent_as_the_clock_of_the_place_means_it() {
    let found = Panel::start().drive("moments.mjs", &[]);

    assert_eq!(found["without"], 1, "no token without an end was made instead: {found}");
    assert_eq!(
        (&found["typed"], &found["by_keys"]),
        (&json!("2031-07-02T05:04"), &json!("2031-07-02T09:04:00Z"))
    );
    assert_eq!(found["winter"], "2031-01-03T03:04:00Z");
    assert_eq!(
        (&found["shown_again"], &found["in_words"]),
        (&json!("2031-01-02T22:04"), &json!("Jan 2, 2031, 10:04 PM"))
    );
    assert_eq!(found["emptied"], Value::Null);
    assert_eq!(found["complaints"], json!([]));
}
