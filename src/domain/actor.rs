//! Who acts, and by what: what the access table is asked about.

use crate::domain::access::{Action, BEFORE_ENROLMENT, Reach, Role};
use crate::domain::api_token::Scopes;
use crate::domain::id::{ApiTokenId, SessionId, UserId};

/// By what a user acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A session, which may do whatever the role allows, as far as its user has proved to be there.
    Session(SessionId, Proof),
    /// An API token, which may do what the role and its scopes allow both.
    Token(ApiTokenId, Scopes),
}

/// How well a session's user has proved to be there, as of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Whether that was within the last minutes, with the second factor where there is one.
    pub is_fresh: bool,
    /// Whether the role's policy asks for a second factor that the user has not.
    pub lacks_mfa: bool,
    /// The epoch of the account: it moves on with each change of its password.
    pub epoch: i64,
}

impl Proof {
    /// Of somebody who has just signed in with all that is asked for.
    pub const WHOLE: Self = Self { is_fresh: true, lacks_mfa: false, epoch: 1 };
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A user, signed in or through a program.
    User {
        /// Whose account.
        id: UserId,
        /// The role as of this request.
        role: Role,
        /// By what.
        by: Means,
    },
    /// The machine's administrator, through the local socket or the data directory.
    Host,
    /// The service itself: a job, or an agent's report.
    System,
    /// Nobody that is known.
    Anonymous,
}

impl Actor {
    /// How far this actor may go with an action.
    pub fn reach(&self, action: Action) -> Reach {
        match self {
            Self::User { by: Means::Token(_, scopes), .. } if !scopes.allow(action) => Reach::None,
            Self::User { .. } if self.lacks_mfa() && !BEFORE_ENROLMENT.contains(&action) => Reach::None,
            Self::User { role, .. } => action.reaches()[*role as usize],
            Self::Host | Self::System => Reach::All,
            Self::Anonymous => Reach::None,
        }
    }

    /// Whether a second factor must be enrolled before anything else is done.
    pub const fn lacks_mfa(&self) -> bool {
        matches!(self, Self::User { by: Means::Session(_, Proof { lacks_mfa: true, .. }), .. })
    }

    /// Whether whoever acts has proved within minutes to be there, or has nothing to prove.
    pub const fn is_fresh(&self) -> bool {
        !matches!(self, Self::User { by: Means::Session(_, Proof { is_fresh: false, .. }), .. })
    }

    /// The session, where one acts.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::User { by: Means::Session(id, _), .. } => Some(*id),
            Self::User { by: Means::Token(..), .. } | Self::Host | Self::System | Self::Anonymous => None,
        }
    }

    /// The user, where there is one.
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Host | Self::System | Self::Anonymous => None,
        }
    }

    /// The API token, where one acts.
    pub const fn api_token(&self) -> Option<ApiTokenId> {
        match self {
            Self::User { by: Means::Token(id, _), .. } => Some(*id),
            Self::User { by: Means::Session(..), .. } | Self::Host | Self::System | Self::Anonymous => None,
        }
    }

    /// Whether this actor may create, change or remove an account of role `other`.
    pub fn manages(&self, other: Role) -> bool {
        match self {
            Self::User { role, .. } => role.manages(other),
            Self::Host | Self::System => true,
            Self::Anonymous => false,
        }
    }

    /// Whether this actor may act on a device of user `owner`, whose role is `role`: one's own, those of accounts
    /// below one's own, and for support a member's. The table says which acts there are at all.
    pub fn may_touch_device_of(&self, owner: UserId, role: Role) -> bool {
        match self {
            Self::User { id, role: own, .. } => {
                *id == owner || own.manages(role) || (*own == Role::Support && role == Role::Member)
            }
            Self::Host | Self::System => true,
            Self::Anonymous => false,
        }
    }

    /// Whether this actor sets and lifts expiry and limits of the devices it may change.
    pub const fn sets_limits(&self) -> bool {
        match self {
            Self::User { role, .. } => role.sets_limits(),
            Self::Host | Self::System => true,
            Self::Anonymous => false,
        }
    }

    /// The kind of actor in the audit.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User { by: Means::Session(..), .. } => "user",
            Self::User { by: Means::Token(..), .. } => "api_token",
            Self::Host => "host",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Actor, Means, Proof};
    use crate::domain::access::{Action, BEFORE_ENROLMENT, Reach, Role};
    use crate::domain::id::{ApiTokenId, SessionId, UserId};
    use uuid::Uuid;

    fn signed_in(role: Role) -> Actor {
        by_session(role, Proof::WHOLE)
    }

    fn by_session(role: Role, proof: Proof) -> Actor {
        let by = Means::Session(SessionId::new(Uuid::nil()), proof);
        Actor::User { id: UserId::new(Uuid::nil()), role, by }
    }

    #[test]
    fn a_session_without_the_second_factor_it_must_have_reaches_nothing_but_to_enrol_one() {
        for role in Role::ALL {
            let actor = by_session(role, Proof { lacks_mfa: true, ..Proof::WHOLE });
            for action in Action::ALL {
                let expected = if BEFORE_ENROLMENT.contains(action) { Reach::Own } else { Reach::None };
                assert_eq!(actor.reach(*action), expected, "{role} {}", action.as_str());
            }
        }
    }

    #[test]
    fn a_token_reaches_what_both_its_role_and_its_scopes_do() {
        let scopes = "device_list audit_list".parse().unwrap();
        let by = Means::Token(ApiTokenId::new(Uuid::nil()), scopes);
        let token = |role| Actor::User { id: UserId::new(Uuid::nil()), role, by };

        assert_eq!(token(Role::Owner).reach(Action::DeviceList), Reach::All);
        assert_eq!(token(Role::Owner).reach(Action::DeviceGet), Reach::None);
        assert_eq!(token(Role::Member).reach(Action::DeviceList), Reach::Own);
        assert_eq!(token(Role::Member).reach(Action::AuditList), Reach::None);
    }

    #[test]
    fn devices_are_touched_by_their_owner_and_by_whoever_ranks_above() {
        let other = UserId::new(Uuid::from_u128(1));

        let touched = |role: Role| Role::ALL.map(|of| signed_in(role).may_touch_device_of(other, of));

        // The columns are whose device it is: owner, admin, operator, support, auditor, member.
        assert_eq!(touched(Role::Owner), [true; 6]);
        assert_eq!(touched(Role::Admin), [false, false, true, true, true, true]);
        assert_eq!(touched(Role::Operator), [false, false, false, false, false, true]);
        assert_eq!(touched(Role::Support), [false, false, false, false, false, true]);
        assert_eq!(touched(Role::Auditor), [false; 6]);
        assert_eq!(touched(Role::Member), [false; 6]);
        for role in Role::ALL {
            assert!(signed_in(role).may_touch_device_of(UserId::new(Uuid::nil()), role), "{role}'s own");
            assert!(Actor::Host.may_touch_device_of(other, role), "{role}");
            assert!(Actor::System.may_touch_device_of(other, role), "{role}");
            assert!(!Actor::Anonymous.may_touch_device_of(other, role), "{role}");
        }
    }

    #[test]
    fn limits_are_set_by_those_who_manage_accounts() {
        for role in Role::ALL {
            assert_eq!(signed_in(role).sets_limits(), role.manages(Role::Member), "{role}");
        }
    }

    #[test]
    fn a_role_column_is_read_by_its_role() {
        let actor = signed_in(Role::Member);

        assert_eq!(actor.reach(Action::DeviceList), Reach::Own);
        assert_eq!(actor.reach(Action::AuditList), Reach::None);
        assert_eq!(Actor::Anonymous.reach(Action::MeGet), Reach::None);
    }
}
