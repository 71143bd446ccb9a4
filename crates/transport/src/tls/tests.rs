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

/// Nobody gets in, whatever the client says.
async fn refuses(acceptor: &TlsAcceptor, connector: &TlsConnector) {
    let (accepted, connected) = meet(acceptor, connector, "localhost", Alpn::Any).await;
    assert!(accepted.is_err(), "the server let somebody in");
    assert!(connected.is_err(), "the client believes that it is in");
}

#[tokio::test]
async fn expired_foreign_and_absent_certificates_are_refused_with_both_versions() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let mut config = authority.server(&authority.issue(|_| {}));
    config.client_ca_file = authority.trusting().ca_file;
    let good = authority.issue(|_| {});
    let for_servers = authority.issue(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    for oldest in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
        let load = |settings: TlsClientConfig| TlsConnector::load(&settings).unwrap();
        refuses(&acceptor, &load(authority.trusting())).await;
        // Its own authority is trusted by nobody here.
        let stranger = TlsClientConfig {
            ca_file: authority.trusting().ca_file,
            ..foreign.showing(&foreign.issue(|_| {}))
        };
        refuses(&acceptor, &load(stranger)).await;
        refuses(&acceptor, &load(authority.showing(&for_servers))).await;
        let (accepted, _) = meet(&acceptor, &load(authority.showing(&good)), "localhost", Alpn::Any).await;
        assert!(accepted.unwrap().1.is_some());
        config.min_version = oldest;
    }
}

/// A client of our own does not load an expired certificate, so this one is put together by hand.
#[tokio::test]
async fn an_expired_client_certificate_is_refused() {
    let authority = Authority::new();
    let mut config = authority.server(&authority.issue(|_| {}));
    config.client_ca_file = authority.trusting().ca_file;
    let expired = authority.issue(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let error = TlsConnector::load(&authority.showing(&expired)).unwrap_err();
    assert!(
        error.to_string().contains("expired at Wed, 01 Jan 2020"),
        "{error}"
    );

    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
        .unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(TlsVersion::V1_2))
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(expired.cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(expired.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
    let (near, far) = duplex(64 << 10);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let connect = connector.connect("localhost".try_into().unwrap(), far);
    let (accepted, _) = tokio::join!(acceptor.accept(near), connect);
    assert!(accepted.is_err());
}

#[tokio::test]
async fn versions_that_are_too_old_are_refused() {
    let authority = Authority::new();
    let mut config = authority.server(&authority.issue(|_| {}));
    // Client hellos of TLS 1.0 and 1.1 with one cipher suite (RFC 4346, section 7.4.1.2), and one of SSL 2.
    let hello = |minor: u8| {
        let mut body = vec![3, minor];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
        message.extend(body);
        let mut record = vec![22, 3, 1, 0, u8::try_from(message.len()).unwrap()];
        record.extend(message);
        record
    };
    let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
    for bytes in [hello(1), hello(2), b"\x80\x2e\x01\x00\x02".repeat(10)] {
        let (near, mut far) = duplex(64 << 10);
        far.write_all(&bytes).await.unwrap();
        assert!(acceptor.accept(near).await.is_err());
        let mut alert = Vec::new();
        far.read_to_end(&mut alert).await.unwrap();
        assert_eq!(alert.first(), Some(&21), "an alert says so");
    }

    config.min_version = TlsVersion::V1_3;
    let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let (near, far) = duplex(64 << 10);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let connect = connector.connect("localhost".try_into().unwrap(), far);
    let (accepted, connected) = tokio::join!(acceptor.accept(near), connect);
    assert!(accepted.is_err());
    assert!(connected.is_err());
}

#[tokio::test]
async fn a_client_says_why_it_does_not_trust_the_server() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let acceptor = |change: fn(&mut CertificateParams), alpn| {
        let config = authority.server(&authority.issue(change));
        TlsAcceptor::load(&config, alpn).unwrap()
    };
    let plain = acceptor(|_| {}, Alpn::Any);
    let http1 = acceptor(|_| {}, Alpn::Http1);
    let mut asking = authority.server(&authority.issue(|_| {}));
    asking.client_ca_file = authority.trusting().ca_file;
    let asking = TlsAcceptor::load(&asking, Alpn::Any).unwrap();
    let ours = authority.trusting();
    for (acceptor, settings, host, words) in [
        (&plain, foreign.trusting(), "localhost", "`tls.ca_file`"),
        (&plain, ours.clone(), "other", "`tls.server_name_override`"),
        (&http1, ours.clone(), "localhost", "protocols"),
        (&asking, ours.clone(), "localhost", "`tls.cert_file`"),
    ] {
        let connector = TlsConnector::load(&settings).unwrap();
        let (near, far) = duplex(64 << 10);
        let connect = async {
            let mut stream = connector.connect(host, far, Alpn::Http2).await?;
            stream.read_u8().await
        };
        let (_, connected) = tokio::join!(acceptor.accept(near), connect);
        let error = connected.unwrap_err().to_string();
        // What comes after a handshake that the client thinks is done comes as the stream's own error.
        assert!(
            error.contains(words) || error.contains("CertificateRequired"),
            "{error}"
        );
    }

    for settings in [
        TlsClientConfig {
            server_name_override: Some("localhost".into()),
            ..ours.clone()
        },
        TlsClientConfig {
            insecure_skip_verify: true,
            ca_file: None,
            ..ours
        },
    ] {
        let connector = TlsConnector::load(&settings).unwrap();
        let (_, connected) = meet(&plain, &connector, "other", Alpn::Http2).await;
        connected.unwrap();
    }
}

#[tokio::test]
async fn keys_come_in_every_common_form() {
    let authority = Authority::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tls/testdata/");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}{name}.key")).unwrap();
    let connector = TlsConnector::load(&authority.trusting()).unwrap();
    for (pkcs8, forms) in [
        ("rsa_pkcs8", ["rsa_pkcs8", "rsa_pkcs1"]),
        ("ec_pkcs8", ["ec_pkcs8", "ec_sec1"]),
    ] {
        let key = KeyPair::from_pem(&read(pkcs8)).unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let cert = params.signed_by(&key, &authority.issuer).unwrap().pem();
        for form in forms {
            let pair = Pair {
                cert: cert.clone(),
                key: read(form),
            };
            let acceptor = TlsAcceptor::load(&authority.server(&pair), Alpn::Any).unwrap();
            let (_, connected) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
            connected.unwrap();
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_nothing_of_what_is_in_it() {
    let authority = Authority::new();
    let (good, other) = (authority.issue(|_| {}), authority.issue(|_| {}));
    let expired = authority.issue(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let early = authority.issue(|params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    let encrypted = include_str!("testdata/rsa_encrypted.key");
    let cut = &good.key[..good.key.len() - 20];
    let garbled = good.key.replace("MIG", "M!G");
    let folder = authority.folder.path().display().to_string();
    for (cert, key, file, words) in [
        (
            &*good.cert,
            &*other.key,
            "server.key",
            "does not belong to the certificate",
        ),
        (
            &*expired.cert,
            &*expired.key,
            "server.crt",
            "expired at Wed, 01 Jan 2020 00:00:00 GMT: renew it",
        ),
        (&*early.cert, &*early.key, "server.crt", "is not valid before"),
        ("", &*good.key, "server.crt", "it is empty"),
        (&*good.cert, " \n", "server.key", "it is empty"),
        (&*good.key, &*good.cert, "server.crt", "it holds a key"),
        (&*good.cert, &*good.cert, "server.key", "it holds a certificate"),
        (&*good.cert, encrypted, "server.key", "the key is encrypted"),
        (&*good.cert, "hunter2", "server.key", "it must be PEM"),
        (&*good.cert, cut, "server.key", "an END line is missing"),
        (&*good.cert, &*garbled, "server.key", "is not base64"),
    ] {
        let pair = Pair {
            cert: cert.into(),
            key: key.into(),
        };
        let error = TlsAcceptor::load(&authority.server(&pair), Alpn::Any).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&format!("{folder}/{file}")), "{error}");
        assert!(error.contains(words), "{error}");
        let shown = |line: &str| line.len() > 6 && error.contains(line);
        assert!(!key.lines().any(shown), "{error}");
    }
    let mut config = authority.server(&good);
    config.client_ca_file = Some(authority.write("empty.crt", ""));
    let error = TlsAcceptor::load(&config, Alpn::Any).unwrap_err().to_string();
    assert!(
        error.contains("there is no certificate in `client_ca_file`"),
        "{error}"
    );
    config.key_file = None;
    assert!(TlsAcceptor::load(&config, Alpn::Any).is_err());
    let printed = format!(
        "{:?} {:?}",
        authority.showing(&good),
        TlsConnector::load(&authority.showing(&good))
    );
    assert!(
        !good
            .key
            .lines()
            .any(|line| line.len() > 6 && !line.contains("---") && printed.contains(line))
    );
}

/// The last certificate of whoever is behind `stream`.
fn shown(stream: &client::TlsStream<DuplexStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn new_connections_get_the_new_certificate_and_old_ones_go_on() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::load(&authority.server(&authority.issue(|_| {})), Alpn::Any).unwrap();
    let connector = TlsConnector::load(&authority.trusting()).unwrap();
    let (node, trigger) = crate::watch::tests::node();
    acceptor.watch(&node);
    let file: Arc<str> = authority
        .folder
        .path()
        .join("server.crt")
        .to_string_lossy()
        .into();
    let before = node.reloads.expiries()[&file];
    let (old, mut client) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
    let (mut old, _) = old.unwrap();
    let first = shown(client.as_ref().unwrap());

    let next = authority.issue(|params| params.not_after = rcgen::date_time_ymd(2090, 1, 1));
    // The pair does not fit until both are written.
    authority.write("server.key", &next.key);
    authority.write("server.crt", &next.cert);
    crate::watch::tests::until("the new certificate", || {
        node.reloads.expiries()[&file] == 3_786_912_000 && before != 3_786_912_000
    })
    .await;
    let (_, renewed) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
    assert_ne!(shown(&renewed.unwrap()), first);
    old.write_all(b"?").await.unwrap();
    old.flush().await.unwrap();
    assert_eq!(client.as_mut().unwrap().read_u8().await.unwrap(), b'?');
    trigger.advance(forebay_core::Phase::Draining);
}

#[tokio::test]
async fn an_authority_that_is_trusted_no_more_lets_nobody_in() {
    let (authority, next) = (Authority::new(), Authority::new());
    let mut config = authority.server(&authority.issue(|_| {}));
    config.client_ca_file = Some(authority.write("clients.crt", &authority.pem));
    let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
    let (node, trigger) = crate::watch::tests::node();
    acceptor.watch(&node);
    let connector = TlsConnector::load(&authority.showing(&authority.issue(|_| {}))).unwrap();
    let (accepted, _) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
    accepted.unwrap();
    authority.write("clients.crt", &next.pem);
    crate::watch::tests::until("the new authority", || node.reloads.taken() == 1).await;
    refuses(&acceptor, &connector).await;
    trigger.advance(forebay_core::Phase::Draining);
}

#[tokio::test]
async fn sessions_are_resumed_only_where_no_certificate_is_asked_for() {
    let authority = Authority::new();
    let mut config = authority.server(&authority.issue(|_| {}));
    for (asks, expected) in [
        (false, rustls::HandshakeKind::Resumed),
        (true, rustls::HandshakeKind::Full),
    ] {
        config.client_ca_file = asks.then(|| authority.trusting().ca_file.unwrap());
        let acceptor = TlsAcceptor::load(&config, Alpn::Any).unwrap();
        let connector = TlsConnector::load(&authority.showing(&authority.issue(|_| {}))).unwrap();
        let (_, first) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
        first.unwrap();
        let (_, second) = meet(&acceptor, &connector, "localhost", Alpn::Any).await;
        assert_eq!(second.unwrap().get_ref().1.handshake_kind(), Some(expected));
    }
}
