//! What is known of a peer by its certificate.

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fmt;
use webpki::EndEntityCert;

/// The most names that are kept of one certificate. A certificate with more of them is matched by the first ones only.
const MOST_NAMES: usize = 64;

/// The certificate that a client has shown and proved to be its own: what it can be known by.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    fingerprint: [u8; 32],
    dns_names: Box<[Box<str>]>,
    uris: Box<[Box<str>]>,
}

impl PeerCertificate {
    /// Reads a verified certificate.
    pub(crate) fn new(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = EndEntityCert::try_from(certificate).ok()?;
        let keep = |names: &mut dyn Iterator<Item = &str>| names.take(MOST_NAMES).map(Box::from).collect();
        Some(PeerCertificate {
            fingerprint: Sha256::digest(certificate).into(),
            dns_names: keep(&mut parsed.valid_dns_names()),
            uris: keep(&mut parsed.valid_uri_names()),
        })
    }

    /// The SHA-256 digest of the whole certificate.
    pub fn fingerprint_sha256(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The DNS names among its subject alternative names, 64 at most.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.dns_names.iter().map(AsRef::as_ref)
    }

    /// The URIs among its subject alternative names, 64 at most.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.uris.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate")
            .field("dns_names", &self.dns_names)
            .field("uris", &self.uris)
            .finish_non_exhaustive()
    }
}
