//! The admin service as its clients see it: through `proto/forebay/admin/v1/admin.proto` and nothing else. Whatever that file
//! says has to be what the messages are, what goes over the wire, and what `/status` shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;
#[path = "../src/admin/wire.rs"]
mod wire;

use forebay_engine::{BackendStatus, DeliveryStatus, EdgeStatus, MemoryStatus, NodeStatus, Status, Tally};
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, SerializeOptions, Value as Field,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;
use support::{Process, config, config_into_the_void, root};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

/// Long enough for anything here on a busy machine; what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Streams at once.
const STREAMS: usize = 8;

fn pool() -> DescriptorPool {
    let folder = root().join("proto");
    let files = protox::compile(["forebay/admin/v1/admin.proto"], [folder]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
}

fn descriptor(message: &str) -> MessageDescriptor {
    pool()
        .get_message_by_name(&format!("forebay.admin.v1.{message}"))
        .unwrap()
}

/// A message as `/status` would show it: fields by their names, numbers as numbers, all that is not optional.
fn shown(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut out);
    message.serialize_with_options(&mut serializer, &options).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// What `/status` shows, as protobuf knows it: what is not set is left out, and an empty list is a list.
fn as_protobuf(mut status: Value) -> Value {
    let fields = status.as_object_mut().unwrap();
    fields.retain(|_, value| !value.is_null());
    for node in status["nodes"].as_array_mut().unwrap() {
        let node = node.as_object_mut().unwrap();
        node.entry("listens").or_insert(json!([]));
        node.entry("backends").or_insert(json!([]));
    }
    status
}

/// Asserts that every field of the message, and of those in it, is set to something, and that there are no others.
fn is_full(message: &DynamicMessage) {
    let name = message.descriptor().full_name().to_owned();
    assert_eq!(message.unknown_fields().count(), 0, "{name}");
    for field in message.descriptor().fields() {
        assert!(message.has_field(&field), "{}", field.full_name());
        match message.get_field(&field).as_ref() {
            Field::Message(inner) => is_full(inner),
            Field::List(items) => items.iter().filter_map(Field::as_message).for_each(is_full),
            Field::Map(items) => items.values().filter_map(Field::as_message).for_each(is_full),
            _ => {}
        }
    }
}

/// Not a number of any other type of protobuf: each turns it into something else.
const BIG: u64 = u64::MAX - 1000;

/// Tallies of which no two have a number in common, all of them from [`BIG`] on.
fn tally(first: u64) -> Tally {
    let first = BIG + first;
    Tally {
        received: first,
        copied: first + 1,
        entered: first + 2,
        left: first + 3,
        delivered: first + 4,
        refused: BTreeMap::from([("over_budget", first + 5), ("queue_full", first + 6)]),
        dropped: BTreeMap::from([("shutdown", first + 7)]),
        sampled_out: first + 8,
        held: first + 9,
        bytes_in: first + 10,
        bytes_out: first + 11,
        folded: first + 12,
    }
}

fn full() -> Status {
    Status {
        phase: "draining",
        healthy: true,
        ready: true,
        bottleneck: Some("out".to_owned()),
        total: tally(100),
        unaccounted: i64::MIN,
        memory: MemoryStatus {
            budget_bytes: BIG + 1,
            leasable_bytes: BIG + 2,
            leased_bytes: BIG + 3,
            leased_peak_bytes: BIG + 4,
            refusals: BIG + 5,
        },
        nodes: vec![NodeStatus {
            name: "out".to_owned(),
            role: "exporter",
            kind: "otlp_grpc",
            condition: "degraded",
            detail: Some("away".to_owned()),
            panics: BIG + 6,
            listens: vec!["127.0.0.1:1".to_owned(), "[::1]:2".to_owned()],
            delivery: Some(DeliveryStatus {
                circuit: "probing",
                in_flight: BIG + 12,
                in_flight_limit: BIG + 13,
                request_limit_bytes: Some(BIG + 14),
            }),
            backends: vec![BackendStatus {
                endpoint: "127.0.0.1:4317".to_owned(),
                condition: "degraded",
                detail: Some("gone".to_owned()),
                items: BIG + 15,
                bytes: BIG + 16,
                delivery: DeliveryStatus {
                    circuit: "open",
                    in_flight: BIG + 17,
                    in_flight_limit: BIG + 18,
                    request_limit_bytes: Some(BIG + 19),
                },
            }],
            signals: BTreeMap::from([("traces", tally(200)), ("logs", tally(300))]),
        }],
        edges: vec![EdgeStatus {
            to: "out".to_owned(),
            items: BIG + 7,
            items_max: BIG + 8,
            bytes: BIG + 9,
            bytes_max: BIG + 10,
            fill: 0.875,
            waiting_senders: BIG + 11,
            oldest_age_seconds: 1.5,
        }],
    }
}

#[test]
fn the_messages_are_as_the_proto_file_says_and_hold_all_that_status_shows() {
    let status = full();
    let wire = wire::Status::from(status.clone());
    let dynamic = DynamicMessage::decode(descriptor("Status"), &*wire.encode_to_vec()).unwrap();
    is_full(&dynamic);
    assert_eq!(shown(&dynamic), serde_json::to_value(&status).unwrap());
    assert_eq!(wire::Status::decode(&*dynamic.encode_to_vec()).unwrap(), wire);
}

#[test]
fn what_is_not_set_is_not_sent() {
    let mut status = full();
    status.bottleneck = None;
    status.nodes[0].detail = None;
    status.nodes[0].delivery.as_mut().unwrap().request_limit_bytes = None;
    status.nodes[0].listens.clear();
    status.nodes[0].backends[0].detail = None;
    status.nodes[0].backends[0].delivery.request_limit_bytes = None;
    let wire = wire::Status::from(status.clone());
    let dynamic = DynamicMessage::decode(descriptor("Status"), &*wire.encode_to_vec()).unwrap();
    let expected = as_protobuf(serde_json::to_value(&status).unwrap());
    assert_eq!(shown(&dynamic), expected);
}

#[test]
fn the_requests_are_as_the_proto_file_says() {
    assert_eq!(descriptor("GetStatusRequest").fields().count(), 0);
    assert!(wire::GetStatusRequest {}.encode_to_vec().is_empty());
    let request = wire::WatchStatusRequest {
        interval_milliseconds: u32::MAX,
    };
    let dynamic =
        DynamicMessage::decode(descriptor("WatchStatusRequest"), &*request.encode_to_vec()).unwrap();
    is_full(&dynamic);
    assert_eq!(shown(&dynamic), json!({ "interval_milliseconds": u32::MAX }));
}

#[test]
fn the_service_has_two_methods_and_one_of_them_streams() {
    let service = pool().get_service_by_name("forebay.admin.v1.Admin").unwrap();
    let methods: Vec<_> = service
        .methods()
        .map(|method| {
            let (input, output) = (method.input(), method.output());
            assert!(!method.is_client_streaming());
            format!(
                "{}({}) {} {}",
                method.name(),
                input.name(),
                output.name(),
                method.is_server_streaming()
            )
        })
        .collect();
    assert_eq!(
        methods,
        [
            "GetStatus(GetStatusRequest) Status false",
            "WatchStatus(WatchStatusRequest) Status true",
        ]
    );
}

/// Reads and writes messages by their descriptors.
#[derive(Clone)]
struct ByDescriptor(MessageDescriptor);

impl Codec for ByDescriptor {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = ByDescriptor;
    type Decoder = ByDescriptor;

    fn encoder(&mut self) -> ByDescriptor {
        self.clone()
    }

    fn decoder(&mut self) -> ByDescriptor {
        self.clone()
    }
}

impl Encoder for ByDescriptor {
    type Item = DynamicMessage;
    type Error = tonic::Status;

    fn encode(&mut self, item: DynamicMessage, out: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        item.encode(out).unwrap();
        Ok(())
    }
}

impl Decoder for ByDescriptor {
    type Item = DynamicMessage;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, tonic::Status> {
        Ok(Some(DynamicMessage::decode(self.0.clone(), from).unwrap()))
    }
}

/// A client that knows the proto file.
struct Client {
    grpc: tonic::client::Grpc<Channel>,
    pool: DescriptorPool,
}

impl Client {
    async fn of(process: &mut Process) -> Client {
        let address = process.address("admin", 0);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Client {
            grpc: tonic::client::Grpc::new(endpoint.connect().await.unwrap()),
            pool: pool(),
        }
    }

    /// A method of the service: its path, how to read its answers, and a request for it that is given in JSON.
    async fn prepare(
        &mut self,
        name: &str,
        request: Value,
    ) -> (PathAndQuery, ByDescriptor, Request<DynamicMessage>) {
        let service = self.pool.get_service_by_name("forebay.admin.v1.Admin").unwrap();
        let method = service.methods().find(|method| method.name() == name).unwrap();
        let path = format!("/{}/{name}", service.full_name()).parse().unwrap();
        let request = DynamicMessage::deserialize(method.input(), request).unwrap();
        self.grpc.ready().await.unwrap();
        (path, ByDescriptor(method.output()), Request::new(request))
    }

    async fn status(&mut self) -> Result<Value, tonic::Status> {
        let (path, codec, request) = self.prepare("GetStatus", json!({})).await;
        let answer = self.grpc.unary(request, path, codec).await?;
        Ok(shown(&answer.into_inner()))
    }

    async fn watch(&mut self, request: Value) -> Result<Streaming<DynamicMessage>, tonic::Status> {
        let (path, codec, request) = self.prepare("WatchStatus", request).await;
        let answer = self.grpc.server_streaming(request, path, codec).await?;
        Ok(answer.into_inner())
    }
}

/// The next state of a stream, or nothing at its end.
async fn next(states: &mut Streaming<DynamicMessage>) -> Option<Value> {
    let message = tokio::time::timeout(PATIENCE, states.message()).await.unwrap();
    message.unwrap().as_ref().map(shown)
}

#[tokio::test]
async fn both_methods_say_what_the_status_page_says() {
    let mut process = Process::listening(&config("", "type = \"null\"", ""));
    assert_eq!(process.send_span(), 200);
    process.status_until(|status| status["total"]["delivered"] == 1);
    let mut client = Client::of(&mut process).await;
    let mut states = client
        .watch(json!({ "interval_milliseconds": 100 }))
        .await
        .unwrap();
    loop {
        let before = process.status();
        let (got, watched) = (client.status().await.unwrap(), next(&mut states).await.unwrap());
        let watched_later = next(&mut states).await.unwrap();
        // A connection's memory may be given back meanwhile.
        if process.status() == before {
            assert_eq!(got, as_protobuf(before));
            assert_eq!(watched_later, got);
            assert_eq!(watched["nodes"], got["nodes"]);
            assert_eq!(got["nodes"][0]["signals"]["traces"]["received"], 1);
            return;
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_through_the_drain_and_ends_with_the_last_state() {
    let void = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut process = Process::listening(&config_into_the_void(void.local_addr().unwrap(), "50ms"));
    assert_eq!(process.send_span(), 200);
    let mut client = Client::of(&mut process).await;
    // The first state comes at once. After that the interval has no part: only the end of the process brings another.
    let mut states = client
        .watch(json!({ "interval_milliseconds": u32::MAX }))
        .await
        .unwrap();
    let first = next(&mut states).await.unwrap();
    assert_eq!(
        (&first["phase"], &first["total"]["held"]),
        (&json!("running"), &json!(1))
    );
    process.terminate();
    let last = next(&mut states).await.unwrap();
    assert_eq!(last["phase"], "stopped");
    assert_eq!(last["total"]["held"], 0);
    assert_eq!(last["total"]["dropped"], json!({ "shutdown": 1 }));
    assert_eq!(next(&mut states).await, None);
    assert_eq!(process.wait().code(), Some(3));
}

#[tokio::test]
async fn streams_are_limited_and_leave_room_for_probes() {
    let mut process = Process::listening(&config("", "type = \"null\"", ""));
    let mut client = Client::of(&mut process).await;
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        // Without an interval it is a second.
        open.push(client.watch(json!({})).await.unwrap());
    }
    let full = client.watch(json!({})).await.unwrap_err();
    assert_eq!(full.code(), Code::ResourceExhausted, "{full}");
    assert_eq!(process.ask("/livez").0, 200);
    assert_eq!(client.status().await.unwrap()["phase"], "running");
    open.pop();
    while let Err(status) = client.watch(json!({})).await {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    }
}

#[tokio::test]
async fn wrong_calls_are_refused_as_grpc_says() {
    let mut process = Process::listening(&config("", "type = \"null\"", ""));
    let mut client = Client::of(&mut process).await;
    let short = client
        .watch(json!({ "interval_milliseconds": 99 }))
        .await
        .unwrap_err();
    assert_eq!(
        (short.code(), short.message()),
        (Code::InvalidArgument, "interval_milliseconds is less than 100")
    );
    let (_, codec, request) = client.prepare("GetStatus", json!({})).await;
    let path = PathAndQuery::from_static("/forebay.admin.v1.Admin/SetStatus");
    let unknown = client.grpc.unary(request, path, codec).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    client.grpc = client.grpc.send_compressed(CompressionEncoding::Gzip);
    let compressed = client.status().await.unwrap_err();
    assert_eq!(
        (compressed.code(), compressed.message()),
        (Code::Unimplemented, "messages may not be compressed")
    );
    // What is gRPC by its type only is a request for a page.
    let (status, _, _) = support::exchange(
        process.address("admin", 0),
        "POST /forebay.admin.v1.Admin/GetStatus HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(status, 404);
}
