//! The checks of the device and of what it does.

use crate::domain::device::{DeviceReason, DeviceState, is_online};
use crate::domain::diagnosis::{Check, CheckCode, Known, found};
use crate::domain::handshake::{Handshakes, LATELY, is_lately};
use crate::domain::node::Port;
use crate::domain::outgoing::not_public;
use crate::domain::time::Timestamp;
use crate::domain::usage::Traffic;

/// What is heard at the port of the network's node.
type Heard = Option<(Port, Option<Handshakes>)>;

pub(super) fn state(known: &Known) -> Check {
    found(match known.state {
        (DeviceState::Active, _) => CheckCode::DeviceActive,
        (DeviceState::OnHold, _) => CheckCode::DeviceOnHold,
        (DeviceState::Limited, Some(DeviceReason::UserDataLimit)) => CheckCode::AccountDataUsed,
        (DeviceState::Limited, _) => CheckCode::DeviceDataUsed,
        (DeviceState::Expired, Some(DeviceReason::UserExpired)) => CheckCode::AccountExpired,
        (DeviceState::Expired, _) => CheckCode::DeviceExpired,
        (DeviceState::Disabled, Some(DeviceReason::UserDisabled)) => CheckCode::AccountDisabled,
        (DeviceState::Disabled, Some(DeviceReason::UserDeleted)) => CheckCode::AccountDeleted,
        (DeviceState::Disabled, _) => CheckCode::DeviceDisabled,
    })
}

pub(super) fn configuration(known: &Known) -> Check {
    found(if known.device.exported_config_revision.is_none() {
        CheckCode::ConfigurationNotGiven
    } else if known.device.is_outdated(known.network.config_revision) {
        CheckCode::ConfigurationOutdated
    } else {
        CheckCode::ConfigurationCurrent
    })
}

pub(super) fn address(known: &Known) -> Check {
    found(CheckCode::AddressBound).with_all("addresses", known.device.addresses())
}

pub(super) fn handshake(known: &Known, heard: Heard, now: Timestamp) -> Check {
    if let Some(at) = known.last_handshake_at.filter(|at| is_online(Some(*at), now)) {
        return found(CheckCode::HandshakeRecent).with("last_handshake_at", at);
    }
    let Some((port, Some(heard))) = heard else {
        return match known.last_handshake_at {
            Some(at) => found(CheckCode::HandshakeOld).with("last_handshake_at", at),
            None => found(CheckCode::HandshakeNever),
        };
    };
    let check =
        strange(&heard, now).or_else(|| begun(&heard, now)).unwrap_or_else(|| match heard.answered_at {
            Some(at) if is_lately(Some(at), now) => {
                found(CheckCode::HandshakeOthersOnly).with("answered_at", at)
            }
            _ => {
                found(CheckCode::HandshakeNothingComes).with("since_at", heard.since.max(now.before(LATELY)))
            }
        });
    let check = check.with("port", port);
    // One that was there before may only be switched off.
    if known.last_handshake_at.is_some() { check.doubtful() } else { check }
}

/// Handshakes that came lately and to nothing: the last sort of them.
fn strange(heard: &Handshakes, now: Timestamp) -> Option<Check> {
    let lately = |at: Option<Timestamp>| at.filter(|_| is_lately(at, now));
    let (unanswered, misdirected) = (lately(heard.unanswered_at), lately(heard.misdirected_at));
    if unanswered >= misdirected {
        Some(found(CheckCode::HandshakeUnanswered).with("unanswered_at", unanswered?))
    } else {
        Some(found(CheckCode::HandshakeForAnotherServer).with("misdirected_at", misdirected?))
    }
}

/// A handshake that has come and of which nothing else is known yet.
fn begun(heard: &Handshakes, now: Timestamp) -> Option<Check> {
    let at = heard.begun_at.filter(|at| is_lately(Some(*at), now) && Some(*at) > heard.answered_at)?;
    Some(found(CheckCode::HandshakeBegun).with("begun_at", at))
}

pub(super) fn traffic(known: &Known, online: bool) -> Check {
    let Traffic { rx_bytes, tx_bytes } = known.traffic;
    let code = if online && rx_bytes < HANDSHAKES_ALONE {
        CheckCode::TrafficHandshakesOnly
    } else if online && tx_bytes < HANDSHAKES_ALONE {
        CheckCode::TrafficNothingBack
    } else {
        CheckCode::TrafficFlows
    };
    found(code).with("rx_bytes", rx_bytes).with("tx_bytes", tx_bytes)
}

/// A handshake alone is 148 bytes there and 92 back (WireGuard paper, §5.4).
const HANDSHAKES_ALONE: u64 = 2048;

/// A port that a NAT gave cannot be told from one of the device's own, so what is known is the address alone.
pub(super) fn nat(known: &Known, now: Timestamp) -> Check {
    let is_local = known.whereabouts.is_some_and(|it| not_public(it.address.ip()).is_some_and(is_near));
    let moved_at = known.whereabouts.and_then(|it| it.moved_at).filter(|at| is_lately(Some(*at), now));
    let check = match (known.network.client.keepalive_s, moved_at) {
        _ if is_local => found(CheckCode::NatNone),
        (0, _) => found(CheckCode::NatClosesInSilence),
        (_, Some(at)) => found(CheckCode::NatMoved).with("moved_at", at),
        (keepalive_s, None) => found(CheckCode::NatKeptOpen).with("keepalive_s", keepalive_s),
    };
    match known.whereabouts.filter(|_| known.shows_address) {
        Some(it) => check.with("address", it.address),
        None => check,
    }
}

/// Of a network that the server is in itself. Addresses that a provider's customers share are behind its NAT.
fn is_near(kind: &str) -> bool {
    matches!(kind, "private" | "link-local" | "this machine")
}

pub(super) fn clock(known: &Known, heard: Heard, now: Timestamp) -> Check {
    let Some(last) = known.last_handshake_at else { return found(CheckCode::ClockNotYet) };
    if is_online(Some(last), now) {
        return found(CheckCode::ClockFine);
    }
    // WireGuard takes no handshake whose TAI64N time is not after the last one's (paper, §5.1).
    let unanswered = heard.and_then(|(_, heard)| heard?.unanswered_at);
    match unanswered.filter(|at| is_lately(Some(*at), now)) {
        Some(at) => found(CheckCode::ClockDoubtful).with("unanswered_at", at).with("last_handshake_at", last),
        None => found(CheckCode::ClockUnknown),
    }
}
