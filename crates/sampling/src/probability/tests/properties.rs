//! What holds for every probability, every trace and every `tracestate`.

use super::super::*;
use proptest::prelude::*;

fn any_threshold() -> impl Strategy<Value = Threshold> {
    (0..RANGE, 0_u32..56).prop_map(|(value, shift)| Threshold::new(value >> shift << shift).unwrap())
}

fn any_randomness() -> impl Strategy<Value = Randomness> {
    (0..RANGE).prop_map(|value| Randomness::new(value).unwrap())
}

/// Probabilities of every magnitude.
fn any_probability() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..1.0_f64,
        (0.5..1.0_f64, 0..56_i32).prop_map(|(x, e)| x * 2_f64.powi(-e)),
        Just(1.0)
    ]
}

fn any_precision() -> impl Strategy<Value = Precision> {
    (1..=14_u8).prop_map(|digits| Precision::new(digits).unwrap())
}

/// Members of other vendors, and lists of `ot` without sampling values.
fn any_member() -> impl Strategy<Value = String> {
    "[a-np-z][a-z0-9_*/-]{0,6}(@[a-z]{1,4})?=[!-+.-<>-~]{1,12}"
}

fn any_pairs() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-q][a-z0-9]{0,3}:[A-Za-z0-9._-]{0,8}", 0..4)
}

/// How far a threshold may be from its probability: the least of p and 1 - p has as many significant digits as were asked for, of 56
/// bits in all.
fn digit(probability: f64, precision: Precision) -> f64 {
    let rest = probability.min(1.0 - probability);
    rest * 16_f64.powi(1 - i32::from(precision.digits())) + MIN_PROBABILITY
}

proptest! {
    #[test]
    fn property_what_a_lower_probability_keeps_every_higher_one_keeps(
        randomness in any_randomness(), a in any_probability(), b in any_probability(), precision in any_precision(),
    ) {
        let of = |probability: f64| Threshold::from_probability(probability.max(MIN_PROBABILITY), precision).unwrap();
        let (low, high) = (of(a.min(b)), of(a.max(b)));
        // Digits are as many as a probability needs: two that are rounded to different ones may cross, by less than a digit.
        if low >= high {
            prop_assert!(!low.keeps(randomness) || high.keeps(randomness));
        } else {
            prop_assert!(precision < Precision::FULL && a.max(b) / a.min(b) < 1.1);
        }
    }

    #[test]
    fn property_stages_in_series_keep_what_the_strictest_keeps(
        randomness in any_randomness(), stages in prop::collection::vec(any_threshold(), 1..6),
    ) {
        let all = stages.iter().all(|stage| stage.keeps(randomness));
        let strictest = stages.iter().max().unwrap();
        prop_assert_eq!(all, strictest.keeps(randomness));
    }

    #[test]
    fn property_thresholds_are_as_near_as_their_digits(probability in any_probability(), precision in any_precision()) {
        let probability = probability.max(MIN_PROBABILITY);
        let threshold = Threshold::from_probability(probability, precision).unwrap();
        prop_assert!((threshold.probability() - probability).abs() <= digit(probability, precision), "{} {}", probability, threshold);
        prop_assert!((threshold.adjusted_count() * threshold.probability() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn property_what_is_written_is_read_again(threshold in any_threshold(), randomness in any_randomness()) {
        prop_assert_eq!(threshold.to_string().parse(), Ok(threshold));
        prop_assert_eq!(randomness.to_string().parse(), Ok(randomness));
        let upper = threshold.to_string().to_uppercase();
        prop_assert_eq!(upper.parse(), Ok(threshold));
    }

    #[test]
    fn property_thinning_is_the_product_and_never_raises(
        threshold in any_threshold(), ratio in any_probability(), precision in any_precision(),
    ) {
        let product = threshold.probability() * ratio;
        match threshold.thinned(ratio, precision) {
            Some(thinned) => {
                prop_assert!(thinned >= threshold);
                let near = (thinned.probability() - product).abs() <= digit(product, precision);
                prop_assert!(near || thinned == threshold);
            }
            None => prop_assert!(product < MIN_PROBABILITY),
        }
    }

    #[test]
    fn property_editing_keeps_every_other_member_and_sub_key(
        before in prop::collection::vec(any_member(), 0..5),
        after in prop::collection::vec(any_member(), 0..5),
        pairs in any_pairs(),
        old in prop::option::of(any_threshold()),
        new in prop::option::of(any_threshold()),
        randomness in prop::option::of(any_randomness()),
    ) {
        let mut arrived = pairs.clone();
        arrived.extend(old.map(|th| format!("th:{th}")));
        arrived.extend(randomness.map(|rv| format!("rv:{rv:}").to_uppercase().replace("RV", "rv")));
        let ot = (!arrived.is_empty()).then(|| format!("ot={}", arrived.join(";")));
        let members: Vec<String> = before.iter().cloned().chain(ot).chain(after.iter().cloned()).collect();
        let text = members.join(" ,");

        let mut state = TraceState::parse(text.as_bytes()).unwrap();
        prop_assert_eq!((state.threshold(), state.randomness()), (old, randomness));
        state.set_threshold(new);
        let mut out = Vec::new();
        state.write(&mut out).unwrap();

        let again = TraceState::parse(&out).unwrap();
        prop_assert_eq!((again.threshold(), again.randomness()), (new, randomness));
        let out = str::from_utf8(&out).unwrap();
        let is_ot = |member: &&str| member.starts_with("ot=");
        let kept: Vec<&str> = out.split(',').filter(|member| !is_ot(member) && !member.is_empty()).collect();
        let others: Vec<&str> = before.iter().chain(&after).map(String::as_str).collect();
        prop_assert_eq!(kept, others);
        let list = out.split(',').find(is_ot).map_or("", |member| &member[3..]);
        let sampling = |pair: &&str| pair.starts_with("th:") || pair.starts_with("rv:") || pair.is_empty();
        let sub_keys: Vec<&str> = list.split(';').filter(|pair| !sampling(pair)).collect();
        prop_assert_eq!(sub_keys, pairs.iter().map(String::as_str).collect::<Vec<_>>());
        if let Some(rv) = randomness {
            // As it came, not as we would write it.
            let as_it_came = rv.to_string().to_uppercase();
            prop_assert!(list.contains(&as_it_came));
        }
    }

    #[test]
    fn property_writing_twice_is_writing_once(text in "[ -~]{0,60}|(ot=|th:8|rv:|,|;|a=1|=|:|[0-9a-f]{14}| ){0,12}") {
        if let Ok(state) = TraceState::parse(text.as_bytes()) {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            state.write(&mut once).unwrap();
            TraceState::parse(&once).unwrap().write(&mut twice).unwrap();
            prop_assert_eq!(once, twice);
        }
    }

    #[test]
    fn property_no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..80), threshold in any_threshold()) {
        let _ = (Threshold::parse(&text), Randomness::parse(&text), Randomness::from_trace_id(&text));
        if let Ok(mut state) = TraceState::parse(&text) {
            state.set_threshold(Some(threshold));
            let _ = state.write(&mut Vec::new());
        }
    }
}

/// A million traces through two stages in series: the sum of the adjusted counts of what is kept is the number of traces.
#[test]
fn property_adjusted_counts_are_unbiased_over_a_million_traces() {
    const TRACES: u32 = 1_000_000;
    for (first, second) in [(1.0, 0.1), (0.5, 0.4), (0.25, 0.01), (0.9, 0.333)] {
        let seed = (first * 1000.0 + second * 10.0) as u64;
        let mut random = fastrand::Rng::with_seed(seed);
        let early = Threshold::from_probability(first, Precision::DEFAULT).unwrap();
        let late = early.thinned(second, Precision::DEFAULT).unwrap();
        let mut kept = 0_u32;
        for _ in 0..TRACES {
            let id = random.u128(1..).to_be_bytes();
            let randomness = Randomness::from_trace_id(&id).unwrap();
            kept += u32::from(early.keeps(randomness) && late.keeps(randomness));
        }
        let traces = f64::from(TRACES);
        let estimate = f64::from(kept) * late.adjusted_count();
        let probability = late.probability();
        let standard_error = (traces * (1.0 - probability) / probability).sqrt();
        assert!(
            (estimate - traces).abs() < 3.0 * standard_error,
            "{first} then {second}: {estimate} of {traces}"
        );
    }
}
