//! A secret by its place: settings name where a secret is, never the secret itself.
//!
//! Invariant: no text that is not a well-formed reference is kept or printed; it may be the secret, pasted by mistake.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a secret is: `env:NAME`, `file:/path`, `credential:name`, `vault:PATH#FIELD` or `aws-sm:NAME#FIELD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// An environment variable.
    Env(VariableName),
    /// A file, by absolute path.
    File(AbsolutePath),
    /// A systemd credential, a file in `$CREDENTIALS_DIRECTORY`.
    Credential(CredentialName),
    /// A field of a secret in HashiCorp Vault (KV version 2): mount and path, then the field.
    Vault(StorePath, FieldName),
    /// A secret in AWS Secrets Manager: all of it, or a field of the JSON object that it is.
    AwsSm(StorePath, Option<FieldName>),
}

impl SecretReference {
    /// Whether a server has to be asked for it.
    pub const fn is_remote(&self) -> bool {
        match self {
            Self::Vault(..) | Self::AwsSm(..) => true,
            Self::Env(_) | Self::File(_) | Self::Credential(_) => false,
        }
    }

    /// Reads a reference.
    ///
    /// # Errors
    /// [`ReferenceError`], which never repeats the text.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (scheme, rest) = text.split_once(':').ok_or(ReferenceError::NotAReference)?;
        match scheme {
            "env" => VariableName::parse(rest).map(Self::Env),
            "file" => AbsolutePath::parse(rest).map(Self::File),
            "credential" => CredentialName::parse(rest).map(Self::Credential),
            "vault" => {
                let (path, field) = rest.split_once('#').ok_or(ReferenceError::Vault)?;
                let path = StorePath::parse(path)
                    .filter(|path| path.0.contains('/'))
                    .ok_or(ReferenceError::Vault)?;
                Ok(Self::Vault(path, FieldName::parse(field).ok_or(ReferenceError::Vault)?))
            }
            "aws-sm" => {
                let (name, field) =
                    rest.split_once('#').map_or((rest, None), |(name, field)| (name, Some(field)));
                let name = StorePath::parse(name).ok_or(ReferenceError::AwsSm)?;
                let field =
                    field.map(|field| FieldName::parse(field).ok_or(ReferenceError::AwsSm)).transpose()?;
                Ok(Self::AwsSm(name, field))
            }
            _ => Err(ReferenceError::NotAReference),
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{}", name.0),
            Self::File(path) => write!(f, "file:{}", path.0.display()),
            Self::Credential(name) => write!(f, "credential:{}", name.0),
            Self::Vault(path, field) => write!(f, "vault:{}#{}", path.0, field.0),
            Self::AwsSm(name, Some(field)) => write!(f, "aws-sm:{}#{}", name.0, field.0),
            Self::AwsSm(name, None) => write!(f, "aws-sm:{}", name.0),
        }
    }
}

impl std::str::FromStr for SecretReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Name of an environment variable: letters, digits and `_`, not a digit first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(String);

impl VariableName {
    fn parse(text: &str) -> Result<Self, ReferenceError> {
        let ok = |(at, byte): (usize, u8)| {
            byte == b'_' || byte.is_ascii_alphabetic() || at > 0 && byte.is_ascii_digit()
        };
        match text.len() {
            1..=255 if text.bytes().enumerate().all(ok) => Ok(Self(text.to_owned())),
            _ => Err(ReferenceError::VariableName),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An absolute path, since a service's working directory is nobody's promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsolutePath(PathBuf);

impl AbsolutePath {
    fn parse(text: &str) -> Result<Self, ReferenceError> {
        if !text.starts_with('/') || text.len() > LONGEST_PATH_BYTES || text.chars().any(char::is_control) {
            return Err(ReferenceError::Path);
        }
        Ok(Self(PathBuf::from(text)))
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// Name of a systemd credential: a file name of letters, digits, `.`, `_`, `-` and `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialName(String);

impl CredentialName {
    fn parse(text: &str) -> Result<Self, ReferenceError> {
        let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
        match text.len() {
            1..=255 if text.bytes().all(ok) && text != "." && text != ".." => Ok(Self(text.to_owned())),
            _ => Err(ReferenceError::CredentialName),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a secret is in a store of secrets. Its characters mean nothing in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePath(String);

impl StorePath {
    fn parse(text: &str) -> Option<Self> {
        let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@:-".contains(&byte);
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        let good = text.len() <= 512 && text.bytes().all(ok) && text.split('/').all(is_plain);
        good.then(|| Self(text.to_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A field of a secret that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName(String);

impl FieldName {
    fn parse(text: &str) -> Option<Self> {
        let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        ((1..=255).contains(&text.len()) && text.bytes().all(ok)).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that is no secret reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No known form. Likely the secret itself.
    #[error(
        "write where the secret is, not the secret: env:NAME, file:/path, credential:name, vault:PATH#FIELD or \
         aws-sm:NAME#FIELD (the value is not shown, as it may be the secret)"
    )]
    NotAReference,
    /// After `env:`.
    #[error("after env: comes the name of a variable, of letters, digits and _")]
    VariableName,
    /// After `file:`.
    #[error("after file: comes an absolute path")]
    Path,
    /// After `credential:`.
    #[error("after credential: comes the name of a systemd credential, of letters, digits and ._-@")]
    CredentialName,
    /// After `vault:`.
    #[error(
        "after vault: come mount and path of a KV version 2 secret and a field, as in vault:secret/caspervpn#password"
    )]
    Vault,
    /// After `aws-sm:`.
    #[error(
        "after aws-sm: comes the name of a secret, and a field where it is a JSON object, as in aws-sm:prod/caspervpn#password"
    )]
    AwsSm,
}

/// Linux's own limit on a path.
const LONGEST_PATH_BYTES: usize = 4095;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_prints_as_it_was_written() {
        for text in [
            "env:CASPERVPN_SMTP_PASSWORD",
            "file:/run/secrets/db",
            "credential:master.key",
            "vault:secret/caspervpn/db#password",
            "aws-sm:prod/caspervpn#password",
            "aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf",
        ] {
            assert_eq!(SecretReference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_references_are_refused() {
        use ReferenceError as E;
        for (text, expected) in [
            ("", E::NotAReference),
            ("hunter2", E::NotAReference),
            ("vault:secret/x", E::Vault),
            ("vault:secret#x", E::Vault),
            ("vault:secret/../sys#x", E::Vault),
            ("vault:secret//x#x", E::Vault),
            ("vault:secret/x?y#x", E::Vault),
            ("vault:secret/x#", E::Vault),
            ("aws-sm:", E::AwsSm),
            ("aws-sm:a b", E::AwsSm),
            ("aws-sm:a#b#c", E::AwsSm),
            ("env:", E::VariableName),
            ("env:1A", E::VariableName),
            ("env:A-B", E::VariableName),
            ("file:relative", E::Path),
            ("file:", E::Path),
            ("file:/a\nb", E::Path),
            ("credential:../shadow", E::CredentialName),
            ("credential:..", E::CredentialName),
            ("credential:", E::CredentialName),
        ] {
            assert_eq!(SecretReference::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn pasted_secret_is_not_repeated() {
        let err = SecretReference::parse("postgres:hunter2@db").unwrap_err();

        assert!(!format!("{err} {err:?}").contains("hunter2"));
    }
}
