//! The proxy between a client and an echo.

use super::*;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long what must happen may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long what must not happen is given to happen.
const A_WHILE: Duration = Duration::from_millis(100);

/// A listener that sends back what it gets, until the end, and tells how much each read gave.
async fn echo() -> (SocketAddr, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reads, seen) = mpsc::channel(4096);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reads = reads.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 65536];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    // A test that does not look at the reads lets them fill up.
                    let _ = reads.try_send(n);
                    if stream.write_all(&buffer[..n]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, seen)
}

async fn proxied() -> (FaultProxy, mpsc::Receiver<usize>) {
    let (target, reads) = echo().await;
    (FaultProxy::start(target, 7).unwrap(), reads)
}

async fn connect(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends `bytes` and reads as many back.
async fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let exchange = async {
        stream.write_all(bytes).await?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).await?;
        Ok::<_, std::io::Error>(back)
    };
    let outcome = tokio::time::timeout(PATIENCE, exchange).await.expect("in time");
    outcome.map_err(|error| error.kind())
}

/// What a read gives that must give something.
async fn read(stream: &mut TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut buffer = vec![0; 65536];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer))
        .await
        .expect("in time");
    let n = read.map_err(|error| error.kind())?;
    buffer.truncate(n);
    Ok(buffer)
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(A_WHILE, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn without_faults_bytes_pass_as_they_are() {
    let (proxy, _) = proxied().await;
    let mut stream = connect(&proxy).await;
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut read, mut write) = stream.split();
    let sent = bytes.clone();
    let mut back = vec![0; bytes.len()];
    let (sent, received) = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
    sent.and(received.map(drop)).unwrap();
    assert!(back == bytes);
    stream.shutdown().await.unwrap();
    assert_eq!(self::read(&mut stream).await, Ok(vec![]));
    while proxy.counts().closed == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        proxy.counts(),
        Counts {
            taken: 1,
            closed: 1,
            broken: 0
        }
    );
}

#[tokio::test]
async fn latency_is_at_least_what_was_asked_for() {
    let (proxy, _) = proxied().await;
    let latency = Duration::from_millis(30);
    proxy.set(Conditions::both(Way {
        latency,
        jitter: latency,
        ..Way::default()
    }));
    let mut stream = connect(&proxy).await;
    let began = Instant::now();
    assert_eq!(
        round_trip(&mut stream, b"there and back").await.unwrap(),
        b"there and back"
    );
    assert!(began.elapsed() >= 2 * latency);
}

#[tokio::test]
async fn a_rate_bounds_what_passes_in_a_time() {
    let (proxy, _) = proxied().await;
    let up = Way {
        rate: NonZeroU64::new(100_000),
        ..Way::default()
    };
    proxy.set(Conditions {
        up,
        ..Conditions::default()
    });
    let mut stream = connect(&proxy).await;
    let began = Instant::now();
    round_trip(&mut stream, &[1; 20_000]).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn slices_are_no_larger_than_asked_for_and_nothing_is_lost() {
    let (proxy, mut reads) = proxied().await;
    let sliced = Way {
        slice: NonZeroUsize::new(3),
        ..Way::default()
    };
    proxy.set(Conditions::both(sliced));
    let mut stream = connect(&proxy).await;
    assert_eq!(
        round_trip(&mut stream, b"0123456789").await.unwrap(),
        b"0123456789"
    );
    let first = reads.recv().await.unwrap();
    assert!(first <= 10 && first.is_multiple_of(3) || first == 10, "{first}");
}

#[tokio::test]
async fn refused_while_the_door_is_shut_and_taken_again_afterwards() {
    let (proxy, _) = proxied().await;
    let mut before = connect(&proxy).await;
    assert!(round_trip(&mut before, b"x").await.is_ok());
    proxy.set(Conditions::door(Door::Refuse));
    let refused = async {
        while TcpStream::connect(proxy.address()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert!(round_trip(&mut before, b"old connections live on").await.is_ok());
    proxy.heal();
    let mut after = loop {
        match TcpStream::connect(proxy.address()).await {
            Ok(stream) => break stream,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(round_trip(&mut after, b"y").await.is_ok());
}

#[tokio::test]
async fn a_reset_is_seen_as_one_by_the_client() {
    let (proxy, _) = proxied().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"x").await.unwrap();
    proxy.break_all();
    assert_eq!(read(&mut stream).await, Err(ErrorKind::ConnectionReset));
    let mut next = connect(&proxy).await;
    assert!(round_trip(&mut next, b"only what was there").await.is_ok());
    proxy.set(Conditions::door(Door::Reset));
    let mut at_the_door = connect(&proxy).await;
    assert_eq!(read(&mut at_the_door).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_black_hole_takes_all_and_answers_nothing() {
    let (proxy, mut reads) = proxied().await;
    proxy.set(Conditions::door(Door::Swallow));
    let mut stream = connect(&proxy).await;
    stream.write_all(&[0; 100_000]).await.unwrap();
    assert!(is_silent(&mut stream).await);
    assert!(reads.try_recv().is_err(), "the target sees nothing");
    proxy.heal();
    assert_eq!(read(&mut stream).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn what_stalls_arrives_when_it_passes_again() {
    let (proxy, _) = proxied().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"x").await.unwrap();
    let down = Way {
        flow: Flow::Stall,
        ..Way::default()
    };
    proxy.set(Conditions {
        down,
        ..Conditions::default()
    });
    stream.write_all(b"waits").await.unwrap();
    assert!(is_silent(&mut stream).await);
    proxy.heal();
    assert_eq!(read(&mut stream).await.unwrap(), b"waits");
}

#[tokio::test]
async fn a_connection_that_lost_bytes_breaks_when_they_pass_again() {
    let (proxy, _) = proxied().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"x").await.unwrap();
    proxy.set(Conditions::both(Way {
        flow: Flow::Swallow,
        ..Way::default()
    }));
    stream.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut stream).await);
    proxy.heal();
    assert_eq!(read(&mut stream).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_peer_that_has_vanished_is_silent_and_new_connections_are_well() {
    let (proxy, _) = proxied().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"x").await.unwrap();
    proxy.vanish_all();
    stream.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut stream).await);
    let mut next = connect(&proxy).await;
    assert!(round_trip(&mut next, b"y").await.is_ok());
    proxy.heal();
    assert!(is_silent(&mut stream).await, "it does not come back");
    proxy.break_all();
    assert_eq!(read(&mut stream).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn one_direction_closes_and_the_other_goes_on() {
    let (proxy, mut reads) = proxied().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"x").await.unwrap();
    assert_eq!(reads.recv().await, Some(1));
    let down = Way {
        flow: Flow::Close,
        ..Way::default()
    };
    proxy.set(Conditions {
        down,
        ..Conditions::default()
    });
    assert_eq!(read(&mut stream).await, Ok(vec![]));
    stream.write_all(b"still heard").await.unwrap();
    assert_eq!(reads.recv().await, Some(11));
}

#[tokio::test]
async fn a_cut_lets_exactly_so_many_bytes_pass() {
    for (ending, expected) in [
        (Ending::Close, Ok(vec![])),
        (Ending::Reset, Err(ErrorKind::ConnectionReset)),
    ] {
        let (proxy, _) = proxied().await;
        let down = Way {
            cut: Some(Cut { after: 5, ending }),
            ..Way::default()
        };
        proxy.set(Conditions {
            down,
            ..Conditions::default()
        });
        let mut stream = connect(&proxy).await;
        stream.write_all(b"0123456789").await.unwrap();
        let mut got = Vec::new();
        let end = loop {
            match read(&mut stream).await {
                Ok(bytes) if bytes.is_empty() => break Ok(bytes),
                Ok(bytes) => got.extend(bytes),
                Err(kind) => break Err(kind),
            }
        };
        // A reset may overtake what the kernel has not handed over yet.
        assert!(
            got == b"01234" || (ending == Ending::Reset && got.is_empty()),
            "{got:?}"
        );
        assert_eq!(end, expected);
    }
}

#[tokio::test]
async fn new_connections_go_to_the_new_target() {
    let (proxy, mut first) = proxied().await;
    let (other, mut second) = echo().await;
    proxy.retarget(other);
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, b"x").await.unwrap();
    assert_eq!(second.recv().await, Some(1));
    assert!(first.try_recv().is_err());
}

#[test]
fn property_a_schedule_follows_from_its_seed_and_heals_at_the_end() {
    let length = Duration::from_secs(60);
    for seed in 0..200 {
        let schedule = Schedule::of(seed, length, Duration::from_secs(6));
        assert_eq!(schedule, Schedule::of(seed, length, Duration::from_secs(6)));
        assert_eq!(
            schedule.steps.iter().map(|step| step.after).sum::<Duration>(),
            length
        );
        assert_eq!(schedule.steps.last().unwrap().conditions, Conditions::default());
        assert!(
            schedule
                .steps
                .iter()
                .any(|step| step.conditions != Conditions::default()),
            "{seed}"
        );
    }
}

#[tokio::test]
async fn commands_do_what_they_say() {
    let (proxy, _) = proxied().await;
    for line in [
        "refuse",
        "up latency 20 5",
        "down slice 7",
        "rate 1000",
        "down cut 9 reset",
    ] {
        line.parse::<Command>().unwrap().apply(&proxy).await;
    }
    let rate = NonZeroU64::new(1000);
    let up = Way {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        rate,
        ..Way::default()
    };
    let cut = Some(Cut {
        after: 9,
        ending: Ending::Reset,
    });
    let down = Way {
        slice: NonZeroUsize::new(7),
        rate,
        cut,
        ..Way::default()
    };
    let door = Door::Refuse;
    assert_eq!(proxy.conditions(), Conditions { door, up, down });
    "heal".parse::<Command>().unwrap().apply(&proxy).await;
    assert_eq!(proxy.conditions(), Conditions::default());
    for wrong in [
        "",
        "heel",
        "up",
        "latency",
        "latency x",
        "cut 5",
        "cut 5 softly",
        "target nowhere",
    ] {
        let error = wrong.parse::<Command>().unwrap_err().to_string();
        assert!(error.contains("latency MS"), "{error}");
    }
}
