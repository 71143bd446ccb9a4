//! The HTTP half of a destination.

use super::Export;
use super::sink::{Answer, Shared, partial_response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use forebay_core::Signal;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prost::Message;
use std::convert::Infallible;
use std::io::Read;
use std::sync::Arc;
use tokio::net::TcpListener;

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&shared), request));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is no news.
            let _ = connection.await;
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let signal = match head.uri.path() {
        "/v1/traces" => Signal::Traces,
        "/v1/metrics" => Signal::Metrics,
        "/v1/logs" => Signal::Logs,
        other => panic!("no such path: {other}"),
    };
    let Ok(body) = body.collect().await else {
        return Ok(Response::default());
    };
    let value = |name| {
        head.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
            .to_owned()
    };
    let (encoding, kind) = (value(header::CONTENT_ENCODING), value(header::CONTENT_TYPE));
    let body = decompress(&encoding, body.to_bytes());
    let take = || {
        shared.note(|taken| taken.encodings.push(encoding.clone()));
        match kind.as_str() {
            "application/json" => {
                let value = serde_json::from_slice(&body).unwrap();
                shared.note(|taken| taken.json.push((signal, value)));
            }
            _ => shared.record(Export::decode(signal, &body)),
        }
        // Full success is the empty message.
        Bytes::new()
    };
    let response = Response::builder().header(header::CONTENT_TYPE, &kind);
    let (response, body) = match shared.next_answer() {
        Answer::Take => (response, take()),
        Answer::TakeAfter(delay) => {
            tokio::time::sleep(delay).await;
            (response, take())
        }
        Answer::Hold => {
            shared.released().await;
            (response, take())
        }
        Answer::Partial(rejected, message) => {
            take();
            (response, partial_response(rejected, message))
        }
        Answer::Retry(delay) => {
            let seconds = delay.as_secs().to_string();
            let response = response.status(StatusCode::SERVICE_UNAVAILABLE);
            (response.header(header::RETRY_AFTER, seconds), Bytes::new())
        }
        Answer::Never(message) => (response.status(StatusCode::FORBIDDEN), status(7, message)),
        Answer::Blame(message) => (response.status(StatusCode::BAD_REQUEST), status(3, message)),
        Answer::Hang => std::future::pending().await,
    };
    Ok(response.body(Full::new(body)).unwrap())
}

/// What the body of a failure is.
fn status(code: i32, message: &str) -> Bytes {
    let status = tonic_types::pb::Status {
        code,
        message: message.to_owned(),
        details: Vec::new(),
    };
    status.encode_to_vec().into()
}

fn decompress(encoding: &str, body: Bytes) -> Bytes {
    match encoding {
        "" => body,
        "gzip" => {
            let mut plain = Vec::new();
            GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
            plain.into()
        }
        "zstd" => zstd::decode_all(&*body).unwrap().into(),
        other => panic!("no such compression: {other}"),
    }
}
