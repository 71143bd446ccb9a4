//! Certificates of an authority of the tests' own, and clients that trust it.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An authority, and a folder for what it issues.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: TempDir,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Pair {
    /// The certificate as it is sent.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

impl Authority {
    /// An authority of this name, with a certificate for the server and a key in its folder.
    pub(crate) fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        let authority = Authority {
            issuer: Issuer::new(params, key),
            pem,
            folder: tempfile::tempdir().unwrap(),
        };
        authority.write("ca.crt", &authority.pem);
        authority.install(&authority.issue("localhost"));
        authority
    }

    /// A certificate for this name; for none if it is empty.
    pub(crate) fn issue(&self, name: &str) -> Pair {
        self.issue_until(name, 2090)
    }

    /// One that expires with this year's beginning.
    pub(crate) fn issue_until(&self, name: &str, year: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = [name.to_owned()]
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// Puts a pair in the place of the server's: first the key, then the certificate, each at once.
    pub(crate) fn install(&self, pair: &Pair) {
        self.write("server.key", &pair.key);
        self.write("server.crt", &pair.cert);
    }

    /// Writes a file, or puts it in the place of the one that is there.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let (new, path) = (self.folder.path().join("new"), self.path(name));
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The `tls` table of a server, in one line.
    pub(crate) fn server(&self) -> String {
        let folder = self.folder().display();
        format!(
            "cert_file = \"{folder}/server.crt\", key_file = \"{folder}/server.key\", reload_interval = \"100ms\""
        )
    }

    /// The same of one that asks clients for certificates of this authority.
    pub(crate) fn asking_server(&self) -> String {
        format!(
            "{}, client_ca_file = \"{}/ca.crt\"",
            self.server(),
            self.folder().display()
        )
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self, shows: Option<&Pair>) -> Arc<ClientConfig> {
        self.client_of(&[&rustls::version::TLS13, &rustls::version::TLS12], shows)
    }

    /// One of these versions of TLS.
    pub(crate) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shows: Option<&Pair>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let key = |pair: &Pair| PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(pair) => builder
                .with_client_auth_cert(vec![pair.certificate()], key(pair))
                .unwrap(),
        };
        // Each connection is to see the certificate of its time.
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }
}
