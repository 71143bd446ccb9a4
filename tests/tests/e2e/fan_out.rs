//! Three destinations, of which one is dead and one is slow: neither keeps anything from the others.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Answer, Client, Export, Forebay, Scrape, Sink, admin};
use forebay_core::Signal;
use serde_json::Value;

const REQUESTS: u64 = 40;
const ITEMS: u64 = 10;
/// What the queue before the dead destination holds: five requests.
const ROOM: u64 = 50;

fn config(fast: &Sink, slow: &Sink, dead: &Sink, on_full: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}acknowledge = \"accepted\"
        [exporters.fast]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [exporters.slow]
        type = \"otlp_http\"
        endpoint = \"http://{}\"
        timeout = \"0s\"
        [exporters.dead]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        timeout = \"0s\"
        queue = {{ {on_full} }}
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"fast\", \"slow\", \"dead\"]",
        fast.grpc(),
        slow.http(),
        dead.grpc()
    )
}

async fn send_all(forebay: &Forebay) {
    let client = Client::grpc(forebay.grpc());
    for request in 0..REQUESTS {
        let first = 1 + request * ITEMS;
        let reply = client
            .send(&Export::numbered(Signal::Traces, first..first + ITEMS))
            .await;
        assert!(reply.is_taken(), "{reply:?}");
    }
}

fn all() -> Vec<(Signal, u64)> {
    (1..=REQUESTS * ITEMS)
        .map(|number| (Signal::Traces, number))
        .collect()
}

fn books(status: &Value, node: &str) -> Value {
    let mut nodes = status["nodes"].as_array().unwrap().iter();
    nodes.find(|found| found["name"] == node).unwrap()["signals"]["traces"].clone()
}

#[tokio::test]
async fn a_full_branch_drops_its_own_and_nothing_else() {
    let (fast, slow, dead) = (Sink::counting(), Sink::counting(), Sink::counting());
    slow.answer(|_| Answer::Hold);
    dead.answer(|_| Answer::Hang);
    let on_full = format!("max_items = {ROOM}, on_full = \"drop_newest\"");
    let forebay = Forebay::start(&config(&fast, &slow, &dead, &on_full)).await;
    send_all(&forebay).await;
    fast.until("the fast one has everything", |taken| taken.has_all(&all()))
        .await;
    assert_eq!(
        slow.read(|taken| taken.items.len()),
        0,
        "the slow one still thinks about its first request"
    );

    let status = admin::status(forebay.admin()).await;
    let dead = books(&status, "dead");
    assert_eq!(dead["held"], ROOM);
    assert_eq!(dead["dropped"]["queue_full"], REQUESTS * ITEMS - ROOM);
    for node in ["fast", "slow", "otlp"] {
        let books = books(&status, node);
        assert_eq!(
            (&books["dropped"], &books["refused"]),
            (&Value::Object([].into_iter().collect()), &books["dropped"])
        );
    }
    assert_eq!(books(&status, "otlp")["copied"], 2 * REQUESTS * ITEMS);

    slow.release();
    slow.until("the slow one has everything", |taken| taken.has_all(&all()))
        .await;
    assert!(
        slow.read(|taken| taken.is_without_duplicates()) && fast.read(|taken| taken.is_without_duplicates())
    );
    Scrape::of(forebay.admin()).await.unwrap().assert_balanced();
}

#[tokio::test]
async fn a_branch_with_room_catches_up() {
    let (fast, slow, dead) = (Sink::counting(), Sink::counting(), Sink::counting());
    slow.answer(|_| Answer::Hold);
    dead.answer(|_| Answer::Hold);
    let forebay = Forebay::start(&config(&fast, &slow, &dead, "")).await;
    send_all(&forebay).await;
    fast.until("the fast one has everything", |taken| taken.has_all(&all()))
        .await;
    assert_eq!(
        (
            slow.read(|taken| taken.items.len()),
            dead.read(|taken| taken.items.len())
        ),
        (0, 0)
    );
    for sink in [&slow, &dead] {
        sink.release();
        sink.until("it has everything", |taken| taken.has_all(&all()))
            .await;
        assert!(sink.read(|taken| taken.is_without_duplicates()));
    }
    Scrape::of(forebay.admin()).await.unwrap().assert_balanced();
}
