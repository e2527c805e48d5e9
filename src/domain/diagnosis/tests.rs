//! What each check finds of what is known.

use super::{Check, CheckCode, CheckName, CheckOutcome, Known, NameServer, Resolved, Whereabouts, diagnose};
use crate::domain::device::{DeviceReason, DeviceState, tests::device};
use crate::domain::handshake::{Handshakes, LATELY};
use crate::domain::id::NodeId;
use crate::domain::network::{ClientSettings, Mtu, Network, Pools};
use crate::domain::node::{Endpoint, Node, NodeHealth, Port};
use crate::domain::pool::Pool;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Rate, Traffic};
use std::time::Duration;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn well() -> Known {
    let mut device = device();
    device.exported_config_revision = Some(1);
    let node = Node {
        id: NodeId::new(Uuid::from_u128(5)),
        name: "fra-1".parse().unwrap(),
        location: "".parse().unwrap(),
        capacity: None,
        draining: false,
        local: true,
        last_seen_at: Some(NOW),
        applied_sequence: 1,
        health: NodeHealth { backend: "kernel".to_owned(), ..NodeHealth::default() },
        rate: Rate::default(),
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
    };
    let network = Network {
        id: device.network,
        name: "office".parse().unwrap(),
        pools: Pools::new(Some(Pool::parse("10.86.0.0/16".parse().unwrap()).unwrap()), None).unwrap(),
        client: ClientSettings {
            dns: vec!["9.9.9.9".parse().unwrap()],
            mtu: Mtu::DEFAULT,
            keepalive_s: 25,
            routes: vec!["0.0.0.0/0".parse().unwrap()],
        },
        isolated: true,
        config_revision: 1,
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
    };
    Known {
        state: (DeviceState::Active, None),
        device,
        network,
        node: Some(node),
        port: Some((
            Port::WIREGUARD,
            Some(Handshakes { since: NOW.before(Duration::from_secs(9_000)), ..Handshakes::default() }),
        )),
        endpoint: Some(Endpoint { host: "vpn.example.org".parse().unwrap(), port: Port::WIREGUARD }),
        resolved: Resolved::To(["1.2.3.4".parse().unwrap()].into()),
        name_servers: Some([("9.9.9.9".parse().unwrap(), NameServer::Answers)].into()),
        last_handshake_at: Some(NOW),
        whereabouts: Some(Whereabouts { address: "5.6.7.8:4711".parse().unwrap(), moved_at: None }),
        shows_address: false,
        traffic: Traffic { rx_bytes: 1_000_000, tx_bytes: 9_000_000 },
        is_operator: true,
    }
}

fn check(known: &Known, name: CheckName) -> Check {
    diagnose(known, NOW).into_iter().find(|check| check.name == name).unwrap()
}

#[test]
fn a_device_that_works_has_nothing_in_its_way() {
    for check in diagnose(&well(), NOW) {
        assert!(matches!(check.outcome, CheckOutcome::Ok | CheckOutcome::Unknown), "{check:?}");
    }
}

#[test]
fn whatever_is_not_well_says_what_to_do() {
    let mut known = well();
    known.state = (DeviceState::Limited, Some(DeviceReason::UserDataLimit));
    known.endpoint = None;
    known.last_handshake_at = None;
    known.device.exported_config_revision = None;
    known.node = None;

    for check in diagnose(&known, NOW) {
        assert_eq!(check.outcome == CheckOutcome::Ok, check.fix.is_none(), "{check:?}");
    }
    assert!(check(&known, CheckName::State).fix.unwrap().contains("account"));
    assert_eq!(check(&known, CheckName::Node).outcome, CheckOutcome::Fail);
    assert_eq!(check(&known, CheckName::Handshake).outcome, CheckOutcome::Fail);
}

#[test]
fn what_is_wrong_with_a_server_is_told_in_full_to_operators_alone() {
    let mut known = well();
    let health = &mut known.node.as_mut().unwrap().health;
    health.firewall = vec!["chain \"inet filter forward\"".to_owned()];
    health.problems = health.firewall.clone();
    let operator = check(&known, CheckName::Firewall);
    known.is_operator = false;
    let member = check(&known, CheckName::Firewall);

    assert_eq!((operator.outcome, member.outcome), (CheckOutcome::Fail, CheckOutcome::Fail));
    assert!(operator.detail.contains("inet filter") && !member.detail.contains("inet"));
    assert_eq!(check(&known, CheckName::Interface).outcome, CheckOutcome::Ok, "that is another matter");
}

#[test]
fn a_node_that_is_silent_leaves_unknown_what_it_would_tell() {
    let mut known = well();
    known.node.as_mut().unwrap().last_seen_at = Some(NOW.before(Duration::from_secs(60)));

    assert_eq!(check(&known, CheckName::Node).outcome, CheckOutcome::Fail);
    assert_eq!(check(&known, CheckName::Interface).outcome, CheckOutcome::Unknown);
}

#[test]
fn a_device_that_shakes_hands_and_gets_nothing_back_points_at_the_server() {
    let mut known = well();
    known.traffic.tx_bytes = 300;

    let found = check(&known, CheckName::Traffic);

    assert_eq!(found.outcome, CheckOutcome::Warn);
    assert!(found.fix.unwrap().contains("forwarding"));
}

#[test]
fn an_endpoint_that_only_its_own_network_reaches_is_doubted() {
    let mut known = well();
    for host in ["192.168.1.7", "100.64.0.1", "fd00::1", "127.0.0.1"] {
        known.endpoint.as_mut().unwrap().host = host.parse().unwrap();
        known.resolved = Resolved::Untried;

        assert_eq!(check(&known, CheckName::Endpoint).outcome, CheckOutcome::Warn, "{host}");
    }
    known.endpoint.as_mut().unwrap().host = "vpn.example.org".parse().unwrap();
    known.resolved = Resolved::To(["10.0.0.1".parse().unwrap()].into());
    let operator = check(&known, CheckName::Endpoint);
    known.is_operator = false;
    let member = check(&known, CheckName::Endpoint);

    assert_eq!((operator.code, member.code), (CheckCode::EndpointPrivate, CheckCode::EndpointPrivate));
    assert_eq!(operator.values["addresses"], "10.0.0.1");
    assert!(!member.values.contains_key("addresses"));
}

#[test]
fn an_endpoint_is_held_against_the_addresses_of_the_server() {
    let mut known = well();
    let own = |known: &mut Known, own: &str| {
        known.node.as_mut().unwrap().health.addresses =
            ["10.0.0.1".parse().unwrap(), own.parse().unwrap()].into();
        check(known, CheckName::Endpoint)
    };

    let private = own(&mut known, "10.0.0.2");
    let right = own(&mut known, "1.2.3.4");
    let wrong = own(&mut known, "1.2.3.5");
    known.is_operator = false;
    let member = check(&known, CheckName::Endpoint);
    known.resolved = Resolved::Nowhere("no such name".to_owned());
    let nowhere = check(&known, CheckName::Endpoint);

    assert_eq!((private.code, private.outcome), (CheckCode::EndpointNamed, CheckOutcome::Unknown));
    assert_eq!((right.code, right.outcome), (CheckCode::EndpointOwn, CheckOutcome::Ok));
    assert_eq!((wrong.code, wrong.values["own"].as_str()), (CheckCode::EndpointElsewhere, "1.2.3.5"));
    assert_eq!(member.code, CheckCode::EndpointNamed, "what is behind a proxy is not for everybody");
    assert_eq!((nowhere.code, nowhere.outcome), (CheckCode::EndpointUnresolved, CheckOutcome::Fail));
    assert!(!nowhere.detail.contains("no such name"));
}

/// The handshake's check of a device that has never shaken hands, where the port has heard this.
fn with_port(heard: Handshakes) -> Check {
    let known = Known { last_handshake_at: None, port: Some((Port::WIREGUARD, Some(heard))), ..well() };
    check(&known, CheckName::Handshake)
}

#[test]
fn what_the_port_hears_tells_one_cause_from_the_others() {
    let ago = |seconds| Some(NOW.before(Duration::from_secs(seconds)));
    let since = NOW.before(Duration::from_secs(9_000));
    let silent = Handshakes { since, ..Handshakes::default() };

    let nothing = with_port(silent);
    let others = with_port(Handshakes { begun_at: ago(5), answered_at: ago(5), ..silent });
    let unknown =
        with_port(Handshakes { begun_at: ago(5), answered_at: ago(60), unanswered_at: ago(5), ..silent });
    let astray = with_port(Handshakes { misdirected_at: ago(5), unanswered_at: ago(100), ..silent });
    let begun = with_port(Handshakes { begun_at: ago(1), answered_at: ago(60), ..silent });
    let past = with_port(Handshakes {
        begun_at: ago(181),
        misdirected_at: ago(181),
        unanswered_at: ago(500),
        ..silent
    });

    assert_eq!(nothing.code, CheckCode::HandshakeNothingComes);
    assert_eq!(nothing.values["since_at"], NOW.before(LATELY).to_string());
    assert!(nothing.fix.unwrap().contains("UDP port 51820"));
    assert_eq!(others.code, CheckCode::HandshakeOthersOnly);
    assert_eq!(unknown.code, CheckCode::HandshakeUnanswered);
    assert_eq!(astray.code, CheckCode::HandshakeForAnotherServer);
    assert_eq!((begun.code, begun.outcome), (CheckCode::HandshakeBegun, CheckOutcome::Unknown));
    assert_eq!(past.code, CheckCode::HandshakeNothingComes);
    for found in [&others, &unknown, &astray, &past] {
        assert_eq!(found.outcome, CheckOutcome::Fail, "{found:?}");
    }
}

#[test]
fn a_port_that_nobody_listens_to_says_nothing_and_a_short_while_is_told_as_such() {
    let mut known = Known { last_handshake_at: None, port: Some((Port::WIREGUARD, None)), ..well() };
    let untold = check(&known, CheckName::Handshake);
    let since = NOW.before(Duration::from_secs(7));
    let fresh = with_port(Handshakes { since, ..Handshakes::default() });
    known.port = Some((Port::WIREGUARD, Some(Handshakes::default())));
    known.node.as_mut().unwrap().last_seen_at = Some(NOW.before(Duration::from_secs(60)));
    let offline = check(&known, CheckName::Handshake);

    assert_eq!(untold.code, CheckCode::HandshakeNever);
    assert_eq!(fresh.values["since_at"], since.to_string());
    assert_eq!(offline.code, CheckCode::HandshakeNever, "what a silent node heard is out of date");
}

#[test]
fn a_device_that_was_there_is_doubted_less_and_its_clock_more() {
    let mut known = well();
    known.last_handshake_at = Some(NOW.before(Duration::from_secs(4_000)));
    let quiet = (check(&known, CheckName::Handshake), check(&known, CheckName::Clock));
    let heard = Handshakes { unanswered_at: Some(NOW), ..Handshakes::default() };
    known.port = Some((Port::WIREGUARD, Some(heard)));
    let refused = (check(&known, CheckName::Handshake), check(&known, CheckName::Clock));

    assert_eq!((quiet.0.code, quiet.1.code), (CheckCode::HandshakeNothingComes, CheckCode::ClockUnknown));
    assert_eq!((refused.0.code, refused.1.code), (CheckCode::HandshakeUnanswered, CheckCode::ClockDoubtful));
    assert_eq!((quiet.0.outcome, refused.0.outcome), (CheckOutcome::Warn, CheckOutcome::Warn));
}

#[test]
fn a_device_without_keepalive_is_doubted_where_a_nat_may_be_between() {
    let mut known = well();
    known.network.client.keepalive_s = 0;
    let far = check(&known, CheckName::Nat);
    known.whereabouts.as_mut().unwrap().address = "192.168.7.9:4711".parse().unwrap();
    let near = check(&known, CheckName::Nat);
    known.whereabouts = None;
    let unknown = check(&known, CheckName::Nat);

    assert_eq!((far.code, far.outcome), (CheckCode::NatClosesInSilence, CheckOutcome::Warn));
    assert_eq!(near.code, CheckCode::NatNone);
    assert_eq!(unknown.code, CheckCode::NatClosesInSilence);
}

#[test]
fn a_device_that_moved_is_told_of_and_its_address_only_where_the_settings_show_it() {
    let mut known = well();
    let address = known.whereabouts.unwrap().address;
    known.whereabouts = Some(Whereabouts::heard(known.whereabouts, "5.6.7.8:99".parse().unwrap(), NOW));
    let hidden = check(&known, CheckName::Nat);
    known.shows_address = true;
    let shown = check(&known, CheckName::Nat);

    assert_eq!((hidden.code, hidden.values.get("address")), (CheckCode::NatMoved, None));
    assert_eq!(shown.values["address"], "5.6.7.8:99");
    let stays = Whereabouts { address, moved_at: None };
    assert_eq!(Whereabouts::heard(Some(stays), address, NOW), stays);
}

#[test]
fn name_servers_that_do_not_answer_are_named_and_what_was_not_tried_is_unknown() {
    let mut known = well();
    known.network.client.dns.push("1.1.1.1".parse().unwrap());
    let asked = known.name_servers.as_mut().unwrap();
    asked.insert("1.1.1.1".parse().unwrap(), NameServer::Fails("no answer in 2 s".to_owned()));
    let silent = check(&known, CheckName::Dns);
    known.name_servers = None;
    let untried = check(&known, CheckName::Dns);

    assert_eq!((silent.code, silent.outcome), (CheckCode::DnsSilent, CheckOutcome::Warn));
    assert_eq!(
        (silent.values["silent"].as_str(), silent.values["servers"].as_str()),
        ("1.1.1.1", "9.9.9.9, 1.1.1.1")
    );
    assert_eq!((untried.code, untried.outcome), (CheckCode::DnsUntried, CheckOutcome::Unknown));
}

#[test]
fn no_sentence_is_left_with_a_gap() {
    let mut broken = well();
    broken.node = None;
    broken.endpoint = None;
    broken.last_handshake_at = None;
    let mut silent = well();
    silent.node.as_mut().unwrap().last_seen_at = Some(NOW.before(Duration::from_secs(60)));
    silent.last_handshake_at = Some(NOW.before(Duration::from_secs(600)));
    for known in [well(), broken, silent] {
        for check in diagnose(&known, NOW) {
            let said = format!("{} {}", check.detail, check.fix.as_deref().unwrap_or_default());
            assert!(!said.contains(['{', '}']), "{check:?}");
        }
    }
}
