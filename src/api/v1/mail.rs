//! Mail over HTTP: its part of the settings, and the test letter.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::number::{MailUsername, Pem, Shown, TcpPort};
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::mail::MailPassword;
use crate::domain::contact::Email;
use crate::domain::mail::{MailSecurity, MailServer};
use crate::domain::name::Host;

/// The routes of mail.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(test))
}

/// The server that takes our mail.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailServerView {
    /// Name or address.
    host: Host,
    /// TCP port.
    #[schema(minimum = 1, maximum = 65535, example = 587)]
    port: u16,
    /// How it is spoken to.
    security: MailSecurity,
    /// The name to sign in with. Its password is never shown.
    #[schema(max_length = 256, example = "vpn@example.org")]
    username: Option<String>,
    /// Certificates of an authority by which the server is trusted, besides those that browsers know.
    #[schema(max_length = 32768, example = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")]
    ca_certificate: Option<String>,
    /// Whom the letters come from.
    from: Email,
}

impl From<MailServer> for MailServerView {
    fn from(server: MailServer) -> Self {
        Self {
            host: server.host,
            port: server.port,
            security: server.security,
            username: server.username,
            ca_certificate: server.ca_certificate,
            from: server.from,
        }
    }
}

/// The server that is to take our mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMailServer {
    /// Name or address: a public one, or what the setting `outgoing_allowed` lets in, also where it is this machine.
    host: Host,
    /// TCP port: 587 for `starttls`, 465 for `tls`, 25 for `plain` where it is left out.
    port: Option<TcpPort>,
    /// How it is spoken to: `starttls` where it is left out.
    security: Option<MailSecurity>,
    /// The name to sign in with, where the server wants one.
    username: Option<MailUsername>,
    /// The password to sign in with. It may be left out where the server, the name and the certificate stay as they were.
    password: Option<Shown>,
    /// Certificates of an authority by which the server is trusted, besides those that browsers know.
    ca_certificate: Option<Pem>,
    /// Whom the letters come from.
    from: Email,
}

impl SetMailServer {
    /// What may be shown, and what may not.
    pub(super) fn parts(self) -> (MailServer, Option<MailPassword>) {
        let security = self.security.unwrap_or_default();
        let server = MailServer {
            host: self.host,
            port: self.port.map_or(security.default_port(), TcpPort::get),
            security,
            username: self.username.map(MailUsername::into_string),
            ca_certificate: self.ca_certificate.map(Pem::into_string),
            from: self.from,
        };
        (server, self.password.map(|password| MailPassword::new(password.reveal())))
    }
}

/// Where a test letter goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestMail {
    /// The reader; the caller's own address where it is left out.
    to: Option<Email>,
}

/// What became of a test letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestedMail {
    /// What the mail server said when it took the letter.
    #[schema(max_length = 300, example = "250 2.0.0 Ok: queued as 4F3C1")]
    answer: String,
}

/// Send a test letter.
///
/// It is sent at once, not through the queue, and what the server says is told: in `answer`, or in `detail` of a problem
/// with the code `mail_failed`.
#[utoipa::path(post, path = "/settings/mail/test", operation_id = "settings_mail_test", tag = "system",
    request_body = TestMail, responses((status = 200, description = "The server took the letter.", body = TestedMail)))]
async fn test(State(app): State<App>, ctx: Ctx, Body(request): Body<TestMail>) -> Answer<Json<TestedMail>> {
    Ok(Json(TestedMail { answer: app.mail().test(&ctx, request.to).await? }))
}
