//! Servers that answer too much, too long, or never.

use super::rig::{World, address, failure};
use crate::client::{CallError, ConnectSettings, Keepalive, RESPONSE_MAX};
use crate::compression::{Compressors, Encoding};
use bytes::Bytes;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `:status` as HPACK literal without indexing, name from the static table (RFC 7541).
fn status(code: &str) -> Vec<u8> {
    let mut block = vec![0x08, u8::try_from(code.len()).unwrap()];
    block.extend(code.as_bytes());
    block
}

fn field(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0x00, u8::try_from(name.len()).unwrap()];
    block.extend(name.as_bytes());
    block.push(u8::try_from(value.len()).unwrap());
    block.extend(value.as_bytes());
    block
}

/// The head of a gRPC answer on the first stream.
fn grpc_head() -> Vec<u8> {
    let block = [status("200"), field("content-type", "application/grpc")].concat();
    frame(HEADERS, END_HEADERS, 1, &block)
}

/// Takes a connection and reads the first request, in as far as a server that means harm has to.
async fn accept(io: &mut DuplexStream) {
    let mut read = vec![0; 4096];
    assert!(io.read(&mut read).await.unwrap() > 0);
    io.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
}

/// Writes `flood` again and again until the connection is closed, reading what comes back. How many bytes went.
async fn pour(mut io: DuplexStream, first: &[u8], flood: &[u8]) -> usize {
    accept(&mut io).await;
    let (mut read, mut write) = tokio::io::split(io);
    let reading = tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    if write.write_all(first).await.is_err() {
        return 0;
    }
    let batch = flood.repeat(64);
    let mut sent = 0;
    while sent < 512 << 20 && write.write_all(&batch).await.is_ok() {
        sent += batch.len();
    }
    drop(write);
    let _ = reading.await;
    sent
}

/// A gRPC call against a server that pours `flood` after `first`: how many bytes it got rid of, and what the call came to.
async fn poured(first: Vec<u8>, flood: Vec<u8>) -> (usize, Result<(), CallError>) {
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4317"));
    let caller = world.grpc("10.0.0.1", ConnectSettings::default());
    let serve = async { pour(incoming.recv().await.unwrap(), &first, &flood).await };
    let (outcome, sent) = tokio::join!(caller.call(), serve);
    (sent, outcome.map(drop))
}

#[tokio::test(start_paused = true)]
async fn floods_of_frames_end_the_connection() {
    let interim = frame(HEADERS, END_HEADERS, 1, &status("103"));
    let floods = [
        ("ping", frame(PING, 0, 0, &[7; 8])),
        ("pong", frame(PING, 1, 0, &[7; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("window update", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("interim answers", interim),
        ("unknown frames", frame(0xEE, 0, 0, &[])),
    ];
    for (name, flood) in floods {
        let (sent, outcome) = poured(Vec::new(), flood).await;
        assert!(sent < 1 << 20, "{name}: {sent}");
        assert!(matches!(outcome, Err(CallError::Unreachable { .. })), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_empty_data_ends_the_connection() {
    let (sent, outcome) = poured(grpc_head(), frame(0, 0, 1, &[])).await;
    assert!(sent < 1 << 20, "{sent}");
    assert!(matches!(outcome, Err(CallError::Unreachable { .. })));
}

#[tokio::test(start_paused = true)]
async fn promises_to_push_end_the_connection() {
    let promise = frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]);
    let (sent, outcome) = poured(Vec::new(), promise).await;
    assert!(sent < 1 << 20, "{sent}");
    assert!(matches!(outcome, Err(CallError::Unreachable { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_header_block_without_end_ends_the_connection() {
    let begun = frame(HEADERS, 0, 1, &status("200"));
    let more = frame(CONTINUATION, 0, 1, &field("x", &"v".repeat(100)));
    let (sent, outcome) = poured(begun, more).await;
    assert!(sent < 4 << 20, "{sent}");
    assert!(matches!(outcome, Err(CallError::Unreachable { .. })));
}

#[tokio::test(start_paused = true)]
async fn data_before_the_head_is_no_answer() {
    let interim = frame(HEADERS, END_HEADERS, 1, &status("103"));
    let early = [interim, frame(0, 0, 1, b"early")].concat();
    let (_, outcome) = poured(early, frame(0, 0, 1, b"more")).await;
    assert!(matches!(outcome, Err(CallError::Unreachable { .. })));
}

/// Serves one gRPC call with what `answer` does.
async fn served<F>(answer: F) -> Result<crate::client::GrpcReply, CallError>
where
    F: AsyncFnOnce(h2::server::SendResponse<Bytes>),
{
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4317"));
    let caller = world.grpc("10.0.0.1", ConnectSettings::default());
    let serve = async {
        let io = incoming.recv().await.unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        let (_, respond) = connection.accept().await.unwrap().unwrap();
        tokio::spawn(async move { while connection.accept().await.is_some() {} });
        answer(respond).await;
    };
    tokio::join!(caller.call(), serve).0
}

// conformance: C2
#[tokio::test(start_paused = true)]
async fn a_message_without_end_is_cut_at_the_limit() {
    let outcome = served(async |mut respond| {
        let mut body = respond.send_response(super::rig::head(&[]), false).unwrap();
        let mut sent = 0;
        loop {
            body.reserve_capacity(16 << 10);
            let granted = std::future::poll_fn(|context| body.poll_capacity(context)).await;
            let Some(Ok(granted)) = granted else {
                break;
            };
            sent += granted;
            assert!(sent <= RESPONSE_MAX + (1 << 20), "{sent}");
            if body.send_data(vec![0; granted].into(), false).is_err() {
                break;
            }
        }
    })
    .await;
    let told = failure(outcome);
    assert!(told.contains("longer than"), "{told}");
}

// conformance: C2
#[tokio::test(start_paused = true)]
async fn of_trailers_over_the_limit_no_more_is_kept() {
    let outcome = served(async |mut respond| {
        let mut body = respond.send_response(super::rig::head(&[]), false).unwrap();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "14".parse().unwrap());
        trailers.insert("grpc-message", "m".repeat(40_000).parse().unwrap());
        body.send_trailers(trailers).unwrap();
    })
    .await;
    let status = outcome.unwrap().status;
    assert_eq!(
        (status.code, &*status.message),
        (crate::status::Code::Unavailable, "")
    );
}

// conformance: C2
#[tokio::test(start_paused = true)]
async fn status_details_are_read_within_the_limit_of_a_header_block() {
    let outcome = served(async |mut respond| {
        // Empty details, as many as fit: each costs more in memory than on the wire.
        let details = prost_any_flood(20_000);
        let head = super::rig::head(&[("grpc-status", "14"), ("grpc-status-details-bin", &details)]);
        respond.send_response(head, true).unwrap();
    })
    .await;
    assert_eq!(outcome.unwrap().status.code, crate::status::Code::Unavailable);
    let outcome = served(async |mut respond| {
        let details = prost_any_flood(40_000);
        let head = super::rig::head(&[("grpc-status", "14"), ("grpc-status-details-bin", &details)]);
        let _ = respond.send_response(head, true);
    })
    .await;
    assert!(
        matches!(outcome, Err(CallError::Unreachable { .. })),
        "{outcome:?}"
    );
}

/// `google.rpc.Status` with nothing but empty details, so many base64 digits long.
fn prost_any_flood(digits: usize) -> String {
    use base64::Engine;
    let bytes = [0x1a, 0x00].repeat(digits * 3 / 8);
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

// conformance: C2
#[tokio::test(start_paused = true)]
async fn a_message_that_unpacks_to_more_than_the_limit_is_not_unpacked() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let outcome = served(async |mut respond| {
            let zeros = Bytes::from(vec![0; RESPONSE_MAX + 1]);
            let packed = Compressors::new().compress(encoding, 1, &[zeros]).unwrap();
            let mut framed = vec![1];
            framed.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
            framed.extend(packed);
            let head = super::rig::head(&[("grpc-encoding", encoding.as_str())]);
            let mut body = respond.send_response(head, false).unwrap();
            body.send_data(framed.into(), false).unwrap();
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            body.send_trailers(trailers).unwrap();
        })
        .await;
        assert!(matches!(outcome.unwrap().message, Err(CallError::Unusable(_))));
    }
}

/// A post against a server that writes `first` and then `flood` again and again: how many bytes it got rid of.
async fn poured_http(first: &'static [u8], flood: &'static [u8]) -> (usize, Result<bool, CallError>) {
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4318"));
    let poster = world.http("10.0.0.1", ConnectSettings::default());
    let serve = async {
        let mut io = incoming.recv().await.unwrap();
        let mut read = vec![0; 4096];
        assert!(io.read(&mut read).await.unwrap() > 0);
        let batch = flood.repeat(64);
        let (mut sent, mut open) = (0, io.write_all(first).await.is_ok());
        while open && sent < 512 << 20 {
            open = io.write_all(&batch).await.is_ok();
            sent += batch.len();
        }
        sent
    };
    let (outcome, sent) = tokio::join!(poster.post(), serve);
    (sent, outcome.map(|reply| reply.body.is_ok()))
}

// conformance: C2
#[tokio::test(start_paused = true)]
async fn http_answers_without_end_are_cut() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (name, first, flood) in [
        (
            "interim answers",
            &b""[..],
            &b"HTTP/1.1 103 Early Hints\r\n\r\n"[..],
        ),
        (
            "header fields",
            b"HTTP/1.1 200 OK\r\n",
            b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
        ),
        ("body", chunked, b"8\r\nxxxxxxxx\r\n"),
        ("tiny chunks", chunked, b"1\r\nx\r\n"),
        (
            "chunk extensions",
            chunked,
            b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n",
        ),
        (
            "trailers",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x: y\r\n",
        ),
        (
            "body until the end",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
    ] {
        let (sent, outcome) = poured_http(first, flood).await;
        assert!(sent <= 2 * RESPONSE_MAX + (1 << 20), "{name}: {sent}");
        assert!(!matches!(outcome, Ok(true)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_ends_is_cut_by_the_time_limit_of_the_attempt() {
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4317"));
    let caller = world.grpc("10.0.0.1", ConnectSettings::default());
    let clock = world.surroundings.clock.clone();
    let serve = tokio::spawn(async move {
        let io = incoming.recv().await.unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        let mut body = respond.send_response(super::rig::head(&[]), false).unwrap();
        let trickle = async {
            loop {
                clock.sleep(Duration::from_secs(1)).await;
                body.reserve_capacity(1);
                if body.send_data(Bytes::from_static(b"x"), false).is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = trickle => {}
            reset = async { while connection.accept().await.is_some() {} } => reset,
        }
    });
    let outcome = tokio::time::timeout(Duration::from_secs(10), caller.call()).await;
    assert!(outcome.is_err(), "nothing but the limit ends it");
    caller.client.close();
    serve.await.unwrap();
}

/// Reads frames until there is one of `kind` without the flag for acknowledgements.
async fn until_frame(io: &mut DuplexStream, kind: u8) {
    loop {
        let mut header = [0; 9];
        io.read_exact(&mut header).await.unwrap();
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let mut payload = vec![0; length as usize];
        io.read_exact(&mut payload).await.unwrap();
        if header[3] == kind && header[4] & 1 == 0 {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_complains_of_pings_is_pinged_more_rarely() {
    const PREFACE: usize = 24;
    const GOAWAY: u8 = 7;
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4317"));
    let keepalive = Keepalive {
        time: Duration::from_secs(8),
        timeout: Duration::from_secs(1),
    };
    let connect = ConnectSettings {
        keepalive,
        ..ConnectSettings::default()
    };
    let caller = world.grpc("10.0.0.1", connect);
    let serve = tokio::spawn(async move {
        let mut waits = Vec::new();
        for _ in 0..3 {
            let mut io = incoming.recv().await.unwrap();
            io.read_exact(&mut [0; PREFACE]).await.unwrap();
            io.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            let begun = tokio::time::Instant::now();
            until_frame(&mut io, PING).await;
            waits.push(begun.elapsed().as_secs());
            // No request was looked at, and the reason is ENHANCE_YOUR_CALM (RFC 9113, section 7).
            io.write_all(&frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xb]))
                .await
                .unwrap();
            let _ = io.read_to_end(&mut Vec::new()).await;
        }
        waits
    });
    while caller.call().await.is_err() && !serve.is_finished() {
        world.time(Duration::from_secs(1)).await;
    }
    let waits = serve.await.unwrap();
    assert!(
        waits[0] <= 8 && waits[1] > waits[0] && waits[2] > waits[1],
        "{waits:?}"
    );
}
