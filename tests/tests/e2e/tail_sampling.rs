//! Tail sampling in the built binary: what is kept is kept whole and soon, what is not is accounted for, and memory has its bound.

mod limits;

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::spans::{failed, insist, logs, number, request, span, trace_id_text, trace_of};
use crate::support::{Client, Forebay, Scrape, Sink, admin, binary, eventually};
use forebay_core::Signal;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Keeps traces with an error, and nothing else.
const ERRORS: &str = "policies = [{ name = \"errors\", type = \"status_code\", status_codes = [\"ERROR\"] }]";

/// A gateway that samples by these keys of the processor.
fn config(sink: &Sink, sampling: &str) -> String {
    config_for(sink, sampling, "\"otlp.traces\"")
}

fn config_for(sink: &Sink, sampling: &str, from: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.tail]
        type = \"tail_sampling\"
        {sampling}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [{from}]
        via = [\"tail\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

/// Waits until nothing is held any more, and checks the books.
async fn until_all_is_decided(forebay: &Forebay) -> Scrape {
    eventually("nothing is held", async || {
        let scrape = Scrape::of(forebay.admin()).await.unwrap();
        scrape.sum("forebay_items_held", &[]) == 0.0
    })
    .await;
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    scrape
}

/// What the decisions were, by what led to them.
fn decisions(scrape: &Scrape, labels: &[(&str, &str)]) -> f64 {
    scrape.sum(
        "otelcol_processor_tail_sampling_global_count_traces_sampled_total",
        labels,
    )
}

fn traces_in(sink: &Sink) -> BTreeSet<u64> {
    sink.read(|taken| taken.items.keys().map(|(_, number)| trace_of(*number)).collect())
}

/// The longest wait is ten minutes: the test would not end if it were waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_whose_root_has_come_is_exported_long_before_the_longest_wait() {
    const TRACES: u64 = 200;
    let sink = Sink::counting();
    let policies = "decision_wait = \"10m\"
        policies = [{ name = \"not_slow\", type = \"not\",
            not_sub_policy = { name = \"slow\", type = \"latency\", threshold_ms = 10000 } }]";
    let forebay = Forebay::start(&config(&sink, policies)).await;
    let client = Client::grpc(forebay.grpc());
    let mut sent = Vec::new();
    for trace in 0..TRACES {
        insist(&client, &request((1..8).map(|index| span(trace, index)))).await;
        insist(&client, &request([span(trace, 8), span(trace, 0)])).await;
        sent.push(Instant::now());
    }
    let mut delays = Vec::new();
    for (trace, sent) in sent.into_iter().enumerate() {
        let last = (Signal::Traces, number(trace as u64, 8));
        sink.until("a trace is exported", |taken| taken.items.contains_key(&last))
            .await;
        delays.push(sent.elapsed());
    }
    delays.sort();
    println!(
        "from a trace's last span to its export: median {:?}, longest {:?}",
        delays[delays.len() / 2],
        delays[delays.len() - 1]
    );
    let scrape = until_all_is_decided(&forebay).await;
    assert_eq!(
        decisions(&scrape, &[("cause", "quiet"), ("sampled", "true")]),
        TRACES as f64
    );
    sink.read(|taken| {
        assert_eq!(taken.count(Signal::Traces) as u64, TRACES * 9);
        assert!(taken.is_without_duplicates());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_kept_whole_or_not_at_all() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, ERRORS)).await;
    let client = Client::grpc(forebay.grpc());
    // The spans of forty traces come mixed, those of each trace in six requests; in every fourth trace the third span failed.
    for index in (0..6).rev() {
        let spans = (0..40).map(|trace| match (trace % 4, index) {
            (0, 3) => failed(trace, index),
            _ => span(trace, index),
        });
        insist(&client, &request(spans)).await;
    }
    let scrape = until_all_is_decided(&forebay).await;
    let expected: BTreeSet<u64> = (0..40).filter(|trace| trace % 4 == 0).collect();
    assert_eq!(traces_in(&sink), expected);
    sink.read(|taken| {
        assert_eq!(taken.count(Signal::Traces), 60);
        assert!(taken.is_without_duplicates());
    });
    assert_eq!(
        scrape.sum("forebay_items_sampled_out_total", &[("node", "tail")]),
        180.0
    );
    assert_eq!(decisions(&scrape, &[("sampled", "true")]), 10.0);
    assert_eq!(decisions(&scrape, &[("sampled", "false")]), 30.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_come_late_follow_the_decision() {
    let sink = Sink::counting();
    let forebay = Forebay::start(&config(&sink, ERRORS)).await;
    let client = Client::grpc(forebay.grpc());
    insist(
        &client,
        &request([failed(1, 1), span(1, 0), span(2, 1), span(2, 0)]),
    )
    .await;
    until_all_is_decided(&forebay).await;
    insist(&client, &request([span(1, 2), span(2, 2)])).await;
    let scrape = until_all_is_decided(&forebay).await;
    assert_eq!(traces_in(&sink), BTreeSet::from([1]));
    sink.read(|taken| assert_eq!(taken.count(Signal::Traces), 3));
    let late = |sampled| {
        let name = "otelcol_processor_tail_sampling_early_releases_from_cache_decision_total";
        scrape.sum(name, &[("sampled", sampled)])
    };
    assert_eq!((late("true"), late("false")), (1.0, 1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_decides_what_is_held() {
    const TRACES: u64 = 300;
    let sink = Sink::counting();
    // Without their roots, and with nothing that settles it before the end, all wait.
    let policies = "decision_wait = \"10m\"
        policies = [{ name = \"few\", type = \"span_count\", min_spans = 1, max_spans = 2 }]";
    let forebay = Forebay::start(&config(&sink, policies)).await;
    let client = Client::grpc(forebay.grpc());
    for trace in 0..TRACES {
        let spans = 2 + trace % 2;
        insist(&client, &request((1..=spans).map(|index| span(trace, index)))).await;
    }
    let held = Scrape::of(forebay.admin()).await.unwrap();
    // A trace of three spans is decided as soon as it has the third.
    assert_eq!(held.sum("forebay_items_held", &[("node", "tail")]), TRACES as f64);
    forebay.terminate();
    let ended = forebay.end().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let drained = ended.line("drained");
    assert_eq!(
        (&drained["lost"], &drained["in_time"]),
        (&0.into(), &true.into()),
        "{ended:?}"
    );
    assert_eq!(drained["delivered"], TRACES, "{ended:?}");
    let expected: BTreeSet<u64> = (0..TRACES).filter(|trace| trace % 2 == 0).collect();
    assert_eq!(traces_in(&sink), expected);
    sink.read(|taken| assert!(taken.is_without_duplicates()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_tells_what_became_of_a_trace() {
    let sink = Sink::counting();
    let forebay = Forebay::start(&config(&sink, &format!("decision_wait = \"10m\"\n{ERRORS}"))).await;
    let client = Client::grpc(forebay.grpc());
    insist(
        &client,
        &request([failed(1, 1), span(1, 0), span(2, 1), span(2, 0), span(3, 1)]),
    )
    .await;
    let kept = "otelcol_processor_tail_sampling_global_count_traces_sampled_total";
    eventually("two traces are decided", async || {
        Scrape::of(forebay.admin()).await.unwrap().sum(kept, &[]) == 2.0
    })
    .await;
    let says = |trace| {
        let (id, address) = (trace_id_text(trace), forebay.admin().to_string());
        let command = Command::new(binary::path())
            .args(["why", &id, "--admin", &address])
            .output();
        String::from_utf8(command.unwrap().stdout).unwrap()
    };
    let (first, second, third) = (says(1), says(2), says(3));
    assert!(first.contains("tail: ") && first.contains("errors"), "{first}");
    assert!(
        !second.contains("errors") && second.contains("tail: "),
        "{second}"
    );
    assert!(third.contains("has waited"), "{third}");
    let (_, page) = admin::page(forebay.admin(), &format!("/why/{}", trace_id_text(1)))
        .await
        .unwrap();
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(
        (&page[0]["state"], &page[0]["policy"]),
        (&"sampled".into(), &"errors".into()),
        "{page}"
    );
    let (code, _) = admin::page(forebay.admin(), &format!("/why/{}", trace_id_text(4)))
        .await
        .unwrap();
    assert_eq!(code, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_kept_can_go_elsewhere() {
    let (kept, rest) = (Sink::counting(), Sink::counting());
    let config = format!(
        "{}
        [exporters.archive]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.rest]
        from = [\"tail.dropped\"]
        to = [\"archive\"]",
        config(&kept, ERRORS),
        rest.grpc()
    );
    let forebay = Forebay::start(&config).await;
    let client = Client::grpc(forebay.grpc());
    for trace in 0..30 {
        let other = if trace % 3 == 0 {
            failed(trace, 1)
        } else {
            span(trace, 1)
        };
        insist(&client, &request([other, span(trace, 0)])).await;
    }
    let scrape = until_all_is_decided(&forebay).await;
    assert!(traces_in(&kept).iter().all(|trace| trace % 3 == 0));
    assert!(traces_in(&rest).iter().all(|trace| trace % 3 != 0));
    let counts = [&kept, &rest].map(|sink| sink.read(|taken| taken.count(Signal::Traces)));
    assert_eq!(counts, [20, 40]);
    assert_eq!(scrape.sum("forebay_items_sampled_out_total", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_records_follow_their_trace() {
    let sink = Sink::counting();
    let sampling = format!("logs = \"follow\"\n{ERRORS}");
    let forebay = Forebay::start(&config_for(&sink, &sampling, "\"otlp.traces\", \"otlp.logs\"")).await;
    let client = Client::grpc(forebay.grpc());
    for trace in [1, 2] {
        insist(&client, &logs(trace, [1, 2])).await;
    }
    insist(
        &client,
        &request([failed(1, 1), span(1, 0), span(2, 1), span(2, 0)]),
    )
    .await;
    until_all_is_decided(&forebay).await;
    // And those that come after the decision.
    for trace in [1, 2] {
        insist(&client, &logs(trace, [3])).await;
    }
    until_all_is_decided(&forebay).await;
    assert_eq!(traces_in(&sink), BTreeSet::from([1]));
    let counts = [Signal::Traces, Signal::Logs].map(|signal| sink.read(|taken| taken.count(signal)));
    assert_eq!(counts, [2, 3]);
}

/// For tests that watch it while something goes on.
async fn peak_until(forebay: &Forebay, done: impl Future<Output = ()>) -> u64 {
    let mut peak = forebay.resident();
    tokio::pin!(done);
    loop {
        tokio::select! {
            () = &mut done => return peak.max(forebay.resident()),
            () = tokio::time::sleep(Duration::from_millis(10)) => peak = peak.max(forebay.resident()),
        }
    }
}
