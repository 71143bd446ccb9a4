//! The admin endpoint: `/livez`, `/readyz`, `/metrics`, `/status`.

use crate::process;
use bytes::Bytes;
use forebay_engine::Running;
use forebay_telemetry::{CONTENT_TYPE, Exposition};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Requests answered at once; more wait their turn in the backlog.
const CONNECTIONS: usize = 32;
/// How long a client may take to send its request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the endpoint tells of.
pub(crate) struct Admin {
    running: Arc<Running>,
    began: Instant,
}

impl Admin {
    pub(crate) fn new(running: Arc<Running>, began: Instant) -> Arc<Self> {
        Arc::new(Admin { running, began })
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/livez" => self.live(),
            "/readyz" => self.ready(),
            "/metrics" => self.metrics(),
            "/status" => self.status(),
            "/" => text(StatusCode::OK, "forebay admin: /livez /readyz /metrics /status\n"),
            _ => text(
                StatusCode::NOT_FOUND,
                "no such page: /livez /readyz /metrics /status\n",
            ),
        }
    }

    fn live(&self) -> Response<Full<Bytes>> {
        if self.running.healthy() {
            text(StatusCode::OK, "live\n")
        } else {
            text(
                StatusCode::SERVICE_UNAVAILABLE,
                "a node has failed: see /status\n",
            )
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if self.running.ready() {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready: see /status\n")
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut out = Exposition::new();
        process::write_metrics(self.began, &mut out);
        self.running.write_metrics(&mut out);
        typed(StatusCode::OK, CONTENT_TYPE, out.finish())
    }

    fn status(&self) -> Response<Full<Bytes>> {
        match serde_json::to_string_pretty(&self.running.status()) {
            Ok(body) => typed(StatusCode::OK, "application/json", body + "\n"),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        }
    }
}

/// Opens the endpoint's socket, so that a port in use is an error at start.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until dropped.
pub(crate) async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, most likely: they come back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| {
                let response = admin.answer(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .keep_alive(false);
            // A client that goes away in the middle is no news.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body.to_owned())
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
