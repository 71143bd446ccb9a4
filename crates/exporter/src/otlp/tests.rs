//! What the two OTLP exporters have in common, shown with each of them: TLS, credentials, names.

use crate::testing::{Rig, built, trace_payload};
use bytes::Bytes;
use forebay_core::component::{ExportError, Exporter};
use forebay_core::settings::{Secret, TlsServerConfig};
use forebay_core::{Clock, Fault, Signal};
use forebay_testkit::SimulatedClock;
use forebay_transport::client::{BoxStream, Network, SystemNetwork};
use forebay_transport::tls::{Alpn, TlsAcceptor};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

const KINDS: [&str; 2] = ["otlp_grpc", "otlp_http"];

/// A server of OTLP, by gRPC and by HTTP: takes a request if it knows the header `authorization`, keeps what came.
#[derive(Clone, Default)]
struct Door {
    /// The header that is taken; nothing: any.
    taken: Arc<Mutex<Option<String>>>,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Door {
    async fn open(&self, tls: Option<TlsAcceptor>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = self.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (door, tls) = (door.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => door.serve(Box::new(socket)).await,
                        Some(tls) => {
                            if let Ok((stream, _)) = tls.accept(socket).await {
                                door.serve(Box::new(stream)).await;
                            }
                        }
                    }
                });
            }
        });
        address
    }

    async fn serve(&self, io: BoxStream) {
        let service = service_fn(|request| self.clone().take(request));
        let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(io), service).await;
    }

    async fn take(self, request: http::Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        body.collect().await.unwrap();
        let shown = head
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap());
        let wanted = self.taken.lock().unwrap().clone();
        let taken = wanted.is_none() || shown == wanted.as_deref();
        let is_grpc = head.headers["content-type"] == "application/grpc";
        self.seen.lock().unwrap().push(head.headers.clone());
        let answer = Response::builder();
        let answer = match (is_grpc, taken) {
            (true, taken) => answer
                .header("content-type", "application/grpc")
                .header("grpc-status", if taken { "0" } else { "16" }),
            (false, true) => answer,
            (false, false) => answer.status(StatusCode::UNAUTHORIZED),
        };
        Ok(answer.body(Full::default()).unwrap())
    }

    fn shown(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let header = |headers: &HeaderMap| headers["authorization"].to_str().unwrap().to_owned();
        seen.iter().map(header).collect()
    }
}

fn exporter(kind: &str, config: &str) -> Box<dyn Exporter> {
    built(kind, config)
}

#[tokio::test]
async fn fixed_credentials_are_sent_with_every_request() {
    for kind in KINDS {
        for (auth, header) in [
            ("bearer_token = \"hush\"", "Bearer hush"),
            (
                "basic = { username = \"me\", password = \"hush\" }",
                "Basic bWU6aHVzaA==",
            ),
        ] {
            let door = Door::default();
            let address = door.open(None).await;
            let config = format!("endpoint = \"http://{address}\"\nauth = {{ {auth} }}");
            let rig = Rig::start(kind, &config);
            for signal in Signal::ALL {
                rig.send(signal, trace_payload(1)).await.unwrap();
            }
            assert_eq!(door.shown(), [header; 3]);
            // Another one would be no better: it is not tried again.
            *door.taken.lock().unwrap() = Some("Bearer other".to_owned());
            let refused = rig.send(Signal::Traces, trace_payload(1)).await;
            let Err(ExportError::Permanent { message, fault }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!((fault, door.shown().len()), (Fault::Destination, 4));
            assert!(!message.contains("hush"), "{message}");
        }
    }
}

/// An authorization server that gives tokens `1`, `2`, and so on.
async fn tokens() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 1.. {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service_fn(move |request: http::Request<Incoming>| async move {
                request.into_body().collect().await.unwrap();
                let token = format!(
                    "{{\"access_token\":\"{number}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"
                );
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(token))))
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(socket), service));
        }
    });
    address
}

#[tokio::test]
async fn a_fetched_token_that_is_refused_is_renewed_once_and_the_request_repeated() {
    for kind in KINDS {
        let door = Door::default();
        *door.taken.lock().unwrap() = Some("Bearer 1".to_owned());
        let (address, tokens) = (door.open(None).await, tokens().await);
        let oauth2 =
            format!("token_url = \"http://{tokens}/\", client_id = \"me\", client_secret = \"hush\"");
        let config = format!("endpoint = \"http://{address}\"\nauth = {{ oauth2 = {{ {oauth2} }} }}");
        let time = SimulatedClock::default();
        let rig = Rig::with(exporter(kind, &config), time.clock()).unwrap();
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        time.advance(Duration::from_secs(60));
        *door.taken.lock().unwrap() = Some("Bearer 2".to_owned());
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        assert_eq!(door.shown(), ["Bearer 1", "Bearer 1", "Bearer 2"]);
        // A token that is new is no reason to fetch another.
        *door.taken.lock().unwrap() = Some("Bearer 3".to_owned());
        let refused = rig.send(Signal::Traces, trace_payload(1)).await;
        assert!(
            matches!(refused, Err(ExportError::Permanent { .. })),
            "{refused:?}"
        );
        assert_eq!(door.shown().len(), 4);
    }
}

#[tokio::test]
async fn without_a_token_a_request_is_retryable() {
    for kind in KINDS {
        let door = Door::default();
        let address = door.open(None).await;
        let nowhere = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let oauth2 =
            format!("token_url = \"http://{nowhere}/\", client_id = \"me\", client_secret = \"hush\"");
        let config = format!("endpoint = \"http://{address}\"\nauth = {{ oauth2 = {{ {oauth2} }} }}");
        let rig = Rig::start(kind, &config);
        let outcome = rig.send(Signal::Traces, trace_payload(1)).await;
        assert!(
            matches!(outcome, Err(ExportError::Retryable { .. })),
            "{outcome:?}"
        );
        assert!(door.seen.lock().unwrap().is_empty(), "nothing is sent unproven");
    }
}

/// The PEM of an authority, and of a certificate for `localhost` with its key.
fn certificate() -> (String, String, Secret) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    (authority, certificate, Secret::new(key.serialize_pem()))
}

// conformance: C11
#[tokio::test]
async fn https_endpoints_are_reached_under_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, certificate, key) = certificate();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority).unwrap();
    let server = TlsServerConfig {
        cert_pem: Some(certificate),
        key_pem: Some(key),
        ..TlsServerConfig::default()
    };
    for (kind, alpn) in [
        ("otlp_grpc", Alpn::Http2),
        ("otlp_http", Alpn::Any),
        ("otlp_http", Alpn::Http1),
    ] {
        let door = Door::default();
        let address = door.open(Some(TlsAcceptor::load(&server, alpn).unwrap())).await;
        let endpoint = format!("endpoint = \"https://localhost:{}\"\n", address.port());
        let tls = format!("tls = {{ ca_file = \"{}\" }}", trusted.display());
        let rig = Rig::start(kind, &format!("{endpoint}{tls}"));
        for _ in 0..3 {
            rig.send(Signal::Logs, trace_payload(1)).await.unwrap();
        }
        assert_eq!(door.seen.lock().unwrap().len(), 3);
        // Without trust in its authority nothing is sent.
        let stranger = Rig::start(
            kind,
            &format!("{endpoint}tls = {{ include_system_ca_certs_pool = true }}"),
        );
        let refused = stranger.send(Signal::Logs, trace_payload(1)).await;
        assert!(
            matches!(refused, Err(ExportError::Retryable { .. })),
            "{refused:?}"
        );
        assert_eq!(door.seen.lock().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_read_let_nothing_start() {
    for kind in KINDS {
        let config = "endpoint = \"https://a\"\ntls = { ca_file = \"/nowhere/ca.pem\" }";
        let Err(error) = Rig::with(exporter(kind, config), Clock::system()) else {
            panic!("it starts");
        };
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}

/// The machine's network, with one name of its own.
#[derive(Debug)]
struct Named(&'static str, SocketAddr);

impl Network for Named {
    fn resolve<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        assert_eq!(host, self.0);
        Box::pin(async { Ok(vec![self.1]) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as BoxStream) })
    }

    fn connect_unix<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>> {
        SystemNetwork.connect_unix(path)
    }
}

#[tokio::test]
async fn names_are_looked_up_in_the_network_that_is_given() {
    let door = Door::default();
    let address = door.open(None).await;
    let network = || Arc::new(Named("backend.example", address));
    let grpc = serde_json::json!({ "endpoint": "dns:///backend.example:4317" });
    let grpc = crate::otlp_grpc::build_on(serde_json::from_value(grpc).unwrap(), network());
    let http = serde_json::json!({ "endpoint": "http://backend.example:4318" });
    let http = crate::otlp_http::build_on(serde_json::from_value(http).unwrap(), network());
    for exporter in [grpc, http] {
        let rig = Rig::with(exporter.unwrap(), Clock::system()).unwrap();
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        rig.close().await;
    }
    assert_eq!(door.seen.lock().unwrap().len(), 2);
}
