//! The steps of a rule: each loads, changes, compares or decides.
//!
//! A step that was read and is not exactly one of ours becomes [`Expr::Foreign`], which no table of ours holds.
//! Invariant: `decode(encode(x)) == x` for all others.

use crate::vpn::netlink::attrs::{find, find_be32, find_text};
use crate::vpn::netlink::buf::Buf;

/// One of the four 16-byte registers of a rule. A 16-byte value in the first and what follows in the second
/// make one key of a set with two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// `NFT_REG_1`.
    One,
    /// `NFT_REG_2`.
    Two,
}

/// What is known of a packet beside its bytes (`enum nft_meta_keys`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// Name of the link it came in by, 16 bytes.
    InName,
    /// Name of the link it leaves by, 16 bytes.
    OutName,
    /// IPv4 or IPv6, 1 byte.
    NetworkProtocol,
    /// TCP, UDP, …, 1 byte.
    TransportProtocol,
}

/// From where the bytes of a packet are counted (`enum nft_payload_bases`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The IP header.
    Network,
    /// The TCP or UDP header.
    Transport,
}

/// How values are compared (`enum nft_cmp_ops`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Go on when they are the same.
    Equal,
    /// Go on when they differ.
    Differs,
}

/// Where the packet goes from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Through this hook.
    Accept,
    /// Nowhere.
    Drop,
    /// Back to the rule behind the jump; from a base chain, to its policy.
    Return,
    /// Into a chain and, when that ends, back.
    Jump(String),
    /// Into a chain and not back.
    Goto(String),
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Loads what is known of the packet.
    Meta(Meta, Register),
    /// Loads bytes of the packet.
    Payload {
        /// From where they are counted.
        base: Base,
        /// The first one.
        offset: u32,
        /// How many.
        length: u32,
        /// Where they go.
        register: Register,
    },
    /// Loads the state of the packet's connection, as a bit mask in the machine's order.
    ConnectionState(Register),
    /// Keeps the bits of the mask, in place.
    Mask(Register, Vec<u8>),
    /// Goes on only when the comparison holds.
    Compare(Register, Compare, Vec<u8>),
    /// Goes on only when the set holds the value; inverted, only when it does not.
    Lookup {
        /// The set's name, of the same table.
        set: String,
        /// Where the key begins.
        register: Register,
        /// Whether the answer is turned round.
        inverted: bool,
    },
    /// Loads the largest TCP segment that the path in both directions carries.
    RouteSegmentSize(Register),
    /// Turns a 16-bit number into network order, in place.
    ToNetworkOrder(Register),
    /// Writes the TCP option "maximum segment size". The kernel only ever lowers it.
    SetSegmentSize(Register),
    /// Counts packets and bytes. What was counted is no part of the rule.
    Counter,
    /// Gives the packet the address of the link it leaves by.
    Masquerade,
    /// Decides.
    Verdict(Verdict),
    /// Something that is not ours, by its name.
    Foreign(String),
}

const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;

/// `NFT_RT_TCPMSS`.
const ROUTE_KEY_TCPMSS: u32 = 3;
/// `TCPOPT_MAXSEG`; its value is two bytes behind kind and length.
const TCP_OPTION_MAXSEG: u8 = 2;
/// `NFT_EXTHDR_OP_TCPOPT`.
const EXTHDR_OP_TCPOPT: u32 = 1;

impl Register {
    fn number(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    fn of(number: u32) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|register| register.number() == number)
    }
}

impl Meta {
    const ALL: [Self; 4] = [Self::InName, Self::OutName, Self::NetworkProtocol, Self::TransportProtocol];

    fn number(self) -> u32 {
        match self {
            Self::InName => 6,
            Self::OutName => 7,
            Self::NetworkProtocol => 15,
            Self::TransportProtocol => 16,
        }
    }
}

impl Base {
    fn number(self) -> u32 {
        match self {
            Self::Network => 1,
            Self::Transport => 2,
        }
    }
}

impl Compare {
    fn number(self) -> u32 {
        match self {
            Self::Equal => 0,
            Self::Differs => 1,
        }
    }
}

impl Verdict {
    /// `NF_DROP`, `NF_ACCEPT` and the negative `enum nft_verdicts`.
    fn number(&self) -> i32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Jump(_) => -3,
            Self::Goto(_) => -4,
            Self::Return => -5,
        }
    }

    fn of(number: i32, chain: Option<String>) -> Option<Self> {
        match (number, chain) {
            (0, None) => Some(Self::Drop),
            (1, None) => Some(Self::Accept),
            (-5, None) => Some(Self::Return),
            (-3, Some(chain)) => Some(Self::Jump(chain)),
            (-4, Some(chain)) => Some(Self::Goto(chain)),
            _ => None,
        }
    }

    fn chain(&self) -> Option<&str> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Return => None,
        }
    }
}

impl Expr {
    /// The kernel's name of the step.
    fn name(&self) -> &str {
        match self {
            Self::Meta(..) => "meta",
            Self::Payload { .. } => "payload",
            Self::ConnectionState(_) => "ct",
            Self::Mask(..) => "bitwise",
            Self::Compare(..) => "cmp",
            Self::Lookup { .. } => "lookup",
            Self::RouteSegmentSize(_) => "rt",
            Self::ToNetworkOrder(_) => "byteorder",
            Self::SetSegmentSize(_) => "exthdr",
            Self::Counter => "counter",
            Self::Masquerade => "masq",
            Self::Verdict(_) => "immediate",
            Self::Foreign(name) => name,
        }
    }

    /// Appends the name and the attributes of the step.
    pub(super) fn encode(&self, b: &mut Buf) {
        b.text(NFTA_EXPR_NAME, self.name()).nest(NFTA_EXPR_DATA, |d| self.encode_attributes(d));
    }

    fn encode_attributes(&self, d: &mut Buf) {
        match self {
            Self::Meta(key, register) => {
                d.be32(2, key.number()).be32(1, register.number());
            }
            Self::Payload { base, offset, length, register } => {
                d.be32(1, register.number()).be32(2, base.number()).be32(3, *offset).be32(4, *length);
            }
            Self::ConnectionState(register) => {
                d.be32(2, 0).be32(1, register.number());
            }
            Self::Mask(register, mask) => encode_mask(d, *register, mask),
            Self::Compare(register, operator, value) => {
                d.be32(1, register.number()).be32(2, operator.number());
                encode_value(d, 3, value);
            }
            Self::Lookup { set, register, inverted } => {
                d.be32(2, register.number()).text(1, set);
                if *inverted {
                    d.be32(5, 1);
                }
            }
            Self::RouteSegmentSize(register) => {
                d.be32(2, ROUTE_KEY_TCPMSS).be32(1, register.number());
            }
            Self::ToNetworkOrder(register) => {
                // Source, destination, NFT_BYTEORDER_HTON, length, size of one number.
                d.be32(1, register.number()).be32(2, register.number()).be32(3, 1).be32(4, 2).be32(5, 2);
            }
            Self::SetSegmentSize(register) => {
                // Flags are refused here, even if they are zero.
                d.be32(7, register.number()).attr(2, &[TCP_OPTION_MAXSEG]).be32(3, 2).be32(4, 2);
                d.be32(6, EXTHDR_OP_TCPOPT);
            }
            Self::Counter | Self::Masquerade | Self::Foreign(_) => {}
            Self::Verdict(verdict) => encode_verdict(d, verdict),
        }
    }

    /// Reads one step.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let name = find_text(bytes, NFTA_EXPR_NAME).unwrap_or_default();
        let attributes = find(bytes, NFTA_EXPR_DATA).unwrap_or_default();
        decode_attributes(&name, attributes).unwrap_or(Self::Foreign(name))
    }
}

fn encode_value(d: &mut Buf, kind: u16, value: &[u8]) {
    d.nest(kind, |data| {
        data.attr(NFTA_DATA_VALUE, value);
    });
}

/// Keeps the bits of `mask` and flips none.
fn encode_mask(d: &mut Buf, register: Register, mask: &[u8]) {
    let length = u32::try_from(mask.len()).unwrap_or(u32::MAX);
    d.be32(1, register.number()).be32(2, register.number()).be32(3, length);
    encode_value(d, 4, mask);
    encode_value(d, 5, &vec![0; mask.len()]);
}

/// A verdict is a value loaded into register 0.
fn encode_verdict(d: &mut Buf, verdict: &Verdict) {
    d.be32(1, 0).nest(2, |data| {
        data.nest(NFTA_DATA_VERDICT, |v| {
            v.be32(1, verdict.number().cast_unsigned());
            if let Some(chain) = verdict.chain() {
                v.text(2, chain);
            }
        });
    });
}

/// Attributes a kernel may leave out mean the same as zero.
fn is_zero(a: &[u8], kind: u16) -> bool {
    find(a, kind).is_none_or(|value| value.iter().all(|byte| *byte == 0))
}

fn is_number(a: &[u8], kind: u16, number: u32) -> bool {
    find_be32(a, kind) == Some(number)
}

fn register(a: &[u8], kind: u16) -> Option<Register> {
    Register::of(find_be32(a, kind)?)
}

fn value(a: &[u8], kind: u16) -> Option<Vec<u8>> {
    find(find(a, kind)?, NFTA_DATA_VALUE).map(<[u8]>::to_vec)
}

/// `None` when it is not exactly a step of ours.
fn decode_attributes(name: &str, a: &[u8]) -> Option<Expr> {
    match name {
        "meta" => {
            let key = find_be32(a, 2)?;
            let key = Meta::ALL.into_iter().find(|meta| meta.number() == key)?;
            Some(Expr::Meta(key, register(a, 1)?))
        }
        "payload" => decode_payload(a),
        "ct" => {
            (is_number(a, 2, 0) && find(a, 3).is_none()).then_some(Expr::ConnectionState(register(a, 1)?))
        }
        "bitwise" => {
            let plain =
                find_be32(a, 1)? == find_be32(a, 2)? && is_zero(a, 6) && value(a, 5)?.iter().all(|b| *b == 0);
            plain.then_some(Expr::Mask(register(a, 1)?, value(a, 4)?))
        }
        "cmp" => {
            let operator = find_be32(a, 2)?;
            let operator =
                [Compare::Equal, Compare::Differs].into_iter().find(|op| op.number() == operator)?;
            Some(Expr::Compare(register(a, 1)?, operator, value(a, 3)?))
        }
        "lookup" => {
            let inverted = match find_be32(a, 5).unwrap_or(0) {
                0 => false,
                1 => true,
                _ => return None,
            };
            let set = find_text(a, 1)?;
            find(a, 3).is_none().then_some(Expr::Lookup { set, register: register(a, 2)?, inverted })
        }
        "rt" => is_number(a, 2, ROUTE_KEY_TCPMSS).then_some(Expr::RouteSegmentSize(register(a, 1)?)),
        "byteorder" => {
            let plain = find_be32(a, 1)? == find_be32(a, 2)?
                && [(3, 1), (4, 2), (5, 2)].into_iter().all(|(kind, number)| is_number(a, kind, number));
            plain.then_some(Expr::ToNetworkOrder(register(a, 1)?))
        }
        "exthdr" => {
            let plain = find(a, 2)? == [TCP_OPTION_MAXSEG]
                && [(3, 2), (4, 2), (6, EXTHDR_OP_TCPOPT)]
                    .into_iter()
                    .all(|(kind, number)| is_number(a, kind, number))
                && is_zero(a, 5)
                && find(a, 1).is_none();
            plain.then_some(Expr::SetSegmentSize(register(a, 7)?))
        }
        "counter" => Some(Expr::Counter),
        "masq" => a.is_empty().then_some(Expr::Masquerade),
        "immediate" => decode_verdict(a),
        _ => None,
    }
}

fn decode_payload(a: &[u8]) -> Option<Expr> {
    let base = find_be32(a, 2)?;
    let base = [Base::Network, Base::Transport].into_iter().find(|known| known.number() == base)?;
    Some(Expr::Payload {
        base,
        offset: find_be32(a, 3)?,
        length: find_be32(a, 4)?,
        register: register(a, 1)?,
    })
}

fn decode_verdict(a: &[u8]) -> Option<Expr> {
    let verdict = find(find(a, 2)?, NFTA_DATA_VERDICT)?;
    let verdict = Verdict::of(find_be32(verdict, 1)?.cast_signed(), find_text(verdict, 2))?;
    is_number(a, 1, 0).then_some(Expr::Verdict(verdict))
}
