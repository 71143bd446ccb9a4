//! Names that stand for several addresses, change, or lead nowhere.

use super::rig::{World, address, failure};
use crate::client::{CallError, ConnectSettings, Keepalive};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn calls_are_spread_over_all_addresses() {
    let world = World::new();
    let places = ["10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317"].map(address);
    let servers = places.map(|place| world.network.serve_grpc(place));
    world.network.name("backend", &places);
    let caller = world.grpc("backend", ConnectSettings::default());
    for _ in 0..300 {
        caller.call().await.unwrap();
    }
    for server in servers {
        assert!(server.calls() >= 90, "{}", server.calls());
        assert_eq!(server.open(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn posts_are_spread_over_all_addresses() {
    let world = World::new();
    let places = ["10.0.0.1:4318", "10.0.0.2:4318"].map(address);
    let counts = places.map(|place| serve_http(&world, place));
    world.network.name("backend", &places);
    let poster = world.http("backend", ConnectSettings::default());
    for _ in 0..100 {
        assert_eq!(poster.post().await.unwrap().status, 200);
    }
    for (place, count) in places.iter().zip(counts) {
        assert!(count.load(Ordering::Relaxed) >= 45);
        assert!(world.network.attempts_at(*place) <= 2, "connections are kept");
    }
}

/// An HTTP/1.1 server that answers everything with 200. How often it did.
fn serve_http(world: &World, place: std::net::SocketAddr) -> std::sync::Arc<std::sync::atomic::AtomicUsize> {
    let mut incoming = world.network.listen(place);
    let count = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counted = std::sync::Arc::clone(&count);
    tokio::spawn(async move {
        while let Some(mut io) = incoming.recv().await {
            let count = std::sync::Arc::clone(&counted);
            tokio::spawn(async move {
                let mut read = vec![0; 4096];
                while io.read(&mut read).await.is_ok_and(|length| length > 0) {
                    count.fetch_add(1, Ordering::Relaxed);
                    io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .await
                        .unwrap();
                }
            });
        }
    });
    count
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_name_is_followed_within_the_interval() {
    let world = World::new();
    let [old, new] = ["10.0.0.1:4317", "10.0.0.2:4317"].map(address);
    let (before, after) = (world.network.serve_grpc(old), world.network.serve_grpc(new));
    world.network.name("backend", &[old]);
    let caller = world.grpc("backend", ConnectSettings::default());
    caller.call().await.unwrap();
    world.network.name("backend", &[new]);
    let changed = tokio::time::Instant::now();
    while after.calls() == 0 {
        caller.call().await.unwrap();
        world.time(SECOND / 10).await;
        assert!(changed.elapsed() < 30 * SECOND, "the old address is still in use");
    }
    let calls = before.calls();
    for _ in 0..10 {
        caller.call().await.unwrap();
    }
    assert_eq!(before.calls(), calls, "nothing goes to the old address");
    while before.open() > 0 {
        world.time(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_address_gets_connections_of_its_own() {
    let world = World::new();
    let [first, second] = ["10.0.0.1:4317", "10.0.0.2:4317"].map(address);
    let (old, new) = (world.network.serve_grpc(first), world.network.serve_grpc(second));
    world.network.name("backend", &[first]);
    let caller = world.grpc("backend", ConnectSettings::default());
    caller.call().await.unwrap();
    world.network.name("backend", &[second, first]);
    world.time(30 * SECOND).await;
    for _ in 0..100 {
        caller.call().await.unwrap();
    }
    assert!(
        new.calls() >= 45 && old.calls() >= 45,
        "{} {}",
        old.calls(),
        new.calls()
    );
    assert_eq!((old.open(), new.open()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_is_done_without_and_taken_back() {
    let world = World::new();
    let [dead, alive] = ["10.0.0.1:4317", "10.0.0.2:4317"].map(address);
    let server = world.network.serve_grpc(alive);
    world.network.name("backend", &[dead, alive]);
    let caller = world.grpc("backend", ConnectSettings::default());
    for _ in 0..50 {
        caller.call().await.unwrap();
    }
    assert_eq!(server.calls(), 50);
    let revived = world.network.serve_grpc(dead);
    for _ in 0..60 {
        world.time(SECOND).await;
        caller.call().await.unwrap();
    }
    assert!(revived.calls() > 0, "the address that is back is used again");
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_costs_a_head_start_only() {
    let world = World::new();
    let [silent, alive] = ["[fd00::1]:4317", "10.0.0.2:4317"].map(address);
    world.network.silence(silent);
    let server = world.network.serve_grpc(alive);
    world.network.name("backend", &[silent, alive]);
    let caller = world.grpc("backend", ConnectSettings::default());
    let begun = tokio::time::Instant::now();
    caller.call().await.unwrap();
    assert!(begun.elapsed() <= SECOND / 4, "{:?}", begun.elapsed());
    for _ in 0..20 {
        caller.call().await.unwrap();
    }
    assert_eq!(server.calls(), 21);
    assert_eq!(
        world.network.attempts_at(silent),
        1,
        "the family that works is kept to"
    );
}

#[tokio::test(start_paused = true)]
async fn two_families_of_one_machine_get_one_connection() {
    let world = World::new();
    let [six, four] = ["[::1]:4317", "127.0.0.1:4317"].map(address);
    let servers = [six, four].map(|place| world.network.serve_grpc(place));
    world.network.name("localhost", &[six, four]);
    let caller = world.grpc("localhost", ConnectSettings::default());
    for _ in 0..10 {
        caller.call().await.unwrap();
    }
    assert_eq!(servers.map(|server| server.open()).iter().sum::<usize>(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_looked_up_is_left_alone_for_a_while() {
    let world = World::new();
    let caller = world.grpc("backend", ConnectSettings::default());
    let first = failure(caller.call().await);
    assert!(
        first.contains("cannot look up `backend`: no such name"),
        "{first}"
    );
    for _ in 0..50 {
        assert!(matches!(
            caller.call().await,
            Err(CallError::Unreachable { after: Some(_), .. })
        ));
    }
    assert_eq!(world.network.lookups.load(Ordering::Relaxed), 1);
    let place = address("10.0.0.1:4317");
    world.network.serve_grpc(place);
    world.network.name("backend", &[place]);
    world.time(SECOND).await;
    caller.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn known_addresses_survive_a_name_server_that_is_down() {
    let world = World::new();
    let place = address("10.0.0.1:4317");
    let server = world.network.serve_grpc(place);
    world.network.name("backend", &[place]);
    let caller = world.grpc("backend", ConnectSettings::default());
    caller.call().await.unwrap();
    world.network.name("backend", &[]);
    for _ in 0..120 {
        world.time(SECOND).await;
        caller.call().await.unwrap();
    }
    assert_eq!(server.opened.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_found_within_fifteen_seconds() {
    for delay in [1, 900, 2400, 4999] {
        let world = World::new();
        let place = address("10.0.0.1:4317");
        let mut incoming = world.network.listen(place);
        let caller = world.grpc("10.0.0.1", ConnectSettings::default());
        let serve = async {
            let io = incoming.recv().await.unwrap();
            let mut connection = h2::server::handshake(io).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond
                .send_response(super::rig::head(&[("grpc-status", "0")]), true)
                .unwrap();
            tokio::select! {
                _ = connection.accept() => panic!("no more was asked"),
                () = world.time(Duration::from_millis(delay)) => connection,
            }
        };
        let (answer, _deaf) = tokio::join!(caller.call(), serve);
        answer.unwrap();
        // From here on nobody reads the connection nor writes to it.
        let begun = tokio::time::Instant::now();
        let told = failure(caller.call().await);
        assert!(
            begun.elapsed() <= 15 * SECOND,
            "{:?} after {delay} ms",
            begun.elapsed()
        );
        assert!(told.contains("no answer"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_without_requests_is_not_pinged() {
    let world = World::new();
    let place = address("10.0.0.1:4317");
    let server = world.network.serve_grpc(place);
    let caller = world.grpc("10.0.0.1", ConnectSettings::default());
    caller.call().await.unwrap();
    world.time(3600 * SECOND).await;
    caller.call().await.unwrap();
    assert_eq!((server.open(), world.network.attempts_at(place)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_are_waited_for_while_pings_are_answered() {
    let world = World::new();
    let mut incoming = world.network.listen(address("10.0.0.1:4317"));
    let keepalive = Keepalive {
        time: SECOND,
        timeout: SECOND,
    };
    let caller = world.grpc(
        "10.0.0.1",
        ConnectSettings {
            keepalive,
            ..ConnectSettings::default()
        },
    );
    let clock = world.surroundings.clock.clone();
    tokio::spawn(async move {
        let io = incoming.recv().await.unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let clock = clock.clone();
            tokio::spawn(async move {
                clock.sleep(60 * SECOND).await;
                respond
                    .send_response(super::rig::head(&[("grpc-status", "0")]), true)
                    .unwrap();
            });
        }
    });
    caller.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn idle_connections_like_one_that_led_nowhere_are_closed() {
    let world = World::new();
    let place = address("10.0.0.1:4318");
    let mut incoming = world.network.listen(place);
    let poster = world.http("10.0.0.1", ConnectSettings::default());
    let answer = async |io: &mut tokio::io::DuplexStream| {
        let mut read = vec![0; 4096];
        assert!(io.read(&mut read).await.unwrap() > 0);
        io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
    };
    let both = async {
        let (mut one, mut two) = (incoming.recv().await.unwrap(), incoming.recv().await.unwrap());
        answer(&mut one).await;
        answer(&mut two).await;
        (one, two)
    };
    let (first, second, (mut one, mut two)) = tokio::join!(poster.post(), poster.post(), both);
    assert!(first.is_ok() && second.is_ok());
    // An attempt that is given up by its time limit: the server is silent.
    let given_up = tokio::time::timeout(SECOND, poster.post()).await;
    assert!(given_up.is_err());
    for end in [&mut one, &mut two] {
        let mut rest = Vec::new();
        end.read_to_end(&mut rest).await.unwrap();
    }
    let fresh = async { answer(&mut incoming.recv().await.unwrap()).await };
    let (reply, ()) = tokio::join!(poster.post(), fresh);
    assert_eq!(reply.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn posts_follow_a_change_of_the_name_and_do_without_what_is_dead() {
    let world = World::new();
    let [old, new, dead] = ["10.0.0.1:4318", "10.0.0.2:4318", "10.0.0.3:4318"].map(address);
    let (before, after) = (serve_http(&world, old), serve_http(&world, new));
    world.network.name("backend", &[old]);
    let poster = world.http("backend", ConnectSettings::default());
    poster.post().await.unwrap();
    world.network.name("backend", &[new, dead]);
    let changed = tokio::time::Instant::now();
    while after.load(Ordering::Relaxed) == 0 {
        poster.post().await.unwrap();
        world.time(SECOND / 10).await;
        assert!(changed.elapsed() < 30 * SECOND, "the old address is still in use");
    }
    let posts = before.load(Ordering::Relaxed);
    for _ in 0..200 {
        poster.post().await.unwrap();
        world.time(SECOND / 10).await;
    }
    assert_eq!(before.load(Ordering::Relaxed), posts);
    assert!(world.network.attempts_at(dead) < 20, "one attempt for each pause");
    assert!(world.network.attempts_at(new) < 20, "connections are kept");
}
