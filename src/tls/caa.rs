//! Finds the CAA records of a name, by the name servers that this host asks.
//!
//! Invariant: what is found here only keeps an order from being spent. The authority looks by itself, and better: answers are
//! taken as the name server gives them.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::domain::caa::CaaRecord;

/// Records that were not found out.
#[derive(Debug, thiserror::Error)]
pub enum CaaError {
    /// No name.
    #[error("{0:?} is not a DNS name")]
    Name(String),
    /// Our own question cannot be written: a fault of the program.
    #[error("write the question to the name server")]
    Message(#[source] ProtoError),
    /// No answer.
    #[error("no name server of this host answers the question for the CAA records of {name}: {why}")]
    Unanswered {
        /// Of which name.
        name: String,
        /// What became of the last try.
        why: String,
    },
}

/// The records nearest to a name (RFC 8659 §3), with the name they are at. Nothing where there are none up to the root.
///
/// # Errors
/// [`CaaError`], after half a minute at most.
pub async fn nearest(
    name: &str,
    servers: &[SocketAddr],
) -> Result<Option<(String, Vec<CaaRecord>)>, CaaError> {
    let mut at = Name::from_ascii(name).map_err(|_| CaaError::Name(name.to_owned()))?;
    at.set_fqdn(true);
    let climb = async {
        while !at.is_root() {
            let found = records(&at, servers).await?;
            if !found.is_empty() {
                return Ok(Some((at.to_ascii().trim_end_matches('.').to_owned(), found)));
            }
            at = at.base_name();
        }
        Ok(None)
    };
    timeout(ALTOGETHER, climb).await.unwrap_or_else(|_| {
        Err(CaaError::Unanswered { name: name.to_owned(), why: "the answers took too long".to_owned() })
    })
}

/// The name servers that this host asks: resolv.conf(5), which says that without any it is this host itself.
pub fn host_servers() -> Vec<SocketAddr> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = parse_servers(&text);
    if servers.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DNS))] } else { servers }
}

fn parse_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
        // The scope of a link-local address may stand behind it; such a server is asked by the system alone.
        address.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS))
    };
    resolv_conf.lines().filter_map(address).take(MOST_SERVERS).collect()
}

async fn records(of: &Name, servers: &[SocketAddr]) -> Result<Vec<CaaRecord>, CaaError> {
    let mut why = "there is none".to_owned();
    for server in servers.iter().cycle().take(servers.len() * TRIES) {
        match timeout(PATIENCE, ask(of, RecordType::CAA, *server)).await {
            Ok(Ok(answer)) => {
                let code = answer.metadata.response_code;
                if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                    return Ok(read(&answer));
                }
                why = format!("{} answered {code}", server.ip());
            }
            Ok(Err(AskError::Message(cause))) => return Err(CaaError::Message(cause)),
            Ok(Err(AskError::Talk(cause))) => why = format!("{}: {cause}", server.ip()),
            Err(_) => why = format!("{} did not answer in time", server.ip()),
        }
    }
    Err(CaaError::Unanswered { name: of.to_ascii(), why })
}

/// An alias has its own name before the records, which count for both.
fn read(answer: &Message) -> Vec<CaaRecord> {
    let records = answer.answers.iter().filter_map(|record| {
        let RData::CAA(caa) = &record.data else { return None };
        Some(CaaRecord {
            is_critical: caa.issuer_critical,
            tag: caa.tag.clone(),
            value: String::from_utf8_lossy(&caa.value).into_owned(),
        })
    });
    records.collect()
}

/// Why there is no answer.
pub(super) enum AskError {
    /// Our own question cannot be written.
    Message(ProtoError),
    /// The way there, or what came back.
    Talk(io::Error),
}

impl From<io::Error> for AskError {
    fn from(cause: io::Error) -> Self {
        Self::Talk(cause)
    }
}

/// Asks one server for records of a name. It waits for as long as nothing comes.
pub(super) async fn ask(of: &Name, records: RecordType, server: SocketAddr) -> Result<Message, AskError> {
    let mut question = Message::query();
    question.add_query(Query::query(of.clone(), records));
    question.metadata.recursion_desired = true;
    let bytes = question.to_vec().map_err(AskError::Message)?;
    let any =
        if server.is_ipv6() { IpAddr::from(Ipv6Addr::UNSPECIFIED) } else { Ipv4Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(&bytes).await?;
    let mut buffer = [0; LONGEST_DATAGRAM];
    let answer = loop {
        let size = socket.recv(&mut buffer).await?;
        if let Some(answer) = answer_to(&question, &buffer[..size]) {
            break answer;
        }
    };
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    let mut stream = TcpStream::connect(server).await?;
    let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    stream.write_all(&[&size.to_be_bytes()[..], &bytes].concat()).await?;
    let mut whole = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut whole).await?;
    answer_to(&question, &whole).ok_or_else(|| AskError::Talk(io::ErrorKind::InvalidData.into()))
}

fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let is_ours = answer.metadata.id == question.metadata.id && answer.queries == question.queries;
    is_ours.then_some(answer)
}

/// RFC 1035 §4.2.
pub(super) const DNS: u16 = 53;

/// As many as the system takes.
const MOST_SERVERS: usize = 3;

const TRIES: usize = 2;

const PATIENCE: Duration = Duration::from_secs(2);

/// For a name with all its parents.
const ALTOGETHER: Duration = Duration::from_secs(30);

/// RFC 1035 §4.2.1; a server that may send more was not told so.
const LONGEST_DATAGRAM: usize = 512;

#[cfg(test)]
mod tests {
    use super::parse_servers;

    #[test]
    fn the_servers_of_the_system_are_read() {
        let text = "# a comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 # why\n\
            nameserver fe80::1%eth0\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";

        let servers: Vec<_> = parse_servers(text).iter().map(ToString::to_string).collect();

        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
        assert!(parse_servers("options ndots:1").is_empty());
    }
}
