//! Tests of the clients: endpoints, bodies, and the life of connections; the rest in files of their own.

mod addresses;
mod ask;
mod hostile;
mod proxy;
mod rig;
mod secure;

use rig::{TestTasks, World, address, tcp};

use super::body::Outgoing;
use super::dial::Dialer;
use super::endpoint::{Endpoint, Target};
use super::{CallError, ConnectSettings, GrpcClient, GrpcMethod, GrpcSettings, Surroundings, SystemNetwork};
use crate::tls::Alpn;
use bytes::{Buf, Bytes};
use forebay_core::{Clock, Ledger, Phase, ShutdownTrigger, Spawn, Tasks, Time, TimeSource};
use futures_util::future::BoxFuture;
use std::io::IoSlice;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

fn endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse()
}

#[test]
fn endpoints_are_read() {
    for (text, target, path) in [
        ("http://localhost", tcp("localhost", 9), ""),
        ("http://localhost:4317", tcp("localhost", 4317), ""),
        ("http://localhost:4317/", tcp("localhost", 4317), ""),
        ("http://10.0.0.1:80/a/b/", tcp("10.0.0.1", 80), "/a/b"),
        ("http://[::1]:4317", tcp("::1", 4317), ""),
        ("http://[fe80::1]", tcp("fe80::1", 9), ""),
        ("unix:///run/a.sock", Target::Unix("/run/a.sock".into()), ""),
        ("unix:/run/a.sock", Target::Unix("/run/a.sock".into()), ""),
        ("https://a", tcp("a", 443), ""),
        ("https://a:4317/b", tcp("a", 4317), "/b"),
        ("dns:///a:4317", tcp("a", 4317), ""),
        ("dns:///a", tcp("a", 9), ""),
    ] {
        let read = endpoint(text).unwrap();
        assert_eq!((read.target(9), read.path()), (target, path), "{text}");
        assert_eq!(read.to_string(), text);
        assert_eq!(read.is_secure(), text.starts_with("https"), "{text}");
    }
}

#[test]
fn what_is_no_endpoint_is_refused() {
    for text in [
        "",
        "localhost",
        "localhost:4317",
        "grpc://a:1",
        "http://",
        "http://:1",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:x",
        "http://a b",
        "http://u:p@a",
        "http://a?x",
        "unix://run/a.sock",
        "unix:",
        "unix:///",
        "dns://8.8.8.8/a:1",
        "dns:a:1",
        "dns:///a/b",
    ] {
        assert!(endpoint(text).is_err(), "{text}");
    }
}

#[test]
fn an_authority_has_brackets_where_it_needs_them() {
    assert_eq!(tcp("::1", 4317).authority().unwrap().as_str(), "[::1]:4317");
    assert_eq!(tcp("host", 1).authority().unwrap().as_str(), "host:1");
    assert_eq!(
        Target::Unix("/x".into()).authority().unwrap().as_str(),
        "localhost"
    );
}

fn random_slices(random: &mut fastrand::Rng) -> Vec<Bytes> {
    let count = random.usize(0..6);
    (0..count)
        .map(|_| (0..random.usize(0..9)).map(|_| random.u8(..)).collect())
        .collect()
}

/// Reads `body` to its end in random steps, by single chunks or vectored, checking each step against `rest`.
fn drain(mut body: Outgoing, mut rest: &[u8], random: &mut fastrand::Rng) {
    loop {
        assert_eq!(body.remaining(), rest.len());
        assert!(rest.starts_with(body.chunk()));
        assert_eq!(body.chunk().is_empty(), rest.is_empty());
        let mut slots = [IoSlice::new(&[]); 4];
        let filled = body.chunks_vectored(&mut slots);
        let seen: Vec<u8> = slots[..filled].iter().flat_map(|slot| slot.to_vec()).collect();
        assert!(rest.starts_with(&seen));
        assert_eq!(seen.is_empty(), rest.is_empty());
        if rest.is_empty() {
            return;
        }
        let step = random.usize(0..=seen.len());
        body.advance(step);
        rest = &rest[step..];
    }
}

#[test]
fn property_a_body_is_its_prefix_and_slices_in_any_steps() {
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let slices = random_slices(&mut random);
        let whole = slices.concat();
        drain(Outgoing::plain(&slices), &whole, &mut random);
        let compressed = random.bool();
        let mut framed = vec![u8::from(compressed)];
        framed.extend_from_slice(&u32::try_from(whole.len()).unwrap().to_be_bytes());
        framed.extend_from_slice(&whole);
        drain(
            Outgoing::message(&slices, compressed).unwrap(),
            &framed,
            &mut random,
        );
    }
}

#[test]
fn nothing_is_read_past_the_end() {
    let mut body = Outgoing::plain(&[Bytes::from_static(b"abc")]);
    body.advance(9);
    assert_eq!((body.remaining(), body.chunk()), (0, &b""[..]));
}

// ------------------------------------------------------------------------------ connections

/// A clock that runs a thousand times as fast.
struct Hurried(std::time::Instant);

const HURRY: u32 = 1000;

impl TimeSource for Hurried {
    fn now(&self) -> Time {
        Time(self.0.elapsed() * HURRY)
    }

    fn unix_nanos(&self) -> u64 {
        7
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(until.since(self.now()) / HURRY))
    }
}

struct Rig {
    client: GrpcClient,
    method: GrpcMethod,
    tasks: Arc<TestTasks>,
    shutdown: ShutdownTrigger,
}

/// Connecting may take long: the clock runs fast.
fn patient() -> ConnectSettings {
    ConnectSettings {
        timeout: Duration::from_secs(100_000),
        ..ConnectSettings::default()
    }
}

fn surroundings(tasks: &Arc<TestTasks>) -> (Surroundings, ShutdownTrigger) {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let surroundings = Surroundings {
        clock: Clock::new(Arc::new(Hurried(std::time::Instant::now()))),
        tasks: Tasks::new(Arc::clone(tasks) as Arc<dyn Spawn>),
        shutdown,
        ledger: Ledger::new(1 << 20),
        network: Arc::new(SystemNetwork),
    };
    (surroundings, trigger)
}

fn rig(target: Target) -> Rig {
    let tasks = Arc::new(TestTasks::default());
    let (surroundings, trigger) = surroundings(&tasks);
    let settings = GrpcSettings {
        connect: patient(),
        ..GrpcSettings::to(target)
    };
    let client = GrpcClient::new(settings, &surroundings).unwrap();
    let method = client.method("/a.B/C").unwrap();
    Rig {
        client,
        method,
        tasks,
        shutdown: trigger,
    }
}

impl Rig {
    async fn call(&self) -> Result<super::GrpcReply, CallError> {
        self.client
            .call(&self.method, &[Bytes::from_static(b"x")], None)
            .await
    }

    async fn all_tasks_end(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.0.lock().unwrap());
        while tasks.join_next().await.is_some() {}
    }
}

/// Takes connections and then never reads them again: no answer to a request, none to a ping.
async fn deaf() -> (Target, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let deaf = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            held.push(h2::server::handshake(socket).await.unwrap());
        }
    });
    (tcp("127.0.0.1", address.port()), deaf)
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_pings_go_unanswered_is_given_up() {
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4317"));
    let caller = world.grpc("10.0.0.1", ConnectSettings::default());
    let deaf = async { h2::server::handshake(incoming.recv().await.unwrap()).await };
    let (outcome, _deaf) = tokio::join!(caller.call(), deaf);
    assert!(matches!(outcome, Err(CallError::Unreachable { .. })));
    // What never answered counts as unreachable: the next call does not wait for it again.
    let Err(CallError::Unreachable {
        message,
        after: Some(_),
    }) = caller.call().await
    else {
        panic!("a new connection was made at once");
    };
    assert!(message.contains("pings"), "{message}");
}

#[tokio::test]
async fn connections_end_when_the_process_stops() {
    let (target, _deaf) = deaf().await;
    let rig = rig(target);
    let mut call = pin!(rig.call());
    tokio::select! {
        biased;
        outcome = &mut call => panic!("{outcome:?}"),
        () = async { while rig.tasks.0.lock().unwrap().is_empty() { tokio::task::yield_now().await } } => {}
    }
    rig.shutdown.advance(Phase::Stopped);
    rig.all_tasks_end().await;
    assert!(matches!(call.await, Err(CallError::Unreachable { .. })));
}

#[tokio::test]
async fn a_failure_to_connect_is_remembered_for_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = tcp("127.0.0.1", listener.local_addr().unwrap().port());
    drop(listener);
    let (surroundings, _shutdown) = surroundings(&Arc::default());
    let clock = surroundings.clock.clone();
    let dialer = Dialer::new((&target, &patient()), true, &surroundings).unwrap();
    let mut longest = Duration::ZERO;
    for _ in 0..12 {
        let Err(CallError::Unreachable {
            message,
            after: Some(after),
        }) = dialer.dial(&[], Alpn::Http2).await.map(drop)
        else {
            panic!("connected to nothing");
        };
        assert!(message.starts_with("cannot connect to 127.0.0.1:"), "{message}");
        assert!(after <= Duration::from_secs(10));
        longest = longest.max(after);
        clock.sleep(after).await;
    }
    assert!(longest > Duration::from_secs(2), "the pause grows: {longest:?}");
}

#[tokio::test]
async fn unix_sockets_are_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("otlp.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        assert_eq!(request.uri().to_string(), "http://localhost/a.B/C");
        let head = http::Response::builder()
            .header("grpc-status", "5")
            .body(())
            .unwrap();
        respond.send_response(head, true).unwrap();
        while connection.accept().await.is_some() {}
    });
    let rig = rig(format!("unix://{}", path.display())
        .parse::<Endpoint>()
        .unwrap()
        .target(0));
    assert_eq!(
        rig.call().await.unwrap().status.code,
        crate::status::Code::NotFound
    );
    rig.client.close();
    rig.all_tasks_end().await;
    server.await.unwrap();
}
