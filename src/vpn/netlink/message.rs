//! Messages as the kernel sends them: header, body, refusals.
//!
//! Invariant: no datagram panics.

use std::io;

use zeroize::Zeroize;

use crate::vpn::netlink::attrs::{attributes, text, u16_at, u32_at};
use crate::vpn::netlink::buf::MESSAGE_HEADER_BYTES;
use crate::vpn::netlink::{NetlinkError, align};

/// Flags of `struct nlmsghdr`.
pub(crate) mod flag {
    /// Every request carries it.
    pub(crate) const REQUEST: u16 = 0x1;
    /// Answer even if all went well.
    pub(crate) const ACK: u16 = 0x4;
    /// The listing changed while it was read.
    pub(crate) const DUMP_INTR: u16 = 0x10;
    /// Replace what is there (new) or take the whole list (get: ROOT).
    pub(crate) const REPLACE: u16 = 0x100;
    /// Refuse when it is there.
    pub(crate) const EXCL: u16 = 0x200;
    /// List everything (ROOT and MATCH).
    pub(crate) const DUMP: u16 = 0x300;
    /// Make it when it is not there.
    pub(crate) const CREATE: u16 = 0x400;
    /// Put it behind the others.
    pub(crate) const APPEND: u16 = 0x800;
    /// In an error: only the header of the request follows.
    pub(crate) const CAPPED: u16 = 0x100;
    /// In an error: attributes follow.
    pub(crate) const ACK_TLVS: u16 = 0x200;
}

/// Message types below 16 belong to netlink itself: no-op 1, error 2, done 3, overrun 4.
pub(crate) const ERROR: u16 = 2;
pub(crate) const DONE: u16 = 3;

/// One message of the kernel. Wiped when dropped: a WireGuard listing holds private keys.
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// What follows `struct nlmsghdr`, the family's fixed header first.
    pub(crate) body: Vec<u8>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl Message {
    /// The attributes behind a fixed header of `header_bytes`.
    pub(crate) fn attributes(&self, header_bytes: usize) -> &[u8] {
        self.body.get(header_bytes..).unwrap_or_default()
    }

    /// What the kernel refused, when this message is a refusal.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        if self.kind != ERROR && self.kind != DONE {
            return None;
        }
        let errno = u32_at(&self.body, 0)?.cast_signed().checked_neg().filter(|errno| *errno > 0)?;
        let mut refusal = Refusal { errno, sequence: self.sequence, message: String::new() };
        if self.flags & flag::ACK_TLVS != 0 {
            for (kind, payload) in attributes(self.attributes(self.explanation_offset())) {
                if kind == NLMSGERR_ATTR_MSG {
                    refusal.message = text(payload);
                }
            }
        }
        Some(refusal)
    }

    /// Where the attributes of an error begin: behind the number and, for an error, (a piece of) the request.
    fn explanation_offset(&self) -> usize {
        let request = match (self.kind, self.flags & flag::CAPPED) {
            (DONE, _) => 0,
            (_, 0) => u32_at(&self.body, 4).map_or(usize::MAX, |length| align(length as usize)),
            (_, _) => MESSAGE_HEADER_BYTES,
        };
        request.saturating_add(4)
    }
}

/// The kernel's words in an error.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// A refusal of the kernel, before it is tied to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: i32,
    pub(crate) sequence: u32,
    pub(crate) message: String,
}

impl Refusal {
    /// Ties the refusal to what was asked for.
    pub(crate) fn during(self, operation: &str) -> NetlinkError {
        NetlinkError::Refused { operation: operation.to_owned(), errno: self.errno, message: self.message }
    }
}

/// Splits a datagram into its messages.
pub(crate) fn messages(datagram: &[u8]) -> io::Result<Vec<Message>> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while rest.len() >= MESSAGE_HEADER_BYTES {
        let message = message(rest).ok_or(io::ErrorKind::InvalidData)?;
        let taken = align(MESSAGE_HEADER_BYTES + message.body.len());
        rest = rest.get(taken..).unwrap_or_default();
        found.push(message);
    }
    Ok(found)
}

fn message(bytes: &[u8]) -> Option<Message> {
    let length = u32_at(bytes, 0)? as usize;
    let body = bytes.get(MESSAGE_HEADER_BYTES..length)?.to_vec();
    Some(Message { kind: u16_at(bytes, 4)?, flags: u16_at(bytes, 6)?, sequence: u32_at(bytes, 8)?, body })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{DONE, ERROR, Message, flag, messages};
    use crate::vpn::netlink::buf::Buf;

    fn parsed(buf: &Buf) -> Message {
        messages(buf.finish().unwrap()).unwrap().remove(0)
    }

    #[test]
    fn a_capped_error_gives_number_and_words() {
        let mut buf = Buf::default();
        buf.message(ERROR, flag::CAPPED | flag::ACK_TLVS, 9, |body| {
            body.raw(&(-17_i32).to_ne_bytes()).raw(&[0; 16]).text(1, "File exists already");
        });

        let refusal = parsed(&buf).refusal().unwrap();

        assert_eq!(
            (refusal.errno, refusal.sequence, refusal.message.as_str()),
            (17, 9, "File exists already")
        );
    }

    #[test]
    fn an_error_with_the_whole_request_gives_its_words() {
        let mut buf = Buf::default();
        buf.message(ERROR, flag::ACK_TLVS, 1, |body| {
            body.raw(&(-22_i32).to_ne_bytes()).raw(&30_u32.to_ne_bytes()).raw(&[0; 28]).text(1, "no");
        });

        assert_eq!(parsed(&buf).refusal().unwrap().message, "no");
    }

    #[test]
    fn an_acknowledgement_is_no_refusal() {
        let mut buf = Buf::default();
        buf.message(DONE, 0, 1, |body| {
            body.raw(&[0; 4]);
        });

        assert_eq!(parsed(&buf).refusal(), None);
    }

    proptest! {
        #[test]
        fn hostile_datagrams_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0_u8..64) {
            let mut bytes = bytes;
            for (place, value) in bytes.iter_mut().zip([length, 0, 0, 0, 2, 0, 0, 2]) {
                *place = value;
            }
            for message in messages(&bytes).into_iter().flatten() {
                let _ = message.refusal();
            }
        }
    }
}
