//! From a config to servers that run.

use super::OtlpConfig;
use super::config::Address;
use super::door::Door;
use super::grpc::Grpc;
use super::http::Http;
use forebay_core::ComponentError;
use forebay_core::component::{ListenAddress, NodeContext, Receiver, ReceiverContext};
use forebay_core::settings::TlsServerConfig;
use forebay_transport::auth::Guard;
use forebay_transport::server::{LimitsConfig, Listener, Protocol, ServerSettings, Service};
use forebay_transport::tls::{Alpn, TlsAcceptor};
use futures_util::future::{BoxFuture, join};
use std::sync::Arc;

/// The receiver.
pub(super) struct Otlp {
    config: OtlpConfig,
    guard: Guard,
    grpc: Option<Server>,
    http: Option<Server>,
}

/// A server that is not served yet.
struct Server {
    listener: Listener,
    tls: Option<TlsAcceptor>,
    protocol: Protocol,
    /// Whether others can reach it and read what passes.
    exposed: bool,
}

impl Otlp {
    pub(super) fn new(config: OtlpConfig) -> Self {
        Otlp {
            config,
            guard: Guard::default(),
            grpc: None,
            http: None,
        }
    }
}

impl Receiver for Otlp {
    fn bind(&mut self) -> Result<Vec<ListenAddress>, ComponentError> {
        let OtlpConfig { grpc, http, auth, .. } = &self.config;
        if let Some(auth) = auth {
            self.guard = Guard::load(auth)?;
        }
        if grpc.enabled {
            self.grpc = Some(Server::bind(Protocol::Http2, &grpc.listen, grpc.tls.as_ref())?);
        }
        if http.enabled {
            self.http = Some(Server::bind(Protocol::Any, &http.listen, http.tls.as_ref())?);
        }
        let servers = self.grpc.iter().chain(&self.http);
        servers
            .map(|server| server.listener.local_addr().map_err(ComponentError::new))
            .collect()
    }

    fn run(self: Box<Self>, context: ReceiverContext) -> BoxFuture<'static, Result<(), ComponentError>> {
        Box::pin(async move {
            let Otlp {
                config,
                guard,
                grpc,
                http,
            } = *self;
            let node = context.node.clone();
            guard.watch(&node);
            let door = Arc::new(Door::new(context, &config, guard));
            let calls = Arc::new(Grpc::new(Arc::clone(&door), &config.grpc));
            let paths = Arc::new(Http::new(door, Arc::clone(&calls), &config.http));
            node.health.working();
            let grpc = serve(grpc, calls, &node, &config.limits);
            let http = serve(http, paths, &node, &config.limits);
            let (grpc, http) = join(grpc, http).await;
            grpc.and(http)
        })
    }
}

impl Server {
    fn bind(
        protocol: Protocol,
        listen: &Address,
        tls: Option<&TlsServerConfig>,
    ) -> Result<Self, ComponentError> {
        let address = listen.as_str();
        let (name, alpn) = match protocol {
            Protocol::Http2 => ("gRPC", Alpn::Http2),
            Protocol::Any => ("HTTP", Alpn::Any),
        };
        let acceptor = tls.map(|tls| TlsAcceptor::load(tls, alpn)).transpose()?;
        let listener = Listener::bind(address).map_err(|error| {
            ComponentError::new(format!("cannot listen on {address} for {name}: {error}"))
        })?;
        Ok(Server {
            listener,
            exposed: acceptor.is_none() && !listen.is_local(),
            tls: acceptor,
            protocol,
        })
    }
}

/// Serves until the process has drained; at once if there is nothing to serve.
async fn serve<S: Service>(
    server: Option<Server>,
    service: Arc<S>,
    node: &NodeContext,
    limits: &LimitsConfig,
) -> Result<(), ComponentError> {
    let Some(server) = server else { return Ok(()) };
    if server.exposed {
        let address = server.listener.local_addr().map_err(ComponentError::new)?;
        tracing::warn!(
            receiver = &*node.name,
            %address,
            "this server has no TLS, and others than this machine can reach it: data and credentials can be read on the way"
        );
    }
    if let Some(tls) = &server.tls {
        tls.watch(node);
    }
    let settings = ServerSettings {
        protocol: server.protocol,
        limits: limits.clone(),
        tls: server.tls,
    };
    let served = server.listener.serve(service, node.clone(), settings).await;
    served.map_err(ComponentError::new)
}
