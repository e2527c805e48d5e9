//! Compares what we send with what `ip` and `tc` send (iproute2 6.1.0), taken with
//! `strace -e trace=sendmsg -e write=all`, without `struct nlmsghdr`. The link of the commands had index 3.

use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::rt::link::LinkKind;
use crate::vpn::netlink::rt::{address, link, qdisc, route};

const LINK: u32 = 3;

/// The bytes, as hexadecimal digits in words of four bytes.
fn encoded(fill: impl FnOnce(&mut Buf)) -> String {
    let mut buf = Buf::default();
    fill(&mut buf);
    let words = buf.finish().unwrap().chunks(4);
    words
        .map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Sets `NLA_F_NESTED` on the attributes that begin at these words: `ip` leaves it out, the kernel takes both.
fn nested(captured: &str, words: &[usize]) -> String {
    let mark = |(place, word): (usize, &str)| {
        if words.contains(&place) { format!("{}80", &word[..6]) } else { word.to_owned() }
    };
    captured.split_whitespace().enumerate().map(mark).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_veth_pair_is_made_as_ip_makes_it() {
    // ip link add w9 type veth peer name w8
    let captured = "00000000 00000000 00000000 00000000 07000300 77390000 2c001200 08000100 76657468 20000200
                    1c000100 00000000 00000000 00000000 00000000 07000300 77380000";

    assert_eq!(
        encoded(|b| link::create_body(b, "w9", LinkKind::Veth { peer: "w8" })),
        nested(captured, &[6, 9, 10])
    );
}

#[test]
fn a_wireguard_link_is_made_as_ip_makes_it() {
    // ip link add wg0 type wireguard
    let captured = "00000000 00000000 00000000 00000000 08000300 77673000 14001200 0d000100 77697265 67756172
                    64000000";

    assert_eq!(encoded(|b| link::create_body(b, "wg0", LinkKind::WireGuard)), nested(captured, &[6]));
}

#[test]
fn addresses_are_written_as_ip_writes_them() {
    // ip address replace 10.8.0.1/24 dev v0
    let v4 = "02180000 03000000 08000200 0a080001 08000100 0a080001";
    // ip address replace fd00::1/64 dev v0 nodad
    let v6 = "0a400200 03000000 14000200 fd000000 00000000 00000000 00000001 14000100 fd000000 00000000 00000000 00000001";

    assert_eq!(encoded(|b| address::body(b, LINK, "10.8.0.1/24".parse().unwrap(), true)), v4);
    assert_eq!(encoded(|b| address::body(b, LINK, "fd00::1/64".parse().unwrap(), true)), v6);
    // ip address del 10.8.0.1/24 dev v0
    assert_eq!(encoded(|b| address::body(b, LINK, "10.8.0.1/24".parse().unwrap(), false)), v4);
}

#[test]
fn routes_are_written_as_ip_writes_them() {
    // ip route replace 10.9.0.0/16 dev v0 proto static
    let v4 = "02100000 fe04fd01 00000000 08000100 0a090000 08000400 03000000";
    // ip route replace fd09::/32 via fd00::2 dev v0 proto static
    let v6 = "0a200000 fe040001 00000000 14000100 fd090000 00000000 00000000 00000000 14000500 fd000000 00000000 \
              00000000 00000002 08000400 03000000";
    // ip route del 10.9.0.0/16 dev v0
    let deleted = "02100000 fe00ff00 00000000 08000100 0a090000 08000400 03000000";

    assert_eq!(encoded(|b| route::add_body(b, "10.9.0.0/16".parse().unwrap(), LINK, None)), v4);
    let gateway = Some("fd00::2".parse().unwrap());
    assert_eq!(encoded(|b| route::add_body(b, "fd09::/32".parse().unwrap(), LINK, gateway)), v6);
    assert_eq!(encoded(|b| route::delete_body(b, "10.9.0.0/16".parse().unwrap(), LINK)), deleted);
}

#[test]
fn a_fair_queue_is_set_as_tc_sets_it() {
    // tc qdisc replace dev v0 root fq_codel
    let captured =
        "00000000 03000000 00000000 ffffffff 00000000 0d000100 66715f63 6f64656c 00000000 04000200";

    assert_eq!(encoded(|b| qdisc::fair_queue_body(b, LINK)), nested(captured, &[9]));
}
