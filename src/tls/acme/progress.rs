//! One order on its way: proofs, the request, the certificate.

use std::time::Duration;

use instant_acme::{
    AuthorizationHandle, AuthorizationStatus, ChallengeHandle, ChallengeStatus, ChallengeType, Error, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::domain::certificate::Method;
use crate::domain::certificate_log::{Step, StepKind, place_of_proof};
use crate::telemetry::chain::chain;
use crate::tls::acme::error::said_of;
use crate::tls::acme::nonces::with_fresh_nonces;
use crate::tls::acme::{AcmeError, AcmeErrorKind, Proof, Shows};
use crate::tls::certificate::{CertificateError, PemPair, ServedCertificate};

/// Brings an order from wherever it is to its end. Proofs are shown until then: an authority that was told to look by a worker that
/// died looks again for the next, and may do so when the first look has let the order go on.
pub(super) async fn finish(
    order: Order,
    key: &Zeroizing<String>,
    method: Method,
    shows: &impl Shows,
) -> Result<PemPair, AcmeError> {
    let mut shown = Vec::new();
    let ended = go_on(order, key, method, shows, &mut shown).await;
    for proof in &shown {
        shows.hide(proof).await;
    }
    ended
}

async fn go_on(
    mut order: Order,
    key: &Zeroizing<String>,
    method: Method,
    shows: &impl Shows,
    shown: &mut Vec<Proof>,
) -> Result<PemPair, AcmeError> {
    let signing = KeyPair::from_pem(key).map_err(|cause| {
        AcmeError::new(AcmeErrorKind::Permanent, format!("read the certificate's key: {cause}"))
    })?;
    let mut status = order.state().status;
    if status == OrderStatus::Pending {
        prove(&mut order, method, shows, shown).await?;
        status = OrderStatus::Ready;
    }
    if status == OrderStatus::Invalid {
        // What it came to nothing for may be mended by now.
        return Err(refusal(&mut order, shows).await.of_kind(AcmeErrorKind::OrderLost));
    }
    if status == OrderStatus::Ready {
        let names = load(&mut order).await?;
        let request = request(&names, &signing)?;
        with_fresh_nonces!(order.finalize_csr(&request))
            .map_err(|cause| AcmeError::during("request the certificate", &cause))?;
        shows.note(Step::new(StepKind::OrderFinalized, names.join(", "))).await;
    }
    let chain = download(&mut order, shows).await?;
    judge(chain, key)
}

/// Shows what the authority wants to see, and waits until it has looked.
async fn prove(
    order: &mut Order,
    method: Method,
    shows: &impl Shows,
    shown: &mut Vec<Proof>,
) -> Result<(), AcmeError> {
    load(order).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let authorization =
            authorization.map_err(|cause| AcmeError::during("look at what is to be proven", &cause))?;
        show(authorization, method, shows, shown).await?;
    }
    let looked = in_time(async { with_fresh_nonces!(order.poll_ready(&POLL)) }).await;
    match looked {
        Ok(OrderStatus::Invalid) => Err(refusal(order, shows).await),
        Ok(_) => {
            for proof in shown.iter() {
                shows.note(Step::new(StepKind::ChallengeValid, &*proof.identifier)).await;
            }
            Ok(())
        }
        Err(_) if order.state().status == OrderStatus::Invalid => Err(refusal(order, shows).await),
        Err(cause) => Err(AcmeError::during("wait for the authority to look", &cause)),
    }
}

/// Loads each authorization, so that to walk them asks nobody.
async fn load(order: &mut Order) -> Result<Vec<String>, AcmeError> {
    async fn names(order: &mut Order) -> Result<Vec<String>, Error> {
        let (mut all, mut names) = (order.identifiers(), Vec::new());
        while let Some(identifier) = all.next().await {
            names.push(identifier?.to_string());
        }
        Ok(names)
    }
    with_fresh_nonces!(names(order))
        .map_err(|cause| AcmeError::during("look at what is to be proven", &cause))
}

async fn show(
    mut authorization: AuthorizationHandle<'_>,
    method: Method,
    shows: &impl Shows,
    shown: &mut Vec<Proof>,
) -> Result<(), AcmeError> {
    let name = authorization.identifier().to_string();
    match authorization.status {
        AuthorizationStatus::Pending => {}
        AuthorizationStatus::Valid => {
            shows.note(Step::new(StepKind::AuthorizationValid, name)).await;
            return Ok(());
        }
        over @ (AuthorizationStatus::Invalid
        | AuthorizationStatus::Revoked
        | AuthorizationStatus::Expired
        | AuthorizationStatus::Deactivated) => {
            let text = format!("the authority says of the right to {name}: {over:?}");
            return Err(AcmeError::new(AcmeErrorKind::OrderLost, text));
        }
    }
    let all = [Method::Http01, Method::TlsAlpn01, Method::Dns01];
    let is_offered = |method: &Method| {
        authorization.challenges.iter().any(|challenge| challenge.r#type == wanted(*method))
    };
    let offered: Vec<_> = all.into_iter().filter(is_offered).map(Method::as_str).collect();
    let offered = offered.join(", ");
    let Some(mut challenge) = authorization.challenge(wanted(method)) else {
        let text = format!("the authority does not take {method} for {name}; it offers {offered}");
        return Err(AcmeError::new(AcmeErrorKind::Permanent, text));
    };
    let pending = Step::new(StepKind::AuthorizationPending, &*name).with_detail(method.as_str());
    shows.note(pending).await;
    let proof = proof(&challenge, method)?;
    let place = place_of_proof(method, &proof.identifier);
    let told = shows.show(&proof).await;
    // What was shown in part is to be hidden as well.
    shown.push(proof);
    told.map_err(|why| {
        AcmeError::new(AcmeErrorKind::Temporary, format!("show the {method} proof for {name}: {why}"))
    })?;
    shows.note(Step::new(StepKind::ChallengePrepared, place)).await;
    if challenge.status == ChallengeStatus::Pending {
        with_fresh_nonces!(challenge.set_ready())
            .map_err(|cause| AcmeError::during("ask the authority to look", &cause))?;
        shows.note(Step::new(StepKind::ChallengeSubmitted, name)).await;
    }
    Ok(())
}

fn proof(challenge: &ChallengeHandle<'_>, method: Method) -> Result<Proof, AcmeError> {
    let authorization = challenge.key_authorization();
    let odd = |what: &str| AcmeError::new(AcmeErrorKind::Temporary, format!("the authority's {what} is odd"));
    // It becomes part of a path and of a database row: RFC 8555 §8.1 has it in base64url.
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if challenge.token.is_empty()
        || challenge.token.len() > LONGEST_TOKEN
        || !challenge.token.bytes().all(is_plain)
    {
        return Err(odd("token"));
    }
    Ok(Proof {
        method,
        identifier: challenge.identifier().identifier.authorized(false).to_string(),
        token: challenge.token.clone(),
        key_authorization: authorization.as_str().to_owned(),
        dns_value: authorization.dns_value(),
        alpn_digest: authorization.digest().as_ref().try_into().map_err(|_| odd("digest"))?,
    })
}

const fn wanted(method: Method) -> ChallengeType {
    match method {
        Method::Http01 => ChallengeType::Http01,
        Method::TlsAlpn01 => ChallengeType::TlsAlpn01,
        Method::Dns01 => ChallengeType::Dns01,
    }
}

/// Why an order is invalid. What the authority saw of a proof says more than what it says of the order.
async fn refusal(order: &mut Order, shows: &impl Shows) -> AcmeError {
    let of_the_order = order.state().error.clone();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        // Without a fresh look, the words that are known have to do.
        drop(with_fresh_nonces!(authorization.refresh()));
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            let error = AcmeError::found(&format!("the proof for {name} was not accepted"), problem);
            shows.note(Step::failed(StepKind::ChallengeInvalid, name, &said_of(problem))).await;
            return error;
        }
    }
    let error = match of_the_order {
        Some(problem) => AcmeError::found("the order came to nothing", &problem),
        None => {
            let text = "the order came to nothing, and the authority does not say why";
            AcmeError::new(AcmeErrorKind::Temporary, text)
        }
    };
    let names = load(order).await.unwrap_or_default();
    shows.note(Step::failed(StepKind::OrderInvalid, names.join(", "), &error.to_string())).await;
    error
}

fn request(names: &[String], key: &KeyPair) -> Result<Vec<u8>, AcmeError> {
    let failed =
        |cause: rcgen::Error| AcmeError::new(AcmeErrorKind::Permanent, format!("write the request: {cause}"));
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key).map_err(failed)?.der().to_vec())
}

async fn download(order: &mut Order, shows: &impl Shows) -> Result<String, AcmeError> {
    let loaded = if order.state().status == OrderStatus::Valid {
        with_fresh_nonces!(order.certificate())
    } else {
        in_time(async { with_fresh_nonces!(order.poll_certificate(&POLL)) }).await.map(Some)
    };
    match loaded {
        Ok(Some(chain)) => Ok(chain),
        Ok(None) => Err(AcmeError::during("load the certificate", &Error::Timeout(None))),
        Err(_) if order.state().status == OrderStatus::Invalid => {
            let refusal = refusal(order, shows).await;
            let is_over = refusal.kind == AcmeErrorKind::Temporary;
            Err(if is_over { refusal.of_kind(AcmeErrorKind::OrderLost) } else { refusal })
        }
        Err(cause) => Err(AcmeError::during("load the certificate", &cause)),
    }
}

/// Each step of the library's waits is bounded; this bounds their sum.
async fn in_time<T>(waiting: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, waiting).await.unwrap_or(Err(Error::Timeout(None)))
}

fn judge(chain_pem: String, key: &Zeroizing<String>) -> Result<PemPair, AcmeError> {
    match ServedCertificate::from_pem(chain_pem.as_bytes(), key.as_bytes()) {
        Ok(_) => Ok(PemPair { chain: chain_pem, key: key.clone() }),
        Err(CertificateError::Mismatch) => {
            let text = "the order was ended with another key than the one that is kept";
            Err(AcmeError::new(AcmeErrorKind::OrderLost, text))
        }
        Err(cause) => {
            let text = format!("the authority's certificate cannot be served: {}", chain(&cause));
            Err(AcmeError::new(AcmeErrorKind::Temporary, text))
        }
    }
}

/// How long an authority may take for what it does by itself. Let's Encrypt takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

const POLL: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(PATIENCE);

/// Let's Encrypt's have 43 characters.
const LONGEST_TOKEN: usize = 256;
