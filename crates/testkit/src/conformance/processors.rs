//! Of processors: conservation, honesty about counts, bounds, independence, calm in the face of damaged bytes, and answers that are no
//! longer than was asked for.

use super::{Fault, Faults, adapted, damage, request, section};
use crate::{SimulatedClock, processor_context};
use bytes::Bytes;
use fastrand::Rng;
use forebay_core::component::{
    BuiltProcessor, Flushed, Outputs, Processor, ProcessorContext, StatefulProcessor,
};
use forebay_core::registry::{PreparedProcessor, ProcessorDeclaration, Registered, Registry};
use forebay_core::{
    Accounts, AttributeUse, Batch, CardinalityQuery, Delivery, DeliveryToken, Entry, Handover, Ledger,
    NodeId, Payload, Ranking, Reason, Signal,
};
use forebay_otlp::{Depth, count_items, validate};
use futures_util::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Valid requests that each processor gets.
const VALID: usize = 200;
/// Damaged requests that each processor gets.
const DAMAGED: usize = 1000;
/// Ticks that a processor with state gets before it is flushed.
const TICKS: usize = 100;
/// Flushes that it may ask for.
const FLUSHES: usize = 10_000;
/// The memory budget.
const BUDGET: u64 = 1 << 30;
/// The most shards that are asked for.
const SHARDS: usize = 2;

/// Runs random and damaged requests through every processor, built from its example. The requests follow from `seed`.
/// `home` is a directory for examples that name files.
pub fn processors(registry: &Registry, home: &Path, seed: u64) -> Vec<Fault> {
    let mut found = Vec::new();
    for (kind, component) in &registry.processors {
        let mut faults = Faults {
            component: format!("processor {kind}"),
            found: &mut found,
        };
        if let Err(error) = check(component, home, seed, &mut faults) {
            faults.add(error);
        }
    }
    found
}

fn check(
    component: &Registered<PreparedProcessor>,
    home: &Path,
    seed: u64,
    faults: &mut Faults<'_>,
) -> Result<(), String> {
    let text = adapted(component.about.example, home);
    let fresh = || {
        // What processors draw by lot, such as seeds of hashes, is the same for each instance.
        fastrand::seed(seed);
        let prepared = (component.prepare)(&section(text.clone()));
        let prepared = prepared.map_err(|_| "its example is not read".to_owned())?;
        let built = (prepared.build)(SHARDS).map_err(|error| error.to_string())?;
        Ok::<_, String>(Bench::new(prepared.declaration, built))
    };
    let mut rng = Rng::with_seed(seed);
    let valid = requests(VALID, &fresh()?.declaration, |signal| request(signal, &mut rng));
    let (mut first, mut second) = (fresh()?, fresh()?);
    first.run(&valid, faults);
    second.run(&valid, faults);
    faults.rule(first.emitted == second.emitted, || {
        "two instances with one config give different results for the same data".to_owned()
    });
    let damaged = requests(DAMAGED, &first.declaration, |signal| {
        let whole = request(signal, &mut rng);
        Bytes::from(damage(&whole, &mut rng))
    });
    let mut third = fresh()?;
    third.strict = false;
    third.run(&damaged, faults);
    if first.handover.is_some() {
        let mut successor = fresh()?;
        successor.predecessor = first.handover;
        successor.run(&valid, faults);
    }
    Ok(())
}

fn requests(
    count: usize,
    declaration: &ProcessorDeclaration,
    mut one: impl FnMut(Signal) -> Bytes,
) -> Vec<(Signal, Bytes)> {
    let signals: Vec<Signal> = declaration.inputs.iter().collect();
    let signals = signals.iter().cycle().take(count);
    signals.map(|signal| (*signal, one(*signal))).collect()
}

/// Asks what it sees of cardinality: in whatever order, it says no more than it is asked for.
fn ask(processor: &dyn Processor, faults: &mut Faults<'_>) {
    for by in Ranking::ALL {
        let query = CardinalityQuery {
            top: 3,
            by,
            group: None,
        };
        let Some(report) = processor.cardinality(&query) else {
            return;
        };
        let most = [report.metrics.len(), report.groups.len(), report.values.len()]
            .into_iter()
            .max();
        faults.rule(most <= Some(query.top), || {
            format!("asked for the first {} by {by}, it names {most:?}", query.top)
        });
        let attributes = report.metrics.iter().flat_map(|metric| &metric.attributes);
        let short = |example: &String| example.len() <= AttributeUse::EXAMPLE_BYTES;
        for attribute in attributes {
            let few = attribute.examples.len() <= AttributeUse::EXAMPLES;
            faults.rule(few && attribute.examples.iter().all(short), || {
                format!("it gives too many examples, or too long ones: {attribute:?}")
            });
        }
        faults.rule(report.used_bytes <= report.max_bytes, || {
            format!(
                "it takes {} bytes of {} at most",
                report.used_bytes, report.max_bytes
            )
        });
    }
}

/// One processor with all that it needs.
struct Bench {
    declaration: ProcessorDeclaration,
    built: Option<BuiltProcessor>,
    accounts: Accounts,
    ledger: Ledger,
    clock: SimulatedClock,
    answers: Vec<Delivery>,
    /// What came out: port, signal, bytes.
    emitted: Vec<(u8, Signal, Bytes)>,
    /// Whether the requests are valid, so that what comes out must be too.
    strict: bool,
    /// What it is handed over when it starts,
    predecessor: Option<Handover>,
    /// and what it hands over at its end.
    handover: Option<Handover>,
}

impl Bench {
    fn new(declaration: ProcessorDeclaration, built: BuiltProcessor) -> Self {
        Bench {
            declaration,
            built: Some(built),
            accounts: Accounts::new(1),
            ledger: Ledger::new(BUDGET),
            clock: SimulatedClock::default(),
            answers: Vec::new(),
            emitted: Vec::new(),
            strict: true,
            predecessor: None,
            handover: None,
        }
    }

    fn run(&mut self, requests: &[(Signal, Bytes)], faults: &mut Faults<'_>) {
        let Some(built) = self.built.take() else { return };
        let memory = self.declaration.memory.map_or(0, |memory| memory.of(BUDGET));
        let context = ProcessorContext {
            predecessor: self.predecessor.take(),
            ..processor_context(&self.ledger, &self.clock, self.declaration.ports.len(), memory)
        };
        let run = AssertUnwindSafe(|| match built {
            BuiltProcessor::Stateless(processor) => {
                faults.started(processor.start(&context));
                for (signal, bytes) in requests {
                    let (batch, mut out) = (self.batch(*signal, bytes), Outputs::new());
                    processor.process(batch, &mut out);
                    self.take(&mut out, faults);
                }
                ask(processor.as_ref(), faults);
                self.handover = processor.hand_over();
            }
            BuiltProcessor::Stateful {
                mut shards,
                partition,
            } => {
                let count = shards.len();
                for (index, shard) in shards.iter_mut().enumerate() {
                    let memory = memory / count as u64;
                    faults.started(shard.start(&ProcessorContext {
                        shard: index,
                        memory,
                        ..context.clone()
                    }));
                }
                for (signal, bytes) in requests {
                    let (batch, mut parts) = (self.batch(*signal, bytes), Vec::new());
                    match count {
                        1 => parts.push((0, batch)),
                        _ => partition.partition(batch, count, &mut parts),
                    }
                    self.feed(&mut shards, parts, faults);
                }
                self.finish(&mut shards, faults);
            }
        });
        if catch_unwind(run).is_err() {
            let what = if self.strict { "valid" } else { "damaged" };
            faults.add(format!("it panics on {what} requests"));
        }
        self.settled(faults);
    }

    fn batch(&mut self, signal: Signal, bytes: &Bytes) -> Batch {
        // A damaged request may still be a valid one, of another number of items.
        let items = match validate(signal, bytes, Depth::Full) {
            Ok(census) => census.items,
            Err(_) => 3,
        };
        let size = bytes.len() as u64;
        let (token, answer) = DeliveryToken::new();
        self.answers.push(answer);
        let entry = Entry {
            custody: self.accounts.receive(NodeId(0), signal, items, size),
            lease: self.ledger.lease_unchecked(size),
            token,
            origin: Arc::default(),
            received_at: self.clock.clock().now(),
        };
        Batch::new(signal, Payload::from(bytes.clone()), entry)
    }

    fn feed(
        &mut self,
        shards: &mut [Box<dyn StatefulProcessor>],
        parts: Vec<(usize, Batch)>,
        faults: &mut Faults<'_>,
    ) {
        let now = self.clock.clock().now();
        for (index, part) in parts {
            let Some(shard) = shards.get_mut(index) else {
                faults.add(format!("its partition names shard {index} of {SHARDS} at most"));
                continue;
            };
            let mut out = Outputs::new();
            shard.process(part, now, &mut out);
            self.take(&mut out, faults);
        }
        let held = self.accounts.total().held;
        let most = self.declaration.bounds.items;
        faults.rule(most == 0 || held <= most, || {
            format!("it holds {held} items and declares {most}")
        });
    }

    /// Lets time pass, and ends.
    fn finish(&mut self, shards: &mut [Box<dyn StatefulProcessor>], faults: &mut Faults<'_>) {
        for shard in shards {
            let mut out = Outputs::new();
            for _ in 0..TICKS {
                let Some(at) = shard.next_tick() else { break };
                let now = self.clock.clock().now();
                self.clock.advance(at.since(now));
                shard.tick(now.max(at), &mut out);
                self.take(&mut out, faults);
            }
            self.clock.advance(Duration::from_secs(1));
            for _ in 0..FLUSHES {
                let flushed = shard.flush(self.clock.clock().now(), &mut out);
                self.take(&mut out, faults);
                if flushed == Flushed::All {
                    break;
                }
            }
        }
    }

    /// Delivers what the processor has emitted.
    fn take(&mut self, out: &mut Outputs, faults: &mut Faults<'_>) {
        for (port, batch) in out.drain() {
            let known = usize::from(port.0) <= self.declaration.ports.len();
            faults.rule(known, || format!("it emits on port {}, which it has not", port.0));
            let bytes = batch.payload().contiguous();
            let (said, counted) = (batch.items(), count_items(batch.signal(), &bytes));
            let honest = matches!(counted, Ok(counted) if counted == said);
            faults.rule(honest || !self.strict, || {
                format!("it emits a batch of {said} items whose payload has {counted:?}")
            });
            if self.strict {
                self.emitted.push((port.0, batch.signal(), bytes));
            }
            batch.delivered(0, None);
        }
    }

    /// All is accounted for, answered and given back.
    fn settled(&mut self, faults: &mut Faults<'_>) {
        let total = self.accounts.total();
        faults.rule(total.unaccounted() == 0, || {
            format!("{} items are unaccounted for", total.unaccounted())
        });
        faults.rule(total.held == 0, || {
            format!("it holds {} items for ever", total.held)
        });
        for reason in [Reason::Abandoned, Reason::Panicked] {
            let lost = total.dropped.get(reason as usize).copied().unwrap_or_default();
            faults.rule(lost == 0, || format!("{lost} items are {reason}"));
        }
        let used = self.ledger.read().used;
        faults.rule(used == 0, || format!("{used} bytes of leases are not given back"));
        let waiting = self
            .answers
            .drain(..)
            .filter_map(|answer| match answer.now_or_never() {
                Some(_) => None,
                None => Some(()),
            });
        let waiting = waiting.count();
        faults.rule(waiting == 0, || format!("{waiting} senders wait for ever"));
    }
}
