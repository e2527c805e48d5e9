//! An HTTP/3 client that can also do what none should.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Request, StatusCode};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use tokio::task::JoinHandle;

use crate::service::PATIENCE;

pub(crate) type Stream = h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// One connection.
pub(crate) struct Client {
    pub(crate) quic: quinn::Connection,
    requests: h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
    /// Ends with the connection, or when the server has said goodbye and all is answered.
    driver: JoinHandle<h3::error::ConnectionError>,
    authority: String,
    _endpoint: quinn::Endpoint,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A connection's way to begin, from an address of ours.
pub(crate) async fn shake(
    from: &str,
    to: SocketAddr,
    name: &str,
) -> Result<(quinn::Endpoint, quinn::Connection), quinn::ConnectionError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let builder = builder.unwrap().dangerous().with_custom_certificate_verifier(Arc::new(Anyone));
    let mut tls = builder.with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::client(format!("{from}:0").parse().unwrap()).unwrap();
    let connection = endpoint.connect_with(config, to, name).unwrap().await?;
    Ok((endpoint, connection))
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self::try_from_to("127.0.0.1", to).await.unwrap()
    }

    pub(crate) async fn try_from_to(from: &str, to: SocketAddr) -> Result<Self, quinn::ConnectionError> {
        let (endpoint, quic) = shake(from, to, "localhost").await?;
        let (mut driver, requests) = h3::client::new(h3_quinn::Connection::new(quic.clone())).await.unwrap();
        let driver = tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
        Ok(Self {
            quic,
            requests,
            driver,
            authority: format!("localhost:{}", to.port()),
            _endpoint: endpoint,
        })
    }

    pub(crate) async fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Stream, h3::error::StreamError> {
        let request = Request::builder().method(method).uri(format!("https://{}{path}", self.authority));
        let request = headers.iter().fold(request, |all, (name, value)| all.header(*name, *value));
        self.requests.send_request(request.body(()).unwrap()).await
    }

    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, h3::error::StreamError> {
        let mut stream = self.begin(method, path, headers).await?;
        if !body.is_empty() {
            // An answer may come before all was sent.
            let _ = stream.send_data(Bytes::copy_from_slice(body)).await;
        }
        let _ = stream.finish().await;
        rest(&mut stream).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await.unwrap()
    }

    /// Waits until the server has ended the connection, or has said goodbye.
    pub(crate) async fn ended(self) -> String {
        drop(self.requests);
        let ended = tokio::time::timeout(PATIENCE, self.driver).await;
        format!("{:?}", ended.expect("the connection ends").unwrap())
    }

    /// Waits until the connection itself is closed.
    pub(crate) async fn closed(&self) -> quinn::ConnectionError {
        tokio::time::timeout(PATIENCE, self.quic.closed()).await.expect("the connection is closed")
    }
}

/// All of an answer.
pub(crate) async fn rest(stream: &mut Stream) -> Result<Answer, h3::error::StreamError> {
    let answer = stream.recv_response().await?;
    let mut body = Vec::new();
    while let Some(mut data) = stream.recv_data().await? {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    let (parts, ()) = answer.into_parts();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// SHA-256 of the certificate that a name gets, as openssl writes it.
pub(crate) async fn fingerprint(to: SocketAddr, name: &str) -> String {
    let (_endpoint, connection) = shake("127.0.0.1", to, name).await.unwrap();
    let shown = connection.peer_identity().unwrap().downcast::<Vec<CertificateDer<'static>>>().unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &shown[0]);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// How long it takes until something has to have come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Believes whoever answers: what is shown is looked at by the tests.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
