//! Each kind of rule against what the Collector's policy of that name does, and where ours differs on purpose.

use super::support::*;
use crate::policy::*;
use crate::probability::{Precision, Threshold};

fn resource(attributes: Vec<KeyValue>) -> Envelope {
    Envelope {
        resource: Resource {
            attributes,
            ..Resource::default()
        },
        ..Envelope::default()
    }
}

fn keeps(rule: &Rule, spans: &[Span]) -> bool {
    judge(vec![rule.clone()], spans).keeps()
}

#[test]
fn strings_are_found_on_resources_and_spans_by_exact_value() {
    let rule = Rule::Attribute(one_of("service.name", &["cart", "checkout", "a"]));
    for (value, kept) in [
        ("cart", true),
        ("checkout", true),
        ("car", false),
        ("cart ", false),
        ("Cart", false),
        ("", false),
    ] {
        let spans = [span(), with(vec![text("service.name", value)])];
        assert_eq!(keeps(&rule, &spans), kept, "{value}");
        let decision = judge_in(
            vec![rule.clone()],
            &resource(vec![text("service.name", value)]),
            &[span()],
        );
        assert_eq!(decision.keeps(), kept, "{value}");
    }
    assert!(!keeps(&rule, &[with(vec![int("service.name", 1)])]));
    assert!(!keeps(&rule, &[with(vec![text("service.namf", "cart")])]));
}

#[test]
fn expressions_are_found_anywhere_unless_anchored() {
    let rule = Rule::Attribute(AttributeRule {
        test: AttributeTest::Text(TextTest::found(&["^/api", "v[0-9]+", "(?i)HEALTH"]).unwrap()),
        ..one_of("url.path", &[])
    });
    for (value, kept) in [
        ("/api/x", true),
        ("/x/api", false),
        ("/x/v12/y", true),
        ("/health", true),
        ("/x", false),
    ] {
        assert_eq!(
            keeps(&rule, &[with(vec![text("url.path", value)])]),
            kept,
            "{value}"
        );
    }
    // The Collector does not test empty strings of spans either.
    let anything = Rule::Attribute(AttributeRule {
        test: AttributeTest::Text(TextTest::found(&[".*"]).unwrap()),
        ..one_of("url.path", &[])
    });
    assert!(keeps(&anything, &[with(vec![text("url.path", "x")])]));
    assert!(!keeps(&anything, &[with(vec![text("url.path", "")])]));
}

#[test]
fn wrong_expressions_are_said() {
    let error = TextTest::found(&["a", "(b"]).unwrap_err();
    assert_eq!(error.to_string(), "unclosed group");
}

#[test]
fn numbers_are_within_bounds_that_may_be_zero() {
    // The Collector takes a bound of 0 for one that is not set.
    let cases = [
        (Some(400), Some(499), 400, true),
        (Some(400), Some(499), 499, true),
        (Some(400), Some(499), 399, false),
        (Some(400), Some(499), 500, false),
        (Some(0), None, -1, false),
        (Some(0), None, 0, true),
        (None, Some(0), 1, false),
        (None, Some(0), i64::MIN, true),
        (Some(0), Some(0), 0, true),
        (None, None, 5, true),
    ];
    for (min, max, value, kept) in cases {
        let rule = Rule::Attribute(number("n", min, max));
        assert_eq!(
            keeps(&rule, &[with(vec![int("n", value)])]),
            kept,
            "{value} in {min:?}..={max:?}"
        );
        let double = attribute("n", Value::DoubleValue(value as f64));
        assert_eq!(
            keeps(&rule, &[with(vec![double])]),
            kept,
            "{value}.0 in {min:?}..={max:?}"
        );
    }
    let any = Rule::Attribute(number("n", None, None));
    assert!(!keeps(&any, &[with(vec![text("n", "5")])]));
    assert!(!keeps(
        &any,
        &[with(vec![attribute("n", Value::DoubleValue(f64::NAN))])]
    ));
}

#[test]
fn booleans_are_only_booleans() {
    for wanted in [true, false] {
        let rule = Rule::Attribute(AttributeRule {
            test: AttributeTest::Bool(wanted),
            ..one_of("b", &[])
        });
        for value in [true, false] {
            let spans = [with(vec![attribute("b", Value::BoolValue(value))])];
            assert_eq!(keeps(&rule, &spans), value == wanted);
        }
        // For the Collector, what is no boolean is false.
        assert!(!keeps(&rule, &[with(vec![int("b", 0)])]));
        assert!(!keeps(&rule, &[span()]));
    }
}

#[test]
fn attributes_are_looked_for_where_the_rule_says() {
    let event = Event {
        attributes: vec![text("k", "v")],
        ..Event::default()
    };
    let on_event = Span {
        events: vec![Event::default(), event],
        ..span()
    };
    let scope = Envelope {
        scope: InstrumentationScope {
            name: "library".to_owned(),
            attributes: vec![text("k", "v")],
            ..InstrumentationScope::default()
        },
        ..Envelope::default()
    };
    let nothing = Envelope::default();
    let on_span = with(vec![text("k", "v")]);
    let of_resource = resource(vec![text("k", "v")]);
    let cases = [
        (Places::RESOURCE, &of_resource, span()),
        (Places::SCOPE, &scope, span()),
        (Places::SPAN, &nothing, on_span),
        (Places::EVENT, &nothing, on_event),
    ];
    for (row, (places, ..)) in cases.iter().enumerate() {
        for (column, (_, envelope, span)) in cases.iter().enumerate() {
            let rule = Rule::Attribute(AttributeRule {
                places: *places,
                ..one_of("k", &["v"])
            });
            let decision = judge_in(vec![rule], envelope, std::slice::from_ref(span));
            assert_eq!(decision.keeps(), row == column, "{row} {column}");
        }
    }
}

#[test]
fn the_first_of_duplicate_attributes_counts() {
    let rule = Rule::Attribute(one_of("k", &["v"]));
    assert!(!keeps(&rule, &[with(vec![text("k", "w"), text("k", "v")])]));
    assert!(keeps(&rule, &[with(vec![text("k", "v"), text("k", "w")])]));
    assert!(keeps(
        &rule,
        &[with(vec![text("k", "w")]), with(vec![text("k", "v")])]
    ));
}

#[test]
fn a_span_without_a_status_is_unset() {
    let of = |code| Span {
        status: Some(Status {
            code,
            message: "said".to_owned(),
        }),
        ..span()
    };
    let sets = [StatusSet::UNSET, StatusSet::OK, StatusSet::ERROR];
    for (meant, set) in sets.iter().enumerate() {
        for code in 0..4 {
            let kept = keeps(&Rule::Status(*set), &[of(code)]);
            assert_eq!(kept, meant as i32 == code, "{meant} {code}");
        }
    }
    assert!(keeps(&Rule::Status(StatusSet::UNSET), &[span()]));
    assert!(!keeps(&errors(), &[span(), of(1)]));
    assert!(keeps(&errors(), &[span(), failed()]));
    assert!(keeps(
        &Rule::Status(StatusSet::OK.and(StatusSet::ERROR)),
        &[of(1)]
    ));
}

#[test]
fn members_of_tracestate_are_compared_whole() {
    let rule = Rule::TraceState {
        key: "vendor".to_owned(),
        values: vec!["1".to_owned(), "two".to_owned()],
    };
    for (state, kept) in [
        ("vendor=1", true),
        ("ot=th:8, vendor=two ,x=y", true),
        ("vendor=2", false),
        ("xvendor=1", false),
        ("vendorx=1", false),
        ("vendor", false),
        ("", false),
    ] {
        let span = Span {
            trace_state: state.to_owned(),
            ..span()
        };
        assert_eq!(keeps(&rule, &[span]), kept, "{state}");
    }
}

#[test]
fn the_sampled_flag_is_the_lowest() {
    for (flags, kept) in [(0, false), (1, true), (0x301, true), (0x300, false)] {
        assert_eq!(keeps(&Rule::SampledFlag, &[Span { flags, ..span() }]), kept);
    }
}

#[test]
fn duration_is_from_the_earliest_start_to_the_latest_end() {
    let from_to = |start: u64, end: u64| Span {
        start_time_unix_nano: start * MS,
        end_time_unix_nano: end * MS,
        ..span()
    };
    let trace = [from_to(2000, 2100), from_to(1000, 1500), from_to(1900, 3000)];
    let cases = [
        (2000, None, true),
        (2001, None, false),
        (0, None, true),
        (1000, Some(2000), true),
        (2000, Some(2000), true),
        (1000, Some(1999), false),
    ];
    for (min, max, kept) in cases {
        let rule = Rule::Duration {
            min: min * MS,
            max: max.map(|max| max * MS),
        };
        assert_eq!(keeps(&rule, &trace), kept, "{min} {max:?}");
    }
    // Times that are not given are no times.
    let rule = Rule::Duration { min: 1, max: None };
    assert!(!keeps(&rule, &[from_to(0, 3000)]));
    assert!(!keeps(&rule, &[from_to(3000, 0)]));
    assert!(!keeps(&rule, &[from_to(3000, 2000)]));
}

#[test]
fn spans_are_counted_within_bounds() {
    let trace = [span(), span(), span()];
    for (min, max, kept) in [
        (0, None, true),
        (3, None, true),
        (4, None, false),
        (2, Some(3), true),
        (1, Some(2), false),
        (3, Some(3), true),
    ] {
        assert_eq!(keeps(&Rule::Spans { min, max }, &trace), kept, "{min} {max:?}");
    }
}

#[test]
fn a_salted_share_is_the_collectors() {
    // The hash of a salt and a trace id, and the percentages around it, were computed by a program of their own, from the definitions of
    // FNV-1a and of the Collector's policy.
    for (salt, ratio, kept) in [
        ("default-hash-seed", SALTED_DEFAULT - 1e-12, false),
        ("default-hash-seed", SALTED_DEFAULT + 1e-12, true),
        ("other", SALTED_OTHER - 1e-12, false),
        ("other", SALTED_OTHER + 1e-12, true),
        ("other", 0.0, false),
        ("other", 1.0, true),
    ] {
        let rule = Rule::Share(Share {
            ratio,
            hash_salt: Some(salt.to_owned()),
        });
        assert_eq!(keeps(&rule, &[span()]), kept, "{salt} {ratio}");
    }
}

/// The hash of [`span`]'s trace id with these salts, divided by 2^64 - 1.
const SALTED_DEFAULT: f64 = 0.9594567738164227;
const SALTED_OTHER: f64 = 0.7437487584228655;

#[test]
fn limits_hold_for_each_second() {
    let plan = plan(vec![Rule::SpanRate { spans_per_second: 5 }]);
    let limiters = plan.limiters();
    let of = |spans: usize| facts(&plan, &Envelope::default(), &vec![span(); spans]);
    let at = |spans: usize, ms: u64| {
        let decision = plan
            .decide(&of(spans), &limiters, Stage::Closed, ms * MS)
            .unwrap();
        decision.keeps()
    };
    assert!(!at(6, 10), "more than there ever is");
    assert!(at(2, 10));
    assert!(at(3, 999));
    assert!(!at(1, 999), "used up");
    assert!(at(5, 1000), "a new second");
    assert!(
        !at(1, 990),
        "a clock that goes back a little does not open the next one twice"
    );
}

#[test]
fn bytes_fill_up_to_the_burst() {
    let size = |facts: &Facts| facts.bytes();
    let probe = plan(vec![Rule::Always]);
    let one = size(&facts(&probe, &Envelope::default(), &[span()]));
    let plan = plan(vec![Rule::ByteRate {
        bytes_per_second: one,
        burst: 2 * one,
    }]);
    let limiters = plan.limiters();
    let at = |spans: usize, ms: u64| {
        let facts = facts(&plan, &Envelope::default(), &vec![span(); spans]);
        let decision = plan.decide(&facts, &limiters, Stage::Closed, ms * MS).unwrap();
        decision.keeps()
    };
    assert!(!at(3, 0), "larger than the burst");
    assert!(at(2, 0), "the burst is there from the beginning");
    assert!(!at(1, 999));
    assert!(at(1, 1000));
    assert!(!at(1, 1001));
    assert!(at(2, 60_000), "no more than the burst is saved up");
    assert!(!at(1, 60_001));
}

#[test]
fn the_total_of_a_composite_policy_holds() {
    let part = |name: &str, rule, spans_per_second| CompositePolicy {
        name: name.to_owned(),
        rule,
        spans_per_second,
    };
    let plan = plan(vec![Rule::Composite(Composite {
        spans_per_second: 10,
        policies: vec![part("failed", errors(), 8), part("rest", Rule::Always, 6)],
    })]);
    let limiters = plan.limiters();
    let decide = |spans: &[Span], second: u64| {
        let facts = facts(&plan, &Envelope::default(), spans);
        let decision = plan
            .decide(&facts, &limiters, Stage::Closed, second * 1000 * MS)
            .unwrap();
        decision
            .part
            .filter(|_| decision.keeps())
            .and_then(|part| plan.part_name(0, part).map(str::to_owned))
    };
    let (failed, fine) = (vec![failed(); 4], vec![span(); 3]);
    assert_eq!(decide(&failed, 0).as_deref(), Some("failed"));
    assert_eq!(decide(&failed, 0).as_deref(), Some("failed"));
    assert_eq!(
        decide(&failed, 0),
        None,
        "its own share is used up, and the rest is not asked"
    );
    assert_eq!(
        decide(&fine, 0),
        None,
        "its own share would do, the total would not"
    );
    assert_eq!(decide(&fine[..2], 0).as_deref(), Some("rest"));
    assert_eq!(decide(&fine[..1], 0), None);
    assert_eq!(decide(&fine, 1).as_deref(), Some("rest"));
    assert_eq!(decide(&fine, 1).as_deref(), Some("rest"));
    assert_eq!(decide(&fine, 1), None);
}

#[test]
fn and_asks_its_limit_last_and_gives_back_what_was_not_used() {
    let plan = plan(vec![
        Rule::And(vec![
            Rule::SpanRate { spans_per_second: 2 },
            Rule::ByteRate {
                bytes_per_second: 1,
                burst: 1,
            },
        ]),
        Rule::And(vec![Rule::SpanRate { spans_per_second: 1 }, errors()]),
    ]);
    let limiters = plan.limiters();
    let decide = |spans: &[Span]| {
        let facts = facts(&plan, &Envelope::default(), spans);
        plan.decide(&facts, &limiters, Stage::Closed, 0).unwrap()
    };
    for _ in 0..5 {
        assert!(
            !decide(&[span()]).keeps(),
            "too large for the bytes, and no error"
        );
    }
    assert_eq!(
        decide(&[failed()]).policy,
        Some(1),
        "not spent on those without an error"
    );
    assert!(!decide(&[failed()]).keeps());
}

#[test]
fn a_limit_is_not_spent_on_what_is_kept_anyway() {
    let plan = plan(vec![Rule::SpanRate { spans_per_second: 1 }, errors()]);
    let limiters = plan.limiters();
    let decide = |spans: &[Span]| {
        let facts = facts(&plan, &Envelope::default(), spans);
        plan.decide(&facts, &limiters, Stage::Closed, 0).unwrap()
    };
    for _ in 0..5 {
        let decision = decide(&[failed()]);
        assert_eq!(
            (decision.policy, decision.verdict(0)),
            (Some(1), Verdict::Unasked)
        );
    }
    assert_eq!(decide(&[span()]).policy, Some(0));
    assert_eq!(decide(&[span()]).policy, None);
}

#[test]
fn drop_goes_before_everything() {
    let health = Rule::Attribute(one_of("url.path", &["/health"]));
    let rules = vec![Rule::Always, Rule::Drop(vec![health, not(errors())])];
    let at_health = with(vec![text("url.path", "/health")]);
    let decision = judge(rules.clone(), &[at_health.clone(), span()]);
    assert_eq!((decision.outcome, decision.policy), (Outcome::Drop, Some(1)));
    let decision = judge(rules.clone(), &[at_health, failed()]);
    assert_eq!(decision.outcome, Outcome::Keep(Inclusion::Certain));
    assert!(judge(rules, &[span()]).keeps());
}

#[test]
fn without_policies_nothing_is_kept() {
    let decision = judge(Vec::new(), &[span()]);
    assert_eq!((decision.outcome, decision.policy), (Outcome::Drop, None));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let rate = || Rule::SpanRate { spans_per_second: 1 };
    let fault = |rule| {
        let policy = Policy {
            name: "p".to_owned(),
            rule,
        };
        match Plan::new(&[policy]) {
            Err(PlanError::Policy { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fault(not(rate())), PolicyFault::LimitInside);
    assert_eq!(fault(Rule::Drop(vec![rate()])), PolicyFault::LimitInside);
    assert_eq!(fault(Rule::Or(vec![rate()])), PolicyFault::LimitInside);
    assert_eq!(fault(not(Rule::Drop(vec![errors()]))), PolicyFault::DropInside);
    assert_eq!(fault(Rule::And(vec![])), PolicyFault::Empty);
    assert_eq!(fault(Rule::Drop(vec![])), PolicyFault::Empty);

    let different = |count: usize| {
        let keys: Vec<String> = (0..count).map(|index| format!("key.{index}")).collect();
        let rules = keys.iter().map(|key| Rule::Attribute(one_of(key, &["v"])));
        Plan::new(&[Policy {
            name: "p".to_owned(),
            rule: Rule::And(rules.collect()),
        }])
    };
    assert_eq!(different(65).unwrap_err(), PlanError::TooManyPredicates);
    let full = different(64).unwrap();
    let attributes: Vec<KeyValue> = (0..64).map(|index| text(&format!("key.{index}"), "v")).collect();
    let decide = |attributes: &[KeyValue]| {
        let facts = facts(&full, &Envelope::default(), &[with(attributes.to_vec())]);
        full.decide(&facts, &full.limiters(), Stage::Closed, 0).unwrap()
    };
    assert!(decide(&attributes).keeps());
    assert!(!decide(&attributes[1..]).keeps());
    assert!(!decide(&attributes[..63]).keeps());
}

#[test]
fn a_decision_comes_as_soon_as_nothing_can_change_it() {
    let slow = || Rule::Duration {
        min: 5000 * MS,
        max: None,
    };
    let rate = || Rule::SpanRate { spans_per_second: 9 };
    let fine = [span()];
    let outcome = |rules, spans: &[Span]| early(rules, spans).map(|decision| decision.outcome);
    let certain = Some(Outcome::Keep(Inclusion::Certain));
    assert_eq!(outcome(vec![errors(), slow(), rate()], &[failed()]), certain);
    assert_eq!(outcome(vec![errors(), slow()], &fine), None);
    assert_eq!(outcome(vec![not(errors())], &fine), None);
    assert_eq!(outcome(vec![not(errors())], &[failed()]), Some(Outcome::Drop));
    assert_eq!(outcome(vec![rate()], &fine), None);
    // The randomness of the trace is 0.5.
    let half = Inclusion::AtLeast(Threshold::from_probability(0.5, Precision::DEFAULT).unwrap());
    assert_eq!(outcome(vec![share(0.5)], &fine), Some(Outcome::Keep(half)));
    assert_eq!(outcome(vec![share(0.4)], &fine), Some(Outcome::Drop));
    assert_eq!(
        outcome(vec![share(0.5), errors()], &fine),
        None,
        "an error makes it certain"
    );
    let rare_errors = || Rule::And(vec![errors(), share(0.4)]);
    assert_eq!(
        outcome(vec![rare_errors(), share(0.1)], &fine),
        Some(Outcome::Drop)
    );
    let half = Some(Outcome::Keep(half));
    assert_eq!(outcome(vec![share(0.5), rare_errors()], &fine), half);
    let many_errors = Rule::And(vec![errors(), share(0.9)]);
    assert_eq!(
        outcome(vec![share(0.5), many_errors], &fine),
        None,
        "an error lowers the threshold"
    );
    let drop_errors = || Rule::Drop(vec![errors()]);
    assert_eq!(outcome(vec![Rule::Always, drop_errors()], &fine), None);
    assert_eq!(
        outcome(vec![Rule::Always, drop_errors()], &[failed()]),
        Some(Outcome::Drop)
    );
    assert_eq!(
        outcome(vec![share(0.4), drop_errors()], &fine),
        Some(Outcome::Drop)
    );
}

#[test]
fn inclusion_survives_a_byte() {
    let plan = plan(vec![share(0.5), share(0.1), not(share(0.25))]);
    let thresholds =
        [0.5, 0.1, 0.25].map(|ratio| Threshold::from_probability(ratio, Precision::DEFAULT).unwrap());
    let all = thresholds.map(Inclusion::AtLeast);
    for inclusion in all.into_iter().chain([Inclusion::Certain, Inclusion::Unknown]) {
        assert_eq!(plan.unpack(plan.pack(inclusion)), inclusion);
    }
    assert_eq!(plan.unpack(200), Inclusion::Unknown);
}

#[test]
fn counts_are_by_policy_and_verdict() {
    let plan = plan(vec![errors(), Rule::SpanRate { spans_per_second: 1 }]);
    let limiters = plan.limiters();
    let mut counts = PolicyCounts::new(&plan);
    let mut bytes = 0;
    for spans in [vec![failed()], vec![span()], vec![span(), span()]] {
        let facts = facts(&plan, &Envelope::default(), &spans);
        bytes = facts.bytes();
        let decision = plan.decide(&facts, &limiters, Stage::Closed, 0).unwrap();
        counts.record(&decision, &facts);
    }
    let numbers = |policy, verdict| {
        let tally = counts.of(policy, verdict);
        (tally.traces, tally.spans)
    };
    assert_eq!(numbers(0, Verdict::Yes), (1, 1));
    assert_eq!(numbers(0, Verdict::No), (2, 3));
    assert_eq!(numbers(1, Verdict::Unasked), (1, 1));
    assert_eq!(numbers(1, Verdict::Yes), (1, 1));
    assert_eq!(
        counts.of(1, Verdict::No),
        Tally {
            traces: 1,
            spans: 2,
            bytes
        }
    );
    assert_eq!(counts.of(2, Verdict::Yes), Tally::default());
}
