//! Echo requests and their answers as bytes: ICMP (RFC 792), ICMPv6 (RFC 4443) and the UDP echo port (RFC 862).
//!
//! Invariant: no IO. A packet that is not understood is left alone.

use std::net::{IpAddr, SocketAddr};

/// The echo port of RFC 862.
pub(super) const ECHO_PORT: u16 = 7;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Turns an echo request into its answer, in place. `false`: it was none, and nothing has changed.
pub(super) fn answer(packet: &mut [u8]) -> bool {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => answer_v4(packet),
        Some(6) => answer_v6(packet),
        Some(_) | None => false,
    }
}

fn answer_v4(packet: &mut [u8]) -> bool {
    let (Some([first, ..]), Some(protocol)) = (packet.first_chunk::<1>(), packet.get(9).copied()) else {
        return false;
    };
    let header = usize::from(first & 0x0f) * 4;
    let whole = packet.get(6..8).is_some_and(|fragment| fragment[0] & 0x3f == 0 && fragment[1] == 0);
    let Some((ip, payload)) = packet.split_at_mut_checked(header.max(IPV4_HEADER)) else { return false };
    // Swapping words leaves every internet checksum as it is.
    whole && answer_payload(payload, protocol, 8, 0) && swap(ip, 12, 16, 4)
}

fn answer_v6(packet: &mut [u8]) -> bool {
    let Some(next) = packet.get(6).copied() else { return false };
    let Some((ip, payload)) = packet.split_at_mut_checked(IPV6_HEADER) else { return false };
    answer_payload(payload, next, 128, 129) && swap(ip, 8, 24, 16)
}

fn answer_payload(payload: &mut [u8], protocol: u8, request: u8, reply: u8) -> bool {
    match (protocol, payload) {
        (ICMP | ICMPV6, [kind, code, high, low, ..]) if *kind == request && *code == 0 => {
            *kind = reply;
            // RFC 1624: the new sum from the old one and the word that changed.
            let sum = u32::from(!u16::from_be_bytes([*high, *low]))
                + u32::from(!u16::from_be_bytes([request, 0]))
                + u32::from(u16::from_be_bytes([reply, 0]));
            [*high, *low] = (!fold(sum)).to_be_bytes();
            true
        }
        (UDP, payload) => {
            let to_echo = payload.get(2..4) == Some(&ECHO_PORT.to_be_bytes()) && payload.len() >= UDP_HEADER;
            to_echo && swap(payload, 0, 2, 2)
        }
        _ => false,
    }
}

/// Swaps two fields of a header.
fn swap(bytes: &mut [u8], first: usize, second: usize, length: usize) -> bool {
    let Some((start, end)) = bytes.split_at_mut_checked(second) else { return false };
    match (start.get_mut(first..first + length), end.get_mut(..length)) {
        (Some(a), Some(b)) => {
            a.swap_with_slice(b);
            true
        }
        (Some(_) | None, _) => false,
    }
}

/// An echo request with a sequence number. `None` where the families of the addresses differ.
pub(super) fn ping(from: IpAddr, to: IpAddr, sequence: u16, payload_bytes: usize) -> Option<Vec<u8>> {
    let (protocol, kind) = if to.is_ipv4() { (ICMP, 8) } else { (ICMPV6, 128) };
    let mut icmp = vec![0; 8 + payload_bytes];
    icmp.splice(..8, [kind, 0, 0, 0, 0, 0].into_iter().chain(sequence.to_be_bytes()));
    let sum = if to.is_ipv4() { 0 } else { pseudo_sum(from, to, protocol, icmp.len()) };
    let sum = !fold(sum + word_sum(&icmp));
    icmp.splice(2..4, sum.to_be_bytes());
    packet(from, to, protocol, &icmp)
}

/// The sequence number of an echo reply.
pub(super) fn pong(packet: &[u8]) -> Option<u16> {
    let (payload, reply) = match packet.first()? >> 4 {
        4 if packet.get(9) == Some(&ICMP) => (packet.get(usize::from(packet.first()? & 0x0f) * 4..)?, 0),
        6 if packet.get(6) == Some(&ICMPV6) => (packet.get(IPV6_HEADER..)?, 129),
        _ => return None,
    };
    let header = payload.first_chunk::<8>()?;
    (header.first() == Some(&reply)).then(|| u16::from_be_bytes([header[6], header[7]]))
}

/// A UDP datagram of zeros. `None` where the families of the addresses differ or it is too long.
pub(super) fn datagram(from: SocketAddr, to: SocketAddr, payload_bytes: usize) -> Option<Vec<u8>> {
    let length = UDP_HEADER + payload_bytes;
    let mut udp = Vec::with_capacity(length);
    for word in [from.port(), to.port(), u16::try_from(length).ok()?, 0] {
        udp.extend(word.to_be_bytes());
    }
    udp.resize(length, 0);
    let sum = !fold(pseudo_sum(from.ip(), to.ip(), UDP, length) + word_sum(&udp));
    udp.splice(6..8, (if sum == 0 { 0xffff } else { sum }).to_be_bytes());
    packet(from.ip(), to.ip(), UDP, &udp)
}

fn packet(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Option<Vec<u8>> {
    const HOPS: u8 = 64;
    let mut packet = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = u16::try_from(IPV4_HEADER + payload.len()).ok()?.to_be_bytes();
            let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, HOPS, protocol, 0, 0];
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = !fold(word_sum(&header));
            header.splice(10..12, sum.to_be_bytes());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = u16::try_from(payload.len()).ok()?.to_be_bytes();
            let mut header = vec![0x60, 0, 0, 0, length[0], length[1], protocol, HOPS];
            header.extend(from.octets());
            header.extend(to.octets());
            header
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    packet.extend_from_slice(payload);
    Some(packet)
}

fn pseudo_sum(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> u32 {
    let addresses = [from, to].map(|address| match address {
        IpAddr::V4(address) => word_sum(&address.octets()),
        IpAddr::V6(address) => word_sum(&address.octets()),
    });
    addresses.iter().sum::<u32>() + u32::from(protocol) + u32::try_from(length).unwrap_or(0)
}

fn word_sum(bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    bytes.chunks(2).map(word).sum()
}

fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    let twice = (once & 0xffff) + (once >> 16);
    // Two foldings of a u32 leave 16 bits.
    u16::try_from(twice).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::{ECHO_PORT, answer, datagram, fold, ping, pong, pseudo_sum, word_sum};

    #[test]
    fn a_ping_becomes_a_pong_with_a_right_checksum() {
        for (from, to, header) in [("10.0.0.2", "10.0.0.1", 20), ("fd00::2", "fd00::1", 40)] {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let mut packet = ping(from, to, 513, 33).unwrap();

            let answered = answer(&mut packet);

            assert!(answered);
            assert_eq!(pong(&packet), Some(513));
            let pseudo = if from.is_ipv4() { 0 } else { pseudo_sum(to, from, 58, 41) };
            assert_eq!(fold(pseudo + word_sum(&packet[header..])), 0xffff);
        }
    }

    #[test]
    fn a_datagram_to_the_echo_port_goes_back_whence_it_came() {
        let (from, to) = ("10.0.0.2:4000".parse().unwrap(), format!("10.0.0.1:{ECHO_PORT}").parse().unwrap());
        let mut packet = datagram(from, to, 100).unwrap();

        let answered = answer(&mut packet);

        assert!(answered);
        assert_eq!(packet, datagram(to, from, 100).unwrap());
    }

    #[test]
    fn what_is_no_echo_request_is_left_alone() {
        let mut reply = ping("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap(), 1, 0).unwrap();
        answer(&mut reply);
        let mut other = datagram("10.0.0.2:1".parse().unwrap(), "10.0.0.1:53".parse().unwrap(), 9).unwrap();

        for packet in [&mut reply, &mut other, &mut vec![], &mut vec![0x45], &mut vec![0x60; 12]] {
            let before = packet.clone();
            assert!(!answer(packet));
            assert_eq!(*packet, before);
        }
    }
}
