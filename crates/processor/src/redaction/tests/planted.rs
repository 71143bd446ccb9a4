//! Whatever comes, nothing that was planted leaves, and what nothing was planted in leaves as it came.

use super::random::{Planter, SECRETS};
use super::*;
use crate::testing::{Decoded, flatten, pass};
use fastrand::Rng;
use forebay_core::Reason;
use forebay_core::component::BuiltProcessor;
use std::sync::Arc;

/// Rules that find all that is planted, with each of these actions.
fn config(action: &str) -> String {
    format!(
        r#"hash_key = "0123456789abcdef"
[[rules]]
name = "patterns"
patterns = ["credit_card", "email"]
regexes = ["tok-[A-Z]{{6}}"]
action = "{action}"
[[rules]]
name = "keys"
keys = ["regex:password$"]
action = "{}"
"#,
        // To cut the value of a key leaves its beginning.
        if action == "truncate" { "mask" } else { action }
    )
}

/// What is planted, as it may be on the wire.
fn forms() -> Vec<Vec<u8>> {
    let number: i64 = CARD.parse().unwrap();
    let int = value(Value::IntValue(number)).encode_to_vec();
    let double = value(Value::DoubleValue(number as f64)).encode_to_vec();
    let texts = SECRETS.iter().map(|secret| secret.as_bytes().to_vec());
    texts.chain([int, double]).collect()
}

fn processor(config: &str) -> Arc<dyn forebay_core::component::Processor> {
    let prepared = testing::prepare("redaction", config).unwrap_or_else(|found| panic!("{found:?}"));
    match (prepared.build)(1) {
        Ok(BuiltProcessor::Stateless(processor)) => processor,
        _ => panic!("not stateless"),
    }
}

const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

fn planter(seed: u64, rate: u32) -> Planter {
    Planter {
        random: Rng::with_seed(seed),
        rate,
        planted: 0,
    }
}

fn found(bytes: &[u8], forms: &[Vec<u8>]) -> Option<usize> {
    forms
        .iter()
        .position(|form| bytes.windows(form.len()).any(|window| window == form))
}

#[test]
fn property_nothing_that_was_planted_leaves() {
    let forms = forms();
    for action in ["mask", "hash", "truncate", "drop", "drop_item"] {
        let processor = processor(&config(action));
        let mut dirty = 0;
        for seed in 0..400 {
            let mut planter = planter(seed, 5);
            let request = planter.request(SIGNALS[seed as usize % 3]);
            let input = request.encode();
            dirty += usize::from(found(&input, &forms).is_some());
            let outcome = pass(&*processor, Arc::default(), request.signal(), &[input]);
            assert!(outcome.verdict.failure.is_none());
            let Some((payload, items)) = outcome.emitted else {
                assert_eq!(action, "drop_item");
                continue;
            };
            let output = payload.contiguous();
            assert_eq!(found(&output, &forms), None, "{action}, seed {seed}");
            let decoded = Decoded::decode(request.signal(), &output);
            assert_eq!(flatten(&decoded).len() as u64, items);
            let dropped = outcome.balance.dropped[Reason::Redacted as usize];
            assert!(action == "drop_item" || dropped == 0);
        }
        assert!(dirty > 200, "{dirty}");
    }
}

#[test]
fn property_what_was_redacted_has_nothing_more_to_be_found() {
    for action in ["mask", "truncate", "drop"] {
        let processor = processor(&config(action));
        for seed in 0..100 {
            let request = planter(seed, 5).request(SIGNALS[seed as usize % 3]);
            let once = pass(&*processor, Arc::default(), request.signal(), &[request.encode()]);
            let once = once.emitted.unwrap().0.contiguous();
            let twice = pass(
                &*processor,
                Arc::default(),
                request.signal(),
                std::slice::from_ref(&once),
            );
            assert_eq!(
                twice.emitted.unwrap().0.contiguous(),
                once,
                "{action}, seed {seed}"
            );
        }
    }
}

#[test]
fn property_what_nothing_was_planted_in_keeps_its_bytes() {
    let processor = processor(&config("mask"));
    for seed in 0..200 {
        let request = planter(seed, 0).request(SIGNALS[seed as usize % 3]);
        let input = request.encode();
        let outcome = pass(
            &*processor,
            Arc::default(),
            request.signal(),
            std::slice::from_ref(&input),
        );
        assert_eq!(outcome.emitted.unwrap().0.contiguous(), input, "seed {seed}");
    }
}

#[test]
fn property_items_without_findings_keep_their_bytes_beside_those_with() {
    let forms = forms();
    let processor = processor(&config("mask"));
    let (mut kept, mut changed) = (0, 0);
    for seed in 0..200 {
        let request = planter(seed, 40).request(SIGNALS[seed as usize % 3]);
        let outcome = pass(&*processor, Arc::default(), request.signal(), &[request.encode()]);
        let output = Decoded::decode(request.signal(), &outcome.emitted.unwrap().0.contiguous());
        let (before, after) = (flatten(&request), flatten(&output));
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            let is_planted = found(&before.whole, &forms).is_some();
            assert_eq!(before.whole != after.whole, is_planted, "seed {seed}");
            *(if is_planted { &mut changed } else { &mut kept }) += 1;
        }
    }
    assert!(kept > 100 && changed > 50, "{kept} {changed}");
}

#[test]
fn property_damaged_requests_pass_redacted_or_not_at_all() {
    let forms = forms();
    let processor = processor(&config("mask"));
    let mut looked_at = 0;
    for seed in 0..300 {
        let mut planter = planter(seed, 3);
        let request = planter.request(SIGNALS[seed as usize % 3]);
        let mut bytes = request.encode().to_vec();
        // Tags and lengths are changed, and no bytes of what was planted: they would be something else.
        for _ in 0..planter.random.usize(..4) {
            if !bytes.is_empty() {
                let place = planter.random.usize(..bytes.len());
                if !bytes[place].is_ascii_graphic() {
                    bytes[place] = planter.random.u8(..32);
                }
            }
        }
        let outcome = pass(
            &*processor,
            Arc::default(),
            request.signal(),
            &[Bytes::from(bytes)],
        );
        let Some((payload, _)) = outcome.emitted else {
            assert!(outcome.verdict.failure.is_some() || outcome.balance.delivered == 0);
            continue;
        };
        // Fields that OTLP does not have stay as they are; where there are none, nothing is left.
        let output = payload.contiguous();
        let is_valid = forebay_otlp::validate(request.signal(), &output, forebay_otlp::Depth::Full).is_ok();
        if is_valid && Decoded::decode(request.signal(), &output).encode() == output {
            looked_at += 1;
            assert_eq!(found(&output, &forms[..4]), None, "seed {seed}");
        }
    }
    assert!(looked_at > 50, "{looked_at}");
}
