//! OTLP/gRPC: three services with one method each.

use super::answer::partial_success;
use super::door::{Door, Refused, Taken};
use ::http::{Method, Request, Response};
use bytes::Bytes;
use forebay_core::{Origin, Reason, Signal};
use forebay_transport::server::{Connection, Incoming, Reply, Service, grpc};
use forebay_transport::status::{Code, Status};
use std::sync::Arc;

/// An empty message with its prefix.
const EMPTY: Bytes = Bytes::from_static(&[0; 5]);

/// Serves the gRPC port.
#[derive(Debug)]
pub(super) struct Grpc {
    door: Arc<Door>,
}

impl Grpc {
    pub(super) fn new(door: Arc<Door>) -> Self {
        Grpc { door }
    }

    async fn export(
        &self,
        signal: Signal,
        request: Request<Incoming>,
        origin: Arc<Origin>,
    ) -> Result<Taken, Refused> {
        let door = &self.door;
        door.check_open(signal)?;
        let (head, body) = request.into_parts();
        let message = grpc::read(&head.headers, body, &door.admission).await?;
        door.take(signal, message, origin).await
    }
}

impl Service for Grpc {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Connection) -> Response<Reply> {
        if request.method() != Method::POST || !grpc::is_grpc(request.headers()) {
            return grpc::unsupported_media_type();
        }
        let Some(signal) = route(request.uri().path()) else {
            return grpc::fail(&Status::new(Code::Unimplemented, "unknown method"));
        };
        let began = self.door.now();
        let origin = connection.origin;
        let outcome = self.export(signal, request, Arc::clone(&origin)).await;
        self.door.close(began, (signal, &origin), &outcome);
        match outcome {
            Ok(taken) => {
                let partial = partial_success(&taken);
                grpc::succeed(partial.map_or(EMPTY, |message| grpc::frame(&message)))
            }
            Err(refused) => grpc::fail(&refused.status),
        }
    }

    fn turned_away(&self, reason: Reason) {
        self.door.context.requests.refuse(reason);
    }
}

fn route(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}
