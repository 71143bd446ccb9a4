//! Random graphs under random feeds, answers and drains: whatever happens, the books balance, and everybody is told.

use super::bench::{books, numbers_in, prepared, start_with};
use crate::delivery::{Circuit, DeliveryMeter};
use crate::running::Running;
use fastrand::Rng;
use forebay_core::component::{
    BuiltProcessor, ExportError, Exporter, Flushed, NodeContext, Partition, Processor, Receipt, Request,
    StatefulProcessor,
};
use forebay_core::settings::{Count, DeliverySettings, OnFull, Period};
use forebay_core::{
    Acknowledge, Batch, ComponentError, Delivery, Fault, Outcome, Outputs, Phase, Signal, Time, Verdict,
};
use forebay_testkit::{Feed, SimulatedClock};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, poll};
use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;

/// Numbers of items.
type Numbers = Arc<Mutex<BTreeSet<u64>>>;

/// A thing that does as chance will have it.
struct Moody {
    rng: Mutex<Rng>,
    /// What it took, or took out.
    numbers: Numbers,
    /// As an exporter: what it minds, and what it saw.
    strict: Arc<Strict>,
}

/// What a destination minds whatever its mood, and what was seen there.
struct Strict {
    /// Numbers with this rest by 11 are odd; none if it is above 10.
    odd: u64,
    /// More items than this are too large.
    most: u64,
    meter: OnceLock<Arc<DeliveryMeter>>,
    /// Attempts under way that began while the circuit was not closed.
    probes: AtomicU64,
    /// Items that it took and did not reject.
    accepted: AtomicU64,
    /// What should not have happened.
    wrong: Mutex<Vec<&'static str>>,
}

impl Strict {
    fn new(rng: &mut Rng) -> Arc<Self> {
        Arc::new(Strict {
            odd: rng.u64(0..30),
            most: *rng.choice(&[1, 5, u64::MAX]).unwrap(),
            meter: OnceLock::new(),
            probes: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            wrong: Mutex::default(),
        })
    }

    /// An attempt begins: while the circuit is open there is none, and while it is tried one.
    fn begin(&self) -> Option<Probe<'_>> {
        let circuit = self.meter.get().map_or(Circuit::Closed, |meter| meter.circuit());
        match circuit {
            Circuit::Closed => return None,
            Circuit::Open => self
                .wrong
                .lock()
                .unwrap()
                .push("an attempt while the circuit is open"),
            Circuit::Probing => {}
        }
        if self.probes.fetch_add(1, Ordering::Relaxed) > 0 {
            self.wrong.lock().unwrap().push("two probes at once");
        }
        Some(Probe(self))
    }

    fn minds(&self, request: &Request) -> Option<Fault> {
        let odd = |number: &u64| number % 11 == self.odd;
        if request.items > self.most {
            Some(Fault::TooLarge)
        } else if numbers_in(&request.payload.contiguous()).iter().any(odd) {
            Some(Fault::Content)
        } else {
            None
        }
    }
}

struct Probe<'a>(&'a Strict);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.probes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Moody {
    fn new(rng: &mut Rng) -> (Moody, Numbers) {
        let numbers = Numbers::default();
        let moody = Moody {
            rng: Mutex::new(rng.fork()),
            numbers: Arc::clone(&numbers),
            strict: Strict::new(rng),
        };
        (moody, numbers)
    }

    fn below(&self, end: u64) -> u64 {
        self.rng.lock().unwrap().u64(..end)
    }

    fn note(&self, payload: &forebay_core::Payload) {
        for number in numbers_in(&payload.contiguous()) {
            assert!(self.numbers.lock().unwrap().insert(number), "{number} came twice");
        }
    }
}

impl Exporter for Moody {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        let after = (self.below(4) == 0).then(|| Duration::from_millis(self.below(2_000)));
        let mood = self.below(20);
        let probe = self.strict.begin();
        if mood == 0 {
            resume_unwind(Box::new("before the future"));
        }
        Box::pin(async move {
            let _probe = probe;
            match mood {
                1 => resume_unwind(Box::new("in the future")),
                2 => std::future::pending().await,
                3 => {
                    return Err(ExportError::Permanent {
                        message: "bad".into(),
                        fault: Fault::Destination,
                    });
                }
                4..8 => {
                    let message = "busy".into();
                    return Err(ExportError::Retryable { after, message });
                }
                8..11 => tokio::task::yield_now().await,
                _ => {}
            }
            if let Some(fault) = self.strict.minds(request) {
                let message = "not this".into();
                return Err(ExportError::Permanent { message, fault });
            }
            self.note(&request.payload);
            let rejected_items = if mood == 19 {
                self.below(5).min(request.items)
            } else {
                0
            };
            let accepted = request.items - rejected_items;
            self.strict.accepted.fetch_add(accepted, Ordering::Relaxed);
            Ok(Receipt {
                rejected_items,
                message: None,
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// In line: passes on, splits, takes out, panics.
impl Processor for Moody {
    fn process(&self, batch: Batch, out: &mut Outputs) {
        if self.below(50) == 0 {
            resume_unwind(Box::new("in line"));
        }
        for part in batch.split_to_fit(self.below(4), 0) {
            if self.below(8) == 0 {
                self.note(part.payload());
                let outcome = [Outcome::SampledOut, Outcome::Folded][self.below(2) as usize];
                part.discard(outcome);
            } else {
                out.emit(part);
            }
        }
    }
}

/// Behind an inbox: keeps everything for a second.
struct Keeper {
    moods: Moody,
    kept: Vec<(Time, Batch)>,
}

impl StatefulProcessor for Keeper {
    fn process(&mut self, mut batch: Batch, now: Time, _: &mut Outputs) {
        if self.moods.below(100) == 0 {
            resume_unwind(Box::new("in a shard"));
        }
        if self.moods.below(10) == 0 {
            batch.take_custody();
        }
        self.kept.push((now.after(Duration::from_secs(1)), batch));
    }

    fn next_tick(&self) -> Option<Time> {
        self.kept.first().map(|(until, _)| *until)
    }

    fn tick(&mut self, now: Time, out: &mut Outputs) {
        let due = self.kept.iter().take_while(|(until, _)| *until <= now).count();
        self.kept.drain(..due).for_each(|(_, batch)| out.emit(batch));
    }

    fn flush(&mut self, _: Time, out: &mut Outputs) -> Flushed {
        self.kept.drain(..).for_each(|(_, batch)| out.emit(batch));
        Flushed::All
    }
}

struct Anywhere;

impl Partition for Anywhere {
    fn partition(&self, batch: Batch, shards: usize, parts: &mut Vec<(usize, Batch)>) {
        for (index, part) in batch.split_to_fit(2, 0).into_iter().enumerate() {
            // Now and then one that is not there.
            parts.push((index % (shards + usize::from(index > 8)), part));
        }
    }
}

fn settings(rng: &mut Rng) -> DeliverySettings {
    let mut settings = DeliverySettings::default();
    let millis = |rng: &mut Rng, most: u64| Period(Duration::from_millis(rng.u64(0..=most)));
    settings.queue.max_items = Count(rng.u64(0..30));
    settings.queue.on_full = *rng
        .choice(&[
            OnFull::Wait,
            OnFull::Wait,
            OnFull::Refuse,
            OnFull::DropNewest,
            OnFull::DropOldest,
        ])
        .unwrap();
    settings.batch.min_items = Count(rng.u64(0..3) * 10);
    settings.batch.max_items = Count(rng.u64(0..3) * 4);
    settings.batch.flush_timeout = millis(rng, 3_000);
    settings.retry.enabled = rng.u8(..4) > 0;
    settings.retry.initial_interval = millis(rng, 1_000);
    settings.retry.multiplier = *rng
        .choice(&[0.0, 1.0, 1.5, f64::INFINITY, f64::NAN, -1.0])
        .unwrap();
    settings.retry.max_interval = millis(rng, 5_000);
    settings.retry.max_age = *rng
        .choice(&[Period(Duration::ZERO), millis(&mut rng.clone(), 8_000)])
        .unwrap();
    settings.timeout = Duration::from_secs(rng.u64(0..3));
    settings.max_in_flight = rng.usize(0..5);
    settings.adaptive_concurrency = rng.bool();
    settings.min_in_flight = rng.usize(0..3);
    settings.circuit_breaker.enabled = rng.u8(..4) > 0;
    settings.circuit_breaker.failures = Count(rng.u64(0..4));
    settings.poison.isolate = rng.u8(..4) > 0;
    settings.poison.max_requests = Count(rng.u64(0..20));
    settings.max_request_bytes = *rng.choice(&[0, 0, 60, 400]).unwrap();
    settings
}

/// A graph at work, and what is known of it from outside.
struct World {
    clock: SimulatedClock,
    running: Running,
    feed: Arc<Feed>,
    stateful: bool,
    next: u64,
    asked: Vec<(Range<u64>, oneshot::Receiver<Verdict>)>,
    discarded: Vec<Numbers>,
    /// Of each exporter: what it took, and whether its queue drops.
    taken: Vec<(Numbers, bool)>,
    strict: Vec<Arc<Strict>>,
}

impl World {
    async fn new(rng: &mut Rng) -> World {
        let clock = SimulatedClock::default();
        let (mut processors, mut discarded, mut stateful) = (Vec::new(), Vec::new(), false);
        for _ in 0..rng.usize(0..4) {
            let (moody, numbers) = Moody::new(rng);
            discarded.push(numbers);
            let keeps = rng.u8(..4) == 0;
            stateful |= keeps;
            processors.push((
                keeps,
                if keeps {
                    keeper(rng)
                } else {
                    BuiltProcessor::Stateless(Arc::new(moody))
                },
            ));
        }
        let (mut exporters, mut taken, mut strict) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rng.usize(1..4) {
            let ((moody, numbers), settings) = (Moody::new(rng), settings(rng));
            let drops = matches!(settings.queue.on_full, OnFull::DropNewest | OnFull::DropOldest);
            taken.push((numbers, drops));
            strict.push(Arc::clone(&moody.strict));
            exporters.push(prepared(moody, settings));
        }
        let (running, mut feed) = start_with(processors, exporters, clock.clock()).await;
        let meters = running.nodes.iter().filter_map(|node| node.delivery.clone());
        for (strict, meter) in strict.iter().zip(meters) {
            assert!(strict.meter.set(meter).is_ok());
        }
        if rng.bool() {
            feed.acknowledge = Acknowledge::Accepted;
        }
        let feed = Arc::new(feed);
        World {
            clock,
            running,
            feed,
            stateful,
            next: 0,
            asked: Vec::new(),
            discarded,
            taken,
            strict,
        }
    }

    async fn step(&mut self, rng: &mut Rng) {
        match rng.u8(..10) {
            0..5 => self.send(rng),
            // A client that gives up before there was room.
            5 => drop(poll!(Box::pin(self.feed.send(Signal::Logs, 0, rng.u64(1..5))))),
            6..8 => self.clock.advance(Duration::from_millis(rng.u64(0..1_500))),
            _ => {
                for _ in 0..rng.u8(..6) {
                    tokio::task::yield_now().await;
                }
            }
        }
        self.check();
    }

    fn send(&mut self, rng: &mut Rng) {
        let items = rng.u64(1..12);
        let (first, feed) = (self.next, Arc::clone(&self.feed));
        self.next += items;
        let (told, tell) = oneshot::channel();
        self.asked.push((first..self.next, tell));
        self.feed.context.node.tasks.spawn("request", async move {
            let delivery: Delivery = feed.send(Signal::Traces, first, items).await;
            // The test listens to its end.
            let _ = told.send(delivery.await);
        });
    }

    fn check(&self) {
        for strict in &self.strict {
            assert_eq!(*strict.wrong.lock().unwrap(), [""; 0]);
        }
        let books = self.running.accounts.read();
        for (node, balance) in books.iter().flat_map(|signals| signals.iter()).enumerate() {
            assert_eq!(balance.unaccounted(), 0, "{node}: {balance:#?}");
            assert!(i64::try_from(balance.held).is_ok(), "{node}: {balance:#?}");
        }
        if !self.stateful {
            let (held, used) = (
                self.running.accounts.total().held,
                self.running.ledger.read().used,
            );
            assert_eq!(held == 0, used == 0, "{held} items held on {used} bytes");
        }
    }

    /// Drains, with time going on until the deadline; what is given up lets go without.
    async fn drain(&self, rng: &mut Rng) {
        let deadline = Duration::from_secs(rng.u64(0..3) * 20);
        let mut drain = std::pin::pin!(self.running.drain(deadline));
        let drained = loop {
            if let std::task::Poll::Ready(drained) = poll!(drain.as_mut()) {
                break drained;
            }
            for _ in 0..rng.u8(..20) {
                tokio::task::yield_now().await;
            }
            // The workers are threads, and there may be fewer cores.
            std::thread::yield_now();
            if self.running.shutdown.phase() < Phase::Stopped {
                self.clock.advance(Duration::from_millis(rng.u64(0..200)));
            }
            self.check();
        };
        assert_eq!(
            (drained.total.held, drained.total.unaccounted()),
            (0, 0),
            "{drained:#?}"
        );
    }

    fn settle(mut self) {
        self.check();
        assert_eq!(self.running.tasks(), 0);
        assert_eq!(self.running.ledger.read().used, 0, "every lease was given back");
        let exporters = self.running.nodes.iter().filter(|node| node.delivery.is_some());
        for (node, strict) in exporters.zip(&self.strict) {
            let accepted = strict.accepted.load(Ordering::Relaxed);
            assert_eq!(
                books(&self.running, &node.name).delivered,
                accepted,
                "{}",
                node.name
            );
        }
        let discarded: BTreeSet<u64> = self
            .discarded
            .iter()
            .flat_map(|numbers| numbers.lock().unwrap().clone())
            .collect();
        for (numbers, tell) in std::mem::take(&mut self.asked) {
            let verdict = tell.now_or_never().expect("answered").expect("not let go");
            let safe = verdict.failure.is_none()
                && self.feed.acknowledge == Acknowledge::Delivered
                && !self.stateful;
            for (taken, _) in self.taken.iter().filter(|(_, drops)| safe && !drops) {
                let taken = taken.lock().unwrap();
                let lost: Vec<u64> = numbers
                    .clone()
                    .filter(|n| !taken.contains(n) && !discarded.contains(n))
                    .collect();
                let told = verdict.rejected_items;
                assert!(
                    lost.len() as u64 <= told,
                    "{lost:?} were acknowledged, but for {told}"
                );
            }
        }
    }
}

fn keeper(rng: &mut Rng) -> BuiltProcessor {
    let shards = (0..rng.usize(1..3)).map(|_| {
        let (moods, _) = Moody::new(rng);
        Box::new(Keeper {
            moods,
            kept: Vec::new(),
        }) as Box<dyn StatefulProcessor>
    });
    BuiltProcessor::Stateful {
        shards: shards.collect(),
        partition: Arc::new(Anywhere),
    }
}

// spec, D-7, D-18, D-24, D-26
#[test]
fn property_whatever_happens_the_books_balance_and_everybody_is_told() {
    let mut seeds = Rng::new();
    for _ in 0..60 {
        let seed = seeds.u64(..);
        println!("seed {seed}");
        let mut rng = Rng::with_seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(&mut rng).await;
            for _ in 0..rng.usize(..80) {
                world.step(&mut rng).await;
            }
            world.drain(&mut rng).await;
            world.settle();
        });
    }
}
