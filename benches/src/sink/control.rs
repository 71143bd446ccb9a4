//! The control address: figures out, mode in.

use super::service::Reply;
use super::{Mode, Shared, mode, server};
use crate::Result;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

/// A control request at most: a log of about 10 million acknowledged requests.
const BODY_BYTES_MAX: usize = 256 << 20;

pub(super) fn start(shared: &Arc<Shared>, address: SocketAddr) -> Result<SocketAddr> {
    let listener = server::bind(address)?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
    let (status, text) = match dispatch(&shared, request).await {
        Ok(Some(text)) => (StatusCode::OK, text),
        Ok(None) => (
            StatusCode::NOT_FOUND,
            "GET /stats, POST /mode, POST /check\n".to_owned(),
        ),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let mut response = Response::new(Reply {
        data: Some(Bytes::from(text)),
        trailers: None,
    });
    *response.status_mut() = status;
    Ok(response)
}

async fn dispatch(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Option<String>> {
    let (head, body) = request.into_parts();
    let answer = match (&head.method, head.uri.path()) {
        (&Method::GET, "/stats") => serde_json::to_string(&shared.account.stats())?,
        (&Method::POST, "/mode") => {
            let wanted: Mode = serde_json::from_slice(&read(body).await?)?;
            let answer = serde_json::to_string(&wanted)?;
            mode::set(shared, wanted);
            answer
        }
        (&Method::POST, "/check") => {
            let body = read(body).await?;
            format!(
                "{{\"missing\":{}}}",
                missing(shared, std::str::from_utf8(&body)?)?
            )
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

async fn read(body: Incoming) -> Result<Bytes> {
    Ok(Limited::new(body, BODY_BYTES_MAX).collect().await?.to_bytes())
}

/// Reads lines of generator, first item number and number of items.
fn missing(shared: &Shared, log: &str) -> Result<u64> {
    let mut missing = 0;
    for line in log.lines() {
        let mut numbers = line.split(' ').map(str::parse::<u64>);
        let (Some(generator), Some(first), Some(items)) = (numbers.next(), numbers.next(), numbers.next())
        else {
            return Err(format!("not a line of the log: {line}").into());
        };
        missing += shared.account.missing(u16::try_from(generator?)?, first?, items?);
    }
    Ok(missing)
}
