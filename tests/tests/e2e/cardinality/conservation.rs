//! The law: for each metric the sum over all series that leave is the sum over those that came.

use super::application::{Application, attributes, metric, request};
use super::totals::{Totals, is_overflow, metrics};
use super::{balanced, config, ended};
use crate::support::spans::insist;
use crate::support::{Answer, Client, Export, Forebay, Sink, eventually};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, NumberDataPoint, Sum, metric::Data, number_data_point,
};
use std::time::Duration;

const METRICS: f64 = 9.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_sums_to_what_came_before_at_and_beyond_the_limit_and_over_a_restart() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 20")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    insist(&client, &application.export(0..10)).await;
    let before = Totals::of(&sink);
    before.assert_are_of(&application);
    assert!(!before.overflows("orders"));
    assert_eq!(ended(&balanced(&forebay).await, "folded"), 0.0);
    for sets in [0..60, 15..25, 30..100, 0..100] {
        insist(&client, &application.export(sets)).await;
        Totals::of(&sink).assert_are_of(&application);
    }
    application.restart();
    for sets in [0..5, 50..60, 0..100, 0..100] {
        insist(&client, &application.export(sets)).await;
        Totals::of(&sink).assert_are_of(&application);
    }
    let after = Totals::of(&sink);
    for name in [
        "orders",
        "orders.delta",
        "latency",
        "size.delta",
        "open",
        "quantiles",
    ] {
        assert_eq!((after.series(name), after.overflows(name)), (21, true), "{name}");
    }
    let scrape = balanced(&forebay).await;
    // All that came left as it was, but for what was folded: which left as points of the overflow series.
    let (came, folded) = (ended(&scrape, "entered"), ended(&scrape, "folded"));
    assert_eq!(came, application.count * METRICS);
    assert_eq!(came - folded, ended(&scrape, "left"));
    assert_eq!(after.points as f64, ended(&scrape, "left"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_again_adds_nothing() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 5")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    for sets in [0..20, 0..30] {
        let export = application.export(sets);
        for _ in 0..3 {
            insist(&client, &export).await;
            let totals = Totals::of(&sink);
            // Deltas are what they are, and count as often as they come: with a limit or without one.
            assert_eq!(totals.sum("orders", ""), application.sum);
            for name in ["latency", "size", "quantiles"] {
                assert_eq!(totals.sum(name, "sum"), application.sum, "{name}");
                assert_eq!(totals.sum(name, "count"), application.count, "{name}");
            }
            assert_eq!(totals.level_of("open"), application.level());
            assert_eq!(totals.level_of("temperature"), application.level());
        }
    }
    balanced(&forebay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_destination_refused_is_there_when_it_is_sent_again() {
    let sink = Sink::start();
    // Two of three requests fail, and the senders hear of it.
    sink.answer(|attempt| match attempt % 3 {
        2 => Answer::Take,
        _ => Answer::Retry(Duration::from_millis(1)),
    });
    let forebay = Forebay::start(&config(&sink, "limit = 5")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    let mut refusals = 0;
    for round in 0..6 {
        refusals += insist(&client, &application.export(round..round + 20)).await;
        Totals::of(&sink).assert_are_of(&application);
    }
    assert_eq!(refusals, 12);
    balanced(&forebay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steady_leak_stays_limited_and_those_that_were_first_pass_unchanged() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 30")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    let mut sent = Vec::new();
    for round in 0..200 {
        // Twenty good series, and in each second two that were never seen.
        let new = 1000 + 2 * round;
        let export = application.export((0..20).chain(new..new + 2));
        insist(&client, &export).await;
        sent.push(export);
    }
    let totals = Totals::of(&sink);
    totals.assert_are_of(&application);
    for name in [
        "orders",
        "orders.delta",
        "latency",
        "latency.delta",
        "size",
        "open",
        "temperature",
    ] {
        assert_eq!(totals.series(name), 31, "{name}");
    }
    let first = |export: &Export| -> Vec<String> { (0..20).flat_map(|set| points_of(export, set)).collect() };
    sink.read(|taken| {
        for (came, left) in sent.iter().zip(&taken.requests) {
            assert_eq!(first(came), first(left));
            assert_eq!(first(left).len(), 20 * 2);
        }
    });
}

/// Series that are idle leave their places to others, whose sums go on by themselves from where the overflow series had them; and come
/// back. Nothing is refused here: what is sent again after its series was idle is another story, and when that is, is up to the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_given_on_without_a_sum_being_lost_or_doubled() {
    let sink = Sink::start();
    let limits = "limit = 5\nidle_timeout = \"1s\"";
    let forebay = Forebay::start(&config(&sink, limits)).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    for _ in 0..3 {
        insist(&client, &application.export(0..10)).await;
        Totals::of(&sink).assert_counts(&application);
    }
    for others in [5..10, 0..5, 3..8] {
        let before = Totals::of(&sink).lives("orders");
        eventually("others have places", async || {
            insist(&client, &application.export(others.clone())).await;
            let totals = Totals::of(&sink);
            totals.assert_counts(&application);
            totals.lives("orders") > before
        })
        .await;
        insist(&client, &application.export(0..10)).await;
        Totals::of(&sink).assert_counts(&application);
    }
    balanced(&forebay).await;
}

/// The sender's own overflow series is an ordinary series that happens to be the one that folded points go into.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overflow_series_of_the_sender_and_the_one_of_the_limit_are_one() {
    for temporality in [AggregationTemporality::Delta, AggregationTemporality::Cumulative] {
        let sink = Sink::start();
        let forebay = Forebay::start(&config(&sink, "limit = 3")).await;
        let client = Client::grpc(forebay.grpc());
        let mut sum = 0.0;
        for round in 1..6_u64 {
            let points: Vec<_> = (0..8)
                .map(|set| counted(round, temporality, attributes(set)))
                .collect();
            sum += 8.0;
            let with_overflow = [points, vec![counted(round, temporality, overflow())]].concat();
            sum += 1.0;
            insist(&client, &counter(temporality, with_overflow)).await;
            let totals = Totals::of(&sink);
            assert_eq!(
                (totals.sum("hits", ""), totals.series("hits")),
                (sum, 4),
                "{temporality:?}"
            );
            sink.read(|taken| {
                let hits = metrics(taken.requests.last().unwrap()).next().unwrap();
                let Some(Data::Sum(sum)) = &hits.data else {
                    panic!("{hits:?}")
                };
                let overflows = sum
                    .data_points
                    .iter()
                    .filter(|point| is_overflow(&point.attributes));
                assert_eq!(overflows.count(), 1, "{temporality:?}");
            });
        }
    }
}

/// One, or one more than in the round before.
fn counted(round: u64, temporality: AggregationTemporality, attributes: Vec<KeyValue>) -> NumberDataPoint {
    const START: u64 = 1_748_736_000_000_000_000;
    let is_delta = temporality == AggregationTemporality::Delta;
    NumberDataPoint {
        attributes,
        start_time_unix_nano: if is_delta {
            START + (round - 1) * 1000
        } else {
            START
        },
        time_unix_nano: START + round * 1000,
        value: Some(number_data_point::Value::AsInt(if is_delta {
            1
        } else {
            round.cast_signed()
        })),
        ..NumberDataPoint::default()
    }
}

fn counter(temporality: AggregationTemporality, data_points: Vec<NumberDataPoint>) -> Export {
    let sum = Sum {
        data_points,
        aggregation_temporality: temporality as i32,
        is_monotonic: true,
    };
    request(vec![metric("hits", Data::Sum(sum))])
}

fn overflow() -> Vec<KeyValue> {
    let value = AnyValue {
        value: Some(any_value::Value::BoolValue(true)),
    };
    vec![KeyValue {
        key: "otel.metric.overflow".to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }]
}

/// The points of the counters of a set, as text.
fn points_of(export: &Export, set: u64) -> Vec<String> {
    let wanted = attributes(set);
    let sums = metrics(export).filter_map(|metric| match &metric.data {
        Some(Data::Sum(sum)) if sum.is_monotonic => Some(sum),
        _ => None,
    });
    sums.flat_map(|sum| &sum.data_points)
        .filter(|point| point.attributes == wanted)
        .map(|point| format!("{point:?}"))
        .collect()
}

#[test]
fn the_totals_of_what_was_sent_are_what_was_measured() {
    let mut application = Application::start();
    let mut sent = Vec::new();
    for sets in [0..10, 0..60, 50..70] {
        sent.push(application.export(sets));
    }
    application.restart();
    sent.push(application.export(0..70));
    Totals::over(&sent).assert_are_of(&application);
}
