//! Who may do what: one table of role × action.
//!
//! Invariant: every operation of the API is an action here; one that is missing fails the tests.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::domain::actor::{Actor, Means, Proof};

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
    /// Take a user's second factors away, for one who has lost them all.
    UserDisableMfa = "user_disable_mfa":            All All All None None None;
    /// Make a one-time link that sets a user's password.
    UserResetLinkCreate = "user_reset_link_create": All All All None None None;
    /// Delete a user with the devices.
    UserDelete = "user_delete":                     All All All None None None;
    /// Undo a delete.
    UserRestore = "user_restore":                   All All All None None None;

    /// Read what a user's devices have moved by day.
    UserUsage = "user_usage":                       All All All All All Own;

    /// List invites.
    InviteList = "invite_list":                     All All All None None None;
    /// Read an invite; never its token.
    InviteGet = "invite_get":                       All All All None None None;
    /// Invite somebody to make an account.
    InviteCreate = "invite_create":                 All All All None None None;
    /// Take an invite back.
    InviteDelete = "invite_delete":                 All All All None None None;

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
    DeviceEnable = "device_enable":                 All All All All None Own;
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
    /// See what keeps a device from connecting.
    DeviceDiagnosis = "device_diagnosis":           All All All All All Own;
    /// Read a device's daily usage.
    DeviceUsage = "device_usage":                   All All All All All Own;

    /// Read what all devices together have moved by day.
    UsageGet = "usage_get":                         All All All All All Own;

    /// Read one's own account.
    MeGet = "me_get":                               Own Own Own Own Own Own;
    /// Change one's own name, e-mail address and language.
    MeUpdate = "me_update":                         Own Own Own Own Own Own;
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
    /// Prove again that it is oneself, for what needs a fresh proof.
    MeStepUp = "me_step_up":                         Own Own Own Own Own Own;
    /// Ask for the question that a passkey answers in a fresh proof.
    MeStepUpPasskeyBegin = "me_step_up_passkey_begin": Own Own Own Own Own Own;
    /// Give a fresh proof by a passkey.
    MeStepUpPasskey = "me_step_up_passkey":          Own Own Own Own Own Own;
    /// See which second factors one has.
    MeMfaGet = "me_mfa_get":                         Own Own Own Own Own Own;
    /// Make the secret of an authenticator app.
    MeTotpCreate = "me_totp_create":                 Own Own Own Own Own Own;
    /// Enrol the authenticator app by a code of it.
    MeTotpConfirm = "me_totp_confirm":               Own Own Own Own Own Own;
    /// Give up the authenticator app.
    MeTotpDelete = "me_totp_delete":                 Own Own Own Own Own Own;
    /// Make new recovery codes.
    MeRecoveryCodesCreate = "me_recovery_codes_create": Own Own Own Own Own Own;
    /// List one's passkeys.
    MePasskeyList = "me_passkey_list":               Own Own Own Own Own Own;
    /// Ask for what a browser makes a passkey of.
    MePasskeyBegin = "me_passkey_begin":             Own Own Own Own Own Own;
    /// Add the passkey that a browser made.
    MePasskeyCreate = "me_passkey_create":           Own Own Own Own Own Own;
    /// Rename a passkey.
    MePasskeyUpdate = "me_passkey_update":           Own Own Own Own Own Own;
    /// Delete a passkey.
    MePasskeyDelete = "me_passkey_delete":           Own Own Own Own Own Own;

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

    /// List identity providers.
    IdentityProviderList = "identity_provider_list":     All All None None All None;
    /// Read an identity provider; never its secret.
    IdentityProviderGet = "identity_provider_get":       All All None None All None;
    /// Make an identity provider.
    IdentityProviderCreate = "identity_provider_create": All All None None None None;
    /// Change an identity provider.
    IdentityProviderUpdate = "identity_provider_update": All All None None None None;
    /// Delete an identity provider with every account's link to it.
    IdentityProviderDelete = "identity_provider_delete": All All None None None None;
    /// Try whether an identity provider answers.
    IdentityProviderTest = "identity_provider_test":     All All None None None None;
    /// List one's own links to identity providers.
    MeIdentityList = "me_identity_list":                 Own Own Own Own Own Own;
    /// Link one's own account to somebody at an identity provider.
    MeIdentityCreate = "me_identity_create":             Own Own Own Own Own Own;
    /// Remove one of one's own links.
    MeIdentityDelete = "me_identity_delete":             Own Own Own Own Own Own;
    /// List webhooks.
    WebhookList = "webhook_list":                   All All None None None None;
    /// Read a webhook; never its secret.
    WebhookGet = "webhook_get":                     All All None None None None;
    /// Make a webhook.
    WebhookCreate = "webhook_create":               All All None None None None;
    /// Change a webhook.
    WebhookUpdate = "webhook_update":               All All None None None None;
    /// Delete a webhook with its log.
    WebhookDelete = "webhook_delete":               All All None None None None;
    /// Send a test event.
    WebhookTest = "webhook_test":                   All All None None None None;
    /// Read the log of deliveries.
    WebhookDeliveryList = "webhook_delivery_list":  All All None None None None;
    /// Deliver an event once more.
    WebhookRedeliver = "webhook_redeliver":         All All None None None None;

    /// List jobs.
    JobList = "job_list":                           All All All None None None;
    /// Read a job; never what it works on.
    JobGet = "job_get":                             All All All None None None;
    /// Have a job that was given up tried again.
    JobRetry = "job_retry":                         All All None None None None;

    /// Read the audit.
    AuditList = "audit_list":                       All All None None All None;
    /// Take the audit out, whole.
    AuditExport = "audit_export":                   All All None None All None;
    /// Check that nothing in the audit was changed.
    AuditVerify = "audit_verify":                   All All None None All None;
    /// Read the settings.
    SettingsGet = "settings_get":                   All All All All All None;
    /// Change the settings.
    SettingsUpdate = "settings_update":             All All None None None None;
    /// Send a test letter.
    SettingsMailTest = "settings_mail_test":        All All None None None None;
    /// List certificates.
    CertificateList = "certificate_list":           All All All All All None;
    /// Read a certificate; never its key.
    CertificateGet = "certificate_get":             All All All All All None;
    /// Read what was done to get a certificate, step by step.
    CertificateLog = "certificate_log":             All All All All All None;
    /// Order a certificate now.
    CertificateRenew = "certificate_renew":         All All None None None None;
    /// Read the state of the service.
    SystemGet = "system_get":                       All All All All All None;
    /// See at a glance how everything does.
    OverviewGet = "overview_get":                   All All All All All None;
    /// Be told at once of what happens.
    EventListen = "event_listen":                   All All All All All Own;
    /// See which master keys there are and how much each has sealed; never a key.
    MasterKeyGet = "master_key_get":                All All None None All None;
    /// Make another master key; only the host may.
    MasterKeyRotate = "master_key_rotate":          None None None None None None;
    /// Make a new setup link; only the host may.
    SetupLinkCreate = "setup_link_create":          None None None None None None;
}

/// What no API token may do, whatever its scopes: acts on that by which people and programs get in. Somebody with a
/// token could otherwise make a wider one of it, or one that outlives it.
pub const NEEDS_SESSION: &[Action] = &[
    Action::UserSetPassword,
    Action::UserDisableMfa,
    Action::UserResetLinkCreate,
    Action::InviteCreate,
    Action::MeUpdate,
    Action::MeSetPassword,
    Action::MeSessionsEndOthers,
    Action::MeExport,
    Action::MeDelete,
    Action::MeStepUp,
    Action::MeStepUpPasskeyBegin,
    Action::MeStepUpPasskey,
    Action::MeMfaGet,
    Action::MeTotpCreate,
    Action::MeTotpConfirm,
    Action::MeTotpDelete,
    Action::MeRecoveryCodesCreate,
    Action::MePasskeyList,
    Action::MePasskeyBegin,
    Action::MePasskeyCreate,
    Action::MePasskeyUpdate,
    Action::MePasskeyDelete,
    Action::SessionList,
    Action::SessionCookie,
    Action::SessionDelete,
    Action::ApiTokenList,
    Action::ApiTokenGet,
    Action::ApiTokenCreate,
    Action::ApiTokenDelete,
    Action::IdentityProviderList,
    Action::IdentityProviderGet,
    Action::IdentityProviderCreate,
    Action::IdentityProviderUpdate,
    Action::IdentityProviderDelete,
    Action::IdentityProviderTest,
    Action::MeIdentityList,
    Action::MeIdentityCreate,
    Action::MeIdentityDelete,
    Action::MasterKeyRotate,
    Action::SetupLinkCreate,
];

/// What a session may do while its user lacks the second factor that the role's policy asks for: see the account,
/// hold the session in a browser, and enrol one. Signing out takes no account.
pub const BEFORE_ENROLMENT: &[Action] = &[
    Action::MeGet,
    Action::SessionCookie,
    Action::MeMfaGet,
    Action::MeStepUp,
    Action::MeTotpCreate,
    Action::MeTotpConfirm,
    Action::MePasskeyBegin,
    Action::MePasskeyCreate,
];

/// What a session may do only when its user has proved within minutes to be there: acts that let somebody in for good,
/// or that cannot be taken back in time. To make a user of another role than member, or to give another role, counts
/// among them too. A change of one's own password is not here, because it asks for the password itself. The machine's
/// administrator and API tokens have nothing to prove again: what tokens may do at all is said by their scopes.
pub const NEEDS_FRESH_PROOF: &[Action] = &[
    Action::UserSetPassword,
    Action::UserDisableMfa,
    Action::UserResetLinkCreate,
    Action::UserDelete,
    Action::InviteCreate,
    Action::NetworkDelete,
    Action::NodeDelete,
    Action::NodeNetworkDelete,
    Action::MeTotpCreate,
    Action::MeTotpConfirm,
    Action::MeTotpDelete,
    Action::MeRecoveryCodesCreate,
    Action::MePasskeyBegin,
    Action::MePasskeyCreate,
    Action::MePasskeyDelete,
    Action::MeExport,
    Action::MeDelete,
    Action::ApiTokenCreate,
    // It makes a session of a week out of a token of ten minutes.
    Action::SessionCookie,
    Action::IdentityProviderCreate,
    Action::IdentityProviderUpdate,
    Action::IdentityProviderDelete,
    Action::MeIdentityCreate,
    Action::MeIdentityDelete,
    Action::WebhookCreate,
    Action::WebhookUpdate,
    Action::SettingsUpdate,
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
pub const PUBLIC: &[&str] = &[
    "session_create",
    "session_second_factor",
    "session_passkey_begin",
    "session_passkey",
    "session_refresh",
    "session_end",
    "setup_get",
    "setup_run",
    "link_redeem",
    "sign_in_provider_list",
    "sign_in_begin",
    "sign_in_callback",
    "sign_in_finish",
    "openapi",
    "password_reset_create",
    "password_reset_redeem",
    "invite_redeem",
];

#[cfg(test)]
mod tests {
    use super::{Action, NEEDS_FRESH_PROOF, NEEDS_SESSION, Role};
    use std::fmt::Write;

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

    #[test]
    fn whatever_lets_somebody_in_for_good_needs_a_fresh_proof() {
        for action in NEEDS_SESSION {
            let name = action.as_str();
            let makes = [
                "create",
                "set_password",
                "mfa",
                "totp",
                "passkey",
                "identity",
                "me_export",
                "me_delete",
                "session_cookie",
            ]
            .iter()
            .any(|word| name.contains(word));
            let is_exempt = [
                "me_set_password",
                "setup_link_create",
                "me_mfa_get",
                "me_passkey_list",
                "me_passkey_update",
                "me_identity_list",
                "identity_provider_list",
                "identity_provider_get",
                "identity_provider_test",
            ]
            .contains(&name)
                || name.starts_with("me_step_up");
            assert_eq!(NEEDS_FRESH_PROOF.contains(action), makes && !is_exempt, "{name}");
        }
    }

    #[test]
    fn whatever_lets_somebody_in_needs_a_session() {
        for action in Action::ALL {
            let name = action.as_str();
            let lets_in = [
                "token",
                "session",
                "password",
                "setup",
                "mfa",
                "totp",
                "passkey",
                "recovery",
                "step_up",
                "identity",
                "reset_link",
                "invite_create",
                "me_update",
                "me_export",
                "me_delete",
                "rotate",
            ]
            .iter()
            .any(|word| name.contains(word));
            assert_eq!(NEEDS_SESSION.contains(action), lets_in, "{name}");
        }
    }
}
