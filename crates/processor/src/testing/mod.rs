//! For the tests of processors: running one on one request, random requests, and conditions with their meaning.

mod conditions;
mod decoded;
mod requests;
mod together;

pub(crate) use conditions::{Condition, ITEM, OUTER, SCOPE, conditions, selector};
pub(crate) use decoded::{Decoded, View, each_item, first, flatten};
pub(crate) use requests::{KEYS, TEXTS, attribute, request, text};

use bytes::Bytes;
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::ledger::Ledger;
use forebay_core::registry::{PreparedProcessor, Registry};
use forebay_core::{
    Accounts, Balance, Batch, DeliveryToken, Diagnostic, Entry, NodeId, Origin, Payload, Section, Signal,
    Source, Time, Verdict,
};
use forebay_testkit::{SimulatedClock, processor_context};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Reads a config text as the table of a processor of this type.
pub(crate) fn prepare(kind: &str, config: &str) -> Result<PreparedProcessor, Vec<Diagnostic>> {
    let mut registry = Registry::default();
    crate::register(&mut registry);
    let source = Source {
        name: "test.toml".to_owned(),
        text: config.to_owned(),
    };
    (registry.processors[kind].prepare)(&Section::whole(Arc::new(source)))
}

/// The first thing wrong with a config text, and the piece of it that is blamed.
pub(crate) fn mistake(kind: &str, config: &str) -> (String, String) {
    let Err(found) = prepare(kind, config) else {
        panic!("`{config}` is accepted")
    };
    let place = found[0].place.clone().expect("a mistake has a place");
    (found[0].message.clone(), place.source.text[place.span].to_owned())
}

/// What came of one request.
pub(crate) struct Outcome {
    /// The bytes that the processor emitted, and how many items it says are in them; nothing if it emitted nothing.
    pub(crate) emitted: Option<(Payload, u64)>,
    pub(crate) balance: Balance,
    pub(crate) verdict: Verdict,
    /// Bytes on the ledger while the emitted batch was there.
    pub(crate) leased: u64,
}

/// Runs a processor on one request, and delivers what it emits.
pub(crate) fn run(kind: &str, config: &str, signal: Signal, slices: &[Bytes]) -> Outcome {
    run_from(Arc::default(), (kind, config), signal, slices)
}

/// Runs a processor of a type, with a config, on one request of a certain sender.
pub(crate) fn run_from(
    origin: Arc<Origin>,
    (kind, config): (&str, &str),
    signal: Signal,
    slices: &[Bytes],
) -> Outcome {
    let prepared = prepare(kind, config).unwrap_or_else(|found| panic!("{config}: {found:?}"));
    let Ok(BuiltProcessor::Stateless(processor)) = (prepared.build)(1) else {
        panic!("not stateless")
    };
    let context = processor_context(&Ledger::new(1), &SimulatedClock::default(), 0, 1 << 20);
    processor.start(&context).expect("it starts");
    pass(&*processor, origin, signal, slices)
}

/// Gives one request of a certain sender to a processor, and delivers what it emits.
pub(crate) fn pass(
    processor: &dyn Processor,
    origin: Arc<Origin>,
    signal: Signal,
    slices: &[Bytes],
) -> Outcome {
    let payload: Payload = slices.iter().cloned().collect();
    let items = forebay_otlp::count_items(signal, &payload.contiguous()).unwrap_or(1);
    let (accounts, ledger) = (Accounts::new(1), Ledger::new(1 << 30));
    let (token, mut delivery) = DeliveryToken::new();
    let entry = Entry {
        custody: accounts.receive(NodeId(0), signal, items, payload.len() as u64),
        lease: ledger.lease(payload.len() as u64).expect("room"),
        token,
        origin,
        received_at: Time::default(),
    };
    let mut outputs = Outputs::new();
    processor.process(Batch::new(signal, payload, entry), &mut outputs);
    let batches: Vec<Batch> = outputs.drain().map(|(_, batch)| batch).collect();
    assert!(batches.len() <= 1);
    let leased = ledger.read().used;
    let mut emitted = None;
    for batch in batches {
        emitted = Some((batch.payload().clone(), batch.items()));
        batch.delivered(0, None);
    }
    let Poll::Ready(verdict) = Pin::new(&mut delivery).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the sender waits for ever")
    };
    let balance = accounts.total();
    assert_eq!(
        (balance.unaccounted(), balance.held, ledger.read().used),
        (0, 0, 0)
    );
    Outcome {
        emitted,
        balance,
        verdict,
        leased,
    }
}

/// Cuts `bytes` into up to three slices, which need not be requests by themselves.
pub(crate) fn cut(bytes: &Bytes, places: (usize, usize)) -> Vec<Bytes> {
    let mut places = [places.0 % (bytes.len() + 1), places.1 % (bytes.len() + 1)];
    places.sort_unstable();
    vec![
        bytes.slice(..places[0]),
        bytes.slice(places[0]..places[1]),
        bytes.slice(places[1]..),
    ]
}
