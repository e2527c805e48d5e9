//! Queueing disciplines: in what order packets wait before a link. Numbers are those of `linux/pkt_sched.h`.

use crate::vpn::netlink::NetlinkError;
use crate::vpn::netlink::buf::Buf;
use crate::vpn::netlink::message::flag;
use crate::vpn::netlink::rt::Rtnetlink;

const NEW_QDISC: u16 = 36;

const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TC_H_ROOT: u32 = 0xffff_ffff;

impl Rtnetlink {
    /// Lets packets wait before a link in fair and short queues (FQ-CoDel, RFC 8290), whatever waited there before.
    /// [`NetlinkError::is_missing`] when the kernel lacks it.
    pub fn set_fair_queue(&mut self, index: u32) -> Result<(), NetlinkError> {
        let operation = format!("set the queue of link {index}");
        let flags = flag::CREATE | flag::REPLACE;
        self.socket.request(&operation, NEW_QDISC, flags, |b| fair_queue_body(b, index))?;
        Ok(())
    }
}

/// `struct tcmsg` with family, padding, link, handle, parent and info; then the discipline with its own defaults.
pub(super) fn fair_queue_body(b: &mut Buf, index: u32) {
    for number in [0, index, 0, TC_H_ROOT, 0] {
        b.raw(&number.to_ne_bytes());
    }
    b.text(TCA_KIND, "fq_codel");
    b.nest(TCA_OPTIONS, |_defaults| {});
}
