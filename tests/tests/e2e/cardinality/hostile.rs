//! A flood of series: memory stays within the budget, and the sums hold.

use super::application;
use super::totals::Totals;
use super::{balanced, ended};
use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::spans::insist;
use crate::support::{Client, Export, Forebay, Sink};
use forebay_testkit::requests::attribute;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, NumberDataPoint, Sum, metric::Data, number_data_point,
};
use std::time::{Duration, Instant};

const BUDGET: u64 = 64 << 20;
const POINTS: u64 = 1000;
const SENDERS: u64 = 4;
const START: u64 = 1_748_736_000_000_000_000;

/// How long the flood lasts: five seconds, or as many as `FOREBAY_CARDINALITY_SECONDS` says.
fn duration() -> Duration {
    let seconds = std::env::var("FOREBAY_CARDINALITY_SECONDS").map_or(5, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

fn config(sink: &Sink) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [memory]
        budget = \"64MiB\"
        [processors.guard]
        type = \"cardinality_limit\"
        max_bytes = \"8MiB\"
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp.metrics\"]
        via = [\"guard\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

/// A request of series that no other request has, each of which has counted one.
fn flood(first: u64, temporality: AggregationTemporality) -> Export {
    let point = |number: u64| NumberDataPoint {
        attributes: vec![
            attribute("http.route", "/orders/{id}"),
            attribute("enduser.id", &format!("{number:032x}")),
        ],
        start_time_unix_nano: START + number,
        time_unix_nano: START + number + 1000,
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    let sum = Sum {
        data_points: (first..first + POINTS).map(point).collect(),
        aggregation_temporality: temporality as i32,
        is_monotonic: true,
    };
    application::request(vec![application::metric("orders", Data::Sum(sum))])
}

/// Sends until the time is over; how many points were taken.
async fn send(client: Client, sender: u64, until: Instant) -> u64 {
    // Of cumulative points there is one sender: their order means something.
    let temporality = if sender == 0 {
        AggregationTemporality::Cumulative
    } else {
        AggregationTemporality::Delta
    };
    let mut sent = 0;
    while Instant::now() < until {
        insist(&client, &flood((sender << 40) + sent, temporality)).await;
        sent += POINTS;
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_series_stays_within_the_budget_and_the_deltas_are_whole() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink)).await;
    let idle = forebay.resident();
    let until = Instant::now() + duration();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| tokio::spawn(send(Client::grpc(forebay.grpc()), sender, until)))
        .collect();
    let mut peak = 0;
    while senders.iter().any(|sender| !sender.is_finished()) {
        peak = peak.max(forebay.resident());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut sent = Vec::new();
    for sender in senders {
        sent.push(sender.await.unwrap());
    }
    println!(
        "{} series, {} MiB idle, {} MiB at most",
        sent.iter().sum::<u64>(),
        idle >> 20,
        peak >> 20
    );
    assert!(
        peak <= BUDGET + idle,
        "{peak} bytes resident at most, {idle} when idle, a budget of {BUDGET}"
    );
    let totals = Totals::of(&sink);
    let scrape = balanced(&forebay).await;
    let all: u64 = sent.iter().sum();
    // What there is no memory for and may have counted before is dropped, and said to be: nothing counts twice.
    let dropped = ended(&scrape, "dropped");
    assert_eq!(totals.sum("orders", ""), all as f64 - dropped);
    assert!(dropped <= sent[0] as f64 && ended(&scrape, "folded") > 0.0);
}
