use super::*;
use forebay_core::settings::{Period, Secret, TlsClientConfig, TlsServerConfig};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// An authority, and files of certificates that it has issued.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    pub(crate) folder: TempDir,
}

pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn server(&self, pair: &Pair) -> TlsServerConfig {
        TlsServerConfig {
            cert_file: Some(self.write("server.crt", &pair.cert)),
            key_file: Some(self.write("server.key", &pair.key)),
            reload_interval: Period(Duration::from_millis(100)),
            ..TlsServerConfig::default()
        }
    }

    pub(crate) fn trusting(&self) -> TlsClientConfig {
        TlsClientConfig {
            ca_file: Some(self.write("ca.crt", &self.pem)),
            reload_interval: Period(Duration::from_millis(100)),
            ..TlsClientConfig::default()
        }
    }

    pub(crate) fn showing(&self, pair: &Pair) -> TlsClientConfig {
        TlsClientConfig {
            cert_pem: Some(pair.cert.clone()),
            key_pem: Some(Secret::new(&*pair.key)),
            ..self.trusting()
        }
    }
}

type Met = (
    io::Result<(server::TlsStream<DuplexStream>, Option<Arc<PeerCertificate>>)>,
    io::Result<client::TlsStream<DuplexStream>>,
);

/// Both ends of a handshake; the client reads a byte, since with TLS 1.3 it hears of a refusal only then.
async fn meet(acceptor: &TlsAcceptor, connector: &TlsConnector, host: &str, alpn: Alpn) -> Met {
    let (near, far) = duplex(64 << 10);
    let accept = async {
        let mut accepted = acceptor.accept(near).await?;
        accepted.0.write_all(b"!").await?;
        accepted.0.flush().await?;
        Ok(accepted)
    };
    let connect = async {
        let mut stream = connector.connect(host, far, alpn).await?;
        assert_eq!(stream.read_u8().await?, b'!');
        Ok(stream)
    };
    tokio::join!(accept, connect)
}

#[tokio::test]
async fn both_ends_agree_on_what_is_newest_and_on_the_protocol() {
    let authority = Authority::new();
    let config = authority.server(&authority.issue(|_| {}));
    let connector = TlsConnector::load(&authority.trusting()).unwrap();
    for (offered, wanted, chosen) in [
        (Alpn::Http2, Alpn::Http2, "h2"),
        (Alpn::Any, Alpn::Http2, "h2"),
        (Alpn::Any, Alpn::Any, "h2"),
        (Alpn::Any, Alpn::Http1, "http/1.1"),
    ] {
        let acceptor = TlsAcceptor::load(&config, offered).unwrap();
        let (accepted, connected) = meet(&acceptor, &connector, "localhost", wanted).await;
        let (accepted, connected) = (accepted.unwrap(), connected.unwrap());
        let (_, connection) = connected.get_ref();
        assert_eq!(connection.alpn_protocol(), Some(chosen.as_bytes()));
        assert_eq!(
            connection.protocol_version(),
            Some(rustls::ProtocolVersion::TLSv1_3)
        );
        assert_eq!(accepted.1, None, "nobody was asked for a certificate");
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let authority = Authority::new();
    let mut config = authority.server(&authority.issue(|_| {}));
    config.client_ca_file = authority.trusting().ca_file;
    let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
    let pair = authority.issue(|params| {
        params
            .subject_alt_names
            .push(SanType::URI("spiffe://example.org/agent".try_into().unwrap()));
    });
    let connector = TlsConnector::load(&authority.showing(&pair)).unwrap();
    let (accepted, connected) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
    connected.unwrap();
    let certificate = accepted.unwrap().1.unwrap();
    assert_eq!(certificate.dns_names().collect::<Vec<_>>(), ["localhost"]);
    assert_eq!(
        certificate.uris().collect::<Vec<_>>(),
        ["spiffe://example.org/agent"]
    );

    let none = TlsConnector::load(&authority.trusting()).unwrap();
    let (accepted, connected) = meet(&acceptor, &none, "localhost", Alpn::Any).await;
    assert!(accepted.is_err());
    assert!(connected.is_err());
}
