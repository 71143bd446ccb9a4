//! One small question over HTTP/1.1, on a connection of its own: what a metadata service on a fixed address is asked.
//!
//! Unlike [`HttpClient`](super::HttpClient) it keeps nothing between requests, and it takes no way round: no proxy whatever
//! the environment says, no redirect, no TLS, no compression. Metadata services hand out credentials to whoever asks in the
//! name of this machine, so a question for them must reach them, or nobody.

use super::meter::{Meter, Metered};
use super::network::{BoxStream, Network};
use super::{SetupError, Target, USER_AGENT, words};
use bytes::{Bytes, BytesMut};
use forebay_core::{Clock, Time};
use futures_util::future::{Either, select};
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

/// The largest header block that is taken.
const HEAD_MAX: usize = 16 << 10;
/// How many bytes an answer may need beyond its head and body: interim answers and the framing of chunks.
const FRAMING_MAX: usize = 32 << 10;

/// How much is waited for, and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskLimits {
    /// The longest that name lookup and connecting may take together.
    pub connect: Duration,
    /// The longest that all may take, from the lookup to the last byte of the answer.
    pub whole: Duration,
    /// The longest body, in bytes.
    pub body: usize,
}

/// A request without a body.
#[derive(Clone, Debug)]
pub struct Question {
    target: Target,
    request: Request<()>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The network says that nobody takes connections there: refused, or no route.
    #[error("{0}")]
    Nobody(String),
    /// Nothing came back to the attempt to connect.
    #[error("no connection within {0:?}")]
    Unconnected(Duration),
    /// The answer did not come, or not to its end, in time.
    #[error("no whole answer within {0:?}")]
    Late(Duration),
    /// The body is longer than this many bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// Something else went wrong: the name is unknown, the connection broke, or what came back is not HTTP.
    #[error("{0}")]
    Broken(String),
}

impl Question {
    /// `method` on `path`, which begins with a slash and may have a query. Fails if path or target cannot stand in a request.
    pub fn new(method: Method, target: &Target, path: &str) -> Result<Self, SetupError> {
        let path: PathAndQuery = path.parse().map_err(http::Error::from)?;
        let authority = target.authority().map_err(http::Error::from)?;
        // Some services compare the name that they are called by, and theirs is without the default port.
        let host = authority.as_str();
        let host =
            HeaderValue::from_str(host.strip_suffix(":80").unwrap_or(host)).map_err(http::Error::from)?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host);
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = path.into();
        *request.headers_mut() = headers;
        Ok(Question {
            target: target.clone(),
            request,
        })
    }

    /// With this header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Asks, and reads the answer, whatever its status: a redirect is an answer like any other. May be dropped at any time,
    /// which closes the connection.
    pub async fn ask(
        self,
        network: &dyn Network,
        clock: &Clock,
        limits: AskLimits,
    ) -> Result<Response<Bytes>, AskError> {
        let now = clock.now();
        let end = now.after(limits.whole);
        let connected = end.min(now.after(limits.connect));
        let io = in_time(clock, connected, connect(network, &self.target)).await;
        let io = io.ok_or(AskError::Unconnected(limits.connect.min(limits.whole)))??;
        let answer = in_time(clock, end, exchange(io, self.request, limits.body)).await;
        answer.unwrap_or(Err(AskError::Late(limits.whole)))
    }
}

/// What `work` comes to, unless it is not done at `end`.
async fn in_time<T>(clock: &Clock, end: Time, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), clock.sleep_until(end)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

/// A connection to the first address that takes one.
async fn connect(network: &dyn Network, target: &Target) -> Result<BoxStream, AskError> {
    let (host, port) = match target {
        Target::Tcp { host, port } => (host, *port),
        Target::Unix(path) => return network.connect_unix(path).await.map_err(not_connected),
    };
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![(address, port).into()],
        Err(_) => network.resolve(host, port).await.map_err(not_connected)?,
    };
    let mut last = AskError::Broken("the name has no address".to_owned());
    for address in addresses {
        match network.connect(address).await {
            Ok(io) => return Ok(io),
            Err(error) => last = not_connected(error),
        }
    }
    Err(last)
}

fn not_connected(error: io::Error) -> AskError {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let why = words("cannot connect", &error);
    match error.kind() {
        ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable => AskError::Nobody(why),
        _ => AskError::Broken(why),
    }
}

/// Sends the request and reads its answer; the connection lives as long as this takes.
async fn exchange(io: BoxStream, request: Request<()>, limit: usize) -> Result<Response<Bytes>, AskError> {
    let most = AtMost(limit.saturating_add(HEAD_MAX + FRAMING_MAX));
    let io = TokioIo::new(Metered::new(io, most));
    let made = http1::Builder::new().max_buf_size(HEAD_MAX).handshake(io).await;
    let (mut sender, connection) = made.map_err(|error| broken(&error))?;
    let answer = pin!(async move {
        let request = request.map(|()| Empty::<Bytes>::new());
        let response = sender.send_request(request).await;
        whole(response.map_err(|error| broken(&error))?, limit).await
    });
    match select(answer, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection ends once all of the answer is handed on, or with an error that the answer tells.
        Either::Right((_, answer)) => answer.await,
    }
}

async fn whole(response: Response<Incoming>, limit: usize) -> Result<Response<Bytes>, AskError> {
    let (head, mut incoming) = response.into_parts();
    if announced(&head.headers).is_some_and(|length| length > limit) {
        return Err(AskError::TooLong(limit));
    }
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(piece) = frame.data_ref() else {
            continue;
        };
        if body.len() + piece.len() > limit {
            return Err(AskError::TooLong(limit));
        }
        body.extend_from_slice(piece);
    }
    Ok(Response::from_parts(head, body.freeze()))
}

/// The length that the head says the body has.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn broken(error: &hyper::Error) -> AskError {
    AskError::Broken(words("no answer", error))
}

/// How many bytes may still come: a server that never gets to the end of a head, or of a chunk's extensions, is cut off.
struct AtMost(usize);

impl Meter for AtMost {
    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(io::Error::other("the answer does not end")),
        }
        Ok(())
    }

    fn went(&mut self, _: usize) {}
}
