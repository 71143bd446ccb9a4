//! `otlp_http`: sends requests over OTLP/HTTP, as protobuf in the bytes that they came in, or as JSON.

mod config;
#[cfg(test)]
mod tests;

pub use config::{BodyEncoding, OtlpHttpConfig};

use crate::health::Reach;
use crate::otlp::{
    Opened, Packer, Proof, call_failed, clipped, count, headers, of_signal, permanent, receipt,
    receipt_with_warning, retryable,
};
use bytes::Bytes;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::{About, Bounds, ExporterDeclaration, ExporterFactory};
use forebay_core::{Clock, Fault, Lease, Ledger, Payload, Signal, SignalSet};
use forebay_otlp::json;
use forebay_transport::auth::Credentials;
use forebay_transport::client::{
    CallError, Endpoint, GrpcClient, HttpClient, HttpReply, HttpRoute, HttpSettings, Network, RESPONSE_MAX,
    Surroundings, SystemNetwork, Target,
};
use forebay_transport::compression::Encoding;
use forebay_transport::status::{Status, http_is_retryable, parse_retry_after};
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

/// What one HTTP/1.1 connection may hold: its read buffer and what is written before the body.
const CONNECTION_BYTES: u64 = 64 << 10;

/// What the HTTP/2 connections may hold together: one to each of the most addresses that are used, with its receive window and
/// what is written into frames.
const HTTP2_BYTES: u64 = GrpcClient::SPREAD as u64 * (128 << 10);

/// The longest body of a failure that is read for what it says.
const EXPLANATION_MAX: usize = 64 << 10;

/// Makes `otlp_http` exporters.
#[derive(Debug)]
pub struct OtlpHttp;

impl ExporterFactory for OtlpHttp {
    type Config = OtlpHttpConfig;

    const ABOUT: About = About {
        kind: "otlp_http",
        summary: "Sends traces, metrics and logs to an OTLP/HTTP server.",
        details: "For destinations and proxies that do not take gRPC; where both are offered, `otlp_grpc` needs fewer \
                  connections. With `encoding = \"proto\"` requests leave in the bytes that they came in.\n\n\
                  Retried: status 429, 502, 503 and 504, and whatever keeps the destination from answering. \
                  `Retry-After` is kept to in both its forms, up to 2 minutes. Redirects are not followed. Everything \
                  else is dropped and counted, and so are items that the destination reports as rejected (partial \
                  success).\n\n\
                  An `https` endpoint is reached under TLS (1.2 or 1.3), with `tls.cert_file` under mutual TLS, and over HTTP/2 \
                  if the server chooses it, else over HTTP/1.1. Certificates, keys and tokens are read again when their files \
                  change.\n\n\
                  Where a name stands for several addresses, they take turns. It is looked up again every `dns_refresh_interval` and \
                  whenever a connection fails or ends. Where a name has IPv6 and IPv4 addresses, the family is used that \
                  answers first.\n\n\
                  Uncompressed unless `compression` says otherwise.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &OtlpHttpConfig) -> ExporterDeclaration {
        let older = (config.connections.0 + config.max_in_flight.0) * CONNECTION_BYTES;
        let secure = config.endpoints().iter().any(|endpoint| endpoint.is_secure());
        let newer = if secure { HTTP2_BYTES } else { 0 };
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: config.delivery(),
            bounds: Bounds {
                items: 0,
                bytes: older.max(newer),
            },
            takes_custody: false,
        }
    }

    fn build(config: OtlpHttpConfig) -> Result<Box<dyn Exporter>, ComponentError> {
        build_on(config, Arc::new(SystemNetwork))
    }
}

/// The exporter over `network` in place of the machine's own: for tests that simulate one.
pub fn build_on(
    config: OtlpHttpConfig,
    network: Arc<dyn Network>,
) -> Result<Box<dyn Exporter>, ComponentError> {
    let packer = Packer::new(config.compression, config.compression_level);
    let mut headers = headers(&config.headers)?;
    let kind = match config.encoding {
        BodyEncoding::Proto => "application/x-protobuf",
        BodyEncoding::Json => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if packer.encoding() != Encoding::Identity {
        let name = packer.encoding().as_str();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    Ok(Box::new(Sender {
        config,
        network,
        headers,
        packer,
        running: OnceLock::new(),
    }))
}

#[derive(Debug)]
struct Sender {
    config: OtlpHttpConfig,
    network: Arc<dyn Network>,
    headers: HeaderMap,
    packer: Packer,
    running: OnceLock<Running>,
}

/// What there is from the start on.
#[derive(Debug)]
struct Running {
    ways: [Way; 3],
    credentials: Option<Credentials>,
    reach: Reach,
    ledger: Ledger,
    clock: Clock,
}

/// Where one signal goes.
#[derive(Debug)]
struct Way {
    client: Arc<HttpClient>,
    route: HttpRoute,
}

impl Sender {
    fn run(&self, context: &NodeContext) -> Result<Running, ComponentError> {
        let opened = self.config.connect_keys(&self.config.endpoints()).open(context)?;
        let mut clients = Vec::new();
        let mut way = |signal| self.way(signal, (context, &opened), &mut clients);
        let ways = [way(Signal::Traces)?, way(Signal::Metrics)?, way(Signal::Logs)?];
        Ok(Running {
            ways,
            credentials: opened.credentials,
            reach: Reach::new(context.health.clone()),
            ledger: context.ledger.clone(),
            clock: context.clock.clone(),
        })
    }

    /// Signals that go to the same place share its connections.
    fn way(
        &self,
        signal: Signal,
        around: (&NodeContext, &Opened),
        clients: &mut Vec<((Target, bool), Arc<HttpClient>)>,
    ) -> Result<Way, ComponentError> {
        let (endpoint, path) = self.destination(signal);
        let place = (endpoint.target(config::DEFAULT_PORT), endpoint.is_secure());
        let known = clients.iter().find(|(of, _)| *of == place);
        let client = match known {
            Some((_, client)) => Arc::clone(client),
            None => {
                let client = Arc::new(self.client(endpoint, around)?);
                clients.push((place, Arc::clone(&client)));
                client
            }
        };
        let route = HttpRoute::new(&path).map_err(ComponentError::new)?;
        Ok(Way { client, route })
    }

    fn client(
        &self,
        endpoint: &Endpoint,
        (context, opened): (&NodeContext, &Opened),
    ) -> Result<HttpClient, ComponentError> {
        let settings = HttpSettings {
            target: endpoint.target(config::DEFAULT_PORT),
            connect: opened.to(endpoint),
            idle_connections: count(self.config.connections),
            headers: self.headers.clone(),
        };
        HttpClient::new(settings, &Surroundings::on(context, Arc::clone(&self.network)))
            .map_err(ComponentError::new)
    }

    /// The endpoint and the path for a signal: its own URL as it stands, or the base with `/v1/{signal}` (OTLP exporter
    /// specification, "Endpoint URLs for OTLP/HTTP").
    fn destination(&self, signal: Signal) -> (&Endpoint, String) {
        let own = match signal {
            Signal::Traces => &self.config.traces_endpoint,
            Signal::Metrics => &self.config.metrics_endpoint,
            Signal::Logs => &self.config.logs_endpoint,
        };
        match own {
            Some(own) if own.path().is_empty() => (own, "/".to_owned()),
            Some(own) => (own, own.path().to_owned()),
            None => {
                let base = &self.config.endpoint;
                (base, format!("{}/v1/{signal}", base.path()))
            }
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Receipt, ExportError> {
        let running = self
            .running
            .get()
            .ok_or_else(|| retryable("the exporter is not started", None))?;
        // OTLP specification, "OTLP/HTTP Request": no empty envelopes.
        if request.payload.is_empty() {
            return Ok(Receipt::default());
        }
        let way = of_signal(&running.ways, request.signal);
        let (body, _lease) = self.body(request, &running.ledger)?;
        let outcome = running.post(way, body.slices()).await;
        let reply = outcome.map_err(|error| call_failed(error, &running.reach))?;
        running.reach.reached();
        running.judge(request.signal, reply)
    }

    /// The body in the configured encoding and compression, and the memory that it takes beside the payload.
    fn body(&self, request: &Request, ledger: &Ledger) -> Result<(Payload, Option<Lease>), ExportError> {
        let (plain, lease) = match self.config.encoding {
            BodyEncoding::Proto => (request.payload.clone(), None),
            BodyEncoding::Json => json_body(request, ledger)?,
        };
        if self.packer.encoding() == Encoding::Identity {
            return Ok((plain, lease));
        }
        let (packed, lease) = self.packer.pack(plain.slices(), ledger)?;
        Ok((packed.into(), Some(lease)))
    }
}

fn json_body(request: &Request, ledger: &Ledger) -> Result<(Payload, Option<Lease>), ExportError> {
    let mut text = Vec::new();
    json::from_protobuf(request.signal, &request.payload.contiguous(), &mut text).map_err(|error| {
        let words = format!("the request cannot be written as JSON: {error}");
        permanent(words, Fault::Content)
    })?;
    let lease = ledger.lease_unchecked(text.capacity() as u64);
    Ok((Bytes::from(text).into(), Some(lease)))
}

impl Running {
    async fn post(&self, way: &Way, slices: &[Bytes]) -> Result<HttpReply, CallError> {
        let mut proof = Proof::new(self.credentials.as_ref(), &self.clock);
        loop {
            let header = proof.header().await?;
            let reply = way.client.post(&way.route, slices, header.as_ref()).await?;
            if reply.status != StatusCode::UNAUTHORIZED || !proof.renew() {
                return Ok(reply);
            }
        }
    }

    /// What an answer means for the data (OTLP specification, "OTLP/HTTP Response").
    fn judge(&self, signal: Signal, reply: HttpReply) -> Result<Receipt, ExportError> {
        let HttpReply {
            status,
            headers,
            body,
        } = reply;
        if status.is_success() {
            return match body {
                Ok(body) => Ok(read_receipt(signal, &headers, &body)),
                // It broke off: what it would have said is not known.
                Err(error @ CallError::Unreachable { .. }) => Err(call_failed(error, &self.reach)),
                Err(error @ CallError::Unusable(_)) => Ok(receipt_with_warning(error)),
            };
        }
        let (words, delay) = explanation(&headers, &body.unwrap_or_default());
        let message = format!("HTTP status {status}{words}");
        if http_is_retryable(status) {
            Err(retryable(message, self.asked_delay(&headers).or(delay)))
        } else if status.is_redirection() {
            let message = format!("{message}: redirects are not followed{}", new_place(&headers));
            Err(permanent(message, Fault::Destination))
        } else {
            Err(permanent(message, fault(status)))
        }
    }

    fn asked_delay(&self, headers: &HeaderMap) -> Option<Duration> {
        let now = UNIX_EPOCH + Duration::from_nanos(self.clock.unix_nanos());
        parse_retry_after(headers.get(RETRY_AFTER)?, now)
    }
}

/// Whose fault a status that is not retryable is (RFC 9110, section 15.5).
fn fault(status: StatusCode) -> Fault {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Fault::Content,
        StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
        StatusCode::INTERNAL_SERVER_ERROR => Fault::Unclear,
        _ => Fault::Destination,
    }
}

/// Whether the body is of the type `wanted`, whatever its parameters.
fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let bare = kind.and_then(|kind| kind.split(';').next());
    bare.is_some_and(|bare| bare.trim().eq_ignore_ascii_case(wanted))
}

/// The receipt in the body of an answer that says success. A body of another type than OTLP's says nothing.
fn read_receipt(signal: Signal, headers: &HeaderMap, body: &[u8]) -> Receipt {
    if body.is_empty() {
        Receipt::default()
    } else if is_of_type(headers, "application/json") {
        match json::response_from_json(signal, body, RESPONSE_MAX) {
            Ok(response) => receipt(&response).unwrap_or_else(receipt_with_warning),
            Err(error) => receipt_with_warning(error),
        }
    } else if is_of_type(headers, "application/x-protobuf") {
        receipt(body).unwrap_or_else(receipt_with_warning)
    } else {
        Receipt::default()
    }
}

/// Where a redirect leads, for whoever reads the error: without user, password and query, which may be secret.
fn new_place(headers: &HeaderMap) -> String {
    let bare = |place: &str| {
        let place = place.split(['?', '#']).next().unwrap_or_default();
        let authority = place.split_once("//").map_or("", |(_, rest)| rest);
        let named = !authority.split('/').next().unwrap_or_default().contains('@');
        named.then(|| format!("; set the endpoint to where it leads: {}", clipped(place)))
    };
    let place = headers.get(LOCATION).and_then(|place| place.to_str().ok());
    place.and_then(bare).unwrap_or_default()
}

/// What the body of a failure says: a `google.rpc.Status` in the encoding of the request, or plain text; and the delay in it.
/// Of a long body nothing is read: its details could take many times as much memory.
fn explanation(headers: &HeaderMap, body: &[u8]) -> (String, Option<Duration>) {
    let body = if body.len() <= EXPLANATION_MAX { body } else { &[] };
    let status = if is_of_type(headers, "application/json") {
        Status::from_json(body)
    } else if is_of_type(headers, "application/x-protobuf") {
        Status::from_protobuf(body)
    } else {
        None
    };
    let delay = status.as_ref().and_then(|status| status.retry_after);
    let words = match (status, std::str::from_utf8(body)) {
        (Some(status), _) if status.message.is_empty() => String::new(),
        (Some(status), _) => format!(": {}", clipped(&status.message)),
        (None, Ok(text)) if is_of_type(headers, "text/plain") => format!(": {}", clipped(text.trim())),
        _ => String::new(),
    };
    (words, delay)
}

impl Exporter for Sender {
    fn start(&self, context: &NodeContext) -> Result<(), ComponentError> {
        let running = self.run(context)?;
        self.running
            .set(running)
            .map_err(|_| ComponentError::new("the exporter is started already"))
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(self.attempt(request))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(async {
            if let Some(running) = self.running.get() {
                running.ways.iter().for_each(|way| way.client.close());
            }
            Ok(())
        })
    }
}
