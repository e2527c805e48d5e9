//! The authority of certificates in the settings: what changes with it, its secrets, and the account there.
//!
//! Invariant: a secret is sent nowhere but where it was meant for when it was given.

use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::open::setting_place;
use crate::domain::acme::{Acme, AcmeFault};
use crate::domain::certificate::CertificateName;
use crate::domain::settings::Settings;
use crate::secrets::seal::{Place, Sealed};
use crate::store::backend::{Conn, Tx};
use crate::store::{acme, certificates, settings};
use crate::tls::acme::{Credentials, Directory, ExternalAccount};
use crate::tls::trust;

/// What the authority, and the name server, are shown, as it is given: none where it stays as it was.
#[derive(Clone, Default)]
pub struct AcmeSecrets {
    /// The secret of the key by which the authority knows us, in base64url.
    pub eab_hmac_key: Option<Zeroizing<String>>,
    /// The secret of the key that the name server knows, in base64.
    pub dns_secret: Option<Zeroizing<String>>,
}

impl fmt::Debug for AcmeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcmeSecrets(***)")
    }
}

/// The keys of the sealed secrets.
const EAB_KEY: &str = "sealed.acme_eab_hmac_key";
const DNS_SECRET: &str = "sealed.acme_dns_secret";

/// RFC 8555 §7.3.4 has it without padding; some authorities show it with.
const EAB_FORM: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the settings of certificates must be like, whatever they were before.
fn check(settings: &Settings, has_hook: bool) -> Result<()> {
    let Some(acme) = &settings.acme else { return Ok(()) };
    acme.check(settings.tls_names.as_slice(), has_hook).map_err(|fault| match fault {
        AcmeFault::Terms => AppError::invalid("/acme/terms_agreed", fault),
        AcmeFault::NoDns => AppError::invalid("/acme/dns", fault),
        AcmeFault::Name { at, .. } => AppError::invalid(&format!("/tls_names/{at}"), fault),
    })?;
    let roots = acme.ca_certificate.as_ref().map(|pem| pem.as_str().as_bytes());
    trust::client(roots).map(drop).map_err(|fault| AppError::invalid("/acme/ca_certificate", fault))
}

impl App {
    /// Sees to what changes with the names and the authority. A secret is looked at only where the authority is given.
    pub(in crate::app) async fn follow_acme(
        &self,
        tx: &mut Tx,
        before: &Settings,
        after: &Settings,
        secrets: &AcmeSecrets,
        is_given: bool,
    ) -> Result<()> {
        check(after, self.core.facts.dns_hook.is_some())?;
        let now = self.now();
        if is_given {
            self.keep_eab_key(tx, before.acme.as_ref(), after.acme.as_ref(), secrets).await?;
            self.keep_dns_secret(tx, before.acme.as_ref(), after.acme.as_ref(), secrets).await?;
        }
        let wanted = after.tls_names.as_slice();
        let known = certificates::list(tx).await?;
        let is_known = |name: &CertificateName| known.iter().any(|certificate| certificate.name == *name);
        // Without an authority nothing is ordered; what there is already stays for its names.
        let names: Vec<_> =
            wanted.iter().filter(|name| after.acme.is_some() || is_known(name)).cloned().collect();
        certificates::follow(tx, &names, now).await?;
        let has_new_secret = secrets.eab_hmac_key.is_some() || secrets.dns_secret.is_some();
        if before.acme != after.acme || is_given && has_new_secret {
            certificates::begin_anew(tx, now).await?;
        }
        Ok(())
    }

    async fn keep_eab_key(
        &self,
        tx: &mut Tx,
        before: Option<&Acme>,
        after: Option<&Acme>,
        secrets: &AcmeSecrets,
    ) -> Result<()> {
        const PLACE: &str = "/acme/eab/hmac_key";
        let key_id = after.and_then(|acme| acme.eab_key_id.as_ref());
        let account_of = after.map(|acme| acme.directory.as_str());
        match (key_id, &secrets.eab_hmac_key) {
            (None, Some(_)) => return Err(AppError::invalid(PLACE, "the key needs a key_id")),
            (None, None) => settings::forget(tx, EAB_KEY).await?,
            (Some(_), Some(text)) => {
                let key = EAB_FORM.decode(text.as_bytes()).map(Zeroizing::new);
                let key = key.map_err(|_| AppError::invalid(PLACE, "is not base64url"))?;
                self.keep_sealed(tx, EAB_KEY, &key).await?;
            }
            (Some(_), None) => {
                let may_stay = before.zip(after).is_some_and(|(before, after)| after.may_keep_eab_of(before));
                if !may_stay {
                    return Err(AppError::invalid(
                        PLACE,
                        "give the key again: it is kept only for the same directory and key_id",
                    ));
                }
            }
        }
        // An account belongs to whom it was made for: another key makes another one.
        let before_id = before.and_then(|acme| acme.eab_key_id.as_ref());
        if let (Some(directory), true) = (account_of, key_id != before_id || secrets.eab_hmac_key.is_some()) {
            acme::forget_account(tx, directory).await?;
        }
        Ok(())
    }

    async fn keep_dns_secret(
        &self,
        tx: &mut Tx,
        before: Option<&Acme>,
        after: Option<&Acme>,
        secrets: &AcmeSecrets,
    ) -> Result<()> {
        const PLACE: &str = "/acme/dns/secret";
        let server = |acme: Option<&Acme>| acme.and_then(|acme| acme.dns.clone());
        match (server(after), &secrets.dns_secret) {
            (None, _) => Ok(settings::forget(tx, DNS_SECRET).await?),
            (Some(_), Some(text)) => {
                let key = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
                let key =
                    key.map_err(|_| AppError::invalid(PLACE, "is not base64, as in a key file of BIND"))?;
                self.keep_sealed(tx, DNS_SECRET, &key).await
            }
            (Some(after), None) if Some(&after) == server(before).as_ref() => Ok(()),
            (Some(_), None) => Err(AppError::invalid(
                PLACE,
                "give the secret again: it is kept only for the same name server and key",
            )),
        }
    }

    async fn keep_sealed(&self, tx: &mut Tx, key: &'static str, plain: &[u8]) -> Result<()> {
        let sealed = self.core.keyring.seal(setting_place(key), plain);
        let sealed = sealed.map_err(AppError::broken("sealing a secret"))?;
        Ok(settings::put(tx, key, &STANDARD.encode(sealed.as_bytes()), self.now()).await?)
    }

    async fn sealed_setting(&self, key: &'static str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let read = async move |on: &mut Conn| Ok::<_, AppError>(settings::find::<String>(on, key).await?);
        let Some(found) = self.core.store.read(read).await? else { return Ok(None) };
        let bytes = STANDARD.decode(found.value).map_err(AppError::broken("reading a secret"))?;
        self.unsealed(setting_place(key), bytes).map(Some)
    }

    /// What was sealed for a place.
    pub(in crate::app) fn unsealed(&self, place: Place<'_>, bytes: Vec<u8>) -> Result<Zeroizing<Vec<u8>>> {
        let sealed = Sealed::parse(bytes).map_err(AppError::broken("reading a secret"))?;
        self.core.keyring.open(place, &sealed).map_err(AppError::broken("opening a secret"))
    }

    /// What was sealed for a place and is a text.
    pub(in crate::app) fn unsealed_text(
        &self,
        place: Place<'_>,
        bytes: Vec<u8>,
    ) -> Result<Zeroizing<String>> {
        let plain = self.unsealed(place, bytes)?;
        let text = String::from_utf8(plain.to_vec()).map_err(AppError::broken("reading a secret"))?;
        Ok(Zeroizing::new(text))
    }

    /// Where certificates are ordered, and as whom.
    pub(in crate::app) async fn acme_directory(&self, acme: &Acme) -> Result<Directory> {
        let external_account = match &acme.eab_key_id {
            None => None,
            Some(key_id) => {
                let hmac_key = self.sealed_setting(EAB_KEY).await?.unwrap_or_default();
                Some(ExternalAccount { key_id: key_id.as_str().to_owned(), hmac_key })
            }
        };
        Ok(Directory {
            url: acme.directory.as_str().to_owned(),
            extra_roots: acme.ca_certificate.as_ref().map(|pem| pem.as_str().as_bytes().to_vec()),
            contact: acme.contact.as_ref().map(ToString::to_string),
            external_account,
        })
    }

    /// The secret of the key that the name server knows.
    pub(in crate::app) async fn dns_secret(&self) -> Result<Zeroizing<Vec<u8>>> {
        Ok(self.sealed_setting(DNS_SECRET).await?.unwrap_or_default())
    }

    /// The account at a directory, where there is one.
    pub(in crate::app) async fn acme_account(&self, directory: &str) -> Result<Option<Credentials>> {
        let row = directory.to_owned();
        let found = self
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(acme::account(on, &row).await?))
            .await?;
        let Some(sealed) = found else { return Ok(None) };
        self.unsealed_text(account_place(directory), sealed).map(Credentials::from_text).map(Some)
    }

    /// Keeps a new account.
    pub(in crate::app) async fn keep_acme_account(&self, directory: &str, new: &Credentials) -> Result<()> {
        let sealed = self.core.keyring.seal(account_place(directory), new.as_text().as_bytes());
        let sealed = sealed.map_err(AppError::broken("sealing an account"))?;
        let (row, now) = (directory.to_owned(), self.now());
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                Ok::<_, AppError>(acme::keep_account(tx, &row, sealed.as_bytes(), now).await?)
            })
            .await
    }
}

fn account_place(directory: &str) -> Place<'_> {
    Place { table: "acme_accounts", column: "credentials", row: directory }
}
