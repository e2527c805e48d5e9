//! Who people are elsewhere: what their devices and other directories say of them.

pub mod ldap;
pub mod oidc;
pub mod passkey;
