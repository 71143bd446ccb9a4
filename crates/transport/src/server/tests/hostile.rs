//! Clients that are slow, many or noisy: over sockets, with frames written by hand.

use super::*;
use crate::server::frames::PREFACE;
use crate::tls::tests::Authority;
use crate::tls::{Alpn, TlsAcceptor, TlsConnector};
use ::http::StatusCode;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const SETTINGS: u8 = 4;

/// Answers every request that is whole, once it may, and notes who was turned away.
struct Host {
    admission: Admission,
    may_answer: tokio::sync::Semaphore,
    turned_away: Mutex<Vec<Reason>>,
    certificate: Mutex<Option<Arc<PeerCertificate>>>,
    changed: tokio::sync::Notify,
}

impl Service for Host {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Connection) -> Response<Reply> {
        *self.certificate.lock().unwrap() = connection.certificate;
        let (head, body) = request.into_parts();
        let read = http::read(&head.headers, body, &self.admission).await;
        drop(self.may_answer.acquire().await.unwrap());
        match read {
            Ok(message) => http::respond(StatusCode::OK, http::Format::Json, message.bytes),
            Err(refusal) => {
                let status = refusal.status();
                http::fail(&status, status.http_status(), http::Format::Json)
            }
        }
    }

    fn turned_away(&self, reason: Reason) {
        self.turned_away.lock().unwrap().push(reason);
        self.changed.notify_waiters();
    }
}

/// A server on a port of its own.
struct Rig {
    address: SocketAddr,
    host: Arc<Host>,
    node: NodeContext,
    trigger: ShutdownTrigger,
    served: JoinHandle<std::io::Result<()>>,
}

impl Rig {
    fn start(change: impl FnOnce(&mut LimitsConfig)) -> Rig {
        Rig::over(None, change)
    }

    fn over(tls: Option<TlsAcceptor>, change: impl FnOnce(&mut LimitsConfig)) -> Rig {
        let mut limits = LimitsConfig::default();
        change(&mut limits);
        let (node, trigger) = node(256 << 20, Clock::system());
        let host = Arc::new(Host {
            admission: Admission {
                ledger: node.ledger.clone(),
                pace: limits.body_pace(),
                ..admission(1 << 20)
            },
            may_answer: tokio::sync::Semaphore::new(1),
            turned_away: Mutex::default(),
            certificate: Mutex::default(),
            changed: tokio::sync::Notify::new(),
        });
        let settings = ServerSettings {
            protocol: Protocol::Any,
            limits,
            tls,
        };
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        Rig {
            address: listener.local_addr().unwrap().tcp().unwrap(),
            served: tokio::spawn(listener.serve(Arc::clone(&host), node.clone(), settings)),
            host,
            node,
            trigger,
        }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Ready once as many connections as there are reasons have been turned away, for these.
    async fn has_turned_away(&self, reasons: &[Reason]) {
        loop {
            let changed = self.host.changed.notified();
            let so_far = self.host.turned_away.lock().unwrap().clone();
            if so_far.len() >= reasons.len() {
                assert_eq!(so_far, reasons);
                return;
            }
            changed.await;
        }
    }

    /// Ends the server, and checks that everything has been given back.
    async fn end(self) {
        self.trigger.advance(Phase::Draining);
        self.trigger.advance(Phase::Stopped);
        self.served.await.unwrap().unwrap();
        assert_eq!(self.node.ledger.read().used, 0);
    }
}

/// Reads until the server closes the connection.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut read = Vec::new();
    // A reset closes it as well.
    let _ = stream.read_to_end(&mut read).await;
    read
}

/// Posts over HTTP/1.1 and reads the answer's head and body.
async fn post(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hi") {
        let mut chunk = [0; 512];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "{:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(answer).unwrap()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A connection of HTTP/2 whose settings have been exchanged.
async fn http2(rig: &Rig) -> TcpStream {
    let mut stream = rig.connect().await;
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
    stream
}

/// The headers of `POST /`, with an authority: names and values from HPACK's static table, or as they are.
fn headers(stream: u32, flags: u8) -> Vec<u8> {
    frame(1, flags, stream, b"\x83\x86\x84\x41\x01a")
}

/// Writes what `next` gives until the server closes the connection.
async fn flood(stream: &mut TcpStream, mut next: impl FnMut(u32) -> Vec<u8>) {
    let (mut reader, mut writer) = stream.split();
    let write = async {
        for number in 0.. {
            if writer.write_all(&next(number)).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = write => {}
        _ = closed(&mut reader) => {}
    }
}

/// Reads until the server says that it takes no more requests, for no fault of the client's.
async fn told_to_go(stream: &mut TcpStream) {
    // The streams that it may have seen are not known yet: the first of two such frames.
    let goaway = frame(7, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let mut told = Vec::new();
    while !told.windows(goaway.len()).any(|window| window == goaway) {
        let mut chunk = [0; 512];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0);
        told.extend_from_slice(&chunk[..read]);
    }
}

fn soon(limits: &mut LimitsConfig) {
    limits.header_timeout = Period(Duration::from_millis(50));
    limits.handshake_timeout = Period(Duration::from_millis(50));
}

#[tokio::test]
async fn heads_that_do_not_come_to_an_end_are_cut_off() {
    let unfinished: [&[u8]; 7] = [
        b"",
        b"P",
        b"POST / HTTP/1.1\r\nhost: a",
        &PREFACE[..10],
        PREFACE,
        &[&PREFACE[..], &frame(SETTINGS, 0, 0, b""), &headers(1, 0)].concat(),
        &[
            &PREFACE[..],
            &frame(SETTINGS, 0, 0, b""),
            &frame(6, 0, 0, &[0; 8])[..12],
        ]
        .concat(),
    ];
    for beginning in unfinished {
        let rig = Rig::start(soon);
        let mut stream = rig.connect().await;
        stream.write_all(beginning).await.unwrap();
        closed(&mut stream).await;
        rig.has_turned_away(&[Reason::TooSlow]).await;
        rig.end().await;
    }
}

#[tokio::test]
async fn a_second_head_that_does_not_come_to_an_end_is_cut_off() {
    let rig = Rig::start(soon);
    let mut stream = rig.connect().await;
    post(&mut stream).await;
    stream.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
    closed(&mut stream).await;
    rig.has_turned_away(&[Reason::TooSlow]).await;
    rig.end().await;
}

#[tokio::test]
async fn a_request_takes_as_long_as_it_takes_and_then_the_connection_is_idle() {
    let rig = Rig::start(|limits| {
        soon(limits);
        limits.idle_timeout = Period(Duration::from_millis(50));
    });
    let answering = rig.host.may_answer.acquire().await.unwrap();
    let mut stream = rig.connect().await;
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi")
        .await
        .unwrap();
    // A connection that only owes a head is closed long before.
    let mut other = rig.connect().await;
    closed(&mut other).await;
    drop(answering);
    let answer = String::from_utf8(closed(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    rig.has_turned_away(&[Reason::TooSlow]).await;
    rig.end().await;
}

#[tokio::test]
async fn an_idle_http2_client_is_told_to_go() {
    let rig = Rig::start(|limits| {
        limits.idle_timeout = Period(Duration::from_millis(50));
        limits.header_timeout = Period(Duration::from_millis(100));
    });
    let mut stream = http2(&rig).await;
    told_to_go(&mut stream).await;
    drop(stream);
    rig.end().await;
}

#[tokio::test]
async fn a_connection_that_is_old_ends_after_its_requests() {
    let rig = Rig::start(|limits| {
        limits.max_connection_age = Period(Duration::from_millis(1));
        limits.header_timeout = Period(Duration::from_millis(500));
    });
    let answering = rig.host.may_answer.acquire().await.unwrap();
    let mut stream = rig.connect().await;
    let (mut reader, mut writer) = stream.split();
    writer
        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi")
        .await
        .unwrap();
    // By the time that a younger one has ended for its age, the older one would have ended as well.
    told_to_go(&mut http2(&rig).await).await;
    drop(answering);
    let answer = String::from_utf8(closed(&mut reader).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    rig.end().await;
}

/// The nth piece of noise.
type Noise = fn(u32) -> Vec<u8>;

#[tokio::test]
async fn floods_are_cut_off() {
    let noise: [(&str, Noise); 6] = [
        ("ping", |_| frame(6, 0, 0, &[0; 8])),
        ("settings", |_| frame(SETTINGS, 0, 0, b"")),
        ("empty data", |number| match number {
            0 => headers(1, 4),
            _ => frame(0, 0, 1, b""),
        }),
        ("rapid reset", |number| {
            let stream = 2 * number + 1;
            [headers(stream, 4), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
        }),
        ("continuation", |number| match number {
            0 => headers(1, 0),
            _ => frame(9, 0, 1, b"\x00\x01a\x01b"),
        }),
        ("unknown", |_| frame(200, 0, 0, b"")),
    ];
    for (name, next) in noise {
        let rig = Rig::start(|_| {});
        let mut stream = http2(&rig).await;
        flood(&mut stream, next).await;
        println!("{name}");
        rig.has_turned_away(&[Reason::Flooding]).await;
        rig.end().await;
    }
}

#[tokio::test]
async fn frames_of_no_use_that_come_with_requests_are_no_flood() {
    let rig = Rig::start(|limits| limits.max_control_frames = Count(10));
    let stream = rig.connect().await;
    let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = handshake.unwrap();
    let client = tokio::spawn(connection);
    for _ in 0..500 {
        let request = Request::post("http://a/").body(Full::new(Bytes::from_static(b"hi")));
        let answer = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hi");
    }
    drop(sender);
    client.await.unwrap().unwrap();
    rig.end().await;
}

#[tokio::test]
async fn who_shows_nothing_makes_room_for_who_comes() {
    let rig = Rig::start(|limits| limits.max_connections = Count(2));
    let mut good = rig.connect().await;
    post(&mut good).await;
    let mut silent = rig.connect().await;
    silent.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
    let mut newcomer = rig.connect().await;
    post(&mut newcomer).await;
    closed(&mut silent).await;
    rig.has_turned_away(&[Reason::TooManyConnections]).await;

    let mut refused = rig.connect().await;
    closed(&mut refused).await;
    rig.has_turned_away(&[Reason::TooManyConnections; 2]).await;
    post(&mut good).await;
    post(&mut newcomer).await;
    drop((good, newcomer));
    rig.end().await;
}

#[tokio::test]
async fn a_peer_has_its_own_limit() {
    let rig = Rig::start(|limits| limits.max_connections_per_peer = Count(1));
    let mut first = rig.connect().await;
    post(&mut first).await;
    let mut second = rig.connect().await;
    closed(&mut second).await;
    rig.has_turned_away(&[Reason::TooManyConnections]).await;
    let from_elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    from_elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = from_elsewhere.connect(rig.address).await.unwrap();
    post(&mut other).await;
    drop((first, other));
    rig.end().await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_answered_431() {
    let rig = Rig::start(|limits| limits.max_header_bytes = Size(8 << 10));
    let mut stream = rig.connect().await;
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(10_000));
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = String::from_utf8(closed(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    rig.end().await;
}

fn acceptor(alpn: Alpn) -> TlsAcceptor {
    let authority = Authority::new();
    let pair = authority.issue(|_| {});
    TlsAcceptor::load(&authority.server(&pair), alpn).unwrap()
}

#[tokio::test]
async fn handshakes_that_do_not_end_or_are_none_are_cut_off() {
    let rig = Rig::over(Some(acceptor(Alpn::Any)), soon);
    let mut silent = rig.connect().await;
    closed(&mut silent).await;
    rig.has_turned_away(&[Reason::TooSlow]).await;
    let mut plain = rig.connect().await;
    plain.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
    closed(&mut plain).await;
    rig.has_turned_away(&[Reason::TooSlow, Reason::Handshake]).await;
    rig.end().await;
}

#[tokio::test]
async fn requests_come_with_the_certificate_of_their_connection() {
    let authority = Authority::new();
    let (server, client) = (authority.issue(|_| {}), authority.issue(|_| {}));
    let mut config = authority.server(&server);
    config.client_ca_file = authority.trusting().ca_file;
    let rig = Rig::over(Some(TlsAcceptor::load(&config, Alpn::Any).unwrap()), |_| {});
    let connector = TlsConnector::load(&authority.showing(&client)).unwrap();
    let stream = rig.connect().await;
    let mut stream = connector.connect("localhost", stream, Alpn::Http1).await.unwrap();
    post(&mut stream).await;
    let certificate = rig.host.certificate.lock().unwrap().take().unwrap();
    assert_eq!(certificate.dns_names().collect::<Vec<_>>(), ["localhost"]);
    drop(stream);
    rig.end().await;
}
