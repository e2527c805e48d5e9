//! The dns-01 proof by dynamic update: RFC 2136, signed by TSIG (RFC 8945), over TCP.
//!
//! Invariant: only a record's own text is taken away, never the records of a name: others may have theirs there, as a
//! wildcard and its name do.

use std::time::Duration;

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm as HickoryAlgorithm, TsigError};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, TSigner};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::domain::outgoing::{AllowedNets, Target, TargetError};
use crate::domain::time::Timestamp;
use crate::tls::outgoing::{self, OutgoingError};

/// A name server that takes changes of a zone.
#[derive(Debug, Clone)]
pub struct UpdateServer {
    /// A name or address, with a port where it is not 53: `ns1.example.org`, `[2001:db8::1]:5353`.
    pub server: String,
    /// The zone, where it is not found by the server's own SOA records.
    pub zone: Option<String>,
    /// Who we are to it.
    pub key: TsigKey,
}

/// A key that a name server knows by its name.
#[derive(Clone)]
pub struct TsigKey {
    /// What the server calls it.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// The key, decoded.
    pub secret: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TsigKey")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// How messages are signed. MD5 and SHA-1 are not offered: RFC 8945 §6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TsigAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// A record that was not changed. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum DnsUpdateError {
    /// Not a server's address.
    #[error("the name server {0}")]
    Server(#[source] TargetError),
    /// Not found, or not to be called.
    #[error("reach the name server")]
    Reach(#[source] OutgoingError),
    /// No name.
    #[error("{0:?} is not a DNS name")]
    Name(String),
    /// No connection, or none that lasts.
    #[error("talk to the name server {server}")]
    Talk {
        /// Which.
        server: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Not DNS.
    #[error("the name server's answer is odd: {0}")]
    Garbage(String),
    /// Our own message cannot be written: a fault of the program.
    #[error("write the message to the name server")]
    Message(#[source] ProtoError),
    /// No zone of the server holds the name.
    #[error("the name server has no zone for {0}; set the zone, or delegate the name to it")]
    NoZone(String),
    /// The key is not the server's.
    #[error("the name server does not take the key {key}: {why}")]
    Key {
        /// Its name.
        key: String,
        /// What it says.
        why: &'static str,
    },
    /// The change is not taken.
    #[error(
        "the name server does not change {name} in the zone {zone}: {code}; let the key update TXT records there"
    )]
    Refused {
        /// The record.
        name: String,
        /// Where.
        zone: String,
        /// What it says.
        code: ResponseCode,
    },
    /// An answer that anybody could have written.
    #[error("the name server's answer is not signed with the key {0}")]
    Unsigned(String),
    /// Changed, but not shown.
    #[error("the name server took the record {0} and does not show it")]
    NotShown(String),
}

impl UpdateServer {
    /// Adds the text to the TXT records of `_acme-challenge.IDENTIFIER`, or of the name that this is an alias of, and waits
    /// until the server itself shows it. `now` is the time that the server compares with its own.
    ///
    /// # Errors
    /// [`DnsUpdateError`], after a minute at most.
    pub async fn set(
        &self,
        identifier: &str,
        value: &str,
        allowed: &AllowedNets,
        now: Timestamp,
    ) -> Result<(), DnsUpdateError> {
        let mut session = self.session(allowed).await?;
        let (name, zone) = session.place(identifier, self.zone.as_deref()).await?;
        let record = Record::from_rdata(name.clone(), TTL_S, RData::TXT(TXT::new(vec![value.to_owned()])));
        session.update(&zone, record, now).await?;
        for _ in 0..LOOKS {
            let answer = session.ask(&name, RecordType::TXT).await?;
            if answer.answers.iter().any(|record| has_text(record, value)) {
                return Ok(());
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Err(DnsUpdateError::NotShown(name.to_ascii()))
    }

    /// Takes the text away again; one that is not there is no error.
    ///
    /// # Errors
    /// [`DnsUpdateError`].
    pub async fn clear(
        &self,
        identifier: &str,
        value: &str,
        allowed: &AllowedNets,
        now: Timestamp,
    ) -> Result<(), DnsUpdateError> {
        let mut session = self.session(allowed).await?;
        let (name, zone) = session.place(identifier, self.zone.as_deref()).await?;
        let mut record = Record::from_rdata(name, 0, RData::TXT(TXT::new(vec![value.to_owned()])));
        // RFC 2136 §2.5.4: this class deletes the one record.
        record.dns_class = DNSClass::NONE;
        session.update(&zone, record, now).await
    }

    async fn session(&self, allowed: &AllowedNets) -> Result<Session, DnsUpdateError> {
        let target = Target::dns(&self.server).map_err(DnsUpdateError::Server)?;
        // What is sent is public and signed.
        let addresses = outgoing::resolve(&target, true, allowed).await.map_err(DnsUpdateError::Reach)?;
        let talk = |cause| DnsUpdateError::Talk { server: self.server.clone(), cause };
        let stream = in_time(TcpStream::connect(&*addresses)).await.map_err(talk)?;
        let algorithm = match self.key.algorithm {
            TsigAlgorithm::HmacSha256 => HickoryAlgorithm::HmacSha256,
            TsigAlgorithm::HmacSha512 => HickoryAlgorithm::HmacSha512,
        };
        let key = TSigner::new(self.key.secret.to_vec(), algorithm, name(&self.key.name)?, FUDGE_S);
        let key = key.map_err(|cause| DnsUpdateError::Garbage(cause.to_string()))?;
        Ok(Session { stream, server: self.server.clone(), key })
    }
}

/// One connection with a name server.
struct Session {
    stream: TcpStream,
    server: String,
    key: TSigner,
}

impl Session {
    /// The record's name, with aliases followed as far as the server knows them, and its zone.
    async fn place(&mut self, identifier: &str, zone: Option<&str>) -> Result<(Name, Name), DnsUpdateError> {
        let mut at = name(&format!("_acme-challenge.{identifier}"))?;
        for _ in 0..LONGEST_ALIAS {
            let answer = self.ask(&at, RecordType::CNAME).await?;
            let mut own = answer.answers.iter().filter(|record| record.name == at);
            let alias = own.find_map(|record| {
                if let RData::CNAME(alias) = &record.data { Some(alias.0.clone()) } else { None }
            });
            let Some(alias) = alias else { break };
            at = alias;
        }
        let zone = match zone {
            Some(zone) => name(zone)?,
            None => self.zone_of(&at).await?,
        };
        if zone.zone_of(&at) { Ok((at, zone)) } else { Err(DnsUpdateError::NoZone(at.to_ascii())) }
    }

    /// A server with authority names the zone beside an answer that there is nothing of the kind: RFC 2308 §3.
    async fn zone_of(&mut self, of: &Name) -> Result<Name, DnsUpdateError> {
        let answer = self.ask(of, RecordType::SOA).await?;
        let mut records = answer.answers.iter().chain(&answer.authorities);
        let soa = records.find(|record| record.record_type() == RecordType::SOA && record.name.zone_of(of));
        match soa {
            Some(soa) if answer.metadata.authoritative => Ok(soa.name.clone()),
            _ => Err(DnsUpdateError::NoZone(of.to_ascii())),
        }
    }

    async fn ask(&mut self, of: &Name, kind: RecordType) -> Result<Message, DnsUpdateError> {
        let mut message = Message::query();
        message.add_query(Query::query(of.clone(), kind));
        message.metadata.recursion_desired = false;
        let answer = self.exchange(&message).await?;
        read(&answer, &message)
    }

    async fn update(&mut self, zone: &Name, record: Record, now: Timestamp) -> Result<(), DnsUpdateError> {
        let name = record.name.to_ascii();
        let key = self.key.signer_name().to_ascii();
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        message.metadata.recursion_desired = false;
        message.add_query(Query::query(zone.clone(), RecordType::SOA));
        message.add_authority(record);
        let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
        let (signature, _) = self.key.sign_message(&message, seconds).map_err(DnsUpdateError::Message)?;
        let mac = signature.data.mac.clone();
        message.set_signature(signature);
        let bytes = self.exchange(&message).await?;
        let answer = read(&bytes, &message)?;
        let code = answer.metadata.response_code;
        if let Some(why) = answer.signature().and_then(|signature| signature.data.error).map(refusal) {
            return Err(DnsUpdateError::Key { key, why });
        }
        if code == ResponseCode::NotAuth {
            return Err(DnsUpdateError::NoZone(name));
        }
        // The time of the answer needs no look: it signs the request's own signature.
        if self.key.verify_message_byte(&bytes, Some(&mac), true).is_err() {
            return Err(DnsUpdateError::Unsigned(key));
        }
        if code != ResponseCode::NoError {
            return Err(DnsUpdateError::Refused { name, zone: zone.to_ascii(), code });
        }
        Ok(())
    }

    async fn exchange(&mut self, message: &Message) -> Result<Vec<u8>, DnsUpdateError> {
        let asked = message.to_vec().map_err(DnsUpdateError::Message)?;
        let size = u16::try_from(asked.len()).map_err(|_| DnsUpdateError::Garbage("too long".to_owned()))?;
        // RFC 1035 §4.2.2, and one write as RFC 7766 §8 asks.
        let framed = [&size.to_be_bytes()[..], &asked].concat();
        let stream = &mut self.stream;
        let exchange = in_time(async {
            stream.write_all(&framed).await?;
            let size = stream.read_u16().await?;
            let mut answer = vec![0; usize::from(size)];
            stream.read_exact(&mut answer).await?;
            Ok(answer)
        });
        exchange.await.map_err(|cause| DnsUpdateError::Talk { server: self.server.clone(), cause })
    }
}

fn read(answer: &[u8], asked: &Message) -> Result<Message, DnsUpdateError> {
    let answer = Message::from_vec(answer).map_err(|cause| DnsUpdateError::Garbage(cause.to_string()))?;
    if answer.metadata.id != asked.metadata.id {
        return Err(DnsUpdateError::Garbage("it is to another question".to_owned()));
    }
    Ok(answer)
}

const fn refusal(error: TsigError) -> &'static str {
    match error {
        TsigError::BadKey => "it knows no key of this name and algorithm",
        TsigError::BadSig => "its secret is another",
        TsigError::BadTime => "the clocks differ by more than five minutes",
        TsigError::BadTrunc | TsigError::Unknown(_) => "it does not say why",
    }
}

fn has_text(record: &Record, value: &str) -> bool {
    if let RData::TXT(txt) = &record.data { txt.txt_data.concat() == value.as_bytes() } else { false }
}

fn name(text: &str) -> Result<Name, DnsUpdateError> {
    let mut name = Name::from_ascii(text).map_err(|_| DnsUpdateError::Name(text.to_owned()))?;
    name.set_fqdn(true);
    Ok(name)
}

async fn in_time<T>(step: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    timeout(PATIENCE, step).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// The record is gone in minutes, and nobody is to remember it longer than that.
const TTL_S: u32 = 60;

/// How far the clocks may differ: RFC 8945 §10 recommends five minutes.
const FUDGE_S: u16 = 300;

/// For one step of one connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Servers that write their zone before they show it take a moment.
const LOOKS: u32 = 40;

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Aliases of aliases that are followed.
const LONGEST_ALIAS: u32 = 8;
