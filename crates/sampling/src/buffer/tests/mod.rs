//! Tests of the trace buffer.

mod cases;
mod model;
mod parts;
mod requests;

use super::{EnvelopeId, Limits, TraceBuffer, TraceId};
use forebay_otlp::Signal;

/// A buffer of 4 MiB for 1000 traces.
fn limits() -> Limits {
    Limits {
        max_bytes: 4 << 20,
        max_traces: 1000,
        max_trace_bytes: u64::MAX,
        seed: 7,
    }
}

fn id(number: u64) -> TraceId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

fn buffer(limits: Limits) -> (TraceBuffer<u64>, EnvelopeId) {
    let mut buffer = TraceBuffer::new(limits).unwrap();
    let envelope = buffer.intern(Signal::Traces, b"resource", b"scope").unwrap();
    (buffer, envelope)
}

impl<F: Copy + Default> TraceBuffer<F> {
    /// Counts everything again by walking over it.
    fn recount(&self) {
        let mut blocks = 0;
        let mut place = self.ages;
        for _ in 0..self.len() {
            let trace = self.traces.at(place).unwrap();
            let mut block = trace.chain.first;
            for _ in 1..trace.chain.blocks {
                block = self.arena.blocks().next(block);
            }
            assert_eq!(block, trace.chain.last);
            blocks += trace.chain.blocks as usize;
            let found = self.find(&trace.id).unwrap();
            assert_eq!(found.0.place, place);
            place = super::list::Linked::links(trace, super::list::Lane::Age).next;
        }
        assert_eq!(place, self.ages);
        self.arena.recount(blocks);
    }
}
