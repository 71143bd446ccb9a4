//! What holds for all policies and all traces.

use super::model::{self, Item};
use super::support::*;
use crate::policy::*;
use crate::probability::{Randomness, Threshold};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message;

fn places() -> impl Strategy<Value = Places> {
    let each = [Places::RESOURCE, Places::SCOPE, Places::SPAN, Places::EVENT];
    vec(select(each.to_vec()), 1..4)
        .prop_map(|chosen| chosen.into_iter().reduce(Places::and).unwrap_or_default())
}

fn test() -> impl Strategy<Value = AttributeTest> {
    let text = |texts: &[&str]| AttributeTest::Text(TextTest::one_of(texts));
    let found = |texts: &[&str]| AttributeTest::Text(TextTest::found(texts).unwrap());
    select(vec![
        text(&["x"]),
        text(&["x", "", "yy"]),
        found(&["^x$", "y"]),
        found(&[".*"]),
        AttributeTest::Bool(true),
        AttributeTest::Bool(false),
        AttributeTest::Number {
            min: Some(0),
            max: None,
        },
        AttributeTest::Number {
            min: Some(-1),
            max: Some(1),
        },
    ])
}

fn key() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "http.route"])
}

fn share_rule() -> impl Strategy<Value = Rule> {
    let ratio = select(vec![0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0]);
    let salt = select(vec![None, None, None, Some("salt".to_owned())]);
    (ratio, salt).prop_map(|(ratio, hash_salt)| Rule::Share(Share { ratio, hash_salt }))
}

/// Rules without limits.
fn rule() -> impl Strategy<Value = Rule> {
    let attribute = (key(), places(), test()).prop_map(|(key, places, test)| {
        Rule::Attribute(AttributeRule {
            key: key.to_owned(),
            places,
            test,
        })
    });
    let status = select(vec![StatusSet::UNSET, StatusSet::OK, StatusSet::ERROR]).prop_map(Rule::Status);
    let others = select(vec![
        Rule::Always,
        Rule::SampledFlag,
        Rule::TraceState {
            key: "v".to_owned(),
            values: vec!["1".to_owned(), "2".to_owned()],
        },
        Rule::Duration { min: 5, max: None },
        Rule::Duration {
            min: 0,
            max: Some(10),
        },
        Rule::Spans { min: 3, max: Some(5) },
        Rule::Spans { min: 2, max: None },
    ]);
    let leaf = prop_oneof![4 => attribute, 1 => status, 2 => others, 3 => share_rule()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(not),
            vec(inner.clone(), 1..4).prop_map(Rule::And),
            vec(inner, 1..4).prop_map(Rule::Or),
        ]
    })
}

fn limit() -> impl Strategy<Value = Rule> {
    let part = |spans_per_second| {
        move |rule| CompositePolicy {
            name: "part".to_owned(),
            rule,
            spans_per_second,
        }
    };
    prop_oneof![
        (1_u32..6).prop_map(|spans_per_second| Rule::SpanRate { spans_per_second }),
        (1_u64..500).prop_map(|burst| Rule::ByteRate {
            bytes_per_second: 1,
            burst
        }),
        (rule().prop_map(part(2)), rule().prop_map(part(4))).prop_map(|(one, two)| {
            Rule::Composite(Composite {
                spans_per_second: 3,
                policies: vec![one, two],
            })
        }),
    ]
}

fn policies() -> impl Strategy<Value = Vec<Rule>> {
    let policy = prop_oneof![
        6 => rule(),
        1 => vec(rule(), 1..3).prop_map(Rule::Drop),
        1 => limit(),
        1 => (rule(), limit()).prop_map(|(rule, limit)| Rule::And(vec![limit, rule])),
    ];
    vec(policy, 1..5)
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let value = prop_oneof![
        select(vec!["x", "yy", "", "z"]).prop_map(|text| Value::StringValue(text.to_owned())),
        any::<bool>().prop_map(Value::BoolValue),
        (-2_i64..3).prop_map(Value::IntValue),
    ];
    let key = select(vec!["a", "b", "http.route", "http.router", "c"]);
    vec((key, value).prop_map(|(key, value)| attribute(key, value)), 0..4)
}

fn item() -> impl Strategy<Value = Item> {
    let state = select(vec!["", "", "v=1", "x=y, v=2", "v=3,w=1"]);
    let status = prop_oneof![2 => Just(None), 1 => (0_i32..4).prop_map(Some)];
    let lists = (attributes(), attributes(), attributes(), vec(attributes(), 0..3));
    let numbers = (0_u64..20, 0_u64..20, 0_u32..4);
    (lists, state, status, numbers).prop_map(|(lists, state, status, (start, end, flags))| {
        let (resource, scope, own, events) = lists;
        Item {
            envelope: Envelope {
                resource: Resource {
                    attributes: resource,
                    ..Resource::default()
                },
                scope: InstrumentationScope {
                    attributes: scope,
                    ..InstrumentationScope::default()
                },
            },
            span: Span {
                trace_state: state.to_owned(),
                status: status.map(|code| Status {
                    code,
                    message: "m".to_owned(),
                }),
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                flags,
                events: events
                    .into_iter()
                    .map(|attributes| Event {
                        attributes,
                        ..Event::default()
                    })
                    .collect(),
                ..with(own)
            },
        }
    })
}

/// The spans of a trace: of one id, and with or without one `rv`.
fn trace() -> impl Strategy<Value = Vec<Item>> {
    let explicit = prop_oneof![Just(None), (0..1_u64 << 56).prop_map(Some)];
    (vec(item(), 1..7), 1..u128::MAX, explicit).prop_map(|(mut items, id, explicit)| {
        for item in &mut items {
            item.span.trace_id = id.to_be_bytes().to_vec();
            if let Some(value) = explicit {
                set_rv(&mut item.span, Randomness::new(value).unwrap());
            }
        }
        items
    })
}

/// Adds an `rv` to the `tracestate`, in place of the one that is there.
fn set_rv(span: &mut Span, randomness: Randomness) {
    let mut members: Vec<&str> = span
        .trace_state
        .split(',')
        .filter(|member| !member.is_empty())
        .collect();
    members.retain(|member| !member.starts_with("ot="));
    let explicit = format!("ot=rv:{randomness}");
    members.push(&explicit);
    span.trace_state = members.join(",");
}

fn observe(plan: &Plan, facts: &mut Facts, item: &Item) {
    let resource = item.envelope.resource.encode_to_vec();
    let bits = plan.observe_envelope(&resource, &item.envelope.scope.encode_to_vec());
    plan.observe_span(facts, &item.span.encode_to_vec(), bits);
}

fn all_facts<'a>(plan: &Plan, items: impl IntoIterator<Item = &'a Item>) -> Facts {
    let mut facts = Facts::default();
    items.into_iter().for_each(|item| observe(plan, &mut facts, item));
    facts
}

fn closed(plan: &Plan, facts: &Facts) -> Decision {
    plan.decide(facts, &plan.limiters(), Stage::Closed, 0).unwrap()
}

/// The decision if the trace had this randomness.
fn with_randomness(plan: &Plan, items: &[Item], value: u64) -> Outcome {
    let mut items = items.to_vec();
    let randomness = Randomness::new(value).unwrap();
    items
        .iter_mut()
        .for_each(|item| set_rv(&mut item.span, randomness));
    closed(plan, &all_facts(plan, &items)).outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn property_spans_in_any_order_are_judged_as_all_of_them_decoded(
        rules in policies(),
        items in trace(),
        seed in any::<u64>(),
    ) {
        let plan = plan(rules.clone());
        let mut shuffled = items.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let (facts, other) = (all_facts(&plan, &items), all_facts(&plan, &shuffled));
        prop_assert_eq!(facts, other);
        let decision = closed(&plan, &facts);
        prop_assert_eq!(decision.keeps(), model::keeps(&rules, &items), "{:?}", decision);
    }

    #[test]
    fn property_early_decisions_are_never_contradicted(rules in policies(), items in trace()) {
        let plan = plan(rules);
        let last = closed(&plan, &all_facts(&plan, &items));
        let mut facts = Facts::default();
        for item in &items {
            observe(&plan, &mut facts, item);
            let early = plan.decide(&facts, &plan.limiters(), Stage::Open, 0);
            if let Some(early) = early {
                prop_assert_eq!(early.outcome, last.outcome, "{:?} {:?}", early, last);
            }
        }
    }

    /// Over all randomness that the trace could have had, the counts that its spans would have stood for add up to 1, or none is known.
    #[test]
    fn property_adjusted_counts_are_exact_on_average(rules in policies(), items in trace()) {
        let plan = plan(rules);
        let mut edges: Vec<u64> = plan.thresholds.iter().map(|threshold| threshold.value()).collect();
        edges.extend([0, 1 << 56]);
        edges.sort_unstable();
        edges.dedup();
        let mut known = 0.0;
        for pair in edges.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            let outcome = with_randomness(&plan, &items, low);
            prop_assert_eq!(outcome, with_randomness(&plan, &items, high - 1));
            let probability = (high - low) as f64 / (1_u64 << 56) as f64;
            known += probability * match outcome {
                Outcome::Keep(Inclusion::Certain) => 1.0,
                Outcome::Keep(Inclusion::AtLeast(threshold)) => threshold.adjusted_count(),
                Outcome::Keep(Inclusion::Unknown) | Outcome::Drop => 0.0,
            };
        }
        prop_assert!(known == 0.0 || (known - 1.0).abs() < 1e-9, "{}", known);
    }

    #[test]
    fn property_damaged_spans_do_no_harm(
        rules in policies(),
        items in trace(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 0..60),
    ) {
        let plan = plan(rules);
        let mut facts = Facts::default();
        for item in &items {
            let mut bytes = item.span.encode_to_vec();
            for (at, byte) in &damage {
                *at.get_mut(&mut bytes) = *byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let bits = plan.observe_envelope(&noise, &bytes);
            plan.observe_span(&mut facts, &bytes, bits);
            plan.observe_span(&mut facts, &noise, EnvelopeBits::default());
        }
        prop_assert_eq!(facts.spans() as usize, 2 * items.len());
        closed(&plan, &facts);
    }
}

#[test]
fn adjusted_counts_of_a_mixture_are_right_within_three_standard_errors() {
    let slow = Rule::Duration {
        min: 1000 * MS,
        max: None,
    };
    let plan = plan(vec![errors(), Rule::And(vec![slow, share(0.25)]), share(0.02)]);
    let mut random = fastrand::Rng::with_seed(11);
    // By kind of trace: how many there were, the estimate of it, and the estimate's variance.
    let mut kinds = [(0_u32, 0.0, 0.0); 3];
    for _ in 0..200_000 {
        let kind = random.usize(..3);
        let mut span = if kind == 0 { failed() } else { span() };
        if kind == 1 {
            span.end_time_unix_nano += 2000 * MS;
        }
        span.trace_id = random.u128(1..).to_be_bytes().to_vec();
        let facts = facts(&plan, &Envelope::default(), &[span]);
        let (count, estimate, variance) = &mut kinds[kind];
        *count += 1;
        let adjusted = match closed(&plan, &facts).outcome {
            Outcome::Keep(Inclusion::Certain) => 1.0,
            Outcome::Keep(Inclusion::AtLeast(threshold)) => threshold.adjusted_count(),
            Outcome::Keep(Inclusion::Unknown) => panic!("every probability is known here"),
            Outcome::Drop => 0.0,
        };
        *estimate += adjusted;
        let probability = [Threshold::ALWAYS, plan.thresholds[0], plan.thresholds[1]][kind].probability();
        *variance += (1.0 - probability) / probability;
    }
    for (kind, (count, estimate, variance)) in kinds.into_iter().enumerate() {
        let off = (f64::from(count) - estimate).abs();
        assert!(
            off <= 3.0 * variance.sqrt(),
            "kind {kind}: {count} were {estimate}"
        );
    }
}
