//! Certificates from real authorities: Pebble, which checks every rule of the protocol and is unkind on purpose, and Caddy.

mod caddy;
mod hook;
pub(crate) mod lab;
pub(crate) mod stage;
mod unkind;
mod whole;
mod zone;

use std::process::{Command, Stdio};

use caspervpn::domain::certificate::{CertificateName, Method};
use caspervpn::domain::outgoing::AllowedNets;
use caspervpn::tls::acme::{AcmeErrorKind, Authority, Directory, ExternalAccount, Proof, Shows, new_key};
use zeroize::Zeroizing;

use lab::{Pebble, loopback, verify};
use stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn http_01_brings_a_certificate_for_the_name_although_every_second_nonce_is_refused() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process.env("PEBBLE_WFE_NONCEREJECT", "50"));
    let (authority, credentials) = pebble.open().await;
    let credentials = credentials.expect("a new account");
    let (again, kept) = Authority::open(&pebble.directory, Some(&credentials), &loopback()).await.unwrap();

    let order = authority.order(&name("vpn.example.org"), None, None).await.unwrap();
    let key = new_key().unwrap();
    let pair = again.finish(&order, &key, Method::Http01, &stage).await.unwrap();

    assert!(kept.is_none(), "the account is the same one");
    verify(&pair.chain, &pebble.roots().await, &["-verify_hostname", "vpn.example.org"]);
    assert_eq!(pair.key, key);
    assert!(stage.is_bare(), "nothing is shown that nobody looks at any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_alpn_01_is_answered_by_the_listener_that_serves_everybody_else_as_ever() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process);
    let (authority, _) = pebble.open().await;
    let roots = pebble.roots().await;
    for (who, flag) in [("vpn.example.org", "-verify_hostname"), ("127.0.0.1", "-verify_ip")] {
        let order = authority.order(&name(who), None, None).await.unwrap();

        let pair = authority.finish(&order, &new_key().unwrap(), Method::TlsAlpn01, &stage).await.unwrap();

        verify(&pair.chain, &roots, &[flag, who]);
    }
    let shake = |protocols: &str| {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", stage.tls_port)])
            .args(["-servername", "vpn.example.org", "-alpn", protocols])
            .stdin(Stdio::null())
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    };

    assert!(shake("h2").contains("ALPN protocol: h2"));
    assert!(
        shake("acme-tls/1,h2").contains("ALPN protocol: h2"),
        "who speaks something else too is no authority"
    );
    let unknown = shake("acme-tls/1");
    assert!(!unknown.contains("BEGIN CERTIFICATE"), "there is no proof any more: {unknown}");
    let proof = Proof {
        method: Method::TlsAlpn01,
        identifier: "vpn.example.org".to_owned(),
        token: "token".to_owned(),
        key_authorization: String::new(),
        dns_value: String::new(),
        alpn_digest: [7; 32],
    };
    stage.show(&proof).await.unwrap();
    let shown = shake("acme-tls/1");
    assert!(shown.contains("ALPN protocol: acme-tls/1") && shown.contains("BEGIN CERTIFICATE"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_ended_before_is_loaded_with_its_key_and_lost_with_another() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process);
    let (authority, _) = pebble.open().await;
    let order = authority.order(&name("127.0.0.1"), None, None).await.unwrap();
    let key = new_key().unwrap();
    let first = authority.finish(&order, &key, Method::Http01, &stage).await.unwrap();

    let second = authority.finish(&order, &key, Method::Http01, &stage).await.unwrap();
    let other = authority.finish(&order, &new_key().unwrap(), Method::Http01, &stage).await;

    assert_eq!(first.chain, second.chain, "no other certificate was made");
    verify(&first.chain, &pebble.roots().await, &["-verify_ip", "127.0.0.1"]);
    assert_eq!(other.err().unwrap().kind, AcmeErrorKind::OrderLost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_not_there_is_told_in_the_authoritys_words_and_the_order_is_over() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process);
    let (authority, _) = pebble.open().await;
    let order = authority.order(&name("vpn.example.org"), None, None).await.unwrap();
    let key = new_key().unwrap();

    let unseen = authority.finish(&order, &key, Method::Http01, &Forgetful).await.err().unwrap();
    let after = authority.finish(&order, &key, Method::Http01, &stage).await.err().unwrap();
    let gone = format!("{order}0");
    let gone = authority.finish(&gone, &key, Method::Http01, &stage).await.err().unwrap();

    assert_eq!(unseen.kind, AcmeErrorKind::Temporary);
    let text = unseen.to_string();
    assert!(
        text.contains("vpn.example.org") && text.contains("404") && text.contains("unauthorized"),
        "{text}"
    );
    assert_eq!(
        (after.kind, gone.kind),
        (AcmeErrorKind::OrderLost, AcmeErrorKind::OrderLost),
        "{after} {gone}"
    );
    assert!(after.to_string().contains("404"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proven_so_is_said_before_an_attempt_is_spent() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process);
    let (authority, _) = pebble.open().await;
    let order = authority.order(&name("*.example.org"), None, None).await.unwrap();

    let refused = authority.finish(&order, &new_key().unwrap(), Method::Http01, &stage).await.err().unwrap();
    let silent = authority.finish(&order, &new_key().unwrap(), Method::Dns01, &Mute).await.err().unwrap();

    assert_eq!(refused.kind, AcmeErrorKind::Permanent);
    assert_eq!(
        refused.to_string(),
        "the authority does not take http-01 for *.example.org; it offers dns-01"
    );
    assert_eq!(silent.kind, AcmeErrorKind::Temporary);
    assert_eq!(silent.to_string(), "show the dns-01 proof for *.example.org: the name server is away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_given_is_refused_for_good() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process);
    let (authority, _) = pebble.open().await;

    let refused = authority.order(&name("blocked-domain.example"), None, None).await.unwrap_err();

    assert_eq!(refused.kind, AcmeErrorKind::Permanent);
    assert!(refused.to_string().contains("rejectedIdentifier"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_to_the_one_elsewhere_or_refused_with_the_reason() {
    let stage = Stage::start().await;
    let pebble = Pebble::with_external_accounts(&stage);
    let open = async |key_id: &str, hmac_key: &[u8]| {
        let hmac_key = Zeroizing::new(hmac_key.to_vec());
        let external_account = Some(ExternalAccount { key_id: key_id.to_owned(), hmac_key });
        let directory = Directory { external_account, ..pebble.directory.clone() };
        Authority::open(&directory, None, &loopback()).await.err()
    };

    assert_eq!(open("kid-1", lab::HMAC_KEY).await, None);
    let wrong = open("kid-1", b"another key altogether, of no account").await.unwrap();
    let unknown = open("kid-2", lab::HMAC_KEY).await.unwrap();
    let none = Authority::open(&pebble.directory, None, &loopback()).await.err().unwrap();

    for refused in [&wrong, &unknown, &none] {
        assert_eq!(refused.kind, AcmeErrorKind::Permanent, "{refused}");
    }
    assert!(none.to_string().contains("externalAccountRequired"), "{none}");
    assert_ne!(wrong.to_string(), none.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_on_this_machine_is_asked_only_where_that_is_allowed() {
    let stage = Stage::start().await;
    let pebble = Pebble::start(&stage, |process| process);

    let refused = Authority::open(&pebble.directory, None, &AllowedNets::default()).await.err().unwrap();
    let stranger = Directory { extra_roots: None, ..pebble.directory.clone() };
    let untrusted = Authority::open(&stranger, None, &loopback()).await.err().unwrap();

    assert_eq!(refused.kind, AcmeErrorKind::Permanent);
    assert!(refused.to_string().contains("outgoing_allowed"), "{refused}");
    assert_eq!(untrusted.kind, AcmeErrorKind::Temporary);
    assert!(untrusted.to_string().contains("certificate"), "{untrusted}");
}

fn name(text: &str) -> CertificateName {
    text.parse().unwrap()
}

/// Says that it shows the proof.
struct Forgetful;

impl Shows for Forgetful {
    async fn show(&self, _: &Proof) -> Result<(), String> {
        Ok(())
    }

    async fn hide(&self, _: &Proof) {}
}

/// Cannot show anything.
struct Mute;

impl Shows for Mute {
    async fn show(&self, _: &Proof) -> Result<(), String> {
        Err("the name server is away".to_owned())
    }

    async fn hide(&self, _: &Proof) {}
}
