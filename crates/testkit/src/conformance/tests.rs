//! The suite must find what is wrong: a processor with one fault each.

use super::{Fault, adapted, configs, damage, processors, request};
use fastrand::Rng;
use forebay_core::component::{BuiltProcessor, Outputs, Processor, ProcessorContext};
use forebay_core::registry::{About, Bounds, Config, ProcessorDeclaration, ProcessorFactory, Registry};
use forebay_core::{
    AttributeUse, Batch, CardinalityQuery, CardinalityReport, ComponentError, GroupUse, Handover, MetricUse,
    Outcome, Payload, Port, Signal, SignalSet,
};
use forebay_otlp::{Depth, validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Settings.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Good {
    /// A key.
    key: u32,
}

/// Settings.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Bad {
    key: u32,
}

impl Config for Good {}
impl Config for Bad {}

/// What a processor of these tests does with a batch.
type Work = fn(Batch, &mut Outputs);

/// What it hands over.
struct Known;

/// Does the work of this number; whether it has a predecessor.
struct Does(usize, AtomicBool);

impl Processor for Does {
    fn start(&self, context: &ProcessorContext) -> Result<(), ComponentError> {
        let known = context.predecessor.as_ref().and_then(Handover::state::<Known>);
        self.1.store(known.is_some(), Ordering::Relaxed);
        Ok(())
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        let has_predecessor = self.1.load(Ordering::Relaxed);
        assert!(
            !has_predecessor || self.0 != BREAKS,
            "what it has taken over breaks it"
        );
        WORKS[self.0](batch, out);
    }

    fn hand_over(&self) -> Option<Handover> {
        Some(Handover::new(Arc::new(Known)))
    }

    fn cardinality(&self, _: &CardinalityQuery) -> Option<CardinalityReport> {
        (self.0 == TALKS).then(|| CardinalityReport {
            groups: vec![GroupUse::default(); 4],
            metrics: vec![MetricUse {
                attributes: vec![AttributeUse {
                    examples: vec!["x".repeat(65)],
                    ..AttributeUse::default()
                }],
                ..MetricUse::default()
            }],
            used_bytes: 1,
            ..CardinalityReport::default()
        })
    }
}

/// Makes processors with the config `C` that do `WORKS[N]`.
struct Made<C, const N: usize>(PhantomData<C>);

impl<C: Config, const N: usize> ProcessorFactory for Made<C, N> {
    type Config = C;
    const ABOUT: About = About {
        kind: "made",
        summary: "Does something.",
        details: "For tests.",
        example: "key = 1",
    };

    fn declare(_: &C) -> ProcessorDeclaration {
        ProcessorDeclaration {
            inputs: SignalSet::ALL,
            main_port: None,
            ports: Vec::new(),
            bounds: Bounds::default(),
            memory: None,
            stateful: false,
            takes_custody: false,
        }
    }

    fn build(_: C, _: usize) -> Result<BuiltProcessor, ComponentError> {
        let does = Does(N, AtomicBool::default());
        Ok(BuiltProcessor::Stateless(Arc::new(does)))
    }
}

fn faults<C: Config, const N: usize>() -> Vec<String> {
    let mut registry = Registry::default();
    registry.processor::<Made<C, N>>();
    let home = Path::new("/nowhere");
    let mut found: Vec<Fault> = configs(&registry, home);
    found.extend(processors(&registry, home, 7));
    found.iter().map(ToString::to_string).collect()
}

const PASSES: usize = 0;
const FORGETS: usize = 1;
const LIES: usize = 2;
const PANICS: usize = 3;
const WRONG_PORT: usize = 4;
const SHARES: usize = 5;
const TALKS: usize = 6;
const BREAKS: usize = 7;

const WORKS: [Work; 8] = [
    |batch, out| out.emit(batch),
    |batch, _| drop(batch),
    |mut batch, out| {
        batch.replace(Payload::new(), 0);
        out.emit(batch);
    },
    |batch, out| {
        assert!(validate(batch.signal(), &batch.payload().contiguous(), Depth::Full).is_ok());
        out.emit(batch);
    },
    |batch, out| out.emit_on(Port(1), batch),
    |batch, out| {
        static SEEN: AtomicU64 = AtomicU64::new(0);
        if SEEN.fetch_add(1, Ordering::Relaxed) < 50 {
            batch.discard(Outcome::SampledOut);
        } else {
            out.emit(batch);
        }
    },
    |batch, out| out.emit(batch),
    |batch, out| out.emit(batch),
];

fn finds<C: Config, const N: usize>(expected: &str) {
    let found = faults::<C, N>();
    assert!(found.iter().any(|fault| fault.contains(expected)), "{found:#?}");
}

#[test]
fn a_good_component_has_no_faults() {
    assert_eq!(faults::<Good, PASSES>(), [""; 0]);
}

#[test]
fn a_careless_config_is_found() {
    finds::<Bad, PASSES>("an unknown key is not refused");
    finds::<Bad, PASSES>("the key `.key` has no description");
    finds::<Bad, PASSES>("the table `` takes unknown keys");
}

#[test]
fn wrong_behaviour_is_found() {
    finds::<Good, FORGETS>("items are abandoned");
    finds::<Good, LIES>("whose payload has Ok(0)");
    finds::<Good, PANICS>("it panics on damaged requests");
    finds::<Good, WRONG_PORT>("it emits on port 1");
    finds::<Good, SHARES>("two instances with one config give different results");
    finds::<Good, BREAKS>("it panics on valid requests");
}

#[test]
fn answers_that_are_too_long_are_found() {
    finds::<Good, TALKS>("asked for the first 3 by growth, it names Some(4)");
    finds::<Good, TALKS>("it gives too many examples, or too long ones");
    finds::<Good, TALKS>("it takes 1 bytes of 0 at most");
}

#[test]
fn property_requests_are_valid_and_damage_is_real() {
    let mut rng = Rng::with_seed(1);
    let (mut items, mut invalid) = (0, 0);
    for _ in 0..300 {
        for signal in Signal::ALL {
            let whole = request(signal, &mut rng);
            items += validate(signal, &whole, Depth::Full).unwrap().items;
            let damaged = damage(&whole, &mut rng);
            invalid += usize::from(validate(signal, &damaged, Depth::Full).is_err());
        }
    }
    assert!(items > 5_000, "{items}");
    assert!(invalid > 300, "{invalid}");
}

#[test]
fn examples_are_adapted_to_any_machine() {
    let example =
        "listen = \"0.0.0.0:4317\"\nendpoint = \"http://localhost:4318/x\"\npath = \"/var/lib/forebay/a\"";
    assert_eq!(
        adapted(example, Path::new("/tmp/t")),
        "listen = \"127.0.0.1:0\"\nendpoint = \"http://127.0.0.1:1/x\"\npath = \"/tmp/t/a\""
    );
}
