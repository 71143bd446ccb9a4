use super::{Identity, SeriesHasher};
use forebay_otlp::views::{KeyValue, Repeated};
use std::collections::HashSet;

fn random_bytes(random: &mut fastrand::Rng, longest: usize) -> Vec<u8> {
    (0..random.usize(..longest)).map(|_| random.u8(..)).collect()
}

/// A message with these `KeyValue` bodies in field 7.
fn message(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for attribute in attributes {
        bytes.extend([7 << 3 | 2, u8::try_from(attribute.len()).unwrap()]);
        bytes.extend(attribute);
    }
    bytes
}

fn set(hasher: &SeriesHasher, attributes: &[Vec<u8>]) -> Identity {
    let message = message(attributes);
    hasher
        .attributes(Repeated::<KeyValue<'_>>::new(&message, 7))
        .unwrap()
}

#[test]
fn every_length_and_every_bit_counts() {
    let hasher = SeriesHasher::with_seed(1);
    let mut seen = HashSet::new();
    for length in (0..100_usize).chain([255, 256, 257, 300, 511, 512, 513]) {
        let mut bytes = vec![0_u8; length];
        assert!(seen.insert(hasher.bytes(&bytes)), "{length} zeros");
        for bit in 0..length * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(hasher.bytes(&bytes)), "bit {bit} of {length} bytes");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_changed_bit_changes_about_half_of_the_hash() {
    let hasher = SeriesHasher::with_seed(2);
    let mut random = fastrand::Rng::with_seed(3);
    let (mut flipped, rounds) = ([0_u32; 2], 20_000);
    for _ in 0..rounds {
        let mut bytes = random_bytes(&mut random, 80);
        bytes.push(0);
        let before = hasher.bytes(&bytes);
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u32(..8);
        let after = hasher.bytes(&bytes);
        flipped[0] += (before.low() ^ after.low()).count_ones();
        flipped[1] += (before.high() ^ after.high()).count_ones();
    }
    for flipped in flipped {
        let mean = f64::from(flipped) / f64::from(rounds);
        assert!((31.5..32.5).contains(&mean), "{mean} bits");
    }
}

#[test]
fn counting_up_does_not_collide_in_either_half() {
    let hasher = SeriesHasher::with_seed(4);
    let keys = (0..200_000_u32).map(|key| hasher.bytes(format!("pod-{key}").as_bytes()));
    let (mut low, mut high) = (HashSet::new(), HashSet::new());
    for key in keys {
        low.insert(key.low() & 0xff_ffff_ffff);
        high.insert(key.high() >> 24);
    }
    assert!(
        low.len() > 199_960 && high.len() > 199_960,
        "{} {}",
        low.len(),
        high.len()
    );
}

#[test]
fn property_the_order_of_attributes_does_not_matter_and_everything_else_does() {
    let hasher = SeriesHasher::with_seed(5);
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..2_000 {
        let mut attributes: Vec<Vec<u8>> = (0..random.usize(1..12))
            .map(|_| random_bytes(&mut random, 100))
            .collect();
        let whole = set(&hasher, &attributes);
        random.shuffle(&mut attributes);
        assert_eq!(set(&hasher, &attributes), whole);
        let gone = attributes.pop().unwrap();
        assert_eq!(set(&hasher, &attributes), whole.minus(hasher.attribute(&gone)));
        assert_ne!(set(&hasher, &attributes), whole);
        attributes.extend([gone.clone(), gone]);
        assert_ne!(set(&hasher, &attributes), whole, "an attribute twice is not once");
    }
}

#[test]
fn two_attributes_do_not_trade_their_values() {
    let hasher = SeriesHasher::with_seed(7);
    let pair = |first: &str, second: &str| {
        set(
            &hasher,
            &[
                format!("a={first}").into_bytes(),
                format!("b={second}").into_bytes(),
            ],
        )
    };
    assert_ne!(pair("1", "2"), pair("2", "1"));
}

#[test]
fn secrets_and_the_order_of_a_pair_matter() {
    let (one, two) = (SeriesHasher::with_seed(1), SeriesHasher::with_seed(2));
    assert_ne!(one.bytes(b"x"), two.bytes(b"x"));
    assert_eq!(one.bytes(b"x"), SeriesHasher::with_seed(1).bytes(b"x"));
    assert_ne!(
        SeriesHasher::random().bytes(b"x"),
        SeriesHasher::random().bytes(b"x")
    );
    let (a, b) = (one.bytes(b"a"), one.bytes(b"b"));
    assert_ne!(one.then(a, b), one.then(b, a));
}

#[test]
fn a_secret_does_not_print() {
    assert_eq!(format!("{:?}", SeriesHasher::with_seed(1)), "SeriesHasher");
}
