//! The HTTP client: POST requests whose body is already encoded. HTTP/1.1 without TLS; under TLS HTTP/2 where the server
//! chooses it, and HTTP/1.1 where not.

use super::answer::{Gathered, decoded, gather};
use super::body::{OneFrame, Outgoing};
use super::dial::{Connected, Dialer, Surroundings};
use super::endpoint::Target;
use super::fleet::{Answer, Fleet};
use super::line::{Common, NoSeat};
use super::pool::{Loan, Pool};
use super::{CallError, ConnectSettings, RESPONSE_MAX, SetupError, words};
use crate::tls::Alpn;
use bytes::Bytes;
use forebay_core::Ledger;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What an HTTP client is made from.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// What to connect to.
    pub target: Target,
    /// How connections come to be.
    pub connect: ConnectSettings,
    /// How many idle HTTP/1.1 connections are kept.
    pub idle_connections: usize,
    /// Sent with every request, already checked: `content-type`, `content-encoding` and the user's own.
    pub headers: HeaderMap,
}

impl HttpSettings {
    /// One idle connection is kept, no headers of the user's own are sent.
    pub fn to(target: Target) -> Self {
        HttpSettings {
            target,
            connect: ConnectSettings::default(),
            idle_connections: 1,
            headers: HeaderMap::new(),
        }
    }
}

/// A client of one HTTP server. Connections are opened when they are first needed: with HTTP/1.1 one for each request under
/// way, with HTTP/2 one for all, or one for each address of the server's name.
#[derive(Debug)]
pub struct HttpClient {
    origin: (Scheme, Authority),
    /// Under TLS.
    fleet: Option<Fleet>,
    /// The server has chosen HTTP/1.1.
    older: AtomicBool,
    pool: Pool,
    /// Whether the proxy takes requests itself and wants their whole URL.
    forwarded: bool,
    /// Of HTTP/2 requests.
    headers: HeaderMap,
    /// Of HTTP/1.1 requests.
    older_headers: HeaderMap,
    ledger: Ledger,
}

/// A path on the server, ready for requests.
#[derive(Clone, Debug)]
pub struct HttpRoute(PathAndQuery);

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
    /// A client that is not connected yet. Fails if the target's host cannot stand in a header, or if the environment names a
    /// proxy that cannot be used.
    pub fn new(settings: HttpSettings, surroundings: &Surroundings) -> Result<Self, SetupError> {
        let way = (&settings.target, &settings.connect);
        let dialer = Arc::new(Dialer::new(way, false, surroundings)?);
        let secure = dialer.is_secure();
        let authority = settings.target.authority().map_err(http::Error::from)?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        headers.extend(settings.headers);
        let mut older_headers = headers.clone();
        let host = HeaderValue::from_str(authority.as_str()).map_err(http::Error::from)?;
        older_headers.insert(HOST, host);
        let proxy = dialer.forward_proxy();
        if let Some(value) = proxy.and_then(|proxy| proxy.authorization()) {
            older_headers.insert(PROXY_AUTHORIZATION, value.clone());
        }
        let common = Common {
            dialer: Arc::clone(&dialer),
            surroundings: surroundings.clone(),
            keepalive: settings.connect.keepalive,
            offer: Alpn::Any,
            calm: AtomicU32::new(0),
        };
        let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(HttpClient {
            origin: (scheme, authority),
            fleet: secure.then(|| Fleet::new(Arc::new(common), 1)),
            older: AtomicBool::new(false),
            forwarded: proxy.is_some(),
            pool: Pool::new(dialer, surroundings.clone(), settings.idle_connections),
            headers,
            older_headers,
            ledger: surroundings.ledger.clone(),
        })
    }

    /// Posts the body that `slices` make up, with `authorization` as the header of that name. Redirects are not followed.
    /// May be dropped at any time: the request is then cancelled, with HTTP/1.1 by closing the connection under it.
    ///
    /// A connection that has served before may have been closed by the server just now. If nothing came back on one, the
    /// request is sent once more on a new one.
    pub async fn post(
        &self,
        route: &HttpRoute,
        slices: &[Bytes],
        authorization: Option<&HeaderValue>,
    ) -> Result<HttpReply, CallError> {
        let outgoing = Posting {
            route,
            authorization,
            body: Outgoing::plain(slices),
        };
        let Some(fleet) = self
            .fleet
            .as_ref()
            .filter(|_| !self.older.load(Ordering::Relaxed))
        else {
            return self.post_older(&outgoing, None).await;
        };
        let uri = self.whole(route)?;
        let make = || post(uri.clone(), self.headers.clone(), authorization);
        match fleet.call(make, outgoing.body.clone()).await {
            Ok(answer) => self.read(answer).await,
            Err(NoSeat::Failed(error)) => Err(error),
            Err(NoSeat::Older(connected)) => {
                self.older.store(true, Ordering::Relaxed);
                self.post_older(&outgoing, connected).await
            }
        }
    }

    /// Closes the idle connections.
    pub fn close(&self) {
        self.pool.close();
        self.fleet.iter().for_each(Fleet::close);
    }

    /// Posts over HTTP/1.1: on `connected` if there is one.
    async fn post_older(
        &self,
        posting: &Posting<'_>,
        connected: Option<Connected>,
    ) -> Result<HttpReply, CallError> {
        let loan = match connected {
            Some(connected) => self.pool.adopt(connected).await?,
            None => self.pool.lend().await.inspect_err(|_| self.forget_version())?,
        };
        let used = loan.used;
        match self.exchange(loan, self.request(posting)?).await {
            Ok(reply) => Ok(reply),
            Err(failed) if used && (failed.stale || failed.unsent.is_some()) => {
                let request = match failed.unsent {
                    Some(request) => request,
                    None => self.request(posting)?,
                };
                let loan = self.pool.open().await.inspect_err(|_| self.forget_version())?;
                self.exchange(loan, request).await.map_err(|failed| failed.error)
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// No HTTP/1.1 connection comes to be: the next one lets the server choose again.
    fn forget_version(&self) {
        self.older.store(false, Ordering::Relaxed);
    }

    fn request(&self, posting: &Posting<'_>) -> Result<Request<OneFrame>, CallError> {
        let uri = match self.forwarded {
            true => self.whole(posting.route)?,
            false => Uri::from(posting.route.0.clone()),
        };
        let request = post(uri, self.older_headers.clone(), posting.authorization);
        Ok(request.map(|()| OneFrame(Some(posting.body.clone()))))
    }

    /// The whole URL, as HTTP/2 and proxies want it.
    fn whole(&self, route: &HttpRoute) -> Result<Uri, CallError> {
        let (scheme, authority) = self.origin.clone();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(scheme);
        parts.authority = Some(authority);
        parts.path_and_query = Some(route.0.clone());
        Uri::from_parts(parts).map_err(|error| CallError::Unusable(error.to_string().into()))
    }

    async fn exchange(&self, mut loan: Loan<'_>, request: Request<OneFrame>) -> Result<HttpReply, Failed> {
        let Some(sender) = loan.sender() else {
            return Err(Failed::without_connection(request));
        };
        let answer = sender.try_send_request(request).await;
        let answer = answer.map_err(|mut failed| Failed {
            unsent: failed.take_message(),
            stale: is_stale(failed.error()),
            error: CallError::unreachable(words("no answer", failed.error())),
        })?;
        loan.answered();
        let (head, mut incoming) = Response::into_parts(answer);
        let body = read_body(&mut incoming, &self.ledger).await;
        if body.is_ok() {
            loan.give_back();
        }
        Ok(self.reply(head, body))
    }

    /// Reads an answer over HTTP/2.
    async fn read(&self, mut answer: Answer) -> Result<HttpReply, CallError> {
        let body = gather(&mut answer.tail, RESPONSE_MAX, &self.ledger).await;
        Ok(self.reply(answer.head, body))
    }

    fn reply(&self, head: http::response::Parts, body: Result<Bytes, CallError>) -> HttpReply {
        HttpReply {
            status: head.status,
            body: body.and_then(|body| decoded(&head.headers, "content-encoding", body, &self.ledger)),
            headers: head.headers,
        }
    }
}

/// What is to be posted, over whichever version.
struct Posting<'a> {
    route: &'a HttpRoute,
    authorization: Option<&'a HeaderValue>,
    body: Outgoing,
}

impl Failed {
    fn without_connection(request: Request<OneFrame>) -> Self {
        Failed {
            unsent: Some(request),
            error: CallError::unreachable("no connection"),
            stale: true,
        }
    }
}

/// A POST request without its body.
pub(super) fn post(uri: Uri, headers: HeaderMap, authorization: Option<&HeaderValue>) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    if let Some(value) = authorization {
        request.headers_mut().insert(AUTHORIZATION, value.clone());
    }
    request
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
