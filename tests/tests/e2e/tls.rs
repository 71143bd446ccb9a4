//! TLS: certificates that are replaced under load, and clients that must not get in.

use crate::support::forebay::ADMIN;
use crate::support::tls::{Authority, Pair};
use crate::support::{Export, Forebay, PATIENCE, Scrape, Session, Sink, Wire};
use forebay_core::Signal;
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

fn config(tls: &str, sink: &Sink) -> String {
    format!(
        "{ADMIN}
        [receivers.otlp]
        grpc = {{ listen = \"127.0.0.1:0\", tls = {{ {tls} }} }}
        http = {{ listen = \"127.0.0.1:0\", tls = {{ {tls} }} }}
        [exporters.backend]
        type = \"otlp_http\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"backend\"]",
        sink.http()
    )
}

/// Senders that must not notice anything.
struct Senders {
    tasks: JoinSet<u64>,
    shared: Arc<Shared>,
}

struct Shared {
    client: Arc<ClientConfig>,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Senders {
    /// For each protocol one sender with a connection that lasts, and one with a connection for each request.
    fn start(forebay: &Forebay, client: Arc<ClientConfig>) -> Senders {
        let shared = Arc::new(Shared {
            client,
            next: AtomicU64::new(1),
            stop: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for wire in Wire::ALL {
            let server = if wire == Wire::Grpc {
                forebay.grpc()
            } else {
                forebay.http()
            };
            for lasting in [true, false] {
                tasks.spawn(send(server, wire, lasting, Arc::clone(&shared)));
            }
        }
        Senders { tasks, shared }
    }

    /// How many requests were made. A single one that failed has failed the test.
    async fn finish(self) -> u64 {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().sum()
    }
}

async fn send(server: SocketAddr, wire: Wire, lasting: bool, shared: Arc<Shared>) -> u64 {
    let open = || async { Session::open(server, wire, Some(&shared.client)).await.unwrap() };
    let (mut session, mut sent) = (open().await, 0);
    while !shared.stop.load(Ordering::Relaxed) {
        if !lasting {
            session = open().await;
        }
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let request = Export::numbered(Signal::Logs, number..number + 1);
        let said = session.send(&request, None).await.unwrap();
        assert!(said.is_taken(wire), "{wire:?}: {said:?}");
        sent += 1;
    }
    sent
}

/// Waits until a server shows this certificate; how long it took.
async fn shown(server: SocketAddr, wire: Wire, client: &Arc<ClientConfig>, pair: &Pair) -> Duration {
    let (began, wanted) = (Instant::now(), pair.certificate());
    loop {
        let session = Session::open(server, wire, Some(client)).await.unwrap();
        if *session.certificate() == wanted {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "the new certificate is not served");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// `FOREBAY_ROTATIONS=120` replaces the certificate once a second for two minutes, with the interval that the config has by
/// default, and holds the process to two seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_certificates_are_replaced() {
    let long: Option<u32> = std::env::var("FOREBAY_ROTATIONS")
        .ok()
        .map(|count| count.parse().unwrap());
    let (authority, sink) = (Authority::new("ours"), Sink::counting());
    let mut tls = authority.server();
    if long.is_some() {
        tls = tls.replace("100ms", "1s");
    }
    let forebay = Forebay::start(&config(&tls, &sink)).await;
    let client = authority.client(None);
    let senders = Senders::start(&forebay, Arc::clone(&client));
    let mut longest = Duration::ZERO;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..long.unwrap_or(10) {
        if long.is_some() {
            seconds.tick().await;
        }
        let pair = authority.issue("localhost");
        authority.install(&pair);
        let (grpc, http) = tokio::join!(
            shown(forebay.grpc(), Wire::Grpc, &client, &pair),
            shown(forebay.http(), Wire::Http1, &client, &pair),
        );
        longest = longest.max(grpc).max(http);
    }
    let sent = senders.finish().await;
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let node = [("node", "otlp")];
    let reloads = scrape.sum("forebay_file_reloads_total", &[node[0], ("outcome", "success")]);
    // Two servers, and each may have read a pair in two steps.
    assert!(reloads >= f64::from(2 * long.unwrap_or(10)), "{reloads}");
    let expiry = scrape.sum("forebay_certificate_not_after_seconds", &node);
    assert!(expiry >= 3_786_912_000.0, "1 January 2090: {expiry}");
    assert_eq!(sink.read(|taken| taken.count(Signal::Logs)) as u64, sent);
    if long.is_some() {
        assert!(longest <= Duration::from_secs(2), "{longest:?}");
        eprintln!("{sent} requests, none failed; a new certificate was served within {longest:?}");
    }
}

#[tokio::test]
async fn a_pair_that_does_not_fit_leaves_the_last_good_one() {
    let (authority, sink) = (Authority::new("ours"), Sink::counting());
    let forebay = Forebay::start(&config(&authority.server(), &sink)).await;
    let client = authority.client(None);
    let before = Session::open(forebay.grpc(), Wire::Grpc, Some(&client))
        .await
        .unwrap();
    authority.write("server.key", &authority.issue("localhost").key);
    let path = authority.path("server.key").display().to_string();
    let complaint = async || {
        let status = crate::support::admin::status(forebay.admin()).await;
        let detail = status["nodes"][0]["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        detail.contains("does not belong to the certificate") && detail.contains(&path)
    };
    crate::support::eventually("the node says what is wrong", complaint).await;
    let after = Session::open(forebay.grpc(), Wire::Grpc, Some(&client))
        .await
        .unwrap();
    assert_eq!(before.certificate(), after.certificate());
    let failures = [("node", "otlp"), ("outcome", "failure")];
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    assert!(scrape.sum("forebay_file_reloads_total", &failures) > 0.0);
    let next = authority.issue("localhost");
    authority.install(&next);
    shown(forebay.grpc(), Wire::Grpc, &client, &next).await;
    let mended = async || {
        let status = crate::support::admin::status(forebay.admin()).await;
        status["nodes"][0]["condition"] == "working"
    };
    crate::support::eventually("the node is well again", mended).await;
}

#[tokio::test]
async fn expired_foreign_and_absent_certificates_get_nobody_in() {
    let (ours, foreign, sink) = (
        Authority::new("ours"),
        Authority::new("foreign"),
        Sink::counting(),
    );
    let forebay = Forebay::start(&config(&ours.asking_server(), &sink)).await;
    let expired = ours.issue_until("agent.example.org", 2020);
    // Of an authority that says it is ours.
    let pretended = Authority::new("ours").issue("agent.example.org");
    let good = ours.issue("agent.example.org");
    let shows = [
        None,
        Some(&expired),
        Some(&foreign.issue("agent.example.org")).cloned().as_ref(),
        Some(&pretended),
        Some(&good),
    ]
    .map(|pair| pair.cloned());
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        for wire in Wire::ALL {
            let server = if wire == Wire::Grpc {
                forebay.grpc()
            } else {
                forebay.http()
            };
            for (index, pair) in shows.iter().enumerate() {
                let client = ours.client_of(versions, pair.as_ref());
                let request = Export::numbered(Signal::Logs, 1..2);
                // With TLS 1.3 a client believes that it is in until it reads.
                let said = match Session::open(server, wire, Some(&client)).await {
                    Ok(mut session) => session.send(&request, None).await,
                    Err(error) => Err(error),
                };
                let taken = said.is_ok_and(|said| said.is_taken(wire));
                assert_eq!(taken, index == 4, "{wire:?} {index}");
            }
        }
    }
    assert_eq!(sink.read(|taken| taken.attempts), 2 * 4);
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    let handshakes = scrape.sum("forebay_receiver_requests_total", &[("reason", "handshake")]);
    assert_eq!(handshakes, f64::from(2 * 4 * 4));
}

/// A client hello as RFC 2246 and RFC 4346, section 7.4.1.2, have it, with one cipher suite.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let mut record = vec![
        22,
        3,
        minor.min(1),
        0,
        u8::try_from(body.len() + 4).unwrap(),
        1,
        0,
        0,
    ];
    record.push(u8::try_from(body.len()).unwrap());
    record.extend(body);
    record
}

#[tokio::test]
async fn old_versions_and_plain_text_get_nobody_in() {
    let (authority, sink) = (Authority::new("ours"), Sink::counting());
    let forebay = Forebay::start(&config(&authority.server(), &sink)).await;
    let plain = b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".to_vec();
    for server in [forebay.grpc(), forebay.http()] {
        // SSL 3, TLS 1.0, TLS 1.1, none at all.
        for hello in [old_hello(0), old_hello(1), old_hello(2), plain.clone()] {
            let mut stream = TcpStream::connect(server).await.unwrap();
            stream.write_all(&hello).await.unwrap();
            let mut answer = Vec::new();
            let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
            read.expect("the server closes the connection")
                .unwrap_or_default();
            // An alert, or nothing.
            assert!(answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
        }
    }
    let client = authority.client(None);
    let mut good = Session::open(forebay.grpc(), Wire::Grpc, Some(&client))
        .await
        .unwrap();
    let said = good
        .send(&Export::numbered(Signal::Logs, 1..2), None)
        .await
        .unwrap();
    assert!(said.is_taken(Wire::Grpc));
    assert_eq!(sink.read(|taken| taken.attempts), 1);
}
