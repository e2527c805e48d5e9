//! Sign-in by OpenID Connect: the authorization code flow with PKCE, state and nonce, against one provider at a time.
//!
//! Invariant: nothing of an answer is believed before its ID token was proven: signature by a public key of the provider,
//! issuer, audience, nonce and time by the caller's clock. Nothing is kept here, and no randomness is made.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
    CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AdditionalProviderMetadata, AsyncHttpClient, AuthType,
    AuthorizationCode, ClaimsVerificationError, Client as OidcClient, ClientId, ClientSecret, CsrfToken,
    DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenClaims, IdTokenFields, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    UserInfoClaims, UserInfoError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::external_identity::{Person, SUBJECT_MAX_BYTES, groups_of};
use crate::domain::identity_provider::Oidc;
use crate::domain::mfa::FRESH_FOR;
use crate::domain::outgoing::{AllowedNets, Target};
use crate::domain::time::Timestamp;
use crate::tls::outgoing::{Client, OutgoingError};

/// Asks one provider.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The way out.
    pub http: &'a Client,
    /// Networks of one's own that may be called.
    pub allowed: &'a AllowedNets,
    /// Who is asked, and as whom.
    pub provider: &'a Oidc,
    /// The proof of who we are, where we have one.
    pub secret: Option<&'a str>,
    /// Where the provider sends people back to.
    pub callback: &'a str,
}

/// What only this one sign-in knows, made of randomness by the caller.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Comes back with the person.
    pub state: &'a str,
    /// Comes back inside the ID token.
    pub nonce: &'a str,
    /// Proves that whoever trades the code is the one who asked for it (RFC 7636).
    pub verifier: &'a str,
}

/// Somebody who has signed in at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Who it is.
    pub person: Person,
    /// When they last showed the provider that it is them, where it says so. It answers for whoever sits at a browser that
    /// signed in there long ago.
    pub at: Option<Timestamp>,
}

/// What a provider says of itself, with its keys. It may be kept for minutes.
#[derive(Debug, Clone)]
pub struct Metadata(Provided);

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The provider was not reached.
    #[error("the identity provider was not reached")]
    Call(#[source] OutgoingError),
    /// The provider answered something that is not OpenID Connect, or not of this issuer.
    #[error("the identity provider's answer is not usable: {0}")]
    Answer(String),
    /// The provider did not trade the code.
    #[error("the identity provider refused the code: {0}")]
    Code(String),
    /// The ID token does not prove what it must.
    #[error("the ID token is refused")]
    Token(#[source] ClaimsVerificationError),
    /// The ID token belongs to another access token, or is no use for something else.
    #[error("the ID token is refused: {0}")]
    Unfit(&'static str),
}

impl Asker<'_> {
    /// Asks the provider who it is.
    ///
    /// # Errors
    /// [`OidcError::Call`] and [`OidcError::Answer`].
    pub async fn discover(&self) -> Result<Metadata, OidcError> {
        let issuer = IssuerUrl::new(self.provider.issuer.as_str().to_owned())
            .map_err(|error| OidcError::Answer(error.to_string()))?;
        let way = Way { http: self.http, allowed: self.allowed };
        let found = Provided::discover_async(issuer, &way).await.map_err(discovery_error)?;
        // A browser is sent there, so it must be a page and nothing that a browser would run.
        let page = found.authorization_endpoint().as_str();
        Target::http(page).map_err(|why| OidcError::Answer(format!("its authorization_endpoint {why}")))?;
        if found.token_endpoint().is_none() {
            return Err(OidcError::Answer("it names no token_endpoint".to_owned()));
        }
        Ok(Metadata(found))
    }

    /// Where a person is sent to sign in.
    ///
    /// # Errors
    /// [`OidcError::Answer`] for a callback that is no URL.
    pub fn page(&self, metadata: &Metadata, attempt: Attempt<'_>) -> Result<String, OidcError> {
        let client = self.client(metadata)?;
        let verifier = PkceCodeVerifier::new(attempt.verifier.to_owned());
        let (state, nonce) = (attempt.state.to_owned(), attempt.nonce.to_owned());
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .add_scopes(self.provider.scopes.words().map(|word| Scope::new(word.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            // It asks again whom it last asked before that, and has to say when it did (OpenID Connect Core §3.1.2.1).
            .set_max_age(FRESH_FOR);
        Ok(request.url().0.to_string())
    }

    /// Whether the answer came from this provider, as far as it says (RFC 9207): against one provider's code being
    /// taken to another.
    pub fn is_sender(&self, metadata: &Metadata, iss: Option<&str>) -> bool {
        match iss {
            Some(iss) => iss == self.provider.issuer.as_str(),
            None => !metadata.0.additional_metadata().authorization_response_iss_parameter_supported,
        }
    }

    /// Trades the code for the person's claims and proves them.
    ///
    /// # Errors
    /// [`OidcError`], each kind.
    pub async fn finish(
        &self,
        metadata: &Metadata,
        attempt: Attempt<'_>,
        code: &str,
        now: Timestamp,
    ) -> Result<Proven, OidcError> {
        let client = self.client(metadata)?;
        let way = Way { http: self.http, allowed: self.allowed };
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| OidcError::Answer(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.to_owned()))
            .request_async(&way)
            .await
            .map_err(code_error)?;
        let claims = match self.prove(metadata, &answer, attempt, now) {
            // The provider may have taken a new key since its keys were read.
            Err(OidcError::Token(error)) if is_unknown_key(&error) => {
                self.prove(&self.discover().await?, &answer, attempt, now)?
            }
            proven => proven?,
        };
        let more: Option<UserInfoClaims<Claims, CoreGenderClaim>> =
            match client.user_info(answer.access_token().clone(), Some(claims.subject().clone())) {
                Ok(request) => Some(request.request_async(&way).await.map_err(user_error)?),
                Err(_) => None,
            };
        // Browsers can drop what was asked of the provider, so what counts is what it has signed. Its clock may be ahead.
        let at = claims.auth_time().map(|at| Timestamp::from_millis(at.timestamp_millis()).min(now));
        Ok(Proven { person: self.person(&claims, more.as_ref())?, at })
    }

    fn client(&self, metadata: &Metadata) -> Result<Asking, OidcError> {
        let redirect = RedirectUrl::new(self.callback.to_owned());
        let methods = metadata.0.token_endpoint_auth_methods_supported();
        let has = |method| methods.is_none_or(|known| known.contains(&method));
        let by_body =
            !has(CoreClientAuthMethod::ClientSecretBasic) && has(CoreClientAuthMethod::ClientSecretPost);
        let client = Asking::from_provider_metadata(
            metadata.0.clone(),
            ClientId::new(self.provider.client_id.as_str().to_owned()),
            self.secret.map(|secret| ClientSecret::new(secret.to_owned())),
        );
        Ok(client
            .set_auth_type(if by_body { AuthType::RequestBody } else { AuthType::BasicAuth })
            .set_redirect_uri(redirect.map_err(|error| OidcError::Answer(error.to_string()))?))
    }

    fn prove(
        &self,
        metadata: &Metadata,
        answer: &Answer,
        attempt: Attempt<'_>,
        now: Timestamp,
    ) -> Result<Claims1, OidcError> {
        let Some(token) = answer.id_token() else { return Err(OidcError::Unfit("there is none")) };
        let times = [now, now + CLOCKS_APART].map(|time| time.to_string().parse().ok());
        let [Some(moment), Some(latest)] = times else {
            return Err(OidcError::Unfit("our own clock cannot be written"));
        };
        // A public client's: it knows no algorithm that is proven by a shared secret.
        let verifier = IdTokenVerifier::new_public_client(
            ClientId::new(self.provider.client_id.as_str().to_owned()),
            metadata.0.issuer().clone(),
            metadata.0.jwks().clone(),
        )
        .set_allowed_algs(PUBLIC_KEY_ALGORITHMS)
        .set_time_fn(move || moment)
        .set_issue_time_verifier_fn(move |made| {
            if made <= latest { Ok(()) } else { Err("it was made in the future".to_owned()) }
        });
        let nonce = Nonce::new(attempt.nonce.to_owned());
        let claims = token.claims(&verifier, &nonce).map_err(OidcError::Token)?;
        if let Some(expected) = claims.access_token_hash() {
            let unproven = |_| OidcError::Unfit("its at_hash cannot be checked");
            let algorithm = token.signing_alg().map_err(unproven)?;
            let key = token.signing_key(&verifier).map_err(unproven)?;
            let found = AccessTokenHash::from_token(answer.access_token(), algorithm, key)
                .map_err(|_| OidcError::Unfit("its at_hash cannot be checked"))?;
            if found != *expected {
                return Err(OidcError::Unfit("it belongs to another access token"));
            }
        }
        Ok(claims.clone())
    }

    fn person(
        &self,
        claims: &Claims1,
        more: Option<&UserInfoClaims<Claims, CoreGenderClaim>>,
    ) -> Result<Person, OidcError> {
        let subject = claims.subject().as_str().to_owned();
        if subject.is_empty() || subject.len() > SUBJECT_MAX_BYTES || subject.contains('\0') {
            return Err(OidcError::Unfit("its subject is empty or too long"));
        }
        // An address and the word that it is verified count only where they stand together.
        let email = |email: Option<&openidconnect::EndUserEmail>, verified: Option<bool>| {
            email.filter(|_| verified == Some(true)).map(|it| it.as_str().to_owned())
        };
        let first = claims.name().and_then(|name| name.get(None));
        let name = first.or_else(|| more?.name()?.get(None)).map(|it| it.as_str().to_owned());
        let username = claims.preferred_username().or_else(|| more?.preferred_username());
        let mut all = more.map(|more| more.additional_claims().0.clone()).unwrap_or_default();
        all.extend(claims.additional_claims().0.clone());
        Ok(Person {
            verified_email: email(claims.email(), claims.email_verified())
                .or_else(|| email(more?.email(), more?.email_verified())),
            username: username.map(|it| it.as_str().to_owned()),
            display_name: name,
            groups: self
                .provider
                .group_claim
                .as_ref()
                .map(|claim| groups_of(&all, claim))
                .unwrap_or_default(),
            subject,
        })
    }
}

/// The way out, as the library asks for it.
struct Way<'a> {
    http: &'a Client,
    allowed: &'a AllowedNets,
}

impl<'c> AsyncHttpClient<'c> for Way<'_> {
    type Error = OutgoingError;
    type Future = BoxFuture<'c, Result<HttpResponse, OutgoingError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.http.send(self.allowed, request).boxed()
    }
}

/// How far the provider's clock may be ahead of ours.
const CLOCKS_APART: std::time::Duration = std::time::Duration::from_secs(300);

/// Signatures that only the provider can make, whatever its metadata says. Neither `none` nor an HMAC is among them.
const PUBLIC_KEY_ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

fn is_unknown_key(error: &ClaimsVerificationError) -> bool {
    matches!(error, ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
}

/// A fault that the library has learnt to tell since.
const UNKNOWN: &str = "for a reason that is not known here";

fn discovery_error(error: DiscoveryError<OutgoingError>) -> OidcError {
    match error {
        DiscoveryError::Request(cause) => OidcError::Call(cause),
        DiscoveryError::Parse(cause) => OidcError::Answer(cause.to_string()),
        DiscoveryError::Response(_, _, why)
        | DiscoveryError::Validation(why)
        | DiscoveryError::Other(why) => OidcError::Answer(why),
        DiscoveryError::UrlParse(cause) => OidcError::Answer(cause.to_string()),
        _ => OidcError::Answer(UNKNOWN.to_owned()),
    }
}

fn code_error(
    error: RequestTokenError<OutgoingError, StandardErrorResponse<CoreErrorResponseType>>,
) -> OidcError {
    match error {
        RequestTokenError::Request(cause) => OidcError::Call(cause),
        // The word of RFC 6749 §5.2 alone: the description is the provider's text, and may repeat what we sent.
        RequestTokenError::ServerResponse(refusal) => OidcError::Code(refusal.error().to_string()),
        RequestTokenError::Parse(cause, _) => OidcError::Answer(cause.to_string()),
        RequestTokenError::Other(why) => OidcError::Answer(why),
    }
}

fn user_error(error: UserInfoError<OutgoingError>) -> OidcError {
    match error {
        UserInfoError::Request(cause) => OidcError::Call(cause),
        UserInfoError::ClaimsVerification(cause) => OidcError::Token(cause),
        UserInfoError::Parse(cause) => OidcError::Answer(cause.to_string()),
        UserInfoError::Response(status, ..) => {
            OidcError::Answer(format!("its userinfo_endpoint answered {status}"))
        }
        UserInfoError::Other(why) => OidcError::Answer(why),
        _ => OidcError::Answer(UNKNOWN.to_owned()),
    }
}

/// Claims beside those that OpenID Connect names: groups are among them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Claims(Map<String, Value>);

impl AdditionalClaims for Claims {}

/// What metadata may say beside what OpenID Connect Discovery names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct More {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Claims1 = IdTokenClaims<Claims, CoreGenderClaim>;

type Provided = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Answer = StandardTokenResponse<
    IdTokenFields<
        Claims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type Asking = OidcClient<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;
