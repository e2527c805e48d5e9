//! What goes to a browser on its way to an identity provider and back, and how that can end.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::app::error::AppError;

/// An attempt that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps.
    pub cookie: Cookie,
}

/// The cookie of the way there and back. It lives for minutes.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// What it holds.
    pub value: Zeroizing<String>,
    /// Whether pages are served over TLS, so that the cookie must be too.
    pub is_secure: bool,
    /// How long it is good.
    pub good_for: Duration,
}

/// The cookies of a request that can be ours. Which one counts depends on how pages are served.
#[derive(Debug, Clone, Default)]
pub struct Cookies {
    /// The one that browsers keep for TLS and this host alone.
    pub secure: Option<String>,
    /// The one of plain HTTP on one's own machine.
    pub plain: Option<String>,
}

/// What the provider sent the browser back with.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// The state, as it was sent.
    pub state: Option<String>,
    /// The code, where somebody signed in there.
    pub code: Option<String>,
    /// Who the provider says it is.
    pub iss: Option<String>,
    /// Why nobody signed in there.
    pub error: Option<String>,
}

/// How coming back ended.
#[derive(Debug, Clone)]
pub enum Arrived {
    /// Somebody may trade the cookie for a session.
    SignedIn(Cookie),
    /// An account of one's own is linked from now on.
    Linked,
    /// Nothing came of it.
    Refused(Refusal),
    /// It is no attempt of this browser. One that is under way there is left as it is.
    Stray,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// Why nothing came of an attempt. The word stands in the address that the browser is sent to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// The word for programs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

refusals! {
    /// It came back before, or is too old, or was never begun in this browser.
    Attempt = "attempt_invalid";
    /// Too many tries from one address.
    TooMany = "too_many_attempts";
    /// The provider is not there, or not enabled.
    Provider = "provider_unknown";
    /// The provider said no, or the person did.
    Denied = "denied";
    /// The provider was not reached.
    Unreachable = "provider_unreachable";
    /// The provider's answer proves nothing.
    Proof = "proof_invalid";
    /// There is no account, and none may be made.
    NoAccount = "account_unknown";
    /// There is an account of this name: its owner has to sign in and link it.
    AccountExists = "account_exists";
    /// The account is disabled, expired or deleted, or the session that began a link has ended.
    Disabled = "account_disabled";
    /// The provider tells no name that could be a login here.
    NoLogin = "login_unusable";
    /// The provider vouches for no mail address of the person, and a link needs one.
    EmailUnverified = "email_unverified";
    /// The person is linked to another account, or the account to another person.
    Taken = "identity_taken";
}

impl Cookies {
    pub(super) fn of(&self, is_secure: bool) -> Option<&str> {
        if is_secure { self.secure.as_deref() } else { self.plain.as_deref() }
    }
}

/// Why coming back ends early: refused, or failed on our side.
pub(super) enum Stop {
    Refused(Refusal),
    Failed(AppError),
}

impl From<Refusal> for Stop {
    fn from(why: Refusal) -> Self {
        Self::Refused(why)
    }
}

impl From<AppError> for Stop {
    fn from(error: AppError) -> Self {
        Self::Failed(error)
    }
}
