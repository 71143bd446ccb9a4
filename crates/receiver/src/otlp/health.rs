//! gRPC's health service (`grpc.health.v1`): whether this receiver takes requests, for probes and load balancers. It answers
//! everybody, and says of a signal's service whether a pipeline takes the signal.

use super::door::Door;
use super::wire::put_number;
use bytes::Bytes;
use forebay_core::{Phase, Signal};
use forebay_otlp::Cursor;
use forebay_transport::server::grpc;
use forebay_transport::status::{Code, Status};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;

/// The name of the service.
pub(super) const SERVICE: &str = "grpc.health.v1.Health";

/// `HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Serving {
    Yes = 1,
    No = 2,
    /// There is no such service, which only a watcher is told in this way.
    Unknown = 3,
}

/// Answers the call `Check`, whose message is `request`.
pub(super) fn check(door: &Door, request: &[u8]) -> Result<Vec<u8>, Status> {
    let service = service_of(request)?;
    match serving(door, service) {
        Serving::Unknown => Err(Status::new(Code::NotFound, "there is no such service")),
        serving => Ok(response(serving)),
    }
}

/// Answers the call `Watch`: what is now, and once more when the process drains. Then the stream ends.
pub(super) fn watch(
    door: &Arc<Door>,
    request: &[u8],
) -> Result<BoxStream<'static, Result<Bytes, Status>>, Status> {
    let now = serving(door, service_of(request)?);
    let first = stream::once(async move { Ok(grpc::frame(&response(now))) });
    let ending: BoxFuture<'static, Serving> = {
        let shutdown = door.context.node.shutdown.clone();
        Box::pin(async move {
            shutdown.draining().await;
            match now {
                Serving::Unknown => Serving::Unknown,
                _ => Serving::No,
            }
        })
    };
    let last = stream::once(ending).flat_map(move |then| {
        let changed = (then != now).then(|| Ok(grpc::frame(&response(then))));
        let end = Err(Status::new(Code::Unavailable, "the process is shutting down"));
        stream::iter(changed.into_iter().chain([end]))
    });
    Ok(first.chain(last).boxed())
}

fn serving(door: &Door, service: &str) -> Serving {
    let context = &door.context;
    let signal = match service {
        "" | SERVICE => None,
        name => match Signal::ALL
            .into_iter()
            .find(|signal| super::grpc::service(*signal) == name)
        {
            Some(signal) => Some(signal),
            None => return Serving::Unknown,
        },
    };
    let running = context.node.shutdown.phase() == Phase::Running;
    let taken = signal.is_none_or(|signal| context.accepts.contains(signal));
    if running && taken {
        Serving::Yes
    } else {
        Serving::No
    }
}

/// `HealthCheckRequest.service`.
fn service_of(request: &[u8]) -> Result<&str, Status> {
    let malformed = |_| Status::new(Code::InvalidArgument, "not a HealthCheckRequest");
    let (mut cursor, mut service) = (Cursor::new(request), &b""[..]);
    while let Some(field) = cursor
        .next_field()
        .map_err(|error| malformed(error.to_string()))?
    {
        if let (1, Some(name)) = (field.number, field.bytes()) {
            service = name;
        }
    }
    std::str::from_utf8(service).map_err(|error| malformed(error.to_string()))
}

/// `HealthCheckResponse`.
fn response(serving: Serving) -> Vec<u8> {
    let mut message = Vec::with_capacity(2);
    put_number(&mut message, 1, serving as u64);
    message
}
