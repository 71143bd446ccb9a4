//! The client's side.

use super::material::{Identity, IdentitySources, load_authorities, show_expiry, system_authorities};
use super::{Alpn, provider, versions};
use crate::watch::{Following, Kept, Watched};
use forebay_core::component::NodeContext;
use forebay_core::settings::TlsClientConfig;
use forebay_core::{ComponentError, Phase};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;

/// For how many server names sessions are kept for resumption, 8 at most for each.
const SERVERS: usize = 8;

/// Makes TLS connections out of connected ones. Cheap to clone: every clone is the same.
#[derive(Clone)]
pub struct TlsConnector(Arc<Connector>);

struct Connector {
    settings: TlsClientConfig,
    name: Option<ServerName<'static>>,
    roots: Roots,
    identity: Option<Arc<Kept<Identity>>>,
    current: RwLock<Arc<ClientConfig>>,
}

/// Whom a client trusts.
enum Roots {
    Anybody,
    System(Arc<RootCertStore>),
    File(Arc<Kept<RootCertStore>>),
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConnector").field(&self.0.settings).finish()
    }
}

impl TlsConnector {
    /// Reads authorities, certificate and key. Blocks, for as long as reading some small files takes.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or what is in it cannot be used. The words name the file and how to mend it, and show nothing of
    /// its content.
    pub fn load(config: &TlsClientConfig) -> Result<Self, ComponentError> {
        let sources = IdentitySources {
            cert_file: config.cert_file.as_ref(),
            cert_pem: config.cert_pem.as_ref(),
            key_file: config.key_file.as_ref(),
            key_pem: config.key_pem.as_ref(),
        };
        let identity = sources.load()?;
        let name = match &config.server_name_override {
            Some(name) => Some(
                server_name(name)
                    .map_err(|error| ComponentError::new(format!("`server_name_override`: {error}")))?,
            ),
            None => None,
        };
        let roots = match &config.ca_file {
            _ if config.insecure_skip_verify => Roots::Anybody,
            Some(path) => {
                let system = config.include_system_ca_certs_pool;
                Roots::File(load_authorities("ca_file", path, system)?)
            }
            None => Roots::System(Arc::new(system_authorities()?)),
        };
        let first = client_config(config, &roots, identity.as_deref())?;
        Ok(TlsConnector(Arc::new(Connector {
            settings: config.clone(),
            name,
            roots,
            identity,
            current: RwLock::new(Arc::new(first)),
        })))
    }

    /// The handshake with `host`, a name or an address, over a stream that is connected to it. It takes as long as the peer
    /// lets it take: the caller sets a limit. With [`Alpn::Any`] the stream's connection says what the server has chosen.
    ///
    /// # Errors
    ///
    /// If the server cannot be trusted, does not take the client's certificate, does not speak TLS or an older version only,
    /// goes away, or with [`Alpn::Http2`] does not speak HTTP/2.
    pub async fn connect<IO>(&self, host: &str, io: IO, alpn: Alpn) -> io::Result<TlsStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match &self.0.name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let config = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let connector = tokio_rustls::TlsConnector::from(config);
        let stream = connector
            .with_alpn(alpn.names())
            .connect(name, io)
            .await
            .map_err(explained)?;
        let (_, connection) = stream.get_ref();
        if alpn == Alpn::Http2 && connection.alpn_protocol() != Some(b"h2") {
            let words = "the server does not speak HTTP/2 over TLS (it did not choose `h2` by ALPN)";
            return Err(io::Error::new(io::ErrorKind::Unsupported, words));
        }
        Ok(stream)
    }

    /// Starts the task of `node` that follows the files until the process stops. Connections that are open go on with what they
    /// began with.
    pub fn watch(&self, node: &NodeContext) {
        let mut watched: Vec<Arc<dyn Watched>> = Vec::new();
        if let Roots::File(roots) = &self.0.roots {
            watched.push(Arc::clone(roots) as _);
        }
        if let Some(identity) = &self.0.identity {
            show_expiry(identity, node);
            watched.push(Arc::clone(identity) as _);
        }
        let (connector, context) = (Arc::clone(&self.0), node.clone());
        let following = Following {
            interval: self.0.settings.reload_interval.0,
            until: Phase::Stopped,
            watched,
            renewed: Box::new(move || connector.renew(&context)),
        };
        following.start(node);
    }
}

impl Connector {
    fn renew(&self, node: &NodeContext) {
        match client_config(&self.settings, &self.roots, self.identity.as_deref()) {
            Ok(next) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                if let Some(identity) = &self.identity {
                    show_expiry(identity, node);
                }
            }
            Err(error) => tracing::error!(node = &*node.name, %error, "the TLS client cannot be set up anew"),
        }
    }
}

fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        let words = format!("`{host}` is neither a DNS name nor an IP address");
        io::Error::new(io::ErrorKind::InvalidInput, words)
    })
}

fn client_config(
    settings: &TlsClientConfig,
    roots: &Roots,
    identity: Option<&Kept<Identity>>,
) -> Result<ClientConfig, ComponentError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(settings.min_version))
        .map_err(ComponentError::new)?;
    let builder = match roots {
        Roots::System(roots) => builder.with_root_certificates(Arc::clone(roots)),
        Roots::File(roots) => builder.with_root_certificates(roots.current()),
        Roots::Anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustsAnybody(provider()))),
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::clone(&identity.current().certified) as _),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(SERVERS);
    Ok(config)
}

/// What failed, in words that say how to mend it.
fn explained(error: io::Error) -> io::Error {
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return error;
    };
    let help = match cause {
        // The signature is bad where an authority has been made anew under its old name.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "no trusted authority has issued the server's certificate: name the one that has in `tls.ca_file`"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "the server's certificate is for another name: connect to that name, or set `tls.server_name_override`"
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired"
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a certificate: set `tls.cert_file` and `tls.key_file`"
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the server speaks none of the protocols offered"
        }
        Error::InvalidMessage(_) => {
            "this is no TLS server: for one without TLS the endpoint begins with `http://`"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{help} ({cause})"))
}

/// Takes any certificate. That the server has its key is still checked.
#[derive(Debug)]
struct TrustsAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustsAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
