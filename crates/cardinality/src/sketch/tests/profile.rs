use super::random;
use crate::SeriesHasher;
use crate::sketch::{Attribute, Blame, Profile};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value};
use prost::Message;

/// What series are made of: a key and the body of its value.
type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

struct World {
    hasher: SeriesHasher,
    profile: Profile,
    rng: fastrand::Rng,
}

fn encoded(value: Value) -> Vec<u8> {
    AnyValue { value: Some(value) }.encode_to_vec()
}

fn text(value: &str) -> Vec<u8> {
    encoded(Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: impl std::fmt::Display) -> (Vec<u8>, Vec<u8>) {
    (key.as_bytes().to_vec(), text(&value.to_string()))
}

impl World {
    fn new(seed: u64) -> Self {
        World {
            hasher: SeriesHasher::with_seed(seed),
            profile: Profile::new(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    fn see(&mut self, set: &Attributes) {
        let identities: Vec<_> = set
            .iter()
            .map(|(key, value)| self.hasher.bytes(&[key.as_slice(), value.as_slice()].concat()))
            .collect();
        let whole = identities
            .iter()
            .fold(Default::default(), |sum: crate::Identity, one| sum.plus(*one));
        if self.profile.wants(whole) {
            let attributes = set.iter().zip(&identities);
            self.profile.see(
                whole,
                attributes.map(|((key, value), identity)| Attribute {
                    key,
                    value,
                    identity: *identity,
                }),
            );
        }
    }

    /// Ten keys of few values, as instrumentation makes them.
    fn usual(&mut self) -> Attributes {
        let mut set = vec![
            attribute("http.request.method", ["GET", "POST", "PUT"][self.rng.usize(..3)]),
            attribute(
                "http.response.status_code",
                ["200", "404", "500"][self.rng.usize(..3)],
            ),
            attribute("http.route", format!("/route/{}", self.rng.u8(..10))),
        ];
        for key in [
            "url.scheme",
            "server.address",
            "network.protocol.name",
            "region",
            "zone",
            "tier",
        ] {
            set.push(attribute(key, "the one value"));
        }
        set
    }

    fn top(&self) -> Blame {
        self.profile.blame().remove(0)
    }

    fn worst(&self) -> Vec<String> {
        self.profile.worst().map(str::to_owned).collect()
    }
}

fn about(estimate: f64, truth: f64) -> bool {
    (estimate / truth - 1.0).abs() < 0.4
}

#[test]
fn an_attribute_without_end_is_named() {
    for seed in 0..30 {
        let mut world = World::new(seed);
        for number in 0..1_000 {
            let mut set = world.usual();
            set.insert(seed as usize % 10, attribute("user.id", number));
            world.see(&set);
        }
        let top = world.top();
        assert_eq!(top.keys, ["user.id"], "seed {seed}");
        assert!(
            about(world.profile.series(), 1_000.0) && about(top.values, 1_000.0),
            "{top:?}"
        );
        assert!(about(top.remaining, 90.0), "{top:?}");
        assert!(about(top.saved, 910.0), "{top:?}");
        assert_eq!(world.worst(), ["user.id"], "seed {seed}");
        assert_eq!(world.profile.blame().len(), 10, "one for each key");
    }
}

#[test]
fn a_million_series_are_estimated_from_a_sample() {
    let mut world = World::new(1);
    for number in 0..100_000 {
        let mut set = world.usual();
        set.push(attribute("session", number));
        world.see(&set);
    }
    let top = world.top();
    assert_eq!(top.keys, ["session"]);
    assert!(
        about(world.profile.series(), 100_000.0),
        "{}",
        world.profile.series()
    );
    assert!(top.saved > 70_000.0 && top.remaining < 6_000.0, "{top:?}");
    assert!(top.values > 4_000.0, "{top:?}");
}

#[test]
fn keys_that_are_without_end_together_are_named_together() {
    for (seed, together) in [2, 2, 3, 3, 5, 6].into_iter().enumerate() {
        let mut world = World::new(seed as u64);
        let names: Vec<_> = [
            "k8s.pod.name",
            "k8s.pod.uid",
            "container.id",
            "host.ip",
            "instance",
            "job",
        ]
        .into_iter()
        .take(together)
        .collect();
        for number in 0..3_000 {
            let mut set = world.usual();
            set.extend(names.iter().map(|key| attribute(key, format!("{key}-{number}"))));
            world.see(&set);
        }
        let top = world.top();
        let mut keys = top.keys.clone();
        keys.sort();
        let mut expected = names.clone();
        expected.sort();
        assert_eq!(keys, expected);
        assert!(top.saved > 0.8 * world.profile.series(), "{top:?}");
        assert_eq!(top.examples.len(), together);
        let mut worst = world.worst();
        worst.sort();
        assert_eq!(worst, expected);
    }
}

#[test]
fn of_two_that_multiply_the_larger_is_named() {
    let mut world = World::new(3);
    for _ in 0..50_000 {
        let mut set = world.usual();
        set.push(attribute("customer", world.rng.u32(..200)));
        set.push(attribute("product", world.rng.u32(..20)));
        world.see(&set);
    }
    let blame = world.profile.blame();
    assert_eq!(blame[0].keys, ["customer"]);
    assert_eq!(world.worst(), ["customer"]);
    assert!(about(blame[0].values, 200.0), "{:?}", blame[0]);
}

#[test]
fn a_key_that_is_not_in_every_set_is_named() {
    let mut world = World::new(4);
    for number in 0..4_000 {
        let mut set = world.usual();
        if number % 2 == 0 {
            set.push(attribute("trace_id", number));
        }
        world.see(&set);
    }
    assert_eq!(world.top().keys, ["trace_id"]);
}

#[test]
fn a_key_that_comes_late_is_named() {
    let mut world = World::new(5);
    for _ in 0..500 {
        let set = world.usual();
        world.see(&set);
    }
    assert_eq!(world.worst(), ["http.route"]);
    for number in 0..10_000 {
        let mut set = world.usual();
        set.push(attribute("request.id", number));
        world.see(&set);
    }
    assert_eq!(world.top().keys, ["request.id"]);
    assert_eq!(world.worst(), ["request.id"]);
}

#[test]
fn keys_without_end_are_the_other_keys() {
    let mut world = World::new(6);
    for number in 0..5_000 {
        let mut set = world.usual();
        set.insert(0, attribute(&format!("key-{number}"), "x"));
        world.see(&set);
    }
    let top = world.top();
    assert_eq!(top.keys, ["(other)"]);
    assert!(top.saved > 0.7 * world.profile.series(), "{top:?}");
    assert!(
        top.examples
            .iter()
            .all(|example| example.starts_with("key-") && example.ends_with("=x"))
    );
    assert_eq!(world.worst().len(), 0, "it is no key that could be dropped");
}

#[test]
fn a_key_takes_the_row_of_one_that_is_gone() {
    let mut world = World::new(7);
    for number in 0..16 {
        world.see(&vec![attribute(&format!("gone-{number}"), number)]);
    }
    world.see(&vec![attribute("late", "other")]);
    let other: Vec<_> = world
        .profile
        .blame()
        .into_iter()
        .filter(|blame| blame.keys == ["(other)"])
        .collect();
    assert_eq!(other[0].examples, ["late=other"]);
    // One in 16 is looked at.
    for number in 0..40_000 {
        world.see(&vec![attribute("late", number)]);
    }
    assert_eq!(world.top().keys, ["late"]);
    assert_eq!(world.worst(), ["late"]);
}

#[test]
fn all_is_well_when_no_key_has_many_values() {
    let mut world = World::new(8);
    for _ in 0..2_000 {
        let set = world.usual();
        world.see(&set);
    }
    assert!(about(world.profile.series(), 90.0));
    // The ten routes multiply.
    let top = world.top();
    assert_eq!(top.keys, ["http.route"]);
    assert!(top.remaining < 20.0);
}

#[test]
fn examples_are_text_of_every_kind_of_value() {
    let long = "e\u{301}\u{1f980}".repeat(20);
    let list = Value::ArrayValue(ArrayValue { values: Vec::new() });
    let values = [
        (encoded(Value::IntValue(-7)), "-7"),
        (encoded(Value::BoolValue(true)), "true"),
        (encoded(Value::DoubleValue(0.5)), "0.5"),
        (text("a\u{1b}[31m\nb"), "a [31m b"),
        (text(&long), &long[..45]),
        (encoded(list), "(not a scalar)"),
        (b"\x0a\x05ab\xff\xfec".to_vec(), "ab"),
        (b"\xff\xff\xff".to_vec(), "(not a scalar)"),
        (Vec::new(), "(not a scalar)"),
        (text(""), ""),
    ];
    for (value, shown) in values {
        let mut world = World::new(9);
        world.see(&vec![(b"key".to_vec(), value)]);
        assert_eq!(world.top().examples, [shown]);
    }
}

#[test]
fn examples_differ_and_show_what_comes_late() {
    let mut world = World::new(10);
    for number in 0..1_000 {
        let value = match number {
            ..500 => format!("good-{}", number % 4),
            _ => format!("junk-{number}-{}", "x".repeat(60)),
        };
        world.see(&vec![attribute("key", value), attribute("same", "one")]);
        for blame in world.profile.blame() {
            let mut examples = blame.examples.clone();
            examples.sort();
            examples.dedup();
            assert_eq!(examples.len(), blame.examples.len(), "{blame:?}");
        }
    }
    let blame = world.profile.blame();
    let of = |key: &str| &blame.iter().find(|blame| blame.keys == [key]).unwrap().examples;
    assert_eq!(of("key")[0], "good-0");
    assert!(
        of("key")[1..]
            .iter()
            .all(|example| example.starts_with("junk-") && example.len() == 48)
    );
    assert_eq!(*of("same"), ["one"]);
}

#[test]
fn keys_that_cannot_be_named_are_the_other_keys() {
    let hostile = [
        Vec::new(),
        vec![0xff; 10],
        vec![b'k'; 49],
        vec![b'k'; 100_000],
        b"a\nb".to_vec(),
        vec![0xc3],
    ];
    for key in hostile {
        let mut world = World::new(11);
        for number in 0..100 {
            let mut set = world.usual();
            set.push((key.clone(), text(&number.to_string())));
            world.see(&set);
        }
        let top = world.top();
        assert_eq!(top.keys, ["(other)"], "{} bytes", key.len());
        assert!(
            top.saved > 20.0 && top.examples[0].ends_with(if key.len() > 48 { 'k' } else { '0' }),
            "{top:?}"
        );
    }
}

#[test]
fn a_key_that_a_set_has_twice_is_removed_twice() {
    let mut world = World::new(12);
    for number in 0..500 {
        world.see(&vec![
            attribute("twice", number),
            attribute("once", "x"),
            attribute("twice", number + 1),
        ]);
    }
    let top = world.top();
    assert_eq!(top.keys, ["twice"]);
    assert!(top.remaining < 2.5, "{top:?}");
}

#[test]
fn cleared_it_is_as_new() {
    let mut world = World::new(13);
    let memory = world.profile.memory();
    for number in 0..2_000 {
        world.see(&vec![attribute("key", number)]);
    }
    world.profile.clear();
    assert_eq!(world.profile.memory(), memory);
    assert_eq!(world.profile.blame(), []);
    assert_eq!(world.worst().len(), 0);
    assert!(world.profile.series() < 1e-9);
    let set = random(&mut world.rng);
    assert!(world.profile.wants(set));
}

#[test]
fn property_memory_never_changes_whatever_comes() {
    let mut rng = fastrand::Rng::with_seed(14);
    let memory = Profile::new().memory();
    assert!(memory <= 6 * 1024, "{memory}");
    for seed in 0..20 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            let set = (0..rng.usize(..40)).map(|_| junk(&mut rng)).collect();
            world.see(&set);
            assert_eq!(world.profile.memory(), memory);
        }
        let series = world.profile.series();
        for blame in world.profile.blame() {
            assert!(blame.saved >= 0.0 && blame.remaining >= 0.0 && blame.values >= 0.0);
            assert!((blame.saved + blame.remaining - series).abs() < 1e-6 * series);
            assert!(blame.examples.len() <= 6 && blame.examples.iter().all(|example| example.len() <= 48));
            assert!(
                blame
                    .examples
                    .iter()
                    .all(|example| !example.contains(char::is_control))
            );
        }
    }
}

/// An attribute that nobody would send.
fn junk(rng: &mut fastrand::Rng) -> (Vec<u8>, Vec<u8>) {
    let bytes = |rng: &mut fastrand::Rng, most: usize| (0..rng.usize(..most)).map(|_| rng.u8(..)).collect();
    let key = match rng.u8(..4) {
        0 => bytes(rng, 60),
        1 => vec![b'k'; rng.usize(..60)],
        _ => format!("key-{}", rng.u8(..30)).into_bytes(),
    };
    let value = match rng.u8(..3) {
        0 => bytes(rng, 100),
        1 => text(&"\u{7}\u{85}\u{1f980}".repeat(rng.usize(..30))),
        _ => encoded(Value::DoubleValue(f64::from_bits(rng.u64(..)))),
    };
    (key, value)
}

#[test]
fn the_sample_is_the_same_everywhere() {
    let mut rng = fastrand::Rng::with_seed(15);
    let mut worlds = [World::new(1), World::new(2)];
    for number in 0..1_024 {
        for world in &mut worlds {
            world.see(&vec![attribute("key", number)]);
        }
    }
    let chosen: Vec<_> = (0..20_000)
        .map(|_| random(&mut rng))
        .filter(|set| worlds[0].profile.wants(*set))
        .collect();
    assert!((1_100..1_400).contains(&chosen.len()), "{}", chosen.len());
    assert!(chosen.iter().all(|set| worlds[1].profile.wants(*set)));
}
