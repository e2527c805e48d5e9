//! Devices: WireGuard peers, their facts and the state that follows from them.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::id::{DeviceId, NetworkId, UserId};
use crate::domain::key::PublicKey;
use crate::domain::name::{DeviceName, Note};
use crate::domain::time::Timestamp;

/// A device is online while its last handshake is younger than this: WireGuard renews a session
/// every 120 s and gives it up after 180 s (REJECT_AFTER_TIME of the WireGuard paper, §6.1).
pub const ONLINE_FOR: Duration = Duration::from_secs(180);

/// A device's row, as facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Names the device.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// The network it is a peer in.
    pub network: NetworkId,
    /// What it is called.
    pub name: DeviceName,
    /// What nodes know it by.
    pub public_key: PublicKey,
    /// Whether a preshared key is kept, sealed.
    pub has_preshared_key: bool,
    /// Whether a private key is kept, sealed, until it is revealed.
    pub has_private_key: bool,
    /// Its address in the IPv4 pool.
    pub ipv4: Option<IpAddr>,
    /// Its address in the IPv6 pool.
    pub ipv6: Option<IpAddr>,
    /// Whether somebody stopped it.
    pub disabled: bool,
    /// The user who did; none where it was the machine's administrator, or where it is not known.
    pub disabled_by: Option<UserId>,
    /// When it stops.
    pub expires_at: Option<Timestamp>,
    /// Seconds it may be used from the first handshake on.
    pub duration_s: Option<u32>,
    /// Bytes it may move, both ways.
    pub data_limit_bytes: Option<u64>,
    /// When it was first used.
    pub first_handshake_at: Option<Timestamp>,
    /// The configuration revision of the network that its owner was last given.
    pub exported_config_revision: Option<i64>,
    /// An operator's remark.
    pub note: Note,
    /// Counts the changes: the row's ETag.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, until a purge.
    pub deleted_at: Option<Timestamp>,
}

/// A device about to be made. Its addresses are taken by the store.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Names the device.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// The network it becomes a peer in.
    pub network: NetworkId,
    /// What it is called.
    pub name: DeviceName,
    /// What nodes know it by.
    pub public_key: PublicKey,
    /// The preshared key, sealed.
    pub preshared_key: Option<Vec<u8>>,
    /// The private key, sealed, where the server made it.
    pub private_key: Option<Vec<u8>>,
    /// When it stops.
    pub expires_at: Option<Timestamp>,
    /// Seconds it may be used from the first handshake on.
    pub duration_s: Option<u32>,
    /// Bytes it may move, both ways.
    pub data_limit_bytes: Option<u64>,
    /// An operator's remark.
    pub note: Note,
}

/// Who stopped a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBy {
    /// Its owner, who may let it connect again.
    Owner,
    /// Somebody else, who may have a reason.
    Operator,
}

/// Whether a device may use the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// It may connect.
    Active,
    /// It may connect, and its time begins with that.
    OnHold,
    /// Its traffic is used up.
    Limited,
    /// Its time is over.
    Expired,
    /// It was stopped.
    Disabled,
}

impl DeviceState {
    /// Every state, for counts of each.
    pub const ALL: [Self; 5] = [Self::Active, Self::OnHold, Self::Limited, Self::Expired, Self::Disabled];

    /// The name on every layer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::OnHold => "on_hold",
            Self::Limited => "limited",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
        }
    }

    /// Whether nodes carry the device as a peer.
    pub const fn is_peer(self) -> bool {
        matches!(self, Self::Active | Self::OnHold)
    }
}

/// Why a device is not active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceReason {
    /// The device was deleted.
    DeviceDeleted,
    /// The user was deleted.
    UserDeleted,
    /// The device was disabled.
    DeviceDisabled,
    /// The user was disabled.
    UserDisabled,
    /// The device's time is over.
    DeviceExpired,
    /// The user's time is over.
    UserExpired,
    /// The device has used its data limit.
    DeviceDataLimit,
    /// The user's devices together have used the user's data limit.
    UserDataLimit,
    /// It has never connected; its time begins with the first handshake.
    AwaitingFirstUse,
}

/// What a device's state depends on beside its own row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// The user was deleted.
    pub user_deleted: bool,
    /// The user was disabled.
    pub user_disabled: bool,
    /// When the user's time is over.
    pub user_expires_at: Option<Timestamp>,
    /// Bytes the user's devices together may move.
    pub user_data_limit_bytes: Option<u64>,
    /// Bytes this device has moved.
    pub device_used_bytes: u64,
    /// Bytes all of the user's devices have moved.
    pub user_used_bytes: u64,
}

impl Device {
    /// Stops it. What the owner stopped is an operator's to start again once an operator has stopped it, too.
    pub fn disable(&mut self, by: Option<UserId>) {
        if self.disabled_by_whom() != Some(DisabledBy::Operator) {
            self.disabled_by = by;
        }
        self.disabled = true;
    }

    /// Lets it connect again.
    pub const fn enable(&mut self) {
        self.disabled = false;
        self.disabled_by = None;
    }

    /// Who stopped it; none while it is not stopped.
    pub fn disabled_by_whom(&self) -> Option<DisabledBy> {
        let by_owner = self.disabled_by == Some(self.user);
        self.disabled.then_some(if by_owner { DisabledBy::Owner } else { DisabledBy::Operator })
    }

    /// The state that follows from the facts, and why where it is not active.
    pub fn state(&self, around: &Surroundings, now: Timestamp) -> (DeviceState, Option<DeviceReason>) {
        let over = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used >= limit);
        let past = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let rules = [
            (self.deleted_at.is_some(), DeviceState::Disabled, DeviceReason::DeviceDeleted),
            (around.user_deleted, DeviceState::Disabled, DeviceReason::UserDeleted),
            (self.disabled, DeviceState::Disabled, DeviceReason::DeviceDisabled),
            (around.user_disabled, DeviceState::Disabled, DeviceReason::UserDisabled),
            (past(self.ends_at()), DeviceState::Expired, DeviceReason::DeviceExpired),
            (past(around.user_expires_at), DeviceState::Expired, DeviceReason::UserExpired),
            (
                over(self.data_limit_bytes, around.device_used_bytes),
                DeviceState::Limited,
                DeviceReason::DeviceDataLimit,
            ),
            (
                over(around.user_data_limit_bytes, around.user_used_bytes),
                DeviceState::Limited,
                DeviceReason::UserDataLimit,
            ),
            (
                self.duration_s.is_some() && self.first_handshake_at.is_none(),
                DeviceState::OnHold,
                DeviceReason::AwaitingFirstUse,
            ),
        ];
        rules
            .into_iter()
            .find(|(holds, ..)| *holds)
            .map_or((DeviceState::Active, None), |(_, state, reason)| (state, Some(reason)))
    }

    /// When the device's own time is over: the earlier of its date and its duration from first use.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let by_use = self
            .first_handshake_at
            .zip(self.duration_s)
            .map(|(first, seconds)| first + Duration::from_secs(seconds.into()));
        match (self.expires_at, by_use) {
            (Some(date), Some(by_use)) => Some(date.min(by_use)),
            (date, by_use) => date.or(by_use),
        }
    }

    /// When nodes must drop the peer by themselves, with nobody to tell them.
    pub fn peer_until(&self, around: &Surroundings) -> Option<Timestamp> {
        match (self.ends_at(), around.user_expires_at) {
            (Some(own), Some(user)) => Some(own.min(user)),
            (own, user) => own.or(user),
        }
    }

    /// Whether the owner still has a configuration that the network no longer gives.
    pub fn is_outdated(&self, network_config_revision: i64) -> bool {
        self.exported_config_revision.is_some_and(|given| given < network_config_revision)
    }

    /// Its tunnel addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.into_iter().chain(self.ipv6)
    }
}

/// Whether a device with this last handshake is online.
pub fn is_online(last_handshake: Option<Timestamp>, now: Timestamp) -> bool {
    last_handshake.is_some_and(|at| now.since(at) < ONLINE_FOR)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Device, DeviceReason, DeviceState, DisabledBy, Surroundings, is_online};
    use crate::domain::id::{DeviceId, NetworkId, UserId};
    use crate::domain::key::PublicKey;
    use crate::domain::time::Timestamp;
    use uuid::Uuid;

    pub(crate) fn device() -> Device {
        Device {
            id: DeviceId::new(Uuid::from_u128(1)),
            user: UserId::new(Uuid::from_u128(2)),
            network: NetworkId::new(Uuid::from_u128(3)),
            name: "laptop".parse().unwrap(),
            public_key: PublicKey::new([9; 32]),
            has_preshared_key: false,
            has_private_key: false,
            ipv4: Some("10.86.0.2".parse().unwrap()),
            ipv6: None,
            disabled: false,
            disabled_by: None,
            expires_at: None,
            duration_s: None,
            data_limit_bytes: None,
            first_handshake_at: None,
            exported_config_revision: None,
            note: "".parse().unwrap(),
            revision: 1,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
            deleted_at: None,
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn what_an_operator_stopped_stays_an_operators_whatever_its_owner_does() {
        let (mut device, operator) = (device(), Some(UserId::new(uuid::Uuid::from_u128(99))));
        let owner = Some(device.user);
        assert_eq!(device.disabled_by_whom(), None);

        device.disable(owner);
        assert_eq!(device.disabled_by_whom(), Some(DisabledBy::Owner));
        device.disable(operator);
        assert_eq!(device.disabled_by_whom(), Some(DisabledBy::Operator));
        device.disable(owner);
        assert_eq!(device.disabled_by_whom(), Some(DisabledBy::Operator));
        device.enable();
        device.disable(None);

        assert_eq!(device.disabled_by_whom(), Some(DisabledBy::Operator), "the machine's administrator did");
    }

    #[test]
    fn a_device_without_limits_is_active() {
        assert_eq!(device().state(&Surroundings::default(), NOW), (DeviceState::Active, None));
    }

    #[test]
    fn what_an_operator_did_is_said_before_what_time_did() {
        let mut device = device();
        device.disabled = true;
        device.expires_at = Some(Timestamp::from_millis(1));

        let found = device.state(&Surroundings::default(), NOW);

        assert_eq!(found, (DeviceState::Disabled, Some(DeviceReason::DeviceDisabled)));
    }

    #[test]
    fn a_duration_begins_with_the_first_handshake() {
        let mut device = device();
        device.duration_s = Some(60);
        let before = device.state(&Surroundings::default(), NOW);
        device.first_handshake_at = Some(Timestamp::from_millis(940_000));

        let after = device.state(&Surroundings::default(), NOW);

        assert_eq!(before, (DeviceState::OnHold, Some(DeviceReason::AwaitingFirstUse)));
        assert_eq!(after, (DeviceState::Expired, Some(DeviceReason::DeviceExpired)));
    }

    #[test]
    fn a_users_limit_counts_all_devices() {
        let around = Surroundings {
            user_data_limit_bytes: Some(100),
            user_used_bytes: 100,
            ..Surroundings::default()
        };

        let found = device().state(&around, NOW);

        assert_eq!(found, (DeviceState::Limited, Some(DeviceReason::UserDataLimit)));
    }

    #[test]
    fn online_ends_three_minutes_after_the_handshake() {
        let shook = Timestamp::from_millis(1_000_000);

        assert!(is_online(Some(shook), Timestamp::from_millis(1_179_999)));
        assert!(!is_online(Some(shook), Timestamp::from_millis(1_180_000)));
        assert!(!is_online(None, NOW));
    }
}
