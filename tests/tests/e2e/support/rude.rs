//! Clients that keep to no rule, written by hand on sockets.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What HTTP/2 begins with (RFC 9113, section 3.4), and empty settings.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A request whose body is yet to come, and is said to be long.
const HEAD: &[u8] = b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000000\r\n\r\n";

/// A whole request, without items.
const REQUEST: &[u8] =
    b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// How long a slow client waits before its next byte.
const DRIP: Duration = Duration::from_millis(300);

/// What a client does that is up to no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    /// The headers of a request, byte by byte, without an end.
    SlowHeader,
    /// A body, byte by byte.
    SlowBody,
    /// The preface of HTTP/2, byte by byte.
    SlowPreface,
    /// A TLS handshake, byte by byte.
    SlowHandshake,
    /// Nothing.
    Silence,
    /// HTTP/2: streams that are opened and reset.
    RapidReset,
    /// HTTP/2: a block of headers without an end.
    Continuation,
    /// HTTP/2: data without any.
    EmptyData,
    /// HTTP/2: pings.
    Ping,
    /// HTTP/2: settings.
    Settings,
    /// One request over HTTP/1, and then nothing.
    OneRequest,
    /// One call over HTTP/2, and then nothing.
    OneCall,
}

impl Attack {
    /// Those that take their time.
    pub(crate) const SLOW: [Attack; 4] = [
        Attack::SlowHeader,
        Attack::SlowBody,
        Attack::SlowPreface,
        Attack::SlowHandshake,
    ];

    /// Those that send as much as the server takes.
    pub(crate) const NOISY: [Attack; 5] = [
        Attack::RapidReset,
        Attack::Continuation,
        Attack::EmptyData,
        Attack::Ping,
        Attack::Settings,
    ];

    /// What is sent first.
    fn first(self) -> Vec<u8> {
        match self {
            Attack::SlowHeader => b"POST /v1/traces HTTP/1.1\r\nhost: a\r\nx: ".to_vec(),
            Attack::SlowBody => HEAD.to_vec(),
            Attack::SlowPreface => BEGINNING[..3].to_vec(),
            // A record of 512 bytes with a handshake, in it a ClientHello.
            Attack::SlowHandshake => b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
            Attack::Silence => Vec::new(),
            Attack::RapidReset | Attack::Ping | Attack::Settings => BEGINNING.to_vec(),
            Attack::Continuation => [BEGINNING, &headers(1, 0)].concat(),
            Attack::EmptyData => [BEGINNING, &headers(1, 4)].concat(),
            Attack::OneRequest => REQUEST.to_vec(),
            Attack::OneCall => [BEGINNING, &headers(1, 4), &frame(0, 1, 1, &[0; 5])].concat(),
        }
    }

    /// The nth piece of what follows, and how long to wait before it.
    fn next(self, number: u32) -> Option<(Duration, Vec<u8>)> {
        let many = |piece: &dyn Fn(u32) -> Vec<u8>| {
            let pieces = (0..64).flat_map(|index| piece(64 * number + index));
            Some((Duration::ZERO, pieces.collect()))
        };
        match self {
            Attack::SlowHeader | Attack::SlowBody | Attack::SlowHandshake => Some((DRIP, vec![b'x'])),
            Attack::SlowPreface => {
                let byte = BEGINNING.get(3 + number as usize)?;
                Some((DRIP * 3, vec![*byte]))
            }
            Attack::RapidReset => many(&|index| {
                let stream = 2 * index + 1;
                [headers(stream, 4), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
            }),
            Attack::Continuation => many(&|_| frame(9, 0, 1, b"\0\x01a\x01b")),
            Attack::EmptyData => many(&|_| frame(0, 0, 1, b"")),
            Attack::Ping => many(&|_| frame(6, 0, 0, &[7; 8])),
            Attack::Settings => many(&|_| frame(4, 0, 0, b"")),
            Attack::Silence | Attack::OneRequest | Attack::OneCall => None,
        }
    }
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The headers of a call: from HPACK's static table, or as they are (RFC 7541, section 6.2.2).
fn headers(stream: u32, flags: u8) -> Vec<u8> {
    // :method POST, :scheme http.
    let mut block = b"\x83\x86".to_vec();
    for (name, value) in [
        (
            ":path",
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        ),
        (":authority", "a"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(1, flags, stream, &block)
}

/// Connects, as often as it takes: the system may be short of room for connections that wait.
pub(crate) async fn connect(server: SocketAddr) -> TcpStream {
    loop {
        if let Ok(stream) = TcpStream::connect(server).await {
            return stream;
        }
        tokio::task::yield_now().await;
    }
}

/// Does as `attack` says until the server ends the connection.
pub(crate) async fn until_cut_off(mut stream: TcpStream, attack: Attack) {
    let (mut reader, mut writer) = stream.split();
    let write = async {
        let mut piece = Some((Duration::ZERO, attack.first()));
        let mut number = 0;
        while let Some((wait, bytes)) = piece {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
            piece = attack.next(number);
            number += 1;
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut chunk = [0; 4096];
        // A reset ends it as well.
        while reader.read(&mut chunk).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}

/// A connection that has had one request answered, and waits.
pub(crate) async fn idle(server: SocketAddr, request: Attack) -> TcpStream {
    let mut stream = connect(server).await;
    stream.write_all(&request.first()).await.unwrap();
    let end: &[u8] = match request {
        Attack::OneRequest => b"\r\n\r\n",
        // The trailers: grpc-status, compressed, on stream 1, which they end.
        _ => b"\x01\x05\0\0\0\x01",
    };
    let mut answer = Vec::new();
    while !answer.windows(end.len()).any(|window| window == end) {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert_ne!(read, 0, "{:?}", String::from_utf8_lossy(&answer));
    }
    stream
}
