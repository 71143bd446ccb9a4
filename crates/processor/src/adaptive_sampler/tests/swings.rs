//! Real requests over minutes of simulated time.

use super::*;

/// What was kept, in each tenth of a second.
#[derive(Default)]
struct Record {
    kept: Vec<f64>,
    /// Of all kept spans, how many they stand for; and the variance of that.
    estimate: f64,
    variance: f64,
}

/// From a tenth of the traffic to all of it and back, every 20 seconds.
fn swing(second: f64) -> f64 {
    if second % 20.0 < 10.0 { 0.1 } else { 1.0 }
}

/// 40 seconds of up to 2000 spans per second of keys with very different rates, in batches of 10.
fn run(config: &str, weigh: fn(&testing::Outcome) -> u64) -> Record {
    let rig = Rig::new(config, 1);
    let mut rng = fastrand::Rng::with_seed(2);
    let mut record = Record::default();
    for tenth in 0..400 {
        let second = f64::from(tenth) / 10.0;
        let batches = (20.0 * swing(second)) as usize;
        let mut kept = 0;
        for _ in 0..batches {
            let route = |rng: &mut fastrand::Rng| format!("GET /{}", 100 / rng.u32(1..=100));
            let spans = (0..10).map(|_| span(rng.u128(1..), &route(&mut rng))).collect();
            let outcome = rig.give(&traces(spans));
            kept += weigh(&outcome);
            for span in spans_of(&outcome) {
                let threshold = threshold_of(&span).unwrap_or_default();
                let (count, p) = (threshold.adjusted_count(), threshold.probability());
                record.estimate += count;
                record.variance += (1.0 - p) / (p * p);
            }
            rig.advance(0.1 / batches as f64);
        }
        record.kept.push(kept as f64);
    }
    record
}

fn items(outcome: &testing::Outcome) -> u64 {
    outcome.emitted.as_ref().map_or(0, |(_, items)| *items)
}

fn bytes(outcome: &testing::Outcome) -> u64 {
    outcome
        .emitted
        .as_ref()
        .map_or(0, |(payload, _)| payload.len() as u64)
}

/// That what was kept in each `length` seconds is within 10% of the target, from 5 seconds after a step on.
fn assert_met(record: &Record, target: f64) {
    for (second, window) in record
        .kept
        .windows(50)
        .enumerate()
        .map(|(tenth, window)| (tenth as f64 / 10.0, window))
    {
        if second < 20.0 || second % 10.0 != 5.0 {
            continue;
        }
        let rate = window.iter().sum::<f64>() / 5.0;
        assert!(
            (rate / target - 1.0).abs() < 0.1,
            "{rate}/s of {target}/s from {second} s on"
        );
    }
    let all = &record.kept[200..400];
    let rate = all.iter().sum::<f64>() / (all.len() as f64 / 10.0);
    assert!(
        (rate / target - 1.0).abs() < 0.05,
        "{rate}/s of {target}/s over all"
    );
}

#[test]
fn a_rate_of_spans_is_met_while_traffic_swings_tenfold_and_what_is_kept_stands_for_what_came() {
    let record = run("target = \"100/s\"", items);
    assert_met(&record, 100.0);
    let came: f64 = (0..400).map(|tenth| 200.0 * swing(f64::from(tenth) / 10.0)).sum();
    let error = record.estimate - came;
    assert!(
        error * error <= 9.0 * record.variance,
        "{} for {came}, standard error {}",
        record.estimate,
        record.variance.sqrt()
    );
}

#[test]
fn a_rate_of_bytes_is_met_while_traffic_swings_tenfold() {
    assert_met(&run("target = \"6kB/s\"\nkeys = [\"name\"]", bytes), 6000.0);
}

#[test]
fn a_tenth_is_met_while_traffic_swings_tenfold() {
    let record = run("target = \"10%\"", items);
    for window in [0..200, 200..300, 300..400] {
        let came: f64 = window
            .clone()
            .map(|tenth| 200.0 * swing(tenth as f64 / 10.0))
            .sum();
        let kept: f64 = record.kept[window].iter().sum();
        assert!((kept / came / 0.1 - 1.0).abs() < 0.1, "{kept} of {came}");
    }
}
