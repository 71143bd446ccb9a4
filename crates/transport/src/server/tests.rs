mod hostile;
mod rest;

use super::body::{Announced, Chunks, collect};
use super::window::{Window, size};
use super::*;
use crate::compression::{Compressors, Encoding};
use ::http::HeaderMap;
use bytes::{BufMut, Bytes};
use forebay_core::component::NodeContext;
use forebay_core::settings::{Count, Period, Size};
use forebay_core::{
    Clock, Health, Lease, Ledger, NodeId, Phase, ShutdownTrigger, Spawn, Tasks, Time, TimeSource,
};
use forebay_testkit::SimulatedClock;
use futures_util::future::BoxFuture;
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, DuplexStream};

/// A body of these chunks, after which it ends or waits for ever.
struct Script {
    chunks: VecDeque<Bytes>,
    ends: bool,
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.chunks.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn script(bytes: &[u8], chunk: usize) -> Script {
    let chunks = bytes.chunks(chunk.max(1)).map(Bytes::copy_from_slice).collect();
    Script { chunks, ends: true }
}

/// Time that jumps to where somebody waits for it. Counts who does.
#[derive(Default)]
struct Hasty {
    now: Mutex<Time>,
    waits: AtomicUsize,
}

impl TimeSource for Hasty {
    fn now(&self) -> Time {
        *self.now.lock().unwrap()
    }
    fn unix_nanos(&self) -> u64 {
        0
    }
    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let mut now = self.now.lock().unwrap();
        *now = until.max(*now);
        Box::pin(std::future::ready(()))
    }
}

#[derive(Default)]
struct TestTasks(Mutex<tokio::task::JoinSet<()>>);

impl Spawn for TestTasks {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().spawn(task);
    }
}

fn node(budget: u64, clock: Clock) -> (NodeContext, ShutdownTrigger) {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let node = NodeContext {
        node: NodeId(0),
        name: "server".into(),
        clock,
        tasks: Tasks::new(Arc::new(TestTasks::default())),
        ledger: Ledger::new(budget),
        shutdown,
        health: Health::default(),
        reloads: Arc::default(),
        instruments: Default::default(),
    };
    (node, trigger)
}

fn admission(max_bytes: usize) -> Admission {
    Admission {
        ledger: Ledger::new(64 << 20),
        clock: Clock::system(),
        max_bytes,
        pace: BodyPace::default(),
        buffers: Buffers::for_budget(64 << 20),
        workbench: Workbench::default(),
    }
}

/// Answers a call with its own message.
#[derive(Default)]
struct Echo {
    turned_away: AtomicUsize,
}

impl Service for Echo {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, _: Connection) -> Response<Reply> {
        let (head, body) = request.into_parts();
        match grpc::read(&head.headers, body, &admission(1 << 20)).await {
            Ok(message) => grpc::succeed(grpc::frame(&message.bytes)),
            Err(refusal) => grpc::fail(&refusal.status()),
        }
    }

    fn turned_away(&self, _: Reason) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
}

fn settings() -> ServerSettings {
    ServerSettings {
        protocol: Protocol::Http2,
        limits: LimitsConfig::default(),
        tls: None,
    }
}

fn serve(node: &NodeContext, service: &Arc<Echo>) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (node, service) = (node.clone(), Arc::clone(service));
    let task = async move { serve_stream(theirs, service, Origin::default(), &node, settings()).await };
    (ours, tokio::spawn(task))
}

#[test]
fn many_connections_fit_a_small_budget_and_few_have_large_windows() {
    for (budget, connections) in [(64 << 20, 70), (256 << 20, 240), (2 << 30, 1700)] {
        let ledger = Ledger::new(budget);
        let windows: Vec<_> = (0..connections).map(|_| Window::open(&ledger).unwrap()).collect();
        assert!(ledger.read().connections <= ledger.read().leasable / 4);
        assert!(windows[0].size() >= 200_000);
        assert_eq!(windows[connections - 1].size(), 65_535);
    }
    assert_eq!(size(2 << 30, 2 << 30), 4 << 20);
    assert_eq!(size(0, 2 << 30), 65_535);
}

#[tokio::test]
async fn a_call_over_the_in_memory_twin_is_answered_and_the_drain_ends_it() {
    let (node, trigger) = node(64 << 20, Clock::system());
    let service = Arc::new(Echo::default());
    let (stream, served) = serve(&node, &service);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let client = tokio::spawn(connection);
    let request = Request::post("http://memory/any")
        .header("content-type", "application/grpc")
        .body(Full::new(grpc::frame(&[7; 100_000])));
    let response = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let answer = response.into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(answer.to_bytes(), grpc::frame(&[7; 100_000]));
    assert!(node.ledger.read().connections > 0);

    trigger.advance(Phase::Draining);
    served.await.unwrap();
    assert_eq!(node.ledger.read().used, 0);
    drop(sender);
    client.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_without_memory_is_closed_and_counted() {
    let (node, _trigger) = node(100 << 10, Clock::system());
    let service = Arc::new(Echo::default());
    let (mut stream, served) = serve(&node, &service);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    served.await.unwrap();
    assert_eq!(service.turned_away.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let (node, _trigger) = node(64 << 20, Clock::new(Arc::new(Hasty::default())));
    let (_stream, served) = serve(&node, &Arc::new(Echo::default()));
    served.await.unwrap();
    assert_eq!(node.ledger.read().used, 0);
}

#[tokio::test]
async fn a_body_that_stalls_is_refused_when_it_is_late() {
    let hasty = Arc::new(Hasty::default());
    let clock = Clock::new(Arc::clone(&hasty) as Arc<dyn TimeSource>);
    let pace = LimitsConfig::default().body_pace();
    let body = Script {
        chunks: VecDeque::from([Bytes::from_static(b"abc")]),
        ends: false,
    };
    let mut chunks = Chunks::new(body, &clock, pace);
    assert_eq!(chunks.next().await, Ok(Some(Bytes::from_static(b"abc"))));
    let waits = || hasty.waits.load(Ordering::Relaxed);
    assert_eq!(waits(), 0, "no timer for what is there");
    assert_eq!(chunks.next().await, Err(Refusal::Stalled));
    assert_eq!(waits(), 1);
    assert_eq!(clock.now(), Time(Duration::from_millis(10_002)));
}

/// A body of which `bytes` come each second, for ever; the seconds go by on `clock`.
struct Trickle {
    clock: Clock,
    bytes: usize,
    wait: Option<BoxFuture<'static, ()>>,
}

impl http_body::Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let clock = self.clock.clone();
        let wait = self
            .wait
            .get_or_insert_with(|| clock.sleep(Duration::from_secs(1)));
        std::task::ready!(wait.as_mut().poll(context));
        self.wait = None;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; self.bytes])))))
    }
}

/// How long a body that trickles is read before it is refused.
async fn patience_for(bytes: usize, pace: BodyPace) -> Duration {
    let time = SimulatedClock::default();
    let clock = time.clock();
    let body = Trickle {
        clock: clock.clone(),
        bytes,
        wait: None,
    };
    let began = clock.now();
    let mut chunks = Chunks::new(body, &clock, pace);
    let read = async {
        loop {
            if let Err(refusal) = chunks.next().await {
                return refusal;
            }
        }
    };
    let time_passes = async {
        loop {
            time.skip_to_next().await;
        }
    };
    let refusal = tokio::select! {
        refusal = read => refusal,
        () = time_passes => unreachable!("it has no end"),
    };
    assert_eq!(refusal, Refusal::Stalled);
    clock.now().since(began)
}

#[tokio::test]
async fn a_body_must_keep_its_rate_and_end_in_time() {
    let pace = LimitsConfig::default().body_pace();
    let (slow, fast) = (patience_for(100, pace).await, patience_for(2000, pace).await);
    let about = |seconds: u64| Duration::from_secs(seconds)..Duration::from_secs(seconds + 2);
    assert!(about(10).contains(&slow), "{slow:?}");
    assert!(about(60).contains(&fast), "{fast:?}");
    let any = BodyPace { rate: 0, ..pace };
    assert!(about(60).contains(&patience_for(1, any).await));
}

async fn collected(first: &Bytes, rest: Script, wire: usize) -> Result<Message, Refusal> {
    let clock = Clock::system();
    let mut chunks = Chunks::new(rest, &clock, BodyPace::default());
    let buffers = Buffers::for_budget(1 << 20);
    let announced = Announced {
        encoding: Encoding::Identity,
        wire: Some(wire),
        limit: 1 << 20,
        lease: Lease::none(),
        buffers: &buffers,
        workbench: &Workbench::default(),
    };
    collect(first.clone(), &mut chunks, announced).await
}

#[tokio::test]
async fn a_large_frame_is_kept_and_a_small_one_copied() {
    for (length, kept) in [(64 << 10, true), ((64 << 10) - 1, false), (1, false)] {
        let frame = Bytes::from(vec![1; length]);
        let message = collected(&frame, script(b"", 1), length).await.unwrap();
        assert_eq!(message.bytes, frame);
        assert_eq!(message.bytes.as_ptr() == frame.as_ptr(), kept, "{length}");
    }
}

#[tokio::test]
async fn a_body_longer_or_shorter_than_announced_is_refused() {
    let first = Bytes::from_static(b"0123456789");
    let long = Refusal::Malformed("bytes after the end of the message");
    assert_eq!(collected(&first, script(b"", 1), 9).await.unwrap_err(), long);
    assert_eq!(collected(&first, script(b"x", 1), 10).await.unwrap_err(), long);
    assert_eq!(collected(&first, script(b"xyz", 2), 12).await.unwrap_err(), long);
    let short = Refusal::Malformed("the body ends before the message does");
    assert_eq!(collected(&first, script(b"x", 1), 12).await.unwrap_err(), short);
}

#[tokio::test]
async fn property_a_call_is_the_same_in_whatever_chunks_it_comes() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let compressors = Compressors::new();
    for _ in 0..200 {
        let length = random.usize(..3000);
        let message: Vec<u8> = (0..length).map(|_| random.u8(..8)).collect();
        let encodings = [
            Encoding::Identity,
            Encoding::Gzip,
            Encoding::Zstd,
            Encoding::Deflate,
        ];
        let encoding = encodings[random.usize(..4)];
        let wire = compressors
            .compress(encoding, 1, &[message.clone().into()])
            .unwrap();
        let mut framed = vec![u8::from(encoding != Encoding::Identity)];
        framed.put_u32(u32::try_from(wire.len()).unwrap());
        framed.extend_from_slice(&wire);
        let mut headers = HeaderMap::new();
        headers.insert("grpc-encoding", encoding.as_str().parse().unwrap());
        let admission = admission(4000);
        let body = script(&framed, random.usize(1..200));
        let read = grpc::read(&headers, body, &admission).await.unwrap();
        assert_eq!(read.bytes, message, "{encoding:?}");
        assert!(read.lease.bytes() >= length as u64);
        drop(read);
        assert_eq!(admission.ledger.read().used, 0);

        let cut = random.usize(..framed.len());
        let body = script(&framed[..cut], random.usize(1..200));
        grpc::read(&headers, body, &admission).await.unwrap_err();
        assert_eq!(admission.ledger.read().used, 0);
    }
}

#[test]
fn content_types_are_told_apart() {
    let grpc = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", value.parse().unwrap());
        (grpc::is_grpc(&headers), http::Format::of(&headers))
    };
    assert!(grpc("application/grpc").0 && grpc("application/grpc+proto").0 && grpc("application/grpc;a=b").0);
    assert!(!grpc("application/grpc-web").0 && !grpc("application/grpc+json").0 && !grpc("text/plain").0);
    assert_eq!(
        grpc("Application/JSON; charset=utf-8").1,
        Some(http::Format::Json)
    );
    assert_eq!(grpc("application/x-protobuf").1, Some(http::Format::Protobuf));
    assert_eq!(grpc("application/grpc").1, None);
}

#[test]
fn buffers_are_used_again_up_to_a_bound() {
    let buffers = Buffers::for_budget(1 << 20);
    let mut buffer = buffers.take(20_000);
    buffer.extend(&[7; 20_000]);
    let bytes = buffer.freeze();
    let place = bytes.as_ptr();
    let slice = bytes.slice(10..20);
    drop(bytes);
    let other = buffers.take(20_000);
    assert_ne!(
        other.as_ref().as_ptr(),
        place,
        "a slice still points into the first"
    );
    assert_eq!(&slice[..], [7; 10]);
    drop(slice);
    let again = buffers.take(19_000);
    assert_eq!(
        (again.as_ref().as_ptr(), again.len()),
        (place, 0),
        "a body of like size takes it over, empty"
    );
    drop((other, again));
    let many: Vec<_> = (0..10).map(|_| buffers.take(16_384)).collect();
    drop(many);
    assert!(
        buffers.kept() <= 1 << 16,
        "a sixteenth of the budget, whatever was given back"
    );
}

#[test]
fn property_a_buffer_is_at_most_an_eighth_larger_than_its_body() {
    for len in (0..200_000).step_by(37).chain([1 << 20, (1 << 20) + 1, 64 << 20]) {
        let capacity = buffers::capacity_for(len);
        assert!(
            len <= capacity && capacity <= len + len / 8 + 1,
            "{len} -> {capacity}"
        );
    }
}

#[test]
fn limits_outside_their_bounds_are_named() {
    assert!(LimitsConfig::default().check().is_empty());
    let wrong = LimitsConfig {
        max_connections: Count(0),
        handshake_timeout: Period(Duration::ZERO),
        header_timeout: Period(Duration::ZERO),
        max_concurrent_streams: Count(1 << 17),
        max_header_bytes: Size(1000),
        max_control_frames: Count(9),
        ..LimitsConfig::default()
    };
    let mut named: Vec<_> = wrong
        .check()
        .iter()
        .map(|problem| problem.path.join("."))
        .collect();
    named.sort();
    assert_eq!(
        named,
        [
            "limits.handshake_timeout",
            "limits.header_timeout",
            "limits.max_concurrent_streams",
            "limits.max_connections",
            "limits.max_control_frames",
            "limits.max_header_bytes",
        ]
    );
}

#[tokio::test]
async fn a_unix_socket_replaces_a_stale_file_and_no_other_and_goes_with_its_server() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = format!("unix://{}", path.display());
    let bind = || Listener::bind(&address);
    let complaint = || bind().unwrap_err().to_string();

    std::fs::write(&path, "precious").unwrap();
    assert!(complaint().contains("not a socket"));
    std::fs::remove_file(&path).unwrap();

    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a process that was killed leaves its file");
    let listener = bind().unwrap();
    assert_eq!(listener.local_addr().unwrap().to_string(), address);
    assert_eq!(listener.local_addr().unwrap().tcp(), None);
    let there = std::fs::metadata(&path).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o777, 0o660);
    assert!(complaint().contains("another process listens"));

    let (node, trigger) = node(64 << 20, Clock::system());
    let service = Arc::new(Echo::default());
    let served = tokio::spawn(listener.serve(Arc::clone(&service), node.clone(), settings()));
    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let client = tokio::spawn(connection);
    let request = Request::post("http://socket/any").body(Full::new(grpc::frame(b"hello")));
    let response = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        grpc::frame(b"hello")
    );
    trigger.advance(Phase::Draining);
    served.await.unwrap().unwrap();
    assert!(!path.exists());
    drop(sender);
    client.await.unwrap().unwrap();
}

#[test]
fn the_file_of_a_unix_socket_is_left_when_it_is_not_ours_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let ours = Listener::bind(&format!("unix://{}", path.display())).unwrap();
    std::fs::remove_file(&path).unwrap();
    let theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(ours);
    assert!(path.exists());
    drop(theirs);
    assert!(
        Listener::bind("unix://relative")
            .unwrap_err()
            .to_string()
            .contains("begins with a slash")
    );
}
