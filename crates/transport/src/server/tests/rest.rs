//! Connections of HTTP/1 that wait for their next request.

use super::*;
use crate::server::pulse::Pulse;
use crate::server::roster::Roster;
use crate::server::served::Served;
use crate::server::window::Window;
use crate::server::wire::{Version, Wire};
use hyper::service::service_fn;
use tokio::io::AsyncWriteExt;

async fn hello(_: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
    let hello = Bytes::from_static(b"hello");
    Ok(http::respond(::http::StatusCode::OK, http::Format::Json, hello))
}

/// Asks, and reads as many answers as were asked for.
async fn ask(stream: &mut DuplexStream, request: &[u8]) {
    stream.write_all(request).await.unwrap();
    let asked = request.windows(4).filter(|window| window == b"GET ").count();
    let mut answers = Vec::new();
    while answers.windows(5).filter(|window| window == b"hello").count() < asked {
        assert_ne!(stream.read_buf(&mut answers).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_connection_lets_go_of_its_buffers_and_goes_on() {
    let (node, _trigger) = node(64 << 20, Clock::system());
    let seat = Roster::new(1, 0).take(None, node.clock.now()).unwrap();
    let window = Window::open(&node.ledger).unwrap();
    let limits = LimitsConfig::default();
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let pulse = Pulse::new(node.clock.clone(), Arc::clone(seat.standing()));
    let wire = Wire::new(stream, Arc::clone(&pulse), (Version::Http1, Bytes::new()), 100);
    let answer = service_fn(hello);
    let mut served = Served::new(wire, Version::Http1, answer, (&node.tasks, &window, &limits));
    for request in [
        &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        &b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        &[
            b"GET / HTTP/1.1\r\nhost: a\r\nx: ",
            &[b'y'; 4000][..],
            b"\r\n\r\n",
        ]
        .concat(),
    ] {
        tokio::select! {
            _ = &mut served => panic!("it has ended"),
            () = ask(&mut client, request) => {}
        }
        served.rest();
        assert!(matches!(served, Served::Resting(_)));
    }
    drop(client);
    served.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_rests_ends_when_it_is_told_to() {
    let (node, trigger) = node(64 << 20, Clock::system());
    let time = SimulatedClock::default();
    let node = NodeContext {
        clock: time.clock(),
        ..node
    };
    let settings = ServerSettings {
        protocol: Protocol::Any,
        ..settings()
    };
    let (mut client, stream) = tokio::io::duplex(64 << 10);
    let service = Arc::new(Echo::default());
    let context = node.clone();
    let served = tokio::spawn(async move {
        serve_stream(stream, service, Origin::default(), &context, settings).await;
    });
    let request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0";
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
    time.skip_to_next().await;
    time.skip_to_next().await;
    trigger.advance(Phase::Draining);
    served.await.unwrap();
    assert_eq!(node.ledger.read().used, 0);
}
