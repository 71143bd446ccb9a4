//! The runner with the built binary as the system under test.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use forebay_benches::run::{Scenario, run};
use std::collections::BTreeMap;

fn scenario(text: &str) -> (Scenario, BTreeMap<String, String>) {
    let bench = env!("CARGO_BIN_EXE_forebay-bench").to_owned();
    (
        Scenario::parse(text).unwrap(),
        BTreeMap::from([("bench".to_owned(), bench)]),
    )
}

#[test]
fn measures_two_systems_in_two_cells() {
    let (scenario, set) = scenario(
        r#"
        name = "small"
        seconds = "200ms"
        warm_up = "50ms"
        rounds = 1
        sequence = true
        systems = [
            { name = "relay", command = "{bench} relay --listen {listen_grpc} --to {sink_grpc} --listen-http {listen_http} --to-http {sink_http}" },
            { name = "counting", command = "{bench} relay --listen {listen_grpc} --to {sink_grpc} --work count --listen-http {listen_http} --to-http {sink_http}" },
        ]
        cells = [{ items = [10], connections = [2], protocol = ["grpc", "http"] }]
        "#,
    );
    let outcome = run(&scenario, &set).unwrap();
    assert_eq!(outcome.failures, Vec::<String>::new());
    assert_eq!(outcome.rows.len(), 4);
    for row in &outcome.rows {
        let median = &row.median;
        assert!(
            median.cpu_us_per_item > 0.0 && median.delivered_per_second > 0.0,
            "{row:?}"
        );
        assert!(
            median.idle_rss > 0.0 && median.peak_rss >= median.idle_rss,
            "{row:?}"
        );
        assert_eq!(
            (median.lost, median.duplicates, median.failed),
            (0.0, 0.0, 0.0),
            "{row:?}"
        );
    }
}

#[test]
fn an_outage_is_survived_by_retries_and_a_broken_system_is_a_failure() {
    let (scenario, set) = scenario(
        r#"
        name = "outage"
        warm_up = "50ms"
        rounds = 1
        sequence = true
        systems = [
            { name = "relay", command = "{bench} relay --listen {listen_grpc} --to {sink_grpc}" },
            { name = "broken", command = "{bench} relay --listen nowhere" },
        ]
        cells = [{ items = [10], connections = [4] }]
        outage = { healthy = "50ms", lasting = "200ms", recovery = "200ms", mode = { fail_ratio = 1.0, status = 8, retry_delay_ms = 5 } }
        expect = [{ system = "relay", lost_max = 0, refusals_retryable_with_delay = true }]
        "#,
    );
    let outcome = run(&scenario, &set).unwrap();
    assert_eq!(outcome.failures.len(), 1, "{:?}", outcome.failures);
    assert!(outcome.failures[0].starts_with("broken: "));
    assert!(outcome.rows[0].median.refused > 0.0);
}

#[test]
fn sums_of_series_are_compared() {
    let (scenario, set) = scenario(
        r#"
        name = "sums"
        seconds = "200ms"
        warm_up = "50ms"
        rounds = 1
        per = "acknowledged"
        sums = true
        systems = [{ name = "relay", command = "{bench} relay --listen {listen_grpc} --to {sink_grpc}" }]
        cells = [{ signal = ["metrics"], items = [100], series = [{ live_series = 1000, new_series_every = 3 }] }]
        expect = [{ system = "relay", lost_max = 0 }]
        "#,
    );
    let outcome = run(&scenario, &set).unwrap();
    assert_eq!(outcome.failures, Vec::<String>::new());
    assert!(outcome.rows[0].median.acknowledged_per_second > 0.0);
    assert_eq!(outcome.rows[0].median.lost, 0.0);
}
