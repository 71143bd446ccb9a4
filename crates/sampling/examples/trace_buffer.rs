//! What holding traces costs: memory for each byte of spans, and processor time for each span.
//!
//! ```text
//! cargo run --profile quick -p forebay-sampling --example trace_buffer -- TRACES whole|spread
//! ```
//!
//! Traces of 10 spans of 250 to 750 bytes come in requests of 100 spans: `whole` traces one after the other, or `spread`, so that no two
//! spans that follow each other are of the same trace. First the buffer is filled and its memory compared with the bytes
//! of the spans. Then it is held full while traces come and go: for each that begins one is decided, of which one in ten
//! is kept and copied. Times are of the processor, in the kernel too.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program to be run by hand"
)]

use forebay_otlp::Signal;
use forebay_sampling::buffer::{Decision, EnvelopeId, First, Limits, TraceBuffer, TraceId, TraceRef};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPANS: usize = 10;
const SPAN_BYTES: usize = 500;
/// Traces that are decided at a time.
const PORTION: usize = 1000;
const REQUEST_SPANS: usize = 100;
const SECOND: u64 = 1_000_000_000;

/// What a tail sampler would know about a trace.
type Facts = [u64; 9];

struct World {
    buffer: TraceBuffer<Facts>,
    payload: Vec<u8>,
    out: Vec<u8>,
    found: Vec<Option<TraceRef>>,
    ids: Vec<TraceId>,
    now: u64,
    alone: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let traces: usize = arguments[1].parse().unwrap();
    let spread = arguments[2] == "spread";
    let limits = Limits {
        max_bytes: traces * SPANS * SPAN_BYTES * 130 / 100,
        max_traces: traces + 1,
        max_trace_bytes: u64::MAX,
        seed: 1,
    };
    let payload: Vec<u8> = (0..1 << 16)
        .map(|at: u32| (at.wrapping_mul(31) >> 3) as u8)
        .collect();
    let idle = resident();
    let mut world = World {
        buffer: TraceBuffer::new(limits).unwrap(),
        payload,
        out: Vec::new(),
        found: Vec::new(),
        ids: Vec::new(),
        now: 0,
        alone: std::env::var_os("ALONE").is_some(),
    };
    world.fill(traces, spread, idle);
    // As long as it takes for all memory to have been used again.
    world.run(traces, spread, "warm");
    world.run(traces, spread, "run");
    world.run(traces, spread, "run");
}

impl World {
    fn fill(&mut self, traces: usize, spread: bool, idle: usize) {
        let start = cpu();
        let at = |span: usize| if spread { span % traces } else { span / SPANS };
        for first in (0..traces * SPANS).step_by(REQUEST_SPANS) {
            self.request((first..first + REQUEST_SPANS).map(at));
        }
        let spans = (traces * SPANS) as u64;
        assert_eq!(self.buffer.items(), spans);
        let wire = self.buffer.item_bytes() as f64;
        println!(
            "fill {traces} spread={spread}: {} ns/span; accounted {:.3}, resident {:.3} of {:.0} MB",
            (cpu() - start) / spans,
            self.buffer.memory().total() as f64 / wire,
            (resident() - idle) as f64 / wire,
            wire / 1e6
        );
        println!("  {:?}", self.buffer.memory());
    }

    /// The spans of these traces, in one envelope.
    fn request(&mut self, traces: impl Iterator<Item = usize>) {
        self.now += SECOND / 10_000;
        self.buffer.tidy();
        self.ids.clear();
        self.ids.extend(traces.map(|number| id(number as u64)));
        let service = (self.now % 50) as u8;
        let envelope = self
            .buffer
            .intern(Signal::Traces, &[service; 300], &[1; 40])
            .unwrap();
        self.found.clear();
        if self.alone {
            self.found.resize(self.ids.len(), None);
        } else {
            self.buffer.find_all(&self.ids, &mut self.found);
        }
        for index in 0..self.ids.len() {
            self.span(index, envelope);
        }
    }

    fn span(&mut self, index: usize, envelope: EnvelopeId) {
        let id = &self.ids[index];
        let random = (self.now / 1000 + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let from = (random >> 48) as usize % (self.payload.len() - 2 * SPAN_BYTES);
        let length = SPAN_BYTES / 2 + (random >> 32) as usize % (SPAN_BYTES + 1);
        let item = &self.payload[from..from + length];
        let buffer = &mut self.buffer;
        let trace = match self.found[index].or_else(|| buffer.find(id)) {
            Some(trace) => {
                buffer.append(trace, envelope, item).unwrap();
                trace
            }
            None => {
                assert!(buffer.recall(id).is_none());
                let arrival = self.now;
                buffer
                    .insert(&First {
                        id,
                        arrival,
                        envelope,
                        item,
                    })
                    .unwrap()
            }
        };
        let facts = buffer.facts_mut(trace).unwrap();
        facts[0] += 1;
        facts[1] = facts[1].max(u64::from(item[0]));
        buffer.set_due(trace, self.now + 30 * SECOND);
    }

    /// As many traces again. While they come, the others go.
    fn run(&mut self, traces: usize, spread: bool, name: &str) {
        let base = self.begun(traces);
        let begin = cpu();
        let (mut deciding, mut spans) = (0, 0);
        // Spread, a span of each trace comes in each twentieth of its time in the buffer, until it has all.
        let step = traces / (2 * SPANS);
        let per_request = REQUEST_SPANS / SPANS;
        for portion in (base..base + traces).step_by(PORTION.min(traces)) {
            let start = cpu();
            let portion = portion..portion + PORTION.min(traces);
            for number in portion.clone() {
                self.decide(number);
            }
            deciding += cpu() - start;
            for first in portion.step_by(per_request) {
                let numbers = first..first + per_request;
                let then = |span: usize| {
                    numbers
                        .clone()
                        .map(move |number| number.saturating_sub(span * step))
                };
                if spread {
                    let late: Vec<usize> = (0..SPANS)
                        .flat_map(then)
                        .filter(|number| *number >= traces)
                        .collect();
                    spans += late.len();
                    self.request(late.into_iter());
                } else {
                    spans += REQUEST_SPANS;
                    self.request(numbers.flat_map(|number| std::iter::repeat_n(number, SPANS)));
                }
            }
        }
        println!(
            "{name}: {} ns/span, of it {} for deciding",
            (cpu() - begin) / spans as u64,
            deciding / spans as u64
        );
        println!("  {:?}", self.buffer.memory());
    }

    fn begun(&self, traces: usize) -> usize {
        let oldest = self.buffer.oldest().unwrap();
        let id = self.buffer.trace(oldest).unwrap().id();
        u64::from_be_bytes(*id.last_chunk().unwrap()) as usize + traces
    }

    fn decide(&mut self, number: usize) {
        let Some(oldest) = self.buffer.oldest() else {
            return;
        };
        let id = *self.buffer.trace(oldest).unwrap().id();
        let kept = number.is_multiple_of(10);
        if kept {
            let mut taken = self.buffer.take(oldest).unwrap();
            while let Some(record) = taken.next_record() {
                self.out.clear();
                record.item.copy_to(&mut self.out);
            }
        } else {
            self.buffer.discard(oldest).unwrap();
        }
        self.buffer.remember(&id, Decision { kept, note: 1 });
    }
}

fn id(number: u64) -> TraceId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

/// The processor time of this thread, in nanoseconds.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// The resident memory of the process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
