//! What is written into what is kept.

use super::*;
use crate::probability::{RANDOMNESS, THRESHOLD};
use proptest::prelude::*;

/// The highest randomness: kept whatever the threshold is.
const KEPT: u128 = u128::MAX;

/// The spans of some `tracestate`s, all with the highest randomness in their ids, after a batch in which most others are thinned; and
/// the threshold of their key.
fn after_flood(states: &[&str]) -> (Threshold, Vec<Span>) {
    let rig = Rig::new("target = \"10/s\"", 1);
    let mut spans = flood("a", 1);
    let chosen = |state: &&str| Span {
        span_id: vec![2; 8],
        trace_state: (*state).to_owned(),
        ..span(KEPT, "a")
    };
    spans.push(chosen(&""));
    spans.extend(states.iter().map(chosen));
    let outcome = rig.give(&traces(spans));
    let mut kept: Vec<Span> = spans_of(&outcome)
        .into_iter()
        .filter(|span| span.span_id == [2; 8])
        .collect();
    let own = threshold_of(&kept.remove(0)).expect("it was thinned");
    assert!(own > Threshold::parse(b"8").unwrap() && own < Threshold::parse(b"fff").unwrap());
    (own, kept)
}

#[test]
fn kept_spans_carry_the_threshold_that_they_passed() {
    let rig = Rig::new("target = \"100/s\"", 1);
    let mut thinned = 0;
    for second in 0..20 {
        let outcome = rig.give(&traces(
            [flood("a", second), flood("b", second)[..5].to_vec()].concat(),
        ));
        for span in spans_of(&outcome) {
            let randomness = Randomness::from_trace_id(&span.trace_id).unwrap();
            match threshold_of(&span) {
                Some(threshold) => {
                    assert!(threshold > Threshold::ALWAYS && threshold.keeps(randomness));
                    assert_eq!(span.name, "a");
                    thinned += 1;
                }
                None => assert_eq!((span.name.as_str(), span.trace_state.as_str()), ("b", "")),
            }
        }
        rig.advance(1.0);
    }
    assert!(thinned > 100, "{thinned}");
}

#[test]
fn the_higher_threshold_is_the_one_that_leaves() {
    let (own, kept) = after_flood(&[
        "ot=th:8",
        "v=1,ot=x:1;th:fffff,w=2",
        "v=1,ot=x:1;th:80,w=2",
        "v=1",
    ]);
    let own = own.to_hex();
    let own = own.as_str();
    let states: Vec<&str> = kept.iter().map(|span| span.trace_state.as_str()).collect();
    assert_eq!(
        states,
        [
            format!("ot=th:{own}").as_str(),
            "v=1,ot=x:1;th:fffff,w=2",
            format!("ot=th:{own};x:1,v=1,w=2").as_str(),
            format!("ot=th:{own},v=1").as_str(),
        ]
    );
}

#[test]
fn explicit_randomness_takes_precedence_and_stays() {
    let (own, kept) = after_flood(&["ot=rv:00000000000000", "ot=rv:FFFFFFFFFFFFFF"]);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].trace_state, format!("ot=rv:FFFFFFFFFFFFFF;th:{own}"));
}

#[test]
fn what_cannot_be_believed_counts_as_never_sampled() {
    // A threshold that the randomness does not pass; of what is not grammar nothing is left.
    let full = format!("ot=x:{}", "y".repeat(250));
    let (own, kept) = after_flood(&[
        "ot=rv:ffff0000000000;th:ffff8",
        "ot=th:xyz",
        "ot=th:8,ot=th:c",
        &full,
    ]);
    let states: Vec<&str> = kept.iter().map(|span| span.trace_state.as_str()).collect();
    let bare = format!("ot=th:{own}");
    assert_eq!(
        states,
        [&format!("ot=rv:ffff0000000000;th:{own}"), &bare, &bare, &bare]
    );
}

#[test]
fn spans_of_a_trace_are_kept_consistently_whatever_their_keys() {
    let rig = Rig::new("target = \"100/s\"", 1);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut partly = 0;
    for _ in 0..50 {
        // Of each trace one span of the heavy key; of each fourth trace one of another key.
        let ids: Vec<u128> = (0..400).map(|_| rng.u128(1..)).collect();
        let heavy = ids.iter().map(|id| span(*id, "a"));
        let rarer = ids.iter().step_by(4).map(|id| span(*id, "b"));
        let kept = spans_of(&rig.give(&traces(heavy.chain(rarer).collect())));
        let of = |name: &str| {
            kept.iter()
                .filter(|span| span.name == name)
                .map(|span| span.trace_id.clone())
                .collect::<Vec<_>>()
        };
        let (heavy, rarer) = (of("a"), of("b"));
        for id in ids.iter().step_by(4).map(|id| id.to_be_bytes().to_vec()) {
            // The rarer key has the lower threshold.
            assert!(!heavy.contains(&id) || rarer.contains(&id));
            partly += usize::from(rarer.contains(&id) && !heavy.contains(&id));
        }
        rig.advance(1.0);
    }
    assert!(partly > 100, "{partly}");
}

fn text_of<'a>(record: &'a LogRecord, key: &str) -> Option<&'a str> {
    let found = record.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn log_records_of_a_trace_follow_its_randomness() {
    let rig = Rig::new("target = \"10/s\"", 1);
    let mut rng = fastrand::Rng::with_seed(1);
    let record = |id: u128| LogRecord {
        trace_id: id.to_be_bytes().to_vec(),
        ..LogRecord::default()
    };
    let outcome = rig.give(&logs((0..1000).map(|_| record(rng.u128(1..))).collect()));
    let kept = records_of(&outcome);
    assert!(!kept.is_empty() && kept.len() < 200);
    for record in &kept {
        let threshold: Threshold = text_of(record, THRESHOLD).unwrap().parse().unwrap();
        assert!(threshold.keeps(Randomness::from_trace_id(&record.trace_id).unwrap()));
        assert_eq!(text_of(record, RANDOMNESS), None);
    }
}

#[test]
fn what_has_no_trace_id_is_decided_by_chance_and_says_which() {
    let rig = Rig::new("target = \"100/s\"", 1);
    let sampled = |threshold: &str| LogRecord {
        attributes: vec![attribute(THRESHOLD, Value::StringValue(threshold.to_owned()))],
        ..LogRecord::default()
    };
    let mut records = vec![LogRecord::default(); 1000];
    records.extend(vec![sampled("8"); 1000]);
    let kept = records_of(&rig.give(&logs(records)));
    assert!(kept.len() > 10 && kept.len() < 500, "{}", kept.len());
    let mut seen = Vec::new();
    for record in &kept {
        let threshold: Threshold = text_of(record, THRESHOLD).unwrap().parse().unwrap();
        let randomness: Randomness = text_of(record, RANDOMNESS).unwrap().parse().unwrap();
        assert!(threshold.keeps(randomness));
        seen.push(randomness);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), kept.len());

    let mut spans = flood("a", 1);
    spans.extend(vec![
        Span {
            name: "a".to_owned(),
            ..Span::default()
        };
        1000
    ]);
    let kept = spans_of(&rig.give(&traces(spans)));
    let drawn: Vec<&Span> = kept.iter().filter(|span| span.trace_id.is_empty()).collect();
    assert!(!drawn.is_empty());
    for span in drawn {
        let state = TraceState::parse(span.trace_state.as_bytes()).unwrap();
        assert!(state.threshold().unwrap().keeps(state.randomness().unwrap()));
    }
}

#[test]
fn the_same_seed_decides_the_same() {
    let run = || {
        let rig = Rig::new("target = \"10/s\"", 7);
        records_of(&rig.give(&logs(vec![LogRecord::default(); 1000])))
    };
    assert_eq!(run(), run());
}

/// A request without what a sampler may write.
fn stripped(mut request: Decoded) -> Vec<Vec<u8>> {
    if let Decoded::Traces(traces) = &mut request {
        let scopes = traces
            .resource_spans
            .iter_mut()
            .flat_map(|envelope| &mut envelope.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            span.trace_state.clear();
        }
    }
    testing::each_item(&mut request, |_, attributes| {
        attributes.retain(|attribute| attribute.key != THRESHOLD && attribute.key != RANDOMNESS);
    });
    testing::flatten(&request)
        .into_iter()
        .map(|view| view.whole)
        .collect()
}

proptest! {
    #[test]
    fn property_what_is_kept_is_otherwise_as_it_was(requests in proptest::collection::vec(testing::request(), 1..6)) {
        let rig = Rig::new("target = \"1/s\"\nkeys = [\"resource:a\", \"scope\", \"name\", \"attribute:a\", \"attribute:b\"]", 1);
        for request in requests {
            let outcome = rig.give(&request);
            let before = stripped(request.clone());
            let after = outcome.emitted.map_or(Vec::new(), |(payload, _)| {
                stripped(Decoded::decode(request.signal(), &payload.contiguous()))
            });
            // What is kept is there in the same order.
            let mut rest = before.iter();
            for item in &after {
                prop_assert!(rest.any(|other| other == item));
            }
            if request.signal() == Signal::Metrics {
                prop_assert_eq!(before.len(), after.len());
            }
        }
    }
}
