//! Certificates, keys and authorities out of PEM, and what is wrong with them in words.

use super::provider;
use super::validity::{Validity, validity};
use crate::watch::{Content, Kept, Source, Usable};
use forebay_core::ComponentError;
use forebay_core::component::NodeContext;
use forebay_core::settings::Secret;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The largest file that is read.
const FILE_MOST: u64 = 1 << 20;

/// A certificate with its key, ready for handshakes.
pub(super) struct Identity {
    pub(super) certified: Arc<SingleCertAndKey>,
    validity: Validity,
    source: Source,
}

impl Usable for Identity {
    fn stale(&self) -> Option<ComponentError> {
        check_validity(self.validity, &self.source).err()
    }
}

impl Usable for RootCertStore {}

/// A certificate with its key, from files or from the config.
pub(super) struct IdentitySources<'a> {
    pub(super) cert_file: Option<&'a PathBuf>,
    pub(super) cert_pem: Option<&'a String>,
    pub(super) key_file: Option<&'a PathBuf>,
    pub(super) key_pem: Option<&'a Secret>,
}

impl IdentitySources<'_> {
    /// Loads the pair; nothing if there is none.
    ///
    /// # Errors
    ///
    /// If one of the two is missing, or the pair cannot be used.
    pub(super) fn load(&self) -> Result<Option<Arc<Kept<Identity>>>, ComponentError> {
        // A certificate is public; that it is handled like the key costs nothing.
        let inline = self.cert_pem.map(Secret::new);
        let certificate = Source::of(("cert_file", self.cert_file), ("cert_pem", inline.as_ref()));
        let key = Source::of(("key_file", self.key_file), ("key_pem", self.key_pem));
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Kept::load(vec![certificate, key], FILE_MOST, identity).map(Some)
            }
            _ => Err(ComponentError::new(
                "a certificate and its key go together: set `cert_file` and `key_file`",
            )),
        }
    }
}

/// Shows until when the certificate in use is valid.
pub(super) fn show_expiry(kept: &Kept<Identity>, node: &NodeContext) {
    node.reloads
        .expires(&kept.first_name(), kept.current().validity.not_after);
}

fn identity(contents: &[Content<'_>]) -> Result<Identity, ComponentError> {
    let [certificates, key] = contents else {
        return Err(ComponentError::new("a certificate and its key are two things"));
    };
    let chain = chain(certificates)?;
    let first = chain.first().map_or(&[][..], AsRef::as_ref);
    let Some(validity) = validity(first) else {
        let from = certificates.source;
        return Err(ComponentError::new(format!(
            "what {from} holds is not an X.509 certificate"
        )));
    };
    check_validity(validity, certificates.source)?;
    let (from, key_from) = (certificates.source, key.source);
    let certified = CertifiedKey::from_der(chain, private_key(key)?, &provider());
    let certified = certified.map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => ComponentError::new(format!(
            "the key in {key_from} does not belong to the certificate in {from}: the certificate of the server or client itself must \
             come first in the file, and both files must be of the same issue"
        )),
        Error::InvalidCertificate(reason) => {
            ComponentError::new(format!("the certificate in {from} cannot be used: {reason:?}"))
        }
        _ => ComponentError::new(format!(
            "the key in {key_from} cannot be used: it must be an RSA key of 2048 to 8192 bits, an EC key on P-256 or P-384, or an \
             Ed25519 key"
        )),
    })?;
    Ok(Identity {
        certified: Arc::new(SingleCertAndKey::from(certified)),
        validity,
        source: from.clone(),
    })
}

fn check_validity(validity: Validity, from: &Source) -> Result<(), ComponentError> {
    let now = UnixTime::now().as_secs();
    if now > validity.not_after {
        return Err(ComponentError::new(format!(
            "the certificate in {from} expired at {}: renew it",
            date(validity.not_after)
        )));
    }
    if now < validity.not_before {
        return Err(ComponentError::new(format!(
            "the certificate in {from} is not valid before {}: check the clocks of this machine and of the issuer",
            date(validity.not_before)
        )));
    }
    Ok(())
}

/// A second since the Unix epoch, for people.
fn date(seconds: u64) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// All certificates of a file, at least one.
fn chain(content: &Content<'_>) -> Result<Vec<CertificateDer<'static>>, ComponentError> {
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(content.bytes).collect();
    let from = content.source;
    match found {
        Ok(found) if found.is_empty() => Err(ComponentError::new(format!(
            "there is no certificate in {from}: {}",
            what_is_there(content.bytes, "CERTIFICATE")
        ))),
        Ok(found) => Ok(found),
        Err(error) => Err(broken(&error, from)),
    }
}

fn private_key(content: &Content<'_>) -> Result<PrivateKeyDer<'static>, ComponentError> {
    let from = content.source;
    PrivateKeyDer::from_pem_slice(content.bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => ComponentError::new(format!(
            "there is no key in {from}: {}",
            what_is_there(content.bytes, "PRIVATE KEY")
        )),
        error => broken(&error, from),
    })
}

/// PEM that cannot be read. Of what is in it nothing is shown: it may be a key.
fn broken(error: &pem::Error, from: &Source) -> ComponentError {
    let what = match error {
        pem::Error::MissingSectionEnd { .. } => "it ends within a section: an END line is missing",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is not well-formed",
        pem::Error::Base64Decode(_) => "what stands between a BEGIN and an END line is not base64",
        _ => "it cannot be read",
    };
    ComponentError::new(format!("{from} is not well-formed PEM: {what}"))
}

/// What a text has in the place of the section that was looked for.
fn what_is_there(bytes: &[u8], wanted: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let has = |kind: &str| text.contains(&format!("-----BEGIN {kind}-----"));
    if bytes.iter().all(u8::is_ascii_whitespace) {
        "it is empty".into()
    } else if has("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        "the key is encrypted. Decrypt it with `openssl pkey`, and let only this process read it".into()
    } else if has("CERTIFICATE") {
        format!("it holds a certificate, and no section `BEGIN {wanted}`")
    } else if text.contains("PRIVATE KEY-----") {
        format!("it holds a key, and no section `BEGIN {wanted}`")
    } else {
        format!(
            "it must be PEM, with a section `BEGIN {wanted}`. `openssl x509` and `openssl pkey` convert from DER"
        )
    }
}

/// The authorities in one file.
pub(super) fn load_authorities(
    key: &'static str,
    path: &Path,
    system: bool,
) -> Result<Arc<Kept<RootCertStore>>, ComponentError> {
    let source = Source::File {
        key,
        path: path.to_path_buf(),
    };
    let parse = move |contents: &[Content<'_>]| {
        let mut roots = if system {
            system_authorities()?
        } else {
            RootCertStore::empty()
        };
        for content in contents {
            for certificate in chain(content)? {
                let from = content.source;
                roots.add(certificate).map_err(|_| {
                    ComponentError::new(format!("a certificate in {from} is not an X.509 certificate"))
                })?;
            }
        }
        Ok(roots)
    };
    Kept::load(vec![source], FILE_MOST, parse)
}

/// The authorities that the system trusts.
pub(super) fn system_authorities() -> Result<RootCertStore, ComponentError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Among those that systems have there are some that no verifier takes.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(ComponentError::new(
            "the system has no list of trusted authorities: set `ca_file`, or install the package `ca-certificates`",
        ));
    }
    Ok(roots)
}
