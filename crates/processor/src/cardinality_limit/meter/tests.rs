//! What operators see of a processor: its metrics and its report.

use super::super::CardinalityLimitFactory;
use crate::testing::{self, Decoded, attribute};
use forebay_core::component::{BuiltProcessor, Processor, ProcessorContext};
use forebay_core::registry::ProcessorFactory;
use forebay_core::{CardinalityQuery, CardinalityReport, Handover, Ledger, Ranking, Signal};
use forebay_telemetry::Exposition;
use forebay_testkit::{SimulatedClock, processor_context};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Points of a delta sum of a host of a service, one for each user.
fn users(host: &str, metric: &str, users: Range<u32>) -> Decoded {
    let text = |text: &str| Value::StringValue(text.to_owned());
    let point = |user: u32| NumberDataPoint {
        attributes: vec![
            attribute("route", text("/")),
            attribute("user.id", text(&format!("u-{user}"))),
        ],
        time_unix_nano: 1,
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    let sum = Sum {
        data_points: users.map(point).collect(),
        aggregation_temporality: 1,
        is_monotonic: true,
    };
    let resource = Resource {
        attributes: vec![
            attribute("service.name", text("shop")),
            attribute("host.id", text(host)),
        ],
        ..Resource::default()
    };
    let metrics = vec![Metric {
        name: metric.to_owned(),
        data: Some(metric::Data::Sum(sum)),
        ..Metric::default()
    }];
    Decoded::Metrics(ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    })
}

struct Rig {
    processor: Arc<dyn Processor>,
    context: ProcessorContext,
    clock: SimulatedClock,
}

impl Rig {
    fn new(config: &str) -> Rig {
        Rig::after(config, None, SimulatedClock::default())
    }

    fn after(config: &str, predecessor: Option<Handover>, clock: SimulatedClock) -> Rig {
        let kind = CardinalityLimitFactory::ABOUT.kind;
        let prepared = testing::prepare(kind, config).unwrap_or_else(|found| panic!("{found:?}"));
        let Ok(BuiltProcessor::Stateless(processor)) = (prepared.build)(1) else {
            panic!("not stateless")
        };
        let context = ProcessorContext {
            predecessor,
            ..processor_context(&Ledger::new(1), &clock, 0, 1 << 20)
        };
        processor.start(&context).expect("it starts");
        Rig {
            processor,
            context,
            clock,
        }
    }

    fn give(&self, request: &Decoded) {
        testing::pass(
            &*self.processor,
            Arc::default(),
            Signal::Metrics,
            &[request.encode()],
        );
    }

    /// The samples of its metrics that have `part` in them.
    fn samples(&self, part: &str) -> Vec<String> {
        let mut exposition = Exposition::new();
        for one in self.context.node.instruments.all() {
            for metric in one.families() {
                one.write(metric, "n", &mut exposition.family(metric));
            }
        }
        let text = exposition.finish();
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#') && line.contains(part));
        samples
            .map(|line| line.trim_start_matches("forebay_cardinality_").to_owned())
            .collect()
    }

    fn report(&self, query: &CardinalityQuery) -> CardinalityReport {
        self.processor.cardinality(query).expect("it limits cardinality")
    }
}

#[test]
fn what_was_done_is_counted() {
    let rig = Rig::new("limit = 10\nmax_bytes = \"1MiB\"");
    rig.give(&users("a", "hits", 0..14));
    rig.give(&users("a", "misses", 0..3));
    assert_eq!(rig.samples("live_series"), ["live_series{node=\"n\"} 13"]);
    assert_eq!(rig.samples("series_max"), ["series_max{node=\"n\"} 1000000"]);
    assert_eq!(
        rig.samples("memory_max_bytes"),
        ["memory_max_bytes{node=\"n\"} 1048576"]
    );
    assert_eq!(
        rig.samples("overflowing_metrics"),
        ["overflowing_metrics{node=\"n\"} 1"]
    );
    assert_eq!(rig.samples("streams"), ["streams{node=\"n\"} 2"]);
    assert_eq!(rig.samples("groups"), ["groups{node=\"n\"} 1"]);
    assert_eq!(rig.samples("admitted"), ["admitted_series_total{node=\"n\"} 13"]);
    assert_eq!(
        rig.samples("overflow_points"),
        ["overflow_points_total{node=\"n\"} 1"]
    );
    assert_eq!(
        rig.samples("limited_points"),
        [
            "limited_points_total{node=\"n\",outcome=\"folded\"} 3",
            "limited_points_total{node=\"n\",outcome=\"dropped\"} 0",
            "limited_points_total{node=\"n\",outcome=\"observed\"} 0",
        ]
    );
    assert!(
        rig.samples("unsummable")
            .iter()
            .all(|sample| sample.ends_with("} 0"))
    );
}

#[test]
fn what_is_dropped_or_observed_is_counted_as_such() {
    for (action, outcome) in [("drop", "dropped"), ("observe", "observed")] {
        let rig = Rig::new(&format!("limit = 10\naction = \"{action}\""));
        rig.give(&users("a", "hits", 0..14));
        let expected = format!("limited_points_total{{node=\"n\",outcome=\"{outcome}\"}} 4");
        assert_eq!(rig.samples(outcome), [expected]);
        let report = rig.report(&CardinalityQuery::default());
        assert_eq!(
            (report.metrics[0].folded, &*report.metrics[0].action),
            (4, action)
        );
    }
}

#[test]
fn an_offender_is_named_with_the_attribute_to_blame_until_it_is_well() {
    let rig = Rig::new("limit = 10");
    rig.give(&users("a", "fine", 0..10));
    assert_eq!(rig.samples("offender"), [""; 0]);
    rig.give(&users("a", "hits", 0..500));
    assert_eq!(
        rig.samples("offender"),
        [
            "offender_folded_points{node=\"n\",metric=\"hits\",attribute=\"user.id\",group=\"service.name=shop\"} 490"
        ]
    );
    rig.clock.advance(Duration::from_secs(300));
    assert_eq!(rig.samples("offender"), [""; 0]);
}

#[test]
fn resources_that_people_cannot_tell_apart_are_one_offender() {
    let rig = Rig::new("limit = 10");
    rig.give(&users("a", "hits", 0..500));
    rig.give(&users("b", "hits", 0..500));
    let offenders = rig.samples("offender");
    assert_eq!(
        offenders.len(),
        1,
        "no two samples have the same labels: {offenders:?}"
    );
    assert!(offenders[0].ends_with("} 980"), "{offenders:?}");
}

#[test]
fn ten_offenders_at_most_are_named() {
    let rig = Rig::new("limit = 10");
    for number in 0..30 {
        rig.give(&users("a", &format!("m{number}"), 0..20 + number));
    }
    let offenders = rig.samples("offender");
    assert_eq!(offenders.len(), 10);
    assert!(
        offenders.iter().any(|one| one.contains("metric=\"m29\"")),
        "{offenders:?}"
    );
    assert!(
        !offenders.iter().any(|one| one.contains("metric=\"m19\"")),
        "{offenders:?}"
    );
    assert_eq!(
        rig.samples("overflowing_metrics"),
        ["overflowing_metrics{node=\"n\"} 30"]
    );
}

#[test]
fn a_report_says_which_metric_which_attribute_and_which_group() {
    let rig = Rig::new("limit = 10\ngroup_by = [\"host.id\"]\ngroup_limit = 50");
    rig.give(&users("a", "hits", 0..500));
    rig.give(&users("b", "hits", 0..5));
    let report = rig.report(&CardinalityQuery::default());
    let shown: Vec<(&str, &str, u64, u64, bool)> = report
        .metrics
        .iter()
        .map(|one| (&*one.metric, &*one.group, one.live, one.folded, one.overflowing))
        .collect();
    assert_eq!(
        shown,
        [
            ("hits", "host.id=a", 10, 490, true),
            ("hits", "host.id=b", 5, 0, false)
        ]
    );
    assert_eq!((&*report.metrics[0].kind, report.metrics[0].limit), ("sum", 10));
    let worst = &report.metrics[0].attributes[0];
    assert_eq!(
        (worst.keys.as_slice(), worst.remaining),
        (["user.id".to_owned()].as_slice(), 1)
    );
    assert!(
        worst.examples.iter().all(|example| example.starts_with("u-")),
        "{worst:?}"
    );
    let groups: Vec<(&str, u64, Option<u64>, u64)> = report
        .groups
        .iter()
        .map(|one| (&*one.group, one.live, one.limit, one.points))
        .collect();
    assert_eq!(
        groups,
        [("host.id=a", 10, Some(50), 500), ("host.id=b", 5, Some(50), 5)]
    );
    let of_b = CardinalityQuery {
        group: Some("host.id=b".to_owned()),
        by: Ranking::Growth,
        ..CardinalityQuery::default()
    };
    let report = rig.report(&of_b);
    assert_eq!((report.metrics.len(), report.metrics_known), (1, 2));
    assert_eq!(report.metrics[0].group, "host.id=b");
}

#[test]
fn a_metric_is_named_in_full_so_that_a_rule_can_name_it() {
    let rig = Rig::new("limit = 10");
    let name = "m".repeat(255);
    rig.give(&users("a", &name, 0..20));
    assert_eq!(rig.report(&CardinalityQuery::default()).metrics[0].metric, name);
    let offenders = rig.samples("offender");
    assert!(
        offenders[0].contains(&format!("metric=\"{name}\"")),
        "{offenders:?}"
    );
}

#[test]
fn examples_are_shown_as_many_as_are_allowed() {
    for (allowed, config) in [(0, "examples = 0"), (1, "examples = 1"), (3, "")] {
        let rig = Rig::new(&format!("limit = 10\n{config}"));
        rig.give(&users("a", "hits", 0..500));
        let report = rig.report(&CardinalityQuery::default());
        assert_eq!(
            report.metrics[0].attributes[0].examples.len(),
            allowed,
            "{config}"
        );
        let whole = format!("{report:?}");
        assert_eq!(whole.contains("u-"), allowed > 0, "{whole}");
    }
}

#[test]
fn only_where_limits_alone_differ_is_anything_taken_over() {
    let before = Rig::new("limit = 10\nidle_timeout = \"1h\"");
    before.give(&users("a", "hits", 0..20));
    for (config, live) in [
        (
            "limit = 5\nidle_timeout = \"2h\"\ngroup_limit = 7\ntotal_limit = 8",
            10,
        ),
        ("limit = 10\naction = \"drop\"\nexamples = 0", 10),
        ("limit = 10\ngroup_by = [\"host.id\"]", 0),
        ("limit = 10\nrules = [{ drop = [\"route\"] }]", 0),
    ] {
        let after = Rig::after(config, before.processor.hand_over(), before.clock.clone());
        let report = after.report(&CardinalityQuery::default());
        assert_eq!(report.live_series, live, "{config}");
    }
}
