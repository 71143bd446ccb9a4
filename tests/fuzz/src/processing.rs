//! Requests on their way through a processor.

use crate::surroundings;
use bytes::Bytes;
use forebay_core::component::{BuiltProcessor, Outputs, Processor};
use forebay_core::registry::Registry;
use forebay_core::{
    Accounts, Batch, DeliveryToken, Entry, Ledger, NodeId, Origin, Payload, Section, Signal, Source, Time,
};
use forebay_otlp::{Depth, validate};
use std::sync::Arc;

/// A processor of a type with a config, started.
///
/// # Errors
///
/// In words, why there is none.
pub(crate) fn start(kind: &str, config: &str) -> Result<Arc<dyn Processor>, String> {
    let mut registry = Registry::default();
    forebay_processor::register(&mut registry);
    let source = Source {
        name: "fuzz.toml".to_owned(),
        text: config.to_owned(),
    };
    let prepared = (registry.processors[kind].prepare)(&Section::whole(Arc::new(source)));
    let prepared = prepared.map_err(|found| format!("{found:?}"))?;
    let built = (prepared.build)(1).map_err(|error| error.to_string())?;
    let BuiltProcessor::Stateless(processor) = built else {
        panic!("{kind} has state")
    };
    let started = processor.start(&surroundings::processor());
    started.map_err(|error| error.to_string())?;
    Ok(processor)
}

/// What a processor emits for a request, and which share of its items it dropped. Of a valid request, what is emitted is valid and has the
/// items that were not dropped; whatever the request is, none is lost and no lease stays behind.
pub(crate) fn pass(processor: &dyn Processor, signal: Signal, request: &Bytes) -> (Option<Bytes>, u64) {
    let census = validate(signal, request, Depth::Full).ok();
    let items = census.as_ref().map_or(1, |census| census.items);
    let payload: Payload = [request.clone()].into_iter().collect();
    let (accounts, ledger) = (Accounts::new(1), Ledger::new(1 << 30));
    let (token, _delivery) = DeliveryToken::new();
    let entry = Entry {
        custody: accounts.receive(NodeId(0), signal, items, payload.len() as u64),
        lease: ledger.lease(payload.len() as u64).expect("there is room"),
        token,
        origin: Arc::new(Origin::default()),
        received_at: Time::default(),
    };
    let mut outputs = Outputs::new();
    processor.process(Batch::new(signal, payload, entry), &mut outputs);
    let mut emitted = None;
    for (_, batch) in outputs.drain() {
        assert!(emitted.is_none(), "one request became several");
        let bytes = batch.payload().contiguous();
        if census.is_some() {
            let after = validate(signal, &bytes, Depth::Full).expect("what is emitted is valid");
            assert_eq!(after.items, batch.items());
        }
        emitted = Some(bytes);
        batch.delivered(0, None);
    }
    let balance = accounts.total();
    assert_eq!(
        (balance.unaccounted(), balance.held, ledger.read().used),
        (0, 0, 0)
    );
    if census.is_some() {
        assert_eq!(balance.refused_all(), 0, "a valid request is refused");
    }
    (emitted, balance.dropped_all())
}

/// The same for a processor that drops nothing of a valid request: it emits one, or nothing of one that is not valid.
pub(crate) fn pass_whole(processor: &dyn Processor, signal: Signal, request: &Bytes) -> Option<Bytes> {
    let (emitted, dropped) = pass(processor, signal, request);
    if validate(signal, request, Depth::Full).is_ok() {
        assert!(emitted.is_some() && dropped == 0, "items were dropped");
    }
    emitted
}
