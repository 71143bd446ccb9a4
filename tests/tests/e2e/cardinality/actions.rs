//! What can be done about series without a place, and about attributes before that.

use super::application::Application;
use super::totals::{Totals, metrics};
use super::{balanced, config, ended};
use crate::support::spans::insist;
use crate::support::{Answer, Client, Export, Forebay, Sink, admin, eventually};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observing_changes_nothing_and_says_what_would_be_folded() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 10\naction = \"observe\"")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    let mut sent = Vec::new();
    for sets in [0..5, 0..50, 20..70] {
        sent.push(application.export(sets));
        insist(&client, sent.last().unwrap()).await;
    }
    sink.read(|taken| assert_eq!(taken.requests, sent));
    let scrape = balanced(&forebay).await;
    assert_eq!(ended(&scrape, "folded"), 0.0);
    let observed = scrape.sum("forebay_cardinality_limited_points_total", &[("node", "guard")]);
    assert_eq!(observed, (40.0 + 50.0) * 9.0);
    let (_, page) = admin::page(forebay.admin(), "/status/cardinality").await.unwrap();
    assert!(page.contains("\"observe\"") && page.contains("orders"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_is_counted() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config(&sink, "limit = 10\naction = \"drop\"")).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    let mut sent = Vec::new();
    for sets in [0..10, 0..50, 20..70] {
        sent.push(application.export(sets));
        insist(&client, sent.last().unwrap()).await;
    }
    let totals = Totals::of(&sink);
    for name in ["orders", "latency.delta", "size", "open", "quantiles"] {
        assert_eq!(
            (totals.series(name), totals.overflows(name)),
            (10, false),
            "{name}"
        );
    }
    let scrape = balanced(&forebay).await;
    let reason = [("node", "guard"), ("reason", "cardinality")];
    let dropped = scrape.sum("forebay_items_dropped_total", &reason);
    assert_eq!(dropped, (40.0 + 50.0) * 9.0);
    assert_eq!(totals.points as f64, application.count * 9.0 - dropped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_attribute_to_blame_is_taken_away_and_the_sums_stay() {
    let sink = Sink::start();
    let limits = "limit = 100\naction = \"drop_attribute\"";
    let forebay = Forebay::start(&config(&sink, limits)).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    let mut round = 0;
    eventually("the attribute is taken away", async || {
        // Twenty sets stay; the others are new in each round.
        insist(
            &client,
            &application.export((0..20).chain(100 * round + 20..100 * round + 120)),
        )
        .await;
        round += 1;
        let totals = Totals::of(&sink);
        totals.assert_are_of(&application);
        let blamed = |export: &Export| keys(export, "orders").contains(&vec!["app.channel", "http.route"]);
        sink.read(|taken| taken.requests.last().is_some_and(blamed))
    })
    .await;
    let totals = Totals::of(&sink);
    assert!(totals.series("orders") <= 101, "{}", totals.series("orders"));
    application.restart();
    for _ in 0..3 {
        insist(&client, &application.export(0..500)).await;
        Totals::of(&sink).assert_counts(&application);
    }
    balanced(&forebay).await;
}

/// The keys of the points of a counter.
fn keys<'e>(export: &'e Export, name: &str) -> BTreeSet<Vec<&'e str>> {
    let sums = metrics(export)
        .filter(|metric| metric.name == name)
        .filter_map(|metric| match &metric.data {
            Some(Data::Sum(sum)) => Some(sum),
            _ => None,
        });
    sums.flat_map(|sum| &sum.data_points)
        .map(|point| {
            let mut keys: Vec<_> = point.attributes.iter().map(|each| each.key.as_str()).collect();
            keys.sort_unstable();
            keys
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_that_become_one_by_rules_are_added_up() {
    let sink = Sink::start();
    // Every second attempt fails, and is sent again.
    sink.answer(|attempt| match attempt % 2 {
        0 => Answer::Retry(Duration::from_millis(1)),
        _ => Answer::Take,
    });
    let rules = "rules = [
        { metric = \"orders\", drop = [\"enduser.id\"] },
        { metric = \"orders.delta\", keep = [\"http.route\"] },
        { metric = \"latency\", keep = [\"app.channel\", \"http.route\"] },
        { metric = \"latency.delta\", drop = [\"enduser.id\", \"app.channel\"] },
        { metric = \"size\", cap = \"enduser.id\", limit = 3 },
        { metric = \"quantiles\", allow = \"enduser.id\", values = [\"100001\", \"100002\"] },
        { metric = \"open\", template = \"enduser.id\" },
        { metric = \"temperature\", drop = [\"enduser.id\"] },
    ]";
    let forebay = Forebay::start(&config(&sink, rules)).await;
    let client = Client::grpc(forebay.grpc());
    let mut application = Application::start();
    for sets in [0..10, 0..100, 50..100, 20..60] {
        insist(&client, &application.export(sets)).await;
        Totals::of(&sink).assert_are_of(&application);
    }
    application.restart();
    for sets in [0..100, 0..100] {
        insist(&client, &application.export(sets)).await;
        Totals::of(&sink).assert_are_of(&application);
    }
    let totals = Totals::of(&sink);
    // Each set has the one route, and one of two channels. Of two values that stay each has one.
    let expected = [
        ("orders", 2),
        ("orders.delta", 1),
        ("latency", 2),
        ("latency.delta", 1),
        ("size", 3 + 2),
        ("size.delta", 100),
        ("quantiles", 2 + 2),
        ("open", 2),
        ("temperature", 2),
    ];
    for (name, series) in expected {
        assert_eq!(
            (totals.series(name), totals.overflows(name)),
            (series, false),
            "{name}"
        );
    }
    let scrape = balanced(&forebay).await;
    assert_eq!(totals.points as f64 * 2.0, ended(&scrape, "left"));
}
