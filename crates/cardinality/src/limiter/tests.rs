use super::{Action, Admission, Limiter, Limits, Policies, Policy, Question, Review, Settings, Verdict};
use crate::SeriesHasher;
use crate::rules::{AttributeRules, Rule};
use bytes::Bytes;
use forebay_otlp::edit::{Edit, Editor, ItemContext, Patch};
use forebay_otlp::{Signal, WireError};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: u64 = 1_000_000_000;
const MEBIBYTE: u64 = 1 << 20;

fn policy(limit: u32) -> Policy {
    Policy {
        limit,
        action: Action::Fold,
        admission: Admission::FirstCome,
        idle_timeout: 600,
    }
}

fn limits(policy: Policy) -> Limits {
    Limits {
        policies: Policies::one(policy),
        group_limit: u64::MAX,
        total_limit: u64::MAX,
    }
}

fn limiter(policy: Policy) -> Limiter {
    limiter_of(limits(policy), 16 * MEBIBYTE)
}

fn limiter_of(limits: Limits, max_bytes: u64) -> Limiter {
    Limiter::new(settings(limits, max_bytes))
}

fn settings(limits: Limits, max_bytes: u64) -> Settings {
    Settings {
        limits,
        group_by: Vec::new(),
        max_bytes,
        exemplars: 4,
        rules: None,
        hasher: SeriesHasher::with_seed(7),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Delta,
    Cumulative,
    UpDown,
    Gauge,
}

/// A request with points of one metric: name of the series, start and time in seconds, value.
fn request(kind: Kind, points: &[(&str, u64, u64, i64)]) -> Bytes {
    let data_points = points
        .iter()
        .map(|(name, start, time, value)| NumberDataPoint {
            attributes: vec![attribute("series", name)],
            start_time_unix_nano: start * SECOND,
            time_unix_nano: time * SECOND,
            value: Some(number_data_point::Value::AsInt(*value)),
            ..NumberDataPoint::default()
        })
        .collect();
    let data = match kind {
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points }),
        _ => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: if kind == Kind::Delta { 1 } else { 2 },
            is_monotonic: kind != Kind::UpDown,
        }),
    };
    let metric = Metric {
        name: "requests".to_owned(),
        data: Some(data),
        ..Metric::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    request.encode_to_vec().into()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// Carries out what was decided.
struct CarryOut<'r>(&'r Review, usize);

impl Edit for CarryOut<'_> {
    fn item(
        &mut self,
        _: &ItemContext<'_>,
        item: &mut Patch<'_>,
    ) -> Result<forebay_otlp::edit::Verdict, WireError> {
        use forebay_otlp::edit::Verdict as Fate;
        let verdict = self.0.verdicts()[self.1];
        self.1 += 1;
        Ok(match verdict {
            Verdict::Keep => Fate::Keep,
            Verdict::Replace(start, end) => {
                item.replace(self.0.body(start, end));
                Fate::Keep
            }
            Verdict::Fold | Verdict::Drop(_) => Fate::Drop,
        })
    }
}

/// What comes out: the name of each series, or `overflow`, with start and time in seconds and value.
type Out = BTreeMap<String, (f64, f64, i64)>;

fn run(limiter: &Limiter, kind: Kind, points: &[(&str, u64, u64, i64)], now: u32) -> Out {
    let request = request(kind, points);
    let mut editor = Editor::new();
    let review = limiter.review(&mut editor, &request, points.len(), now).unwrap();
    let mut carry_out = CarryOut(&review, 0);
    let edited = editor.edit(Signal::Metrics, &request, &mut carry_out).unwrap();
    let bytes = edited.to_bytes();
    let decoded = ExportMetricsServiceRequest::decode(bytes).unwrap();
    let metrics = decoded
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics);
    let mut out = Out::new();
    for metric in metrics {
        let points = match metric.data {
            Some(metric::Data::Sum(sum)) => sum.data_points,
            Some(metric::Data::Gauge(gauge)) => gauge.data_points,
            _ => panic!("another kind"),
        };
        for point in points {
            let Some(number_data_point::Value::AsInt(value)) = point.value else {
                panic!("no integer: {point:?}");
            };
            let seconds = |nanos: u64| nanos as f64 / SECOND as f64;
            let times = (seconds(point.start_time_unix_nano), seconds(point.time_unix_nano));
            let before = out.insert(series(&point.attributes), (times.0, times.1, value));
            assert_eq!(before, None, "a series twice");
        }
    }
    out
}

fn series(attributes: &[KeyValue]) -> String {
    if attributes.is_empty() {
        return "all".to_owned();
    }
    assert_eq!(attributes.len(), 1);
    match attributes[0]
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref())
    {
        Some(any_value::Value::StringValue(name)) => name.clone(),
        Some(any_value::Value::BoolValue(true)) => {
            assert_eq!(attributes[0].key, "otel.metric.overflow");
            "overflow".to_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn values(out: &Out) -> String {
    let each: Vec<String> = out
        .iter()
        .map(|(name, (_, _, value))| format!("{name}={value}"))
        .collect();
    each.join(" ")
}

#[test]
fn what_is_within_the_limit_passes_untouched() {
    let limiter = limiter(policy(3));
    let request = request(Kind::Delta, &[("a", 0, 1, 1), ("b", 0, 1, 2), ("c", 0, 1, 3)]);
    for _ in 0..3 {
        let review = limiter.review(&mut Editor::new(), &request, 3, 0).unwrap();
        assert!(!review.is_changed());
    }
    assert_eq!(limiter.usage().live, 3);
}

#[test]
fn deltas_without_a_place_are_added_up_request_by_request() {
    let limiter = limiter(policy(2));
    let points = [
        ("a", 5, 10, 1),
        ("b", 5, 10, 2),
        ("c", 4, 10, 30),
        ("d", 5, 11, 40),
    ];
    let out = run(&limiter, Kind::Delta, &points, 0);
    assert_eq!(values(&out), "a=1 b=2 overflow=70");
    assert_eq!(out["overflow"], (4.0, 11.0, 70));
    let out = run(&limiter, Kind::Delta, &[("d", 11, 20, 5), ("a", 11, 20, 6)], 0);
    assert_eq!(values(&out), "a=6 overflow=5");
}

#[test]
fn totals_without_a_place_become_one_total_that_never_goes_down() {
    let limiter = limiter(policy(1));
    let step = |points: &[(&str, u64, u64, i64)]| run(&limiter, Kind::Cumulative, points, 0);
    let out = step(&[("a", 1, 10, 5), ("b", 1, 10, 100), ("c", 2, 10, 10)]);
    assert_eq!(values(&out), "a=5 overflow=110");
    assert_eq!(out["overflow"], (1.0, 10.0, 110));
    let out = step(&[("a", 1, 20, 6), ("b", 1, 20, 101), ("c", 2, 20, 12)]);
    assert_eq!(out["overflow"], (1.0, 20.0, 113));
    // One leaves, one joins late, one begins anew.
    let out = step(&[("b", 25, 30, 7), ("d", 22, 30, 1000)]);
    assert_eq!(out["overflow"], (1.0, 30.0, 1120));
    // One comes back, without having said that it began anew; one comes twice, one late.
    let out = step(&[("c", 2, 40, 3), ("b", 25, 30, 7), ("d", 22, 29, 900)]);
    assert_eq!(out["overflow"], (1.0, 40.0, 1123));
}

#[test]
fn levels_without_a_place_become_the_sum_of_the_latest() {
    for kind in [Kind::Gauge, Kind::UpDown] {
        let limiter = limiter(policy(1));
        let step = |points: &[(&str, u64, u64, i64)], now| values(&run(&limiter, kind, points, now));
        assert_eq!(
            step(&[("a", 0, 1, 5), ("b", 0, 1, 10), ("c", 0, 1, -3)], 0),
            "a=5 overflow=7"
        );
        assert_eq!(step(&[("b", 0, 2, 4)], 10), "overflow=1");
        assert_eq!(step(&[("c", 0, 2, 0), ("b", 0, 1, 99)], 11), "overflow=4");
        // What has not come for long is no part of it any more.
        for now in 0..60 {
            step(
                &[("a", 0, 10 + u64::from(now), 1), ("c", 0, 10 + u64::from(now), 2)],
                20 + 20 * now,
            );
        }
        assert_eq!(step(&[("c", 0, 99, 2)], 1300), "overflow=2");
    }
}

#[test]
fn a_series_that_loses_its_place_goes_on_in_the_overflow_from_where_it_was() {
    let limiter = limiter(policy(1));
    let step = |points: &[(&str, u64, u64, i64)], now| run(&limiter, Kind::Cumulative, points, now);
    assert_eq!(
        values(&step(&[("a", 1, 10, 5), ("b", 1, 10, 7)], 0)),
        "a=5 overflow=7"
    );
    // Nobody hears of `a`; its place goes to `c`.
    for now in 1..80 {
        step(&[("b", 1, 10 + now, 7)], 10 * now as u32);
    }
    let out = step(&[("b", 1, 100, 9), ("c", 95, 100, 1)], 801);
    assert_eq!(out["b"].2, 2, "{out:?}");
    assert!(
        out["b"].0 >= 10.0,
        "it begins where the overflow series has counted it"
    );
    assert_eq!(out["overflow"].2, 7 + 1);
    // `a` comes back.
    let out = step(&[("a", 1, 110, 8), ("b", 1, 110, 10)], 802);
    assert_eq!(out["overflow"].2, 8 + 3);
    assert_eq!(out["b"].2, 3);
}

/// What was made of a request may never have arrived.
#[test]
fn a_request_that_is_sent_again_says_again_what_it_said() {
    let limiter = limiter(policy(1));
    let step = |points: &[(&str, u64, u64, i64)], now| values(&run(&limiter, Kind::Cumulative, points, now));
    step(&[("a", 1, 10, 5), ("b", 1, 10, 7)], 0);
    // The place of `a` becomes free, but what the overflow series has of `b` is said again first.
    for now in 0..80 {
        assert_eq!(step(&[("b", 1, 20, 9)], 10 * now), "overflow=9");
    }
    for _ in 0..3 {
        assert_eq!(step(&[("b", 1, 30, 12)], 801), "b=3");
    }
    assert_eq!(step(&[("b", 1, 25, 11)], 802), "");
    assert_eq!(step(&[("b", 1, 40, 13)], 803), "b=4");
}

#[test]
fn an_output_that_comes_back_begins_after_the_one_before() {
    let rules = AttributeRules::new(&[Rule::Drop(vec!["series".to_owned()]).into()]).unwrap();
    let limiter = Limiter::new(Settings {
        rules: Some(Arc::new(rules)),
        ..settings(limits(policy(1)), 16 * MEBIBYTE)
    });
    let step = |points: &[(&str, u64, u64, i64)], now| run(&limiter, Kind::Cumulative, points, now)["all"];
    assert_eq!(step(&[("a", 1, 10, 5), ("b", 2, 10, 7)], 0), (1.0, 10.0, 12));
    assert_eq!(step(&[("a", 1, 20, 6), ("b", 2, 20, 7)], 10), (1.0, 20.0, 13));
    // Nobody sends for long; somebody else keeps the hand going.
    for now in 1..40 {
        run(&limiter, Kind::Gauge, &[("g", 0, now, 1)], 100 * now as u32);
    }
    let (start, _, value) = step(&[("a", 1, 5000, 9), ("c", 3, 5000, 100)], 5000);
    assert_eq!((start, value), (20.0, 103));
}

/// A series is idle and comes back while what was last said of its output still has it: it belongs there, though the overflow series has
/// lost somebody too.
#[test]
fn a_level_that_comes_back_is_not_seen_in_the_overflow_and_in_its_output() {
    let rules = AttributeRules::new(&[Rule::Drop(vec!["series".to_owned()]).into()]).unwrap();
    let of = |limit| {
        limits(Policy {
            idle_timeout: 60,
            ..policy(limit)
        })
    };
    let limiter = Limiter::new(Settings {
        rules: Some(Arc::new(rules)),
        ..settings(of(0), 16 * MEBIBYTE)
    });
    let step = |points: &[(&str, u64, u64, i64)], now| values(&run(&limiter, Kind::Gauge, points, now));
    assert_eq!(step(&[("c", 0, 1, 100), ("d", 0, 1, 1)], 1), "overflow=101");
    limiter.set_limits(of(1));
    assert_eq!(step(&[("a", 0, 1, 5), ("b", 0, 1, 7)], 1), "all=12");
    assert_eq!(
        step(&[("b", 0, 50, 8), ("d", 0, 50, 2)], 50),
        "all=13 overflow=102"
    );
    // `a` and `c` are idle, and both points that were made last have one of them.
    assert_eq!(step(&[("a", 0, 66, 6)], 66), "all=14");
    assert_eq!(step(&[("c", 0, 67, 100)], 67), "overflow=102");
}

/// A cap has a place for a value again: the level that has it goes on where it is seen, until that is said without it.
#[test]
fn a_level_whose_attributes_come_to_something_else_moves_only_when_that_is_said() {
    let cap = Rule::Cap {
        keys: vec!["series".to_owned()],
        limit: 1,
    };
    let policy = Policy {
        idle_timeout: 60,
        ..policy(9)
    };
    let limiter = Limiter::new(Settings {
        rules: Some(Arc::new(AttributeRules::new(&[cap.into()]).unwrap())),
        ..settings(limits(policy), 16 * MEBIBYTE)
    });
    let step = |points: &[(&str, u64, u64, i64)], now| values(&run(&limiter, Kind::Gauge, points, now));
    assert_eq!(step(&[("a", 0, 1, 1), ("b", 0, 1, 2)], 1), "__overflow__=2 a=1");
    assert_eq!(step(&[("b", 0, 50, 3)], 50), "__overflow__=3");
    for now in 70..80 {
        assert_eq!(
            step(&[("b", 0, now, 4)], now as u32),
            "__overflow__=4",
            "it alone is what that is seen as"
        );
    }
    assert_eq!(
        step(&[("c", 0, 80, 5), ("b", 0, 80, 6)], 80),
        "__overflow__=5 b=6"
    );
}

/// A request that is sent again and again adds nothing, but tells that its series are there.
#[test]
fn a_level_that_is_sent_late_is_not_idle() {
    let rules = AttributeRules::new(&[Rule::Drop(vec!["series".to_owned()]).into()]).unwrap();
    let idle = Policy {
        idle_timeout: 60,
        ..policy(1)
    };
    let limiter = Limiter::new(Settings {
        rules: Some(Arc::new(rules)),
        ..settings(limits(idle), 16 * MEBIBYTE)
    });
    for now in 0..20 {
        let out = run(&limiter, Kind::Gauge, &[("a", 0, 5, 7)], 10 * now);
        assert_eq!(values(&out), "all=7");
    }
}

#[test]
fn points_are_dropped_or_only_counted_where_that_is_wanted() {
    let points = [("a", 0, 1, 1), ("b", 0, 1, 2)];
    let dropping = limiter(Policy {
        action: Action::Drop,
        ..policy(1)
    });
    assert_eq!(values(&run(&dropping, Kind::Delta, &points, 0)), "a=1");
    assert_eq!(dropping.counts(0).limited, 1);
    let observing = limiter(Policy {
        action: Action::Observe,
        ..policy(1)
    });
    assert_eq!(values(&run(&observing, Kind::Delta, &points, 0)), "a=1 b=2");
    assert_eq!(observing.counts(0).observed, 1);
}

#[test]
fn who_comes_often_gets_a_place_and_who_comes_once_does_not() {
    let limiter = limiter(Policy {
        admission: Admission::HeavyHitters,
        ..policy(10)
    });
    let mut junk = 0;
    for round in 0..20_u64 {
        let names: Vec<String> = (0..50).map(|number| format!("junk-{}", junk + number)).collect();
        junk += 50;
        let mut points: Vec<(&str, u64, u64, i64)> = names
            .iter()
            .map(|name| (name.as_str(), round, round + 1, 1))
            .collect();
        points.extend([("real-1", round, round + 1, 1), ("real-2", round, round + 1, 1)]);
        let out = run(&limiter, Kind::Delta, &points, 0);
        if round > 5 {
            assert_eq!(values(&out), "overflow=50 real-1=1 real-2=1");
        }
    }
}

#[test]
fn what_is_to_blame_is_known_where_places_have_to_be_earned_too() {
    let limiter = limiter(Policy {
        admission: Admission::HeavyHitters,
        ..policy(200)
    });
    let names: Vec<String> = (0..1_000).map(|number| format!("s-{number}")).collect();
    let points: Vec<(&str, u64, u64, i64)> = names.iter().map(|name| (name.as_str(), 1, 2, 1)).collect();
    run(&limiter, Kind::Cumulative, &points, 0);
    let question = Question {
        top: 1,
        group: &|_| true,
        weight: &|metric| Some((metric.exceeded, 0)),
    };
    let report = limiter.report(&question, 0);
    assert_eq!(report.metrics[0].blame[0].keys, ["series"]);
}

#[test]
fn limits_change_and_nobody_loses_a_place() {
    let limiter = limiter(policy(2));
    let all = [("a", 0, 1, 1), ("b", 0, 1, 2), ("c", 0, 1, 3)];
    assert_eq!(values(&run(&limiter, Kind::Delta, &all, 0)), "a=1 b=2 overflow=3");
    limiter.set_limits(limits(policy(1)));
    assert_eq!(values(&run(&limiter, Kind::Delta, &all, 0)), "a=1 b=2 overflow=3");
    limiter.set_limits(limits(policy(3)));
    assert_eq!(values(&run(&limiter, Kind::Delta, &all, 0)), "a=1 b=2 c=3");
}

#[test]
fn the_group_and_the_total_have_limits_too() {
    let all = [("a", 0, 1, 1), ("b", 0, 1, 2), ("c", 0, 1, 3)];
    for (group_limit, total_limit) in [(2, 9), (9, 2)] {
        let limits = Limits {
            group_limit,
            total_limit,
            ..limits(policy(9))
        };
        let limiter = limiter_of(limits, MEBIBYTE);
        assert_eq!(values(&run(&limiter, Kind::Delta, &all, 0)), "a=1 b=2 overflow=3");
    }
}

#[test]
fn without_memory_nothing_has_a_place_and_nothing_is_counted_twice() {
    let limiter = limiter_of(limits(policy(9)), 0);
    let points = [("a", 0, 1, 1), ("b", 0, 1, 2)];
    assert_eq!(values(&run(&limiter, Kind::Delta, &points, 0)), "overflow=3");
    assert_eq!(values(&run(&limiter, Kind::Cumulative, &points, 0)), "");
    assert_eq!(limiter.usage().bytes, 0);
}
