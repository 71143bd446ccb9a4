//! The tables of the specification and of the Collector.

use super::super::*;
use crate::hash::Fnv32;

fn threshold(hex: &str) -> Threshold {
    hex.parse().unwrap()
}

fn precision(digits: u8) -> Precision {
    Precision::new(digits).unwrap()
}

/// "TraceState: Probability Sampling", "Converting floating-point probability to threshold value".
#[test]
fn one_in_n_has_the_thresholds_of_the_specification() {
    for (n, written) in [
        (1.0, ["0", "0", "0"]),
        (2.0, ["8", "8", "8"]),
        (3.0, ["aab", "aaab", "aaaab"]),
        (4.0, ["c", "c", "c"]),
        (5.0, ["ccd", "cccd", "ccccd"]),
        (8.0, ["e", "e", "e"]),
        (10.0, ["e66", "e666", "e6666"]),
        (16.0, ["f", "f", "f"]),
        (100.0, ["fd71", "fd70a", "fd70a4"]),
        (1000.0, ["ffbe7", "ffbe77", "ffbe76d"]),
        (10_000.0, ["fff972", "fff9724", "fff97247"]),
        (100_000.0, ["ffff584", "ffff583a", "ffff583a5"]),
        (1_000_000.0, ["ffffef4", "ffffef39", "ffffef391"]),
    ] {
        for (digits, expected) in (3..).zip(written) {
            let read = Threshold::from_probability(1.0 / n, precision(digits)).unwrap();
            assert_eq!(read.to_string(), expected, "1 in {n}, {digits} digits");
        }
    }
}

/// The probabilities and adjusted counts beside these thresholds, in the same table.
#[test]
fn thresholds_have_the_counts_of_the_specification() {
    for (hex, probability, count) in [
        ("0", 1.0, 1.0),
        ("8", 0.5, 2.0),
        ("aab", 0.333251953125, 3.0007326007326007),
        ("c", 0.25, 4.0),
        ("e666", 0.100006103515625, 9.99938968568813),
        ("fd70a4", 0.009999990463256836, 100.00009536752259),
        ("ffffef4", 9.98377799987793e-07, 1.0016248358208955e+06),
    ] {
        let read = threshold(hex);
        assert_eq!(read.probability(), probability, "{hex}");
        assert_eq!(read.adjusted_count(), count, "{hex}");
    }
}

/// What the Collector's tests expect, with all digits: the last ones show what a double can hold.
#[test]
fn all_digits_round_as_the_collectors_do() {
    let below = |value: f64, steps: u64| f64::from_bits(value.to_bits() - steps);
    for (probability, expected) in [
        (1.0 / 3.0, "aaaaaaaaaaaaac"),
        (0.01, "fd70a3d70a3d71"),
        (0.9375, "1"),
        (below(0.9375, 1), "10000000000008"),
        (below(0.9375, 2), "1000000000001"),
        (below(0.5, 3), "8000000000000c"),
        (below(0.25, 1), "c0000000000002"),
        (below(0.125, 3), "e0000000000003"),
        (below(0.0625, 1), "f"),
        (below(0.0625, 2), "f0000000000001"),
    ] {
        let read = Threshold::from_probability(probability, Precision::FULL).unwrap();
        assert_eq!(read.to_string(), expected, "{probability}");
    }
}

#[test]
fn digits_that_only_say_how_near_0_or_1_it_is_do_not_count() {
    for (probability, digits, expected) in [
        (0.01, 4, "fd70a"),
        (0.01, 3, "fd71"),
        (0.4, 3, "99a"),
        (0.2, 6, "cccccd"),
        (2.0 / 3.0, 3, "555"),
        (1.0 - f64::from(0x0456_789a) / 2_f64.powi(28), 5, "45679"),
        (1.0 - f64::from(0x0456_789a) / 2_f64.powi(40), 5, "00045679"),
        (1.0 - f64::from(0x1234_5678) / 2_f64.powi(32), 3, "123"),
        (1.0 - f64::from(0x0008_0801) / 2_f64.powi(28), 3, "00808"),
        (0x10 as f64 * MIN_PROBABILITY, 3, "fffffffffffff"),
        (3.0 * MIN_PROBABILITY, 3, "fffffffffffffd"),
        (MIN_PROBABILITY, 1, "ffffffffffffff"),
    ] {
        let read = Threshold::from_probability(probability, precision(digits)).unwrap();
        assert_eq!(read.to_string(), expected, "{probability} with {digits} digits");
    }
}

/// A percentage in single precision, as near to 100 as it gets with 8 significant digits.
#[test]
fn nearly_everything_is_not_everything() {
    let percentage = ((1.0_f64 - 8e-7) * 100.0) as f32;
    let read = Threshold::from_probability(f64::from(percentage) / 100.0, precision(10)).unwrap();
    assert_eq!(read.to_string(), "00000cccccccd");
    assert!((read.adjusted_count() - 1.0 / (1.0 - 8e-7)).abs() < 1e-7);
}

#[test]
fn probabilities_out_of_range_have_no_threshold() {
    let of = |probability| Threshold::from_probability(probability, Precision::DEFAULT);
    assert_eq!(of(MIN_PROBABILITY), Some(Threshold::HIGHEST));
    assert_eq!(of(2.0), Some(Threshold::ALWAYS));
    for probability in [0.0, -0.5, MIN_PROBABILITY / 2.0, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(of(probability), None, "{probability}");
    }
}

#[test]
fn thinning_multiplies_probabilities() {
    for (arrived, ratio, digits, expected) in [
        ("0", 0.25, 4, Some("c")),
        ("8", 0.25, 4, Some("e")),
        ("8", 0.5, 4, Some("c")),
        ("8", 0.4, 6, Some("cccccd")),
        ("fffc", 1.0 / 16384.0, 4, Some("fffffff")),
        ("fffffffffffff8", 1.0 / 1600.0, 4, None),
        // Rounded to one digit the product would be `8`: the threshold never falls.
        ("81", 0.999, 1, Some("81")),
    ] {
        let thinned = threshold(arrived).thinned(ratio, precision(digits));
        assert_eq!(thinned, expected.map(threshold), "{arrived} to {ratio}");
    }
}

#[test]
fn thresholds_are_read_as_written() {
    for (text, value, written) in [
        ("0", 0, "0"),
        ("00", 0, "0"),
        ("8", 0x80_0000_0000_0000, "8"),
        ("80000000000000", 0x80_0000_0000_0000, "8"),
        ("FD70a", 0xfd_70a0_0000_0000, "fd70a"),
        ("00000000000001", 1, "00000000000001"),
        ("ffffffffffffff", 0xff_ffff_ffff_ffff, "ffffffffffffff"),
    ] {
        assert_eq!(threshold(text).value(), value, "{text}");
        assert_eq!(threshold(text).to_string(), written, "{text}");
    }
    for (text, error) in [
        ("", ThresholdError::Empty),
        ("abababababababab", ThresholdError::TooLong),
        ("-1", ThresholdError::NotHex),
        ("8g", ThresholdError::NotHex),
    ] {
        assert_eq!(text.parse::<Threshold>(), Err(error), "{text}");
    }
}

#[test]
fn randomness_is_read_as_written() {
    let read: Randomness = "FD70A3D70A3D71".parse().unwrap();
    assert_eq!(read.to_string(), "fd70a3d70a3d71");
    for (text, error) in [
        ("", RandomnessError::Length),
        ("abababababababab", RandomnessError::Length),
        ("9000000000000", RandomnessError::Length),
        ("9000000000000g", RandomnessError::NotHex),
    ] {
        assert_eq!(text.parse::<Randomness>(), Err(error), "{text}");
    }
}

#[test]
fn randomness_is_the_last_seven_bytes_of_the_trace_id() {
    let id = 0xfefe_fefe_fefe_fefe_fe80_0000_0000_0000_u128.to_be_bytes();
    let read = Randomness::from_trace_id(&id).unwrap();
    assert_eq!(read.to_string(), "80000000000000");
    assert!(threshold("8").keeps(read) && !threshold("80000000000001").keeps(read));
    assert_eq!(Randomness::from_trace_id(&[0; 16]), None);
    assert_eq!(Randomness::from_trace_id(&id[..15]), None);
    assert_eq!(Randomness::from_trace_id(&[1; 17]), None);
    let low = Randomness::from_trace_id(&(1_u128 << 127).to_be_bytes());
    assert_eq!(low, Randomness::new(0));
}

/// The Collector's decision by hash buckets, and what its tests know of the hash.
#[test]
fn hash_buckets_are_the_collectors() {
    for (percentage, written) in [
        (100.0, "0"),
        (75.0, "4"),
        (50.0, "8"),
        (25.0, "c"),
        (10.0, "e668"),
        (100.0 / 3.0, "aaac"),
        (200.0, "0"),
        (0.0062, "fffc"),
    ] {
        let threshold = bucket_threshold(percentage).unwrap();
        assert_eq!(threshold.to_string(), written, "{percentage}");
    }
    for percentage in [0.0, 0.006, -1.0, f32::NAN] {
        assert_eq!(bucket_threshold(percentage), None, "{percentage}");
    }
    let seeded = Fnv32::new().then(&0_u32.to_le_bytes());
    assert_eq!(seeded.value() & 0x3fff, 0x3515);
    assert_eq!(seeded.then(&[0; 16]).value() & 0x3fff, 0x2455);
}

#[test]
fn buckets_and_thresholds_decide_alike() {
    for percentage in [0.01, 1.0, 10.0, 33.3, 50.0, 99.99, 100.0_f32] {
        let threshold = bucket_threshold(percentage).unwrap();
        let scaled = (percentage * 163.84) as u32;
        for hash in (0..=u32::MAX).step_by(0x0001_2345) {
            let kept = hash & 0x3fff < scaled;
            assert_eq!(
                threshold.keeps(bucket_randomness(hash)),
                kept,
                "{percentage} {hash:x}"
            );
        }
    }
    assert_eq!(bucket_randomness(0).to_string(), "fffc0000000000");
    assert_eq!(bucket_randomness(u32::MAX).to_string(), "00003ff0ffffff");
}

#[test]
fn sampling_values_are_found_in_any_tracestate() {
    for (text, th, rv) in [
        ("", None, None),
        ("ot=th:8", Some("8"), None),
        ("ot=rv:FD70A3D70A3D71", None, Some("fd70a3d70a3d71")),
        ("ot=th:c;rv:d29d6a7215ced0", Some("c"), Some("d29d6a7215ced0")),
        ("ot=a:b;th:c;z9:._-", Some("c"), None),
        ("a=1,ot=th:0,b@c=2", Some("0"), None),
        (" a=th:1 ,, \t ot=th:2\t", Some("2"), None),
        ("other=th:8", None, None),
        ("OT=th:8,x=ot=th:8", None, None),
    ] {
        let state = TraceState::parse(text.as_bytes()).unwrap();
        assert_eq!(state.threshold(), th.map(threshold), "{text}");
        assert_eq!(state.randomness(), rv.map(|rv| rv.parse().unwrap()), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    let members = |count| vec!["k=v"; count].join(",");
    for (text, error) in [
        ("nonsense", TraceStateError::Member),
        ("=v", TraceStateError::Member),
        ("ot=", TraceStateError::Syntax),
        ("ot=th", TraceStateError::Syntax),
        ("ot=th:8;", TraceStateError::Syntax),
        ("ot=:8", TraceStateError::Syntax),
        ("ot=Th:8", TraceStateError::Syntax),
        ("ot=x:a b", TraceStateError::Syntax),
        ("ot=th:8;th:8", TraceStateError::Repeated("th")),
        (
            "ot=rv:80000000000000;rv:80000000000000",
            TraceStateError::Repeated("rv"),
        ),
        ("ot=th:8,ot=th:8", TraceStateError::Repeated("ot")),
        ("ot=th:", TraceStateError::Threshold(ThresholdError::Empty)),
        ("ot=th:-1", TraceStateError::Threshold(ThresholdError::NotHex)),
        (
            "ot=th:abababababababab",
            TraceStateError::Threshold(ThresholdError::TooLong),
        ),
        (
            "ot=rv:abababababababab",
            TraceStateError::Randomness(RandomnessError::Length),
        ),
        (&members(33), TraceStateError::TooMany),
        (&format!("{},ot=th:8", members(32)), TraceStateError::TooMany),
        (&format!("ot=x:{}", "1".repeat(255)), TraceStateError::TooLong),
    ] {
        assert_eq!(TraceState::parse(text.as_bytes()).unwrap_err(), error, "{text}");
    }
    assert!(TraceState::parse(members(32).as_bytes()).is_ok());
    assert!(TraceState::parse(format!("ot=x:{}", "1".repeat(254)).as_bytes()).is_ok());
}

/// Sets `th`, and erases it.
fn edited(text: &str, th: Option<&str>) -> Result<String, TraceStateError> {
    let mut state = TraceState::parse(text.as_bytes())?;
    state.set_threshold(th.map(threshold));
    let mut out = b"kept:".to_vec();
    state.write(&mut out)?;
    let out = String::from_utf8(out).unwrap();
    Ok(out.strip_prefix("kept:").unwrap().to_owned())
}

#[test]
fn editing_changes_the_threshold_and_nothing_else() {
    for (text, th, expected) in [
        ("", Some("8"), "ot=th:8"),
        ("", None, ""),
        ("ot=th:8", Some("c"), "ot=th:c"),
        ("ot=th:8", None, ""),
        ("ot=th:8,a=1", None, "a=1"),
        (
            "ot=rv:FD70A3D70A3D71",
            Some("fd70a"),
            "ot=rv:FD70A3D70A3D71;th:fd70a",
        ),
        (
            "ot=th:8;x:1;rv:90000000000000;y:",
            Some("0"),
            "ot=rv:90000000000000;th:0;x:1;y:",
        ),
        ("a=1,ot=th:8;x:1,b=2", Some("c"), "ot=th:c;x:1,a=1,b=2"),
        ("a=1,ot=th:8;x:1,b=2", None, "ot=x:1,a=1,b=2"),
        (" a=1 ,, b@c=ot=th:8\t", Some("c"), "ot=th:c,a=1,b@c=ot=th:8"),
        ("ot=thx:1", Some("c"), "ot=th:c;thx:1"),
    ] {
        assert_eq!(edited(text, th).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn randomness_is_added_and_never_replaced() {
    let mut out = Vec::new();
    for (text, expected) in [
        ("a=1", "ot=rv:80000000000000,a=1"),
        ("ot=th:8", "ot=rv:80000000000000;th:8"),
        ("ot=rv:FD70A3D70A3D71", "ot=rv:FD70A3D70A3D71"),
    ] {
        let mut state = TraceState::parse(text.as_bytes()).unwrap();
        state.set_randomness("80000000000000".parse().unwrap());
        out.clear();
        state.write(&mut out).unwrap();
        assert_eq!(str::from_utf8(&out), Ok(expected));
    }
}

/// W3C Trace Context, section 3.3.1.5: a member that has no room pushes the rightmost one out.
#[test]
fn limits_hold_after_editing() {
    let full: Vec<String> = (0..32).map(|index| format!("k{index}=v")).collect();
    let expected = format!("ot=th:8,{}", full[..31].join(","));
    assert_eq!(edited(&full.join(","), Some("8")), Ok(expected));
    assert_eq!(edited(&full.join(","), None), Ok(full.join(",")));
    let room = format!("ot=x:{}", "1".repeat(249));
    assert_eq!(
        edited(&room, Some("8")).map(|text| text.len()),
        Ok("ot=".len() + 256)
    );
    assert_eq!(edited(&room, Some("88")), Err(TraceStateError::TooLong));
}
