//! The PROXY protocol, versions 1 and 2: a proxy's first words on a connection, which tell who is behind it.
//!
//! Source: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ppp::HeaderResult;
use ppp::v1::Addresses as V1;
use ppp::v2::{Addresses as V2, Command};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::edge::peer::Peer;

/// Reads the header and says who is behind it; `peer` itself where the proxy speaks for itself, as in a health check.
///
/// # Errors
/// What the stream says, or that its first bytes are no header: then nothing may be made of the rest.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), peer: Peer) -> io::Result<Peer> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        version_2(stream, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        version_1(stream, &mut header).await?;
    } else {
        return Err(no_header());
    }
    let source = match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => match header.addresses {
            V1::Tcp4(at) => Some((IpAddr::V4(at.source_address), at.source_port)),
            V1::Tcp6(at) => Some((IpAddr::V6(at.source_address), at.source_port)),
            V1::Unknown => None,
        },
        HeaderResult::V2(Ok(header)) => match (header.command, header.addresses) {
            (Command::Proxy, V2::IPv4(at)) => Some((IpAddr::V4(at.source_address), at.source_port)),
            (Command::Proxy, V2::IPv6(at)) => Some((IpAddr::V6(at.source_address), at.source_port)),
            (Command::Local, _) | (Command::Proxy, V2::Unspecified | V2::Unix(_)) => None,
        },
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => return Err(no_header()),
    };
    Ok(source.map_or(peer, |(ip, port)| Peer::Tcp(SocketAddr::new(ip.to_canonical(), port))))
}

async fn version_2(stream: &mut (impl AsyncRead + Unpin), header: &mut Vec<u8>) -> io::Result<()> {
    let mut rest = [0; 4];
    stream.read_exact(&mut rest).await?;
    header.extend(rest);
    let [_, _, high, low] = rest;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_V2 {
        return Err(no_header());
    }
    let known = header.len();
    header.resize(known + length, 0);
    stream.read_exact(&mut header[known..]).await.map(drop)
}

/// The line's end is found byte by byte: what comes after it is not ours to read.
async fn version_1(stream: &mut (impl AsyncRead + Unpin), header: &mut Vec<u8>) -> io::Result<()> {
    while !header.ends_with(b"\r\n") {
        if header.len() == LONGEST_V1 {
            return Err(no_header());
        }
        header.push(stream.read_u8().await?);
    }
    Ok(())
}

fn no_header() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the connection does not begin with a PROXY header")
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// With its line's end: §2.1 of the specification.
const LONGEST_V1: usize = 107;

/// Room for the addresses and what proxies add of TLS and names; §2.2 asks for 216 bytes at least.
const LONGEST_V2: usize = 4096;

#[cfg(test)]
mod tests {
    use super::read;
    use crate::edge::peer::Peer;
    use proptest::prelude::{any, proptest};

    const PROXY: &str = "10.0.0.1:4000";

    async fn told(mut bytes: &[u8]) -> Result<(String, Vec<u8>), ()> {
        let peer = read(&mut bytes, Peer::Tcp(PROXY.parse().unwrap())).await.map_err(drop)?;
        let Peer::Tcp(at) = peer else { return Err(()) };
        Ok((at.to_string(), bytes.to_vec()))
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [super::SIGNATURE, &[0x20 | command, family], &length, addresses, b"GET /"].concat()
    }

    #[tokio::test]
    async fn each_version_tells_the_client_and_leaves_the_rest() {
        let rest = b"GET /".to_vec();
        let line = b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\nGET /";
        assert_eq!(told(line).await.unwrap(), ("192.0.2.7:56324".to_owned(), rest.clone()));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\nGET /";
        assert_eq!(told(line).await.unwrap(), ("[2001:db8::1]:1".to_owned(), rest.clone()));
        let v4 = version_2(1, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 0x04, 1, 0xbb]);
        assert_eq!(told(&v4).await.unwrap(), ("192.0.2.7:56324".to_owned(), rest));
    }

    #[tokio::test]
    async fn a_proxy_that_speaks_for_itself_is_itself() {
        for bytes in [b"PROXY UNKNOWN\r\nGET /".to_vec(), version_2(0, 0, &[]), version_2(1, 0, &[])] {
            assert_eq!(told(&bytes).await.unwrap().0, PROXY);
        }
    }

    #[tokio::test]
    async fn a_connection_without_a_header_is_no_connection() {
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            b"PROXY TCP4 nonsense\r\n".to_vec(),
            [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(),
            version_2(1, 0x11, &[1, 2]),
        ] {
            assert!(told(&bytes).await.is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in any::<Vec<u8>>(), begin in 0..3_usize) {
            let begin: &[u8] = [b"".as_slice(), b"PROXY TCP4 ", super::SIGNATURE][begin];
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(told(&[begin, &bytes].concat()));
        }
    }
}
