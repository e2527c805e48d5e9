//! Who may do what: one table of role × action.
//!
//! Invariant: every operation of the API is an action here; one that is missing fails the tests.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::api_token::Scopes;
use crate::domain::id::{ApiTokenId, SessionId, UserId};

/// What a user is to the service, from most to least power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, owners among it. The last one cannot be removed.
    Owner,
    /// Everything but owners and other admins.
    Admin,
    /// Members, their devices, and draining nodes. Sees networks and settings.
    Operator,
    /// Sees everything that operators see and may help a member's device along.
    Support,
    /// Sees everything, changes nothing.
    Auditor,
    /// Own devices, own usage, own account.
    Member,
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Admin, Self::Operator, Self::Support, Self::Auditor, Self::Member];

    /// The name on every layer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Support => "support",
            Self::Auditor => "auditor",
            Self::Member => "member",
        }
    }

    /// The role of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether this role may create, change or remove an account of role `other`.
    /// Each role manages only those below it; owners manage each other as well.
    pub fn manages(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => other > Self::Admin,
            Self::Operator => other == Self::Member,
            Self::Support | Self::Auditor | Self::Member => false,
        }
    }

    /// Whether this role sets and lifts expiry and limits of the devices it may change.
    pub const fn sets_limits(self) -> bool {
        match self {
            Self::Owner | Self::Admin | Self::Operator => true,
            Self::Support | Self::Auditor | Self::Member => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an action reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not at all.
    None,
    /// Only what belongs to the actor.
    Own,
    /// Everything.
    All,
}

macro_rules! access_table {
    ($($(#[$doc:meta])* $action:ident = $name:literal : $owner:ident $admin:ident $operator:ident $support:ident $auditor:ident $member:ident;)*) => {
        /// One thing that can be done. Its name is the operation's id in the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $action,)*
        }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$action),*];

            /// The operation's id in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)*
                }
            }

            /// How far each role reaches, in the order of `Role::ALL`.
            pub const fn reaches(self) -> [Reach; 6] {
                match self {
                    $(Self::$action => [
                        Reach::$owner, Reach::$admin, Reach::$operator, Reach::$support, Reach::$auditor, Reach::$member,
                    ],)*
                }
            }
        }
    };
}

access_table! {
    // action                                       owner admin operator support auditor member
    /// List users.
    UserList = "user_list":                         All All All All All Own;
    /// Read a user.
    UserGet = "user_get":                           All All All All All Own;
    /// Make a user.
    UserCreate = "user_create":                     All All All None None None;
    /// Change a user's name, role, limits or expiry.
    UserUpdate = "user_update":                     All All All None None None;
    /// Let a user's devices connect and the user sign in again.
    UserEnable = "user_enable":                     All All All None None None;
    /// Stop a user's devices and sign-in.
    UserDisable = "user_disable":                   All All All None None None;
    /// Set another user's password.
    UserSetPassword = "user_set_password":          All All All None None None;
    /// Delete a user with the devices.
    UserDelete = "user_delete":                     All All All None None None;
    /// Undo a delete.
    UserRestore = "user_restore":                   All All All None None None;

    /// List networks.
    NetworkList = "network_list":                   All All All All All All;
    /// Read a network.
    NetworkGet = "network_get":                     All All All All All All;
    /// Make a network.
    NetworkCreate = "network_create":               All All None None None None;
    /// Change a network.
    NetworkUpdate = "network_update":               All All None None None None;
    /// Delete a network.
    NetworkDelete = "network_delete":               All All None None None None;
    /// Undo a delete.
    NetworkRestore = "network_restore":             All All None None None None;

    /// List nodes.
    NodeList = "node_list":                         All All All All All None;
    /// Read a node.
    NodeGet = "node_get":                           All All All All All None;
    /// Make a node.
    NodeCreate = "node_create":                     All All None None None None;
    /// Change a node.
    NodeUpdate = "node_update":                     All All All None None None;
    /// Delete a node.
    NodeDelete = "node_delete":                     All All None None None None;
    /// List a node's interfaces.
    NodeNetworkList = "node_network_list":          All All All All All None;
    /// Put a node into a network.
    NodeNetworkCreate = "node_network_create":      All All None None None None;
    /// Change a node's port or endpoint in a network.
    NodeNetworkUpdate = "node_network_update":      All All None None None None;
    /// Take a node out of a network.
    NodeNetworkDelete = "node_network_delete":      All All None None None None;

    /// List devices.
    DeviceList = "device_list":                     All All All All All Own;
    /// Read a device.
    DeviceGet = "device_get":                       All All All All All Own;
    /// Make a device.
    DeviceCreate = "device_create":                 All All All None None Own;
    /// Change a device's name, note, expiry or limit.
    DeviceUpdate = "device_update":                 All All All All None Own;
    /// Let a device connect again.
    DeviceEnable = "device_enable":                 All All All All None None;
    /// Stop a device.
    DeviceDisable = "device_disable":               All All All All None Own;
    /// Delete a device.
    DeviceDelete = "device_delete":                 All All All None None Own;
    /// Undo a delete.
    DeviceRestore = "device_restore":               All All All None None Own;
    /// See a device's configuration, once where the server made the key.
    DeviceReveal = "device_reveal":                 All All All None None Own;
    /// Make a one-time link to a device's configuration.
    DeviceLinkCreate = "device_link_create":        All All All None None Own;
    /// See whether a device is online and what it moves.
    DeviceLive = "device_live":                     All All All All All Own;
    /// Read a device's daily usage.
    DeviceUsage = "device_usage":                   All All All All All Own;

    /// Read one's own account.
    MeGet = "me_get":                               Own Own Own Own Own Own;
    /// Change one's own password.
    MeSetPassword = "me_set_password":              Own Own Own Own Own Own;
    /// See what one's own devices have moved.
    MeUsage = "me_usage":                           Own Own Own Own Own Own;
    /// End one's own sessions but this one.
    MeSessionsEndOthers = "me_sessions_end_others": Own Own Own Own Own Own;
    /// Take away all that is known of one's own account.
    MeExport = "me_export":                         Own Own Own Own Own Own;
    /// Delete one's own account.
    MeDelete = "me_delete":                         Own Own Own Own Own Own;

    /// List sessions.
    SessionList = "session_list":                   All All Own Own All Own;
    /// Give one's own session to a browser, as a cookie.
    SessionCookie = "session_cookie":               Own Own Own Own Own Own;
    /// End a session.
    SessionDelete = "session_delete":               All All Own Own Own Own;
    /// List API tokens.
    ApiTokenList = "api_token_list":                All All Own Own All Own;
    /// Read what an API token may do; never the token itself.
    ApiTokenGet = "api_token_get":                  All All Own Own All Own;
    /// Make an API token for oneself.
    ApiTokenCreate = "api_token_create":            Own Own Own Own Own Own;
    /// Delete an API token.
    ApiTokenDelete = "api_token_delete":            All All Own Own Own Own;

    /// List the addresses and accounts whose sign-ins failed lately.
    RatelimitList = "ratelimit_list":               All All None None All None;
    /// Let an address or an account try to sign in again at once.
    RatelimitUnban = "ratelimit_unban":             All All None None None None;
    /// Read the audit.
    AuditList = "audit_list":                       All All None None All None;
    /// Read the settings.
    SettingsGet = "settings_get":                   All All All All All None;
    /// Change the settings.
    SettingsUpdate = "settings_update":             All All None None None None;
    /// Read the state of the service.
    SystemGet = "system_get":                       All All All All All None;
    /// Make a new setup link; only the host may.
    SetupLinkCreate = "setup_link_create":          None None None None None None;
}

/// What no API token may do, whatever its scopes: acts on that by which people and programs get in. Somebody with a
/// token could otherwise make a wider one of it, or one that outlives it.
pub const NEEDS_SESSION: &[Action] = &[
    Action::UserSetPassword,
    Action::MeSetPassword,
    Action::MeSessionsEndOthers,
    Action::MeExport,
    Action::MeDelete,
    Action::SessionList,
    Action::SessionCookie,
    Action::SessionDelete,
    Action::ApiTokenList,
    Action::ApiTokenGet,
    Action::ApiTokenCreate,
    Action::ApiTokenDelete,
    Action::SetupLinkCreate,
];

impl Action {
    /// The action of an operation's id.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }

    /// Whether an API token may do it, given the scope.
    pub fn is_for_tokens(self) -> bool {
        !NEEDS_SESSION.contains(&self)
    }
}

/// Operations that need no account: each proves itself by what it carries.
pub const PUBLIC: &[&str] =
    &["session_create", "session_refresh", "session_end", "setup_get", "setup_run", "link_redeem", "openapi"];

/// By what a user acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A session, which may do whatever the role allows.
    Session(SessionId),
    /// An API token, which may do what the role and its scopes allow both.
    Token(ApiTokenId, Scopes),
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
            Self::User { role, .. } => action.reaches()[*role as usize],
            Self::Host | Self::System => Reach::All,
            Self::Anonymous => Reach::None,
        }
    }

    /// The user, where there is one.
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Host | Self::System | Self::Anonymous => None,
        }
    }

    /// The session, where one acts.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::User { by: Means::Session(id), .. } => Some(*id),
            Self::User { by: Means::Token(..), .. } | Self::Host | Self::System | Self::Anonymous => None,
        }
    }

    /// The API token, where one acts.
    pub const fn api_token(&self) -> Option<ApiTokenId> {
        match self {
            Self::User { by: Means::Token(id, _), .. } => Some(*id),
            Self::User { by: Means::Session(_), .. } | Self::Host | Self::System | Self::Anonymous => None,
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
            Self::User { by: Means::Session(_), .. } => "user",
            Self::User { by: Means::Token(..), .. } => "api_token",
            Self::Host => "host",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Actor, Means, NEEDS_SESSION, Reach, Role};
    use crate::domain::id::{ApiTokenId, SessionId, UserId};
    use std::fmt::Write;
    use uuid::Uuid;

    #[test]
    fn the_table_of_roles_and_actions_is_the_golden_one() {
        let mut table = format!("{:22}", "action");
        for role in Role::ALL {
            write!(table, "{:>9}", role.as_str()).unwrap();
        }
        for action in Action::ALL {
            write!(table, "\n{:22}", action.as_str()).unwrap();
            for reach in action.reaches() {
                write!(table, "{:>9}", format!("{reach:?}").to_lowercase()).unwrap();
            }
        }

        insta::assert_snapshot!("access", table);
    }

    #[test]
    fn nobody_manages_an_account_of_more_power_than_their_own() {
        for role in Role::ALL {
            for other in Role::ALL {
                assert!(!role.manages(other) || role <= other, "{role} manages {other}");
            }
        }
    }

    fn signed_in(role: Role) -> Actor {
        let by = Means::Session(SessionId::new(Uuid::nil()));
        Actor::User { id: UserId::new(Uuid::nil()), role, by }
    }

    #[test]
    fn whatever_lets_somebody_in_needs_a_session() {
        for action in Action::ALL {
            let name = action.as_str();
            let lets_in = ["token", "session", "password", "setup"].iter().any(|word| name.contains(word));
            assert_eq!(NEEDS_SESSION.contains(action), lets_in, "{name}");
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
