//! The server's side.

use super::material::{Identity, IdentitySources, load_authorities, show_expiry};
use super::{Alpn, PeerCertificate, provider, versions};
use crate::watch::{Following, Kept, Watched};
use forebay_core::component::NodeContext;
use forebay_core::settings::{TlsServerConfig, TlsVersion};
use forebay_core::{ComponentError, Phase};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

/// How many sessions can be resumed. More push the oldest out; each takes some hundred bytes.
const SESSIONS: usize = 1024;

/// The most plain bytes of answers that wait for the socket on one connection. Ours are small.
const SEND_BUFFER: usize = 32 << 10;

/// Makes TLS connections out of accepted ones. Cheap to clone: every clone is the same.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<Acceptor>);

struct Acceptor {
    identity: Arc<Kept<Identity>>,
    clients: Option<Arc<Kept<RootCertStore>>>,
    oldest: TlsVersion,
    alpn: Alpn,
    interval: Duration,
    current: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor")
            .field("identity", &self.0.identity)
            .field("clients", &self.0.clients)
            .field("alpn", &self.0.alpn)
            .finish_non_exhaustive()
    }
}

impl TlsAcceptor {
    /// Reads certificate, key and authorities. Blocks, for as long as reading three small files takes.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or what is in it cannot be used: an expired certificate, a key that does not belong to it, no
    /// authority where there should be one. The words name the file and how to mend it, and show nothing of its content.
    pub fn load(config: &TlsServerConfig, alpn: Alpn) -> Result<Self, ComponentError> {
        let sources = IdentitySources {
            cert_file: config.cert_file.as_ref(),
            cert_pem: config.cert_pem.as_ref(),
            key_file: config.key_file.as_ref(),
            key_pem: config.key_pem.as_ref(),
        };
        let Some(identity) = sources.load()? else {
            let words = "a server with TLS needs a certificate: set `cert_file` and `key_file`";
            return Err(ComponentError::new(words));
        };
        let clients = match &config.client_ca_file {
            Some(path) => Some(load_authorities("client_ca_file", path, false)?),
            None => None,
        };
        let (oldest, interval) = (config.min_version, config.reload_interval.0);
        let first = server_config(&identity, clients.as_deref(), (oldest, alpn))?;
        Ok(TlsAcceptor(Arc::new(Acceptor {
            identity,
            clients,
            oldest,
            alpn,
            interval,
            current: RwLock::new(Arc::new(first)),
        })))
    }

    /// The handshake. It takes as long as the peer lets it take: the caller sets a limit. The certificate is there if the
    /// config names authorities for clients; then there is no connection without one.
    ///
    /// # Errors
    ///
    /// If the peer is no TLS client, goes away, speaks an older version, or has no certificate that is good enough. The peer has
    /// been sent an alert then.
    pub async fn accept<IO>(&self, io: IO) -> io::Result<(TlsStream<IO>, Option<Arc<PeerCertificate>>)>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let stream = tokio_rustls::TlsAcceptor::from(config)
            .accept_with(io, |connection| connection.set_buffer_limit(Some(SEND_BUFFER)))
            .await?;
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.and_then(PeerCertificate::new).map(Arc::new);
        Ok((stream, certificate))
    }

    /// Starts the task of `node` that follows the files until the process drains. Connections that are open go on with what
    /// they began with.
    pub fn watch(&self, node: &NodeContext) {
        show_expiry(&self.0.identity, node);
        let mut watched: Vec<Arc<dyn Watched>> = vec![Arc::clone(&self.0.identity) as _];
        watched.extend(self.0.clients.iter().map(|clients| Arc::clone(clients) as _));
        let (acceptor, context) = (Arc::clone(&self.0), node.clone());
        let following = Following {
            interval: self.0.interval,
            until: Phase::Draining,
            watched,
            renewed: Box::new(move || acceptor.renew(&context)),
        };
        following.start(node);
    }
}

impl Acceptor {
    fn renew(&self, node: &NodeContext) {
        match server_config(&self.identity, self.clients.as_deref(), (self.oldest, self.alpn)) {
            Ok(next) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                show_expiry(&self.identity, node);
            }
            Err(error) => tracing::error!(node = &*node.name, %error, "the TLS server cannot be set up anew"),
        }
    }
}

fn server_config(
    identity: &Kept<Identity>,
    clients: Option<&Kept<RootCertStore>>,
    (oldest, alpn): (TlsVersion, Alpn),
) -> Result<ServerConfig, ComponentError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(oldest))
        .map_err(ComponentError::new)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(clients.current(), provider())
                .build()
                .map_err(ComponentError::new)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let resolver = Arc::clone(&identity.current().certified);
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = alpn.names();
    if clients.is_some() {
        // A resumed session would be one with the certificate of then: expired by now, perhaps, or of an authority that is
        // trusted no more.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    }
    Ok(config)
}
