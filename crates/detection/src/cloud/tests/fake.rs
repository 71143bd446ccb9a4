//! Servers that answer as they are told, and a network in which the fixed addresses of clouds are theirs.

use crate::Surroundings;
use bytes::Bytes;
use forebay_testkit::SimulatedClock;
use forebay_transport::client::{BoxStream, Network, SystemNetwork};
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a server does with a request.
pub(super) enum Does {
    Answers(Response<Body>),
    /// Nothing, ever.
    Waits,
}

/// An answer with this status, type and body.
pub(super) fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", content_type)
        .body(UnsyncBoxBody::new(body))
        .unwrap()
}

/// A body that breaks off after `start`.
pub(super) fn broken_off(start: &[u8]) -> Body {
    let start = Ok(Frame::data(Bytes::copy_from_slice(start)));
    UnsyncBoxBody::new(StreamBody::new(stream::iter([
        start,
        Err(io::Error::other("cut off")),
    ])))
}

/// A server on a port of this host. It ends with the test.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    seen: Arc<watch::Sender<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Fake {
    /// One that does this with each request.
    pub(super) async fn start(does: impl Fn(&Request<Incoming>) -> Does + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(watch::Sender::new(Vec::new()));
        let (does, noted) = (Arc::new(does), Arc::clone(&seen));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (io, _) = listener.accept().await.unwrap();
                let (does, noted) = (Arc::clone(&does), Arc::clone(&noted));
                connections.spawn(async move {
                    let service = service_fn(|request| serve(request, &*does, &noted));
                    // A client that has heard enough closes.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(io), service)
                        .await;
                });
            }
        });
        Fake {
            address,
            seen,
            _serving: serving,
        }
    }

    /// Every request so far: its method and path.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// Told of each request.
    pub(super) fn watch(&self) -> watch::Receiver<Vec<String>> {
        self.seen.subscribe()
    }
}

async fn serve(
    request: Request<Incoming>,
    does: &(dyn Fn(&Request<Incoming>) -> Does + Send + Sync),
    seen: &watch::Sender<Vec<String>>,
) -> Result<Response<Body>, io::Error> {
    let outcome = does(&request);
    seen.send_modify(|seen| seen.push(format!("{} {}", request.method(), request.uri())));
    match outcome {
        Does::Answers(answer) => Ok(answer),
        Does::Waits => std::future::pending().await,
    }
}

/// A network in which addresses are servers of the test, or refuse.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    places: Mutex<HashMap<IpAddr, SocketAddr>>,
    /// Where attempts to connect come to nothing, one way or the other.
    pub(super) swallows: AtomicBool,
    /// Every attempt to connect.
    pub(super) attempts: Mutex<Vec<SocketAddr>>,
}

impl Network for Mapped {
    fn resolve<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        panic!("{host} is looked up");
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        self.attempts.lock().unwrap().push(address);
        let to = match address.ip().is_loopback() {
            true => Some(address),
            false => self.places.lock().unwrap().get(&address.ip()).copied(),
        };
        Box::pin(async move {
            match to {
                Some(to) => SystemNetwork.connect(to).await,
                None if self.swallows.load(Ordering::Relaxed) => std::future::pending().await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }

    fn connect_unix<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<BoxStream>> {
        panic!("{} is connected to", path.display());
    }

    fn variable(&self, name: &str) -> Option<String> {
        panic!("{name} is read");
    }
}

/// A machine that a detector finds itself on.
pub(super) struct World {
    pub(super) surroundings: Surroundings,
    pub(super) network: Arc<Mapped>,
    pub(super) clock: SimulatedClock,
    root: TempDir,
}

/// The address that all clouds use.
pub(super) const METADATA: &str = "169.254.169.254";

impl World {
    /// One with these environment variables, on which nobody answers.
    pub(super) fn new(variables: &[(&str, &str)]) -> World {
        let (clock, network) = (SimulatedClock::default(), Arc::new(Mapped::default()));
        let root = TempDir::new().unwrap();
        let surroundings = Surroundings::made_up(root.path(), clock.clock())
            .with_network(Arc::clone(&network) as Arc<dyn Network>)
            .with_variables(variables.iter().copied());
        World {
            surroundings,
            network,
            clock,
            root,
        }
    }

    /// Makes `server` answer at `address`.
    pub(super) fn place(&self, address: &str, server: &Fake) {
        let address: IpAddr = address.parse().unwrap();
        self.network
            .places
            .lock()
            .unwrap()
            .insert(address, server.address);
    }

    /// Writes a file of the machine.
    pub(super) fn write(&self, path: &str, content: &str) {
        let path = self.root.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
