//! More traces than fit: decided early or pushed back, never lost, and never beyond the budget.

use super::{config, decisions, peak_until, traces_in, until_all_is_decided};
use crate::support::spans::{insist, padded, request};
use crate::support::{Client, Forebay, Sink};
use forebay_core::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

const BUDGET: u64 = 64 << 20;
/// Of the budget, what the buffer may take.
const BUFFER: u64 = 24 << 20;
/// Every eighth trace has as many spans as the policy asks for, the others have one less.
const SPANS: u64 = 10;
/// Bytes of filling in a span: few and large, as the test is about bytes.
const PADDING: usize = 4_000;
const SENDERS: usize = 8;
const TRACES_IN_REQUEST: u64 = 20;

/// How much is sent, in buffers: ten, or as many as `FOREBAY_TAIL_LOAD` says.
fn load() -> u64 {
    std::env::var("FOREBAY_TAIL_LOAD").map_or(10, |text| text.parse().unwrap())
}

/// Keeps traces of ten spans. Nothing tells which before the wait is over: no root comes, and a trace might get a tenth span, or
/// too many.
fn sampling(on_full: &str, decision_wait: &str) -> String {
    format!(
        "decision_wait = \"{decision_wait}\"
        on_full = \"{on_full}\"
        max_bytes = \"{}MiB\"
        policies = [{{ name = \"large\", type = \"span_count\", min_spans = {SPANS}, max_spans = 1000 }}]
        [memory]
        budget = \"64MiB\"",
        BUFFER >> 20
    )
}

fn spans_of(trace: u64) -> u64 {
    if trace.is_multiple_of(8) { SPANS } else { SPANS - 1 }
}

/// Sends traces, half of each in one request and half in another, until `bytes` have been sent; how many traces
/// there were, and how often a sender was refused.
async fn send(forebay: &Forebay, bytes: u64) -> (u64, u64) {
    let traces = bytes / (SPANS * PADDING as u64);
    let next = Arc::new(AtomicU64::new(0));
    let senders: JoinSet<u64> = (0..SENDERS)
        .map(|_| {
            let (client, next) = (Client::grpc(forebay.grpc()), Arc::clone(&next));
            async move {
                let mut refusals = 0;
                loop {
                    let first = next.fetch_add(TRACES_IN_REQUEST, Ordering::Relaxed);
                    if first >= traces {
                        return refusals;
                    }
                    for half in [1..SPANS / 2, SPANS / 2..SPANS + 1] {
                        let spans = (first..first + TRACES_IN_REQUEST).flat_map(|trace| {
                            let own = half.clone().filter(move |index| *index <= spans_of(trace));
                            own.map(move |index| padded(trace, index, PADDING))
                        });
                        refusals += insist(&client, &request(spans)).await;
                    }
                }
            }
        })
        .collect();
    let refusals = senders.join_all().await.into_iter().sum();
    (traces.div_ceil(TRACES_IN_REQUEST) * TRACES_IN_REQUEST, refusals)
}

/// Idle is what the same process takes once it listens, before anything comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_decides_the_oldest_traces_and_stays_within_the_budget() {
    let sink = Sink::counting();
    let forebay = Forebay::start(&config(&sink, &sampling("decide_oldest", "5s"))).await;
    let idle = forebay.resident();
    let mut traces = 0;
    let peak = peak_until(&forebay, async {
        (traces, _) = send(&forebay, load() * BUFFER).await
    })
    .await;
    let scrape = until_all_is_decided(&forebay).await;
    let figures = format!("{peak} bytes resident at most, {idle} when idle, a budget of {BUDGET}");
    println!("{traces} traces, {figures}");
    assert!(peak <= BUDGET + idle, "{figures}");
    let forced = decisions(&scrape, &[("cause", "memory")]);
    assert!(forced > 0.0, "{scrape:#?}");
    assert_eq!(decisions(&scrape, &[]), traces as f64, "{scrape:#?}");
    let spans = (0..traces).map(spans_of).sum::<u64>() as f64;
    let received = scrape.sum("forebay_items_received_total", &[("signal", "traces")]);
    let kept = scrape.sum("forebay_items_delivered_total", &[]);
    let sampled_out = scrape.sum("forebay_items_sampled_out_total", &[]);
    assert_eq!(
        (
            received - scrape.sum("forebay_items_refused_total", &[]),
            kept + sampled_out
        ),
        (spans, spans)
    );
    sink.read(|taken| {
        assert_eq!(taken.count(Signal::Traces) as f64, kept);
        assert!(taken.is_without_duplicates());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_can_push_back_instead() {
    let sink = Sink::counting();
    let forebay = Forebay::start(&config(&sink, &sampling("wait", "1s"))).await;
    let idle = forebay.resident();
    let mut sent = (0, 0);
    let peak = peak_until(&forebay, async { sent = send(&forebay, 4 * BUFFER).await }).await;
    let (traces, _) = sent;
    let scrape = until_all_is_decided(&forebay).await;
    assert!(peak <= BUDGET + idle, "{peak} bytes resident, {idle} when idle");
    assert_eq!(decisions(&scrape, &[("cause", "memory")]), 0.0, "{scrape:#?}");
    assert_eq!(
        decisions(&scrape, &[("cause", "decision_wait")]),
        traces as f64,
        "{scrape:#?}"
    );
    let kept = traces_in(&sink).len() as u64;
    sink.read(|taken| assert_eq!(taken.count(Signal::Traces) as u64, kept * SPANS));
}
