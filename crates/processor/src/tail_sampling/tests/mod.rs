//! What the processor does with traces, by its shards and a clock of the test's.

mod rig;

use super::config::OnFull;
use forebay_core::{Signal, SignalSet};
use forebay_sampling::policy::{Policy, Rule, Share, StatusSet};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use rig::{Rig, Setup, child, failed, record, request, root};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn policy(name: &str, rule: Rule) -> Policy {
    Policy {
        name: name.to_owned(),
        rule,
    }
}

fn errors() -> Policy {
    policy("errors", Rule::Status(StatusSet::ERROR))
}

fn share(ratio: f64) -> Policy {
    let hash_salt = None;
    policy("share", Rule::Share(Share { ratio, hash_salt }))
}

#[test]
fn a_trace_with_an_error_is_kept_at_once_and_whole() {
    let mut rig = Rig::new(vec![errors()]);
    rig.span(child(1, "a"));
    rig.span(child(2, "of another trace"));
    assert!(rig.kept.is_empty());
    assert_eq!(rig.balance().held, 2);
    rig.spans(vec![failed(1, "b"), child(1, "c")]);
    assert_eq!(rig.names(), ["a", "b", "c"]);
    // What comes later follows.
    rig.span(root(1, "d"));
    assert_eq!(rig.names(), ["d"]);
    let balance = rig.balance();
    assert_eq!((balance.delivered, balance.held, balance.sampled_out), (4, 1, 0));
}

#[test]
fn a_trace_is_decided_when_its_root_is_there_and_nothing_more_comes() {
    let mut rig = Rig::new(vec![errors()]);
    rig.span(child(1, "a"));
    rig.span(root(1, "b"));
    rig.pass(SECOND / 2);
    rig.span(child(1, "c"));
    rig.pass(SECOND * 9 / 10);
    assert_eq!(rig.balance().held, 3, "it was quiet for less than a second");
    rig.pass(SECOND / 5);
    let balance = rig.balance();
    assert_eq!((balance.held, balance.sampled_out), (0, 3));
    rig.span(failed(1, "late"));
    assert_eq!(
        rig.balance().sampled_out,
        4,
        "what comes later follows, whatever it is"
    );
}

#[test]
fn a_trace_without_a_root_is_waited_for_no_longer_than_the_config_says() {
    let mut rig = Rig::new(vec![policy("all", Rule::Spans { min: 2, max: Some(3) })]);
    rig.span(child(1, "a"));
    rig.pass(SECOND * 20);
    rig.span(child(1, "b"));
    rig.pass(SECOND * 99 / 10);
    assert!(rig.kept.is_empty());
    rig.pass(SECOND / 5);
    assert_eq!(rig.names(), ["a", "b"]);
    assert!(rig.report(1).unwrap().state == "sampled");
    assert_eq!(rig.report(1).unwrap().cause.as_deref(), Some("decision_wait"));
}

#[test]
fn a_quiet_time_of_zero_and_no_early_decisions_leave_the_wait_alone() {
    let mut setup = Setup::new(vec![errors()]);
    (setup.quiet_after_root, setup.decide_early) = (Duration::ZERO, false);
    let mut rig = setup.start();
    rig.spans(vec![failed(1, "a"), root(1, "b")]);
    rig.pass(SECOND * 29);
    assert!(rig.kept.is_empty());
    rig.pass(SECOND * 2);
    assert_eq!(rig.names(), ["a", "b"]);
}

#[test]
fn latency_decides_as_soon_as_the_trace_is_long_enough() {
    let slow = policy(
        "slow",
        Rule::Duration {
            min: 5_000_000_000,
            max: None,
        },
    );
    let mut rig = Rig::new(vec![slow]);
    rig.span(child(1, "a"));
    rig.span(Span {
        end_time_unix_nano: 6_000_000_000,
        ..child(1, "b")
    });
    assert_eq!(rig.names(), ["a", "b"]);
    assert_eq!(rig.report(1).unwrap().cause.as_deref(), Some("policy"));
    assert_eq!(rig.report(1).unwrap().policy.as_deref(), Some("slow"));
}

#[test]
fn a_full_buffer_decides_the_oldest_and_loses_nothing() {
    let mut setup = Setup::new(vec![errors(), policy("pairs", Rule::Spans { min: 2, max: None })]);
    (setup.memory, setup.num_traces) = (1 << 20, Some(1000));
    let mut rig = setup.start();
    for trace in 1..=5000 {
        let name = "x".repeat(400);
        rig.span(child(trace, &name));
        if trace % 10 == 0 {
            rig.span(child(trace, &name));
        }
    }
    let early = rig.kept.len();
    assert!(early > 0, "pairs were decided on what was there");
    rig.pass(SECOND * 31);
    assert_eq!(rig.kept.len(), 1000);
    let balance = rig.balance();
    assert_eq!(
        (balance.delivered, balance.sampled_out, balance.held),
        (1000, 4500, 0)
    );
    assert_eq!(rig.report(1).unwrap().cause.as_deref(), Some("memory"));
    assert_eq!(rig.ledger.read().used, 0);
}

#[test]
fn where_the_config_says_to_wait_a_full_buffer_takes_nothing() {
    let mut setup = Setup::new(vec![policy("all", Rule::Always)]);
    (setup.memory, setup.num_traces) = (512 << 10, Some(100));
    (setup.on_full, setup.decide_early) = (OnFull::Wait, false);
    let mut rig = setup.start();
    let mut sent = 0;
    while !rig.shards[0].is_full() {
        sent += 1;
        rig.span(child(sent, &"x".repeat(1000)));
    }
    assert!(rig.kept.is_empty(), "nothing was decided before its time");
    assert!(
        rig.ledger.read().used > 1000,
        "the batch that waits keeps its lease"
    );
    assert!(rig.shards[0].next_tick().is_some());
    rig.pass(SECOND * 31);
    assert!(!rig.shards[0].is_full());
    rig.pass(SECOND * 31);
    assert_eq!((rig.kept.len() as u128, rig.ledger.read().used), (sent, 0));
}

#[test]
fn a_batch_that_waits_is_flushed_too() {
    let mut setup = Setup::new(vec![errors()]);
    (setup.memory, setup.num_traces, setup.on_full) = (512 << 10, Some(100), OnFull::Wait);
    let mut rig = setup.start();
    let mut sent = 0;
    while !rig.shards[0].is_full() {
        sent += 1;
        rig.span(child(sent, &"x".repeat(1000)));
    }
    rig.flush();
    let balance = rig.balance();
    assert_eq!((balance.held, u128::from(balance.sampled_out)), (0, sent));
}

#[test]
fn a_flush_comes_in_portions() {
    let rule = Rule::Spans { min: 1, max: Some(9) };
    let mut setup = Setup::new(vec![policy("all", rule)]);
    (setup.memory, setup.num_traces) = (8 << 20, Some(3000));
    let mut rig = setup.start();
    for trace in 1..=3000 {
        rig.span(child(trace, &"x".repeat(500)));
    }
    assert!(rig.flush() > 1, "so that not all of it is in memory twice");
    assert_eq!((rig.kept.len(), rig.balance().held), (3000, 0));
    assert_eq!(rig.report(1).unwrap().cause.as_deref(), Some("shutdown"));
}

#[test]
fn a_trace_that_grows_too_large_is_decided_and_the_rest_follows() {
    let mut setup = Setup::new(vec![policy("many", Rule::Spans { min: 5, max: None })]);
    (setup.max_trace_bytes, setup.decide_early) = (Some(10_000), false);
    let mut rig = setup.start();
    for _ in 0..3000 {
        rig.span(child(1, &"x".repeat(200)));
    }
    assert_eq!((rig.kept.len(), rig.balance().held), (3000, 0));
    assert_eq!(rig.report(1).unwrap().cause.as_deref(), Some("trace_size"));
}

#[test]
fn thousands_of_spans_and_duplicates_of_them_are_one_trace() {
    let mut rig = Rig::new(vec![policy(
        "all",
        Rule::Spans {
            min: 1,
            max: Some(u32::MAX),
        },
    )]);
    let spans = |from: u32| {
        (from..from + 1000)
            .map(|n| child(1, &n.to_string()))
            .collect::<Vec<_>>()
    };
    rig.spans(spans(0));
    rig.spans(spans(1000));
    rig.spans(spans(0));
    assert_eq!(rig.balance().held, 3000);
    rig.pass(SECOND * 31);
    let names = rig.names();
    assert_eq!((names.len(), &*names[1999], &*names[2000]), (3000, "1999", "0"));
}

#[test]
fn spans_without_a_valid_trace_id_are_judged_one_by_one() {
    let mut rig = Rig::new(vec![errors()]);
    let wrong = |id: &[u8], code| Span {
        trace_id: id.to_vec(),
        ..if code {
            failed(1, "failed")
        } else {
            child(1, "fine")
        }
    };
    for id in [&[][..], &[0; 16], &[1; 15], &[1; 17]] {
        rig.spans(vec![wrong(id, true), wrong(id, false)]);
    }
    assert_eq!(rig.names(), ["failed"; 4]);
    let balance = rig.balance();
    assert_eq!((balance.held, balance.delivered, balance.sampled_out), (0, 4, 4));
}

#[test]
fn what_is_not_kept_goes_to_its_port_where_somebody_takes_it() {
    let mut setup = Setup::new(vec![errors()]);
    setup.dropped = SignalSet::ALL;
    let mut rig = setup.start();
    rig.spans(vec![child(1, "a"), root(1, "b"), failed(2, "c")]);
    rig.pass(SECOND * 2);
    rig.span(child(1, "late"));
    let dropped: Vec<_> = rig.dropped.iter().map(|(_, span)| &*span.name).collect();
    assert_eq!(dropped, ["a", "b", "late"]);
    assert_eq!(rig.names(), ["c"]);
    assert_eq!(rig.balance().sampled_out, 0);
}

/// A trace id with this randomness.
fn with_randomness(trace: u128, randomness: u64) -> u128 {
    (trace << 56) | u128::from(randomness)
}

fn trace_states(rig: &mut Rig) -> Vec<String> {
    rig.kept.drain(..).map(|(_, span)| span.trace_state).collect()
}

#[test]
fn kept_spans_say_with_which_probability() {
    let mut rig = Rig::new(vec![errors(), share(0.25)]);
    let (high, low) = (with_randomness(1, 0xc0 << 48), with_randomness(2, 0x10 << 48));
    let stated = |trace, state: &str| Span {
        trace_state: state.to_owned(),
        ..root(trace, "a")
    };
    rig.spans(vec![
        stated(high, ""),
        stated(high, "v=1"),
        stated(high, "ot=th:4,v=1"),
        stated(high, "ot=th:e;x:y"),
        stated(high, "ot=broken=;"),
        root(low, "not kept"),
    ]);
    rig.pass(SECOND * 2);
    let expected = [
        "ot=th:c",
        "ot=th:c,v=1",
        "ot=th:c,v=1",
        "ot=th:e;x:y",
        "ot=broken=;",
    ];
    assert_eq!(trace_states(&mut rig), expected);
    // Kept for an error: certain, whatever the share says.
    let failing = with_randomness(3, 0xc0 << 48);
    rig.spans(vec![stated(failing, ""), failed(failing, "b")]);
    assert_eq!(trace_states(&mut rig), ["", ""]);
    // Late ones are written into likewise.
    rig.span(stated(high, ""));
    assert_eq!(trace_states(&mut rig), ["ot=th:c"]);
}

#[test]
fn a_limit_of_rate_erases_the_probability() {
    let limit = policy("few", Rule::SpanRate { spans_per_second: 3 });
    let mut rig = Rig::new(vec![limit]);
    for trace in 1..=3 {
        let mut spans = vec![root(trace, "a"), child(trace, "b")];
        spans[0].trace_state = "ot=th:8;rv:ffffffffffffff,v=1".to_owned();
        rig.spans(spans);
    }
    rig.pass(SECOND * 3 / 2);
    assert_eq!(trace_states(&mut rig), ["ot=rv:ffffffffffffff,v=1", ""]);
    assert_eq!(rig.balance().sampled_out, 4);
}

#[test]
fn the_policy_is_written_into_what_it_kept() {
    let mut setup = Setup::new(vec![errors()]);
    setup.record_policy = true;
    let mut rig = setup.start();
    rig.span(failed(1, "a"));
    rig.span(child(1, "late"));
    let attributes: Vec<Vec<_>> = rig
        .kept
        .iter()
        .map(|(_, span)| span.attributes.iter().map(|attribute| &*attribute.key).collect())
        .collect();
    let (policy, cached) = ("tailsampling.policy", "tailsampling.cached_decision");
    assert_eq!(attributes, [vec![policy], vec![policy, cached]]);
}

#[test]
fn log_records_follow_their_trace() {
    let mut rig = Rig::new(vec![errors(), share(0.5)]);
    let (kept, gone) = (with_randomness(1, 0x10 << 48), with_randomness(2, 0x20 << 48));
    rig.records(vec![record(kept, 1), record(gone, 2)]);
    rig.spans(vec![child(kept, "a"), root(gone, "b")]);
    assert_eq!(rig.balance().held, 4);
    rig.span(failed(kept, "c"));
    rig.records(vec![record(kept, 3)]);
    rig.pass(SECOND * 2);
    let severities = |rig: &mut Rig| {
        rig.logs
            .drain(..)
            .map(|log| log.severity_number)
            .collect::<Vec<_>>()
    };
    assert_eq!(severities(&mut rig), [1, 3]);
    assert_eq!(rig.balance().held, 0);
    // What belongs to no trace goes on at once.
    rig.records(vec![record(0, 6)]);
    assert_eq!(severities(&mut rig), [6]);
    // A trace of which only records come is judged by its id.
    let (high, low) = (with_randomness(3, 0x90 << 48), with_randomness(4, 0x10 << 48));
    rig.records(vec![record(high, 4), record(low, 5)]);
    rig.pass(SECOND * 31);
    assert_eq!(severities(&mut rig), [4]);
    let balance = rig.balance();
    assert_eq!((balance.held, balance.delivered, balance.sampled_out), (0, 6, 3));
}

#[test]
fn a_report_says_what_each_policy_would() {
    let mut rig = Rig::new(vec![
        errors(),
        policy("pairs", Rule::Spans { min: 1, max: Some(2) }),
    ]);
    rig.span(root(7, "a"));
    rig.pass(SECOND / 4);
    let report = rig.report(7).unwrap();
    assert_eq!(
        (&*report.state, report.root, report.items),
        ("waiting", Some(true), Some(1))
    );
    assert_eq!(report.policies, ["errors: no", "pairs: would keep it"]);
    let due = report.due_in_seconds.unwrap();
    assert!((0.74..=0.76).contains(&due), "{due}");
    assert!(rig.report(8).is_none());
}

#[test]
fn a_budget_that_is_too_small_is_an_error_at_start() {
    let mut setup = Setup::new(vec![errors()]);
    (setup.memory, setup.num_traces) = (1 << 20, Some(1_000_000));
    let error = setup.try_start().err().unwrap().to_string();
    assert!(
        error.contains("raise `max_bytes`, or lower `num_traces`"),
        "{error}"
    );
}

#[test]
fn what_is_counted_is_shown() {
    let mut setup = Setup::new(vec![errors(), share(0.0)]);
    setup.shards = 2;
    let mut rig = setup.start();
    for trace in 1..=20 {
        rig.spans(vec![child(trace, "a"), failed(trace, "b")]);
        rig.span(root(trace + 100, "c"));
    }
    rig.span(child(1, "late"));
    rig.span(child(1000, "held"));
    rig.pass(SECOND * 2);
    let shown = rig.metrics();
    for line in [
        "count_traces_sampled_total{processor=\"keep\",policy=\"errors\",sampled=\"true\",decision=\"sampled\"} 20",
        "count_spans_sampled_total{processor=\"keep\",policy=\"errors\",sampled=\"true\",decision=\"sampled\"} 40",
        "count_traces_sampled_total{processor=\"keep\",policy=\"errors\",sampled=\"false\",decision=\"not_sampled\"} 20",
        "global_count_traces_sampled_total{processor=\"keep\",sampled=\"true\",cause=\"policy\"} 20",
        "global_count_traces_sampled_total{processor=\"keep\",sampled=\"false\",cause=\"quiet\"} 20",
        "early_releases_from_cache_decision_total{processor=\"keep\",sampled=\"true\"} 1",
        "new_trace_id_received_total{processor=\"keep\"} 41",
        "forebay_tail_sampling_rootless_traces_total{processor=\"keep\"} 20",
        "sampling_traces_on_memory{processor=\"keep\"} 1",
        "forebay_tail_sampling_decision_age_seconds_count{processor=\"keep\"} 40",
        "forebay_tail_sampling_memory_max_bytes{processor=\"keep\"} 8388608",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the order, the requests and the shards: the traces with an error come out whole, span for span as they went in, and
    /// no others.
    #[test]
    fn property_traces_with_errors_come_out_whole(
        spans in vec((1..20_u128, 0..4_u8, 0..10_u8, "[a-z]{0,99}"), 1..100),
        cuts in vec(1..30_usize, 1..50),
        shards in 1..4_usize,
        early: bool,
    ) {
        let mut setup = Setup::new(vec![errors()]);
        (setup.shards, setup.decide_early, setup.quiet_after_root) = (shards, early, Duration::ZERO);
        let mut rig = setup.start();
        let made: Vec<(u128, String, Span)> = spans
            .into_iter()
            .map(|(trace, service, luck, name)| {
                let make = if luck == 0 { failed } else { child };
                (trace, format!("service-{service}"), make(trace, &name))
            })
            .collect();
        let (mut rest, mut cuts) = (&made[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            let services: Vec<_> = now.iter().map(|(_, service, span)| (&**service, span.clone())).collect();
            rig.mixed(&services);
            rig.pass(Duration::from_millis(10));
            rest = later;
        }
        rig.pass(SECOND * 31);
        let failing: BTreeSet<u128> = made
            .iter()
            .filter(|(_, _, span)| span.status.is_some())
            .map(|(trace, ..)| *trace)
            .collect();
        let mut expected: Vec<String> = made
            .iter()
            .filter(|(trace, ..)| failing.contains(trace))
            .map(|(_, service, span)| format!("{service} {span:?}"))
            .collect();
        let mut kept: Vec<String> = rig.kept.iter().map(|(service, span)| format!("{service} {span:?}")).collect();
        expected.sort();
        kept.sort();
        prop_assert_eq!(kept, expected);
        let balance = rig.balance();
        prop_assert_eq!((balance.held, balance.delivered + balance.sampled_out), (0, made.len() as u64));
    }

    /// Requests that cannot be read are neither a reason to panic nor to lose count.
    #[test]
    fn property_damaged_requests_are_accounted_for(
        mut bytes in Just(request("shop", vec![failed(1, "a"), root(2, "b"), child(3, "c")]).encode_to_vec()),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        items in 0..5_usize,
    ) {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let mut rig = Rig::new(vec![errors()]);
        rig.send_raw(Signal::Traces, items, bytes);
        rig.flush();
        prop_assert_eq!(rig.balance().held, 0);
    }
}
