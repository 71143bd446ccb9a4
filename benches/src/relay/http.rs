//! The HTTP side of the relay: HTTP/1.1 in and out, bodies streamed through, a pool of connections to the target.

use crate::Result;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

type Body = Either<Incoming, Empty<Bytes>>;

#[derive(Clone)]
struct Target {
    client: Client<HttpConnector, Incoming>,
    address: String,
    host: HeaderValue,
}

/// Binds and starts to serve.
pub(super) fn start(listen: SocketAddr, to: &str) -> Result<SocketAddr> {
    let listener = super::bind(listen, false)?;
    let local = listener.local_addr()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let address = to.trim_start_matches("http://").to_owned();
    let host = HeaderValue::from_str(&address)?;
    tokio::spawn(accept(
        listener,
        Target {
            client,
            address,
            host,
        },
    ));
    Ok(local)
}

async fn accept(listener: TcpListener, target: Target) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, target.clone()));
    }
}

async fn connection(stream: TcpStream, target: Target) {
    // Without it answers are only slower.
    let _late = stream.set_nodelay(true);
    let service = service_fn(move |request| forward(target.clone(), request));
    // A connection that breaks is the sender's to notice.
    let _broken = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn forward(target: Target, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let uri = Uri::builder()
        .scheme("http")
        .authority(target.address.as_str())
        .path_and_query(request.uri().path());
    let Ok(uri) = uri.build() else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::HOST, target.host);
    match target.client.request(request).await {
        Ok(response) => Ok(response.map(Either::Left)),
        Err(_) => Ok(empty(StatusCode::BAD_GATEWAY)),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}
