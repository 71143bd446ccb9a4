//! The HTTP/1.1 client: POST requests whose body is already encoded.

use super::answer::{Gathered, decoded};
use super::body::{OneFrame, Outgoing};
use super::dial::{Dialer, Surroundings};
use super::endpoint::Target;
use super::pool::{Loan, Pool};
use super::{CONNECT_TIMEOUT, CallError, RESPONSE_MAX, SetupError, words};
use bytes::Bytes;
use forebay_core::Ledger;
use http::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;

/// What an HTTP client is made from.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// What to connect to.
    pub target: Target,
    /// How many idle connections are kept.
    pub idle_connections: usize,
    /// Sent with every request, already checked: `content-type`, `content-encoding` and the user's own.
    pub headers: HeaderMap,
    /// The longest that name lookup and connecting may take.
    pub connect_timeout: Duration,
}

impl HttpSettings {
    /// One idle connection is kept, no headers of the user's own are sent; connecting may take [`CONNECT_TIMEOUT`].
    pub fn to(target: Target) -> Self {
        HttpSettings {
            target,
            idle_connections: 1,
            headers: HeaderMap::new(),
            connect_timeout: CONNECT_TIMEOUT,
        }
    }
}

/// A client of one HTTP server. Connections are opened when they are first needed, one for each request under way.
#[derive(Debug)]
pub struct HttpClient {
    pool: Pool,
    headers: HeaderMap,
    ledger: Ledger,
}

/// A path on the server, ready for requests.
#[derive(Clone, Debug)]
pub struct HttpRoute(Uri);

/// The server's answer.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed. An error if it cannot be read or is too long: the status stands all the same.
    pub body: Result<Bytes, CallError>,
}

/// How an exchange ended without an answer.
struct Failed {
    /// The request, if it never left.
    unsent: Option<Request<OneFrame>>,
    error: CallError,
    /// Whether the connection was at its end before anything came back.
    stale: bool,
}

impl HttpRoute {
    /// The route to `path`, which begins with a slash.
    pub fn new(path: &str) -> Result<Self, SetupError> {
        path.parse()
            .map(HttpRoute)
            .map_err(|error: http::uri::InvalidUri| http::Error::from(error).into())
    }
}

impl HttpClient {
    /// A client that is not connected yet. Fails if the target's host cannot stand in a header.
    pub fn new(settings: HttpSettings, surroundings: &Surroundings) -> Result<Self, SetupError> {
        let authority = settings.target.authority().map_err(http::Error::from)?;
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(authority.as_str()).map_err(http::Error::from)?;
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        headers.extend(settings.headers);
        let dialer = Dialer::new(settings.target, settings.connect_timeout, surroundings);
        Ok(HttpClient {
            pool: Pool::new(dialer, surroundings.clone(), settings.idle_connections),
            headers,
            ledger: surroundings.ledger.clone(),
        })
    }

    /// Posts the body that `slices` make up. Redirects are not followed. May be dropped at any time: the connection under
    /// the request is then closed.
    ///
    /// A connection that has served before may have been closed by the server just now. If nothing came back on one, the
    /// request is sent once more on a new one.
    pub async fn post(&self, route: &HttpRoute, slices: &[Bytes]) -> Result<HttpReply, CallError> {
        let loan = self.pool.lend().await?;
        let used = loan.used;
        match self.exchange(loan, self.request(route, slices)).await {
            Ok(reply) => Ok(reply),
            Err(failed) if used && (failed.stale || failed.unsent.is_some()) => {
                let request = failed.unsent.unwrap_or_else(|| self.request(route, slices));
                let loan = self.pool.open().await?;
                self.exchange(loan, request).await.map_err(|failed| failed.error)
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// Closes the idle connections.
    pub fn close(&self) {
        self.pool.close();
    }

    fn request(&self, route: &HttpRoute, slices: &[Bytes]) -> Request<OneFrame> {
        let mut request = Request::new(OneFrame(Some(Outgoing::plain(slices))));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = route.0.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    async fn exchange(&self, loan: Loan, request: Request<OneFrame>) -> Result<HttpReply, Failed> {
        let mut sender = loan.sender;
        let answer = sender.try_send_request(request).await;
        let answer = answer.map_err(|mut failed| Failed {
            unsent: failed.take_message(),
            stale: is_stale(failed.error()),
            error: CallError::unreachable(words("no answer", failed.error())),
        })?;
        self.pool.answered();
        let (head, mut incoming) = Response::into_parts(answer);
        let body = read_body(&mut incoming, &self.ledger).await;
        if body.is_ok() {
            self.pool.give_back(sender);
        }
        Ok(HttpReply {
            status: head.status,
            body: body.and_then(|body| decoded(&head.headers, "content-encoding", body, &self.ledger)),
            headers: head.headers,
        })
    }
}

/// Whether the server closed the connection before it answered.
fn is_stale(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_canceled() || error.is_closed()
}

async fn read_body(incoming: &mut Incoming, ledger: &Ledger) -> Result<Bytes, CallError> {
    let mut whole = Gathered::new(RESPONSE_MAX, ledger);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| CallError::unreachable(words("the answer broke off", &error)))?;
        if let Some(piece) = frame.data_ref() {
            whole.push(piece)?;
        }
    }
    Ok(whole.finish())
}
