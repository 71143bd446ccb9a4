//! The gRPC port: OTLP's three services with one method each, health and reflection.

use super::answer::partial_success;
use super::door::{Caller, Door, Refused, Taken};
use super::{health, reflection};
use ::http::request::Parts;
use ::http::{HeaderMap, Method, Request, Response};
use bytes::Bytes;
use forebay_core::{Reason, Signal};
use forebay_transport::server::{Connection, Incoming, Reply, Service, grpc};
use forebay_transport::status::{Code, Status};
use std::sync::Arc;

/// An empty message with its prefix.
const EMPTY: Bytes = Bytes::from_static(&[0; 5]);

/// The name of the method of OTLP's services.
const EXPORT: &str = "Export";

/// Serves the gRPC port.
#[derive(Debug)]
pub(super) struct Grpc {
    door: Arc<Door>,
    health: bool,
    reflection: bool,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Export(Signal),
    CheckHealth,
    WatchHealth,
    Reflect,
}

/// The name of the service that takes `signal`.
pub(super) const fn service(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "opentelemetry.proto.collector.trace.v1.TraceService",
        Signal::Metrics => "opentelemetry.proto.collector.metrics.v1.MetricsService",
        Signal::Logs => "opentelemetry.proto.collector.logs.v1.LogsService",
    }
}

impl Grpc {
    pub(super) fn new(door: Arc<Door>, config: &super::GrpcConfig) -> Self {
        Grpc {
            door,
            health: config.health,
            reflection: config.reflection,
        }
    }

    /// Answers a call.
    pub(super) async fn answer(&self, request: Request<Incoming>, connection: Connection) -> Response<Reply> {
        let (head, body) = request.into_parts();
        match self.route(&head) {
            None => grpc::fail(&Status::new(Code::Unimplemented, "unknown method")),
            Some(Call::CheckHealth | Call::WatchHealth) => self.tell_health(&head, body).await,
            Some(call) => match self.door.identify(&head.headers, connection) {
                Err(denied) => {
                    let mut response = grpc::fail(&denied.status);
                    denied.challenge(response.headers_mut());
                    response
                }
                Ok(caller) => match call {
                    Call::Export(signal) => self.take(signal, &head.headers, body, &caller).await,
                    _ => grpc::stream(reflection::answer(&self.door, body)),
                },
            },
        }
    }

    /// What a call asks for, if it is served here.
    fn route(&self, head: &Parts) -> Option<Call> {
        let (service_name, method) = head.uri.path().strip_prefix('/')?.split_once('/')?;
        if method == EXPORT {
            let mut signals = Signal::ALL.into_iter();
            return signals
                .find(|signal| service(*signal) == service_name)
                .map(Call::Export);
        }
        match (service_name, method) {
            (health::SERVICE, "Check") if self.health => Some(Call::CheckHealth),
            (health::SERVICE, "Watch") if self.health => Some(Call::WatchHealth),
            (name, reflection::METHOD) if self.reflection => {
                reflection::SERVICES.contains(&name).then_some(Call::Reflect)
            }
            _ => None,
        }
    }

    async fn take(
        &self,
        signal: Signal,
        headers: &HeaderMap,
        body: Incoming,
        caller: &Caller,
    ) -> Response<Reply> {
        let began = self.door.now();
        let outcome = self.export(signal, headers, body, caller).await;
        self.door.close(began, (signal, caller), &outcome);
        match outcome {
            Ok(taken) => match partial_success(&taken) {
                None => grpc::succeed(EMPTY),
                Some(message) => grpc::succeed_with(headers, &message),
            },
            Err(refused) => grpc::fail(&refused.status),
        }
    }

    async fn export(
        &self,
        signal: Signal,
        headers: &HeaderMap,
        body: Incoming,
        caller: &Caller,
    ) -> Result<Taken, Refused> {
        let door = &self.door;
        door.check_open(signal)?;
        let message = grpc::read(headers, body, &door.admission).await?;
        door.take(signal, message, caller).await
    }

    async fn tell_health(&self, head: &Parts, body: Incoming) -> Response<Reply> {
        let request = match grpc::read(&head.headers, body, &self.door.admission).await {
            Ok(message) => message.bytes,
            Err(refusal) => return grpc::fail(&refusal.status()),
        };
        let answer = match self.route(head) {
            Some(Call::WatchHealth) => health::watch(&self.door, &request).map(grpc::stream),
            _ => health::check(&self.door, &request).map(|message| grpc::succeed(grpc::frame(&message))),
        };
        answer.unwrap_or_else(|status| grpc::fail(&status))
    }
}

impl Service for Grpc {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Connection) -> Response<Reply> {
        if request.method() != Method::POST || !grpc::is_grpc(request.headers()) {
            return grpc::unsupported_media_type();
        }
        self.answer(request, connection).await
    }

    fn turned_away(&self, reason: Reason) {
        self.door.context.requests.refuse(reason);
    }
}
