//! What letters say in English.

use crate::notify::words::{Part, Words};

pub(in crate::notify) const WORDS: Words = Words {
    greeting: "Hello {name},",
    greeting_nobody: "Hello,",
    footer: "This letter was written by CasperVPN. Nobody reads answers to it.",
    unknown_address: "an unknown address",
    password_reset: Part {
        subject: "Set a new password",
        paragraphs: [
            "somebody asked for a new password for your VPN account. Set it here:",
            "The link works once, within {minutes} minutes. If it was not you, do nothing: your password stays as it is.",
        ],
    },
    invite: Part {
        subject: "You are invited to a VPN",
        paragraphs: [
            "you are invited to make an account for the VPN. Choose a login and a password here:",
            "The link works once, within {days} days. If you did not expect it, do nothing.",
        ],
    },
    sign_in_locked: Part {
        subject: "Sign-in to your account is locked",
        paragraphs: [
            "too many wrong passwords were given for your VPN account, so every further attempt has to wait up to a minute. The last one came from {address}.",
            "If it was you, wait and try again. If not, your password was not found out; choose a longer one if you have doubts.",
        ],
    },
    second_factor_locked: Part {
        subject: "Somebody knows your password",
        paragraphs: [
            "wrong second factors were given for your VPN account after a right password, again and again, so every further attempt has to wait up to an hour. The last one came from {address}.",
            "If it was not you, somebody knows your password: change it now, and tell whoever runs the VPN.",
        ],
    },
    factor_added: Part {
        subject: "A second factor was added",
        paragraphs: [
            "a second factor for signing in was added to your VPN account at {at}.",
            "If it was not you, tell whoever runs the VPN at once.",
        ],
    },
    factor_removed: Part {
        subject: "A second factor was removed",
        paragraphs: [
            "a second factor for signing in was removed from your VPN account at {at}.",
            "If it was not you, tell whoever runs the VPN at once.",
        ],
    },
    test: Part {
        subject: "Test letter",
        paragraphs: [
            "this is a test: mail works.",
            "Letters about passwords and invites will reach their readers this way.",
        ],
    },
};
