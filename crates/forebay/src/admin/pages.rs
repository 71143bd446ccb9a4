//! What each path answers.

use super::{Admin, cardinality, classic};
use crate::process;
use bytes::Bytes;
use forebay_telemetry::{CONTENT_TYPE, Exposition};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

const PATHS: &str = "/livez /readyz /metrics /status /status/cardinality /why/TRACE_ID";

impl Admin {
    /// Answers a request for a page.
    pub(super) fn page<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !["/", "/livez", "/readyz", "/metrics", "/status", cardinality::PATH].contains(&path) {
            return text(StatusCode::NOT_FOUND, &format!("no such page: {PATHS}\n"));
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/livez" => self.live(),
            "/readyz" => self.ready(),
            "/metrics" => self.metrics(request.headers()),
            "/status" => self.status(),
            cardinality::PATH => self.cardinality(request.uri().query().unwrap_or_default()),
            _ => text(StatusCode::OK, &format!("forebay admin: {PATHS}\n")),
        }
    }

    /// Live: the runtime turns, every worker moves, and no node has failed.
    fn live(&self) -> Response<Full<Bytes>> {
        if let Some(silence) = self.heart.silence() {
            let words = format!("the runtime has stood still for {} s\n", silence.as_secs());
            return text(StatusCode::SERVICE_UNAVAILABLE, &words);
        }
        if let Some(stuck) = self.running.stuck() {
            let words = format!("a worker of `{stuck}` has not come back from its component\n");
            return text(StatusCode::SERVICE_UNAVAILABLE, &words);
        }
        if self.running.healthy() {
            text(StatusCode::OK, "live\n")
        } else {
            text(
                StatusCode::SERVICE_UNAVAILABLE,
                "a node has failed: see /status\n",
            )
        }
    }

    /// Ready: at work, not draining, with room for data.
    fn ready(&self) -> Response<Full<Bytes>> {
        if self.running.ready() {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready: see /status\n")
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let mut out = Exposition::new();
        process::write_metrics(self.began, &mut out);
        self.running.write_metrics(&mut out);
        let body = out.finish();
        if classic::is_wanted(headers) {
            typed(
                StatusCode::OK,
                classic::CONTENT_TYPE,
                classic::from_open_metrics(&body),
            )
        } else {
            typed(StatusCode::OK, CONTENT_TYPE, body)
        }
    }

    fn status(&self) -> Response<Full<Bytes>> {
        json(&self.running.status())
    }
}

/// What is found, as JSON for people too.
pub(super) fn json(found: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_string_pretty(found) {
        Ok(body) => typed(StatusCode::OK, "application/json", body + "\n"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

pub(super) fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body.to_owned())
}

pub(super) fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
