//! No item allocates on its way, shown by counting every allocation while requests of ten and of a thousand spans go from the
//! door through processors that change, drop and look through spans to the destination. What grows with the request are lists that
//! double: a few dozen allocations for a hundred times the spans.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use bytes::Bytes;
use dhat::{HeapStats, Profiler};
use forebay_config::{Input, ProcessEnvironment, load};
use forebay_core::component::Arrival;
use forebay_core::registry::Registry;
use forebay_core::{Acknowledge, Clock, Origin, Payload, Signal, Verdict};
use forebay_engine::{Blueprint, Component, Running};
use forebay_otlp::{Depth, validate};
use forebay_testkit::{FakeReceiver, Feed, prepared_receiver, requests};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CONFIG: &str = r#"
[receivers.in]
type = "otlp"

[processors.site]
type = "attributes"
resource = [{ action = "upsert", key = "deployment.environment.name", value = "test" }]
item = [{ action = "upsert", key = "site", value = "north-1" }, { action = "delete", key = "url.path" }]

[processors.noise]
type = "filter"
rules = [{ names = ["glob:GET /items/*7"] }]

[processors.secrets]
type = "redaction"
urls = {}
statements = {}
rules = [
    { name = "cards", patterns = ["credit_card"], action = "mask" },
    { name = "keys", keys = ["glob:*.password"], action = "drop" },
]

[exporters.null]

[pipelines.all]
from = ["in"]
via = ["site", "noise", "secrets"]
to = ["null"]
"#;

/// The graph of `CONFIG`, fed by hand in the place of its receiver.
async fn start() -> (Running, Feed) {
    let mut registry = Registry::default();
    forebay_receiver::register(&mut registry);
    forebay_processor::register(&mut registry);
    forebay_exporter::register(&mut registry);
    let loaded = load(&[Input::text("allocations", CONFIG)], &ProcessEnvironment).unwrap();
    let (blueprint, found) = Blueprint::draw(&loaded.spec, &registry, 256 << 20);
    let mut blueprint = blueprint.unwrap_or_else(|| panic!("{found:#?}"));
    let (receiver, context) = FakeReceiver::new();
    blueprint.nodes.first_mut().unwrap().component = Component::Receiver(prepared_receiver(receiver));
    let running = blueprint.build(1).unwrap().start(Clock::system()).unwrap();
    (running, Feed::new(context.await.unwrap()))
}

/// What a receiver does with a request, and the wait for its delivery.
async fn deliver(feed: &Feed, request: &Bytes) {
    let census = validate(Signal::Traces, request, Depth::Full).unwrap();
    let arrival = Arrival {
        signal: Signal::Traces,
        payload: Payload::from(request.clone()),
        items: census.items,
        lease: feed.context.admit(request.len() as u64).unwrap(),
        origin: Arc::new(Origin::default()),
        acknowledge: Acknowledge::Delivered,
    };
    let (batch, delivery) = feed.context.receive(arrival);
    feed.context.send(batch).await;
    assert_eq!(delivery.await, Verdict::delivered());
}

/// Allocations of the check at the door alone.
fn of_the_check(request: &Bytes) -> u64 {
    let before = HeapStats::get().total_blocks;
    validate(Signal::Traces, request, Depth::Full).unwrap();
    forebay_otlp::count_items(Signal::Traces, request).unwrap();
    HeapStats::get().total_blocks - before
}

/// Allocations while `request` is delivered, the least of several times: the first ones grow what is kept for later ones.
async fn allocations(feed: &Feed, request: &Bytes) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..5 {
        let before = HeapStats::get().total_blocks;
        deliver(feed, request).await;
        least = least.min(HeapStats::get().total_blocks - before);
    }
    least
}

#[tokio::test]
async fn no_item_allocates_on_its_way() {
    let _profiler = Profiler::builder().testing().build();
    let (running, feed) = start().await;
    let (few, many) = (
        requests::encoded(Signal::Traces, 0, 10),
        requests::encoded(Signal::Traces, 0, 1000),
    );
    assert_eq!(of_the_check(&many), 0);
    allocations(&feed, &many).await;
    let (of_few, of_many) = (allocations(&feed, &few).await, allocations(&feed, &many).await);
    println!("10 spans: {of_few} allocations, 1,000 spans: {of_many}");
    assert!(of_few > 0, "the counting counts");
    assert!(
        of_many < of_few + 50,
        "{of_few} for 10 spans, {of_many} for 1,000"
    );
    assert_eq!(running.accounts.total().unaccounted(), 0);
}
